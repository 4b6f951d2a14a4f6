/* scrypt through OpenSSL. Parameters stand in each verifier, so that they can be raised for new ones. */
#include "base/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "base/text.h"

/* 16 MiB per check: OWASP's choice for servers that make several at a time. */
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_MEMORY_MAX (64 << 20)
#define SALT_SIZE 16
#define HASH_SIZE 32

struct parameters {
	uint64_t n, r, p;
	uint8_t salt[SALT_SIZE], hash[HASH_SIZE];
};

void password_draw(char password[PASSWORD_SIZE])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32: no l, o, 0, 1 */
	uint8_t chance[20];
	char *to = password;
	random_bytes(chance, sizeof chance);
	for (size_t i = 0; i < sizeof chance; i++) {
		if (i > 0 && i % 5 == 0)
			*to++ = '-';
		*to++ = letters[chance[i] & 31];
	}
	*to = '\0';
	OPENSSL_cleanse(chance, sizeof chance);
}

static void derive(const struct parameters *s, struct bytes password, uint8_t hash[HASH_SIZE])
{
	ASSERT(EVP_PBE_scrypt((const char *)password.p, password.n, s->salt, sizeof s->salt, s->n, s->r, s->p,
			      SCRYPT_MEMORY_MAX, hash, HASH_SIZE) == 1);
}

const char *password_verifier(struct arena *arena, struct bytes password)
{
	struct parameters s = { .n = SCRYPT_N, .r = SCRYPT_R, .p = SCRYPT_P };
	random_bytes(s.salt, sizeof s.salt);
	derive(&s, password, s.hash);
	return arena_printf(arena, "scrypt$%d$%d$%d$%s$%s", SCRYPT_N, SCRYPT_R, SCRYPT_P,
			    bytes_to_base64url(arena, (struct bytes)BYTES_ARRAY(s.salt)),
			    bytes_to_base64url(arena, (struct bytes)BYTES_ARRAY(s.hash)));
}

/* The text up to the next '$', which is cut there; NULL at the end. */
static char *next_field(char **left)
{
	return *left != NULL ? strsep(left, "$") : NULL;
}

static bool take_bytes(struct op *op, char *field, uint8_t *out, size_t n)
{
	struct bytes bytes;
	if (field == NULL || bytes_from_base64url(op, bytes_of_text(field), &bytes).err != ERR_NONE || bytes.n != n)
		return false;
	memcpy(out, bytes.p, n);
	return true;
}

/* Bounds keep a damaged row from asking for minutes or gigabytes. */
static bool parse(struct op *op, const char *verifier, struct parameters *out)
{
	char *left = arena_text(op->arena, verifier);
	if (!text_equal(next_field(&left), "scrypt"))
		return false;
	char *n = next_field(&left), *r = next_field(&left), *p = next_field(&left);
	return n != NULL && r != NULL && p != NULL && text_parse_u64(n, 2, 1 << 16, &out->n) &&
	       (out->n & (out->n - 1)) == 0 && text_parse_u64(r, 1, 8, &out->r) && text_parse_u64(p, 1, 4, &out->p) &&
	       take_bytes(op, next_field(&left), out->salt, SALT_SIZE) &&
	       take_bytes(op, next_field(&left), out->hash, HASH_SIZE) && left == NULL;
}

bool password_fits(const char *verifier, struct bytes password)
{
	struct op *op = op_new();
	struct parameters s = { .n = SCRYPT_N, .r = SCRYPT_R, .p = SCRYPT_P };
	bool is_known = verifier != NULL && parse(op, verifier, &s);
	uint8_t hash[HASH_SIZE];
	if (!is_known)
		s = (struct parameters){ .n = SCRYPT_N, .r = SCRYPT_R, .p = SCRYPT_P };
	derive(&s, password, hash);
	bool fits = bytes_equal_secret((struct bytes)BYTES_ARRAY(hash), (struct bytes)BYTES_ARRAY(s.hash));
	OPENSSL_cleanse(hash, sizeof hash);
	op_free(&op);
	/* HMAC fills a key up with zeros: a password with zeros behind it is another one that would fit. */
	return fits && is_known && (password.n == 0 || memchr(password.p, 0, password.n) == NULL);
}
