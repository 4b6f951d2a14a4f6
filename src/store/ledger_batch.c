/*
 * The order within a batch: begin, catch up with the log, the closures (their rows
 * and entries), tiles, head, commit. Only a commit moves what the ledger remembers.
 */
#include "store/ledger_batch.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/audit_rows.h"
#include "store/nodes.h"

#define AUTO_OP __attribute__((cleanup(op_free))) struct op *

/* C2SP tlog-tiles, entry bundles: the length of an entry has 16 bits. */
#define ENTRY_MAX 65535

#define WAIT_FIRST_MS 25
#define WAIT_LAST_MS 1000
/* For what became of a lost COMMIT: its server ends it within ten seconds, when it is alive. */
#define FATE_WITHIN_MS 15000

/* Between signs of life: a small part of the time after which others take a node for dead. */
#define SEEN_EVERY_S 5

struct ledger_tx {
	struct ledger_log *log;
	struct merkle_frontier frontier; /* with this transaction's entries */
	int64_t time_ns;
	int64_t seen_s;
	struct merkle_hash last_leaf;
	bool has_ended; /* in one way or the other, for sure */
};

/* From half to the whole of a time that doubles: nodes that collided do not come back at the same moment. */
void ledger_wait(unsigned repeat)
{
	int64_t ms = WAIT_FIRST_MS << (repeat < 10 ? repeat : 10);
	uint8_t chance;
	random_bytes(&chance, 1);
	if (ms > WAIT_LAST_MS)
		ms = WAIT_LAST_MS;
	ms = ms / 2 + ms / 2 * chance / 255;
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };
	(void)nanosleep(&time, NULL);
}

struct db *ledger_db(struct ledger_tx *tx)
{
	return tx->log->db;
}

result ledger_audit(struct op *op, struct ledger_tx *tx, const struct audit_event *event, uint64_t *seq)
{
	/* P8: the log never goes back in time, whatever the clock does. */
	int64_t now_ns = clock_now_ns();
	if (now_ns < tx->time_ns)
		now_ns = tx->time_ns;
	struct audit_frame frame = { .seq = tx->frontier.size, .time_ns = now_ns, .node = tx->log->node,
				     .build = tx->log->build };
	struct audit_row row = { .seq = frame.seq, .time_ns = now_ns, .type = audit_type_name(event->type),
				 .serial = event->serial };
	row.entry = audit_event_encode(op, event, &frame);
	if (row.entry.n > ENTRY_MAX)
		return FAIL(op, ERR_LIMIT, "the audit entry %s would have %zu bytes, %d are allowed: ask for fewer names", row.type,
			    row.entry.n, ENTRY_MAX);
	merkle_leaf(row.entry, &row.leaf);
	TRY(audit_rows_append(op, ledger_db(tx), &row));
	merkle_append(&tx->frontier, &row.leaf);
	tx->time_ns = now_ns;
	tx->last_leaf = row.leaf;
	if (seq != NULL)
		*seq = row.seq;
	return OK;
}

static result take_last(struct op *op UNUSED, void *arg, const struct audit_row *row)
{
	struct ledger_log *log = arg;
	log->time_ns = row->time_ns;
	log->last_leaf = row->leaf;
	return OK;
}

static result read_last(struct op *op, struct ledger_log *log)
{
	log->time_ns = 0;
	return log->frontier.size == 0 ? OK : audit_rows_read(op, log->db, log->frontier.size - 1, 1, take_last, log);
}

static result take_leaf(struct op *op UNUSED, void *leaf, const struct audit_row *row)
{
	*(struct merkle_hash *)leaf = row->leaf;
	return OK;
}

result ledger_log_read(struct op *op, struct ledger_log *log)
{
	struct merkle_hash root, expected;
	TRY(audit_head_read(op, log->db, &log->frontier, &expected));
	TRY(audit_root_read(op, log->db, log->frontier.size, &root));
	if (memcmp(root.b, expected.b, sizeof(root.b)) != 0)
		return FAIL(op, ERR_UNAUTHENTIC, "the log in the store does not fit its head at %llu entries: the store is damaged; "
			    "run chancery audit verify, and restore a backup", (unsigned long long)log->frontier.size);
	return read_last(op, log);
}

