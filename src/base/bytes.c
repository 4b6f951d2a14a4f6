/*
 * Comparison and text forms of bytes. The base64 decoder is strict
 * because what has two spellings can be replayed or compared wrongly (RFC 4648
 * section 3.5): stray bits in the last character are refused.
 */
#include "base/bytes.h"

#include <string.h>

#include <openssl/crypto.h>

#include "base/op.h"

struct bytes bytes_of_text(const char *text)
{
	return text == NULL ? BYTES_NONE : (struct bytes){ (const uint8_t *)text, strlen(text) };
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

bool bytes_equal_text(struct bytes a, const char *text)
{
	return bytes_equal(a, bytes_of_text(text));
}

bool bytes_has_prefix(struct bytes a, const char *prefix)
{
	struct bytes b = bytes_of_text(prefix);
	return a.n >= b.n && (b.n == 0 || memcmp(a.p, b.p, b.n) == 0);
}

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
	if (order != 0)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

char *bytes_to_hex(struct arena *arena, struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	char *text = arena_alloc_array(arena, bytes.n + 1, 2);
	for (size_t i = 0; i < bytes.n; i++) {
		text[2 * i] = digits[bytes.p[i] >> 4];
		text[2 * i + 1] = digits[bytes.p[i] & 15];
	}
	return text;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

result bytes_from_hex(struct op *op, const char *text, struct bytes *out)
{
	size_t n = strlen(text);
	if (n % 2 != 0)
		return FAIL(op, ERR_MALFORMED, "hex text has an odd number of digits");
	uint8_t *p = arena_alloc(op->arena, n / 2);
	for (size_t i = 0; i < n / 2; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return FAIL(op, ERR_MALFORMED, "hex text has another character near place %zu", 2 * i);
		p[i] = (uint8_t)(high << 4 | low);
	}
	*out = (struct bytes){ p, n / 2 };
	return OK;
}

/* What tells base64 from base64url. */
struct alphabet {
	const char *name;
	const char *digits;
	const char *foreign; /* the two characters of the other alphabet */
	bool padded;
};

static const struct alphabet alphabet_base64 = {
	.name = "base64",
	.digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	.foreign = "-_",
	.padded = true,
};

static const struct alphabet alphabet_base64url = {
	.name = "base64url",
	.digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
	.foreign = "+/",
	.padded = false,
};

/* Value of a character in either alphabet, 64 for none. */
static const uint8_t digit_values[256] = {
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 62, 64, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
	64,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63,
	64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
	64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
};

static char *encode(struct arena *arena, struct bytes bytes, const struct alphabet *alphabet)
{
	ASSERT(bytes.n <= SIZE_MAX / 8);
	char *text = arena_alloc(arena, (bytes.n + 2) / 3 * 4 + 1);
	char *at = text;
	size_t i = 0;
	for (; i + 3 <= bytes.n; i += 3) {
		uint32_t group = (uint32_t)bytes.p[i] << 16 | (uint32_t)bytes.p[i + 1] << 8 | bytes.p[i + 2];
		*at++ = alphabet->digits[group >> 18];
		*at++ = alphabet->digits[group >> 12 & 63];
		*at++ = alphabet->digits[group >> 6 & 63];
		*at++ = alphabet->digits[group & 63];
	}
	size_t left = bytes.n - i;
	if (left == 0)
		return text;
	uint32_t group = (uint32_t)bytes.p[i] << 16 | (left == 2 ? (uint32_t)bytes.p[i + 1] << 8 : 0);
	*at++ = alphabet->digits[group >> 18];
	*at++ = alphabet->digits[group >> 12 & 63];
	if (left == 2)
		*at++ = alphabet->digits[group >> 6 & 63];
	while (alphabet->padded && (at - text) % 4 != 0)
		*at++ = '=';
	return text;
}

/* Removes the padding that must be there; with base64url there is none, and '=' is no digit. */
static result strip_padding(struct op *op, struct bytes *text, const struct alphabet *alphabet)
{
	if (!alphabet->padded)
		return OK;
	if (text->n % 4 != 0)
		return FAIL(op, ERR_MALFORMED, "base64 text is not a multiple of 4 characters long");
	for (int i = 0; i < 2 && text->n > 0 && text->p[text->n - 1] == '='; i++)
		text->n--;
	return OK;
}

/* Every digit adds six bits to `group`; the lowest ones that no byte takes must be zero. */
static result decode(struct op *op, struct bytes text, const struct alphabet *alphabet, struct bytes *out)
{
	TRY(strip_padding(op, &text, alphabet));
	if (text.n % 4 == 1)
		return FAIL(op, ERR_MALFORMED, "%s text has an impossible length", alphabet->name);
	uint8_t *p = arena_alloc(op->arena, text.n / 4 * 3 + 3);
	size_t n = 0;
	uint32_t group = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		uint8_t value = digit_values[c];
		if (value == 64 || c == alphabet->foreign[0] || c == alphabet->foreign[1])
			return FAIL(op, ERR_MALFORMED, "%s text has another character at place %zu", alphabet->name, i);
		group = group << 6 | value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			p[n++] = (uint8_t)(group >> bits & 0xff);
		}
	}
	if ((group & ((1U << bits) - 1)) != 0)
		return FAIL(op, ERR_MALFORMED, "%s text has stray bits in its last character", alphabet->name);
	*out = (struct bytes){ p, n };
	return OK;
}

char *bytes_to_base64(struct arena *arena, struct bytes bytes)
{
	return encode(arena, bytes, &alphabet_base64);
}

result bytes_from_base64(struct op *op, struct bytes text, struct bytes *out)
{
	return decode(op, text, &alphabet_base64, out);
}

char *bytes_to_base64url(struct arena *arena, struct bytes bytes)
{
	return encode(arena, bytes, &alphabet_base64url);
}

result bytes_from_base64url(struct op *op, struct bytes text, struct bytes *out)
{
	return decode(op, text, &alphabet_base64url, out);
}
