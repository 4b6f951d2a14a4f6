/* The queue before the ledger thread, and the check at the start; ledger_batch.c runs the batches. */
#include "store/ledger.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/checkpoint.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "store/audit_rows.h"
#include "store/ledger_batch.h"
#include "store/nodes.h"

#define BUILD "chancery " CHANCERY_VERSION
#define BATCH_MAX 256
#define CHECKPOINT_BYTES 65536

/* How often and how long a caller comes again. The waits of seven repeats are two seconds together, in which a database restarts. */
struct patience {
	unsigned repeats;
	int64_t within_ms; /* also in the queue behind a database that does not answer */
};
static const struct patience to_run = { 7, 10000 }, to_settle = { 24, 20000 }, to_look = { 0, 10000 };
#define LOOK_EVERY_MS 1000 /* while the store is away */

/* A worker that waits, on its own stack. */
struct waiter {
	struct ledger_item item;
	pthread_cond_t woken;
	bool is_taken; /* by the ledger thread, which uses the worker's op until is_done */
	bool is_done;
	struct waiter *next;
};

struct ledger {
	struct arena *arena;
	const char *url, *dir;
	struct ledger_log log; /* the thread's alone once it runs */
	pthread_t thread;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t filled;
	struct waiter *first, **last;
	bool is_stopping;
	int64_t busy_since_ms; /* when the batch under way was taken; 0: none is */
	int64_t next_look_ms;  /* while the store is away, one caller at a time looks, not before this */
	struct ledger_head head;
	struct ledger_state state;
};

/* Compares the log with the checkpoint that stands outside of the store (F37). */
static result check_checkpoint(struct op *op, struct db *db, const char *dir, const struct merkle_frontier *frontier)
{
	const char *path = files_join(op->arena, dir, "checkpoint");
	struct bytes note;
	struct checkpoint checkpoint;
	struct merkle_hash root;
	if (!files_exists(path))
		return OK;
	TRY(files_read(op, path, CHECKPOINT_BYTES, &note));
	result r = checkpoint_parse(op, note, &checkpoint);
	if (r.err != ERR_NONE)
		return op_explain(op, r, "%s is damaged; put a copy of it back", path);
	if (checkpoint.size > frontier->size)
		return FAIL(op, ERR_UNAUTHENTIC,
			    "the log in the store has %llu entries, the checkpoint %s has %llu: the store is an older copy that lacks "
			    "%llu entries; restore the newest one, or, to give up what is missing: chancery restore --accept",
			    (unsigned long long)frontier->size, path, (unsigned long long)checkpoint.size,
			    (unsigned long long)(checkpoint.size - frontier->size));
	TRY(audit_root_read(op, db, checkpoint.size, &root));
	if (memcmp(root.b, checkpoint.root.b, sizeof(root.b)) != 0)
		return FAIL(op, ERR_UNAUTHENTIC,
			    "the first %llu entries of the log in the store are not those of the checkpoint %s: the store is an older "
			    "copy that others have gone on with, another one, or was changed; chancery restore --accept says more",
			    (unsigned long long)checkpoint.size, path);
	return OK;
}

/* Takes up to BATCH_MAX waiters off the queue; waits for the first. 0: stopping, and nothing is left. */
static unsigned take_batch(struct ledger *ledger, struct waiter **batch)
{
	unsigned n = 0;
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	while (ledger->first == NULL && !ledger->is_stopping)
		ASSERT(pthread_cond_wait(&ledger->filled, &ledger->lock) == 0);
	for (; n < BATCH_MAX && ledger->first != NULL; n++) {
		batch[n] = ledger->first;
		ledger->first = batch[n]->next;
		batch[n]->is_taken = true;
	}
	if (ledger->first == NULL)
		ledger->last = &ledger->first;
	ledger->state.waiting -= n;
	ledger->busy_since_ms = clock_monotonic_ms();
	ledger->log.is_away = ledger->state.is_away;
	if (ledger->log.epoch != ledger->state.epoch) {
		ledger->log.epoch = ledger->state.epoch;
		ledger->log.is_fenced = false;
	}
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
	return n;
}

static void finish_batch(struct ledger *ledger, struct waiter *const *batch, unsigned n, const struct ledger_course *course)
{
	struct ledger_head head = { .size = ledger->log.frontier.size };
	bool is_back = ledger->log.is_away && course->has_begun && course->has_ended;
	if (is_back)
		log_info(NULL, "store.back", "the store can be written again");
	merkle_root(&ledger->log.frontier, &head.root);
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	ledger->head = head;
	ledger->state.batches++;
	ledger->state.closures += n;
	ledger->state.rerun_batches += course->was_split;
	ledger->busy_since_ms = 0;
	if (is_back)
		ledger->state.is_away = false;
	if (ledger->log.is_fenced && ledger->log.epoch == ledger->state.epoch)
		ledger->state.is_fenced = true;
	for (unsigned i = 0; i < n; i++) {
		batch[i]->is_done = true;
		/* Under the lock: once it is open the waiter and its condition may be gone. */
		ASSERT(pthread_cond_signal(&batch[i]->woken) == 0);
	}
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
}

