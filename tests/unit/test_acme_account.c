/* Directory, nonces and accounts, as handlers over a real store and ledger. Rows A1, A6, A13, A14, A18 to A20, A23, J4. */
#include "tests/unit/acme_scene.h"

#include <pthread.h>
#include <string.h>

#include "tests/fake/fake_courier.h"

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
		SCENE(test_orders_list),
	};
	return RUN_SCENES(tests);
}
