/*
 * The ledger: the one thread of a node that writes. Workers hand it closures;
 * it runs a batch of them in one transaction, appends their audit entries to
 * the Merkle log, moves the tree head by compare-and-swap, commits once, and
 * wakes the workers. If a batch fails, its closures are run again one by one.
 *
 * Rule for closures: decide first, write after. A closure that fails must not
 * have written, or the batch is rolled back and run singly. A closure may run
 * several times (the earlier runs rolled back), so it changes nothing but the database and
 * what `arg` gets assigned. It runs on the ledger thread, must not block, and
 * may use the op of the worker that waits for it.
 */
#pragma once

#include "store/audit_event.h"
#include "store/store.h"

struct ledger;
struct ledger_tx;

/*
 * Compares the tree in the store with DIR/checkpoint: shorter or different is
 * refused (a restored backup) with the sentence that says what to do.
 */
result ledger_open(struct op *op, struct store *store, const char *node, struct ledger **out);
/* The same over an older copy that somebody accepts: the checkpoint is not asked. */
result ledger_open_restored(struct op *op, struct store *store, const char *node, struct ledger **out);
/* Finishes what is queued, joins the thread. */
void ledger_free(struct ledger **ledger);

/*
 * For who serves: makes this process the node's only writer, by a new epoch in
 * the store (nodes.h). Once another process has taken a newer one, or another
 * node has ended this one, nothing is recorded any more (ERR_BUSY, and is_fenced
 * in the state) until this is called again: then intents of before have been
 * recovered by somebody else. Commands take none and are not checked.
 */
result ledger_take_epoch(struct op *op, struct ledger *ledger);
/* A sign of life. Every batch leaves one, at most each five seconds; this is for idle nodes. */
result ledger_seen(struct op *op, struct ledger *ledger);

typedef result ledger_fn(struct op *op, struct ledger_tx *tx, void *arg);

/*
 * Blocks until the closure's writes are durable, or until it failed (its failure
 * is returned, in op). What the database rolled back for no fault of the closure
 * is run again, at most seven times and within ten seconds; no signature is made
 * in a transaction, so none is repeated. While the store is away (F3) it is
 * refused at once, ERR_BUSY; one caller at a time looks whether it is back.
 */
result ledger_run(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg);
/* For what has happened already and should be known (a token has signed): stays with a store that is away for twenty seconds. */
result ledger_settle(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg);

struct db *ledger_db(struct ledger_tx *tx);

/* Appends an entry within the closure's transaction; *seq (may be NULL) gets its number. */
result ledger_audit(struct op *op, struct ledger_tx *tx, const struct audit_event *event, uint64_t *seq);

struct ledger_head {
	uint64_t size;
	struct merkle_hash root;
};
/* The head as of the last commit. Any thread. */
void ledger_read_head(struct ledger *ledger, struct ledger_head *out);

struct ledger_state {
	uint64_t batches, closures, rerun_batches;
	uint64_t repeats; /* closures run again after a deadlock, a lost connection and the like */
	unsigned waiting; /* closures in the queue now */
	bool is_away;     /* the database could not be reached, or does not answer */
	uint64_t epoch;   /* 0: none was taken */
	bool is_fenced;   /* nothing is recorded until the next ledger_take_epoch() */
};
void ledger_read_state(struct ledger *ledger, struct ledger_state *out);
