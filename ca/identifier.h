/*
 * Names as identifiers: one canonical form for each kind, checked once, compared
 * as bytes afterwards. RFC 8555 section 7.1.4, RFC 5280 sections 4.1.2.6 and
 * 4.2.1.6 and appendix A.1, rows R1, N1-N3, C9, C16.
 *
 * One list of them carries everything that a certificate says about its subject.
 * People, settings and the audit log write an identifier as KIND:VALUE:
 * "dns:a.example", "ip:192.0.2.1", "email:a@b.example", "uri:urn:x:y",
 * "upn:a@b.example", "sid:S-1-5-21-1004336348-1177238915-682003330-512", "c:DE",
 * "st:Hesse", "l:Frankfurt", "o:Example Corp", "ou:Fleet", "serialNumber:A1234",
 * "cn:dev-17".
 */
#pragma once

#include "base/config.h"
#include "base/op.h"

struct identifier {
	enum identifier_kind kind;
	const char *value; /* canonical */
};

/*
 * A canonical identifier from a text from outside, or ERR_POLICY with the reason:
 * whichever kind it is, by the rules of the functions below; DNS names may be
 * wildcards.
 */
result identifier_make(struct op *op, enum identifier_kind kind, struct bytes text, struct identifier *out);

/*
 * Canonical: lower case, A-labels; may begin with "*.". Refused: empty, over 253
 * octets, labels over 63, empty labels, a trailing dot, anything but LDH, leading
 * or trailing '-', "??--" that is not a valid "xn--", one label only
 * ("localhost"), all-numeric last label (IPv4 in any spelling), ".arpa",
 * ".well-known" as suffix, "*" anywhere but as the whole first label, and "*."
 * where `may_be_wildcard` is false.
 */
result identifier_dns(struct op *op, struct bytes text, bool may_be_wildcard, struct identifier *out);
/*
 * Canonical: as inet_ntop writes it. Refused: anything but dotted decimal or
 * RFC 4291 text, zones, IPv4 inside IPv6 (it would be two names for one address),
 * and what names no host of its own: unspecified, loopback, multicast, broadcast.
 */
result identifier_ip(struct op *op, struct bytes text, struct identifier *out);
/* The same from 4 or 16 octets, as they stand in an iPAddress, and back: how many of `octets` are filled. */
result identifier_ip_of_octets(struct op *op, struct bytes octets, struct identifier *out);
#define IP_MAX_OCTETS 16
size_t identifier_ip_octets(const struct identifier *identifier, uint8_t octets[IP_MAX_OCTETS]);
/*
 * Canonical: the local part as it came, the domain as a DNS name. The local part
 * is a dot-string of RFC 5321 section 4.1.2 of at most 64 octets; quoted ones,
 * SmtpUTF8 and '*' are refused.
 */
result identifier_email(struct op *op, struct bytes text, struct identifier *out);
/*
 * Canonical: scheme in lower case, the host as a DNS name or an address, the rest
 * as it came. Absolute, at most 1024 octets, the characters of RFC 3986 only. A
 * user part and an empty or relative host are refused (RFC 5280 section 4.2.1.6).
 */
result identifier_uri(struct op *op, struct bytes text, struct identifier *out);
/*
 * The user principal name of a Windows account ([MS-ADTS] section 5.1.1.1.1).
 * Canonical: what stands before its one '@' as it came, the domain as a DNS name.
 * At most 1024 octets of UTF-8 (visible_text.h); '*' and blanks around the local
 * part are refused.
 */
result identifier_upn(struct op *op, struct bytes text, struct identifier *out);
/*
 * The security identifier of a Windows account, as [MS-DTYP] section 2.4.2.1 writes
 * it: "S-1-", the authority in 48 bits, 1 to 15 sub-authorities in 32 bits each, all
 * in decimal digits without leading zeros. There is no other form of the same SID.
 */
result identifier_sid(struct op *op, struct bytes text, struct identifier *out);
/*
 * An attribute of the subject. Canonical: without blanks around it; countries in
 * upper case. 1 to 64 characters of UTF-8, 128 in localities and states, all of
 * them visible (visible_text.h); serial numbers from the characters of
 * PrintableString; countries are two letters.
 */
result identifier_attribute(struct op *op, enum identifier_kind kind, struct bytes text, struct identifier *out);

/* Neither: the SID. */
bool identifier_is_san(enum identifier_kind kind);
bool identifier_is_attribute(enum identifier_kind kind); /* of the subject */
bool identifier_is_wildcard(const struct identifier *identifier);
/* Of an e-mail address or a UPN its domain, of a URI its host, as an identifier of its own. False: it has none ("urn:x:y"). */
bool identifier_host(struct op *op, const struct identifier *identifier, struct identifier *out);
/* X.680 section 41.4 */
bool is_printable_string(struct bytes text);

bool identifier_equal(const struct identifier *a, const struct identifier *b);
/*
 * Sorts by kind, so that subjectAltNames come first, then a SID, and the attributes
 * in the order of a subject; ERR_MALFORMED-free: doubles are merged and *n shrinks
 * (V48).
 */
void identifiers_sort(struct identifier *identifiers, unsigned *n);
/* Two-way set equality of sorted lists (V9, V48). */
bool identifiers_equal(const struct identifier *a, unsigned n_a, const struct identifier *b, unsigned n_b);
/* How many of a sorted list are subjectAltNames: those in front. */
unsigned identifiers_count_san(const struct identifier *identifiers, unsigned n);

/* "dns", "serialNumber": before the colon, and in JSON. */
const char *identifier_kind_name(enum identifier_kind kind);
/* "cn:dev-17" */
char *identifier_print(struct arena *arena, const struct identifier *identifier);
/* And back. ERR_MALFORMED: no such kind; ERR_POLICY: no such value. */
result identifier_parse_text(struct op *op, const char *text, struct identifier *out);

/* [{"type":"dns","value":"a.example"}] and back (our own rows only). */
char *identifiers_to_json(struct op *op, const struct identifier *identifiers, unsigned n);
result identifiers_from_json(struct op *op, const char *json, struct identifier **out, unsigned *n);
/* Each as identifier_print writes it, for audit entries. */
const char *const *identifiers_to_names(struct op *op, const struct identifier *identifiers, unsigned n);
