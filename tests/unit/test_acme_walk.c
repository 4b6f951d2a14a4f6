/*
 * Random walks of orders, authorizations and challenges against a naive model of
 * RFC 8555 section 7.1.6. Rows A17, A27, A28, A30. The seed is printed; the
 * environment's SEED repeats a walk.
 */
#include "protocols/acme/acme.h"
#include "tests/fake/acme_client.h"
#include "tests/fake/fake_courier.h"
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

#define STEPS 500
#define ORDERS_MAX 40
#define PARTS_MAX 3
#define ATTEMPTS 3        /* acme_client.c configures them */
#define ORDER_LIFE_S 3600
#define PROOF_LIFE_S 7200
#define LEASE_S 30

struct part { /* an authorization and its challenge */
	const char *authorization, *challenge, *token; /* paths, and the token */
	const char *state, *answer;                    /* statuses: of the one and of the other */
	unsigned attempts;
	int64_t due_s, expires_s;
};

struct model {
	const char *path;
	const char *names[PARTS_MAX];
	const char *state;
	struct part parts[PARTS_MAX];
	unsigned n;
	int64_t expires_s;
};

struct walk {
	struct acme_house *house;
	struct acme_client *client;
	struct model orders[ORDERS_MAX];
	unsigned n;
	int64_t now_s;
	uint64_t chance;
};

static unsigned draw(struct walk *w, unsigned below)
{
	w->chance = w->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(w->chance >> 33) % below;
}

/* The model: what is past its time, and what falls with what. */

static bool is(const char *a, const char *b)
{
	return text_equal(a, b);
}

static void age(struct walk *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		struct model *order = &w->orders[i];
		if ((is(order->state, "pending") || is(order->state, "ready")) && order->expires_s <= w->now_s)
			order->state = "invalid";
		for (unsigned j = 0; j < order->n; j++) {
			struct part *part = &order->parts[j];
			if (part->expires_s > w->now_s)
				continue;
			if (is(part->state, "pending"))
				part->state = "invalid";
			else if (is(part->state, "valid"))
				part->state = "expired";
		}
	}
}

static void end_order(struct model *order)
{
	if (is(order->state, "pending") || is(order->state, "ready"))
		order->state = "invalid";
}

static void model_failed(struct model *order, struct part *part)
{
	part->answer = part->state = "invalid";
	end_order(order);
}

static void model_passed(struct walk *w, struct model *order, struct part *part)
{
	part->answer = part->state = "valid";
	part->expires_s = w->now_s + PROOF_LIFE_S;
	for (unsigned j = 0; j < order->n; j++)
		if (!is(order->parts[j].state, "valid"))
			return;
	if (is(order->state, "pending"))
		order->state = "ready";
}

/* Steps: each does the thing and tells the model. */

static void step_order(struct walk *w)
{
	if (w->n == ORDERS_MAX)
		return;
	struct model *order = &w->orders[w->n++];
	struct arena *arena = w->client->op->arena;
	struct buf payload;

	*order = (struct model){ .state = "pending", .n = 1 + draw(w, PARTS_MAX), .expires_s = w->now_s + ORDER_LIFE_S };
	buf_init(&payload, arena, 256);
	buf_text(&payload, "{\"identifiers\":[");
	for (unsigned j = 0; j < order->n; j++) {
		order->names[j] = arena_printf(arena, "%c.t.test", 'a' + (int)j);
		buf_printf(&payload, "%s{\"type\":\"dns\",\"value\":\"%s\"}", j > 0 ? "," : "", order->names[j]);
	}
	buf_text(&payload, "]}");
	struct acme_answer answer = ACME_SEND(w->client, .path = "new-order", .payload = buf_as_text(&payload));
	assert_int_equal(answer.status, 201);
	order->path = answer.location;
	for (unsigned j = 0; j < order->n; j++) {
		struct part *part = &order->parts[j];
		const char *path = acme_path(acme_answer_item(&answer, "authorizations", j));
		struct acme_answer shown = ACME_SEND(w->client, .path = path);
		const json_t *challenge = json_array_get(json_object_get(shown.json, "challenges"), 0);
		*part = (struct part){ .authorization = path, .state = "pending", .answer = "pending",
				       .expires_s = order->expires_s };
		part->challenge = acme_path(json_string_value(json_object_get(challenge, "url")));
		part->token = json_string_value(json_object_get(challenge, "token"));
	}
}

