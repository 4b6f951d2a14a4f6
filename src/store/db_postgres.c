/*
 * The driver for PostgreSQL: statements prepared once per connection, values
 * always apart from them and in binary form, rows passed on as they come. The
 * right to write is an advisory lock that a transaction of a writing connection
 * holds to its end, as SQLite's BEGIN IMMEDIATE does.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres.h"

/* Of PostgreSQL's catalog (pg_type.dat): fixed for ever. */
enum { OID_BOOL = 16, OID_BYTEA = 17, OID_NAME = 19, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25,
       OID_UNKNOWN = 705, OID_VARCHAR = 1043, OID_VOID = 2278 };

/* Keys of the lock: "CHAN", and the schema, so that two stores in one database do not wait for each other. */
#define BEGIN_WRITE                                   \
	"BEGIN ISOLATION LEVEL READ COMMITTED;"       \
	"SELECT pg_advisory_xact_lock(1128808782, hashtext(current_schema()))"
#define BEGIN_READ "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

static struct postgres *own(struct db *db)
{
	return (struct postgres *)db;
}

static void postgres_close(struct db *own_db)
{
	struct postgres *pg = own(own_db);
	postgres_disconnect(pg);
	postgres_statements_free(&pg->statements);
	free(pg->url);
	free(pg->dir);
	free(pg);
}

/*
 * A process's first connection has to tell a database that is away, which is
 * waited for, from one that will not have us, which somebody has to mend.
 */
static result connect_first(struct op *op, struct postgres *pg)
{
	result r = postgres_connect(op, pg);
	if (r.err != ERR_BUSY || pg->db.mode != DB_MIGRATE || !postgres_is_refused(op, pg))
		return r;
	op_clear_failure(op);
	r = postgres_connect(op, pg);
	return r.err == ERR_BUSY ? FAIL(op, ERR_POLICY, "%s", op->detail) : r;
}

static result postgres_open(struct op *op, const char *url, const char *dir, enum db_mode mode, struct db **out)
{
	struct postgres *pg = calloc(1, sizeof(*pg));
	ASSERT(pg != NULL);
	pg->db = (struct db){ .driver = &db_postgres, .mode = mode };
	pg->url = strdup(url);
	pg->dir = strdup(dir);
	ASSERT(pg->url != NULL && pg->dir != NULL);
	pg->statements = postgres_statements_new();
	result r = connect_first(op, pg);
	if (r.err != ERR_NONE) {
		postgres_close(&pg->db);
		return op_explain(op, r, "%s", postgres_url_public(op, url));
	}
	*out = &pg->db;
	return OK;
}

/* A run's rows: from the wire, or kept because another run came between. */
struct postgres_rows {
	PGresult **kept;
	unsigned n, at, capacity;
	bool is_kept;
};

static void keep(struct postgres_rows *rows, PGresult *own_answer)
{
	if (rows->n == rows->capacity) {
		rows->capacity = rows->capacity == 0 ? 64 : rows->capacity * 2;
		rows->kept = reallocarray(rows->kept, rows->capacity, sizeof(rows->kept[0]));
		ASSERT(rows->kept != NULL);
	}
	rows->kept[rows->n++] = own_answer;
}

/* The wire belongs to one run at a time: what is left of the one under way is read to the end, and kept. */
static void free_the_wire(struct postgres *pg)
{
	struct postgres_rows *rows = pg->live;
	if (rows == NULL)
		return;
	for (PGresult *answer = postgres_next(pg); answer != NULL; answer = postgres_next(pg))
		keep(rows, answer);
	rows->is_kept = true;
	pg->live = NULL;
}

static PGresult *rows_next(struct postgres *pg, struct postgres_rows *rows)
{
	if (!rows->is_kept)
		return postgres_next(pg);
	return rows->at < rows->n ? rows->kept[rows->at++] : NULL;
}

static void rows_end(struct postgres *pg, struct postgres_rows *rows)
{
	for (PGresult *answer = rows_next(pg, rows); answer != NULL; answer = rows_next(pg, rows))
		PQclear(answer);
	free(rows->kept);
	if (pg->live == rows)
		pg->live = NULL;
}

/*
 * A connection to work with. Only outside of a transaction is a lost one made
 * anew: within, what was written before is gone with it.
 */
static result make_ready(struct op *op, struct postgres *pg)
{
	free_the_wire(pg);
	if (!pg->has_begun)
		pg->db.trouble = DB_FINE;
	if (postgres_is_up(pg) && !pg->is_misplaced)
		return OK;
	if (pg->has_begun)
		return postgres_failed(op, pg, NULL, "run");
	return op_explain(op, postgres_connect(op, pg), "%s", postgres_url_public(op, pg->url));
}

/* Parameters as libpq takes them; integers are made big-endian in `integers`. */
struct bound {
	Oid types[POSTGRES_VALUES_MAX];
	const char *values[POSTGRES_VALUES_MAX];
	int lengths[POSTGRES_VALUES_MAX], formats[POSTGRES_VALUES_MAX];
	uint64_t integers[POSTGRES_VALUES_MAX];
};

