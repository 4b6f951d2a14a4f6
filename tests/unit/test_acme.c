/*
 * ACME as a plain client goes through it, and the edges of each step: handlers
 * as functions over a real store, ledger and CA. Refusals by row are in
 * test_acme_refusals.c.
 */
#include "protocols/acme/acme.h"
#include "tests/fake/acme_client.h"
#include "tests/fake/fake_courier.h"
#include "tests/unit/check.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/text.h"

struct scene {
	struct acme_house *house;
	struct acme_client *client; /* registered, ES256 */
};

static int scene_setup(void **state)
{
	struct scene *scene = calloc(1, sizeof *scene);
	assert_non_null(scene);
	scene->house = acme_house_new();
	scene->client = acme_client_new(scene->house, "ES256");
	acme_client_register(scene->client);
	*state = scene;
	return 0;
}

static int scene_teardown(void **state)
{
	struct scene *scene = *state;
	acme_client_free(&scene->client);
	acme_house_free(&scene->house);
	clock_fix(-1);
	free(scene);
	return 0;
}

#define SCENE(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

static void assert_status(const struct acme_answer *answer, int status)
{
	if (answer->status != status)
		fail_msg("expected status %d, got %d: %s", status, answer->status, answer->body);
}

static void assert_state(const struct acme_answer *answer, const char *status)
{
	assert_status(answer, 200);
	assert_string_equal(acme_answer_text(answer, "status"), status);
}

/* A1: on https only. A13: no link to itself. 7.1.1 */
static void test_directory(void **state)
{
	struct scene *s = *state;
	const char *const paths[] = { "/acme/default/directory", "/acme/directory" };
	for (size_t i = 0; i < 2; i++) {
		struct acme_answer answer = ACME_SEND(s->client, .path = paths[i], .is_get = true);
		assert_status(&answer, 200);
		assert_string_equal(answer.reply.content_type, "application/json");
		assert_string_equal(acme_answer_text(&answer, "newOrder"), ACME_TEST_BASE "/acme/default/new-order");
		assert_string_equal(acme_answer_text(&answer, "newAccount"), ACME_TEST_BASE "/acme/default/new-account");
		assert_string_equal(acme_answer_text(&answer, "newNonce"), ACME_TEST_BASE "/acme/default/new-nonce");
		assert_string_equal(acme_answer_text(&answer, "revokeCert"), ACME_TEST_BASE "/acme/default/revoke-cert");
		assert_null(json_object_get(answer.json, "keyChange")); /* what is not served is not named */
		assert_null(acme_answer_header(&answer, "Link", 0));
		struct call call = { .path = bytes_of_text(paths[i]) };
		assert_null(routes_find(s->house->routes, ON_HTTP, &call));
		assert_null(routes_find(s->house->routes, ON_LOCAL, &call));
	}
	s->client->endpoint = "terms";
	struct acme_answer answer = ACME_SEND(s->client, .path = "directory", .is_get = true);
	const json_t *meta = json_object_get(answer.json, "meta");
	assert_string_equal(json_string_value(json_object_get(meta, "termsOfService")), ACME_TEST_TERMS);
	assert_true(json_is_false(json_object_get(meta, "externalAccountRequired")));
}

/* A18, A13; 6.3 wants POST-as-GET of both too. */
static void test_new_nonce(void **state)
{
	struct scene *s = *state;
	struct acme_answer answer = ACME_SEND(s->client, .path = "new-nonce", .is_get = true);
	assert_status(&answer, 204);
	assert_string_equal(acme_answer_header(&answer, "Cache-Control", 0), "no-store");
	assert_non_null(acme_answer_header(&answer, "Replay-Nonce", 0));
	assert_null(acme_answer_header(&answer, "Replay-Nonce", 1));
	assert_string_equal(acme_answer_header(&answer, "Link", 0), "<" ACME_TEST_BASE "/acme/default/directory>;rel=\"index\"");
	answer = ACME_SEND(s->client, .path = "new-nonce");
	assert_status(&answer, 204);
	assert_non_null(acme_answer_header(&answer, "Replay-Nonce", 0));
	answer = ACME_SEND(s->client, .path = "directory");
	assert_status(&answer, 200);
}

