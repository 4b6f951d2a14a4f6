/*
 * One event loop: a libevent base, the thread that runs it, the listeners and
 * connections that live on it. All of it belongs to that thread but what is
 * marked; other threads reach a loop through its mailbox only.
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/admission.h"
#include "server/exchange.h"
#include "server/front.h"
#include "server/tls.h"

/* What all loops share: fixed when they start, but for the two that guard themselves. */
struct shared {
	struct front_config config; /* with defaults filled in */
	struct tls *tls;
	struct admission *admission;
};

/* Counted by the loop, read by anyone. */
struct loop_counts {
	_Atomic uint64_t accepted, refused_connections, requests, bad_requests, busy;
};

#define HTTP_DATE_SIZE 30

struct loop {
	const struct shared *shared;
	struct event_base *base;
	struct event mail_event, tick_event;
	struct mailbox *mailbox;
	pthread_t thread;
	bool has_thread;

	struct listener *listeners;
	struct connection *connections;
	struct exchange *spare; /* exchanges at rest, by mail.next */
	unsigned n_spare;
	int reserve; /* a descriptor given up when there are no others (EMFILE) */

	int64_t now_ms; /* monotonic, when the event under way was noticed */
	int64_t date_s; /* of the text beside it */
	char date[HTTP_DATE_SIZE];

	bool is_draining;
	_Atomic int64_t drain_until_ms; /* set by front_drain; 0: not yet */
	struct loop_counts counts;
};

result loop_new(struct op *op, const struct shared *shared, struct loop **out);
/* The thread has ended or was never started. */
void loop_free(struct loop **loop);

result loop_start(struct op *op, struct loop *loop, unsigned number);
/* Asks the loop to drain until `until_ms` (monotonic). Any thread. */
void loop_drain(struct loop *loop, int64_t until_ms);
void loop_join(struct loop *loop);

/* For the loop's own thread. */
void loop_notice_time(struct loop *loop);
const char *loop_date(struct loop *loop);
struct exchange *loop_take_exchange(struct loop *loop);
void loop_give_exchange(struct loop *loop, struct exchange **own_exchange);
static inline void loop_count(_Atomic uint64_t *count)
{
	/* One writer: no need for the locked instruction. */
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
}
