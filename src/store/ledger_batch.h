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
	int64_t time_ns;                 /* of the last entry */
};

/* Reads the frontier and the last entry's time, and checks the tree's right edge. */
result ledger_log_read(struct op *op, struct ledger_log *log);

struct ledger_item {
	struct op *op; /* of the worker that waits */
	ledger_fn *fn;
	void *arg;
	result outcome;
};

/* Sets every outcome. True: the batch failed as a whole and was run again one by one. */
bool ledger_batch_run(struct ledger_log *log, struct ledger_item *const *items, unsigned n);
