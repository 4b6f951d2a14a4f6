/*
 * What ACME refuses, row by row: the exact problem type and status, a fresh
 * nonce with it, and afterwards not one row more in the store.
 */
#include "tests/fake/acme_client.h"
#include "tests/fake/fake_courier.h"
#include "tests/unit/check.h"

#include <openssl/pem.h>
#include <string.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "base/text.h"

struct scene {
	struct acme_house *house;
	struct acme_client *client, *other; /* both registered */
	const char *order, *finalize;       /* ready, of `client`, for a.t.test and b.t.test */
	const char *pending;                /* pending, for c.t.test */
	const char *certificate;            /* issued to `client`: base64url DER */
	const char *certificate_path;
};

static int64_t count_rows(struct scene *s)
{
	static const char *const tables[] = { "certificate", "acme_order", "acme_authorization", "acme_challenge",
					      "acme_account", "revocation" };
	int64_t n = 0;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		n = 1000 * n + acme_house_count(s->house, tables[i]);
	return n;
}

static void issue_one(struct scene *s)
{
	struct acme_client *c = s->client;
	const char *const names[] = { "d.t.test" };
	const char *order = acme_client_order(c, names[0]);
	acme_client_make_ready(c, order);
	struct acme_answer answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/finalize", order),
					      .payload = acme_client_csr(c, NULL, names, 1));
	assert_int_equal(answer.status, 200);
	s->certificate_path = acme_path(acme_answer_text(&answer, "certificate"));
	answer = ACME_SEND(c, .path = s->certificate_path);
	AUTO(BIO) *bio = BIO_new_mem_buf(answer.body, -1);
	AUTO(X509) *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	uint8_t *der = NULL;
	int n = i2d_X509(leaf, &der);
	s->certificate = bytes_to_base64url(c->op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
}

static int scene_setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	assert_non_null(s);
	s->house = acme_house_new();
	s->client = acme_client_new(s->house, "ES256");
	s->other = acme_client_new(s->house, "EdDSA");
	acme_client_register(s->client);
	acme_client_register(s->other);
	struct acme_answer answer =
		ACME_SEND(s->client, .path = "new-order",
			  .payload = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.t.test\"},{\"type\":\"dns\",\"value\":\"b.t.test\"}]}");
	s->order = answer.location;
	s->finalize = arena_printf(s->client->op->arena, "%s/finalize", s->order);
	acme_client_make_ready(s->client, s->order);
	s->pending = acme_client_order(s->client, "c.t.test");
	issue_one(s);
	*state = s;
	return 0;
}

static int scene_teardown(void **state)
{
	struct scene *s = *state;
	acme_client_free(&s->client);
	acme_client_free(&s->other);
	acme_house_free(&s->house);
	free(s);
	return 0;
}

#define SCENE(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

static void check_refused(struct scene *s, const char *row, int64_t rows_before, struct acme_answer answer, int status,
			  const char *problem)
{
	if (answer.status != status || !text_equal(answer.problem, problem))
		fail_msg("%s: expected %d %s, got %d %s: %s", row, status, problem, answer.status,
			 answer.problem != NULL ? answer.problem : "no problem", answer.body);
	if (!text_equal(answer.reply.content_type, "application/problem+json"))
		fail_msg("%s: not a problem document", row);
	if (acme_answer_header(&answer, "Replay-Nonce", 0) == NULL || acme_answer_header(&answer, "Replay-Nonce", 1) != NULL)
		fail_msg("%s: not exactly one fresh nonce", row); /* A10 */
	if (strstr(acme_answer_header(&answer, "Link", 0), "rel=\"index\"") == NULL)
		fail_msg("%s: no index link", row); /* A13 */
	if (count_rows(s) != rows_before)
		fail_msg("%s: rows changed", row);
}
#define REFUSED(s, row, status, problem, client, ...)                                          \
	do {                                                                                   \
		int64_t before_ = count_rows(s);                                               \
		struct acme_answer answer_ = ACME_SEND((client), __VA_ARGS__);                 \
		check_refused((s), (row), before_, answer_, (status), (problem));              \
	} while (0)

#define NEW_ORDER "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"x.t.test\"}]}"

