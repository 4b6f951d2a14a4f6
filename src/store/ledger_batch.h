/*
 * One batch of the ledger: closures in one transaction, their audit entries on
 * the log, its tiles and head, one commit. The ledger thread calls it; queue
 * and waiting are ledger.c's.
 */
#pragma once

#include "store/ledger.h"

/* What the ledger thread knows of the log; kept from batch to batch. */
struct ledger_log {
	struct db *db;
	const char *node, *build;
	struct merkle_frontier frontier; /* as of the last commit */
	int64_t time_ns;                 /* of the last entry … */
	struct merkle_hash last_leaf;    /* … and its leaf: that it stays shows that the log is still the same one */
	uint64_t epoch;                  /* of the node; 0: none was taken, and none is checked */
	int64_t seen_s;                  /* when the node last left a sign of life */
	bool is_fenced;                  /* the epoch is not the node's newest any more */
};

/* Reads the frontier and the last entry's time, and checks the tree's right edge. */
result ledger_log_read(struct op *op, struct ledger_log *log);

struct ledger_item {
	struct op *op; /* of the worker that waits */
	ledger_fn *fn;
	void *arg;
	result outcome;
};

struct ledger_course {
	bool was_split;     /* failed as a whole, and was run again one by one */
	unsigned n_repeats; /* whole transactions run again: deadlocks, lost connections and the like */
};

/*
 * Sets every outcome. What the database rolled back for no fault of the closures
 * is repeated, a bounded number of times, with waits that grow and differ.
 */
void ledger_batch_run(struct ledger_log *log, struct ledger_item *const *items, unsigned n, struct ledger_course *course);