static void step_respond(struct walk *w, struct part *part)
{
	struct acme_answer answer = ACME_SEND(w->client, .path = part->challenge, .payload = "{}");
	if (is(part->answer, "pending") && !is(part->state, "pending")) {
		assert_int_equal(answer.status, 400);
		return;
	}
	assert_int_equal(answer.status, 200);
	if (!is(part->answer, "pending"))
		return;
	part->answer = "processing";
	part->attempts = 1;
	part->due_s = w->now_s + LEASE_S;
}

static int64_t wait_after(unsigned attempts)
{
	return attempts < 2 ? 2 : 5;
}

static struct part *find_token(struct walk *w, const char *token, struct model **order)
{
	for (unsigned i = 0; i < w->n; i++)
		for (unsigned j = 0; j < w->orders[i].n; j++)
			if (is(w->orders[i].parts[j].token, token)) {
				*order = &w->orders[i];
				return &w->orders[i].parts[j];
			}
	fail_msg("a probe for a token that was never given");
	return NULL;
}

static void step_probe(struct walk *w)
{
	if (fake_courier_waiting() == 0)
		return;
	struct model *order = NULL;
	struct part *part = find_token(w, fake_courier_token(0), &order);
	static const enum acme_probe_kind kinds[] = { ANSWER_RIGHT, ANSWER_RIGHT, ANSWER_RIGHT, ANSWER_RIGHT, ANSWER_WRONG,
						      ANSWER_DNS, ANSWER_CONNECTION, ANSWER_LOST };
	enum acme_probe_kind kind = kinds[draw(w, sizeof kinds / sizeof kinds[0])];

	acme_house_probe(w->house, w->client->jwk.thumbprint, kind);
	if (!is(part->answer, "processing"))
		return;
	if (kind == ANSWER_LOST) { /* no probe came of the claim: it was no attempt */
		part->due_s = w->now_s + 2;
		part->attempts--;
	} else if (!is(part->state, "pending"))
		part->answer = "invalid";
	else if (kind == ANSWER_RIGHT)
		model_passed(w, order, part);
	else if (kind != ANSWER_WRONG && part->attempts < ATTEMPTS)
		part->due_s = w->now_s + wait_after(part->attempts);
	else
		model_failed(order, part);
}

static void step_sweep(struct walk *w)
{
	acme_house_sweep(w->house);
	for (unsigned i = 0; i < w->n; i++)
		for (unsigned j = 0; j < w->orders[i].n; j++) {
			struct part *part = &w->orders[i].parts[j];
			if (!is(part->answer, "processing") || part->due_s > w->now_s)
				continue;
			if (!is(part->state, "pending")) {
				part->answer = "invalid";
				continue;
			}
			part->attempts++;
			part->due_s = w->now_s + LEASE_S;
		}
}

static void step_deactivate(struct walk *w, struct model *order, struct part *part)
{
	struct acme_answer answer = ACME_SEND(w->client, .path = part->authorization, .payload = "{\"status\":\"deactivated\"}");
	assert_int_equal(answer.status, 200);
	if (!is(part->state, "pending") && !is(part->state, "valid"))
		return;
	part->state = "deactivated";
	end_order(order);
}

static void step_finalize(struct walk *w, struct model *order, bool honest)
{
	static const char *const wrong[] = { "z.t.test" };
	const char *csr = honest ? acme_client_csr(w->client, NULL, order->names, order->n) :
				   acme_client_csr(w->client, NULL, wrong, 1);
	struct acme_answer answer =
		ACME_SEND(w->client, .path = arena_printf(w->client->op->arena, "%s/finalize", order->path), .payload = csr);
	bool was_ready = is(order->state, "ready");
	assert_int_equal(answer.status, !was_ready ? 403 : honest ? 200 : 400);
	if (was_ready && honest)
		order->state = "valid";
}

