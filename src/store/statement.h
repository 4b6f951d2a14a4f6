/*
 * Prepared SQLite statements of one connection, kept by their text. The SQL of
 * the program is a fixed set, so nothing is ever thrown out.
 */
#pragma once

#include <sqlite3.h>

#include "base/op.h"

struct statement {
	sqlite3_stmt *stmt;
	const char *sql;        /* owned */
	bool is_running;        /* stepping further up the stack */
	struct statement *next; /* in its bucket */
};

struct statement_cache;

struct statement_cache *statement_cache_new(void);
/* Finalizes all; before sqlite3_close. */
void statement_cache_free(struct statement_cache **cache);

/*
 * The statement for `sql`, not running. NULL when it does not prepare: then
 * sqlite3_errmsg says why. One whose row callback asks for the same SQL again
 * gets a second statement.
 */
struct statement *statement_find(struct statement_cache *cache, sqlite3 *sqlite, const char *sql);
