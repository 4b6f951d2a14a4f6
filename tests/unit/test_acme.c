/*
 * ACME as a plain client goes through it, from order to revocation: handlers as
 * functions over a real store, ledger and CA. What is refused is in
 * test_acme_refusals.c, accounts and validation in files of their own.
 */
#include "tests/unit/acme_scene.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <string.h>

#include "base/openssl_auto.h"
#include "tests/fake/fake_courier.h"

static STACK_OF(X509) *read_chain(const char *pem)
{
	AUTO(BIO) *bio = BIO_new_mem_buf(pem, -1);
	STACK_OF(X509) *chain = sk_X509_new_null();
	for (X509 *one; (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL;)
		sk_X509_push(chain, one);
	ERR_clear_error();
	return chain;
}

/* The whole way; A13, A15, A16, A17, A25, A26, A27, A30, A32. */
static void test_issuance(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	const char *const names[] = { "b.t.test", "a.t.test" };
	struct acme_answer answer = ACME_SEND(
		c, .path = "new-order",
		.payload = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"B.t.test\"},{\"type\":\"dns\",\"value\":\"a.t.test\"},"
			   "{\"type\":\"dns\",\"value\":\"b.t.test\"}]}");
	assert_status(&answer, 201);
	const char *order = answer.location;
	assert_string_equal(acme_answer_text(&answer, "status"), "pending");
	assert_non_null(acme_answer_text(&answer, "expires"));
	assert_int_equal(json_array_size(json_object_get(answer.json, "identifiers")), 2);
	assert_int_equal(json_array_size(json_object_get(answer.json, "authorizations")), 2);
	AUTO(json_t) *authorizations = json_deep_copy(json_object_get(answer.json, "authorizations"));
	const char *finalize = acme_path(acme_answer_text(&answer, "finalize"));

	struct acme_answer authz = ACME_SEND(c, .path = acme_path(json_string_value(json_array_get(authorizations, 0))));
	assert_state(&authz, "pending");
	assert_non_null(acme_answer_header(&authz, "Retry-After", 0));
	assert_null(json_object_get(authz.json, "wildcard")); /* A16 */
	assert_string_equal(json_string_value(json_object_get(json_object_get(authz.json, "identifier"), "value")), "a.t.test");
	const json_t *shown = json_array_get(json_object_get(authz.json, "challenges"), 0);
	assert_string_equal(json_string_value(json_object_get(shown, "type")), "http-01");
	assert_int_equal(json_string_length(json_object_get(shown, "token")), 22); /* A30: 128 bits */

	for (unsigned i = 0; i < 2; i++) {
		const char *challenge = acme_client_challenge(c, order, i);
		answer = ACME_SEND(c, .path = challenge, .payload = "{}");
		assert_state(&answer, "processing");
		assert_non_null(strstr(acme_answer_header(&answer, "Link", 1), "rel=\"up\"")); /* A27 */
		assert_non_null(acme_answer_header(&answer, "Retry-After", 0));
		answer = ACME_SEND(c, .path = challenge, .payload = "{}"); /* again: harmless */
		assert_state(&answer, "processing");
		assert_int_equal(fake_courier_waiting(), 1);
		assert_string_equal(fake_courier_host(0), i == 0 ? "a.t.test" : "b.t.test");
		acme_house_probe(s->house, c->jwk.thumbprint, i == 0 ? ANSWER_RIGHT : ANSWER_RIGHT_WITH_BLANKS); /* A32 */
		answer = ACME_SEND(c, .path = challenge, .payload = "{}");
		assert_state(&answer, "valid");
		assert_non_null(acme_answer_text(&answer, "validated")); /* A30 */
		assert_int_equal(fake_courier_waiting(), 0);
		answer = ACME_SEND(c, .path = order);
		assert_state(&answer, i == 0 ? "pending" : "ready"); /* A17: only when all are valid */
	}
	answer = ACME_SEND(c, .path = finalize, .payload = acme_client_csr(c, NULL, names, 2));
	assert_state(&answer, "valid");
	assert_string_equal(answer.location, order);
	const char *url = acme_answer_text(&answer, "certificate");
	assert_non_null(url);
	assert_true(json_equal(authorizations, json_object_get(answer.json, "authorizations"))); /* A15 */

	struct acme_answer first = ACME_SEND(c, .path = acme_path(url));
	assert_status(&first, 200);
	assert_string_equal(first.reply.content_type, "application/pem-certificate-chain");
	STACK_OF(X509) *chain = read_chain(first.body);
	assert_int_equal(sk_X509_num(chain), 2); /* leaf and issuing CA; the root is left to the client */
	X509 *leaf = sk_X509_value(chain, 0);
	assert_int_equal(X509_verify(leaf, X509_get0_pubkey(sk_X509_value(chain, 1))), 1);
	assert_int_equal(X509_check_host(leaf, "a.t.test", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(leaf, "b.t.test", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(leaf, "t.test", 0, 0, NULL), 0);
	sk_X509_pop_free(chain, X509_free);
	struct acme_answer second = ACME_SEND(c, .path = acme_path(url), .accept = "application/*");
	assert_string_equal(first.body, second.body); /* A26: never changes */
	answer = ACME_SEND(c, .path = acme_path(url), .accept = "application/pkix-cert");
	assert_status(&answer, 406);
}

/* A24: honoured to the second. */
static void test_times(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	int64_t from = clock_now_s() + 600, to = from + 86400;
	const char *const names[] = { "a.t.test" };
	struct acme_answer answer =
		ACME_SEND(c, .path = "new-order",
			  .payload = arena_printf(c->op->arena,
						  "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.t.test\"}],\"notBefore\":\"%s\","
						  "\"notAfter\":\"%s\"}",
						  clock_rfc3339(c->op->arena, from), clock_rfc3339(c->op->arena, to)));
	assert_status(&answer, 201);
	assert_string_equal(acme_answer_text(&answer, "notBefore"), clock_rfc3339(c->op->arena, from));
	const char *order = answer.location;
	acme_client_make_ready(c, order);
	answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/finalize", order),
			   .payload = acme_client_csr(c, NULL, names, 1));
	assert_state(&answer, "valid");
	answer = ACME_SEND(c, .path = acme_path(acme_answer_text(&answer, "certificate")));
	STACK_OF(X509) *chain = read_chain(answer.body);
	AUTO(ASN1_TIME) *before = ASN1_TIME_set(NULL, (time_t)from);
	AUTO(ASN1_TIME) *after = ASN1_TIME_set(NULL, (time_t)to);
	assert_int_equal(ASN1_TIME_compare(X509_get0_notBefore(sk_X509_value(chain, 0)), before), 0);
	assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(sk_X509_value(chain, 0)), after), 0);
	sk_X509_pop_free(chain, X509_free);
}

