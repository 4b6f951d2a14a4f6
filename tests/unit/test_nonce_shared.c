/*
 * Nonces of several nodes: each `struct nonce_shared` here is a node, with
 * connections of its own. Rows J8, F22, F23. What the table does not have is not
 * guessed: the linker counts how often the keys are looked up.
 */
#include "protocols/acme/nonce.h"
#include "protocols/acme/nonce_shared.h"
#include "protocols/acme/problem.h"
#include "tests/unit/store_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define NOW 1800000000

static atomic_uint looks;

result __real_nonce_key_list(struct op *op, struct db *db, struct nonce_key *out, unsigned most, unsigned *n);
result __wrap_nonce_key_list(struct op *op, struct db *db, struct nonce_key *out, unsigned most, unsigned *n);
result __wrap_nonce_key_list(struct op *op, struct db *db, struct nonce_key *out, unsigned most, unsigned *n)
{
	atomic_fetch_add(&looks, 1);
	return __real_nonce_key_list(op, db, out, most, n);
}

/* Two nodes on one database. */
struct nodes {
	struct place *place;
	struct op *op;
	struct store *second;
	struct nonce_shared *a, *b;
};

static int setup(void **state)
{
	struct nodes *nodes = calloc(1, sizeof *nodes);
	assert_non_null(nodes);
	(void)place_setup((void **)&nodes->place);
	struct place *place = nodes->place;
	nodes->op = place->op;
	assert_ok(place->op, store_open(place->op, place->url, place->dir, &nodes->second));
	nodes->a = nonce_shared_new(place->store);
	nodes->b = nonce_shared_new(nodes->second);
	*state = nodes;
	return 0;
}

static int teardown(void **state)
{
	struct nodes *nodes = *state;
	nonce_shared_free(&nodes->a);
	nonce_shared_free(&nodes->b);
	store_free(&nodes->second);
	(void)place_teardown((void **)&nodes->place);
	free(nodes);
	return 0;
}
#define NODES_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static bool spend(struct nodes *nodes, struct nonce_shared *node, const uint8_t nonce[NONCE_SIZE])
{
	bool is_mine;
	assert_ok(nodes->op, nonce_shared_spend(nodes->op, node, nonce, &is_mine));
	return is_mine;
}

static int64_t count(struct nodes *nodes, const char *sql)
{
	return place_number(nodes->place, nodes->place->db, sql);
}

/* Looks for unknown keys are rationed by the clock, so one that came too soon is asked again. */
static void spend_eventually(struct nodes *nodes, struct nonce_shared *by, struct nonce_shared *of)
{
	uint8_t nonce[NONCE_SIZE];
	do {
		(void)sched_yield();
		nonce_shared_make(of, nonce);
	} while (!spend(nodes, by, nonce));
	assert_false(spend(nodes, by, nonce));
}

/* J8: another node's nonce is good, and once. */
static void a_nonce_is_good_on_every_node_once(void **state)
{
	struct nodes *nodes = *state;
	uint8_t nonce[NONCE_SIZE], other[NONCE_SIZE];
	nonce_shared_make(nodes->a, nonce);
	nonce_shared_make(nodes->b, other);
	assert_memory_equal(nonce, other, NONCE_KEY_ID_SIZE); /* the one that started later took the key that was there */
	assert_true(spend(nodes, nodes->b, nonce));
	assert_false(spend(nodes, nodes->a, nonce));
	assert_false(spend(nodes, nodes->b, nonce));
	assert_true(spend(nodes, nodes->a, other));
	assert_false(spend(nodes, nodes->b, other));
	assert_int_equal(count(nodes, "SELECT COUNT(*) FROM acme_nonce"), 2);
}

