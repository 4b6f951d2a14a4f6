/*
 * Attributes of a subject in their canonical form: RFC 5280 appendix A.1 for the
 * bounds, X.520 for serial numbers and countries, RFC 3629 for UTF-8. What a
 * person cannot see, or sees in another order than it stands there, is refused.
 */
#include "ca/identifier.h"

#include <string.h>

#define ATTRIBUTE_MAX_CHARACTERS 64 /* ub-common-name, ub-organization-name, ub-organizational-unit-name, ub-serial-number */

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

bool is_printable_string(struct bytes text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\0' || strchr(allowed, text.p[i]) == NULL)
			return false;
	}
	return true;
}

static struct bytes trimmed(struct bytes text)
{
	while (text.n > 0 && text.p[0] == ' ') {
		text.p++;
		text.n--;
	}
	while (text.n > 0 && text.p[text.n - 1] == ' ')
		text.n--;
	return text;
}

static result check_text(struct op *op, const char *kind, struct bytes text)
{
	size_t characters = 0;
	for (uint32_t c; text.n > 0; characters++) {
		if (!take_character(&text, &c))
			return FAIL(op, ERR_POLICY, "the %s is not UTF-8", kind);
		if (is_hidden(c))
			return FAIL(op, ERR_POLICY, "the %s has a control or an invisible character in it (U+%04X)", kind,
				    (unsigned)c);
	}
	if (characters == 0 || characters > ATTRIBUTE_MAX_CHARACTERS)
		return FAIL(op, ERR_POLICY, "the %s has %zu characters; 1 to %d can stand in a subject", kind, characters,
			    ATTRIBUTE_MAX_CHARACTERS);
	return OK;
}

static bool is_country(const char *value)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	return strlen(value) == 2 && strspn(value, letters) == 2;
}

result identifier_attribute(struct op *op, enum identifier_kind kind, struct bytes text, struct identifier *out)
{
	ASSERT(!identifier_is_san(kind) && (unsigned)kind < N_IDENTIFIER_KINDS);
	const char *name = identifier_kind_name(kind);
	text = trimmed(text);
	TRY(check_text(op, name, text));
	if (kind == IDENTIFIER_SERIAL_NUMBER && !is_printable_string(text))
		return FAIL(op, ERR_POLICY,
			    "the serialNumber has other characters than letters, digits, blanks and '()+,-./:=?");
	char *value = arena_text_n(op->arena, (const char *)text.p, text.n);
	if (kind == IDENTIFIER_C) {
		for (char *p = value; *p != '\0'; p++)
			*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
		if (!is_country(value))
			return FAIL(op, ERR_POLICY, "the country is not two letters of ISO 3166");
	}
	*out = (struct identifier){ kind, value };
	return OK;
}
