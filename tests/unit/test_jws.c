/* JWS: vectors of the RFCs, forms that must be refused. Rows A1, A3, A4, A6, W1 to W5, W10, W12, W14, W15, J1, J2, J5, J6, J10, J11. */
#include "protocols/acme/jws.h"
#include "protocols/acme/jwk.h"
#include "protocols/acme/problem.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <string.h>

#include "base/openssl_auto.h"

#define HEADER "\"alg\":\"ES256\",\"nonce\":\"abc\",\"url\":\"https://a/b\",\"kid\":\"https://a/account/1\""

static char *wrap(struct op *op, const char *header, const char *payload, const char *more)
{
	return arena_printf(op->arena, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"AAAA\"%s}",
			    bytes_to_base64url(op->arena, bytes_of_text(header)), payload, more);
}

static void assert_refused(struct op *op, const char *body, enum acme_problem problem)
{
	struct jws jws = { 0 };
	result r = jws_parse(op, bytes_of_text(body), &jws);
	jws_clear(&jws);
	if (r.err == ERR_NONE || acme_problem_of(op) != problem)
		fail_msg("expected %s, got %s (%s): %.120s", acme_problem_type(problem),
			 r.err == ERR_NONE ? "none" : acme_problem_type(acme_problem_of(op)), op->detail, body);
	op_clear_failure(op);
}

static void test_parse(void **state)
{
	struct op *op = *state;
	struct jws jws = { 0 };

	/* W15: jku, x5u, x5c and typ are nothing to us; unknown members of the outer object neither. */
	assert_ok(op, jws_parse(op,
				bytes_of_text(wrap(op, "{" HEADER ",\"typ\":\"x\",\"jku\":\"http://b/\",\"x5u\":\"http://b/\",\"x5c\":[]}",
						   "e30", ",\"comment\":1")),
				&jws));
	assert_int_equal(jws.algorithm, JWS_ES256);
	assert_string_equal(jws.nonce, "abc");
	assert_string_equal(jws.url, "https://a/b");
	assert_string_equal(jws.kid, "https://a/account/1");
	assert_null(jws.jwk);
	assert_true(bytes_equal_text(jws.payload, "{}"));
	assert_int_equal(jws.signature.n, 3);
	jws_clear(&jws);

	/* A7: the empty payload of POST-as-GET. */
	assert_ok(op, jws_parse(op, bytes_of_text(wrap(op, "{" HEADER "}", "", "")), &jws));
	assert_int_equal(jws.payload.n, 0);
	jws_clear(&jws);
}