static const char *issue_for(struct acme_client *c, EVP_PKEY *key, const char *name, const char **url)
{
	const char *const names[] = { name };
	const char *order = acme_client_order(c, name);
	acme_client_make_ready(c, order);
	struct acme_answer answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/finalize", order),
					      .payload = acme_client_csr(c, key, names, 1));
	assert_state(&answer, "valid");
	*url = acme_path(acme_answer_text(&answer, "certificate"));
	answer = ACME_SEND(c, .path = *url);
	STACK_OF(X509) *chain = read_chain(answer.body);
	uint8_t *der = NULL;
	int n = i2d_X509(sk_X509_value(chain, 0), &der);
	const char *text = bytes_to_base64url(c->op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	sk_X509_pop_free(chain, X509_free);
	return text;
}

/* A29: the three who may, each once; after that it is revoked already. */
static void test_revocation(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client, *holder = acme_client_new(s->house, "ES384");
	const char *url, *unused;
	acme_client_register(holder);

	const char *payload = arena_printf(c->op->arena, "{\"certificate\":\"%s\",\"reason\":4}", issue_for(c, NULL, "a.t.test", &url));
	struct acme_answer answer = ACME_SEND(c, .path = "revoke-cert", .payload = payload);
	assert_status(&answer, 200);
	answer = ACME_SEND(c, .path = "revoke-cert", .payload = payload);
	assert_status(&answer, 400);
	assert_string_equal(answer.problem, "alreadyRevoked");

	AUTO(EVP_PKEY) *key = acme_test_key("ES256");
	payload = arena_printf(c->op->arena, "{\"certificate\":\"%s\"}", issue_for(c, key, "b.t.test", &url));
	struct acme_client *by_key = acme_client_new(s->house, "ES256");
	EVP_PKEY_free(by_key->key);
	by_key->key = TAKE(key);
	assert_ok(c->op, jwk_of_key(by_key->op, by_key->key, &by_key->jwk));
	answer = ACME_SEND(by_key, .path = "revoke-cert", .payload = payload, .with_jwk = true);
	assert_status(&answer, 200);

	payload = arena_printf(c->op->arena, "{\"certificate\":\"%s\"}", issue_for(c, NULL, "c.t.test", &url));
	answer = ACME_SEND(holder, .path = "revoke-cert", .payload = payload);
	assert_status(&answer, 403);
	issue_for(holder, NULL, "c.t.test", &unused);
	answer = ACME_SEND(holder, .path = "revoke-cert", .payload = payload);
	assert_status(&answer, 200);
	assert_int_equal(acme_house_count(s->house, "revocation"), 3);
	acme_client_free(&by_key);
	acme_client_free(&holder);
}

