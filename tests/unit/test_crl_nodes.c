/*
 * CRL rounds of two nodes on one store: one number sequence, one builder at a
 * time, and a builder that comes late leaves no trace. Signing is wrapped, so that
 * the other node can do something just then.
 */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <pthread.h>

#include "base/checkpoint.h"
#include "base/clock.h"
#include "base/files.h"
#include "ca/audit.h"
#include "ca/crl_round.h"
#include "ca/published.h"
#include "ca/revoke.h"
#include "ca/sign.h"
#include "tests/fake/fake_authority.h"
#include "tests/fake/fake_token.h"

#define DAY_S INT64_C(86400)

static struct fake_authority *house;
static struct authority *a, *b; /* a is the house's, b the other node's */
static struct fake_node *node;
static int64_t start_s;
static void (*before_signing)(void); /* runs once */

static void run_before_signing(void)
{
	void (*run)(void) = __atomic_exchange_n(&before_signing, NULL, __ATOMIC_ACQ_REL);
	if (run != NULL)
		run();
}

result __real_sign_crl(struct op *op, struct token *token, const struct ca *ca, struct bytes tbs, struct bytes *der);
result __wrap_sign_crl(struct op *op, struct token *token, const struct ca *ca, struct bytes tbs, struct bytes *der);

result __wrap_sign_crl(struct op *op, struct token *token, const struct ca *ca, struct bytes tbs, struct bytes *der)
{
	run_before_signing();
	return __real_sign_crl(op, token, ca, tbs, der);
}

result __real_sign_checkpoint(struct op *op, struct token *token, const struct token_key *key, struct bytes text,
			      struct bytes *signature);
result __wrap_sign_checkpoint(struct op *op, struct token *token, const struct token_key *key, struct bytes text,
			      struct bytes *signature);

result __wrap_sign_checkpoint(struct op *op, struct token *token, const struct token_key *key, struct bytes text,
			      struct bytes *signature)
{
	run_before_signing();
	return __real_sign_checkpoint(op, token, key, text, signature);
}

static int open_nodes(void **state)
{
	house = fake_authority_new();
	node = fake_node_open(house);
	a = house->authority;
	b = node->authority;
	assert_ok(house->op, ledger_take_epoch(house->op, a->ledger));
	assert_ok(house->op, ledger_take_epoch(house->op, b->ledger));
	start_s = clock_now_s();
	return op_setup(state);
}

static int close_nodes(void **state)
{
	clock_fix(-1);
	fake_token_set_faults(NULL);
	fake_node_close(&node);
	fake_authority_free(&house);
	return op_teardown(state);
}

#define NODES_TEST(function) cmocka_unit_test_setup_teardown(function, open_nodes, close_nodes)

static const struct ca *issuing_of(const struct authority *authority)
{
	return hierarchy_find(authority->hierarchy, "issuing");
}

static const char *revoked(void)
{
	const char *serial = fake_authority_certificate(house, house->issuing, CERTIFICATE_ISSUED, start_s + DAY_S);
	fake_authority_revoke(house, house->issuing, serial, REASON_SUPERSEDED, start_s - 100, start_s + DAY_S);
	return serial;
}

static uint64_t publish(struct op *op, struct authority *authority)
{
	struct crl_row row;
	assert_ok(op, crl_publish(op, authority, issuing_of(authority), &row));
	return row.number;
}

/* What a node serves: the number; 0: nothing. */
static uint64_t served(const struct authority *authority)
{
	const struct published_object *object = published_pin(authority->published, BYTES_LITERAL("/crl/issuing.crl"));
	uint64_t number = object != NULL ? object->number : 0;
	published_unpin((void *)(uintptr_t)object);
	return number;
}

static uint64_t last_in_store(struct op *op)
{
	struct crl_standing standing;
	assert_ok(op, crl_standing_load(op, a, issuing_of(a), &standing));
	return standing.last.number;
}

static void test_one_sequence(void **state) /* I6 over nodes; what one made the other one takes over */
{
	struct op *op = *state;
	uint64_t first = publish(op, a);
	assert_int_equal(publish(op, b), first + 1);
	assert_int_equal(served(a), first);
	assert_ok(op, crl_refresh(op, a, false));
	assert_int_equal(served(a), first + 1);
	assert_int_equal(publish(op, a), first + 2);
}