static void bind(struct bound *bound, unsigned i, const struct db_value *value)
{
	bound->formats[i] = 1;
	switch (value->kind) {
	case DB_NULL:
		break;
	case DB_INTEGER:
		bound->types[i] = OID_INT8;
		bound->integers[i] = htobe64((uint64_t)value->integer);
		bound->values[i] = (const char *)&bound->integers[i];
		bound->lengths[i] = sizeof(bound->integers[i]);
		break;
	case DB_TEXT:
		bound->types[i] = OID_TEXT;
		bound->values[i] = value->text;
		bound->lengths[i] = (int)strlen(value->text);
		break;
	case DB_BYTES: /* no pointer would mean SQL NULL, not no bytes */
		bound->types[i] = OID_BYTEA;
		bound->values[i] = value->bytes.n == 0 ? "" : (const char *)value->bytes.p;
		bound->lengths[i] = (int)value->bytes.n;
		break;
	}
}

static int64_t read_integer(const char *p, int n)
{
	uint64_t value = (uint64_t)(int64_t)(signed char)p[0];
	for (int i = 1; i < n; i++)
		value = value << 8 | (uint8_t)p[i];
	return (int64_t)value;
}

static result read_column(struct op *op, const PGresult *answer, int column, struct db_value *out)
{
	const char *p = PQgetvalue(answer, 0, column);
	int n = PQgetlength(answer, 0, column);
	*out = DB_NIL;
	if (PQgetisnull(answer, 0, column) != 0)
		return OK;
	switch (PQftype(answer, column)) {
	case OID_INT8:
	case OID_INT4:
	case OID_INT2:
	case OID_BOOL:
		*out = DB_INT(read_integer(p, n));
		return OK;
	case OID_TEXT:
	case OID_VARCHAR:
	case OID_NAME:
	case OID_UNKNOWN:
		*out = DB_STR(p);
		return OK;
	case OID_BYTEA:
		*out = DB_BLOB(((struct bytes){ (const uint8_t *)p, (size_t)n }));
		return OK;
	case OID_VOID:
		return OK;
	default:
		return FAIL(op, ERR_BUG, "store: a column of the type %u, which no table of ours has", PQftype(answer, column));
	}
}

static result pass_row(struct op *op, const PGresult *answer, db_row *row, void *arg)
{
	struct db_value columns[POSTGRES_VALUES_MAX];
	int n = PQnfields(answer);
	ASSERT(n <= POSTGRES_VALUES_MAX);
	for (int i = 0; i < n; i++)
		TRY(read_column(op, answer, i, &columns[i]));
	return row(op, arg, columns, (unsigned)n);
}

/* One answer after the other; the callback may run other statements meanwhile. */
static result pass_rows(struct op *op, struct postgres *pg, struct postgres_rows *rows, db_row *row, void *arg,
			uint64_t *changes)
{
	for (;;) {
		AUTO(PGresult) *answer = rows_next(pg, rows);
		if (answer == NULL)
			return OK;
		switch (PQresultStatus(answer)) {
		case PGRES_SINGLE_TUPLE:
			if (row != NULL)
				TRY(pass_row(op, answer, row, arg));
			break;
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
			*changes += postgres_changes(answer);
			break;
		default:
			rows_end(pg, rows); /* whether the connection survived shows at the end only */
			*rows = (struct postgres_rows){ .is_kept = true };
			return postgres_failed(op, pg, answer, "run");
		}
	}
}

static result postgres_run(struct op *op, struct db *db, const char *sql, const struct db_value *parameters, unsigned n,
			   db_row *row, void *arg, uint64_t *changes)
{
	struct postgres *pg = own(db);
	struct bound bound = { .formats = { 0 } };
	struct postgres_rows rows = { .n = 0 };
	const char *name;
	uint64_t changed = 0;
	ASSERT(n <= POSTGRES_VALUES_MAX);
	for (unsigned i = 0; i < n; i++)
		bind(&bound, i, &parameters[i]);
	TRY(make_ready(op, pg));
	TRY(postgres_statement(op, pg, sql, bound.types, n, &name));
	if (PQsendQueryPrepared(pg->conn, name, (int)n, bound.values, bound.lengths, bound.formats, 1) == 0)
		return postgres_failed(op, pg, NULL, "run");
	(void)PQsetSingleRowMode(pg->conn);
	pg->live = &rows;
	result r = pass_rows(op, pg, &rows, row, arg, &changed);
	rows_end(pg, &rows);
	if (r.err != ERR_NONE)
		return r;
	pg->changes += changed;
	if (changes != NULL)
		*changes = changed;
	return OK;
}

static result postgres_run_script(struct op *op, struct db *db, const char *sql)
{
	struct postgres *pg = own(db);
	uint64_t changes = 0;
	TRY(make_ready(op, pg));
	TRY(postgres_simple(op, pg, "script", postgres_script(op, sql), NULL, &changes));
	pg->changes += changes;
	return OK;
}

