/* Public keys and signatures between PKCS#11's forms and X.509's: against what OpenSSL makes itself. */
#include "token/spki.h"

#include <string.h>

#include <openssl/core_names.h>

#include "base/openssl_auto.h"
#include "check.h"
#include "fixture.h"

static struct bytes encoded(struct op *op, const EVP_PKEY *key)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	struct bytes spki = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });

	OPENSSL_free(der);
	return spki;
}

/* The uncompressed point, as a token would have it. */
static struct bytes point_of(struct op *op, const EVP_PKEY *key)
{
	uint8_t point[256];
	size_t n = 0;

	assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n), 1);
	return arena_bytes(op->arena, (struct bytes){ point, n });
}

static struct bytes wrapped(struct op *op, struct bytes point)
{
	struct buf buf;

	buf_init(&buf, op->arena, 128);
	buf_byte(&buf, 0x04);
	buf_byte(&buf, (uint8_t)point.n);
	buf_bytes(&buf, point);
	return buf_as_bytes(&buf);
}

static void an_ec_point_becomes_the_same_spki(void **state)
{
	static const struct {
		const char *group;
		enum key_type type;
	} kinds[] = { { "P-256", KEY_P256 }, { "P-384", KEY_P384 } };
	struct op *op = *state;

	for (size_t i = 0; i < 2; i++) {
		AUTO(EVP_PKEY) *key = EVP_EC_gen(kinds[i].group);
		struct bytes point = point_of(op, key), spki;
		enum key_type type;
		assert_ok(op, spki_from_ec_point(op, kinds[i].type, wrapped(op, point), &spki));
		assert_true(bytes_equal(spki, encoded(op, key)));
		assert_ok(op, spki_from_ec_point(op, kinds[i].type, point, &spki)); /* tokens of before v2.20 */
		assert_true(bytes_equal(spki, encoded(op, key)));
		assert_ok(op, spki_key_type(op, spki, &type));
		assert_int_equal(type, kinds[i].type);
	}
}

static void a_point_that_is_none_is_refused(void **state)
{
	struct op *op = *state;
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	struct bytes point = point_of(op, key), spki;
	uint8_t bad[65];

	memcpy(bad, point.p, sizeof(bad));
	bad[64] ^= 1; /* off the curve */
	assert_err(op, ERR_BACKEND, spki_from_ec_point(op, KEY_P256, (struct bytes)BYTES_ARRAY(bad), &spki));
	assert_err(op, ERR_BACKEND, spki_from_ec_point(op, KEY_P384, point, &spki)); /* the other curve's length */
	assert_err(op, ERR_BACKEND, spki_from_ec_point(op, KEY_P256, BYTES_NONE, &spki));
	for (size_t n = 0; n < point.n; n++)
		assert_err(op, ERR_BACKEND, spki_from_ec_point(op, KEY_P256, (struct bytes){ point.p, n }, &spki));
}

static void rsa_numbers_become_the_same_spki(void **state)
{
	struct op *op = *state;
	AUTO(EVP_PKEY) *key = EVP_RSA_gen(2048);
	AUTO(BIGNUM) *n = NULL;
	uint8_t modulus[256];
	struct bytes spki;
	enum key_type type;

	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	assert_int_equal(BN_bn2binpad(n, modulus, sizeof(modulus)), sizeof(modulus));
	assert_ok(op, spki_from_rsa(op, (struct bytes)BYTES_ARRAY(modulus), BYTES_LITERAL("\x01\x00\x01"), &spki));
	assert_true(bytes_equal(spki, encoded(op, key)));
	assert_ok(op, spki_key_type(op, spki, &type));
	assert_int_equal(type, KEY_RSA2048);
}