/* Nothing was written on that node since it looked, and yet the log has moved. */
static void test_revoked_elsewhere(void **state) /* I5: a node that dies right after it revoked */
{
	struct op *op = *state;
	assert_ok(op, crl_refresh(op, b, true));
	uint64_t before = fake_token_signatures(), number = served(b);
	assert_ok(op, crl_refresh(op, b, true));
	assert_int_equal(fake_token_signatures(), before);
	revoked();
	assert_ok(op, crl_refresh(op, b, true));
	assert_int_equal(fake_token_signatures(), before + 1);
	assert_int_equal(served(b), number + 1);
	assert_ok(op, crl_refresh(op, a, true)); /* the other one has nothing to do any more */
	assert_int_equal(fake_token_signatures(), before + 1);
	assert_int_equal(served(a), number + 1);
}

/* b found that a CRL is due; before it begins, a has made one, which need not be made again. */
static void test_faster_node(void **state) /* F17 */
{
	struct op *op = *state;
	struct crl_standing standing;
	struct crl_row row;
	bool is_elsewhere;
	publish(op, a);
	assert_ok(op, crl_standing_load(op, b, node->issuing, &standing));
	uint64_t number = publish(op, a), before = fake_token_signatures();
	assert_err(op, ERR_BUSY, crl_make(op, b, node->issuing, standing.turn.number, &is_elsewhere, &row));
	assert_true(is_elsewhere);
	assert_int_equal(fake_token_signatures(), before);
	assert_int_equal(publish(op, b), number + 1);
}

static void b_comes_meanwhile(void)
{
	struct op *op = op_new();
	struct crl_row row;
	uint64_t before = fake_token_signatures();
	revoked();
	assert_ok(op, crl_refresh(op, b, true)); /* the steward leaves it alone, without a word */
	op->deadline_ms = clock_monotonic_ms() + 1;
	assert_err(op, ERR_BUSY, crl_publish(op, b, node->issuing, &row)); /* who waits is told, at the deadline */
	assert_int_equal(fake_token_signatures(), before);
	op_free(&op);
}

static void test_one_builder_at_a_time(void **state) /* F17 */
{
	struct op *op = *state;
	assert_ok(op, crl_refresh(op, a, true));
	assert_ok(op, crl_refresh(op, b, true));
	before_signing = b_comes_meanwhile;
	uint64_t number = publish(op, a);
	assert_null(before_signing);
	assert_int_equal(publish(op, b), number + 1);
}

static uint64_t number_of_b;

static void b_takes_over(void)
{
	struct op *op = op_new();
	clock_fix(start_s + CRL_TURN_S + 10);
	number_of_b = publish(op, b);
	op_free(&op);
}

/* SIGSTOP for longer than a turn: the CRL of who wakes up is nowhere, and the caller gets the newer one. */
static void test_late_builder_is_thrown_away(void **state) /* F17, I6 */
{
	struct op *op = *state;
	uint64_t first = publish(op, a);
	before_signing = b_takes_over;
	uint64_t given = publish(op, a);
	assert_int_equal(given, number_of_b);
	assert_int_equal(number_of_b, first + 2); /* a had taken the one between */
	assert_int_equal(served(a), number_of_b);
	assert_int_equal(last_in_store(op), number_of_b);
	assert_int_equal(publish(op, a), first + 3);
}

static void test_late_steward_is_quiet(void **state) /* F17 */
{
	struct op *op = *state;
	assert_ok(op, crl_refresh(op, a, true));
	revoked();
	before_signing = b_takes_over;
	assert_ok(op, crl_refresh(op, a, true));
	assert_int_equal(last_in_store(op), number_of_b);
	assert_true(served(a) < number_of_b);
	assert_ok(op, crl_refresh(op, a, true)); /* b's has it: nothing more to make */
	assert_int_equal(served(a), number_of_b);
	assert_int_equal(last_in_store(op), number_of_b);
}

static result hold(struct op *op, struct ledger_tx *tx, void *arg)
{
	uint64_t number;
	return crl_turn_take(op, ledger_db(tx), "issuing", arg, clock_now_s(), &number);
}

/* A process that is gone in the middle of a round. */
static void begin_and_die(struct op *op, bool with_epoch)
{
	struct ledger_state ledger;
	ledger_read_state(a->ledger, &ledger);
	struct crl_builder builder = { a->node, with_epoch ? ledger.epoch : 0 };
	assert_ok(op, ledger_run(op, a->ledger, hold, &builder));
	fake_authority_close(house);
	fake_authority_open(house);
	a = house->authority;
}

