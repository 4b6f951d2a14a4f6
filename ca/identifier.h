/*
 * DNS names as identifiers: one canonical form, checked once, compared as bytes
 * afterwards. RFC 8555 section 7.1.4, RFC 5280 section 4.2.1.6, rows R1, N1, N2.
 * IP addresses and other types come as further kinds.
 */
#pragma once

#include "base/op.h"

enum identifier_kind { IDENTIFIER_DNS };

struct identifier {
	enum identifier_kind kind;
	const char *value; /* lower case, A-labels, no trailing dot; may begin with "*." */
};

/*
 * Canonical form of a DNS name from outside, or ERR_POLICY with the reason.
 * Refused: empty, over 253 octets, labels over 63, empty labels, a trailing dot,
 * anything but LDH, leading or trailing '-', "??--" that is not a valid
 * "xn--", one label only ("localhost"), all-numeric last label (IPv4 in any
 * spelling), ".arpa", ".well-known" as suffix, "*" anywhere but as the whole
 * first label, and "*." where `may_be_wildcard` is false.
 */
result identifier_dns(struct op *op, struct bytes text, bool may_be_wildcard, struct identifier *out);

bool identifier_is_wildcard(const struct identifier *identifier);
bool identifier_equal(const struct identifier *a, const struct identifier *b);
/* Sorts; ERR_MALFORMED-free: doubles are merged and *n shrinks (V48). */
void identifiers_sort(struct identifier *identifiers, unsigned *n);
/* Two-way set equality of sorted lists (V9, V48). */
bool identifiers_equal(const struct identifier *a, unsigned n_a, const struct identifier *b, unsigned n_b);

/* [{"type":"dns","value":"a.example"}] and back (our own rows only). */
char *identifiers_to_json(struct op *op, const struct identifier *identifiers, unsigned n);
result identifiers_from_json(struct op *op, const char *json, struct identifier **out, unsigned *n);
/* "dns:a.example" for audit entries. */
const char *const *identifiers_to_names(struct op *op, const struct identifier *identifiers, unsigned n);