static void test_refused_headers(void **state)
{
	static const struct {
		enum acme_problem problem;
		const char *header;
	} rows[] = {
		/* A6, J1: nothing but the four; also no MAC with a public key as its secret */
		{ ACME_BAD_SIGNATURE_ALGORITHM, "{\"alg\":\"none\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_BAD_SIGNATURE_ALGORITHM, "{\"alg\":\"None\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_BAD_SIGNATURE_ALGORITHM, "{\"alg\":\"NONE\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_BAD_SIGNATURE_ALGORITHM, "{\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_BAD_SIGNATURE_ALGORITHM, "{\"alg\":\"HS256\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_BAD_SIGNATURE_ALGORITHM, "{\"alg\":\"es256\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_BAD_SIGNATURE_ALGORITHM, "{\"alg\":\"RS1\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_BAD_SIGNATURE_ALGORITHM, "{\"alg\":\"ES512\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_MALFORMED, "{\"alg\":5,\"nonce\":\"a\",\"url\":\"u\",\"kid\":\"k\"}" },
		/* W1, J6 */
		{ ACME_MALFORMED, "{" HEADER ",\"crit\":[\"x\"]}" },
		{ ACME_MALFORMED, "{" HEADER ",\"crit\":[]}" },
		{ ACME_MALFORMED, "{" HEADER ",\"crit\":[\"alg\"]}" },
		{ ACME_MALFORMED, "{" HEADER ",\"crit\":null}" },
		{ ACME_MALFORMED, "{" HEADER ",\"b64\":false,\"crit\":[\"b64\"]}" },
		{ ACME_MALFORMED, "{" HEADER ",\"b64\":false}" },
		{ ACME_MALFORMED, "{" HEADER ",\"b64\":true}" },
		/* A4, J9 */
		{ ACME_MALFORMED, "{" HEADER ",\"jwk\":{\"kty\":\"EC\"}}" },
		{ ACME_MALFORMED, "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":\"u\"}" },
		{ ACME_MALFORMED, "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":\"u\",\"kid\":7}" },
		{ ACME_MALFORMED, "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":\"u\",\"jwk\":\"x\"}" },
		{ ACME_MALFORMED, "{\"alg\":\"ES256\",\"nonce\":\"a\",\"kid\":\"k\"}" },
		{ ACME_MALFORMED, "{\"alg\":\"ES256\",\"nonce\":\"a\",\"url\":[\"u\"],\"kid\":\"k\"}" },
		/* A10: the charset of nonces */
		{ ACME_MALFORMED, "{\"alg\":\"ES256\",\"nonce\":\"\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_MALFORMED, "{\"alg\":\"ES256\",\"nonce\":\"a=\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_MALFORMED, "{\"alg\":\"ES256\",\"nonce\":\"a+b\",\"url\":\"u\",\"kid\":\"k\"}" },
		{ ACME_MALFORMED, "{\"alg\":\"ES256\",\"nonce\":1,\"url\":\"u\",\"kid\":\"k\"}" },
		/* W2, W3, J5, J10 */
		{ ACME_MALFORMED, "{" HEADER ",\"alg\":\"ES256\"}" },
		{ ACME_MALFORMED, "{" HEADER ",\"nonce\":\"abd\"}" },
		{ ACME_MALFORMED, "{" HEADER ",\"x\":{\"a\":1,\"a\":2}}" },
		{ ACME_MALFORMED, "{" HEADER ",\"x\":\"\\u0000\"}" },
		{ ACME_MALFORMED, "{" HEADER ",\"x\":\"\\ud800\"}" },
		{ ACME_MALFORMED, "{" HEADER ",\"x\":1e400}" },
		{ ACME_MALFORMED, "{" HEADER ",\"x\":99999999999999999999999}" },
		{ ACME_MALFORMED, "{" HEADER "} " "x" },
		{ ACME_MALFORMED, "{" HEADER ",\"x\":\"\xff\"}" },
		{ ACME_MALFORMED, "\xef\xbb\xbf{" HEADER "}" },
		{ ACME_MALFORMED, "[]" },
		{ ACME_MALFORMED, "\"text\"" },
		{ ACME_MALFORMED, "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_refused(*state, wrap(*state, rows[i].header, "e30", ""), rows[i].problem);
}

/* A1, A3, W4, W12, J5, J6, J11 */
static void test_refused_outer(void **state)
{
	struct op *op = *state;
	const char *good = bytes_to_base64url(op->arena, bytes_of_text("{" HEADER "}"));
	const char *const rows[] = {
		wrap(op, "{" HEADER "}", "e30", ",\"header\":{\"kid\":\"k\"}"),
		wrap(op, "{" HEADER "}", "e30", ",\"header\":{}"),
		wrap(op, "{" HEADER "}", "e30", ",\"signatures\":[]"),
		wrap(op, "{" HEADER "}", "e30", ",\"payload\":\"e30\""),
		wrap(op, "{" HEADER "}", "e30=", ""),
		wrap(op, "{" HEADER "}", "e31", ""), /* stray bits: not canonical */
		wrap(op, "{" HEADER "}", "a+b/", ""),
		wrap(op, "{" HEADER "}", "e3 0", ""),
		wrap(op, "{" HEADER "}", "e30\\n", ""),
		wrap(op, "{" HEADER "}", "e", ""),
		arena_printf(op->arena, "{\"protected\":\"%s=\",\"payload\":\"\",\"signature\":\"AAAA\"}", good),
		arena_printf(op->arena, "{\"protected\":\"%s\",\"signature\":\"AAAA\"}", good), /* detached */
		arena_printf(op->arena, "{\"protected\":\"%s\",\"payload\":null,\"signature\":\"AAAA\"}", good),
		arena_printf(op->arena, "{\"protected\":\"%s\",\"payload\":{},\"signature\":\"AAAA\"}", good),
		arena_printf(op->arena, "{\"protected\":\"%s\",\"payload\":\"\"}", good),
		arena_printf(op->arena, "{\"payload\":\"\",\"signature\":\"AAAA\"}"),
		arena_printf(op->arena, "%s.e30.AAAA", good), /* compact */
		arena_printf(op->arena, "[{\"protected\":\"%s\",\"payload\":\"\",\"signature\":\"AAAA\"}]", good),
		"",
		"{}",
		"null",
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_refused(op, rows[i], ACME_MALFORMED);
}

/* J10: deep nesting costs no stack. */
static void test_deep(void **state)
{
	struct op *op = *state;
	char deep[6001];
	memset(deep, '[', 3000);
	memset(deep + 3000, ']', 3000);
	deep[6000] = '\0';
	assert_refused(op, wrap(op, arena_printf(op->arena, "{" HEADER ",\"x\":%s}", deep), "e30", ""), ACME_MALFORMED);
	assert_refused(op, deep, ACME_MALFORMED);
}

struct vector {
	const char *jwk;
	enum jws_algorithm algorithm;
	const char *message, *signature;
};

static const struct vector rfc7515_a3 = {
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
	JWS_ES256,
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
	"cnVlfQ",
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
};
static const struct vector rfc8037_a4 = {
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	JWS_EDDSA,
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
};

static result verify(struct op *op, const struct vector *vector, enum jws_algorithm algorithm, struct bytes signature)
{
	struct jwk jwk;
	AUTO(EVP_PKEY) *key = NULL;
	struct jws jws = { .algorithm = algorithm, .signing_input = bytes_of_text(vector->message), .signature = signature };
	assert_ok(op, jwk_parse_text(op, vector->jwk, &jwk));
	assert_ok(op, jwk_key(op, &jwk, &key));
	return jws_verify(op, &jws, key);
}

static struct bytes signature_of(struct op *op, const struct vector *vector)
{
	struct bytes signature;
	assert_ok(op, bytes_from_base64url(op, bytes_of_text(vector->signature), &signature));
	return arena_bytes(op->arena, signature);
}

static void test_vectors(void **state)
{
	struct op *op = *state;
	assert_ok(op, verify(op, &rfc7515_a3, JWS_ES256, signature_of(op, &rfc7515_a3)));
	assert_ok(op, verify(op, &rfc8037_a4, JWS_EDDSA, signature_of(op, &rfc8037_a4)));
}

/* Every bit counts. */
static void test_flipped_bits(void **state)
{
	struct op *op = *state;
	const struct vector *const vectors[] = { &rfc7515_a3, &rfc8037_a4 };
	for (size_t v = 0; v < 2; v++) {
		struct bytes signature = signature_of(op, vectors[v]);
		uint8_t *p = (uint8_t *)(uintptr_t)signature.p;
		for (size_t bit = 0; bit < 8 * signature.n; bit += 7) {
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_err(op, ERR_MALFORMED, verify(op, vectors[v], vectors[v]->algorithm, signature));
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* W14: the algorithm must be the one of the key. */
static void test_confused_types(void **state)
{
	struct op *op = *state;
	static const enum jws_algorithm wrong[] = { JWS_ES384, JWS_RS256, JWS_EDDSA };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		result r = verify(op, &rfc7515_a3, wrong[i], signature_of(op, &rfc7515_a3));
		assert_int_not_equal(r.err, ERR_NONE);
		assert_int_equal(op->code, ACME_BAD_SIGNATURE_ALGORITHM);
		op_clear_failure(op);
	}
}

#define P256_ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE32 "0000000000000000000000000000000000000000000000000000000000000001"

/* W5, J2: the signatures of CVE-2022-21449 and of wrong lengths; DER in place of R || S. */
static void test_psychic_signatures(void **state)
{
	struct op *op = *state;
	static const char *const hex[] = {
		ZERO32 ZERO32, ZERO32 ONE32, ONE32 ZERO32, P256_ORDER P256_ORDER, P256_ORDER ONE32, ONE32 P256_ORDER,
		"", ZERO32, ONE32 "00" ONE32, "3006020101020101",
	};
	for (size_t i = 0; i < sizeof hex / sizeof hex[0]; i++) {
		struct bytes signature;
		assert_ok(op, bytes_from_hex(op, hex[i], &signature));
		assert_err(op, ERR_MALFORMED, verify(op, &rfc7515_a3, JWS_ES256, signature));
	}
	struct bytes good = signature_of(op, &rfc7515_a3);
	assert_err(op, ERR_MALFORMED, verify(op, &rfc7515_a3, JWS_ES256, (struct bytes){ good.p, 63 }));
	uint8_t longer[65] = { 0 };
	memcpy(longer, good.p, 64);
	assert_err(op, ERR_MALFORMED, verify(op, &rfc7515_a3, JWS_ES256, (struct bytes)BYTES_ARRAY(longer)));
}

/* W10: S + L is the same number modulo L and must not verify (RFC 8032 section 5.1.7). */
static void test_ed25519_malleable(void **state)
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
					   0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
	struct op *op = *state;
	struct bytes signature = signature_of(op, &rfc8037_a4);
	uint8_t *s = (uint8_t *)(uintptr_t)signature.p + 32;
	unsigned carry = 0;
	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)s[i] + order[i];
		s[i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_err(op, ERR_MALFORMED, verify(op, &rfc8037_a4, JWS_EDDSA, signature));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parse),	  TEST(test_refused_headers),	 TEST(test_refused_outer),
		TEST(test_deep),	  TEST(test_vectors),		 TEST(test_flipped_bits),
		TEST(test_confused_types), TEST(test_psychic_signatures), TEST(test_ed25519_malleable),
	};
	return RUN_TESTS(tests);
}
