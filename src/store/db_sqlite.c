/*
 * The driver for SQLite: WAL, synchronous=FULL (a commit is an fsync), foreign
 * keys enforced, files readable by their owner only. It is the one file that
 * knows SQLite's result codes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "store/db_driver.h"
#include "store/statement.h"

/* Longer than any transaction of ours; another process' migration may take that long. */
#define BUSY_TIMEOUT_MS 10000
#define COLUMNS_MAX 32

struct sqlite_db {
	struct db db;
	sqlite3 *sqlite;
	struct statement_cache *statements;
	int64_t changes_at_begin;
};

static struct sqlite_db *own(struct db *db)
{
	return (struct sqlite_db *)db;
}

/* The failure of a call on `db` in the house's words. */
static result sqlite_failed(struct op *op, struct sqlite_db *db, const char *what)
{
	int code = sqlite3_extended_errcode(db->sqlite);
	const char *why = sqlite3_errmsg(db->sqlite);
	switch (code) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
		return FAIL(op, ERR_CONFLICT, "store: %s: it exists already: %s", what, why);
	default:
		break;
	}
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return FAIL(op, ERR_BUSY, "store: %s: another process holds the database; try again", what);
	case SQLITE_FULL:
		return FAIL(op, ERR_BACKEND, "store: %s: the disk is full; make room, nothing else is needed", what);
	default:
		return FAIL(op, ERR_BACKEND, "store: %s: %s (SQLite %d)", what, why, code);
	}
}

/*
 * SQLite makes its files with the process' umask, which is not ours to change
 * while threads run. So an empty file is made first: -wal and -shm take their
 * mode from it. O_EXCL: closing a second descriptor of a file in use would drop
 * SQLite's POSIX locks on it.
 */
static result file_create(struct op *op, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		return FAIL(op, ERR_BACKEND, "store: cannot create %s: %s", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return OK;
}

static result url_path(struct op *op, const char *url, const char *dir, const char **path)
{
	if (url[strlen("sqlite:")] == '\0')
		return FAIL(op, ERR_POLICY, "store: \"%s\" is no store; write \"store: sqlite:chancery.db\" in chancery.yaml",
			    url);
	*path = files_join(op->arena, dir, url + strlen("sqlite:"));
	return OK;
}

/*
 * The switch wants the file alone, and where several want it at once, as when a
 * CA's first processes start, SQLite tells all but one BUSY at once instead of
 * waiting, because each holds what another waits for. The next try finds it done.
 */
static result switch_to_wal(struct op *op, struct sqlite_db *db)
{
	int64_t until_ms = clock_monotonic_ms() + BUSY_TIMEOUT_MS;
	for (;;) {
		result r = db_run_script(op, &db->db, "PRAGMA journal_mode = WAL");
		if (r.err != ERR_BUSY || clock_monotonic_ms() >= until_ms)
			return r;
		op_clear_failure(op);
		(void)sqlite3_sleep(5);
	}
}

static result configure(struct op *op, struct sqlite_db *db)
{
	/* The schema is nobody's to edit behind our back, and "x" is a name and never a text, as in PostgreSQL. */
	static const int switches[][2] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
	};
	(void)sqlite3_extended_result_codes(db->sqlite, 1);
	(void)sqlite3_busy_timeout(db->sqlite, BUSY_TIMEOUT_MS);
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (sqlite3_db_config(db->sqlite, switches[i][0], switches[i][1], NULL) != SQLITE_OK)
			return sqlite_failed(op, db, "configure");
	}
	if (db->db.mode != DB_READ)
		TRY(switch_to_wal(op, db));
	/* recursive_triggers: INSERT OR REPLACE then fires the triggers that refuse DELETE. */
	TRY(db_run_script(op, &db->db,
			  "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON;"
			  "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 67108864"));
	if (db->db.mode == DB_READ)
		TRY(db_run_script(op, &db->db, "PRAGMA query_only = ON"));
	return OK;
}

static void sqlite_close(struct db *own_db)
{
	struct sqlite_db *db = own(own_db);
	statement_cache_free(&db->statements);
	/* An open transaction is rolled back by this. */
	(void)sqlite3_close(db->sqlite);
	free(db);
}