/* A2 to A7, W1, W14, J1, J6: before anybody's rights are looked at. */
static void test_envelope(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	REFUSED(s, "A2 json", 415, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .content_type = "application/json");
	REFUSED(s, "A2 none", 415, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .content_type = "");
	REFUSED(s, "A3 header", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .outer_extra = ",\"header\":{}");
	REFUSED(s, "J6 signatures", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .outer_extra = ",\"signatures\":[]");
	REFUSED(s, "W1 crit", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .extra = ",\"crit\":[\"x\"]");
	REFUSED(s, "A3 b64", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .extra = ",\"b64\":false");
	REFUSED(s, "A4 both", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER,
		.extra = arena_printf(c->op->arena, ",\"jwk\":%s", c->jwk.json));
	REFUSED(s, "W2 twice", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .extra = ",\"alg\":\"ES256\"");
	REFUSED(s, "J1 none", 400, "badSignatureAlgorithm", c, .path = "new-order", .payload = NEW_ORDER, .alg = "none");
	REFUSED(s, "J1 HS256", 400, "badSignatureAlgorithm", c, .path = "new-order", .payload = NEW_ORDER, .alg = "HS256");
	REFUSED(s, "W14 RS256", 400, "badSignatureAlgorithm", c, .path = "new-order", .payload = NEW_ORDER, .alg = "RS256");
	REFUSED(s, "W14 ES384", 400, "badSignatureAlgorithm", c, .path = "new-order", .payload = NEW_ORDER, .alg = "ES384");
	REFUSED(s, "signature", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .is_signature_flipped = true);
	REFUSED(s, "A5 jwk", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .with_jwk = true);
	REFUSED(s, "A5 kid", 400, "malformed", c, .path = "new-account", .payload = "{}");
	REFUSED(s, "body", 400, "malformed", c, .path = "new-order", .body = "");
	REFUSED(s, "body", 400, "malformed", c, .path = "new-order", .body = "{}");
	struct acme_answer answer = ACME_SEND(c, .path = "new-order", .payload = NEW_ORDER, .alg = "PS256");
	assert_string_equal(acme_answer_item(&answer, "algorithms", 0), "ES256"); /* A6 */
	assert_int_equal(json_array_size(json_object_get(answer.json, "algorithms")), 4);
}

