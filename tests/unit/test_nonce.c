/* Nonces of one process: single use in every way that was ever got round. Rows A10, J8, F22. */
#include "protocols/acme/nonce.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "protocols/acme/problem.h"

static bool spend(struct op *op, struct acme_nonces *nonces, const char *nonce)
{
	result r = acme_nonce_spend(op, nonces, nonce);
	if (r.err == ERR_NONE)
		return true;
	assert_int_equal(r.err, ERR_UNAUTHENTIC);
	assert_int_equal(op->code, ACME_BAD_NONCE);
	op_clear_failure(op);
	return false;
}

static void test_single_use(void **state)
{
	struct op *op = *state;
	struct acme_nonces *nonces = acme_nonces_new(NULL);
	char *a = acme_nonce_make(nonces, op->arena), *b = acme_nonce_make(nonces, op->arena);
	struct bytes raw;

	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 48);
	assert_ok(op, bytes_from_base64url(op, bytes_of_text(a), &raw)); /* A10: the alphabet */
	assert_true(spend(op, nonces, a));
	assert_false(spend(op, nonces, a));
	assert_true(spend(op, nonces, b));
	acme_nonces_free(&nonces);
	assert_null(nonces);
}

/* J8: one bit flipped, anywhere, and what never was one of ours. */
static void test_forged(void **state)
{
	struct op *op = *state;
	struct acme_nonces *nonces = acme_nonces_new(NULL);
	char *honest = acme_nonce_make(nonces, op->arena);
	struct bytes raw;

	assert_ok(op, bytes_from_base64url(op, bytes_of_text(honest), &raw));
	for (size_t bit = 0; bit < 8 * raw.n; bit++) {
		struct bytes copy = arena_bytes(op->arena, raw);
		((uint8_t *)(uintptr_t)copy.p)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(spend(op, nonces, bytes_to_base64url(op->arena, copy)));
	}
	static const char *const others[] = { "", "A", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "====",
					      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
					      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+" };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_false(spend(op, nonces, others[i]));
	assert_false(spend(op, nonces, arena_printf(op->arena, "%sA", honest)));
	assert_false(spend(op, nonces, arena_printf(op->arena, "%.47s", honest)));
	assert_false(spend(op, nonces, NULL)); /* none was sent */
	assert_true(spend(op, nonces, honest)); /* none of that has spent it */
	acme_nonces_free(&nonces);
}

/* F22: another start, or another node. */
static void test_other_epoch(void **state)
{
	struct op *op = *state;
	struct acme_nonces *before = acme_nonces_new(NULL), *after = acme_nonces_new(NULL);
	char *nonce = acme_nonce_make(before, op->arena);

	assert_non_null(acme_nonce_make(after, op->arena)); /* so that counter 0 is in its window */
	assert_false(spend(op, after, nonce));
	assert_true(spend(op, before, nonce));
	acme_nonces_free(&before);
	acme_nonces_free(&after);
}

static void test_age(void **state)
{
	struct op *op = *state;
	clock_fix(1800000000);
	struct acme_nonces *nonces = acme_nonces_new(NULL);
	char *a = acme_nonce_make(nonces, op->arena), *b = acme_nonce_make(nonces, op->arena);

	clock_fix(1800000000 + LIMIT_NONCE_AGE_S);
	assert_true(spend(op, nonces, a));
	clock_fix(1800000000 + LIMIT_NONCE_AGE_S + 1);
	assert_false(spend(op, nonces, b));
	clock_fix(1800000000 - 86400); /* F14: set back */
	char *c = acme_nonce_make(nonces, op->arena);
	assert_true(spend(op, nonces, c));
	assert_false(spend(op, nonces, c));
	acme_nonces_free(&nonces);
	clock_fix(-1);
}

/* F22: a flood pushes the oldest out, spent or not; the places of the new ones are free. */
static void test_window(void **state)
{
	struct op *op = *state;
	struct acme_nonces *nonces = acme_nonces_new(NULL);
	char *spent = acme_nonce_make(nonces, op->arena), *kept = acme_nonce_make(nonces, op->arena);
	struct arena *flood = arena_new();
	const char *last = NULL;

	assert_true(spend(op, nonces, spent));
	for (uint64_t i = 2; i < LIMIT_NONCE_WINDOW + 1; i++) {
		last = acme_nonce_make(nonces, flood); /* the last one shares the place of `spent` */
		if (i % 10000 == 0 && i < LIMIT_NONCE_WINDOW) {
			arena_free(&flood);
			flood = arena_new();
		}
	}
	assert_false(spend(op, nonces, spent));
	assert_true(spend(op, nonces, last));
	assert_true(spend(op, nonces, kept));
	char *beyond = acme_nonce_make(nonces, op->arena); /* takes the place of `kept` */
	assert_false(spend(op, nonces, kept));
	assert_true(spend(op, nonces, beyond));
	arena_free(&flood);
	acme_nonces_free(&nonces);
}

#define SPENDERS 100
struct race {
	struct acme_nonces *nonces;
	const char *nonce;
	pthread_barrier_t barrier;
	atomic_uint winners;
};

static void *spend_in_race(void *arg)
{
	struct race *race = arg;
	pthread_barrier_wait(&race->barrier);
	struct op *op = op_new();
	if (spend(op, race->nonces, race->nonce))
		atomic_fetch_add(&race->winners, 1);
	op_free(&op);
	return NULL;
}

/* J8: a hundred at once, and exactly one wins. */
static void test_parallel_spend(void **state)
{
	struct op *op = *state;
	struct race race = { .nonces = acme_nonces_new(NULL) };
	pthread_t threads[SPENDERS];

	race.nonce = acme_nonce_make(race.nonces, op->arena);
	assert_int_equal(pthread_barrier_init(&race.barrier, NULL, SPENDERS), 0);
	for (unsigned i = 0; i < SPENDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, spend_in_race, &race), 0);
	for (unsigned i = 0; i < SPENDERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&race.winners), 1);
	pthread_barrier_destroy(&race.barrier);
	acme_nonces_free(&race.nonces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_single_use), TEST(test_forged), TEST(test_other_epoch),
		TEST(test_age),	       TEST(test_window), TEST(test_parallel_spend),
	};
	return RUN_TESTS(tests);
}