/* A6: every algorithm gets an account. A20: the same key gets the same one. */
static void test_accounts_of_all_algorithms(void **state)
{
	struct scene *s = *state;
	const char *const algorithms[] = { "ES256", "ES384", "RS256", "EdDSA" };
	for (size_t i = 0; i < 4; i++) {
		struct acme_client *client = acme_client_new(s->house, algorithms[i]);
		struct acme_answer first = ACME_SEND(client, .path = "new-account", .payload = "{\"contact\":[\"mailto:a@t.test\"]}");
		assert_status(&first, 201);
		assert_string_equal(acme_answer_text(&first, "status"), "valid");
		assert_string_equal(acme_answer_item(&first, "contact", 0), "mailto:a@t.test");
		struct acme_answer again =
			ACME_SEND(client, .path = "new-account", .payload = "{\"contact\":[\"mailto:b@t.test\"]}", .with_jwk = true);
		assert_status(&again, 200);
		assert_string_equal(again.location, first.location);
		assert_string_equal(acme_answer_item(&again, "contact", 0), "mailto:a@t.test");
		again = ACME_SEND(client, .path = "new-account", .payload = "{\"onlyReturnExisting\":true}", .with_jwk = true);
		assert_status(&again, 200);
		assert_string_equal(again.location, first.location);
		acme_client_free(&client);
	}
	assert_int_equal(acme_house_count(s->house, "acme_account"), 5);
}

/* J4: the same key in other clothes is the same account. A19: what is not the client's to say is not heard. */
static void test_account_by_dressed_key(void **state)
{
	struct scene *s = *state;
	const char *json = s->client->jwk.json;
	const char *dressed = arena_printf(s->client->op->arena, "{ \"kid\":\"x\",\"use\":\"sig\",\"alg\":\"ES256\",%s", json + 1);
	struct acme_answer answer = ACME_SEND(s->client, .path = "new-account", .with_jwk = true, .jwk = dressed,
					      .payload = "{\"status\":\"revoked\",\"orders\":\"x\",\"createdAt\":1}");
	assert_status(&answer, 200);
	assert_string_equal(acme_answer_text(&answer, "status"), "valid");
	assert_int_equal(acme_house_count(s->house, "acme_account"), 1);
}

struct register_race {
	struct acme_client *client;
	pthread_barrier_t *barrier;
	int status;
	const char *location;
};

static void *register_in_race(void *arg)
{
	struct register_race *race = arg;
	pthread_barrier_wait(race->barrier);
	struct acme_answer answer = ACME_SEND(race->client, .path = "new-account", .payload = "{}", .with_jwk = true);
	race->status = answer.status;
	race->location = answer.location;
	return NULL;
}

/* A20: parallel requests with one key make one account. */
static void test_account_race(void **state)
{
	enum { RACERS = 8 };
	struct scene *s = *state;
	struct register_race races[RACERS];
	pthread_t threads[RACERS];
	pthread_barrier_t barrier;
	unsigned created = 0;
	struct acme_client *first = acme_client_new(s->house, "ES256");

	assert_int_equal(pthread_barrier_init(&barrier, NULL, RACERS), 0);
	for (unsigned i = 0; i < RACERS; i++) {
		struct acme_client *client = acme_client_new(s->house, "ES256");
		EVP_PKEY_free(client->key);
		client->key = first->key;
		EVP_PKEY_up_ref(first->key);
		client->jwk = first->jwk;
		races[i] = (struct register_race){ .client = client, .barrier = &barrier };
		assert_int_equal(pthread_create(&threads[i], NULL, register_in_race, &races[i]), 0);
	}
	for (unsigned i = 0; i < RACERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		created += races[i].status == 201;
		assert_true(races[i].status == 201 || races[i].status == 200);
		assert_string_equal(races[i].location, races[0].location);
	}
	assert_int_equal(created, 1);
	assert_int_equal(acme_house_count(s->house, "acme_account"), 2);
	for (unsigned i = 0; i < RACERS; i++)
		acme_client_free(&races[i].client);
	acme_client_free(&first);
	pthread_barrier_destroy(&barrier);
}

