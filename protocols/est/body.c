/* Line breaks and blanks out, then the strict decoder. */
#include "protocols/est/body.h"

static bool is_blank(uint8_t c)
{
	return c == '\r' || c == '\n' || c == ' ' || c == '\t';
}

result est_body_decode(struct op *op, struct bytes body, struct bytes *der)
{
	uint8_t *text = arena_alloc(op->arena, body.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < body.n; i++)
		if (!is_blank(body.p[i]))
			text[n++] = body.p[i];
	if (n == 0)
		return FAIL(op, ERR_MALFORMED, "the body is empty; it has to be a request in base64");
	return op_explain(op, bytes_from_base64(op, (struct bytes){ text, n }, der), "the body");
}

struct bytes est_body_encode(struct arena *arena, struct bytes der)
{
	return bytes_of_text(bytes_to_base64(arena, der));
}
