/*
 * A ring of waiting jobs under one mutex, and threads that take from it. The
 * ring never grows: its size is the promise that a client waits a bounded time.
 */
#include "server/lane.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

struct waiting {
	lane_job *job;
	void *arg;
};

struct lane {
	pthread_mutex_t mutex;
	pthread_cond_t is_work;
	struct waiting *ring;
	unsigned ring_size, first;
	bool is_closing;
	struct lane_state state; /* .queued is how many stand in the ring */
	char name[16];           /* as threads may have it: prctl(2), PR_SET_NAME */
	unsigned n_threads;
	pthread_t threads[];
};

static void lock(struct lane *lane)
{
	ASSERT(pthread_mutex_lock(&lane->mutex) == 0);
}

static void unlock(struct lane *lane)
{
	ASSERT(pthread_mutex_unlock(&lane->mutex) == 0);
}

/* Waits for a job; false: the lane closes and nothing is left. Called locked. */
static bool take(struct lane *lane, struct waiting *out)
{
	while (lane->state.queued == 0 && !lane->is_closing)
		ASSERT(pthread_cond_wait(&lane->is_work, &lane->mutex) == 0);
	if (lane->state.queued == 0)
		return false;
	*out = lane->ring[lane->first];
	lane->first = (lane->first + 1) % lane->ring_size;
	lane->state.queued--;
	return true;
}

static void *work(void *arg)
{
	struct lane *lane = arg;
	struct waiting next;

	lock(lane);
	while (take(lane, &next)) {
		lane->state.running++;
		unlock(lane);
		next.job(next.arg);
		lock(lane);
		lane->state.running--;
		lane->state.done++;
	}
	unlock(lane);
	return NULL;
}

/* Signals are for the main thread; workers inherit a mask that blocks them all. */
static void start_threads(struct lane *lane)
{
	sigset_t all, before;

	sigfillset(&all);
	ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	for (unsigned i = 0; i < lane->n_threads; i++) {
		ASSERT(pthread_create(&lane->threads[i], NULL, work, lane) == 0);
		pthread_setname_np(lane->threads[i], lane->name);
	}
	ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

struct lane *lane_new(const char *name, unsigned threads, unsigned queue_limit)
{
	ASSERT(threads > 0 && queue_limit > 0);
	struct lane *lane = calloc(1, sizeof *lane + threads * sizeof(pthread_t));
	ASSERT(lane != NULL);
	lane->ring = calloc(queue_limit, sizeof *lane->ring);
	ASSERT(lane->ring != NULL);
	lane->ring_size = queue_limit;
	lane->n_threads = threads;
	text_copy(lane->name, sizeof lane->name, name);
	ASSERT(pthread_mutex_init(&lane->mutex, NULL) == 0);
	ASSERT(pthread_cond_init(&lane->is_work, NULL) == 0);
	start_threads(lane);
	return lane;
}

bool lane_submit(struct lane *lane, lane_job *job, void *arg)
{
	lock(lane);
	bool has_room = !lane->is_closing && lane->state.queued < lane->ring_size;
	if (has_room) {
		unsigned last = (lane->first + lane->state.queued) % lane->ring_size;
		lane->ring[last] = (struct waiting){ job, arg };
		lane->state.queued++;
		ASSERT(pthread_cond_signal(&lane->is_work) == 0);
	} else {
		lane->state.refused++;
	}
	unlock(lane);
	return has_room;
}

void lane_free(struct lane **lane_p)
{
	struct lane *lane = *lane_p;
	if (lane == NULL)
		return;

	lock(lane);
	lane->is_closing = true;
	ASSERT(pthread_cond_broadcast(&lane->is_work) == 0);
	unlock(lane);
	for (unsigned i = 0; i < lane->n_threads; i++)
		ASSERT(pthread_join(lane->threads[i], NULL) == 0);
	pthread_cond_destroy(&lane->is_work);
	pthread_mutex_destroy(&lane->mutex);
	free(lane->ring);
	free(lane);
	*lane_p = NULL;
}

void lane_read_state(struct lane *lane, struct lane_state *out)
{
	lock(lane);
	*out = lane->state;
	unlock(lane);
}