static result sqlite_open(struct op *op, const char *url, const char *dir, enum db_mode mode, struct db **out)
{
	const char *path = NULL;
	TRY(url_path(op, url, dir, &path));
	if (mode != DB_READ)
		TRY(file_create(op, path));
	struct sqlite_db *db = calloc(1, sizeof(*db));
	ASSERT(db != NULL);
	db->db = (struct db){ .driver = &db_sqlite, .mode = mode };
	db->statements = statement_cache_new();
	/* Readers of a WAL write to its index, so they open for writing too; query_only binds them. */
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	result r = OK;
	if (sqlite3_open_v2(path, &db->sqlite, flags, NULL) != SQLITE_OK)
		r = FAIL(op, ERR_BACKEND, "store: cannot open %s: %s", path, sqlite3_errmsg(db->sqlite));
	else
		r = configure(op, db);
	if (r.err != ERR_NONE) {
		sqlite_close(&db->db);
		return op_explain(op, r, "%s", path);
	}
	*out = &db->db;
	return OK;
}

/*
 * SQLite numbers $1, $2 … in order of first appearance, so values are bound by
 * the number in the name. Values outlive the run: no copies.
 */
static void bind(sqlite3_stmt *stmt, const struct db_value *parameters, unsigned n)
{
	for (int at = 1; at <= sqlite3_bind_parameter_count(stmt); at++) {
		const char *name = sqlite3_bind_parameter_name(stmt, at);
		uint64_t number = 0;
		ASSERT(name != NULL && name[0] == '$' && text_parse_u64(name + 1, 1, n, &number));
		const struct db_value *value = &parameters[number - 1];
		int code = SQLITE_OK;
		switch (value->kind) {
		case DB_NULL:
			code = sqlite3_bind_null(stmt, at);
			break;
		case DB_INTEGER:
			code = sqlite3_bind_int64(stmt, at, value->integer);
			break;
		case DB_TEXT:
			code = sqlite3_bind_text(stmt, at, value->text, -1, SQLITE_STATIC);
			break;
		case DB_BYTES: /* no pointer would mean SQL NULL, not no bytes */
			code = sqlite3_bind_blob64(stmt, at, value->bytes.n == 0 ? "" : (const void *)value->bytes.p,
						   value->bytes.n, SQLITE_STATIC);
			break;
		}
		ASSERT(code == SQLITE_OK);
	}
}

static unsigned read_columns(sqlite3_stmt *stmt, struct db_value columns[COLUMNS_MAX])
{
	int n = sqlite3_data_count(stmt);
	ASSERT(n <= COLUMNS_MAX);
	for (int i = 0; i < n; i++) {
		switch (sqlite3_column_type(stmt, i)) {
		case SQLITE_INTEGER:
			columns[i] = DB_INT(sqlite3_column_int64(stmt, i));
			break;
		case SQLITE_TEXT:
			columns[i] = DB_STR((const char *)sqlite3_column_text(stmt, i));
			break;
		case SQLITE_BLOB: {
			const uint8_t *p = sqlite3_column_blob(stmt, i);
			columns[i] = DB_BLOB(((struct bytes){ p, (size_t)sqlite3_column_bytes(stmt, i) }));
			break;
		}
		default: /* we store no floats */
			columns[i] = DB_NIL;
			break;
		}
	}
	return (unsigned)n;
}

static result step_all(struct op *op, struct sqlite_db *db, sqlite3_stmt *stmt, db_row *row, void *arg)
{
	struct db_value columns[COLUMNS_MAX];
	for (;;) {
		int code = sqlite3_step(stmt);
		if (code == SQLITE_DONE)
			return OK;
		if (code != SQLITE_ROW)
			return sqlite_failed(op, db, "run");
		if (row != NULL)
			TRY(row(op, arg, columns, read_columns(stmt, columns)));
	}
}

