/*
 * A thread of its own, because the steward may be busy with a large CRL when a
 * revocation has to be known. It only reads.
 */
#include "ca/follow.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "ca/crl.h"
#include "ca/journal.h"
#include "ca/ocsp.h"
#include "store/audit_rows.h"

#define LOOK_EVERY_MS 250   /* a quarter of the second within which all nodes know a revocation */
#define LATE_MS 1000        /* that second */
#define AWAY_EVERY_MS 1000  /* the longest pause while the store is away, which then tells readers so at once */
#define ENTRIES_AT_ONCE 2000
#define ENTRIES_FAR 10000   /* so far behind, forgetting everything costs less than reading what to forget */

struct follower {
	struct authority *authority;
	uint64_t next;      /* the first entry that was not read */
	bool is_crl_due;    /* one was signed elsewhere and is not published here yet */
	unsigned n_failed;  /* looks in a row */
	int64_t told_ms;    /* at_end_ms when the thread looked last; 0: it has not yet */
	atomic_int_fast64_t at_end_ms; /* when the last look began that read to the end; clock_monotonic_ms() */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_t thread;
	bool is_started, is_stopping;
};

/* What one look found. */
struct news {
	struct authority *authority;
	uint64_t next, end;
	bool is_far, has_crl;
	bool has_revocation; /* by another node: its CRL is that node's to make, if it lives */
};

static bool is_own(struct op *op, const struct news *news, const struct audit_row *row)
{
	AUTO(json_t) *entry = NULL;
	const char *node = NULL;
	result r = json_parse_object(op, row->entry, "audit entry", &entry);
	if (r.err == ERR_NONE)
		r = json_need_text(op, entry, "node", &node);
	op_clear_failure(op);
	return r.err == ERR_NONE && text_equal(node, news->authority->node);
}

/*
 * Forgetting while more is read: it is never too early, since what is looked up
 * from here on is revoked. Entries of this node too: it may have lost sight of a
 * commit that happened.
 */
static result take_news(struct op *op, void *arg, const struct audit_row *row)
{
	struct news *news = arg;
	if (text_equal(row->type, audit_type_name(AUDIT_CRL_SIGNED))) {
		news->has_crl = true;
		return OK;
	}
	if (row->serial != NULL)
		ocsp_forget(news->authority, row->serial);
	news->has_revocation = news->has_revocation || !is_own(op, news, row);
	return OK;
}

/* A log that became shorter is another one: the ledger says so and stops; what is kept here may be of either. */
static result read_news(struct op *op, const struct follower *f, struct news *news)
{
	const char *const types[3] = { audit_type_name(AUDIT_REVOKED), audit_type_name(AUDIT_ORPHANED),
				       audit_type_name(AUDIT_CRL_SIGNED) };
	struct merkle_frontier head;
	STORE_LEASE(lease);
	TRY(store_read(op, f->authority->store, &lease));
	TRY(audit_head_read(op, lease.db, &head, NULL));
	*news = (struct news){ .authority = f->authority, .next = head.size, .end = head.size };
	news->is_far = head.size < f->next || head.size - f->next > ENTRIES_FAR;
	if (news->is_far || head.size == f->next)
		return OK;
	if (head.size - f->next > ENTRIES_AT_ONCE)
		news->next = f->next + ENTRIES_AT_ONCE;
	return audit_rows_read_types(op, lease.db, f->next, news->next, types, take_news, news);
}

result follower_look(struct op *op, struct follower *f, bool *is_at_end)
{
	struct authority *a = f->authority;
	struct news news;
	int64_t began_ms = clock_monotonic_ms();
	TRY(read_news(op, f, &news));
	if (news.is_far)
		ocsp_forget_all(a);
	f->next = news.next;
	f->is_crl_due = f->is_crl_due || news.has_crl || news.is_far;
	if ((news.has_revocation || news.is_far) && a->crl_due != NULL)
		a->crl_due(a->crl_due_arg); /* should the node that revoked die before its CRL */
	*is_at_end = news.next == news.end;
	if (*is_at_end)
		atomic_store(&f->at_end_ms, began_ms);
	if (f->is_crl_due)
		TRY(crl_refresh(op, a, false));
	f->is_crl_due = false;
	return news.has_revocation || news.has_crl || news.is_far ? journal_write(op, a, news.end) : OK;
}

