/*
 * Keys that come from outside (rows N6, W8, W10). Three gates, in this order:
 * the AlgorithmIdentifier is one of a short list, byte for byte, so that
 * explicit curve parameters, PSS restrictions and odd encodings end here; then
 * OpenSSL parses, and what it parsed encodes to the same bytes; then arithmetic.
 */
#include "ca/key_check.h"

#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/der.h"
#include "ca/ed25519_point.h"

/* RFC 3279 section 2.3.1, RFC 5480 section 2.1.1 (namedCurve only), RFC 8410 section 3. */
static const struct algorithm {
	const char *name;
	struct bytes der;
	size_t point; /* octets of an uncompressed point, 0 for others */
} algorithms[] = {
	{ "RSA", BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"), 0 },
	{ "P-256", BYTES_LITERAL("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), 65 },
	{ "P-384", BYTES_LITERAL("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22"), 97 },
	{ "Ed25519", BYTES_LITERAL("\x30\x05\x06\x03\x2b\x65\x70"), 0 },
};

static const struct algorithm *algorithm_find(struct bytes der)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
		if (bytes_equal(algorithms[i].der, der))
			return &algorithms[i];
	}
	return NULL;
}

static result check_structure(struct op *op, struct bytes spki)
{
	struct bytes in = spki, key;
	struct der_value sequence, algorithm;
	if (!der_is_strict(spki) || !der_next(&in, &sequence) || sequence.tag != DER_SEQUENCE)
		return FAIL(op, ERR_MALFORMED, "the public key is not a DER SubjectPublicKeyInfo");
	in = sequence.content;
	if (!der_next(&in, &algorithm) || algorithm.tag != DER_SEQUENCE || !der_take(&in, DER_BIT_STRING, &key) ||
	    in.n != 0)
		return FAIL(op, ERR_MALFORMED, "the public key is not a DER SubjectPublicKeyInfo");
	const struct algorithm *known = algorithm_find(algorithm.whole);
	if (known == NULL)
		return FAIL(op, ERR_POLICY,
			    "the public key is of a type that is not accepted: use RSA, a named curve P-256 or P-384, "
			    "or Ed25519");
	if (key.n < 2 || key.p[0] != 0)
		return FAIL(op, ERR_MALFORMED, "the public key's BIT STRING does not hold whole octets");
	/* RFC 5480 section 2.2: 04 is uncompressed; 02 and 03 are compressed, 00 alone is infinity. */
	if (known->point != 0 && (key.n != 1 + known->point || key.p[1] != 0x04))
		return FAIL(op, ERR_POLICY, "the %s public key is not an uncompressed point", known->name);
	return OK;
}

result key_check_spki(struct op *op, struct bytes spki, enum key_type *type)
{
	TRY(check_structure(op, spki));
	const uint8_t *p = spki.p;
	AUTO(EVP_PKEY) *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	if (key == NULL || p != spki.p + spki.n)
		return FAIL(op, ERR_MALFORMED, "the public key is damaged: it is no key, or a point off its curve");
	uint8_t *again = NULL;
	int n = i2d_PUBKEY(key, &again);
	bool is_same = n > 0 && bytes_equal((struct bytes){ again, (size_t)n }, spki);
	OPENSSL_free(again);
	if (!is_same)
		return FAIL(op, ERR_MALFORMED, "the public key is not in canonical DER");
	return key_check(op, key, type);
}

static enum key_type rsa_type(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_bits(key)) {
	case 2048:
		return KEY_RSA2048;
	case 3072:
		return KEY_RSA3072;
	case 4096:
		return KEY_RSA4096;
	default:
		return KEY_OTHER;
	}
}

static bool key_text_is(const EVP_PKEY *key, const char *parameter, const char *expected)
{
	char text[64];
	size_t n;
	return EVP_PKEY_get_utf8_string_param(key, parameter, text, sizeof text, &n) == 1 && text_equal(text, expected);
}

