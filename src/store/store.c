/*
 * Opening, and the pool of connections for reading. The pool grows to as many as
 * there are threads that read at once, and never shrinks.
 */
#include "store/store.h"

#include <pthread.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/migrations.h"

/* A connection that nobody reads with at the moment. */
struct idle {
	struct db *db;
	struct idle *next;
};

struct store {
	struct arena *arena;
	const char *url, *dir;
	pthread_mutex_t lock;
	struct idle *idle;    /* connections at rest */
	struct idle *holders; /* list cells without a connection, to be used again */
	unsigned n_lent;
	unsigned n_failed;    /* connections in a row that could not be had */
	int64_t next_try_ms;  /* then one reader at a time looks again, not before this */
};

#define TRY_AGAIN_FIRST_MS 50
#define TRY_AGAIN_LAST_MS 1000

unsigned store_schema_version(void)
{
	return schema_migrations_n;
}

static result migrate(struct op *op, const char *url, const char *dir)
{
	struct db *db;
	TRY(db_open(op, url, dir, DB_MIGRATE, &db));
	result r = migrations_run(op, db, schema_migrations, schema_migrations_n);
	db_close(&db);
	return r;
}

result store_open(struct op *op, const char *url, const char *dir, struct store **out)
{
	TRY(migrate(op, url, dir));
	struct arena *arena = arena_new();
	struct store *store = arena_alloc(arena, sizeof(*store));
	store->arena = arena;
	store->url = arena_text(arena, url);
	store->dir = arena_text(arena, dir);
	ASSERT(pthread_mutex_init(&store->lock, NULL) == 0);
	*out = store;
	return OK;
}

void store_free(struct store **store)
{
	if (*store == NULL)
		return;
	ASSERT((*store)->n_lent == 0);
	for (struct idle *idle = (*store)->idle; idle != NULL; idle = idle->next)
		db_close(&idle->db);
	(void)pthread_mutex_destroy(&(*store)->lock);
	struct arena *arena = (*store)->arena;
	*store = NULL;
	arena_free(&arena);
}

const char *store_url(const struct store *store)
{
	return store->url;
}

const char *store_url_public(struct op *op, const char *url)
{
	return db_url_public(op, url);
}

const char *store_dir(const struct store *store)
{
	return store->dir;
}

/* NULL: all are lent out. There are never more than threads that read. */
static struct db *take_idle(struct store *store)
{
	struct db *db = NULL;
	ASSERT(pthread_mutex_lock(&store->lock) == 0);
	struct idle *cell = store->idle;
	if (cell != NULL) {
		db = cell->db;
		store->idle = cell->next;
		cell->db = NULL;
		cell->next = store->holders;
		store->holders = cell;
	}
	store->n_lent++;
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
	return db;
}

/* `own_db` NULL: it was not opened, or is not to be used again. */
static void give_back(struct store *store, struct db *own_db)
{
	ASSERT(pthread_mutex_lock(&store->lock) == 0);
	store->n_lent--;
	if (own_db != NULL) {
		struct idle *cell = store->holders;
		if (cell != NULL)
			store->holders = cell->next;
		else
			cell = arena_alloc(store->arena, sizeof(*cell));
		cell->db = own_db;
		cell->next = store->idle;
		store->idle = cell;
	}
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
}

/*
 * While the database is away, readers are told so at once, and one of them at a
 * time looks whether it is back: lanes do not fill with threads that wait for a
 * connection, and the database is not flooded when it returns (F3).
 */
static bool may_try(struct store *store)
{
	ASSERT(pthread_mutex_lock(&store->lock) == 0);
	int64_t now = clock_monotonic_ms();
	bool may = store->n_failed == 0 || now >= store->next_try_ms;
	if (may && store->n_failed > 0) {
		int64_t pause = TRY_AGAIN_FIRST_MS << (store->n_failed < 8 ? store->n_failed : 8);
		store->next_try_ms = now + (pause < TRY_AGAIN_LAST_MS ? pause : TRY_AGAIN_LAST_MS);
	}
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
	return may;
}

static void note_try(struct store *store, bool has_failed)
{
	ASSERT(pthread_mutex_lock(&store->lock) == 0);
	store->n_failed = has_failed ? store->n_failed + 1 : 0;
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
}

result store_read(struct op *op, struct store *store, struct store_lease *out)
{
	if (!may_try(store))
		return FAIL(op, ERR_BUSY, "the store cannot be reached just now; try again in a moment");
	struct db *db = take_idle(store);
	result r = OK;
	if (db == NULL)
		r = db_open(op, store->url, store->dir, DB_READ, &db);
	if (r.err == ERR_NONE)
		r = db_begin(op, db);
	note_try(store, r.err == ERR_BUSY);
	if (r.err != ERR_NONE) {
		db_close(&db);
		give_back(store, NULL);
		return r;
	}
	*out = (struct store_lease){ store, db };
	return OK;
}

void store_release(struct store_lease *lease)
{
	if (lease->db == NULL)
		return;
	db_rollback(lease->db); /* nothing was written; ends the snapshot */
	give_back(lease->store, lease->db);
	*lease = (struct store_lease){ NULL, NULL };
}