/* A6, W6, W9, J3 over the wire: the table of shapes is in test_jwk.c. */
static void test_keys(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	const char *json = c->jwk.json;
	REFUSED(s, "J3 private", 400, "badPublicKey", c, .path = "new-account", .payload = "{}", .with_jwk = true,
		.jwk = arena_printf(c->op->arena, "{\"d\":\"AQ\",%s", json + 1));
	REFUSED(s, "W9 use", 400, "badPublicKey", c, .path = "new-account", .payload = "{}", .with_jwk = true,
		.jwk = arena_printf(c->op->arena, "{\"use\":\"enc\",%s", json + 1));
	REFUSED(s, "J3 small order", 400, "badPublicKey", s->other, .path = "new-account", .payload = "{}", .with_jwk = true,
		.jwk = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
	REFUSED(s, "J3 off curve", 400, "badPublicKey", c, .path = "new-account", .payload = "{}", .with_jwk = true,
		.jwk = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","
		       "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}");
	/* Somebody else's key shown, one's own used. */
	REFUSED(s, "other signer", 400, "malformed", c, .path = "new-account", .payload = "{}", .with_jwk = true,
		.jwk = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		       "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
}

/* A9, J7 */
static void test_urls(void **state)
{
	static const char *const urls[] = {
		"https://other.example.internal:8443/acme/default/new-order",
		"http://ca.example.internal:8443/acme/default/new-order",
		"https://ca.example.internal/acme/default/new-order",
		"https://ca.example.internal:443/acme/default/new-order",
		"https://CA.example.internal:8443/acme/default/new-order",
		"https://ca.example.internal:8443/acme/default/new-order/",
		"https://ca.example.internal:8443/acme/default/new-order?x",
		"https://ca.example.internal:8443/acme/default/new-orde%72",
		"https://ca.example.internal:8443/acme/default/new-account",
		"https://ca.example.internal:8443//acme/default/new-order",
		"/acme/default/new-order",
		"",
	};
	struct scene *s = *state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
		REFUSED(s, urls[i], 401, "unauthorized", s->client, .path = "new-order", .payload = NEW_ORDER, .url = urls[i]);
}

/* A10, J8 */
static void test_nonces(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	struct acme_answer answer = ACME_SEND(c, .path = "new-nonce", .is_get = true);
	const char *nonce = acme_answer_header(&answer, "Replay-Nonce", 0);
	char *flipped = arena_text(c->op->arena, nonce);
	flipped[20] = flipped[20] == 'A' ? 'B' : 'A';
	REFUSED(s, "J8 flipped", 400, "badNonce", c, .path = "new-order", .payload = NEW_ORDER, .nonce = flipped);
	REFUSED(s, "J8 forged", 400, "badNonce", c, .path = "new-order", .payload = NEW_ORDER, .nonce = "AAAA");
	REFUSED(s, "A10 charset", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .nonce = "a=");
	REFUSED(s, "absent", 400, "badNonce", c, .path = "new-order",
		.header = arena_printf(c->op->arena, "{\"alg\":\"ES256\",\"url\":\"%s/acme/default/new-order\",\"kid\":\"%s\"}",
				       ACME_TEST_BASE, c->kid));
	/* Spent by a request that failed later; and the fresh one of an answer is good. */
	REFUSED(s, "bad signature", 400, "malformed", c, .path = "new-order", .payload = NEW_ORDER, .nonce = nonce,
		.is_signature_flipped = true);
	REFUSED(s, "J8 replay", 400, "badNonce", c, .path = "new-order", .payload = NEW_ORDER, .nonce = nonce);
	answer = ACME_SEND(c, .path = s->order, .nonce = nonce);
	assert_string_equal(answer.problem, "badNonce");
	answer = ACME_SEND(c, .path = s->order, .nonce = acme_answer_header(&answer, "Replay-Nonce", 0));
	assert_int_equal(answer.status, 200);
}

/* J9 */
static void test_kids(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	const char *id = strrchr(c->kid, '/') + 1;
	const char *const kids[] = {
		"",
		"1",
		id,
		"99999999999999999999999999",
		ACME_TEST_BASE "/acme/default/account/",
		ACME_TEST_BASE "/acme/default/account/unknown",
		ACME_TEST_BASE "/acme/default/account/*",
		ACME_TEST_BASE "/acme/default/account/%",
		arena_printf(c->op->arena, "%s/", c->kid),
		arena_printf(c->op->arena, "%s?x", c->kid),
		arena_printf(c->op->arena, ACME_TEST_BASE "/acme/terms/account/%s", id),
		arena_printf(c->op->arena, "https://other.internal:8443/acme/default/account/%s", id),
		arena_printf(c->op->arena, "http://ca.example.internal:8443/acme/default/account/%s", id),
	};
	for (size_t i = 0; i < sizeof kids / sizeof kids[0]; i++)
		REFUSED(s, kids[i], 400, "accountDoesNotExist", c, .path = "new-order", .payload = NEW_ORDER, .kid = kids[i]);
	REFUSED(s, "other's kid", 400, "badSignatureAlgorithm", c, .path = "new-order", .payload = NEW_ORDER, .kid = s->other->kid);
	struct acme_client *same_kind = acme_client_new(s->house, "ES256");
	same_kind->kid = c->kid;
	REFUSED(s, "stranger with our kid", 400, "malformed", same_kind, .path = "new-order", .payload = NEW_ORDER);
	acme_client_free(&same_kind);
}

/* A8, V13: every object of one account, by another; V22: ids that are none. */
static void test_foreign_objects(void **state)
{
	struct scene *s = *state;
	const char *challenge = acme_client_challenge(s->client, s->pending, 0);
	struct acme_answer order = ACME_SEND(s->client, .path = s->pending);
	const char *authz = acme_path(acme_answer_item(&order, "authorizations", 0));
	const char *account = acme_path(s->client->kid);
	const char *const paths[] = { s->order, s->finalize, challenge, authz, account, s->certificate_path,
				      arena_printf(s->client->op->arena, "%s/orders", account) };
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		REFUSED(s, paths[i], 403, "unauthorized", s->other, .path = paths[i],
			.payload = i == 1 ? "{\"csr\":\"AAAA\"}" : NULL);
	REFUSED(s, "deactivate", 403, "unauthorized", s->other, .path = authz, .payload = "{\"status\":\"deactivated\"}");
	REFUSED(s, "respond", 403, "unauthorized", s->other, .path = challenge, .payload = "{}");
	assert_int_equal(fake_courier_waiting(), 0);
	/* The same id below the other endpoint, with an account there. */
	struct acme_client *elsewhere = acme_client_new(s->house, "ES256");
	elsewhere->endpoint = "terms";
	acme_client_register(elsewhere);
	REFUSED(s, "other endpoint", 403, "unauthorized", elsewhere,
		.path = arena_printf(elsewhere->op->arena, "order/%s", strrchr(s->order, '/') + 1));
	acme_client_free(&elsewhere);

	static const char *const unknown[] = { "order/x", "order/*", "order/%25", "order/'", "authz/x", "challenge/x",
					       "cert/00", "cert/%", "order/x/finalize", "order/a.b" };
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		REFUSED(s, unknown[i], 404, "malformed", s->client, .path = unknown[i]);
}

/* A7 */
static void test_reads(void **state)
{
	struct scene *s = *state;
	REFUSED(s, "A7 order", 400, "malformed", s->client, .path = s->order, .payload = "{}");
	REFUSED(s, "A7 certificate", 400, "malformed", s->client, .path = s->certificate_path, .payload = "{}");
	REFUSED(s, "A26 accept", 406, "malformed", s->client, .path = s->certificate_path, .accept = "application/pkix-cert");
	const char *const paths[] = { "new-account", "new-order", "revoke-cert", s->order, s->finalize, s->certificate_path };
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct acme_answer answer = ACME_SEND(s->client, .path = paths[i], .is_get = true);
		assert_int_equal(answer.status, 405);
		assert_string_equal(answer.problem, "malformed");
	}
}

/* A19, A20 */
static void test_accounts(void **state)
{
	struct scene *s = *state;
	struct acme_client *fresh = acme_client_new(s->house, "ES256");
	static const struct {
		const char *payload;
		int status;
		const char *problem;
	} rows[] = {
		{ "{\"onlyReturnExisting\":true}", 400, "accountDoesNotExist" },
		{ "{\"contact\":[\"tel:1\"]}", 400, "unsupportedContact" },
		{ "{\"contact\":[\"mailto:a@t.test?subject=x\"]}", 400, "invalidContact" },
		{ "{\"contact\":[\"mailto:a@t.test,b@t.test\"]}", 400, "invalidContact" },
		{ "{\"contact\":\"mailto:a@t.test\"}", 400, "malformed" },
		{ "{\"contact\":[],\"contact\":[]}", 400, "malformed" },
		{ "{\"termsOfServiceAgreed\":\"yes\"}", 400, "malformed" },
		{ "{\"onlyReturnExisting\":1}", 400, "malformed" },
		{ "", 400, "malformed" },
		{ "[]", 400, "malformed" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		REFUSED(s, rows[i].payload, rows[i].status, rows[i].problem, fresh, .path = "new-account",
			.payload = rows[i].payload);
	fresh->endpoint = "terms";
	static const char *const disagreeing[] = { "{}", "{\"termsOfServiceAgreed\":false}" };
	for (size_t i = 0; i < 2; i++) {
		REFUSED(s, "terms", 403, "userActionRequired", fresh, .path = "new-account", .payload = disagreeing[i]);
		struct acme_answer answer = ACME_SEND(fresh, .path = "new-account", .payload = disagreeing[i]);
		assert_string_equal(acme_answer_header(&answer, "Link", 1), "<" ACME_TEST_TERMS ">;rel=\"terms-of-service\"");
	}
	acme_client_free(&fresh);
}

static const char *order_of(struct scene *s, const char *type, const char *value, const char *more)
{
	return arena_printf(s->client->op->arena,
			    "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"x.t.test\"},{\"type\":\"%s\",\"value\":\"%s\"}]%s}", type,
			    value, more);
}

/* A11, A12, A24, N1, R1, V35 */
static void test_orders(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	static const struct {
		const char *type, *value, *more;
		const char *problem;
	} rows[] = {
		{ "dns", "*.t.test", "", "rejectedIdentifier" },
		{ "dns", "127.0.0.1", "", "rejectedIdentifier" },
		{ "dns", "a.elsewhere.test", "", "rejectedIdentifier" },
		{ "dns", "at.test", "", "rejectedIdentifier" },
		{ "dns", "t.test.", "", "rejectedIdentifier" },
		{ "ip", "192.0.2.1", "", "unsupportedIdentifier" },
		{ "dns", "y.t.test", ",\"notBefore\":\"2000-01-01T00:00:00Z\"", "malformed" },
		{ "dns", "y.t.test", ",\"notAfter\":\"2000-01-01T00:00:00Z\"", "malformed" },
		{ "dns", "y.t.test", ",\"notAfter\":\"2100-01-01T00:00:00Z\"", "malformed" },
		{ "dns", "y.t.test", ",\"notBefore\":\"soon\"", "malformed" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		REFUSED(s, rows[i].value, 400, rows[i].problem, c, .path = "new-order",
			.payload = order_of(s, rows[i].type, rows[i].value, rows[i].more));

	struct acme_answer answer = ACME_SEND(c, .path = "new-order",
					      .payload = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"*.t.test\"},"
							 "{\"type\":\"dns\",\"value\":\"ok.t.test\"},{\"type\":\"ip\",\"value\":\"::1\"},"
							 "{\"type\":\"dns\",\"value\":\"a.other.test\"}]}");
	assert_string_equal(answer.problem, "compound");
	assert_int_equal(json_array_size(json_object_get(answer.json, "subproblems")), 3);
	const json_t *first = json_array_get(json_object_get(answer.json, "subproblems"), 0);
	assert_string_equal(json_string_value(json_object_get(json_object_get(first, "identifier"), "value")), "*.t.test");
	assert_non_null(strstr(json_string_value(json_object_get(first, "detail")), "dns-01")); /* N1 */

	for (unsigned i = 0; i < 3; i++) /* two of five are open already */
		acme_client_order(c, "x.t.test");
	REFUSED(s, "A11", 429, "rateLimited", c, .path = "new-order", .payload = NEW_ORDER);
	answer = ACME_SEND(c, .path = "new-order", .payload = NEW_ORDER);
	assert_non_null(acme_answer_header(&answer, "Retry-After", 0));
	acme_client_order(s->other, "x.t.test"); /* of others nobody is in the way */
}

static const char *csr(struct scene *s, EVP_PKEY *key, const char *first, const char *second, const char *third)
{
	const char *const names[] = { first, second, third };
	unsigned n = first == NULL ? 0 : second == NULL ? 1 : third == NULL ? 2 : 3;
	return acme_client_csr(s->client, key, names, n);
}

/* A25, V9, V48, N6, N7: and the order is ready all the same. */
static void test_finalize(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	AUTO(EVP_PKEY) *p384 = acme_test_key("ES384");
	AUTO(EVP_PKEY) *rsa1024 = EVP_RSA_gen(1024);
	REFUSED(s, "missing", 400, "badCSR", c, .path = s->finalize, .payload = csr(s, NULL, "a.t.test", NULL, NULL));
	REFUSED(s, "extra", 400, "badCSR", c, .path = s->finalize, .payload = csr(s, NULL, "a.t.test", "b.t.test", "c.t.test"));
	REFUSED(s, "other", 400, "badCSR", c, .path = s->finalize, .payload = csr(s, NULL, "a.t.test", "c.t.test", NULL));
	REFUSED(s, "V48", 400, "badCSR", c, .path = s->finalize, .payload = csr(s, NULL, "a.t.test", "a.t.test", NULL));
	REFUSED(s, "N1", 400, "badCSR", c, .path = s->finalize, .payload = csr(s, NULL, "*.t.test", "b.t.test", NULL));
	REFUSED(s, "none", 400, "badCSR", c, .path = s->finalize, .payload = csr(s, NULL, NULL, NULL, NULL));
	REFUSED(s, "N7 own account", 400, "badCSR", c, .path = s->finalize, .payload = csr(s, c->key, "a.t.test", "b.t.test", NULL));
	REFUSED(s, "N7 other account", 400, "badCSR", c, .path = s->finalize,
		.payload = csr(s, s->other->key, "a.t.test", "b.t.test", NULL));
	REFUSED(s, "key type", 400, "badCSR", c, .path = s->finalize, .payload = csr(s, p384, "a.t.test", "b.t.test", NULL));
	REFUSED(s, "N6", 400, "badCSR", c, .path = s->finalize, .payload = csr(s, rsa1024, "a.t.test", "b.t.test", NULL));
	REFUSED(s, "not DER", 400, "badCSR", c, .path = s->finalize, .payload = "{\"csr\":\"AAAA\"}");
	REFUSED(s, "empty", 400, "badCSR", c, .path = s->finalize, .payload = "{\"csr\":\"\"}");
	REFUSED(s, "A1", 400, "malformed", c, .path = s->finalize, .payload = "{\"csr\":\"AA==\"}");
	REFUSED(s, "no csr", 400, "malformed", c, .path = s->finalize, .payload = "{}");
	REFUSED(s, "POST-as-GET", 400, "malformed", c, .path = s->finalize);
	REFUSED(s, "pending", 403, "orderNotReady", c, .path = arena_printf(c->op->arena, "%s/finalize", s->pending),
		.payload = csr(s, NULL, "c.t.test", NULL, NULL));
	struct acme_answer answer = ACME_SEND(c, .path = s->order);
	assert_string_equal(acme_answer_text(&answer, "status"), "ready");
	answer = ACME_SEND(c, .path = s->finalize, .payload = csr(s, NULL, "b.t.test", "a.t.test", NULL));
	assert_int_equal(answer.status, 200);
	REFUSED(s, "valid", 403, "orderNotReady", c, .path = s->finalize, .payload = csr(s, NULL, "a.t.test", "b.t.test", NULL));
}

static const char *revocation(struct scene *s, const char *certificate, const char *more)
{
	return arena_printf(s->client->op->arena, "{\"certificate\":\"%s\"%s}", certificate, more);
}

/* A29, V43 */
static void test_revocation(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	struct op *op = c->op;
	struct bytes der;
	assert_ok(op, bytes_from_base64url(op, bytes_of_text(s->certificate), &der));
	uint8_t *changed = arena_alloc(op->arena, der.n + 1);
	memcpy(changed, der.p, der.n);
	changed[der.n - 1] ^= 1; /* in the signature: the serial is the same */
	const char *forged = bytes_to_base64url(op->arena, (struct bytes){ changed, der.n });
	changed[der.n - 1] ^= 1;
	const char *longer = bytes_to_base64url(op->arena, (struct bytes){ changed, der.n + 1 });

	REFUSED(s, "other account", 403, "unauthorized", s->other, .path = "revoke-cert", .payload = revocation(s, s->certificate, ""));
	REFUSED(s, "other key", 403, "unauthorized", s->other, .path = "revoke-cert", .with_jwk = true,
		.payload = revocation(s, s->certificate, ""));
	REFUSED(s, "kid unprotected", 400, "malformed", s->other, .path = "revoke-cert",
		.payload = revocation(s, s->certificate, ""),
		.outer_extra = arena_printf(op->arena, ",\"header\":{\"kid\":\"%s\"}", c->kid));
	REFUSED(s, "forged", 404, "malformed", c, .path = "revoke-cert", .payload = revocation(s, forged, ""));
	REFUSED(s, "trailing", 400, "malformed", c, .path = "revoke-cert", .payload = revocation(s, longer, ""));
	REFUSED(s, "not DER", 400, "malformed", c, .path = "revoke-cert", .payload = revocation(s, "AAAA", ""));
	REFUSED(s, "none", 400, "malformed", c, .path = "revoke-cert", .payload = "{}");
	static const char *const reasons[] = { "2", "6", "7", "8", "10", "11", "-1", "99999999999", "\"1\"", "1.5", "null" };
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		REFUSED(s, reasons[i], 400, "badRevocationReason", c, .path = "revoke-cert",
			.payload = revocation(s, s->certificate, arena_printf(op->arena, ",\"reason\":%s", reasons[i])));
}

/* V40: what we say is printable, whatever was sent. */
static void test_printable(void **state)
{
	struct scene *s = *state;
	struct acme_answer answer = ACME_SEND(s->client, .path = "new-order",
					      .payload = order_of(s, "dns", "\\u001b[31m\\u0007\\r\\nSet-Cookie: x\\u202e", ""));
	assert_int_equal(answer.status, 400);
	for (const char *p = answer.body; *p != '\0'; p++)
		assert_true((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
	assert_null(strstr(answer.body, "\\u001b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_envelope),  SCENE(test_keys),   SCENE(test_urls),	 SCENE(test_nonces),
		SCENE(test_kids),      SCENE(test_foreign_objects), SCENE(test_reads), SCENE(test_accounts),
		SCENE(test_orders),    SCENE(test_finalize), SCENE(test_revocation), SCENE(test_printable),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
