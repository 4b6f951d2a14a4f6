/* The queue before the ledger thread, and the check at the start; ledger_batch.c runs the batches. */
#include "store/ledger.h"

#include <pthread.h>
#include <string.h>

#include "base/checkpoint.h"
#include "base/clock.h"
#include "base/files.h"
#include "store/audit_rows.h"
#include "store/ledger_batch.h"
#include "store/nodes.h"

#define BUILD "chancery " CHANCERY_VERSION
#define BATCH_MAX 256
#define CHECKPOINT_BYTES 65536

/* A worker that waits, on its own stack. */
struct waiter {
	struct ledger_item item;
	pthread_cond_t woken;
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
			    "the log in the store has %llu entries, the checkpoint %s has %llu: the store is an older copy; restore "
			    "the newest one, or, to give up what is missing, move that file away",
			    (unsigned long long)frontier->size, path, (unsigned long long)checkpoint.size);
	TRY(audit_root_read(op, db, checkpoint.size, &root));
	if (memcmp(root.b, checkpoint.root.b, sizeof(root.b)) != 0)
		return FAIL(op, ERR_UNAUTHENTIC,
			    "the first %llu entries of the log in the store are not those of the checkpoint %s: it is another store "
			    "or was changed; restore the store that belongs to the checkpoint",
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
	}
	if (ledger->first == NULL)
		ledger->last = &ledger->first;
	ledger->state.waiting -= n;
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
	merkle_root(&ledger->log.frontier, &head.root);
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	ledger->head = head;
	ledger->state.batches++;
	ledger->state.closures += n;
	ledger->state.rerun_batches += course->was_split;
	ledger->state.repeated_batches += course->n_repeats;
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
		struct ledger_course course = { .n_repeats = 0 };
		ledger_batch_run(&ledger->log, items, n, &course);
		finish_batch(ledger, batch, n, &course);
	}
}

/* One snapshot, so that an appending command beside us cannot come between the reads. */
static result check_log(struct op *op, struct ledger *ledger, const char *dir)
{
	struct ledger_log *log = &ledger->log;
	TRY(db_begin(op, log->db));
	result r = ledger_log_read(op, log);
	if (r.err == ERR_NONE)
		r = check_checkpoint(op, log->db, dir, &log->frontier);
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

static result start(struct op *op, struct ledger *ledger, struct store *store)
{
	TRY(db_open(op, store_url(store), store_dir(store), DB_WRITE, &ledger->log.db));
	TRY(check_log(op, ledger, store_dir(store)));
	ledger->head.size = ledger->log.frontier.size;
	merkle_root(&ledger->log.frontier, &ledger->head.root);
	int error = pthread_create(&ledger->thread, NULL, ledger_main, ledger);
	if (error != 0)
		return FAIL(op, ERR_BACKEND, "cannot start the ledger thread: %s", strerror(error));
	return OK;
}

result ledger_open(struct op *op, struct store *store, const char *node, struct ledger **out)
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
	result r = start(op, ledger, store);
	if (r.err != ERR_NONE) {
		release(ledger);
		return r;
	}
	*out = ledger;
	return OK;
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

/* No look at op's deadline: what a token has signed must be recorded, late or not. */
result ledger_run(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg)
{
	ASSERT(!pthread_equal(pthread_self(), ledger->thread));
	struct waiter self = { .item = { .op = op, .fn = fn, .arg = arg } };
	ASSERT(pthread_cond_init(&self.woken, NULL) == 0);
	ASSERT(pthread_mutex_lock(&ledger->lock) == 0);
	bool is_stopping = ledger->is_stopping;
	if (!is_stopping) {
		*ledger->last = &self;
		ledger->last = &self.next;
		ledger->state.waiting++;
		ASSERT(pthread_cond_signal(&ledger->filled) == 0);
		while (!self.is_done)
			ASSERT(pthread_cond_wait(&self.woken, &ledger->lock) == 0);
	}
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
	(void)pthread_cond_destroy(&self.woken);
	return is_stopping ? FAIL(op, ERR_BUSY, "the server is stopping; try again") : self.item.outcome;
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
	ASSERT(pthread_mutex_unlock(&ledger->lock) == 0);
}
