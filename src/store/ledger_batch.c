/*
 * The order within a batch: begin, catch up with the log, the closures (their rows
 * and entries), tiles, head, commit. Only a commit moves what the ledger remembers.
 */
#include "store/ledger_batch.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/audit_rows.h"

#define AUTO_OP __attribute__((cleanup(op_free))) struct op *

/* C2SP tlog-tiles, entry bundles: the length of an entry has 16 bits. */
#define ENTRY_MAX 65535

struct ledger_tx {
	struct ledger_log *log;
	struct merkle_frontier frontier; /* with this transaction's entries */
	int64_t time_ns;
	struct merkle_hash last_leaf;
};

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

static result take_time(struct op *op UNUSED, void *time_ns, const struct audit_row *row)
{
	*(int64_t *)time_ns = row->time_ns;
	return OK;
}

static result read_last_time(struct op *op, struct ledger_log *log)
{
	log->time_ns = 0;
	return log->frontier.size == 0 ? OK :
					 audit_rows_read(op, log->db, log->frontier.size - 1, 1, take_time, &log->time_ns);
}

result ledger_log_read(struct op *op, struct ledger_log *log)
{
	struct merkle_hash root, expected;
	TRY(audit_head_read(op, log->db, &log->frontier, &expected));
	TRY(audit_root_read(op, log->db, log->frontier.size, &root));
	if (memcmp(root.b, expected.b, sizeof(root.b)) != 0)
		return FAIL(op, ERR_UNAUTHENTIC, "the log in the store does not fit its head at %llu entries: the store is damaged; "
			    "run chancery audit verify, and restore a backup", (unsigned long long)log->frontier.size);
	return read_last_time(op, log);
}

/*
 * Another process may have appended since (a command beside the server), so the
 * head is read anew; but it never goes back while we run.
 */
static result catch_up(struct op *op, struct ledger_log *log)
{
	struct merkle_frontier stored;
	TRY(audit_head_read(op, log->db, &stored, NULL));
	if (stored.size > log->frontier.size) {
		log->frontier = stored;
		return read_last_time(op, log);
	}
	size_t peaks = (size_t)__builtin_popcountll(stored.size);
	if (stored.size < log->frontier.size || memcmp(stored.peaks, log->frontier.peaks, peaks * sizeof(stored.peaks[0])) != 0)
		return FAIL(op, ERR_BACKEND, "the log in the store has %llu entries, but %llu were written: the store was replaced "
			    "under the running server; stop it and restore the newest copy of the store",
			    (unsigned long long)stored.size, (unsigned long long)log->frontier.size);
	return OK;
}

static result batch_begin(struct op *op, struct ledger_log *log, struct ledger_tx *tx)
{
	TRY(db_begin(op, log->db));
	TRY(catch_up(op, log));
	*tx = (struct ledger_tx){ .log = log, .frontier = log->frontier, .time_ns = log->time_ns };
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
 * themselves. A lost race for the head is no conflict of theirs.
 */
static void fail_all(const struct op *op, const char *what, struct ledger_item *const *items, unsigned n)
{
	enum err err = op->err == ERR_CONFLICT ? ERR_BUSY : op->err;
	for (unsigned i = 0; i < n; i++) {
		if (items[i]->outcome.err == ERR_NONE)
			items[i]->outcome = FAIL(items[i]->op, err, "%s: %s", what, op->detail);
	}
}

static result find_leaf(struct op *op UNUSED, void *leaf, const struct audit_row *row)
{
	*(struct merkle_hash *)leaf = row->leaf;
	return OK;
}

/*
 * After COMMIT failed: whether it happened nevertheless, read back by the last
 * entry of the batch. Unreadable, or a batch without entries: unknown.
 */
enum fate { FATE_UNKNOWN, FATE_STORED, FATE_NOT_STORED };
static enum fate batch_fate(struct ledger_tx *tx)
{
	AUTO_OP op = op_new();
	struct merkle_hash leaf = { { 0 } };
	if (tx->frontier.size == tx->log->frontier.size)
		return FATE_UNKNOWN;
	if (audit_rows_read(op, tx->log->db, tx->frontier.size - 1, 1, find_leaf, &leaf).err != ERR_NONE)
		return FATE_UNKNOWN;
	return memcmp(leaf.b, tx->last_leaf.b, sizeof(leaf.b)) == 0 ? FATE_STORED : FATE_NOT_STORED;
}

static void batch_accept(struct ledger_tx *tx)
{
	tx->log->frontier = tx->frontier;
	tx->log->time_ns = tx->time_ns;
}

/* True: all outcomes are set. False: rolled back, each has to run alone. */
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
	db_rollback(db);
	log_failure(op, "ledger.batch");
	enum fate fate = is_sealed ? batch_fate(tx) : FATE_NOT_STORED;
	if (fate == FATE_STORED) {
		batch_accept(tx);
		return true;
	}
	/* What may have happened is never simply repeated. */
	if (fate == FATE_NOT_STORED && n > 1)
		return false;
	fail_all(op, fate == FATE_UNKNOWN ? "it is not known what was recorded" : "nothing was recorded", items, n);
	return true;
}

static bool batch_try(struct ledger_log *log, struct ledger_item *const *items, unsigned n)
{
	AUTO_OP op = op_new();
	struct ledger_tx tx;
	for (unsigned i = 0; i < n; i++)
		items[i]->outcome = OK;
	if (batch_begin(op, log, &tx).err != ERR_NONE) {
		db_rollback(log->db);
		log_failure(op, "ledger.begin");
		fail_all(op, "nothing was recorded", items, n);
		return true;
	}
	for (unsigned i = 0; i < n; i++) {
		if (!closure_run(&tx, items[i])) {
			db_rollback(log->db);
			return n == 1; /* alone, its own failure is the outcome */
		}
	}
	return batch_commit(op, &tx, items, n);
}

bool ledger_batch_run(struct ledger_log *log, struct ledger_item *const *items, unsigned n)
{
	if (batch_try(log, items, n))
		return false;
	for (unsigned i = 0; i < n; i++) {
		/* Only the first run's own failure: the worker may come with an older one, to have it recorded. */
		if (items[i]->outcome.err != ERR_NONE)
			op_clear_failure(items[i]->op);
		bool is_done = batch_try(log, &items[i], 1);
		ASSERT(is_done);
	}
	return true;
}
