/* Databases: files and their modes, transactions, values of each type, failures by kind. */
#include <sys/stat.h>

#include "base/files.h"
#include "tests/unit/store_fixture.h"

#define run place_script

static void assert_private(const struct place *place, const char *name)
{
	char path[PATH_MAX];
	struct stat status;
	(void)snprintf(path, sizeof(path), "%s/%s", place->dir, name);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

/* A password that others may read is refused, and said to be so. */
static void password_is_private(struct place *place)
{
	char path[PATH_MAX];
	struct db *db = NULL;
	(void)snprintf(path, sizeof(path), "%s/pgpass", place->dir);
	assert_ok(place->op, files_write(place->op, path, 0640, BYTES_LITERAL("*:*:*:*:geheim\n")));
	result r = db_open(place->op, place->url, place->dir, DB_READ, &db);
	assert_int_equal(r.err, ERR_POLICY);
	assert_non_null(strstr(place->op->detail, "chmod 600"));
	op_clear_failure(place->op);
	assert_int_equal(chmod(path, 0600), 0);
	assert_ok(place->op, db_open(place->op, place->url, place->dir, DB_READ, &db));
	db_close(&db);
}

/* V24 */
static void files_are_private(void **state)
{
	struct place *place = *state;
	if (test_store_is_postgresql()) {
		password_is_private(place);
		return;
	}
	mode_t old = umask(0);
	place_open(place);
	run(place, "CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (1)");
	assert_private(place, "chancery.db");
	assert_private(place, "chancery.db-wal");
	assert_private(place, "chancery.db-shm");
	(void)umask(old);
}

static void urls_are_checked(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct db *db;
	result r = db_open(op, "postgresql://u:geheim@/d?host=/nowhere&password=geheim", place->dir, DB_WRITE, &db);
	assert_int_equal(r.err, ERR_BUSY);
	assert_non_null(strstr(op->detail, "postgresql://u@/nowhere/d"));
	assert_null(strstr(op->detail, "geheim")); /* V14 */
	op_clear_failure(op);
	assert_err(op, ERR_POLICY, db_open(op, "mysql:chancery", place->dir, DB_WRITE, &db));
	assert_err(op, ERR_POLICY, db_open(op, "sqlite:", place->dir, DB_WRITE, &db));
	assert_err(op, ERR_BACKEND, db_open(op, "sqlite:no/such/folder.db", place->dir, DB_WRITE, &db));
	assert_err(op, ERR_BACKEND, db_open(op, "sqlite:absent.db", place->dir, DB_READ, &db)); /* reading makes none */
}

static result take_text(struct op *op, void *arg, const struct db_value *columns, unsigned n)
{
	assert_int_equal(n, 1);
	assert_int_equal(columns[0].kind, DB_TEXT);
	*(const char **)arg = arena_text(op->arena, columns[0].text);
	return OK;
}

static void assert_setting(struct place *place, const char *name, const char *value)
{
	const char *found = NULL;
	assert_ok(place->op, DB_RUN(place->op, place->db, "SELECT current_setting($1)", take_text, &found, NULL, DB_STR(name)));
	assert_string_equal(found, value);
}

/* A node that hangs in a transaction must not hold up the others (F16). */
static void limits_are_set(struct place *place)
{
	assert_setting(place, "synchronous_commit", "on");
	assert_setting(place, "lock_timeout", "5s");
	assert_setting(place, "statement_timeout", "10s");
	assert_setting(place, "idle_in_transaction_session_timeout", "10s");
	assert_setting(place, "application_name", "chancery");
	assert_setting(place, "client_encoding", "UTF8");
}

/* A commit is durable (F2) and references hold. */
static void settings_are_safe(void **state)
{
	struct place *place = *state;
	const char *mode = NULL;
	if (test_store_is_postgresql()) {
		limits_are_set(place);
		return;
	}
	assert_ok(place->op, db_run(place->op, place->db, "PRAGMA journal_mode", NULL, 0, take_text, &mode, NULL));
	assert_string_equal(mode, "wal");
	assert_int_equal(place_number(place, place->db, "PRAGMA synchronous"), 2);
	assert_int_equal(place_number(place, place->db, "PRAGMA foreign_keys"), 1);
}

static result check_swapped(struct op *op, void *arg, const struct db_value *columns, unsigned n)
{
	(void)op;
	assert_int_equal(n, 3);
	assert_string_equal(columns[0].text, "second");
	assert_int_equal(columns[1].integer, 1);
	assert_string_equal(columns[2].text, "second");
	*(bool *)arg = true;
	return OK;
}

static void parameters_go_by_number(void **state)
{
	struct place *place = *state;
	bool seen = false;
	assert_ok(place->op, DB_RUN(place->op, place->db, "SELECT $2, $1, $2", check_swapped, &seen, NULL, DB_INT(1),
				    DB_STR("second")));
	assert_true(seen);
}

static const uint8_t some_bytes[] = { 0, 1, 0xff, 0 };

static result check_kinds(struct op *op, void *arg, const struct db_value *columns, unsigned n)
{
	(void)op;
	assert_int_equal(n, 6);
	assert_true(columns[0].kind == DB_INTEGER && columns[0].integer == INT64_MIN);
	assert_true(columns[1].kind == DB_INTEGER && columns[1].integer == INT64_MAX);
	assert_int_equal(columns[2].kind, DB_NULL);
	assert_true(columns[3].kind == DB_TEXT && columns[3].text[0] == '\0');
	assert_true(columns[4].kind == DB_BYTES && bytes_equal(columns[4].bytes, BYTES_ARRAY(some_bytes)));
	assert_true(columns[5].kind == DB_BYTES && columns[5].bytes.n == 0);
	*(bool *)arg = true;
	return OK;
}

static void values_come_back(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	bool seen = false;
	struct bytes bytes = BYTES_ARRAY(some_bytes);
	run(place, "CREATE TABLE t (a BIGINT, b BIGINT, c TEXT, d TEXT, e BLOB NOT NULL, f BLOB NOT NULL)");
	assert_ok(op, DB_RUN(op, place->db, "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)", NULL, NULL, NULL,
			     DB_INT(INT64_MIN), DB_INT(INT64_MAX), DB_STR(NULL), DB_STR(""), DB_BLOB(bytes),
			     DB_BLOB(BYTES_NONE)));
	assert_ok(op, db_run(op, place->db, "SELECT * FROM t", NULL, 0, check_kinds, &seen, NULL));
	assert_true(seen);
}

/* V22: whatever stands in an id is compared as bytes and is never SQL. */
static void hostile_texts_are_data(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	static const char *const hostile[] = { "'; DROP TABLE t; --", "*", "%", "_", "\"", "\\", "$1", "\xc3\xa4", "a", "A" };
	run(place, "CREATE TABLE t (a TEXT PRIMARY KEY)");
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		int64_t count = 0;
		const char *back = NULL;
		assert_ok(op, DB_RUN(op, place->db, "INSERT INTO t VALUES ($1)", NULL, NULL, NULL, DB_STR(hostile[i])));
		assert_ok(op, DB_RUN(op, place->db, "SELECT COUNT(*) FROM t WHERE a = $1", place_take_integer, &count, NULL,
				     DB_STR(hostile[i])));
		assert_int_equal(count, 1);
		assert_ok(op, DB_RUN(op, place->db, "SELECT a FROM t WHERE a = $1", take_text, &back, NULL,
				     DB_STR(hostile[i])));
		assert_string_equal(back, hostile[i]);
	}
}