/* J8: one bit flipped, anywhere, on the node that made it and on the other one. */
static void forged_nonces_cost_no_row(void **state)
{
	struct nodes *nodes = *state;
	uint8_t nonce[NONCE_SIZE];
	nonce_shared_make(nodes->a, nonce);
	for (size_t bit = 0; bit < 8 * sizeof nonce; bit++) {
		uint8_t forged[NONCE_SIZE];
		memcpy(forged, nonce, sizeof nonce);
		forged[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(spend(nodes, bit % 2 == 0 ? nodes->a : nodes->b, forged));
	}
	assert_int_equal(count(nodes, "SELECT COUNT(*) FROM acme_nonce"), 0);
	assert_true(spend(nodes, nodes->b, nonce));
}

#define SPENDERS 100
struct race {
	struct nonce_shared *nodes[2];
	uint8_t nonce[NONCE_SIZE];
	pthread_barrier_t barrier;
	atomic_uint next, winners;
};

static void *spend_in_race(void *arg)
{
	struct race *race = arg;
	struct op *op = op_new();
	bool is_mine = false;
	pthread_barrier_wait(&race->barrier);
	result r = nonce_shared_spend(op, race->nodes[atomic_fetch_add(&race->next, 1) % 2], race->nonce, &is_mine);
	if (r.err == ERR_NONE && is_mine)
		atomic_fetch_add(&race->winners, 1);
	op_free(&op);
	return NULL;
}

/* J8: a hundred at once on two nodes, and exactly one wins. */
static void of_a_hundred_at_once_one_wins(void **state)
{
	struct nodes *nodes = *state;
	struct race race = { .nodes = { nodes->a, nodes->b } };
	pthread_t threads[SPENDERS];
	nonce_shared_make(nodes->a, race.nonce);
	assert_int_equal(pthread_barrier_init(&race.barrier, NULL, SPENDERS), 0);
	for (unsigned i = 0; i < SPENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, spend_in_race, &race), 0);
	for (unsigned i = 0; i < SPENDERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&race.winners), 1);
	assert_false(spend(nodes, nodes->a, race.nonce));
	assert_false(spend(nodes, nodes->b, race.nonce));
	pthread_barrier_destroy(&race.barrier);
}

/* A node that started later made a key of its own: the others find it with the first nonce. */
static void keys_of_other_nodes_are_found(void **state)
{
	struct nodes *nodes = *state;
	place_script(nodes->place, "UPDATE acme_nonce_key SET created_s = created_s - 3600");
	struct nonce_shared *c = nonce_shared_new(nodes->second);
	assert_int_equal(count(nodes, "SELECT COUNT(*) FROM acme_nonce_key"), 2);
	uint8_t nonce[NONCE_SIZE], old[NONCE_SIZE];
	nonce_shared_make(c, nonce);
	nonce_shared_make(nodes->a, old);
	assert_memory_not_equal(nonce, old, NONCE_KEY_ID_SIZE);
	assert_true(spend(nodes, nodes->a, nonce));
	assert_false(spend(nodes, c, nonce));
	assert_true(spend(nodes, c, old)); /* the older key lives on */
	nonce_shared_free(&c);
}

/* A crash of PostgreSQL, or the promotion of a standby: both tables are empty. */
static void lost_tables_refuse_and_heal(void **state)
{
	struct nodes *nodes = *state;
	uint8_t spent[NONCE_SIZE], fresh[NONCE_SIZE], next[NONCE_SIZE];
	nonce_shared_make(nodes->a, spent);
	nonce_shared_make(nodes->b, fresh);
	assert_true(spend(nodes, nodes->a, spent));
	place_script(nodes->place, "DELETE FROM acme_nonce; DELETE FROM acme_nonce_key");
	assert_false(spend(nodes, nodes->a, fresh));
	nonce_shared_make(nodes->a, next); /* F23: the one that goes with the refusal is good */
	assert_true(spend(nodes, nodes->b, next));
	assert_false(spend(nodes, nodes->a, spent));
	assert_false(spend(nodes, nodes->b, spent));
	assert_false(spend(nodes, nodes->b, fresh));
	spend_eventually(nodes, nodes->a, nodes->b);
	spend_eventually(nodes, nodes->b, nodes->a);
}

/* F22: who invents keys makes the store work no more than now and then. */
static void invented_keys_are_looked_up_rarely(void **state)
{
	struct nodes *nodes = *state;
	uint8_t nonce[NONCE_SIZE];
	int64_t start_ms = clock_monotonic_ms();
	atomic_store(&looks, 0);
	for (unsigned i = 0; i < 5000; i++) {
		random_bytes(nonce, sizeof nonce);
		assert_false(spend(nodes, nodes->a, nonce));
	}
	int64_t lasted_ms = clock_monotonic_ms() - start_ms;
	assert_true(atomic_load(&looks) <= 1 + lasted_ms / LIMIT_NONCE_LOOK_MS);
}

/* F22: handing out costs no row and no look. */
static void making_touches_no_store(void **state)
{
	struct nodes *nodes = *state;
	uint8_t nonce[NONCE_SIZE], last[NONCE_SIZE] = { 0 };
	atomic_store(&looks, 0);
	store_free(&nodes->second); /* there is none for node b any more */
	for (unsigned i = 0; i < 20000; i++) {
		nonce_shared_make(nodes->b, nonce);
		assert_memory_not_equal(nonce, last, sizeof nonce);
		memcpy(last, nonce, sizeof nonce);
	}
	assert_int_equal(atomic_load(&looks), 0);
	assert_int_equal(count(nodes, "SELECT COUNT(*) FROM acme_nonce"), 0);
	assert_true(spend(nodes, nodes->a, nonce));
}

