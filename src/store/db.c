/* Picks the driver by the URL and hands every call on to it. No SQL here. */
#include "store/db_driver.h"

#include "base/text.h"

static const struct db_driver *const drivers[] = { &db_sqlite, &db_postgres };

struct db_value db_text(const char *text)
{
	return (struct db_value){ .kind = text == NULL ? DB_NULL : DB_TEXT, .text = text };
}

/* NULL: the URL is nobody's. */
static const struct db_driver *driver_of(const char *url)
{
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		for (const char *const *prefix = drivers[i]->prefixes; *prefix != NULL; prefix++) {
			if (text_has_prefix(url, *prefix))
				return drivers[i];
		}
	}
	return NULL;
}

result db_open(struct op *op, const char *url, const char *dir, enum db_mode mode, struct db **out)
{
	const struct db_driver *driver = driver_of(url);
	if (driver == NULL) /* the text is not repeated: it may hold a password */
		return FAIL(op, ERR_POLICY, "store: that names no store; write \"store: sqlite:chancery.db\" or "
			    "\"store: postgresql://HOST/DATABASE\" in chancery.yaml");
	return driver->open(op, url, dir, mode, out);
}

void db_close(struct db **db)
{
	if (*db != NULL)
		(*db)->driver->close(*db);
	*db = NULL;
}

const char *db_url_public(struct op *op, const char *url)
{
	const struct db_driver *driver = driver_of(url);
	return driver == NULL ? "(no store)" : driver->url_public(op, url);
}

bool db_url_is_shared(const char *url)
{
	const struct db_driver *driver = driver_of(url);
	return driver != NULL && driver->is_shared;
}

result db_run(struct op *op, struct db *db, const char *sql, const struct db_value *parameters, unsigned n, db_row *row,
	      void *arg, uint64_t *changes)
{
	return db->driver->run(op, db, sql, parameters, n, row, arg, changes);
}

result db_run_script(struct op *op, struct db *db, const char *sql)
{
	return db->driver->run_script(op, db, sql);
}

result db_has_table(struct op *op, struct db *db, const char *table, bool *has)
{
	return db->driver->has_table(op, db, table, has);
}

result db_forbid(struct op *op, struct db *db, const char *table, unsigned verbs)
{
	return db->driver->forbid(op, db, table, verbs);
}

result db_let_pass(struct op *op, struct db *db, const char *table)
{
	return db->driver->let_pass(op, db, table);
}

result db_begin(struct op *op, struct db *db)
{
	ASSERT(db->mode != DB_SINGLE);
	db->trouble = DB_FINE;
	return db->driver->begin(op, db);
}

result db_wake(struct op *op, struct db *db)
{
	return db->driver->wake(op, db);
}

result db_commit(struct op *op, struct db *db)
{
	return db->driver->commit(op, db);
}

void db_rollback(struct db *db)
{
	db->driver->rollback(db);
}

bool db_in_transaction(struct db *db)
{
	return db->driver->in_transaction(db);
}

uint64_t db_total_changes(struct db *db)
{
	return db->driver->total_changes(db);
}

result db_failover(struct op *op, struct db *db, struct db_failover *out)
{
	*out = (struct db_failover){ NULL, NULL };
	return db->driver->failover == NULL ? OK : db->driver->failover(op, db, out);
}

enum db_trouble db_trouble(const struct db *db)
{
	return db->trouble;
}
