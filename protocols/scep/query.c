/* name=value, parted by '&'. Names that are not known are passed over. */
#include "protocols/scep/query.h"

#include <string.h>

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False: a '%' without two digits. */
static bool unescape(struct op *op, struct bytes in, struct bytes *out)
{
	struct buf buf;
	buf_init(&buf, op->arena, in.n + 1);
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] != '%') {
			buf_byte(&buf, in.p[i]);
			continue;
		}
		int high = in.n - i > 2 ? hex_digit(in.p[i + 1]) : -1, low = in.n - i > 2 ? hex_digit(in.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		buf_byte(&buf, (uint8_t)(high * 16 + low));
		i += 2;
	}
	*out = buf_as_bytes(&buf);
	return true;
}

/* The part before the next `end`, which is passed over, too. */
static struct bytes take_until(struct bytes *in, uint8_t end)
{
	const uint8_t *at = in->n > 0 ? memchr(in->p, end, in->n) : NULL;
	size_t n = at != NULL ? (size_t)(at - in->p) : in->n;
	struct bytes part = { in->p, n };
	*in = at != NULL ? (struct bytes){ at + 1, in->n - n - 1 } : BYTES_NONE;
	return part;
}

static result take_pair(struct op *op, struct bytes pair, struct scep_query *out)
{
	struct bytes name = take_until(&pair, '='), value;
	bool is_operation = bytes_equal_text(name, "operation"), is_message = bytes_equal_text(name, "message");
	if (!is_operation && !is_message)
		return OK;
	if (is_operation ? out->operation != NULL : out->has_message)
		return FAIL(op, ERR_MALFORMED, "the query has one of operation and message twice");
	if (!unescape(op, pair, &value))
		return FAIL(op, ERR_MALFORMED, "the query has a percent sign without two digits");
	if (value.n > 0 && memchr(value.p, 0, value.n) != NULL)
		return FAIL(op, ERR_MALFORMED, "the query has an octet 0 in it");
	if (is_operation) {
		out->operation = arena_text_n(op->arena, (const char *)value.p, value.n);
	} else {
		out->message = value;
		out->has_message = true;
	}
	return OK;
}

result scep_query_read(struct op *op, struct bytes query, struct scep_query *out)
{
	*out = (struct scep_query){ .operation = NULL };
	while (query.n > 0)
		TRY(take_pair(op, take_until(&query, '&'), out));
	return out->operation != NULL ? OK : FAIL(op, ERR_MALFORMED, "the query has no operation");
}

result scep_query_decode(struct op *op, struct scep_query *query)
{
	struct buf text;
	buf_init(&text, op->arena, query->message.n + 1);
	for (size_t i = 0; i < query->message.n; i++) {
		uint8_t c = query->message.p[i];
		if (c != '\r' && c != '\n' && c != '\t')
			buf_byte(&text, c == ' ' ? '+' : c);
	}
	if (text.n == 0)
		return FAIL(op, ERR_MALFORMED, "the query has no message");
	return bytes_from_base64(op, buf_as_bytes(&text), &query->message);
}
