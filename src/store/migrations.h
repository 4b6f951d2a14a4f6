/*
 * The schema, as a list of numbered steps. Each runs in a transaction of its
 * own, is recorded in schema_migration with the hash of its text, and is never
 * edited again once released: changes are further steps.
 */
#pragma once

#include "store/db.h"

struct migration {
	unsigned number; /* from 1, without gaps */
	const char *name;
	const char *sql;
	const char *const *append_only; /* tables that refuse UPDATE and DELETE; NULL-terminated, or NULL */
	const char *const *kept;        /* tables that refuse DELETE */
	const char *const *passing;     /* tables that may be empty after a crash of the database */
};

/* What this program knows, in order (schema.c). */
extern const struct migration schema_migrations[];
extern const unsigned schema_migrations_n;

/*
 * `db` is open for DB_MIGRATE. Runs those that the store lacks; does nothing when it has them all. Refuses a
 * store with a newer schema, or with a step of the same number and other text.
 * Two processes may do this at once.
 */
result migrations_run(struct op *op, struct db *db, const struct migration *list, unsigned n);
