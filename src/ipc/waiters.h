/*
 * Who waits for which answer on a channel: a table by frame id. It owns nothing
 * and locks nothing; the channel does both.
 */
#pragma once

#include <pthread.h>

#include "ipc/channel.h"

struct waiter {
	uint64_t id;
	int64_t deadline_ms; /* monotonic; INT64_MAX: none */
	struct waiter *next; /* in its bucket, or in a list of those taken out */

	/* Of channel_start; NULL for channel_call, which looks after its own deadline. */
	channel_done *done;
	void *arg;

	/* Of channel_call: set before the condition is signalled. */
	pthread_cond_t over;
	bool is_over;
	const char *failed; /* static: why there is no answer */
	uint16_t type;
	struct bytes own_payload; /* malloc'd */
};

#define WAITERS_BUCKETS 256

struct waiters {
	struct waiter *buckets[WAITERS_BUCKETS];
	/* Not later than the first deadline of a channel_start; may be earlier, when that one was answered. */
	int64_t next_deadline_ms;
};

void waiters_init(struct waiters *waiters);
void waiters_put(struct waiters *waiters, struct waiter *waiter);
/* NULL: nobody waits for it any more. */
struct waiter *waiters_take(struct waiters *waiters, uint64_t id);
/* All, as a list. */
struct waiter *waiters_take_all(struct waiters *waiters);
/* Those of channel_start whose deadline has passed, as a list. */
struct waiter *waiters_take_late(struct waiters *waiters, int64_t now_ms);
