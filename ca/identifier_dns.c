/*
 * DNS names in their one canonical form. Every rule is a row of identifier.h;
 * a name that passes is never looked at as text again, only compared as bytes.
 */
#include "ca/identifier.h"

#include <string.h>

#include "base/text.h"
#include "ca/punycode.h"

#define NAME_MAX_OCTETS 253 /* RFC 1035 section 2.3.4, without the root's length octet and the first label's */
#define LABEL_MAX_OCTETS 63

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c);
}

/* One label in lower case; `name` is for the message. */
static result check_label(struct op *op, const char *name, struct bytes label)
{
	if (label.n == 0)
		return FAIL(op, ERR_POLICY, "name \"%s\" has an empty label or a dot at an end", name);
	if (label.n > LABEL_MAX_OCTETS)
		return FAIL(op, ERR_POLICY, "name \"%s\" has a label of more than %d octets", name, LABEL_MAX_OCTETS);
	for (size_t i = 0; i < label.n; i++) {
		if (label.p[i] == '*')
			return FAIL(op, ERR_POLICY, "name \"%s\": \"*\" may only be the whole first label", name);
		if (!is_letter_or_digit(label.p[i]) && label.p[i] != '-')
			return FAIL(op, ERR_POLICY,
				    "name \"%s\" has characters other than letters, digits and hyphens; "
				    "international names are written as A-labels (xn--…)",
				    name);
	}
	if (label.p[0] == '-' || label.p[label.n - 1] == '-')
		return FAIL(op, ERR_POLICY, "name \"%s\" has a label that begins or ends with a hyphen", name);
	/* RFC 5890 section 2.3.1: hyphens in third and fourth place are reserved, and only "xn--" is in use. */
	bool is_reserved = label.n >= 4 && label.p[2] == '-' && label.p[3] == '-';
	bool is_a_label = is_reserved && bytes_has_prefix(label, "xn--") &&
			  punycode_is_valid((struct bytes){ label.p + 4, label.n - 4 });
	if (is_reserved && !is_a_label)
		return FAIL(op, ERR_POLICY, "name \"%s\" has \"--\" in a label that is not a valid A-label", name);
	return OK;
}

/* What inet_aton or a URL parser would take for a number: "1", "0x7f". A name that ends so may be an address. */
static bool is_numeric(const char *label)
{
	bool is_hex = label[0] == '0' && label[1] == 'x';
	const char *digits = is_hex ? "0123456789abcdef" : "0123456789";
	const char *p = is_hex ? label + 2 : label;
	return p[strspn(p, digits)] == '\0';
}

/* Rules about the name as a whole, `base` being what follows "*." if that is there. */
static result check_ending(struct op *op, const char *name, const char *base)
{
	const char *last_dot = strrchr(base, '.');
	if (last_dot == NULL)
		return FAIL(op, ERR_POLICY, "name \"%s\" needs at least two labels%s", name,
			    base == name ? "" : " behind \"*.\"");
	const char *last = last_dot + 1;
	if (is_numeric(last))
		return FAIL(op, ERR_POLICY, "name \"%s\" is an IP address or ends like one, not a DNS name", name);
	if (text_equal(last, "arpa"))
		return FAIL(op, ERR_POLICY, "name \"%s\" is under .arpa, which names no host", name);
	/* Joined to a path by concatenation, such a name would read as http://HOST/.well-known (R4). */
	if (text_equal(last, "well-known"))
		return FAIL(op, ERR_POLICY, "name \"%s\" ends in .well-known", name);
	return OK;
}

static result check_labels(struct op *op, const char *name, const char *base)
{
	for (const char *label = base;;) {
		size_t n = strcspn(label, ".");
		TRY(check_label(op, name, (struct bytes){ (const uint8_t *)label, n }));
		if (label[n] == '\0')
			return OK;
		label += n + 1;
	}
}

result identifier_dns(struct op *op, struct bytes text, bool may_be_wildcard, struct identifier *out)
{
	if (text.n == 0)
		return FAIL(op, ERR_POLICY, "the name is empty");
	if (text.n > NAME_MAX_OCTETS)
		return FAIL(op, ERR_POLICY, "the name has %zu octets; DNS allows %d", text.n, NAME_MAX_OCTETS);
	if (memchr(text.p, '\0', text.n) != NULL)
		return FAIL(op, ERR_POLICY, "the name has a NUL in it");
	char *name = arena_text_n(op->arena, (const char *)text.p, text.n);
	text_lower(name);
	const char *base = name;
	if (text_has_prefix(name, "*.")) {
		if (!may_be_wildcard)
			return FAIL(op, ERR_POLICY, "wildcard name \"%s\" is not allowed here", name);
		base = name + 2;
	}
	TRY(check_labels(op, name, base));
	TRY(check_ending(op, name, base));
	*out = (struct identifier){ IDENTIFIER_DNS, name };
	return OK;
}