static void test_account_update(void **state)
{
	struct scene *s = *state;
	const char *path = acme_path(s->client->kid);
	struct acme_answer answer = ACME_SEND(s->client, .path = path, .payload = "{\"contact\":[\"mailto:new@t.test\"]}");
	assert_state(&answer, "valid");
	assert_string_equal(acme_answer_item(&answer, "contact", 0), "mailto:new@t.test");
	answer = ACME_SEND(s->client, .path = path);
	assert_string_equal(acme_answer_item(&answer, "contact", 0), "mailto:new@t.test");
	answer = ACME_SEND(s->client, .path = path, .payload = "{\"contact\":[]}");
	assert_int_equal(json_array_size(json_object_get(answer.json, "contact")), 0);
	answer = ACME_SEND(s->client, .path = path, .payload = "{\"status\":\"revoked\"}");
	assert_status(&answer, 400);
}

/* A23: 401 for everything, orders and authorizations cancelled, no way back. */
static void test_account_deactivation(void **state)
{
	struct scene *s = *state;
	const char *path = acme_path(s->client->kid);
	const char *order = acme_client_order(s->client, "a.t.test");
	const char *challenge = acme_client_challenge(s->client, order, 0);
	struct acme_answer answer = ACME_SEND(s->client, .path = challenge, .payload = "{}");
	assert_state(&answer, "processing");
	answer = ACME_SEND(s->client, .path = path, .payload = "{\"status\":\"deactivated\"}");
	assert_state(&answer, "deactivated");
	const char *const paths[] = { path, order, challenge, "new-order", "revoke-cert" };
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		answer = ACME_SEND(s->client, .path = paths[i], .payload = "{\"status\":\"valid\"}");
		assert_status(&answer, 401);
		assert_string_equal(answer.problem, "unauthorized");
	}
	answer = ACME_SEND(s->client, .path = "new-account", .payload = "{}", .with_jwk = true);
	assert_status(&answer, 401);
	acme_house_probe(s->house, s->client->jwk.thumbprint, ANSWER_RIGHT); /* the late proof proves nothing */
	assert_int_equal(acme_house_count(s->house, "acme_order WHERE status = 'invalid'"), 1);
	assert_int_equal(acme_house_count(s->house, "acme_authorization WHERE status = 'deactivated'"), 1);
	assert_int_equal(acme_house_count(s->house, "acme_challenge WHERE status = 'invalid'"), 1);
}

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

/* A17, A30: challenge, authorization and order fall together, at any of three places; the reason is shown. */
static void test_wrong_body(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	for (unsigned bad = 0; bad < 3; bad++) {
		struct acme_answer answer = ACME_SEND(
			c, .path = "new-order",
			.payload = "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.t.test\"},{\"type\":\"dns\",\"value\":\"b.t.test\"},"
				   "{\"type\":\"dns\",\"value\":\"c.t.test\"}]}");
		const char *order = answer.location;
		for (unsigned i = 0; i < 3; i++) {
			const char *challenge = acme_client_challenge(c, order, i);
			answer = ACME_SEND(c, .path = challenge, .payload = "{}");
			acme_house_probe(s->house, c->jwk.thumbprint, i == bad ? ANSWER_WRONG : ANSWER_RIGHT);
			if (i != bad)
				continue;
			answer = ACME_SEND(c, .path = challenge);
			assert_state(&answer, "invalid");
			const json_t *error = json_object_get(answer.json, "error");
			assert_string_equal(json_string_value(json_object_get(error, "type")),
					    "urn:ietf:params:acme:error:incorrectResponse");
			assert_null(strstr(answer.body, "secret")); /* R5 */
			answer = ACME_SEND(c, .path = challenge, .payload = "{}"); /* A30: no second try */
			assert_state(&answer, "invalid");
			assert_int_equal(fake_courier_waiting(), 0);
		}
		answer = ACME_SEND(c, .path = order);
		assert_state(&answer, "invalid");
		assert_non_null(json_object_get(answer.json, "error"));
	}
	assert_int_equal(acme_house_count(s->house, "certificate WHERE door = 'acme'"), 0);
}

