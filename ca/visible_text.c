/* UTF-8 by its definition in RFC 3629, one character after the other. */
#include "ca/visible_text.h"

/* Takes one character off the front of `in`; false when what stands there is not UTF-8. */
static bool take_character(struct bytes *in, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 }; /* below it the form is overlong */
	uint32_t c = in->p[0];
	unsigned more = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 9;
	if (more >= in->n || more > 3)
		return false;
	c &= more == 0 ? 0x7f : 0x3fu >> more;
	for (unsigned i = 1; i <= more; i++) {
		if ((in->p[i] & 0xc0) != 0x80)
			return false;
		c = c << 6 | (in->p[i] & 0x3f);
	}
	if (c < least[more] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return false;
	*in = (struct bytes){ in->p + 1 + more, in->n - 1 - more };
	*out = c;
	return true;
}

/* Controls, what has no width, what changes the direction (UAX #9), and what is no character at all. */
static bool is_hidden(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x0000, 0x001f },   { 0x007f, 0x009f },   { 0x00ad, 0x00ad }, { 0x034f, 0x034f }, { 0x061c, 0x061c },
		{ 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },   { 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f },   { 0x3164, 0x3164 },   { 0xfdd0, 0xfdef }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },   { 0xe0000, 0xe0fff },
	};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	}
	return (c & 0xfffe) == 0xfffe;
}

result visible_text_check(struct op *op, const char *what, struct bytes text, size_t *characters)
{
	*characters = 0;
	for (uint32_t c; text.n > 0; ++*characters) {
		if (!take_character(&text, &c))
			return FAIL(op, ERR_POLICY, "the %s is not UTF-8", what);
		if (is_hidden(c))
			return FAIL(op, ERR_POLICY, "the %s has a control or an invisible character in it (U+%04X)", what,
				    (unsigned)c);
	}
	return OK;
}