static result replaced(struct op *op, const struct ledger_log *log, uint64_t size)
{
	return FAIL(op, ERR_BACKEND, "the log in the store has %llu entries, but these are not the %llu that were written: the store "
		    "was replaced under the running server; stop it and restore the newest copy of the store",
		    (unsigned long long)size, (unsigned long long)log->frontier.size);
}

/*
 * Another process may have appended since (a node, a command beside the server),
 * so the head is read anew; but it never goes back while we run, and what was
 * last stays where it was (F4: a promoted standby that lacks the end of the log,
 * on which others have gone on writing).
 */
static result catch_up(struct op *op, struct ledger_log *log)
{
	struct merkle_frontier stored;
	struct merkle_hash leaf = log->last_leaf;
	TRY(audit_head_read(op, log->db, &stored, NULL));
	if (stored.size > log->frontier.size) {
		if (log->frontier.size > 0)
			TRY(audit_rows_read(op, log->db, log->frontier.size - 1, 1, take_leaf, &leaf));
		if (memcmp(leaf.b, log->last_leaf.b, sizeof(leaf.b)) != 0)
			return replaced(op, log, stored.size);
		log->frontier = stored;
		return read_last(op, log);
	}
	size_t peaks = (size_t)__builtin_popcountll(stored.size);
	if (stored.size < log->frontier.size || memcmp(stored.peaks, log->frontier.peaks, peaks * sizeof(stored.peaks[0])) != 0)
		return replaced(op, log, stored.size);
	return OK;
}

/* F16: a process whose epoch is over writes nothing, whatever it was about to. */
static result check_epoch(struct op *op, struct ledger_tx *tx)
{
	struct ledger_log *log = tx->log;
	int64_t now = clock_now_s();
	tx->seen_s = log->seen_s;
	if (log->epoch == 0)
		return OK;
	bool is_due = now >= log->seen_s + SEEN_EVERY_S || now < log->seen_s;
	result r = is_due ? node_seen(op, log->db, log->node, log->epoch, now) :
			    node_check(op, log->db, log->node, log->epoch);
	log->is_fenced = r.err == ERR_BUSY && db_trouble(log->db) == DB_FINE;
	if (is_due)
		tx->seen_s = now;
	return r;
}

static result batch_begin(struct op *op, struct ledger_log *log, struct ledger_tx *tx)
{
	TRY(db_begin(op, log->db));
	*tx = (struct ledger_tx){ .log = log };
	TRY(check_epoch(op, tx));
	TRY(catch_up(op, log));
	tx->frontier = log->frontier;
	tx->time_ns = log->time_ns;
	tx->last_leaf = log->last_leaf;
	return OK;
}

/* What is left before the commit: the tiles that became complete, then the head. */
static result batch_seal(struct op *op, struct ledger_tx *tx)
{
	uint64_t old_size = tx->log->frontier.size;
	if (tx->frontier.size == old_size)
		return OK;
	TRY(audit_tiles_complete(op, tx->log->db, old_size, tx->frontier.size));
	return audit_head_move(op, tx->log->db, old_size, &tx->frontier);
}

/* Runs the closure; false when the transaction is spoiled for the others. */
static bool closure_run(struct ledger_tx *tx, struct ledger_item *item)
{
	struct db *db = tx->log->db;
	uint64_t before = db_total_changes(db);
	item->outcome = item->fn(item->op, tx, item->arg);
	if (!db_in_transaction(db)) {
		if (item->outcome.err == ERR_NONE)
			item->outcome = FAIL(item->op, ERR_BACKEND, "the store gave up the transaction");
		return false;
	}
	return item->outcome.err == ERR_NONE || db_total_changes(db) == before;
}

