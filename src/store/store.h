/*
 * The store: opening, migrations, connections for reading. Writing goes
 * through the ledger only (ledger.h). The row functions of the other files in
 * this folder take a struct db that either of the two hands out.
 */
#pragma once

#include "base/config.h"

struct db;
struct store;

/* Opens and migrates; refuses a schema newer than this program. URL forms: config.h. */
result store_open(struct op *op, const char *url, const char *dir, struct store **out);
void store_free(struct store **store);
const char *store_url(const struct store *store);
const char *store_dir(const struct store *store);
unsigned store_schema_version(void);

/* The URL for people and logs: without passwords. */
const char *store_url_public(struct op *op, const char *url);

/*
 * A connection for reading, from a pool; give it back with AUTO(store_lease) or
 * store_release. Sees what was committed when its first statement ran. ERR_BUSY,
 * and quickly, while the database is away.
 */
struct store_lease {
	struct store *store;
	struct db *db;
};
result store_read(struct op *op, struct store *store, struct store_lease *out);
void store_release(struct store_lease *lease);
#define STORE_LEASE(name) __attribute__((cleanup(store_release))) struct store_lease name = { NULL, NULL }
