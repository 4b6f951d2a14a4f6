/* Keys from outside: row N6, with W8 and W10. Weak keys are made here, from their definitions. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <string.h>

#include "base/openssl_auto.h"
#include "base/random.h"
#include "ca/key_check.h"
#include "check.h"
#include "fixture.h"
#include "tests/fake/x509_maker.h"

static BIGNUM *number(unsigned long value)
{
	BIGNUM *bn = BN_new();
	assert_true(bn != NULL && BN_set_word(bn, value) == 1);
	return bn;
}

/* Odd, exactly `bits` long, without a small factor: all that can be told of an honest modulus here. */
static BIGNUM *fair_modulus(int bits)
{
	BIGNUM *n = BN_new();
	do {
		assert_int_equal(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
	} while (key_has_small_factor(n));
	return n;
}

static enum err check_rsa(struct op *op, const BIGNUM *n, const BIGNUM *e)
{
	enum key_type type;
	result r = key_check_spki(op, maker_rsa_spki(op, n, e), &type);
	return r.err;
}

#define assert_refused(op, expression, word)                                                 \
	do {                                                                                 \
		enum err refused_ = (expression);                                            \
		if (refused_ != ERR_POLICY && refused_ != ERR_MALFORMED)                     \
			fail_msg("%s: expected a refusal, got %s", #expression, err_name(refused_)); \
		if (strstr((op)->detail, (word)) == NULL)                                    \
			fail_msg("%s: refused for another reason: %s", #expression, (op)->detail);   \
		op_clear_failure(op);                                                        \
	} while (0)

static void test_good_keys(void **state)
{
	struct op *op = *state;
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_RSA2048, KEY_ED25519 };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		AUTO(EVP_PKEY) *key = maker_key(types[i]);
		enum key_type type;
		assert_int_equal(key_type_of(key), types[i]);
		assert_ok(op, key_check(op, key, &type));
		assert_int_equal(type, types[i]);
		assert_ok(op, key_check_spki(op, maker_spki(op, key), &type));
		assert_int_equal(type, types[i]);
	}
}

static void test_rsa_sizes(void **state)
{
	struct op *op = *state;
	static const struct {
		int bits;
		enum key_type type;
	} rows[] = {
		{ 1024, KEY_OTHER }, { 2047, KEY_OTHER },    { 2048, KEY_RSA2048 }, { 2049, KEY_OTHER }, { 2056, KEY_OTHER },
		{ 3072, KEY_RSA3072 }, { 4096, KEY_RSA4096 }, { 4097, KEY_OTHER },   { 8000, KEY_OTHER },
	};
	AUTO(BIGNUM) *e = number(65537);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(BIGNUM) *n = fair_modulus(rows[i].bits);
		enum key_type type;
		if (rows[i].type == KEY_OTHER) {
			assert_refused(op, check_rsa(op, n, e), "RSA key of");
			continue;
		}
		assert_ok(op, key_check_spki(op, maker_rsa_spki(op, n, e), &type));
		assert_int_equal(type, rows[i].type);
	}
}

static void test_rsa_exponents(void **state)
{
	struct op *op = *state;
	AUTO(BIGNUM) *n = fair_modulus(2048);
	static const char *const refused[] = { "01", "02", "03", "10000", "010002", "FFFF", "0100000001",
					       "010000000000000000000000000000000000000000000000000000000000000001" };
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		AUTO(BIGNUM) *e = NULL;
		assert_true(BN_hex2bn(&e, refused[i]) > 0);
		assert_refused(op, check_rsa(op, n, e), "exponent");
	}
	static const char *const accepted[] = { "010001", "010003", "FFFFFFFF" };
	for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
		AUTO(BIGNUM) *e = NULL;
		assert_true(BN_hex2bn(&e, accepted[i]) > 0);
		assert_int_equal(check_rsa(op, n, e), ERR_NONE);
	}
}

static void test_small_factors(void **state)
{
	struct op *op = *state;
	AUTO(BIGNUM) *fair = fair_modulus(2038);
	AUTO(BIGNUM) *n = BN_new();
	static const unsigned primes[] = { 2, 3, 5, 7, 11, 13, 397, 743, 751 };
	for (size_t i = 0; i < sizeof primes / sizeof *primes; i++) {
		assert_true(BN_copy(n, fair) != NULL && BN_mul_word(n, primes[i]) == 1);
		assert_true(key_has_small_factor(n));
	}
	assert_true(BN_copy(n, fair) != NULL && BN_mul_word(n, 757) == 1);
	assert_false(key_has_small_factor(n));

	AUTO(BIGNUM) *even = fair_modulus(2048), *e = number(65537);
	assert_int_equal(BN_sub_word(even, 1), 1);
	assert_refused(op, check_rsa(op, even, e), "small prime factor");
}