static void failures_have_their_kind(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	run(place, "CREATE TABLE t (a BIGINT PRIMARY KEY); INSERT INTO t VALUES (1);"
		   "CREATE TABLE child (a BIGINT NOT NULL REFERENCES t (a))");
	assert_err(op, ERR_CONFLICT, db_run(op, place->db, "INSERT INTO t VALUES (1)", NULL, 0, NULL, NULL, NULL));
	assert_err(op, ERR_BACKEND, db_run(op, place->db, "INSERT INTO child VALUES (2)", NULL, 0, NULL, NULL, NULL));
	assert_err(op, ERR_BACKEND, db_run(op, place->db, "INSERT INTO child VALUES (NULL)", NULL, 0, NULL, NULL, NULL));
	assert_err(op, ERR_BACKEND, db_run(op, place->db, "SELECT * FROM absent", NULL, 0, NULL, NULL, NULL));
	assert_err(op, ERR_BACKEND, db_run_script(op, place->db, "no SQL"));
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM child"), 0);
}

struct nesting {
	struct place *place;
	unsigned depth, rows;
};

static result descend(struct op *op, void *arg, const struct db_value *columns, unsigned n)
{
	struct nesting *nesting = arg;
	(void)columns;
	(void)n;
	nesting->rows++;
	if (nesting->depth == 3)
		return OK;
	nesting->depth++;
	result r = db_run(op, nesting->place->db, "SELECT a FROM t ORDER BY a", NULL, 0, descend, nesting, NULL);
	nesting->depth--;
	return r;
}

