/* Clean-up as clients and other requests meet it: what answers 404 afterwards, what goes on, and that nobody has to wait. F21 */
#include "tests/unit/acme_scene.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "store/db.h"
#include "tests/fake/fake_courier.h"

#define ORDER_LIFE_S 3600 /* of acme_house_new() */
#define AUTHORIZATION_LIFE_S 7200

static struct ledger_state ledger_state(const struct scene *s)
{
	struct ledger_state state;
	ledger_read_state(s->house->fake->authority->ledger, &state);
	return state;
}

/* From newOrder to the certificate; the path of the certificate. Everything that a client asks counts in *requests. */
static const char *issue_one(struct scene *s, const char *name, atomic_uint *requests)
{
	struct acme_client *c = s->client;
	const char *order = acme_client_order(c, name);
	atomic_fetch_add(requests, 1);
	const char *challenge = acme_client_challenge(c, order, 0);
	atomic_fetch_add(requests, 1);
	struct acme_answer answer = ACME_SEND(c, .path = challenge, .payload = "{}");
	atomic_fetch_add(requests, 1);
	acme_house_probe(s->house, c->jwk.thumbprint, ANSWER_RIGHT);
	answer = ACME_SEND(c, .path = order);
	atomic_fetch_add(requests, 1);
	assert_state(&answer, "ready");
	answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/finalize", order),
			   .payload = acme_client_csr(c, NULL, &name, 1));
	atomic_fetch_add(requests, 1);
	assert_state(&answer, "valid");
	return acme_path(acme_answer_text(&answer, "certificate"));
}

/* The steward's tasks of the days between: nonces of then are good no more, and need a new key. */
static void pass_time(struct scene *s, int64_t now_s)
{
	struct op *op = op_new();
	clock_fix(now_s);
	acme_house_clean_up(s->house);
	assert_ok(op, acme_nonce_sweep(op, s->house->acme));
	op_free(&op);
}

static void what_was_removed_answers_404(void **state)
{
	struct scene *s = *state;
	struct acme_client *c = s->client;
	int64_t now = clock_now_s();
	clock_fix(now);
	atomic_uint requests = 0;
	const char *certificate = issue_one(s, "a.t.test", &requests);
	struct acme_answer answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/orders", acme_path(c->kid)));
	const char *order = acme_path(acme_answer_item(&answer, "orders", 0));
	const char *challenge = acme_client_challenge(c, order, 0);
	answer = ACME_SEND(c, .path = order);
	const char *authorization = acme_path(acme_answer_item(&answer, "authorizations", 0));

	pass_time(s, now + ORDER_LIFE_S + ACME_TEST_KEEP_S - 1);
	answer = ACME_SEND(c, .path = order);
	assert_state(&answer, "valid");
	pass_time(s, now + AUTHORIZATION_LIFE_S + ACME_TEST_KEEP_S + 1);
	const char *const gone[] = { order, arena_printf(c->op->arena, "%s/finalize", order), authorization, challenge };
	for (unsigned i = 0; i < 4; i++) {
		answer = ACME_SEND(c, .path = gone[i], .payload = i == 1 ? "{\"csr\":\"\"}" : i == 3 ? "{}" : NULL);
		assert_status(&answer, 404);
		assert_string_equal(answer.problem, "malformed");
	}
	answer = ACME_SEND(c, .path = arena_printf(c->op->arena, "%s/orders", acme_path(c->kid)));
	assert_status(&answer, 200);
	assert_int_equal(json_array_size(json_object_get(answer.json, "orders")), 0);
	answer = ACME_SEND(c, .path = certificate); /* by its serial, not by its order */
	assert_status(&answer, 200);
	assert_int_equal(acme_house_count(s->house, "acme_challenge"), 0);
	assert_int_equal(acme_house_count(s->house, "certificate WHERE door = 'acme'"), 1);
	(void)issue_one(s, "a.t.test", &requests); /* the account is as it was */
}

static void a_house_in_order_makes_no_transactions(void **state)
{
	struct scene *s = *state;
	atomic_uint requests = 0;
	(void)issue_one(s, "a.t.test", &requests);
	uint64_t batches = ledger_state(s).batches;
	struct op *op = op_new();
	acme_house_clean_up(s->house);
	assert_ok(op, acme_clean_up(op, s->house->acme));
	op_free(&op);
	assert_int_equal(ledger_state(s).batches, batches);
}