/* Another account's key does not prove (V39, A31). */
static void test_wrong_thumbprint(void **state)
{
	struct scene *s = *state;
	const char *order = acme_client_order(s->client, "a.t.test");
	struct acme_client *other = acme_client_new(s->house, "ES256");
	struct acme_answer answer = ACME_SEND(s->client, .path = acme_client_challenge(s->client, order, 0), .payload = "{}");
	assert_state(&answer, "processing");
	acme_house_probe(s->house, other->jwk.thumbprint, ANSWER_RIGHT);
	answer = ACME_SEND(s->client, .path = order);
	assert_state(&answer, "invalid");
	acme_client_free(&other);
}

/* Trouble of the network is tried again from the row, as often as configured, and no oftener. */
static void test_retries(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	int64_t now = clock_now_s();
	clock_fix(now);
	const char *order = acme_client_order(c, "a.t.test");
	const char *challenge = acme_client_challenge(c, order, 0);
	struct acme_answer answer = ACME_SEND(c, .path = challenge, .payload = "{}");
	acme_house_probe(s->house, c->jwk.thumbprint, ANSWER_DNS);
	answer = ACME_SEND(c, .path = challenge);
	assert_state(&answer, "processing");
	assert_non_null(json_object_get(answer.json, "error"));
	acme_house_sweep(s->house);
	assert_int_equal(fake_courier_waiting(), 0); /* not due yet */
	for (unsigned attempt = 2; attempt <= 3; attempt++) {
		clock_fix(now += 60);
		acme_house_sweep(s->house);
		assert_int_equal(fake_courier_waiting(), 1);
		acme_house_sweep(s->house); /* claimed: no second probe */
		assert_int_equal(fake_courier_waiting(), 1);
		acme_house_probe(s->house, c->jwk.thumbprint, ANSWER_CONNECTION);
	}
	answer = ACME_SEND(c, .path = challenge);
	assert_state(&answer, "invalid");
	assert_string_equal(json_string_value(json_object_get(json_object_get(answer.json, "error"), "type")),
			    "urn:ietf:params:acme:error:connection");
	answer = ACME_SEND(c, .path = order);
	assert_state(&answer, "invalid");
}

/* A courier that is gone, or goes, costs time and no attempt's verdict; a claim whose node died is taken again. */
static void test_lost_courier(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	int64_t now = clock_now_s();
	clock_fix(now);
	const char *order = acme_client_order(c, "a.t.test");
	const char *challenge = acme_client_challenge(c, order, 0);
	fake_courier_set_gone(true);
	struct acme_answer answer = ACME_SEND(c, .path = challenge, .payload = "{}");
	assert_state(&answer, "processing");
	clock_fix(now += 10);
	acme_house_sweep(s->house);
	fake_courier_set_gone(false);
	for (unsigned i = 0; i < 5; i++) { /* more often than there are attempts */
		clock_fix(now += 10);
		acme_house_sweep(s->house);
		acme_house_probe(s->house, c->jwk.thumbprint, ANSWER_LOST);
	}
	clock_fix(now += 10);
	acme_house_sweep(s->house);
	assert_int_equal(fake_courier_waiting(), 1); /* this one never comes back: its lease ends */
	clock_fix(now += 31);
	acme_house_sweep(s->house);
	assert_int_equal(fake_courier_waiting(), 2);
	acme_house_probe(s->house, c->jwk.thumbprint, ANSWER_RIGHT);
	acme_house_probe(s->house, c->jwk.thumbprint, ANSWER_WRONG); /* too late to matter */
	answer = ACME_SEND(c, .path = order);
	assert_state(&answer, "ready");
}

