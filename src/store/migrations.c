/* Runs the steps of schema.c: each in a transaction, recorded by number and hash, refused when edited or newer. */
#include "store/migrations.h"

#include <string.h>

#include "base/clock.h"
#include "store/row.h"

/* Part of the hash: dropping a guard from a released step would be an edit too. */
static void put_tables(struct buf *text, const char *what, const char *const *tables)
{
	for (const char *const *table = tables; table != NULL && *table != NULL; table++)
		buf_printf(text, "\n%s %s", what, *table);
}

static const char *migration_hash(struct op *op, const struct migration *migration)
{
	struct buf text;
	buf_init(&text, op->arena, 4096);
	buf_text(&text, migration->sql);
	put_tables(&text, "append-only", migration->append_only);
	put_tables(&text, "kept", migration->kept);
	put_tables(&text, "passing", migration->passing);
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(buf_as_bytes(&text), digest);
	return bytes_to_hex(op->arena, BYTES_ARRAY(digest));
}

static result newest_number(struct op *op, struct db *db, int64_t *newest)
{
	*newest = 0;
	return db_run(op, db, "SELECT COALESCE(MAX(number), 0) FROM schema_migration", NULL, 0, row_take_integer, newest,
		      NULL);
}

static result check_known(struct op *op, struct db *db, const struct migration *migration)
{
	struct row_list hashes = ROW_LIST(const char *);
	TRY(DB_RUN(op, db, "SELECT sha256 FROM schema_migration WHERE number = $1", row_add_text, &hashes, NULL,
		   DB_INT(migration->number)));
	if (hashes.n != 1)
		return FAIL(op, ERR_BACKEND, "store: migration %u (%s) is missing though later ones are there: the schema was "
			    "edited; restore a backup", migration->number, migration->name);
	if (strcmp(*(const char **)hashes.items, migration_hash(op, migration)) != 0)
		return FAIL(op, ERR_BACKEND, "store: migration %u (%s) is not the one that this program has: the store belongs "
			    "to another build; run that one, or restore a backup", migration->number, migration->name);
	return OK;
}

static result forbid(struct op *op, struct db *db, const char *const *tables, unsigned verbs)
{
	for (const char *const *table = tables; table != NULL && *table != NULL; table++)
		TRY(db_forbid(op, db, *table, verbs));
	return OK;
}

static result apply(struct op *op, struct db *db, const struct migration *migration)
{
	TRY(db_run_script(op, db, migration->sql));
	TRY(forbid(op, db, migration->append_only, DB_UPDATE | DB_DELETE));
	TRY(forbid(op, db, migration->kept, DB_DELETE));
	for (const char *const *table = migration->passing; table != NULL && *table != NULL; table++)
		TRY(db_let_pass(op, db, *table));
	return DB_RUN(op, db, "INSERT INTO schema_migration (number, name, applied_s, sha256) VALUES ($1, $2, $3, $4)", NULL,
		      NULL, NULL, DB_INT(migration->number), DB_STR(migration->name), DB_INT(clock_now_s()),
		      DB_STR(migration_hash(op, migration)));
}

/* Within a transaction: whoever waited for the lock finds the step done. */
static result apply_if_missing(struct op *op, struct db *db, const struct migration *migration)
{
	int64_t newest;
	TRY(newest_number(op, db, &newest));
	if (newest >= migration->number)
		return check_known(op, db, migration);
	return op_explain(op, apply(op, db, migration), "migration %u (%s)", migration->number, migration->name);
}

typedef result step_fn(struct op *op, struct db *db, const struct migration *migration);

static result in_transaction(struct op *op, struct db *db, step_fn *step, const struct migration *migration)
{
	TRY(db_begin(op, db));
	result r = step(op, db, migration);
	if (r.err == ERR_NONE)
		r = db_commit(op, db);
	if (r.err != ERR_NONE)
		db_rollback(db);
	return r;
}

static result create_record(struct op *op, struct db *db, const struct migration *none UNUSED)
{
	return db_run_script(op, db,
			     "CREATE TABLE IF NOT EXISTS schema_migration ("
			     " number BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_s BIGINT NOT NULL, sha256 TEXT NOT NULL)");
}

/* A role that may not make tables gets by when nothing is missing. */
static result ensure_record(struct op *op, struct db *db)
{
	bool has;
	TRY(db_has_table(op, db, "schema_migration", &has));
	return has ? OK : in_transaction(op, db, create_record, NULL);
}

result migrations_run(struct op *op, struct db *db, const struct migration *list, unsigned n)
{
	int64_t newest;
	TRY(ensure_record(op, db));
	TRY(newest_number(op, db, &newest));
	if (newest > n)
		return FAIL(op, ERR_BACKEND, "store: its schema has number %lld, this program knows %u: a newer chancery wrote it; "
			    "run that one", (long long)newest, n);
	for (unsigned i = 0; i < n; i++) {
		ASSERT(list[i].number == i + 1);
		if (newest >= list[i].number)
			TRY(check_known(op, db, &list[i]));
		else
			TRY(in_transaction(op, db, apply_if_missing, &list[i]));
	}
	return OK;
}