/* Orders of the past, with a link, an authorization and a challenge each, two to a second. */
static void put_past(struct scene *s, unsigned n)
{
	struct authority *authority = s->house->fake->authority;
	struct op *op = op_new();
	struct db *db;
	const char *rows = arena_printf(op->arena, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u) ", n);
	const char *const inserts[] = {
		"INSERT INTO acme_authorization (id, account_id, endpoint, identifier, is_wildcard, status, expires_s)"
		" SELECT 'z' || i, (SELECT MIN(id) FROM acme_account), 'default', 'p.t.test', 0, 'invalid', 1000 + i / 2 FROM n",
		"INSERT INTO acme_challenge (id, authorization_id, account_id, type, token, status, validated_s, attempts, due_s)"
		" SELECT 'c' || i, 'z' || i, 'a', 'http-01', 't', 'invalid', 0, 1, 0 FROM n",
		"INSERT INTO acme_order (id, account_id, endpoint, profile, status, identifiers, created_s, expires_s,"
		" not_before_s, not_after_s)"
		" SELECT 'o' || i, (SELECT MIN(id) FROM acme_account), 'default', 'tls', 'pending', '[]', 1, 1000 + i / 2, 0, 0 FROM n",
		"INSERT INTO order_authorization (order_id, place, authorization_id) SELECT 'o' || i, 0, 'z' || i FROM n",
	};
	assert_ok(op, db_open(op, store_url(authority->store), store_dir(authority->store), DB_MIGRATE, &db));
	assert_ok(op, db_begin(op, db));
	for (unsigned i = 0; i < sizeof inserts / sizeof inserts[0]; i++)
		assert_ok(op, db_run_script(op, db, arena_printf(op->arena, "%s%s", rows, inserts[i])));
	assert_ok(op, db_commit(op, db));
	db_close(&db);
	op_free(&op);
}

static void slices_come_to_an_end(void **state)
{
	struct scene *s = *state;
	struct op *op = op_new();
	put_past(s, 2000);
	for (unsigned i = 0; acme_house_count(s->house, "acme_order") > 0; i++) {
		assert_ok(op, acme_clean_up(op, s->house->acme));
		assert_in_range(i, 0, 100000);
	}
	op_free(&op);
}

#define PAST 25000           /* 100,000 rows: 25,000 moves to invalid, 100,000 removals, 625 steps */
#define STEPS_PER_REQUEST 60 /* so that an issuance of five requests begins and ends within them, however busy the machine is */

struct cleaner {
	struct acme *acme;
	atomic_uint requests; /* of the other thread */
	atomic_uint steps;
	atomic_bool is_done;
};

static void *clean(void *arg)
{
	struct cleaner *cleaner = arg;
	struct op *op = op_new();
	for (bool is_done = false; !is_done;) {
		while (atomic_load(&cleaner->steps) >= STEPS_PER_REQUEST * (1 + atomic_load(&cleaner->requests)))
			sched_yield();
		if (acme_clean_up_step(op, cleaner->acme, &is_done).err != ERR_NONE) {
			fprintf(stderr, "# clean-up: %s\n", op->detail);
			break;
		}
		atomic_fetch_add(&cleaner->steps, 1);
	}
	atomic_store(&cleaner->is_done, true);
	op_free(&op);
	return NULL;
}

/* F21: a long clean-up is many small transactions, and an issuance goes on among them. */
static void issuance_goes_on_during_a_long_clean_up(void **state)
{
	struct scene *s = *state;
	struct cleaner cleaner = { .acme = s->house->acme };
	pthread_t thread;
	unsigned during = 0, issued = 0;
	put_past(s, PAST);
	uint64_t closures = ledger_state(s).closures;
	assert_int_equal(pthread_create(&thread, NULL, clean, &cleaner), 0);
	while (!atomic_load(&cleaner.is_done)) {
		const char *name = arena_printf(s->client->op->arena, "h%u.t.test", issued++);
		(void)issue_one(s, name, &cleaner.requests);
		during += !atomic_load(&cleaner.is_done);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(during >= 1);
	assert_true(ledger_state(s).closures - closures >= 5 * PAST / 200);
	assert_int_equal(acme_house_count(s->house, "acme_order"), issued);
	assert_int_equal(acme_house_count(s->house, "acme_challenge"), issued);
	assert_int_equal(acme_house_count(s->house, "certificate WHERE door = 'acme' AND status = 'issued'"), issued);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(what_was_removed_answers_404),
		SCENE(a_house_in_order_makes_no_transactions),
		SCENE(slices_come_to_an_end),
		SCENE(issuance_goes_on_during_a_long_clean_up),
	};
	return RUN_SCENES(tests);
}
