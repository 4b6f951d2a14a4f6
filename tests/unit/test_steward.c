/* The steward: tasks run when they are due, again after a failure, at once when poked, and never after the end. */
#include <semaphore.h>
#include <stdatomic.h>

#include "ca/steward.h"
#include "tests/unit/fixture.h"

struct counted {
	atomic_uint runs;
	sem_t ran;
	bool fails;
};

static result run(struct op *op, void *arg)
{
	struct counted *counted = arg;
	assert_true(op->deadline_ms > 0);
	atomic_fetch_add(&counted->runs, 1);
	sem_post(&counted->ran);
	return counted->fails ? FAIL(op, ERR_BACKEND, "as the test wants") : OK;
}

static struct steward *start_with(const char *name, struct counted *counted, int64_t first_s, int64_t period_s)
{
	struct steward *steward = steward_new();
	const struct steward_task task = { name, first_s, period_s, run, counted };
	*counted = (struct counted){ .fails = counted->fails };
	assert_int_equal(sem_init(&counted->ran, 0, 0), 0);
	steward_add(steward, &task);
	steward_start(steward);
	return steward;
}

static void wait_for_run(struct counted *counted)
{
	while (sem_wait(&counted->ran) != 0)
		continue;
}

static void test_runs_again_and_again(void **state)
{
	struct counted counted = { 0 };
	(void)state;
	struct steward *steward = start_with("often", &counted, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		wait_for_run(&counted);
	steward_free(&steward);
	assert_null(steward);
	unsigned runs = atomic_load(&counted.runs);
	assert_true(runs >= 3);
	assert_int_equal(atomic_load(&counted.runs), runs); /* the end is the end */
}

static void test_failure_comes_again(void **state)
{
	struct counted counted = { .fails = true };
	(void)state;
	struct steward *steward = start_with("failing", &counted, 0, 0);
	wait_for_run(&counted);
	wait_for_run(&counted);
	steward_free(&steward);
}

static void test_poke_makes_due(void **state)
{
	struct counted counted = { 0 };
	(void)state;
	struct steward *steward = start_with("rare", &counted, 3600, 3600);
	steward_poke(steward, "another");
	steward_poke(steward, "rare");
	wait_for_run(&counted);
	steward_poke(steward, "rare");
	wait_for_run(&counted);
	steward_free(&steward);
	assert_int_equal(atomic_load(&counted.runs), 2);
}

static void test_ends_without_a_run(void **state)
{
	struct counted counted = { 0 };
	(void)state;
	struct steward *steward = start_with("rare", &counted, 3600, 3600);
	steward_free(&steward);
	assert_int_equal(atomic_load(&counted.runs), 0);
	steward = steward_new(); /* never started */
	steward_free(&steward);
	steward_free(&steward);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_runs_again_and_again),
		TEST(test_failure_comes_again),
		TEST(test_poke_makes_due),
		TEST(test_ends_without_a_run),
	};
	return RUN_TESTS(tests);
}
