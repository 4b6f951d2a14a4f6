/*
 * Runs of bytes, and their text forms: hex, base64 (RFC 4648 section 4) and
 * base64url without padding (section 5, as JOSE and ACME use it).
 *
 * struct bytes borrows; it never owns. Decoders are strict: no white space, no
 * characters outside the alphabet, no non-canonical trailing bits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"
#include "base/result.h"

struct arena;
struct op;

struct bytes {
	const uint8_t *p;
	size_t n;
};

#define BYTES_NONE ((struct bytes){ NULL, 0 })
/* Of a string literal or char array, without its NUL. */
#define BYTES_LITERAL(literal) ((struct bytes){ (const uint8_t *)(literal), sizeof(literal) - 1 })
/* Of an array of uint8_t. */
#define BYTES_ARRAY(array) ((struct bytes){ (array), sizeof(array) })

struct bytes bytes_of_text(const char *text); /* borrows, without the NUL */
bool bytes_equal(struct bytes a, struct bytes b);
/* For secrets: time depends on the length only. */
bool bytes_equal_secret(struct bytes a, struct bytes b);
bool bytes_equal_text(struct bytes a, const char *text);
bool bytes_has_prefix(struct bytes a, const char *prefix);
int bytes_compare(struct bytes a, struct bytes b); /* like memcmp, shorter first */

/* Lower-case hex; NUL-terminated text in the arena. */
char *bytes_to_hex(struct arena *arena, struct bytes bytes);
result bytes_from_hex(struct op *op, const char *text, struct bytes *out);

char *bytes_to_base64(struct arena *arena, struct bytes bytes);
result bytes_from_base64(struct op *op, struct bytes text, struct bytes *out);

/* Unpadded. Decoding refuses '=', '+', '/', white space and stray bits (W12, J11). */
char *bytes_to_base64url(struct arena *arena, struct bytes bytes);
result bytes_from_base64url(struct op *op, struct bytes text, struct bytes *out);

/* SHA-256 and SHA-1 (the latter for CertIDs and key identifiers only). */
#define SHA256_SIZE 32
#define SHA1_SIZE 20
void bytes_sha256(struct bytes bytes, uint8_t digest[SHA256_SIZE]);
void bytes_sha1(struct bytes bytes, uint8_t digest[SHA1_SIZE]);
/* SHA-256 of several runs, one after the other. */
void bytes_sha256_parts(const struct bytes *parts, size_t n, uint8_t digest[SHA256_SIZE]);

/*
 * A growing run of bytes in an arena: what writers write to. Text read from it
 * is borrowed, and stale after the next write.
 */
struct buf {
	struct arena *arena;
	uint8_t *p;
	size_t n;
	size_t capacity;
};

void buf_init(struct buf *buf, struct arena *arena, size_t first_capacity);
void buf_put(struct buf *buf, const void *p, size_t n);
void buf_bytes(struct buf *buf, struct bytes bytes);
void buf_text(struct buf *buf, const char *text);
void buf_byte(struct buf *buf, uint8_t byte);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF(2, 3);
void buf_number(struct buf *buf, uint64_t number); /* in decimal, for where printf would take longer than the rest */
struct bytes buf_as_bytes(const struct buf *buf);
/* NUL-terminates (the NUL is not counted) and returns the text. */
char *buf_as_text(struct buf *buf);
