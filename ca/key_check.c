/*
 * Keys that come from outside (rows N6, W8, W10): what public_key.h decodes, or
 * what an account brought as a JWK, and then arithmetic. Factors are in
 * rsa_weakness.c, points of Ed25519 in ed25519_point.c.
 */
#include "ca/key_check.h"

#include <openssl/core_names.h>

#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/ed25519_point.h"
#include "ca/public_key.h"

result key_check_spki(struct op *op, struct bytes spki, enum key_type *type)
{
	AUTO(EVP_PKEY) *key = NULL;
	TRY(public_key_decode(op, spki, &key));
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