/* (a - b)(a + b), which Fermat's method finds in about `rounds` rounds. */
static BIGNUM *close_product(unsigned long rounds)
{
	AUTO(BIGNUM) *a = BN_new(), *b = BN_new(), *p = BN_new(), *q = BN_new();
	AUTO(BN_CTX) *ctx = BN_CTX_new();
	BIGNUM *n = BN_new();
	/* With a = 2^1023 + odd, b = sqrt(2 a rounds) = 2^512 sqrt(rounds). */
	assert_int_equal(BN_rand(a, 1024, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD), 1);
	assert_true(BN_set_word(b, rounds) == 1 && BN_lshift(b, b, 1024) == 1);
	AUTO(BIGNUM) *root = BN_new();
	assert_true(BN_one(root) == 1 && BN_lshift(root, root, 530) == 1);
	for (int i = 0; i < 600; i++) { /* Newton, more than enough */
		assert_true(BN_div(p, NULL, b, root, ctx) == 1 && BN_add(root, root, p) == 1 && BN_rshift1(root, root) == 1);
	}
	assert_true(BN_set_bit(root, 0) == 1 && BN_sub_word(root, 1) == 1); /* even, so that both factors are odd */
	assert_true(BN_sub(p, a, root) == 1 && BN_add(q, a, root) == 1 && BN_mul(n, p, q, ctx) == 1);
	return n;
}

static void test_close_primes(void **state)
{
	struct op *op = *state;
	static const struct {
		unsigned long rounds;
		bool is_found;
	} rows[] = { { 1, true }, { 10, true }, { 60, true }, { 1000, false }, { 100000, false } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(BIGNUM) *n = close_product(rows[i].rounds);
		if (key_has_close_primes(n) != rows[i].is_found)
			fail_msg("factors %lu rounds apart: expected %s", rows[i].rounds, rows[i].is_found ? "found" : "not found");
	}
	AUTO(BIGNUM) *p = BN_new(), *square = BN_new(), *q = BN_new(), *e = number(65537);
	AUTO(BN_CTX) *ctx = BN_CTX_new();
	assert_true(BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL) == 1);
	assert_true(BN_sqr(square, p, ctx) == 1);
	assert_true(key_has_close_primes(square)); /* n = p^2 */
	assert_refused(op, check_rsa(op, square, e), "primes are too close");
	/* The next prime: what a generator that searches on from p gives. */
	assert_true(BN_copy(q, p) != NULL);
	do {
		assert_int_equal(BN_add_word(q, 2), 1);
	} while (BN_check_prime(q, ctx, NULL) != 1);
	assert_true(BN_mul(square, p, q, ctx) == 1);
	assert_refused(op, check_rsa(op, square, e), "primes are too close");
	AUTO(BIGNUM) *fair = fair_modulus(2048);
	assert_false(key_has_close_primes(fair));
}