/*
 * The batch came to nothing: all get its failure but those that had refused by
 * themselves. With a trouble these are to be run again, too: what they refused
 * on may have been a neighbour's write, which is gone.
 */
static void fail_all(const struct op *op, const char *what, enum db_trouble trouble, struct ledger_item *const *items,
		     unsigned n)
{
	/* A lost race for the head is no conflict of theirs. */
	enum err err = op->err == ERR_CONFLICT ? ERR_BUSY : op->err;
	for (unsigned i = 0; i < n; i++) {
		items[i]->trouble = trouble;
		if (items[i]->outcome.err == ERR_NONE)
			items[i]->outcome = FAIL(items[i]->op, err, "%s: %s", what, op->detail);
	}
}

/* Once it is known to be away, once is enough. */
static bool is_news(const struct ledger_log *log, enum db_trouble trouble)
{
	return trouble != DB_LOST || !log->is_away;
}

/*
 * After COMMIT failed: whether it happened nevertheless, read back by the last
 * entry of the batch. Within a transaction of its own, which has to wait for
 * the right to write: a COMMIT that is still under way somewhere holds it, so
 * that what is read is final. That transaction writes, too: its own COMMIT waits
 * for the synchronous standby, and has then carried over all that came before; a
 * server that was restarted while it waited shows what no standby has (F4).
 * Unreadable, or a batch without entries: unknown.
 */
enum fate { FATE_UNKNOWN, FATE_STORED, FATE_NOT_STORED };
static enum fate batch_fate(struct ledger_tx *tx)
{
	AUTO_OP op = op_new();
	struct db *db = tx->log->db;
	struct merkle_hash leaf = { { 0 } };
	if (tx->frontier.size == tx->log->frontier.size)
		return FATE_UNKNOWN;
	result r = db_begin(op, db);
	if (r.err == ERR_NONE)
		r = audit_rows_read(op, db, tx->frontier.size - 1, 1, take_leaf, &leaf);
	bool is_there = memcmp(leaf.b, tx->last_leaf.b, sizeof(leaf.b)) == 0;
	if (r.err == ERR_NONE && is_there)
		r = audit_head_touch(op, db);
	if (r.err == ERR_NONE && is_there)
		r = db_commit(op, db);
	db_rollback(db);
	if (r.err != ERR_NONE)
		return FATE_UNKNOWN;
	return is_there ? FATE_STORED : FATE_NOT_STORED;
}

/* With the connection gone the first look may come too early; the next ones are further apart. */
static enum fate find_fate(struct ledger_tx *tx, bool is_lost)
{
	int64_t until = clock_monotonic_ms() + FATE_WITHIN_MS;
	enum fate fate = batch_fate(tx);
	bool can_be_told = is_lost && tx->frontier.size > tx->log->frontier.size;
	for (unsigned i = 0; can_be_told && fate == FATE_UNKNOWN && clock_monotonic_ms() < until; i++) {
		ledger_wait(i);
		fate = batch_fate(tx);
	}
	return fate;
}

static void batch_accept(struct ledger_tx *tx)
{
	tx->has_ended = true;
	tx->log->frontier = tx->frontier;
	tx->log->time_ns = tx->time_ns;
	tx->log->last_leaf = tx->last_leaf;
	tx->log->seen_s = tx->seen_s;
}

/*
 * Nothing was stored, for sure. A collision may be the doing of a single closure:
 * each has to run alone, so that it cannot hold up its neighbours.
 */
static bool not_stored(const struct op *op, struct ledger_tx *tx, enum db_trouble trouble, struct ledger_item *const *items,
		       unsigned n)
{
	tx->has_ended = trouble != DB_LOST;
	bool is_split = n > 1 && trouble != DB_LOST;
	if (!is_split)
		fail_all(op, "nothing was recorded", trouble, items, n);
	return !is_split;
}