static void *ledger_main(void *arg)
{
	struct ledger *ledger = arg;
	struct waiter *batch[BATCH_MAX];
	struct ledger_item *items[BATCH_MAX];
	for (;;) {
		unsigned n = take_batch(ledger, batch);
		if (n == 0)
			return NULL;
		for (unsigned i = 0; i < n; i++)
			items[i] = &batch[i]->item;
		struct ledger_course course = { .was_split = false };
		ledger_batch_run(&ledger->log, items, n, &course);
		finish_batch(ledger, batch, n, &course);
	}
}

/* One snapshot, so that an appending command beside us cannot come between the reads. */
static result check_log(struct op *op, struct ledger *ledger, const char *checkpoint_dir)
{
	struct ledger_log *log = &ledger->log;
	TRY(db_begin(op, log->db));
	result r = ledger_log_read(op, log);
	if (r.err == ERR_NONE && checkpoint_dir != NULL)
		r = check_checkpoint(op, log->db, checkpoint_dir, &log->frontier);
	db_rollback(log->db);
	return r;
}

static void release(struct ledger *ledger)
{
	struct arena *arena = ledger->arena;
	db_close(&ledger->log.db);
	(void)pthread_cond_destroy(&ledger->filled);
	(void)pthread_mutex_destroy(&ledger->lock);
	arena_free(&arena);
}

static result start(struct op *op, struct ledger *ledger, struct store *store, const char *checkpoint_dir)
{
	TRY(db_open(op, store_url(store), store_dir(store), DB_WRITE, &ledger->log.db));
	TRY(store_look_at_failover(op, store));
	TRY(check_log(op, ledger, checkpoint_dir));
	ledger->head.size = ledger->log.frontier.size;
	merkle_root(&ledger->log.frontier, &ledger->head.root);
	int error = pthread_create(&ledger->thread, NULL, ledger_main, ledger);
	if (error != 0)
		return FAIL(op, ERR_BACKEND, "cannot start the ledger thread: %s", strerror(error));
	return OK;
}

/* `checkpoint_dir` NULL: no checkpoint is asked. */
static result open_ledger(struct op *op, struct store *store, const char *node, const char *checkpoint_dir,
			  struct ledger **out)
{
	struct arena *arena = arena_new();
	struct ledger *ledger = arena_alloc(arena, sizeof(*ledger));
	ledger->arena = arena;
	ledger->last = &ledger->first;
	ledger->log.node = arena_text(arena, node);
	ledger->log.build = BUILD;
	ledger->url = arena_text(arena, store_url(store));
	ledger->dir = arena_text(arena, store_dir(store));
	ASSERT(pthread_mutex_init(&ledger->lock, NULL) == 0);
	ASSERT(pthread_cond_init(&ledger->filled, NULL) == 0);
	result r = start(op, ledger, store, checkpoint_dir);
	if (r.err != ERR_NONE) {
		release(ledger);
		return r;
	}
	*out = ledger;
	return OK;
}

result ledger_open(struct op *op, struct store *store, const char *node, struct ledger **out)
{
	return open_ledger(op, store, node, store_dir(store), out);
}

result ledger_open_restored(struct op *op, struct store *store, const char *node, struct ledger **out)
{
	return open_ledger(op, store, node, NULL, out);
}

void ledger_free(struct ledger **ledger)
{
	if (*ledger == NULL)
		return;
	ASSERT(pthread_mutex_lock(&(*ledger)->lock) == 0);
	(*ledger)->is_stopping = true;
	ASSERT(pthread_cond_signal(&(*ledger)->filled) == 0);
	ASSERT(pthread_mutex_unlock(&(*ledger)->lock) == 0);
	ASSERT(pthread_join((*ledger)->thread, NULL) == 0);
	release(*ledger);
	*ledger = NULL;
}

/* Called locked. */
static void enqueue(struct ledger *ledger, struct waiter *self)
{
	self->is_taken = self->is_done = false;
	self->next = NULL;
	*ledger->last = self;
	ledger->last = &self->next;
	ledger->state.waiting++;
	ASSERT(pthread_cond_signal(&ledger->filled) == 0);
}

/* Called locked. */
static void withdraw(struct ledger *ledger, struct waiter *self)
{
	struct waiter **at = &ledger->first;
	while (*at != self)
		at = &(*at)->next;
	*at = self->next;
	if (ledger->last == &self->next)
		ledger->last = at;
	ledger->state.waiting--;
}

/* True once the store is known to be away by this. Called locked. */
static bool note_away(struct ledger *ledger)
{
	bool is_news = !ledger->state.is_away;
	ledger->state.is_away = true;
	ledger->next_look_ms = clock_monotonic_ms() + LOOK_EVERY_MS;
	return is_news;
}

/* The database has not answered for so long. Called locked. */
static bool is_stuck(const struct ledger *ledger)
{
	return ledger->busy_since_ms != 0 && clock_monotonic_ms() - ledger->busy_since_ms > to_run.within_ms;
}