/* A factor as Infineon's library made it: k * M + 65537^a mod M, M the product of the first 126 primes. */
static BIGNUM *roca_factor(BN_CTX *ctx)
{
	AUTO(BIGNUM) *m = number(1), *a = BN_new(), *generator = number(65537), *power = BN_new();
	BIGNUM *factor = BN_new();
	for (unsigned p = 2, n = 0; n < 126; p++) {
		bool is_prime = true;
		for (unsigned d = 2; d * d <= p && is_prime; d++)
			is_prime = p % d != 0;
		if (is_prime) {
			assert_int_equal(BN_mul_word(m, p), 1);
			n++;
		}
	}
	assert_true(BN_rand(a, 60, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 && BN_mod_exp(power, generator, a, m, ctx) == 1);
	do {
		int missing = 1024 - BN_num_bits(m) + 1;
		assert_true(BN_rand(factor, missing, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1);
		assert_true(BN_mul(factor, factor, m, ctx) == 1 && BN_add(factor, factor, power) == 1);
	} while (BN_num_bits(factor) != 1024 || BN_is_bit_set(factor, 1022) == 0 || key_has_small_factor(factor));
	return factor;
}

static void test_roca(void **state)
{
	struct op *op = *state;
	AUTO(BN_CTX) *ctx = BN_CTX_new();
	AUTO(BIGNUM) *p = roca_factor(ctx), *q = roca_factor(ctx), *n = BN_new(), *e = number(65537);
	assert_true(BN_mul(n, p, q, ctx) == 1 && BN_num_bits(n) == 2048);
	assert_true(key_is_roca(n));
	assert_refused(op, check_rsa(op, n, e), "ROCA");
	assert_int_equal(BN_add_word(n, 2), 1); /* one step beside it is an ordinary number */
	assert_false(key_is_roca(n));
	for (unsigned i = 0; i < 200; i++) {
		AUTO(BIGNUM) *fair = fair_modulus(2048);
		assert_false(key_is_roca(fair));
	}
}

#define RSA_ALGORITHM BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00")
#define P256_ALGORITHM BYTES_LITERAL("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")
#define ED25519_ALGORITHM BYTES_LITERAL("\x30\x05\x06\x03\x2b\x65\x70")

static enum err check_octets(struct op *op, struct bytes algorithm, struct bytes key)
{
	enum key_type type;
	result r = key_check_spki(op, maker_spki_of(op, algorithm, key), &type);
	return r.err;
}

/* W8: numbers are minimal and positive, nothing stands behind them. */
static void test_rsa_encodings(void **state)
{
	struct op *op = *state;
	AUTO(EVP_PKEY) *key = maker_key(KEY_RSA2048);
	struct bytes good = maker_spki(op, key);
	enum key_type type;
	assert_ok(op, key_check_spki(op, good, &type));
	assert_refused(op, key_check_spki(op, MAKER_JOIN(op, good, BYTES_LITERAL("\0")), &type).err, "not a DER");
	assert_refused(op, key_check_spki(op, (struct bytes){ good.p, good.n - 1 }, &type).err, "not a DER");
	assert_refused(op, key_check_spki(op, BYTES_NONE, &type).err, "not a DER");

	const size_t head = 24; /* SEQUENCE, algorithm, BIT STRING header, unused bits */
	struct bytes numbers = { good.p + head, good.n - head };
	assert_int_equal(check_octets(op, RSA_ALGORITHM, numbers), ERR_NONE);
	assert_refused(op, check_octets(op, RSA_ALGORITHM, MAKER_JOIN(op, numbers, BYTES_LITERAL("\0"))), "damaged");
	struct bytes no_null = BYTES_LITERAL("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
	assert_refused(op, check_octets(op, no_null, numbers), "not accepted");
	struct bytes pss = BYTES_LITERAL("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a");
	assert_refused(op, check_octets(op, pss, numbers), "not accepted");

	/* The modulus with one zero too many before it, and without its sign octet: a negative number. */
	struct bytes n = { numbers.p + 8, 257 }, e = BYTES_LITERAL("\x02\x03\x01\x00\x01");
	struct bytes padded = MAKER_DER(op, 0x30, MAKER_DER(op, 0x02, BYTES_LITERAL("\0"), n), e);
	assert_refused(op, check_octets(op, RSA_ALGORITHM, padded), "");
	struct bytes negative = MAKER_DER(op, 0x30, MAKER_DER(op, 0x02, (struct bytes){ n.p + 1, 256 }), e);
	assert_refused(op, check_octets(op, RSA_ALGORITHM, negative), "");
	assert_refused(op, check_octets(op, RSA_ALGORITHM, BYTES_LITERAL("rubbish")), "damaged");
}

static void test_ec_points(void **state)
{
	struct op *op = *state;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	struct bytes good = maker_spki(op, key);
	struct bytes point = { good.p + good.n - 65, 65 }, x = { point.p + 1, 32 };
	assert_int_equal(check_octets(op, P256_ALGORITHM, point), ERR_NONE);
	assert_refused(op, check_octets(op, P256_ALGORITHM, BYTES_LITERAL("\0")), "");		  /* infinity */
	assert_refused(op, check_octets(op, P256_ALGORITHM, MAKER_JOIN(op, BYTES_LITERAL("\x02"), x)), "uncompressed");
	struct bytes xy = { point.p + 1, 64 };
	assert_refused(op, check_octets(op, P256_ALGORITHM, MAKER_JOIN(op, BYTES_LITERAL("\x06"), xy)), "uncompressed");
	assert_refused(op, check_octets(op, P256_ALGORITHM, MAKER_JOIN(op, point, BYTES_LITERAL("\0"))), "uncompressed");
	uint8_t off_curve[65];
	memcpy(off_curve, point.p, sizeof off_curve);
	off_curve[64] ^= 1;
	assert_refused(op, check_octets(op, P256_ALGORITHM, BYTES_ARRAY(off_curve)), "off its curve");
	memset(off_curve + 1, 0xff, 64); /* coordinates beyond the prime */
	assert_refused(op, check_octets(op, P256_ALGORITHM, BYTES_ARRAY(off_curve)), "off its curve");
	memset(off_curve + 1, 0, 64);
	assert_refused(op, check_octets(op, P256_ALGORITHM, BYTES_ARRAY(off_curve)), "off its curve");
	/* The BIT STRING says that bits are unused. */
	struct bytes bits = MAKER_DER(op, 0x03, BYTES_LITERAL("\x01"), (struct bytes){ point.p, 64 }, BYTES_LITERAL("\x02"));
	enum key_type type;
	assert_refused(op, key_check_spki(op, MAKER_DER(op, 0x30, P256_ALGORITHM, bits), &type).err, "whole octets");
}

static void test_ec_curves(void **state)
{
	struct op *op = *state;
	static const char *const curves[] = { "P-192", "P-224", "P-521", "secp256k1", "brainpoolP256r1", "B-233" };
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
		AUTO(EVP_PKEY) *key = EVP_EC_gen(curves[i]);
		enum key_type type;
		assert_non_null(key);
		assert_int_equal(key_type_of(key), KEY_OTHER);
		assert_refused(op, key_check_spki(op, maker_spki(op, key), &type).err, "not accepted");
		assert_refused(op, key_check(op, key, &type).err, "curve is not accepted");
	}
	/* P-256 by explicit parameters (CVE-2020-0601's way in). */
	AUTO(EVP_PKEY) *explicit = maker_key(KEY_P256);
	enum key_type type;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(explicit, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT), 1);
	assert_refused(op, key_check_spki(op, maker_spki(op, explicit), &type).err, "not accepted");
	assert_refused(op, key_check(op, explicit, &type).err, "curve is not accepted");
}

/* W10: y of the points whose order divides 8, then encodings of the same with y beyond the prime, then others. */
static void test_ed25519_points(void **state)
{
	struct op *op = *state;
	static const char *const refused[] = {
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p = 0 */
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p + 1 = 1 */
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p + 3, which is on the curve as 3 */
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0200000000000000000000000000000000000000000000000000000000000000", /* not on the curve */
	};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct bytes point;
		uint8_t signed_point[32];
		assert_ok(op, bytes_from_hex(op, refused[i], &point));
		assert_refused(op, check_octets(op, ED25519_ALGORITHM, point), "Ed25519");
		memcpy(signed_point, point.p, sizeof signed_point);
		signed_point[31] |= 0x80; /* with the other x */
		assert_refused(op, check_octets(op, ED25519_ALGORITHM, BYTES_ARRAY(signed_point)), "Ed25519");
	}
	uint8_t octets[33] = { 3 }; /* y = 3 is on the curve, and of large order */
	assert_int_equal(check_octets(op, ED25519_ALGORITHM, (struct bytes){ octets, 32 }), ERR_NONE);
	assert_refused(op, check_octets(op, ED25519_ALGORITHM, (struct bytes){ octets, 31 }), "damaged");
	assert_refused(op, check_octets(op, ED25519_ALGORITHM, (struct bytes){ octets, 33 }), "damaged");
	for (unsigned i = 0; i < 50; i++) {
		AUTO(EVP_PKEY) *key = maker_key(KEY_ED25519);
		enum key_type type;
		assert_ok(op, key_check(op, key, &type));
	}
}

static void test_other_types(void **state)
{
	struct op *op = *state;
	static const char *const types[] = { "X25519", "ED448" };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		AUTO(EVP_PKEY) *key = EVP_PKEY_Q_keygen(NULL, NULL, types[i]);
		enum key_type type;
		assert_refused(op, key_check_spki(op, maker_spki(op, key), &type).err, "not accepted");
		assert_refused(op, key_check(op, key, &type).err, "not accepted");
	}
	/* ML-DSA-44 of a wrong length, and of any. */
	struct bytes ml_dsa = BYTES_LITERAL("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11");
	assert_refused(op, check_octets(op, ml_dsa, BYTES_LITERAL("short")), "not accepted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good_keys),	    TEST(test_rsa_sizes), TEST(test_rsa_exponents), TEST(test_small_factors),
		TEST(test_close_primes),    TEST(test_roca),	  TEST(test_rsa_encodings), TEST(test_ec_points),
		TEST(test_ec_curves),	    TEST(test_ed25519_points), TEST(test_other_types),
	};
	return RUN_TESTS(tests);
}