/* False, as below: rolled back, and each has to run alone. */
static bool batch_commit(struct op *op, struct ledger_tx *tx, struct ledger_item *const *items, unsigned n)
{
	struct db *db = tx->log->db;
	result r = batch_seal(op, tx);
	bool is_sealed = r.err == ERR_NONE;
	if (is_sealed)
		r = db_commit(op, db);
	if (r.err == ERR_NONE) {
		batch_accept(tx);
		return true;
	}
	enum db_trouble trouble = db_trouble(db);
	if (op->err == ERR_CONFLICT) /* another node was first at the head: it has moved on, and so can we */
		trouble = DB_RETRY;
	db_rollback(db);
	if (is_news(tx->log, trouble))
		log_failure(op, "ledger.batch");
	if (!is_sealed || trouble == DB_RETRY)
		return not_stored(op, tx, trouble, items, n);
	switch (find_fate(tx, trouble == DB_LOST)) {
	case FATE_STORED:
		batch_accept(tx);
		return true;
	case FATE_NOT_STORED:
		return not_stored(op, tx, trouble, items, n);
	case FATE_UNKNOWN: /* what may have happened is never simply repeated */
		break;
	}
	fail_all(op, "it is not known what was recorded", DB_FINE, items, n);
	return true;
}

/* Runs the closures; the first one that spoils the transaction ends it. */
static bool run_closures(struct op *op, struct ledger_tx *tx, struct ledger_item *const *items, unsigned n)
{
	struct db *db = tx->log->db;
	for (unsigned i = 0; i < n; i++) {
		if (closure_run(tx, items[i]))
			continue;
		enum db_trouble trouble = db_trouble(db);
		db_rollback(db);
		tx->has_ended = trouble == DB_FINE;
		if (trouble == DB_FINE)
			return n == 1; /* alone, its own failure is the outcome */
		(void)FAIL(op, ERR_BUSY, "%s", items[i]->op->detail);
		if (is_news(tx->log, trouble))
			log_failure(op, "ledger.closure");
		return not_stored(op, tx, trouble, items, n);
	}
	return batch_commit(op, tx, items, n);
}

static bool batch_try(struct ledger_log *log, struct ledger_item *const *items, unsigned n, struct ledger_course *course)
{
	AUTO_OP op = op_new();
	struct ledger_tx tx = { .log = log };
	for (unsigned i = 0; i < n; i++) {
		/* Only the failure of an earlier run: the worker may come with an older one, to have it recorded. */
		if (items[i]->outcome.err != ERR_NONE)
			op_clear_failure(items[i]->op);
		items[i]->outcome = OK;
		items[i]->trouble = DB_FINE;
	}
	course->has_begun = batch_begin(op, log, &tx).err == ERR_NONE;
	for (unsigned i = 0; i < n; i++)
		items[i]->has_begun = course->has_begun;
	if (course->has_begun) {
		bool is_done = run_closures(op, &tx, items, n);
		course->has_ended = tx.has_ended;
		return is_done;
	}
	enum db_trouble trouble = db_trouble(log->db);
	db_rollback(log->db);
	if (is_news(log, trouble))
		log_failure(op, "ledger.begin");
	fail_all(op, "nothing was recorded", trouble, items, n);
	return true;
}

/* No signature is made in a transaction, so running one again repeats none. */
void ledger_batch_run(struct ledger_log *log, struct ledger_item *const *items, unsigned n, struct ledger_course *course)
{
	if (batch_try(log, items, n, course))
		return;
	course->was_split = true;
	for (unsigned i = 0; i < n; i++) {
		if (course->has_begun) {
			(void)batch_try(log, &items[i], 1, course);
		} else { /* the database went away meanwhile: that is known now without asking for each */
			items[i]->trouble = items[i - 1]->trouble;
			items[i]->has_begun = false;
			items[i]->outcome = FAIL(items[i]->op, items[i - 1]->outcome.err, "%s", items[i - 1]->op->detail);
		}
	}
}
