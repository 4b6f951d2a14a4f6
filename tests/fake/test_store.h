/*
 * Where the tests of the store have theirs: SQLite in the test's folder, or,
 * with $CHANCERY_TEST_STORE (a PostgreSQL URL, see tests/tools/with_postgres), a
 * schema of its own in that database, dropped with the test.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "store/db.h"

#define TEST_STORE_SQLITE "sqlite:chancery.db"

static inline bool test_store_is_postgresql(void)
{
	return getenv("CHANCERY_TEST_STORE") != NULL;
}

/* One or the other, where the two databases differ. */
static inline const char *test_store_sql(const char *sqlite, const char *postgresql)
{
	return test_store_is_postgresql() ? postgresql : sqlite;
}

static inline void test_store_must(struct op *op, result r)
{
	if (r.err == ERR_NONE)
		return;
	fprintf(stderr, "test store: %s\n", op->detail);
	abort();
}

/* Runs SQL as who may do everything, outside of any test's schema. */
static inline void test_store_admin(const char *sql)
{
	struct op *op = op_new();
	struct db *db;
	test_store_must(op, db_open(op, getenv("CHANCERY_TEST_STORE"), "/", DB_MIGRATE, &db));
	test_store_must(op, db_run_script(op, db, sql));
	db_close(&db);
	op_free(&op);
}

struct test_store {
	char url[512];
	char schema[32]; /* "" for SQLite */
};

static inline void test_store_make(struct test_store *store)
{
	char sql[128];
	uint64_t lot;
	*store = (struct test_store){ .url = TEST_STORE_SQLITE };
	if (!test_store_is_postgresql())
		return;
	random_bytes((uint8_t *)&lot, sizeof(lot));
	(void)snprintf(store->schema, sizeof(store->schema), "t%llx", (unsigned long long)lot);
	const char *base = getenv("CHANCERY_TEST_STORE");
	(void)snprintf(store->url, sizeof(store->url), "%s%coptions=-csearch_path%%3D%s", base,
		       strchr(base, '?') == NULL ? '?' : '&', store->schema);
	(void)snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", store->schema);
	test_store_admin(sql);
}

static inline void test_store_drop(const struct test_store *store)
{
	char sql[128];
	if (store->schema[0] == '\0')
		return;
	(void)snprintf(sql, sizeof(sql), "DROP SCHEMA %s CASCADE", store->schema);
	test_store_admin(sql);
}