static void a_modulus_comes_out_of_the_spki(void **state)
{
	struct op *op = *state;
	AUTO(EVP_PKEY) *rsa = EVP_RSA_gen(2048);
	AUTO(EVP_PKEY) *ec = EVP_EC_gen("P-256");
	AUTO(BIGNUM) *n = NULL;
	struct bytes modulus;

	assert_ok(op, spki_rsa_modulus(op, encoded(op, rsa), &modulus));
	assert_int_equal(modulus.n, 256);
	assert_int_equal(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	AUTO(BIGNUM) *read = BN_bin2bn(modulus.p, (int)modulus.n, NULL);
	assert_int_equal(BN_cmp(read, n), 0);
	assert_err(op, ERR_BACKEND, spki_rsa_modulus(op, encoded(op, ec), &modulus));
	assert_err(op, ERR_BACKEND, spki_rsa_modulus(op, BYTES_LITERAL("no key"), &modulus));
}

static void keys_that_no_token_of_ours_holds_are_refused(void **state)
{
	struct op *op = *state;
	AUTO(EVP_PKEY) *odd = EVP_RSA_gen(2056);
	AUTO(EVP_PKEY) *k256 = EVP_EC_gen("secp256k1");
	AUTO(EVP_PKEY) *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	enum key_type type;

	assert_err(op, ERR_POLICY, spki_key_type(op, encoded(op, odd), &type));
	assert_err(op, ERR_POLICY, spki_key_type(op, encoded(op, k256), &type));
	assert_err(op, ERR_POLICY, spki_key_type(op, encoded(op, ed), &type));
	assert_err(op, ERR_POLICY, spki_key_type(op, BYTES_LITERAL("\x30\x00"), &type));
}

/* r||s from OpenSSL's own signature, so that the way there and back can be compared. */
static void a_raw_ecdsa_signature_becomes_der(void **state)
{
	struct op *op = *state;
	struct bytes message = BYTES_LITERAL("message");
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-384");

	/* Often enough that r or s begins with a zero byte, which DER drops and r||s keeps. */
	for (unsigned i = 0; i < 600; i++) {
		AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
		uint8_t der[128], raw[96];
		size_t n = sizeof(der);
		assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha384(), NULL, key), 1);
		assert_int_equal(EVP_DigestSign(context, der, &n, message.p, message.n), 1);
		const uint8_t *p = der;
		AUTO(ECDSA_SIG) *pair = d2i_ECDSA_SIG(NULL, &p, (long)n);
		BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 48);
		BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 48, 48);
		struct bytes signature;
		assert_ok(op, spki_signature(op, KEY_P384, (struct bytes)BYTES_ARRAY(raw), &signature));
		assert_true(bytes_equal(signature, (struct bytes){ der, n }));
	}
}

/* F11 */
static void a_signature_of_wrong_length_is_refused(void **state)
{
	struct op *op = *state;
	uint8_t raw[97] = { 1 };
	struct bytes signature;

	assert_err(op, ERR_BACKEND, spki_signature(op, KEY_P256, (struct bytes){ raw, 63 }, &signature));
	assert_err(op, ERR_BACKEND, spki_signature(op, KEY_P256, (struct bytes){ raw, 0 }, &signature));
	assert_err(op, ERR_BACKEND, spki_signature(op, KEY_P384, (struct bytes){ raw, 64 }, &signature));
	assert_err(op, ERR_BACKEND, spki_signature(op, KEY_P384, (struct bytes){ raw, 97 }, &signature));
}

static void the_digest_goes_with_the_key(void **state)
{
	uint8_t digest[SPKI_DIGEST_MAX];

	(void)state;
	assert_int_equal(spki_digest(KEY_P256, BYTES_LITERAL("abc"), digest), 32);
	assert_memory_equal(digest, "\xba\x78\x16\xbf", 4); /* FIPS 180-4's example */
	assert_int_equal(spki_digest(KEY_RSA4096, BYTES_LITERAL("abc"), digest), 32);
	assert_int_equal(spki_digest(KEY_P384, BYTES_LITERAL("abc"), digest), 48);
	assert_memory_equal(digest, "\xcb\x00\x75\x3f", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_ec_point_becomes_the_same_spki),
		TEST(a_point_that_is_none_is_refused),
		TEST(rsa_numbers_become_the_same_spki),
		TEST(a_modulus_comes_out_of_the_spki),
		TEST(keys_that_no_token_of_ours_holds_are_refused),
		TEST(a_raw_ecdsa_signature_becomes_der),
		TEST(a_signature_of_wrong_length_is_refused),
		TEST(the_digest_goes_with_the_key),
	};
	return RUN_TESTS(tests);
}