static void test_node_starts_again(void **state) /* F1, F17: kill -9 of the builder */
{
	struct op *op = *state;
	uint64_t number = publish(op, a);
	op->deadline_ms = clock_monotonic_ms() + 1; /* nobody would wait */
	begin_and_die(op, true);
	assert_int_equal(publish(op, a), number + 2); /* a command on that node */
	assert_ok(op, ledger_take_epoch(op, a->ledger));
	begin_and_die(op, true);
	assert_ok(op, ledger_take_epoch(op, a->ledger));
	assert_int_equal(publish(op, b), number + 4); /* anybody, once it has started again */
	begin_and_die(op, true);
	assert_ok(op, ledger_take_epoch(op, a->ledger));
	assert_int_equal(publish(op, a), number + 6);
}

static void test_turn_of_the_dead(void **state) /* F17: it does not start again */
{
	static const int64_t left_s[] = { CRL_TURN_S, CRL_BUILDER_UNSEEN_S }; /* of a command, of a server */
	struct op *op = *state;
	uint64_t number = publish(op, a);
	op->deadline_ms = clock_monotonic_ms() + 1; /* b would not wait */
	for (unsigned i = 0; i < 2; i++) {
		int64_t now = clock_now_s();
		struct crl_row row;
		if (i == 1)
			assert_ok(op, ledger_take_epoch(op, a->ledger));
		begin_and_die(op, i == 1);
		clock_fix(now + left_s[i] / 2);
		assert_err(op, ERR_BUSY, crl_publish(op, b, node->issuing, &row));
		clock_fix(now + left_s[i] + 10);
		number += 2;
		assert_int_equal(publish(op, b), number);
	}
}

static void test_failure_gives_the_turn_back(void **state) /* I6: the number is gone, the turn is not */
{
	struct op *op = *state;
	struct crl_row row;
	uint64_t number = publish(op, a);
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BACKEND });
	assert_err(op, ERR_BACKEND, crl_publish(op, a, house->issuing, &row));
	fake_token_set_faults(NULL);
	op->deadline_ms = clock_monotonic_ms() + 1; /* b would not wait */
	assert_int_equal(publish(op, b), number + 2);
}

#define THREADS 8

struct worker {
	pthread_t thread;
	struct authority *authority;
	uint64_t number;
};

static void *publish_one(void *arg)
{
	struct worker *worker = arg;
	struct op *op = op_new();
	struct crl_row row;
	if (crl_publish(op, worker->authority, issuing_of(worker->authority), &row).err == ERR_NONE)
		worker->number = row.number;
	op_free(&op);
	return NULL;
}

/* Each waits for the others, on its node and on the other one, and each gets one that began after its call. */
static void test_together(void **state) /* F17, I6 */
{
	struct worker workers[THREADS];
	uint64_t first = publish(*state, a), before = fake_token_signatures();
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .authority = i % 2 == 0 ? a : b };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, publish_one, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_true(workers[i].number > first);
		assert_true(served(workers[i].authority) >= workers[i].number);
	}
	assert_in_range(fake_token_signatures() - before, 1, THREADS);
	assert_int_equal(last_in_store(*state), first + (fake_token_signatures() - before)); /* none was made in vain */
}

static void b_signs_the_same_head(void)
{
	struct op *op = op_new();
	char *text;
	assert_ok(op, audit_checkpoint(op, b, true, &text));
	op_free(&op);
}

/* The second of two stewards that came at once has nothing to complain about, and its folder has a checkpoint. */
static void test_checkpoints_of_one_head(void **state) /* I9 */
{
	struct op *op = *state;
	struct ledger_head head;
	struct checkpoint checkpoint;
	struct bytes note;
	char *text;
	assert_ok(op, ledger_seen(op, b->ledger)); /* both know the same head now */
	ledger_read_head(a->ledger, &head);
	before_signing = b_signs_the_same_head;
	assert_ok(op, audit_checkpoint(op, a, true, &text));
	assert_null(before_signing);
	assert_ok(op, files_read(op, files_join(op->arena, house->dir, "checkpoint"), 65536, &note));
	assert_ok(op, checkpoint_parse(op, note, &checkpoint));
	assert_int_equal(checkpoint.size, head.size);
	assert_memory_equal(checkpoint.root.b, head.root.b, sizeof head.root.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODES_TEST(test_one_sequence),
		NODES_TEST(test_revoked_elsewhere),
		NODES_TEST(test_faster_node),
		NODES_TEST(test_one_builder_at_a_time),
		NODES_TEST(test_late_builder_is_thrown_away),
		NODES_TEST(test_late_steward_is_quiet),
		NODES_TEST(test_node_starts_again),
		NODES_TEST(test_turn_of_the_dead),
		NODES_TEST(test_failure_gives_the_turn_back),
		NODES_TEST(test_together),
		NODES_TEST(test_checkpoints_of_one_head),
	};
	return RUN_TESTS(tests);
}
