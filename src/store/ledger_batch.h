/*
 * One batch of the ledger: closures in one transaction, their audit entries on
 * the log, its tiles and head, one commit. The ledger thread calls it; queue
 * and waiting are ledger.c's.
 */
#pragma once

#include "store/db.h"
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
	bool is_away;                    /* who waits knows that the database is away: it is not logged again */
};

/* Reads the frontier and the last entry's time, and checks the tree's right edge. */
result ledger_log_read(struct op *op, struct ledger_log *log);

struct ledger_item {
	struct op *op; /* of the worker that waits */
	ledger_fn *fn;
	void *arg;
	result outcome;
	/* Not DB_FINE: nothing of it is stored, for no fault of its own, and it may be run again as it is. */
	enum db_trouble trouble;
	bool has_begun; /* its last transaction did, so that the trouble was met within */
};

struct ledger_course {
	bool was_split; /* failed as a whole, and was run again one by one */
	bool has_begun; /* the last transaction did, */
	bool has_ended; /* and how it ended is known: the database is there */
};

/*
 * Sets every outcome. Waits for nothing but the database, and for what became of
 * a lost COMMIT; to run items again that may be is the caller's.
 */
void ledger_batch_run(struct ledger_log *log, struct ledger_item *const *items, unsigned n, struct ledger_course *course);

/* The wait before that: doubles from 25 ms to a second, and differs from node to node. */
void ledger_wait(unsigned repeat);
