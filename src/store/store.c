/*
 * Opening, and the pools of connections for reading and for single statements. A
 * pool grows to as many as there are threads that use it at once, and never shrinks.
 */
#include "store/store.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/db.h"
#include "store/migrations.h"

/* A connection that nobody uses at the moment. */
struct idle {
	struct db *db;
	struct idle *next;
};

struct store_pool {
	enum db_mode mode;
	struct idle *idle; /* connections at rest */
};

struct store {
	struct arena *arena;
	const char *url, *dir;
	pthread_mutex_t lock;
	struct store_pool reading, single;
	struct idle *holders; /* list cells without a connection, to be used again */
	unsigned n_lent;
	unsigned n_failed;    /* connections in a row that could not be had */
	int64_t next_try_ms;  /* then one thread at a time looks again, not before this */
	struct db_failover failover; /* as of the last look */
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
	store->reading.mode = DB_READ;
	store->single.mode = DB_SINGLE;
	ASSERT(pthread_mutex_init(&store->lock, NULL) == 0);
	*out = store;
	return OK;
}

static void close_idle(struct store_pool *pool)
{
	for (struct idle *idle = pool->idle; idle != NULL; idle = idle->next)
		db_close(&idle->db);
}

void store_free(struct store **store)
{
	if (*store == NULL)
		return;
	ASSERT((*store)->n_lent == 0);
	close_idle(&(*store)->reading);
	close_idle(&(*store)->single);
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

bool store_is_shared(const struct store *store)
{
	return db_url_is_shared(store->url);
}

/* NULL: all are lent out. There are never more than threads that want one. */
static struct db *take_idle(struct store *store, struct store_pool *pool)
{
	struct db *db = NULL;
	ASSERT(pthread_mutex_lock(&store->lock) == 0);
	struct idle *cell = pool->idle;
	if (cell != NULL) {
		db = cell->db;
		pool->idle = cell->next;
		cell->db = NULL;
		cell->next = store->holders;
		store->holders = cell;
	}
	store->n_lent++;
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
	return db;
}

/* `own_db` NULL: it was not opened, or is not to be used again. */
static void give_back(struct store *store, struct store_pool *pool, struct db *own_db)
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
		cell->next = pool->idle;
		pool->idle = cell;
	}
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
}

/*
 * While the database is away, all are told so at once, and one of them at a
 * time looks whether it is back: lanes do not fill with threads that wait for a
 * connection, and the database is not flooded when it returns (F3).
 */
static bool may_try(struct store *store)
{
	ASSERT(pthread_mutex_lock(&store->lock) == 0);
	int64_t now = clock_monotonic_ms();
	bool may = store->n_failed == 0 || now >= store->next_try_ms;
	if (may && store->n_failed > 0)
		store->next_try_ms = INT64_MAX; /* until this one has looked: that may take seconds */
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
	return may;
}

static void note_try(struct op *op, struct store *store, bool has_failed)
{
	ASSERT(pthread_mutex_lock(&store->lock) == 0);
	unsigned before = store->n_failed, n = store->n_failed = has_failed ? before + 1 : 0;
	int64_t pause = TRY_AGAIN_FIRST_MS << (n < 8 ? n : 8);
	store->next_try_ms = clock_monotonic_ms() + (pause < TRY_AGAIN_LAST_MS ? pause : TRY_AGAIN_LAST_MS);
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
	if (before == 0 && n > 0)
		log_warning(op, "store.away", "the store cannot be reached, what is in memory is served until it is back: %s", op->detail);
	else if (before > 0 && n == 0)
		log_info(op, "store.back", "the store can be reached again");
}

static result lend(struct op *op, struct store *store, struct store_pool *pool, struct store_lease *out)
{
	if (!may_try(store))
		return FAIL(op, ERR_BUSY, "the store cannot be reached just now; try again in a moment");
	struct db *db = take_idle(store, pool);
	result r = OK;
	if (db == NULL)
		r = db_open(op, store->url, store->dir, pool->mode, &db);
	if (r.err == ERR_NONE)
		r = pool->mode == DB_SINGLE ? db_wake(op, db) : db_begin(op, db);
	note_try(op, store, r.err == ERR_BUSY);
	if (r.err != ERR_NONE) {
		db_close(&db);
		give_back(store, pool, NULL);
		return r;
	}
	*out = (struct store_lease){ store, pool, db };
	return OK;
}

result store_read(struct op *op, struct store *store, struct store_lease *out)
{
	return lend(op, store, &store->reading, out);
}

result store_single(struct op *op, struct store *store, struct store_lease *out)
{
	return lend(op, store, &store->single, out);
}

void store_release(struct store_lease *lease)
{
	if (lease->db == NULL)
		return;
	db_rollback(lease->db); /* a reader's moment ends; single statements have ended themselves */
	give_back(lease->store, lease->pool, lease->db);
	*lease = (struct store_lease){ NULL, NULL, NULL };
}

result store_reach(struct op *op, const char *url, const char *dir)
{
	struct db *db = NULL;
	result r = db_open(op, url, dir, DB_MIGRATE, &db);
	db_close(&db);
	return r;
}

static void log_failover(const struct db_failover *before, const struct db_failover *now)
{
	if (now->refusal != before->refusal && now->refusal != NULL)
		log_error(NULL, "failover.unsafe", "no certificates until this is mended: %s", now->refusal);
	else if (now->refusal != before->refusal)
		log_info(NULL, "failover.safe", "the database waits for a synchronous standby again");
	if (now->warning != before->warning && now->warning != NULL)
		log_warning(NULL, "failover.asynchronous", "%s", now->warning);
}

result store_look_at_failover(struct op *op, struct store *store)
{
	struct db_failover before, now;
	STORE_LEASE(lease);
	TRY(store_read(op, store, &lease));
	TRY(db_failover(op, lease.db, &now));
	ASSERT(pthread_mutex_lock(&store->lock) == 0);
	before = store->failover;
	store->failover = now;
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
	log_failover(&before, &now);
	return OK;
}

result store_may_promise(struct op *op, struct store *store)
{
	ASSERT(pthread_mutex_lock(&store->lock) == 0);
	const char *refusal = store->failover.refusal;
	ASSERT(pthread_mutex_unlock(&store->lock) == 0);
	return refusal == NULL ? OK : FAIL(op, ERR_BUSY, "%s", refusal);
}