/* A28: giving up an authorization ends the orders that need it, also when ready. */
static void test_authorization_deactivation(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	const char *const names[] = { "a.t.test" };
	const char *order = acme_client_order(c, names[0]);
	acme_client_make_ready(c, order);
	struct acme_answer answer = ACME_SEND(c, .path = order);
	assert_state(&answer, "ready");
	const char *authz = acme_path(acme_answer_item(&answer, "authorizations", 0));
	answer = ACME_SEND(c, .path = authz, .payload = "{\"status\":\"deactivated\"}");
	assert_state(&answer, "deactivated");
	answer = ACME_SEND(c, .path = order);
	assert_state(&answer, "invalid");
	answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/finalize", order),
			   .payload = acme_client_csr(c, NULL, names, 1));
	assert_status(&answer, 403);
	assert_string_equal(answer.problem, "orderNotReady");
	answer = ACME_SEND(c, .path = authz, .payload = "{\"status\":\"valid\"}");
	assert_status(&answer, 400);
}

/* What is past its time is over, before and after the sweep has said so. */
static void test_expiry(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	int64_t now = clock_now_s();
	clock_fix(now);
	const char *const names[] = { "a.t.test" };
	const char *ready = acme_client_order(c, "a.t.test"), *pending = acme_client_order(c, "b.t.test");
	acme_client_make_ready(c, ready);
	const char *challenge = acme_client_challenge(c, pending, 0);
	clock_fix(now + 3601);
	struct op *op = op_new();
	for (unsigned round = 0; round < 2; round++) {
		struct acme_answer answer = ACME_SEND(c, .path = ready);
		assert_state(&answer, "invalid");
		answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/finalize", ready),
				   .payload = acme_client_csr(c, NULL, names, 1));
		assert_status(&answer, 403);
		answer = ACME_SEND(c, .path = challenge, .payload = "{}");
		assert_status(&answer, 400);
		assert_ok(op, acme_expire_sweep(op, s->house->acme));
	}
	op_free(&op);
	assert_int_equal(fake_courier_waiting(), 0);
}

/* A14: pending ones too, invalid ones not; pages are chained. */
static void test_orders_list(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	s->house->fake->config->limits.orders_per_account = 500;
	const char *invalid = acme_client_order(c, "x.t.test");
	struct acme_answer answer = ACME_SEND(c, .path = invalid);
	answer = ACME_SEND(c, .path = acme_path(acme_answer_item(&answer, "authorizations", 0)),
			   .payload = "{\"status\":\"deactivated\"}");
	for (unsigned i = 0; i < 105; i++)
		acme_client_order(c, "a.t.test");
	const char *path = arena_printf(c->op->arena, "%s/orders", acme_path(c->kid));
	answer = ACME_SEND(c, .path = path);
	assert_status(&answer, 200);
	assert_int_equal(json_array_size(json_object_get(answer.json, "orders")), 100);
	const char *next = acme_answer_header(&answer, "Link", 1);
	assert_non_null(next);
	assert_non_null(strstr(next, ">;rel=\"next\""));
	const char *url = arena_text_n(c->op->arena, next + 1, strcspn(next + 1, ">"));
	answer = ACME_SEND(c, .path = acme_path(url));
	assert_status(&answer, 200);
	assert_int_equal(json_array_size(json_object_get(answer.json, "orders")), 5);
	assert_null(acme_answer_header(&answer, "Link", 1));
	assert_null(strstr(answer.body, invalid));
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
		SCENE(test_directory),
		SCENE(test_new_nonce),
		SCENE(test_accounts_of_all_algorithms),
		SCENE(test_account_by_dressed_key),
		SCENE(test_account_race),
		SCENE(test_account_update),
		SCENE(test_account_deactivation),
		SCENE(test_issuance),
		SCENE(test_times),
		SCENE(test_wrong_body),
		SCENE(test_wrong_thumbprint),
		SCENE(test_retries),
		SCENE(test_lost_courier),
		SCENE(test_authorization_deactivation),
		SCENE(test_expiry),
		SCENE(test_orders_list),
		SCENE(test_revocation),
		SCENE(test_finalize_race),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