/*
 * Whether a caller may join the queue, and with how much patience. While the
 * database is away lanes must not fill with threads that wait for it. Locked.
 */
static bool may_enter(struct ledger *ledger, const struct patience **patience)
{
	int64_t now = clock_monotonic_ms();
	if (ledger->is_stopping)
		return false;
	if (*patience == &to_settle)
		return true;
	if (is_stuck(ledger))
		return false;
	if (!ledger->state.is_away)
		return true;
	*patience = &to_look;
	if (now < ledger->next_look_ms)
		return false;
	ledger->next_look_ms = now + LOOK_EVERY_MS;
	return true;
}

/* One run in a batch. False: the ledger thread did not come to it in time; it stands in no queue any more. */
static bool take_turn(struct ledger *ledger, struct waiter *self, int64_t until_ms)
{
	const struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000 };
	bool is_late = false;
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	enqueue(ledger, self);
	while (!self->is_done && !is_late) {
		if (self->is_taken)
			ASSERT(pthread_cond_wait(&self->woken, &ledger->lock) == 0);
		else
			is_late = pthread_cond_timedwait(&self->woken, &ledger->lock, &until) == ETIMEDOUT && !self->is_taken;
	}
	if (is_late)
		withdraw(ledger, self);
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
	return !is_late;
}

/* Nobody comes again: when the database is the reason, the next callers hear it at once. */
static result give_up(struct op *op, struct ledger *ledger, result r)
{
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	bool is_news = note_away(ledger);
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
	if (is_news)
		log_warning(op, "store.away", "the store cannot be written, requests are refused until it is back: %s", op->detail);
	return r;
}

static result come_again(struct op *op, struct ledger *ledger, struct waiter *self, const struct patience *patience)
{
	int64_t until = clock_monotonic_ms() + patience->within_ms;
	for (unsigned i = 0;; i++) {
		if (!take_turn(ledger, self, until))
			return give_up(op, ledger, FAIL(op, ERR_BUSY, "the store does not answer; try again in a moment"));
		if (self->item.trouble == DB_FINE)
			return self->item.outcome;
		if (i >= patience->repeats || clock_monotonic_ms() >= until)
			break;
		ledger_wait(i);
		ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
		ledger->state.repeats++;
		ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
	}
	/* A collision may be this closure's alone; what did not even begin would not begin for others either. */
	bool is_own = self->item.has_begun && self->item.trouble != DB_LOST;
	return is_own ? self->item.outcome : give_up(op, ledger, self->item.outcome);
}

/* No look at op's deadline: what a token has signed must be recorded, late or not. */
static result run(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg, const struct patience *patience)
{
	ASSERT(!pthread_equal(pthread_self(), ledger->thread));
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	bool is_stopping = ledger->is_stopping, may = may_enter(ledger, &patience);
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
	if (!may)
		return FAIL(op, ERR_BUSY, is_stopping ? "the server is stopping; try again" :
						       "the store cannot be written just now; try again in a moment");
	struct waiter self = { .item = { .op = op, .fn = fn, .arg = arg } };
	pthread_condattr_t attributes;
	ASSERT(pthread_condattr_init(&attributes) == 0);
	ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	ASSERT(pthread_cond_init(&self.woken, &attributes) == 0);
	(void)pthread_condattr_destroy(&attributes);
	result r = come_again(op, ledger, &self, patience);
	(void)pthread_cond_destroy(&self.woken);
	return r;
}

result ledger_run(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg)
{
	return run(op, ledger, fn, arg, &to_run);
}

result ledger_settle(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg)
{
	return run(op, ledger, fn, arg, &to_settle);
}

/* Apart from the queue: what waits there is of the old epoch until the new one is taken. */
static result take_epoch(struct op *op, struct ledger *ledger, struct db *db, uint64_t *epoch)
{
	TRY(db_begin(op, db));
	result r = node_start(op, db, ledger->log.node, clock_now_s(), epoch);
	if (r.err == ERR_NONE)
		r = db_commit(op, db);
	db_rollback(db);
	return r;
}

result ledger_take_epoch(struct op *op, struct ledger *ledger)
{
	struct db *db;
	uint64_t epoch;
	TRY(db_open(op, ledger->url, ledger->dir, DB_WRITE, &db));
	result r = take_epoch(op, ledger, db, &epoch);
	db_close(&db);
	if (r.err != ERR_NONE)
		return r;
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	ledger->state.epoch = epoch;
	ledger->state.is_fenced = false;
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
	return OK;
}

static result do_nothing(struct op *op UNUSED, struct ledger_tx *tx UNUSED, void *arg UNUSED)
{
	return OK;
}

result ledger_seen(struct op *op, struct ledger *ledger)
{
	return ledger_run(op, ledger, do_nothing, NULL);
}

void ledger_read_head(struct ledger *ledger, struct ledger_head *out)
{
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	*out = ledger->head;
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
}

void ledger_read_state(struct ledger *ledger, struct ledger_state *out)
{
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	*out = ledger->state;
	out->is_away = out->is_away || is_stuck(ledger);
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
}