static enum key_type ec_type(const EVP_PKEY *key)
{
	if (!key_text_is(key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP))
		return KEY_OTHER;
	if (key_text_is(key, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1"))
		return KEY_P256;
	if (key_text_is(key, OSSL_PKEY_PARAM_GROUP_NAME, "secp384r1"))
		return KEY_P384;
	return KEY_OTHER;
}

enum key_type key_type_of(const EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		return rsa_type(key);
	if (EVP_PKEY_is_a(key, "EC"))
		return ec_type(key);
	if (EVP_PKEY_is_a(key, "ED25519"))
		return KEY_ED25519;
	return KEY_OTHER;
}

/* What people are to read about a key that has no type of ours. */
static result refuse_type(struct op *op, const EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		return FAIL(op, ERR_POLICY, "RSA key of %d bits: 2048, 3072 and 4096 are accepted", EVP_PKEY_get_bits(key));
	if (EVP_PKEY_is_a(key, "EC"))
		return FAIL(op, ERR_POLICY, "the key's curve is not accepted: use P-256 or P-384 by name");
	return FAIL(op, ERR_POLICY, "keys of this type are not accepted: use RSA, P-256, P-384 or Ed25519");
}

/*
 * The exponent as the CA/Browser Forum's Baseline Requirements 6.1.6 want it:
 * odd, from 2^16 + 1; the upper end is ours, because a large one only costs
 * whoever verifies.
 */
static bool is_exponent_fit(const BIGNUM *e)
{
	return BN_is_odd(e) && BN_num_bits(e) <= 32 && BN_get_word(e) >= 65537;
}

static result check_rsa(struct op *op, const EVP_PKEY *key)
{
	AUTO(BIGNUM) *n = NULL;
	AUTO(BIGNUM) *e = NULL;
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		return FAIL(op, ERR_MALFORMED, "the RSA key lacks its modulus or exponent");
	if (!is_exponent_fit(e))
		return FAIL(op, ERR_POLICY, "the RSA exponent is not odd between 65537 and 2^32");
	if (key_has_small_factor(n))
		return FAIL(op, ERR_POLICY, "the RSA modulus has a small prime factor: make a new key");
	if (key_is_roca(n))
		return FAIL(op, ERR_POLICY, "the RSA key was made by a broken generator (ROCA, CVE-2017-15361): make a new key "
					    "elsewhere");
	if (key_has_close_primes(n))
		return FAIL(op, ERR_POLICY, "the RSA modulus was factored: its primes are too close; make a new key");
	return OK;
}

/* SP 800-56A section 5.6.2.3.3: in range, on the curve, not infinity; the curves have cofactor 1. */
static result check_ec(struct op *op, const EVP_PKEY *key)
{
	/* The context counts a reference of the key; it changes nothing else. */
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new((EVP_PKEY *)key, NULL);
	if (context == NULL || EVP_PKEY_public_check_quick(context) != 1)
		return FAIL(op, ERR_POLICY, "the public key is not a point of its curve");
	return OK;
}

static result check_ed25519(struct op *op, const EVP_PKEY *key)
{
	uint8_t point[ED25519_POINT_SIZE];
	size_t n = sizeof point;
	if (EVP_PKEY_get_raw_public_key(key, point, &n) != 1 || n != sizeof point)
		return FAIL(op, ERR_MALFORMED, "the Ed25519 key does not have 32 octets");
	if (!ed25519_point_is_fit(point))
		return FAIL(op, ERR_POLICY, "the Ed25519 key is not a canonical point of large order");
	return OK;
}

result key_check(struct op *op, const EVP_PKEY *key, enum key_type *type)
{
	enum key_type found = key_type_of(key);
	switch (found) {
	case KEY_RSA2048:
	case KEY_RSA3072:
	case KEY_RSA4096:
		TRY(check_rsa(op, key));
		break;
	case KEY_P256:
	case KEY_P384:
		TRY(check_ec(op, key));
		break;
	case KEY_ED25519:
		TRY(check_ed25519(op, key));
		break;
	default:
		return refuse_type(op, key);
	}
	*type = found;
	return OK;
}
