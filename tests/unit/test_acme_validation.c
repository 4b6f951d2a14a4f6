/* What becomes of challenges, and of what hangs on them: failures, retries, lost couriers, time. Rows A17, A28, A30, A31, V39, R5. */
#include "tests/unit/acme_scene.h"

#include <string.h>

#include "tests/fake/fake_courier.h"

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
	for (unsigned round = 0; round < 2; round++) {
		struct acme_answer answer = ACME_SEND(c, .path = ready);
		assert_state(&answer, "invalid");
		answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/finalize", ready),
				   .payload = acme_client_csr(c, NULL, names, 1));
		assert_status(&answer, 403);
		answer = ACME_SEND(c, .path = challenge, .payload = "{}");
		assert_status(&answer, 400);
		acme_house_clean_up(s->house);
	}
	assert_int_equal(fake_courier_waiting(), 0);
}

/* A28: a proof that has aged out carries no order any more, however ready it is. */
static void test_aged_proof(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	int64_t now = clock_now_s();
	const char *const names[] = { "a.t.test" };
	clock_fix(now);
	s->house->fake->config->acme[0].authorization_lifetime_s = 60;
	const char *order = acme_client_order(c, names[0]);
	acme_client_make_ready(c, order);
	clock_fix(now + 60);
	struct acme_answer answer = ACME_SEND(c, .path = order);
	assert_state(&answer, "ready");
	answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/finalize", order),
			   .payload = acme_client_csr(c, NULL, names, 1));
	assert_status(&answer, 403);
	assert_string_equal(answer.problem, "unauthorized");
	answer = ACME_SEND(c, .path = order);
	assert_state(&answer, "invalid");
	assert_int_equal(acme_house_count(s->house, "certificate WHERE door = 'acme'"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_wrong_body),
		SCENE(test_wrong_thumbprint),
		SCENE(test_retries),
		SCENE(test_lost_courier),
		SCENE(test_authorization_deactivation),
		SCENE(test_expiry),
		SCENE(test_aged_proof),
	};
	return RUN_SCENES(tests);
}
