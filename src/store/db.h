/*
 * One connection to the database, SQLite or PostgreSQL, with bound parameters
 * only. Only files in src/store include it.
 *
 * SQL is written once for both, with $1, $2, … for parameters, BLOB for bytes,
 * TEXT (compared byte by byte) and BIGINT for integers. A statement that fails
 * may spoil the whole transaction (PostgreSQL), so what is to be expected, such
 * as a row that exists, is asked for with ON CONFLICT and the number of changes.
 * A connection belongs to one thread at a time.
 */
#pragma once

#include "base/op.h"

struct db;

enum db_kind { DB_NULL, DB_INTEGER, DB_TEXT, DB_BYTES };
struct db_value {
	enum db_kind kind;
	int64_t integer;
	const char *text;
	struct bytes bytes;
};
#define DB_INT(v) ((struct db_value){ .kind = DB_INTEGER, .integer = (int64_t)(v) })
#define DB_STR(v) db_text(v)           /* NULL becomes SQL NULL */
#define DB_BLOB(v) ((struct db_value){ .kind = DB_BYTES, .bytes = (v) })
#define DB_NIL ((struct db_value){ .kind = DB_NULL })
struct db_value db_text(const char *text);

enum db_mode {
	DB_READ,
	DB_WRITE,
	DB_SINGLE, /* writes, each statement a transaction of its own, without waiting for its turn; no db_begin */
	DB_MIGRATE /* writes, and may take its time */
};
result db_open(struct op *op, const char *url, const char *dir, enum db_mode mode, struct db **out);
void db_close(struct db **db);
/* The URL for people and logs: without passwords. */
const char *db_url_public(struct op *op, const char *url);
/* Processes on several machines can have it open. */
bool db_url_is_shared(const char *url);

/* Called for each row; values are copied into op's arena where the callee keeps them. */
typedef result db_row(struct op *op, void *arg, const struct db_value *columns, unsigned n);

/*
 * Runs one statement (prepared once, kept). `*changes` (may be NULL) gets the
 * rows changed. A unique violation is ERR_CONFLICT; locked or gone is ERR_BUSY;
 * the rest ERR_BACKEND. Transactions are the ledger's and store_read's business.
 */
result db_run(struct op *op, struct db *db, const char *sql, const struct db_value *parameters, unsigned n,
	      db_row *row, void *arg, uint64_t *changes);
#define DB_RUN(op, db, sql, row, arg, changes, ...)                                         \
	db_run((op), (db), (sql), (const struct db_value[]){ __VA_ARGS__ },                 \
	       sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value), \
	       (row), (arg), (changes))
result db_run_script(struct op *op, struct db *db, const char *sql); /* migrations: several statements */
result db_has_table(struct op *op, struct db *db, const char *table, bool *has);

/*
 * Migrations: from now on the database itself refuses these verbs on the table,
 * whoever asks. The trigger's text is the driver's, hence a function.
 */
enum db_verb { DB_UPDATE = 1, DB_DELETE = 2 };
result db_forbid(struct op *op, struct db *db, const char *table, unsigned verbs);
/*
 * Migrations: rows of this table cost no fsync, and after a crash of the database, or on a standby that was
 * promoted, the table may be empty. It is never there in part.
 */
result db_let_pass(struct op *op, struct db *db, const char *table);

/*
 * DB_WRITE: waits until no other transaction of a writing connection is open,
 * in any process, and then is the only one. DB_READ: sees one moment. A
 * connection that was lost is made anew, here without a word, and by the next
 * statement after the one that found it lost; within a transaction everything
 * fails until db_rollback().
 */
result db_begin(struct op *op, struct db *db);
/* Outside of a transaction: makes a connection that is known to be lost anew, now. Asks the server nothing. */
result db_wake(struct op *op, struct db *db);
/* A failure with DB_LOST says nothing about whether it happened: read back. */
result db_commit(struct op *op, struct db *db);
void db_rollback(struct db *db); /* harmless when there is no transaction */
/* False once the database has given the transaction up by itself (disk full, connection lost). */
bool db_in_transaction(struct db *db);
/* Rows written in this transaction so far: the ledger asks whether a failed closure had written. */
uint64_t db_total_changes(struct db *db);

/*
 * What would be lost if another server took the place of this one (F4), as far
 * as it can be told from here. Static text; both NULL: nothing that was acknowledged.
 */
struct db_failover {
	const char *refusal; /* somebody intends such a failover, and it would lose certificates and revocations */
	const char *warning; /* such a failover is possible */
};
result db_failover(struct op *op, struct db *db, struct db_failover *out);

/*
 * The worst that the database did to the current or last transaction: DB_RETRY,
 * it was rolled back for sure, and may succeed when it is run again from its
 * beginning (deadlock, serialization failure, a lock or statement that took too
 * long); DB_LOST, the connection is gone.
 */
enum db_trouble { DB_FINE, DB_RETRY, DB_LOST };
enum db_trouble db_trouble(const struct db *db);