static void a_row_may_ask_the_same_again(void **state)
{
	struct place *place = *state;
	struct nesting nesting = { .place = place };
	run(place, "CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (1), (2)");
	assert_ok(place->op, db_run(place->op, place->db, "SELECT a FROM t ORDER BY a", NULL, 0, descend, &nesting, NULL));
	assert_int_equal(nesting.rows, 2 + 4 + 8 + 16);
}

static result refuse_second(struct op *op, void *arg, const struct db_value *columns, unsigned n)
{
	(void)n;
	++*(unsigned *)arg;
	return columns[0].integer == 2 ? FAIL(op, ERR_LIMIT, "enough") : OK;
}

static void a_row_may_end_the_run(void **state)
{
	struct place *place = *state;
	run(place, "CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (1), (2), (3)");
	for (int i = 0; i < 2; i++) {
		unsigned rows = 0;
		assert_err(place->op, ERR_LIMIT, db_run(place->op, place->db, "SELECT a FROM t ORDER BY a", NULL, 0,
							refuse_second, &rows, NULL));
		assert_int_equal(rows, 2);
	}
	run(place, "DROP TABLE t"); /* would be refused while a statement is running */
}

static void readers_do_not_write(void **state)
{
	struct place *place = *state;
	run(place, "CREATE TABLE t (a BIGINT)");
	STORE_LEASE(lease);
	assert_ok(place->op, store_read(place->op, place->store, &lease));
	assert_err(place->op, ERR_BACKEND,
		   db_run(place->op, lease.db, "INSERT INTO t VALUES (1)", NULL, 0, NULL, NULL, NULL));
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM t"), 0);
}

static void leases_see_one_moment(void **state)
{
	struct place *place = *state;
	run(place, "CREATE TABLE t (a BIGINT)");
	struct store_lease lease, other;
	assert_ok(place->op, store_read(place->op, place->store, &lease));
	assert_int_equal(place_number(place, lease.db, "SELECT COUNT(*) FROM t"), 0);
	run(place, "INSERT INTO t VALUES (1)");
	assert_int_equal(place_number(place, lease.db, "SELECT COUNT(*) FROM t"), 0);
	assert_ok(place->op, store_read(place->op, place->store, &other));
	assert_ptr_not_equal(other.db, lease.db);
	assert_int_equal(place_number(place, other.db, "SELECT COUNT(*) FROM t"), 1);
	struct db *used = lease.db;
	store_release(&lease);
	store_release(&lease); /* a second time is harmless */
	assert_ok(place->op, store_read(place->op, place->store, &lease));
	assert_ptr_equal(lease.db, used); /* from the pool, with a new snapshot */
	assert_int_equal(place_number(place, lease.db, "SELECT COUNT(*) FROM t"), 1);
	store_release(&lease);
	store_release(&other);
}

static void transactions_count_and_undo(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	uint64_t changes;
	run(place, "CREATE TABLE t (a BIGINT PRIMARY KEY)");
	assert_false(db_in_transaction(place->db));
	assert_ok(op, db_begin(op, place->db));
	assert_true(db_in_transaction(place->db));
	assert_int_equal(db_total_changes(place->db), 0);
	assert_ok(op, db_run(op, place->db, "INSERT INTO t VALUES (1), (2)", NULL, 0, NULL, NULL, &changes));
	assert_int_equal(changes, 2);
	assert_ok(op, db_run(op, place->db, "INSERT INTO t VALUES (2) ON CONFLICT DO NOTHING", NULL, 0, NULL, NULL, &changes));
	assert_int_equal(changes, 0);
	assert_int_equal(db_total_changes(place->db), 2);
	db_rollback(place->db);
	assert_false(db_in_transaction(place->db));
	db_rollback(place->db);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM t"), 0);
	assert_ok(op, db_begin(op, place->db));
	assert_ok(op, db_run(op, place->db, "INSERT INTO t VALUES (3)", NULL, 0, NULL, NULL, NULL));
	assert_ok(op, db_commit(op, place->db));
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM t"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BARE_TEST(files_are_private),
		BARE_TEST(urls_are_checked),
		STORE_TEST(settings_are_safe),
		STORE_TEST(parameters_go_by_number),
		STORE_TEST(values_come_back),
		STORE_TEST(hostile_texts_are_data),
		STORE_TEST(failures_have_their_kind),
		STORE_TEST(a_row_may_ask_the_same_again),
		STORE_TEST(a_row_may_end_the_run),
		STORE_TEST(readers_do_not_write),
		STORE_TEST(leases_see_one_moment),
		STORE_TEST(transactions_count_and_undo),
	};
	return RUN_TESTS(tests);
}