int64_t follower_behind_ms(const struct follower *f)
{
	return clock_monotonic_ms() - atomic_load(&f->at_end_ms);
}

result follower_open(struct op *op, struct authority *a, struct follower **out)
{
	struct merkle_frontier head;
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(audit_head_read(op, lease.db, &head, NULL));
	struct follower *f = calloc(1, sizeof *f);
	ASSERT(f != NULL);
	f->authority = a;
	f->next = head.size;
	atomic_init(&f->at_end_ms, clock_monotonic_ms());
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&f->mutex, NULL);
	*out = f;
	return OK;
}

/* Twice as long after each failure; the first one is told, and at their end how long it took. */
static int64_t pause_after_failure(struct op *op, struct follower *f)
{
	if (f->n_failed == 0)
		log_warning(op, "follow.away", "what other nodes do cannot be followed just now: %s", op->detail);
	int64_t pause_ms = (int64_t)LOOK_EVERY_MS << (f->n_failed < 8 ? f->n_failed : 8);
	f->n_failed++;
	return pause_ms < AWAY_EVERY_MS ? pause_ms : AWAY_EVERY_MS;
}

static void tell_lateness(struct op *op, struct follower *f)
{
	int64_t at_end_ms = atomic_load(&f->at_end_ms), late_ms = at_end_ms - f->told_ms;
	if (f->told_ms != 0 && late_ms > LATE_MS)
		log_warning(op, "follow.late",
			    "for %lld ms this node did not know what other nodes did; OCSP may have been that much behind",
			    (long long)late_ms);
	f->told_ms = at_end_ms;
}

/* One look; how long to pause until the next. */
static int64_t look(struct follower *f)
{
	bool is_at_end = false;
	int64_t pause_ms = 0;
	struct op *op = op_new();
	result r = follower_look(op, f, &is_at_end);
	if (r.err != ERR_NONE)
		pause_ms = pause_after_failure(op, f);
	else if (is_at_end)
		pause_ms = LOOK_EVERY_MS;
	if (r.err == ERR_NONE)
		f->n_failed = 0;
	if (is_at_end)
		tell_lateness(op, f);
	op_free(&op);
	return pause_ms;
}

/* With the mutex held, but for the looks. */
static void *follower_main(void *arg)
{
	struct follower *f = arg;
	int64_t due_ms = clock_monotonic_ms();
	pthread_mutex_lock(&f->mutex);
	while (!f->is_stopping) {
		if (clock_monotonic_ms() < due_ms) {
			struct timespec at = { .tv_sec = due_ms / 1000, .tv_nsec = (due_ms % 1000) * 1000000 };
			pthread_cond_timedwait(&f->changed, &f->mutex, &at);
			continue;
		}
		pthread_mutex_unlock(&f->mutex);
		due_ms = look(f) + clock_monotonic_ms();
		pthread_mutex_lock(&f->mutex);
	}
	pthread_mutex_unlock(&f->mutex);
	return NULL;
}

void follower_start(struct follower *f)
{
	f->is_started = true;
	ASSERT(pthread_create(&f->thread, NULL, follower_main, f) == 0);
}

void follower_stop(struct follower *f)
{
	if (f == NULL || !f->is_started)
		return;
	pthread_mutex_lock(&f->mutex);
	f->is_stopping = true;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->mutex);
	pthread_join(f->thread, NULL);
	f->is_started = false;
}

void follower_free(struct follower **follower)
{
	struct follower *f = *follower;
	if (f == NULL)
		return;
	follower_stop(f);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->mutex);
	free(f);
	*follower = NULL;
}
