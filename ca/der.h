/*
 * DER (X.690) by hand, both ways, for the few places where OpenSSL is not
 * enough: gates that bytes from outside pass before OpenSSL sees them, lint that
 * must see what OpenSSL forgives, and writers whose every byte is ours. Only
 * what certificates need: tags of one byte, lengths below 2^32. Pure functions.
 */
#pragma once

#include "base/bytes.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31
};
#define DER_CONTEXT(n) (0x80 | (n))             /* [n] IMPLICIT of something primitive */
#define DER_CONTEXT_CONSTRUCTED(n) (0xa0 | (n)) /* [n] EXPLICIT, or IMPLICIT of something constructed */

/* Nesting that a gate lets through: certificates and requests need about ten. */
#define DER_DEPTH_MAX 16

struct der_value {
	uint8_t tag;
	struct bytes content;
	struct bytes whole; /* tag, length and content */
};

/*
 * Takes the next value off the front of `in`. False, and `in` as it was, when
 * there is none, the tag has more than one byte, or the length is indefinite,
 * not minimal or beyond the end.
 */
bool der_next(struct bytes *in, struct der_value *out);
/* The same, and its tag must be this one. */
bool der_take(struct bytes *in, uint8_t tag, struct bytes *content);
/* True when the next value begins with this tag. */
bool der_is_next(struct bytes in, uint8_t tag);

/*
 * Exactly one value, nothing behind it, strict all the way down: lengths as
 * above, depth, string types never constructed, BOOLEAN 00 or FF, INTEGER and
 * ENUMERATED minimal, NULL empty, OID arcs minimal, unused bits of a BIT STRING
 * zero, SET OF in ascending order.
 */
bool der_is_strict(struct bytes der);

/* Content of a positive, minimal INTEGER of at most 20 octets (C1). */
bool der_is_serial(struct bytes content);
/* A non-negative INTEGER's content as a number; false beyond 63 bits. */
bool der_read_number(struct bytes content, uint64_t *out);
/* RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050, whole seconds, Z (C3). */
bool der_read_time(const struct der_value *value, int64_t *time_s);

/*
 * Writing: der_open puts a tag and returns a mark; what is written until
 * der_close with that mark becomes its content.
 */
size_t der_open(struct buf *out, uint8_t tag);
void der_close(struct buf *out, size_t mark);
void der_put(struct buf *out, uint8_t tag, struct bytes content);
void der_put_number(struct buf *out, uint8_t tag, uint64_t number);
/* BOOLEAN TRUE: FALSE is a default everywhere and never written. */
void der_put_true(struct buf *out);
/* Time as der_read_time wants it. Years 1950 to 9999 only: asserts. */
void der_put_time(struct buf *out, int64_t time_s);