static result sqlite_run(struct op *op, struct db *base, const char *sql, const struct db_value *parameters, unsigned n,
			 db_row *row, void *arg, uint64_t *changes)
{
	struct sqlite_db *db = own(base);
	struct statement *statement = statement_find(db->statements, db->sqlite, sql);
	if (statement == NULL)
		return sqlite_failed(op, db, "prepare");
	bind(statement->stmt, parameters, n);
	statement->is_running = true;
	result r = step_all(op, db, statement->stmt, row, arg);
	statement->is_running = false;
	if (r.err == ERR_NONE && changes != NULL)
		*changes = sqlite3_stmt_readonly(statement->stmt) ? 0 : (uint64_t)sqlite3_changes64(db->sqlite);
	(void)sqlite3_reset(statement->stmt); /* repeats the failure that step reported */
	(void)sqlite3_clear_bindings(statement->stmt);
	return r;
}

static result sqlite_run_script(struct op *op, struct db *db, const char *sql)
{
	if (sqlite3_exec(own(db)->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_failed(op, own(db), "script");
	return OK;
}

static result set_has(struct op *op UNUSED, void *has, const struct db_value *columns UNUSED, unsigned n UNUSED)
{
	*(bool *)has = true;
	return OK;
}

static result sqlite_has_table(struct op *op, struct db *db, const char *table, bool *has)
{
	*has = false;
	return DB_RUN(op, db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1", set_has, has, NULL,
		      DB_STR(table));
}

static result sqlite_forbid(struct op *op, struct db *db, const char *table, unsigned verbs)
{
	static const struct {
		enum db_verb verb;
		const char *name;
	} known[] = { { DB_UPDATE, "UPDATE" }, { DB_DELETE, "DELETE" } };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if ((verbs & known[i].verb) == 0)
			continue;
		TRY(sqlite_run_script(op, db,
				      arena_printf(op->arena,
						   "CREATE TRIGGER %s_no_%s BEFORE %s ON %s BEGIN "
						   "SELECT RAISE(ABORT, '%s of %s is forbidden'); END",
						   table, known[i].name, known[i].name, table, known[i].name, table)));
	}
	return OK;
}

/* All tables share one write-ahead log and its one fsync. */
static result sqlite_let_pass(struct op *op UNUSED, struct db *db UNUSED, const char *table UNUSED)
{
	return OK;
}

static result sqlite_begin(struct op *op, struct db *db)
{
	/* IMMEDIATE takes the write lock now: a read transaction that is raised later can fail with BUSY. */
	TRY(sqlite_run(op, db, db->mode == DB_READ ? "BEGIN" : "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, NULL));
	own(db)->changes_at_begin = sqlite3_total_changes64(own(db)->sqlite);
	return OK;
}

/* A file does not go away. */
static result sqlite_wake(struct op *op UNUSED, struct db *db UNUSED)
{
	return OK;
}

static result sqlite_commit(struct op *op, struct db *db)
{
	return sqlite_run(op, db, "COMMIT", NULL, 0, NULL, NULL, NULL);
}

static bool sqlite_in_transaction(struct db *db)
{
	return sqlite3_get_autocommit(own(db)->sqlite) == 0;
}

static void sqlite_rollback(struct db *db)
{
	if (!sqlite_in_transaction(db))
		return;
	/* Every read ends here, so the statement is kept as others are. */
	struct statement *statement = statement_find(own(db)->statements, own(db)->sqlite, "ROLLBACK");
	ASSERT(statement != NULL);
	/* Cannot fail while there is a transaction; an error then means that SQLite has rolled back already. */
	(void)sqlite3_step(statement->stmt);
	(void)sqlite3_reset(statement->stmt);
}

static uint64_t sqlite_total_changes(struct db *db)
{
	return (uint64_t)(sqlite3_total_changes64(own(db)->sqlite) - own(db)->changes_at_begin);
}

static const char *sqlite_url_public(struct op *op UNUSED, const char *url)
{
	return url;
}

static const char *const prefixes[] = { "sqlite:", NULL };
const struct db_driver db_sqlite = {
	.prefixes = prefixes,
	.open = sqlite_open,
	.close = sqlite_close,
	.run = sqlite_run,
	.run_script = sqlite_run_script,
	.has_table = sqlite_has_table,
	.forbid = sqlite_forbid,
	.let_pass = sqlite_let_pass,
	.begin = sqlite_begin,
	.wake = sqlite_wake,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.in_transaction = sqlite_in_transaction,
	.total_changes = sqlite_total_changes,
	.url_public = sqlite_url_public,
};