static void step_clock(struct walk *w)
{
	w->now_s += draw(w, 60) == 0 ? ORDER_LIFE_S + 1 : (int64_t)draw(w, 20);
	clock_fix(w->now_s);
	acme_house_tend_nonces(w->house); /* an hour at once would end the key that nonces are made with */
	age(w);
}

static void step_expire(struct walk *w)
{
	acme_house_clean_up(w->house);
}

static void compare(struct walk *w, const struct model *order)
{
	struct acme_answer answer = ACME_SEND(w->client, .path = order->path);
	assert_int_equal(answer.status, 200);
	assert_string_equal(acme_answer_text(&answer, "status"), order->state);
	assert_int_equal(acme_answer_text(&answer, "certificate") != NULL, is(order->state, "valid"));
	assert_int_equal(json_array_size(json_object_get(answer.json, "authorizations")), order->n); /* A15 */
	for (unsigned j = 0; j < order->n; j++) {
		const struct part *part = &order->parts[j];
		assert_string_equal(acme_path(acme_answer_item(&answer, "authorizations", j)), part->authorization);
		struct acme_answer shown = ACME_SEND(w->client, .path = part->authorization);
		assert_string_equal(acme_answer_text(&shown, "status"), part->state);
		const json_t *challenge = json_array_get(json_object_get(shown.json, "challenges"), 0);
		assert_string_equal(json_string_value(json_object_get(challenge, "status")), part->answer);
	}
}

static void step(struct walk *w)
{
	if (w->n == 0 || draw(w, 12) == 0)
		step_order(w);
	struct model *order = &w->orders[draw(w, 3) > 0 && w->n > 3 ? w->n - 1 - draw(w, 3) : draw(w, w->n)];
	struct part *part = &order->parts[draw(w, order->n)];
	switch (draw(w, 16)) {
	case 0: case 1: case 2: case 3:
		step_respond(w, part);
		break;
	case 4: case 5: case 6: case 7:
		step_probe(w);
		break;
	case 8: case 9:
		step_finalize(w, order, true);
		break;
	case 10:
		step_finalize(w, order, false);
		break;
	case 11:
		if (draw(w, 3) == 0)
			step_deactivate(w, order, part);
		break;
	case 12: case 13:
		step_clock(w);
		break;
	case 14:
		step_sweep(w);
		break;
	default:
		step_expire(w);
		break;
	}
	compare(w, order);
}

static void test_walk(void **state)
{
	(void)state;
	struct walk *w = calloc(1, sizeof *w);
	assert_non_null(w);
	const char *seed = getenv("SEED");
	if (seed != NULL)
		w->chance = strtoull(seed, NULL, 10);
	else
		random_bytes((uint8_t *)&w->chance, sizeof w->chance);
	printf("# SEED=%llu\n", (unsigned long long)w->chance);
	fflush(stdout);

	w->house = acme_house_new();
	w->house->fake->config->limits.orders_per_account = 2 * ORDERS_MAX;
	w->now_s = clock_now_s();
	clock_fix(w->now_s);
	w->client = acme_client_new(w->house, "ES256");
	acme_client_register(w->client);
	for (unsigned i = 0; i < STEPS; i++)
		step(w);
	unsigned valid = 0;
	for (unsigned i = 0; i < w->n; i++) {
		compare(w, &w->orders[i]);
		valid += is(w->orders[i].state, "valid");
	}
	/* One certificate for every valid order, and none for any other. */
	assert_int_equal(acme_house_count(w->house, "certificate WHERE door = 'acme'"), valid);
	printf("# %u orders, %u valid\n", w->n, valid);
	acme_client_free(&w->client);
	acme_house_free(&w->house);
	clock_fix(-1);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_walk) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
