/* Lanes: every job once, a bounded queue, an orderly end. Steps are kept in order by semaphores, never by time. */
#include "check.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "server/lane.h"

struct gatekeeper {
	sem_t started, may_end;
	atomic_uint ended;
};

static void gatekeeper_init(struct gatekeeper *keeper)
{
	assert_int_equal(sem_init(&keeper->started, 0, 0), 0);
	assert_int_equal(sem_init(&keeper->may_end, 0, 0), 0);
	atomic_init(&keeper->ended, 0);
}

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		;
}

static void held_job(void *arg)
{
	struct gatekeeper *keeper = arg;

	sem_post(&keeper->started);
	wait_for(&keeper->may_end);
	atomic_fetch_add(&keeper->ended, 1);
}

static void count_job(void *arg)
{
	atomic_fetch_add((atomic_uint *)arg, 1);
}

static void test_refuses_when_full(void **state)
{
	struct lane *lane = lane_new("test", 1, 2);
	struct lane_state counts;
	struct gatekeeper keeper;
	(void)state;

	gatekeeper_init(&keeper);
	assert_true(lane_submit(lane, held_job, &keeper));
	wait_for(&keeper.started);
	assert_true(lane_submit(lane, held_job, &keeper));
	assert_true(lane_submit(lane, held_job, &keeper));
	assert_false(lane_submit(lane, held_job, &keeper));
	lane_read_state(lane, &counts);
	assert_int_equal(counts.running, 1);
	assert_int_equal(counts.queued, 2);
	assert_int_equal(counts.refused, 1);

	sem_post(&keeper.may_end);
	wait_for(&keeper.started); /* the second runs: there is room again */
	assert_true(lane_submit(lane, held_job, &keeper));
	for (int i = 0; i < 3; i++)
		sem_post(&keeper.may_end);
	lane_free(&lane);
	assert_null(lane);
	assert_int_equal(atomic_load(&keeper.ended), 4);
}

static void test_runs_as_many_at_once_as_threads(void **state)
{
	struct lane *lane = lane_new("test", 3, 1);
	struct gatekeeper keeper;
	(void)state;

	gatekeeper_init(&keeper);
	for (int i = 0; i < 3; i++) {
		assert_true(lane_submit(lane, held_job, &keeper));
		wait_for(&keeper.started);
	}
	for (int i = 0; i < 3; i++)
		sem_post(&keeper.may_end);
	lane_free(&lane);
	assert_int_equal(atomic_load(&keeper.ended), 3);
}

static void test_ends_what_is_queued_before_it_closes(void **state)
{
	struct lane *lane = lane_new("test", 1, 100);
	struct gatekeeper keeper;
	atomic_uint count = 0;
	(void)state;

	gatekeeper_init(&keeper);
	assert_true(lane_submit(lane, held_job, &keeper));
	wait_for(&keeper.started);
	for (int i = 0; i < 100; i++)
		assert_true(lane_submit(lane, count_job, &count));
	sem_post(&keeper.may_end);
	lane_free(&lane);
	assert_int_equal(atomic_load(&count), 100);
}

struct order {
	unsigned n;
	unsigned seen[50];
};

struct numbered {
	struct order *order;
	unsigned number;
};

static void note_job(void *arg)
{
	struct numbered *numbered = arg;
	numbered->order->seen[numbered->order->n++] = numbered->number;
}

static void test_keeps_order_with_one_thread(void **state)
{
	struct lane *lane = lane_new("test", 1, 50);
	struct order order = { 0 };
	struct numbered jobs[50];
	(void)state;

	for (unsigned i = 0; i < 50; i++) {
		jobs[i] = (struct numbered){ &order, i };
		assert_true(lane_submit(lane, note_job, &jobs[i]));
	}
	lane_free(&lane);
	assert_int_equal(order.n, 50);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(order.seen[i], i);
}

struct submitter {
	struct lane *lane;
	atomic_uint *count;
	unsigned accepted;
};

static void *submit_many(void *arg)
{
	struct submitter *submitter = arg;

	for (unsigned i = 0; i < 5000; i++)
		if (lane_submit(submitter->lane, count_job, submitter->count))
			submitter->accepted++;
	return NULL;
}

static void test_loses_none_under_contention(void **state)
{
	struct lane *lane = lane_new("test", 4, 16);
	atomic_uint count = 0;
	struct submitter submitters[4];
	pthread_t threads[4];
	unsigned accepted = 0;
	(void)state;

	for (unsigned i = 0; i < 4; i++) {
		submitters[i] = (struct submitter){ lane, &count, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		accepted += submitters[i].accepted;
	}
	lane_free(&lane);
	assert_true(accepted >= 16);
	assert_int_equal(atomic_load(&count), accepted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_when_full),
		cmocka_unit_test(test_runs_as_many_at_once_as_threads),
		cmocka_unit_test(test_ends_what_is_queued_before_it_closes),
		cmocka_unit_test(test_keeps_order_with_one_thread),
		cmocka_unit_test(test_loses_none_under_contention),
	};
	return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
