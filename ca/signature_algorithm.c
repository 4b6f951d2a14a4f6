/* RFC 5758 section 3.2, RFC 4055 section 5, RFC 8410 section 3. */
#include "ca/signature_algorithm.h"

#include <openssl/err.h>

#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/der.h"

static const struct signature_algorithm algorithms[] = {
	{ BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x02"), "EC", "SHA256" },
	{ BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x03"), "EC", "SHA384" },
	{ BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x04"), "EC", "SHA512" },
	{ BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), "RSA", "SHA256" },
	{ BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), "RSA", "SHA384" },
	{ BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), "RSA", "SHA512" },
	{ BYTES_LITERAL("\x2b\x65\x70"), "ED25519", NULL },
};
#define N_ALGORITHMS (sizeof algorithms / sizeof *algorithms)

const struct signature_algorithm signature_rsa_sha1 = { BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), "RSA", "SHA1" };

/* Parameters are absent; with RSA they may be NULL, and both have to be taken (RFC 4055 section 5). */
static bool is_named(const struct signature_algorithm *known, struct bytes algorithm)
{
	struct bytes oid;
	if (!der_take(&algorithm, DER_OID, &oid) || !bytes_equal(known->oid, oid))
		return false;
	bool has_null = bytes_equal(algorithm, BYTES_LITERAL("\x05\x00"));
	return algorithm.n == 0 || (has_null && text_equal(known->key, "RSA"));
}

const struct signature_algorithm *signature_algorithm_find(struct bytes algorithm)
{
	for (size_t i = 0; i < N_ALGORITHMS; i++)
		if (is_named(&algorithms[i], algorithm))
			return &algorithms[i];
	return NULL;
}

const struct signature_algorithm *signature_algorithm_find_old(struct bytes algorithm)
{
	const struct signature_algorithm *found = signature_algorithm_find(algorithm);
	return found == NULL && is_named(&signature_rsa_sha1, algorithm) ? &signature_rsa_sha1 : found;
}

const struct signature_algorithm *signature_algorithm_of(const char *key, const char *digest)
{
	for (size_t i = 0; i < N_ALGORITHMS; i++) {
		const struct signature_algorithm *known = &algorithms[i];
		if (known->digest != NULL && text_equal(known->key, key) && text_equal(known->digest, digest))
			return known;
	}
	return NULL;
}

bool signature_is_right(const struct signature_algorithm *algorithm, EVP_PKEY *key, struct bytes message,
			struct bytes signature)
{
	const EVP_MD *digest = algorithm->digest != NULL ? EVP_get_digestbyname(algorithm->digest) : NULL;
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	bool is_right = EVP_PKEY_is_a(key, algorithm->key) && context != NULL &&
			EVP_DigestVerifyInit(context, NULL, digest, NULL, key) == 1 &&
			EVP_DigestVerify(context, signature.p, signature.n, message.p, message.n) == 1;
	ERR_clear_error();
	return is_right;
}
