/*
 * What the files of the PostgreSQL driver share: one connection, its results,
 * its prepared statements, and its failures in the house's words. libpq is
 * known in these files only (db_postgres.c, postgres_*.c).
 */
#pragma once

#include <libpq-fe.h>

#include "base/auto.h"
#include "store/db_driver.h"

AUTO_DEFINE(PGresult, PQclear);
AUTO_DEFINE(PQconninfoOption, PQconninfoFree);

/* Parameters of one statement; certificate has the most, 16 of them and 19 columns. */
#define POSTGRES_VALUES_MAX 32

/* What needs no work and waits for no lock: a server that takes longer to say so is away (F3). */
#define POSTGRES_BRIEF_MS 5000

struct postgres_statements;

struct postgres {
	struct db db;
	char *url, *dir;     /* owned */
	PGconn *conn;        /* NULL: none just now */
	struct postgres_statements *statements;
	struct postgres_rows *live; /* a run whose rows still come over the wire */
	bool has_begun;      /* between begin and commit or rollback, whatever became of the connection */
	bool is_silent;      /* the server said nothing for too long: not to be used again */
	bool is_misplaced;   /* this server takes no writes: another one does */
	bool was_warned;     /* a warning came since this was last set to false */
	bool is_brief;       /* what is asked now is not waited for longer than POSTGRES_BRIEF_MS */
	uint64_t changes;    /* rows changed in this transaction */
};

/* postgres_link.c */

/* Connects, or connects again; the connection's settings are ours. ERR_BUSY when nobody answers. */
result postgres_connect(struct op *op, struct postgres *pg);
/* After it failed: a server is there and takes connections, but not this one (password, role, database). */
bool postgres_is_refused(struct op *op, const struct postgres *pg);
void postgres_disconnect(struct postgres *pg);
bool postgres_is_up(const struct postgres *pg);
/* Between statements: takes in what the server said unasked, which may be that it has ended the connection. */
void postgres_hear(struct postgres *pg);
/* "postgresql://user@host:port/database": without the rest, which may hold secrets. */
const char *postgres_url_public(struct op *op, const char *url);
/* The next result of what was sent, NULL after the last. A silent server is given up within the mode's limit. */
PGresult *postgres_next(struct postgres *pg);
/* Reads what is left; the first failure among it, or NULL. */
PGresult *postgres_finish(struct postgres *pg);
/*
 * Runs SQL without parameters, possibly several statements. `tag` (may be NULL)
 * gets the last one's command tag, `changes` (may be NULL) their rows together.
 */
result postgres_simple(struct op *op, struct postgres *pg, const char *what, const char *sql, const char **tag,
		       uint64_t *changes);
/* Rows that an INSERT, UPDATE or DELETE changed; 0 of others. */
uint64_t postgres_changes(PGresult *answer);

/* postgres_failure.c */

/* Of a failed result, or (NULL) of the connection. Notes the trouble in pg->db. */
result postgres_failed(struct op *op, struct postgres *pg, const PGresult *answer, const char *what);

/* postgres_statement.c */

struct postgres_statements *postgres_statements_new(void);
void postgres_statements_free(struct postgres_statements **statements);
/* Forgets all: names live as long as the connection. */
void postgres_statements_clear(struct postgres_statements *statements);
/* The name under which `sql` is prepared for parameters of these types; prepares it when it is not. */
result postgres_statement(struct op *op, struct postgres *pg, const char *sql, const Oid *types, unsigned n,
			  const char **name);

/* postgres_failover.c */

result postgres_failover(struct op *op, struct db *db, struct db_failover *out);

/* postgres_schema.c */

/* Migrations are written with BLOB and TEXT; here they are BYTEA and TEXT COLLATE "C". */
const char *postgres_script(struct op *op, const char *sql);
/* The triggers that refuse these verbs, and TRUNCATE. */
const char *postgres_guard(struct op *op, const char *table, unsigned verbs);
