/*
 * Attributes of a subject in their canonical form: RFC 5280 appendix A.1 for the
 * bounds, X.520 for serial numbers and countries.
 */
#include "ca/identifier.h"

#include <string.h>

#include "ca/visible_text.h"

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

/* Appendix A.1: ub-locality-name and ub-state-name are 128, the other bounds are 64. */
static size_t most_characters(enum identifier_kind kind)
{
	return kind == IDENTIFIER_L || kind == IDENTIFIER_ST ? 128 : 64;
}

static result check_text(struct op *op, enum identifier_kind kind, struct bytes text)
{
	size_t characters;
	TRY(visible_text_check(op, identifier_kind_name(kind), text, &characters));
	if (characters == 0 || characters > most_characters(kind))
		return FAIL(op, ERR_POLICY, "the %s has %zu characters; 1 to %zu can stand in a subject",
			    identifier_kind_name(kind), characters, most_characters(kind));
	return OK;
}

static bool is_country(const char *value)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	return strlen(value) == 2 && strspn(value, letters) == 2;
}

result identifier_attribute(struct op *op, enum identifier_kind kind, struct bytes text, struct identifier *out)
{
	ASSERT(identifier_is_attribute(kind) && (unsigned)kind < N_IDENTIFIER_KINDS);
	text = trimmed(text);
	TRY(check_text(op, kind, text));
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
