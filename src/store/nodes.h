/*
 * The nodes that write to this store. A node's process takes a new epoch when
 * it starts to serve; a batch of the ledger is refused when the epoch of its
 * process is not the newest one of the node any more. So neither a process that
 * was paused and replaced, nor one whose intents another node has recovered,
 * can write when it wakes up (F16).
 */
#pragma once

#include "store/db.h"

/* A new epoch for this name; from now on no other one counts. */
result node_start(struct op *op, struct db *db, const char *name, int64_t now_s, uint64_t *epoch);

/* ERR_BUSY: `epoch` is not the newest one any more. */
result node_check(struct op *op, struct db *db, const char *name, uint64_t epoch);
/* The same, and notes that the node was alive at `now_s`. */
result node_seen(struct op *op, struct db *db, const char *name, uint64_t epoch, int64_t now_s);

/*
 * Ends the epoch of a node that was not seen since `seen_before_s`, so that its
 * intents can be recovered by another. ERR_CONFLICT: it was seen. A node that
 * never took an epoch (a command) has none to end.
 */
result node_fence(struct op *op, struct db *db, const char *name, int64_t seen_before_s);

struct node_row {
	const char *name;
	uint64_t epoch;
	int64_t seen_s;
};
/* In order of name. */
result node_list(struct op *op, struct db *db, struct node_row **out, unsigned *n);