/* A key makes nonces for its time; then one node makes the next, and the others take it. */
static void keys_are_renewed(void **state)
{
	struct nodes *nodes = *state;
	uint8_t before[NONCE_SIZE], after[NONCE_SIZE];
	int64_t now_s = clock_now_s();
	clock_fix(now_s + LIMIT_NONCE_KEY_S / 2);
	assert_ok(nodes->op, nonce_shared_tend(nodes->op, nodes->a));
	assert_int_equal(count(nodes, "SELECT COUNT(*) FROM acme_nonce_key"), 1);
	nonce_shared_make(nodes->a, before);
	clock_fix(now_s + LIMIT_NONCE_KEY_S + 60);
	assert_ok(nodes->op, nonce_shared_tend(nodes->op, nodes->a));
	assert_ok(nodes->op, nonce_shared_tend(nodes->op, nodes->b));
	assert_int_equal(count(nodes, "SELECT COUNT(*) FROM acme_nonce_key"), 2);
	nonce_shared_make(nodes->b, after);
	assert_memory_not_equal(before, after, NONCE_KEY_ID_SIZE);
	assert_true(spend(nodes, nodes->a, after));
	assert_true(spend(nodes, nodes->b, before));
	clock_fix(now_s - 86400); /* F14: set back by a day */
	assert_ok(nodes->op, nonce_shared_tend(nodes->op, nodes->a));
	nonce_shared_make(nodes->a, after);
	assert_true(spend(nodes, nodes->a, after));
	assert_false(spend(nodes, nodes->a, after));
}

struct starting {
	struct store *store;
	pthread_barrier_t *barrier;
	struct nonce_shared *node;
};

static void *start_node(void *arg)
{
	struct starting *starting = arg;
	pthread_barrier_wait(starting->barrier);
	starting->node = nonce_shared_new(starting->store);
	return NULL;
}

/* Nodes that make the first key at once end up with keys that are good on each of them. */
static void nodes_may_start_at_once(void **state)
{
	struct nodes *nodes = *state;
	pthread_barrier_t barrier;
	pthread_t threads[2];
	struct starting starting[2] = { { nodes->place->store, &barrier, NULL }, { nodes->second, &barrier, NULL } };
	place_script(nodes->place, "DELETE FROM acme_nonce_key");
	assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, start_node, &starting[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_in_range(count(nodes, "SELECT COUNT(*) FROM acme_nonce_key"), 1, 2);
	spend_eventually(nodes, starting[0].node, starting[1].node);
	spend_eventually(nodes, starting[1].node, starting[0].node);
	nonce_shared_free(&starting[0].node);
	nonce_shared_free(&starting[1].node);
	pthread_barrier_destroy(&barrier);
}

/* What ACME sees of it: texts, ages and failures. */
static void texts_are_the_same_face(void **state)
{
	struct nodes *nodes = *state;
	struct op *op = nodes->op;
	struct acme_nonces *one = acme_nonces_new(nodes->place->store), *two = acme_nonces_new(nodes->second);
	bool is_shared = store_is_shared(nodes->second);
	clock_fix(NOW);
	assert_ok(op, acme_nonces_tend(op, one));
	assert_ok(op, acme_nonces_tend(op, two));
	char *nonce = acme_nonce_make(one, op->arena), *old = acme_nonce_make(one, op->arena);
	assert_int_equal(strlen(nonce), 48);
	result r = acme_nonce_spend(op, two, nonce);
	assert_int_equal(r.err, is_shared ? ERR_NONE : ERR_UNAUTHENTIC);
	op_clear_failure(op);
	r = acme_nonce_spend(op, one, nonce);
	assert_int_equal(r.err, is_shared ? ERR_UNAUTHENTIC : ERR_NONE);
	assert_int_equal(op->code, is_shared ? ACME_BAD_NONCE : ACME_NONE);
	op_clear_failure(op);
	clock_fix(NOW + LIMIT_NONCE_AGE_S + 1);
	assert_err(op, ERR_UNAUTHENTIC, acme_nonce_spend(op, one, old));
	clock_fix(NOW + LIMIT_NONCE_AGE_S);
	assert_ok(op, acme_nonce_spend(op, one, old));
	acme_nonces_free(&one);
	acme_nonces_free(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODES_TEST(a_nonce_is_good_on_every_node_once),
		NODES_TEST(forged_nonces_cost_no_row),
		NODES_TEST(of_a_hundred_at_once_one_wins),
		NODES_TEST(keys_of_other_nodes_are_found),
		NODES_TEST(lost_tables_refuse_and_heal),
		NODES_TEST(invented_keys_are_looked_up_rarely),
		NODES_TEST(making_touches_no_store),
		NODES_TEST(keys_are_renewed),
		NODES_TEST(nodes_may_start_at_once),
		NODES_TEST(texts_are_the_same_face),
	};
	return RUN_TESTS(tests);
}