struct finalize_race {
	struct acme_client *client;
	pthread_barrier_t *barrier;
	const char *path, *payload;
	int status;
	const char *problem;
};

static void *finalize_in_race(void *arg)
{
	struct finalize_race *race = arg;
	pthread_barrier_wait(race->barrier);
	struct acme_answer answer = ACME_SEND(race->client, .path = race->path, .payload = race->payload);
	race->status = answer.status;
	race->problem = answer.problem;
	return NULL;
}

/* F15: many at once, one certificate. */
static void test_finalize_race(void **state)
{
	enum { RACERS = 8 };
	struct scene *s = *state;
	struct acme_client *c = s->client;
	const char *const names[] = { "a.t.test" };
	const char *order = acme_client_order(c, names[0]);
	struct finalize_race races[RACERS];
	pthread_t threads[RACERS];
	pthread_barrier_t barrier;
	unsigned won = 0;

	acme_client_make_ready(c, order);
	assert_int_equal(pthread_barrier_init(&barrier, NULL, RACERS), 0);
	for (unsigned i = 0; i < RACERS; i++) {
		struct acme_client *client = acme_client_new(s->house, "ES256");
		EVP_PKEY_free(client->key);
		client->key = c->key;
		EVP_PKEY_up_ref(c->key);
		client->kid = c->kid;
		races[i] = (struct finalize_race){ .client = client, .barrier = &barrier,
						   .path = arena_printf(client->op->arena, "%s/finalize", order),
						   .payload = acme_client_csr(client, NULL, names, 1) };
		assert_int_equal(pthread_create(&threads[i], NULL, finalize_in_race, &races[i]), 0);
	}
	for (unsigned i = 0; i < RACERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		won += races[i].status == 200;
		if (races[i].status != 200)
			assert_string_equal(races[i].problem, "orderNotReady");
		acme_client_free(&races[i].client);
	}
	assert_int_equal(won, 1);
	assert_int_equal(acme_house_count(s->house, "certificate WHERE door = 'acme'"), 1);
	pthread_barrier_destroy(&barrier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_issuance),
		SCENE(test_times),
		SCENE(test_revocation),
		SCENE(test_finalize_race),
	};
	return RUN_SCENES(tests);
}