static result set_has(struct op *op UNUSED, void *has, const struct db_value *columns, unsigned n UNUSED)
{
	*(bool *)has = columns[0].integer != 0;
	return OK;
}

static result postgres_has_table(struct op *op, struct db *db, const char *table, bool *has)
{
	*has = false;
	return DB_RUN(op, db, "SELECT to_regclass($1) IS NOT NULL", set_has, has, NULL, DB_STR(table));
}

/* Past the words of migrations: this is PostgreSQL's own. */
static result postgres_forbid(struct op *op, struct db *db, const char *table, unsigned verbs)
{
	TRY(make_ready(op, own(db)));
	return postgres_simple(op, own(db), "guard", postgres_guard(op, table, verbs), NULL, NULL);
}

static result postgres_let_pass(struct op *op, struct db *db, const char *table)
{
	TRY(make_ready(op, own(db)));
	return postgres_simple(op, own(db), "script", arena_printf(op->arena, "ALTER TABLE %s SET UNLOGGED", table), NULL, NULL);
}

static void postgres_rollback(struct db *db)
{
	struct postgres *pg = own(db);
	struct op *aside;
	if (!pg->has_begun)
		return;
	free_the_wire(pg);
	pg->has_begun = false;
	if (!postgres_is_up(pg) || pg->is_misplaced) {
		postgres_disconnect(pg);
		return;
	}
	if (PQtransactionStatus(pg->conn) == PQTRANS_IDLE)
		return; /* a COMMIT that was refused has ended it */
	aside = op_new();
	enum db_trouble trouble = db->trouble;
	if (postgres_simple(aside, pg, "rollback", "ROLLBACK", NULL, NULL).err != ERR_NONE)
		postgres_disconnect(pg);
	db->trouble = trouble; /* what the transaction met is asked for afterwards */
	op_free(&aside);
}

/*
 * A connection at rest dies unseen (restart of the server, a firewall), and the
 * first to notice is BEGIN: nothing is lost then, so a new one is made, once.
 */
static result postgres_begin(struct op *op, struct db *db)
{
	struct postgres *pg = own(db);
	const char *sql = db->mode == DB_READ ? BEGIN_READ : BEGIN_WRITE;
	for (bool is_second = false;; is_second = true) {
		pg->has_begun = false;
		TRY(make_ready(op, pg));
		pg->changes = 0;
		pg->has_begun = true;
		pg->is_brief = db->mode == DB_READ;
		result r = postgres_simple(op, pg, "begin", sql, NULL, NULL);
		pg->is_brief = false;
		if (r.err == ERR_NONE)
			return OK;
		postgres_rollback(db);
		if (is_second || db->trouble != DB_LOST)
			return r;
		op_clear_failure(op);
	}
}

static result postgres_wake(struct op *op, struct db *db)
{
	postgres_hear(own(db));
	return make_ready(op, own(db));
}

static result postgres_commit(struct op *op, struct db *db)
{
	struct postgres *pg = own(db);
	const char *tag = "";
	if (!postgres_is_up(pg))
		return postgres_failed(op, pg, NULL, "commit");
	pg->was_warned = false;
	TRY(postgres_simple(op, pg, "commit", "COMMIT", &tag, NULL));
	pg->has_begun = false;
	/* PostgreSQL answers the COMMIT of a transaction in which a statement had failed by ROLLBACK, without an error. */
	if (strcmp(tag, "COMMIT") != 0)
		return FAIL(op, ERR_BACKEND, "store: commit: a statement of the transaction had failed");
	/* A wait for the synchronous standby that somebody cancels ends in COMMIT and a warning: no promise (F4). */
	if (pg->was_warned) {
		db->trouble = DB_LOST;
		return FAIL(op, ERR_BUSY, "store: commit: the database did it, but its standby may not know");
	}
	return OK;
}

static bool postgres_in_transaction(struct db *db)
{
	const struct postgres *pg = own(db);
	if (!pg->has_begun || !postgres_is_up(pg))
		return false;
	PGTransactionStatusType status = PQtransactionStatus(pg->conn);
	return status == PQTRANS_INTRANS || status == PQTRANS_ACTIVE; /* active: while rows are passed on */
}

static uint64_t postgres_total_changes(struct db *db)
{
	return own(db)->changes;
}

static const char *const prefixes[] = { "postgresql://", "postgres://", NULL };
const struct db_driver db_postgres = {
	.prefixes = prefixes,
	.is_shared = true,
	.open = postgres_open,
	.close = postgres_close,
	.run = postgres_run,
	.run_script = postgres_run_script,
	.has_table = postgres_has_table,
	.forbid = postgres_forbid,
	.let_pass = postgres_let_pass,
	.begin = postgres_begin,
	.wake = postgres_wake,
	.commit = postgres_commit,
	.rollback = postgres_rollback,
	.in_transaction = postgres_in_transaction,
	.total_changes = postgres_total_changes,
	.url_public = postgres_url_public,
	.failover = postgres_failover,
};
