/*
 * The store: opening, migrations, connections for reading. Writing goes
 * through the ledger (ledger.h), but for single statements that are no history.
 * The row functions of the other files in this folder take a struct db that one
 * of these hands out.
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
/* Nodes on several machines may have it open: what has to hold for all of them must be in its rows. */
bool store_is_shared(const struct store *store);
unsigned store_schema_version(void);

/* The URL for people and logs: without passwords. */
const char *store_url_public(struct op *op, const char *url);

/*
 * A connection for reading, from a pool; give it back with AUTO(store_lease) or
 * store_release. Sees what was committed when its first statement ran. ERR_BUSY,
 * and quickly, while the database is away.
 */
struct store_pool;
struct store_lease {
	struct store *store;
	struct store_pool *pool;
	struct db *db;
};
result store_read(struct op *op, struct store *store, struct store_lease *out);

/*
 * The same for single statements, which may write: past the ledger, so without
 * an entry in the log and without waiting for the right to write. For rows that
 * are no history and that one statement settles (nonces.h).
 */
result store_single(struct op *op, struct store *store, struct store_lease *out);

void store_release(struct store_lease *lease);

/*
 * For a start: whether there is a database that takes us. ERR_BUSY: it is away,
 * and may come; another failure has to be mended by somebody (its password, its role).
 */
result store_reach(struct op *op, const char *url, const char *dir);

/*
 * F4: asks the database whether a standby that takes its place would have all
 * that was acknowledged, remembers the answer, and logs it when it is another one.
 */
result store_look_at_failover(struct op *op, struct store *store);
/* ERR_BUSY, with the sentence, when it would not, by the last look: nothing may be promised until it is mended. Any thread. */
result store_may_promise(struct op *op, struct store *store);
#define STORE_LEASE(name) __attribute__((cleanup(store_release))) struct store_lease name = { NULL, NULL, NULL }
