/*
 * For tests of the store: a folder of their own, a migrated store, and a
 * connection that writes. Both go with the test. The store is SQLite's in that
 * folder, or PostgreSQL's (tests/fake/test_store.h).
 */
#pragma once

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/store.h"
#include "tests/fake/test_store.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

struct place {
	char dir[64];
	struct test_store where;
	const char *url; /* in `where` */
	struct op *op;
	struct store *store;
	struct db *db;
};

static inline void place_open(struct place *place)
{
	assert_ok(place->op, store_open(place->op, place->url, place->dir, &place->store));
	assert_ok(place->op, db_open(place->op, place->url, place->dir, DB_WRITE, &place->db));
}

static inline void place_close(struct place *place)
{
	db_close(&place->db);
	store_free(&place->store);
}

/* A folder without a store. */
static inline int place_setup_bare(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	assert_non_null(place);
	place->op = op_new();
	(void)snprintf(place->dir, sizeof(place->dir), "/tmp/chancery-test.XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	test_store_make(&place->where);
	place->url = place->where.url;
	*state = place;
	return 0;
}

static inline int place_setup(void **state)
{
	(void)place_setup_bare(state);
	place_open(*state);
	return 0;
}

static inline int place_teardown(void **state)
{
	struct place *place = *state;
	place_close(place);
	test_store_drop(&place->where);
	clock_fix(-1);
	DIR *folder = opendir(place->dir);
	assert_non_null(folder);
	for (struct dirent *file = readdir(folder); file != NULL; file = readdir(folder)) {
		if (file->d_name[0] != '.')
			(void)unlinkat(dirfd(folder), file->d_name, 0);
	}
	(void)closedir(folder);
	assert_int_equal(rmdir(place->dir), 0);
	op_free(&place->op);
	free(place);
	return 0;
}

#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, place_setup, place_teardown)
#define BARE_TEST(function) cmocka_unit_test_setup_teardown(function, place_setup_bare, place_teardown)

static inline result place_take_integer(struct op *op, void *arg, const struct db_value *columns, unsigned n)
{
	(void)op;
	assert_true(n >= 1);
	assert_int_equal(columns[0].kind, DB_INTEGER);
	*(int64_t *)arg = columns[0].integer;
	return OK;
}

static inline void place_script(struct place *place, const char *sql)
{
	assert_ok(place->op, db_run_script(place->op, place->db, sql));
}

/* The one number that a query gives. */
static inline int64_t place_number(struct place *place, struct db *db, const char *sql)
{
	int64_t number = INT64_MIN;
	assert_ok(place->op, db_run(place->op, db, sql, NULL, 0, place_take_integer, &number, NULL));
	assert_true(number != INT64_MIN);
	return number;
}
