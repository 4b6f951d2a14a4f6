/* JWK: vectors of the RFCs, and what must not pass for a key. Rows W6, W8, W9, W10, W11, J3, J4. */
#include "protocols/acme/jwk.h"
#include "protocols/acme/problem.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <string.h>

#include "base/openssl_auto.h"

#define RFC7638_N                                                                                           \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKR" \
	"XjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAt" \
	"aSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPk" \
	"sINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RFC8037_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define RFC7515_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define RFC7515_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC(members) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_X "\",\"y\":\"" RFC7515_Y "\"" members "}"

/* W11: RFC 7638 section 3.1, RFC 8037 appendix A.3. J4: extra members change nothing. */
static void test_thumbprints(void **state)
{
	struct op *op = *state;
	static const struct {
		const char *jwk, *thumbprint;
	} rows[] = {
		{ "{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
		  "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
		{ "{ \"e\" : \"AQAB\", \"n\":\"" RFC7638_N "\",\"kty\":\"RSA\",\"use\":\"sig\",\"x5u\":\"http://a/\"}",
		  "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\"}",
		  "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\",\"key_ops\":[\"sign\",\"verify\"]}",
		  "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct jwk jwk, again;
		AUTO(EVP_PKEY) *key = NULL;
		assert_ok(op, jwk_parse_text(op, rows[i].jwk, &jwk));
		assert_string_equal(jwk.thumbprint, rows[i].thumbprint);
		assert_ok(op, jwk_key_checked(op, &jwk, &key));
		assert_ok(op, jwk_of_key(op, key, &again));
		assert_string_equal(again.json, jwk.json);
		assert_ok(op, jwk_parse_text(op, jwk.json, &again));
		assert_string_equal(again.thumbprint, jwk.thumbprint);
	}
}

static void assert_bad_key(struct op *op, const char *text)
{
	struct jwk jwk;
	AUTO(EVP_PKEY) *key = NULL;
	result r = jwk_parse_text(op, text, &jwk);
	if (r.err == ERR_NONE)
		r = jwk_key_checked(op, &jwk, &key);
	if (r.err == ERR_NONE || op->code != ACME_BAD_PUBLIC_KEY)
		fail_msg("not badPublicKey but %d (%s): %.80s", op->code, op->detail, text);
	op_clear_failure(op);
}

/* W8, W9, J3, J4, N6 */
static void test_refuses(void **state)
{
	static const char *const rows[] = {
		"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}",
		"{\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" RFC7515_X "\",\"y\":\"" RFC7515_Y "\"}",
		"{\"crv\":\"P-256\",\"x\":\"" RFC7515_X "\",\"y\":\"" RFC7515_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" RFC7515_X "\",\"y\":\"" RFC7515_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"" RFC7515_X "\",\"y\":\"" RFC7515_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" RFC7515_X "\",\"y\":\"" RFC7515_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":7,\"y\":\"" RFC7515_Y "\"}",
		/* the point is off the curve; 31 bytes; 33 bytes with a leading zero; infinity; padding */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_Y "\",\"y\":\"" RFC7515_X "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVA\",\"y\":\"" RFC7515_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AH_Nzidw9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF\",\"y\":\"" RFC7515_Y "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
		"\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_X "=\",\"y\":\"" RFC7515_Y "\"}",
		EC(",\"d\":\"AQ\""),
		EC(",\"d\":null"),
		EC(",\"use\":\"enc\""),
		EC(",\"key_ops\":[\"sign\"]"),
		EC(",\"key_ops\":[]"),
		/* exponent with a leading zero; private member; exponents 1, 2, even, beyond 2^64; no exponent; 1024 bits */
		"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AAEAAQ\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAB\",\"p\":\"AQ\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQ\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"Ag\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAA\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"AQAAAAAAAAAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\",\"e\":\"\"}",
		"{\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\"}",
		"{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxu\",\"e\":\"AQAB\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" RFC8037_X "\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" RFC8037_X "\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC8037_X "\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}",
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_bad_key(*state, rows[i]);
}

static void assert_bad_point(struct op *op, const char *hex)
{
	struct bytes point;
	assert_ok(op, bytes_from_hex(op, hex, &point));
	assert_bad_key(op, arena_printf(op->arena, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}",
					bytes_to_base64url(op->arena, point)));
}

/* W10, J3: the eight encodings of small order, and y = p + 3, which is none of ours to accept. */
static void test_refuses_small_order(void **state)
{
	static const char *const points[] = {
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
		assert_bad_point(*state, points[i]);
}

/* W6, N6: 16384 bits, and a modulus that is even. */
static void test_refuses_odd_sizes(void **state)
{
	struct op *op = *state;
	uint8_t modulus[2048];
	memset(modulus, 0xff, sizeof modulus);
	assert_bad_key(op, arena_printf(op->arena, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}",
					bytes_to_base64url(op->arena, (struct bytes)BYTES_ARRAY(modulus))));
	modulus[255] = 0xfe;
	assert_bad_key(op, arena_printf(op->arena, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}",
					bytes_to_base64url(op->arena, (struct bytes){ modulus, 256 })));
}

/* W8, J4: the same modulus with a zero byte before it is refused, or one key would have two thumbprints. */
static void test_refuses_padded_modulus(void **state)
{
	struct op *op = *state;
	struct bytes n;
	uint8_t padded[257] = { 0 };
	assert_ok(op, bytes_from_base64url(op, BYTES_LITERAL(RFC7638_N), &n));
	assert_int_equal(n.n, 256);
	memcpy(padded + 1, n.p, n.n);
	assert_bad_key(op, arena_printf(op->arena, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}",
					bytes_to_base64url(op->arena, (struct bytes)BYTES_ARRAY(padded))));
}

/* Keys that no account can have: the CSR check asks. */
static void test_of_other_keys(void **state)
{
	struct op *op = *state;
	struct jwk jwk;
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-521");
	assert_non_null(key);
	assert_err(op, ERR_POLICY, jwk_of_key(op, key, &jwk));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_thumbprints),	       TEST(test_refuses),	 TEST(test_refuses_small_order),
		TEST(test_refuses_odd_sizes), TEST(test_refuses_padded_modulus), TEST(test_of_other_keys),
	};
	return RUN_TESTS(tests);
}
