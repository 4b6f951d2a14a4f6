/*
 * What a database has to offer behind db.h: one table of functions per driver,
 * chosen by the URL. A driver's own struct begins with struct db. The functions
 * promise what db.h says of their namesakes.
 */
#pragma once

#include "store/db.h"

struct db_driver {
	const char *const *prefixes; /* of URLs that are its own; NULL-terminated */
	bool is_shared;              /* processes on several machines can have it open */
	result (*open)(struct op *op, const char *url, const char *dir, enum db_mode mode, struct db **out);
	void (*close)(struct db *own_db);
	result (*run)(struct op *op, struct db *db, const char *sql, const struct db_value *parameters, unsigned n,
		      db_row *row, void *arg, uint64_t *changes);
	result (*run_script)(struct op *op, struct db *db, const char *sql);
	result (*has_table)(struct op *op, struct db *db, const char *table, bool *has);
	result (*forbid)(struct op *op, struct db *db, const char *table, unsigned verbs);
	result (*let_pass)(struct op *op, struct db *db, const char *table);
	result (*begin)(struct op *op, struct db *db);
	result (*wake)(struct op *op, struct db *db);
	result (*commit)(struct op *op, struct db *db);
	void (*rollback)(struct db *db);
	bool (*in_transaction)(struct db *db);
	uint64_t (*total_changes)(struct db *db);
	const char *(*url_public)(struct op *op, const char *url);
	result (*failover)(struct op *op, struct db *db, struct db_failover *out); /* NULL: there is nothing to fail over to */
};

struct db {
	const struct db_driver *driver;
	enum db_mode mode;
	enum db_trouble trouble;
};

extern const struct db_driver db_sqlite;
extern const struct db_driver db_postgres;
