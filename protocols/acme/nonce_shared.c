/* Nonces of all nodes of a store. */
#include "protocols/acme/nonce_shared.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"

struct known_key {
	struct nonce_seal *seal;
	int64_t created_s;
};

struct nonce_shared {
	struct store *store; /* borrowed */

	pthread_mutex_t learning; /* held by the one that looks into the store; the others wait for what it finds */
	int64_t next_look_ms;     /* no look for a nonce's sake before this */

	pthread_rwlock_t lock; /* of what follows; held for no longer than a MAC takes */
	struct known_key keys[LIMIT_NONCE_KEYS]; /* newest first; at least one */
	unsigned n;
	uint64_t generation; /* of the set; also written under `learning` only */
};

/* As they come from the store; wiped at the end of the scope. */
struct key_rows {
	struct nonce_key rows[LIMIT_NONCE_KEYS];
	unsigned n;
};

static void key_rows_wipe(struct key_rows *keys)
{
	OPENSSL_cleanse(keys, sizeof *keys);
}
#define KEY_ROWS(name) __attribute__((cleanup(key_rows_wipe))) struct key_rows name = { .n = 0 }

static void draw_key(struct nonce_key *key, int64_t created_s)
{
	random_bytes(key->id, sizeof key->id);
	random_bytes(key->secret, sizeof key->secret);
	key->created_s = created_s;
}

/* A key of a clock that went wrong is not made use of for long, whichever way it went (F14). */
static bool is_for_making(int64_t created_s, int64_t now_s)
{
	return created_s > now_s - LIMIT_NONCE_KEY_S && created_s < now_s + LIMIT_NONCE_KEY_S;
}

static bool has_one_for_making(const struct key_rows *keys)
{
	int64_t now_s = clock_now_s();

	for (unsigned i = 0; i < keys->n; i++)
		if (is_for_making(keys->rows[i].created_s, now_s))
			return true;
	return false;
}

static void adopt(struct nonce_shared *shared, const struct key_rows *keys)
{
	struct known_key fresh[LIMIT_NONCE_KEYS], old[LIMIT_NONCE_KEYS];

	for (unsigned i = 0; i < keys->n; i++)
		fresh[i] = (struct known_key){ nonce_seal_new(&keys->rows[i]), keys->rows[i].created_s };
	pthread_rwlock_wrlock(&shared->lock);
	unsigned n_old = shared->n;
	memcpy(old, shared->keys, n_old * sizeof old[0]);
	memcpy(shared->keys, fresh, keys->n * sizeof fresh[0]);
	shared->n = keys->n;
	shared->generation++;
	pthread_rwlock_unlock(&shared->lock);
	for (unsigned i = 0; i < n_old; i++)
		nonce_seal_free(&old[i].seal);
}

/*
 * Two nodes may make a key in the same moment: then there are two, and both
 * nodes find both. What this node knew stays until it is sure of something better.
 */
static result refresh(struct op *op, struct nonce_shared *shared)
{
	KEY_ROWS(keys);
	STORE_LEASE(lease);

	TRY(store_single(op, shared->store, &lease));
	TRY(nonce_key_list(op, lease.db, keys.rows, LIMIT_NONCE_KEYS, &keys.n));
	if (!has_one_for_making(&keys)) {
		draw_key(&keys.rows[0], clock_now_s());
		TRY(nonce_key_insert(op, lease.db, &keys.rows[0]));
		TRY(nonce_key_list(op, lease.db, keys.rows, LIMIT_NONCE_KEYS, &keys.n));
	}
	if (keys.n == 0)
		return FAIL(op, ERR_BUSY, "the keys for nonces went away; try again in a moment");
	adopt(shared, &keys);
	return OK;
}

/* Until the store was reached, nonces are made with a key that nobody knows: each is refused, and has a look follow. */
struct nonce_shared *nonce_shared_new(struct store *store)
{
	struct nonce_shared *shared = calloc(1, sizeof *shared);
	struct op *op = op_new();
	KEY_ROWS(own);

	ASSERT(shared != NULL);
	shared->store = store;
	ASSERT(pthread_mutex_init(&shared->learning, NULL) == 0);
	ASSERT(pthread_rwlock_init(&shared->lock, NULL) == 0);
	draw_key(&own.rows[0], 0);
	own.n = 1;
	adopt(shared, &own);
	IGNORE(nonce_shared_tend(op, shared));
	op_free(&op);
	return shared;
}

void nonce_shared_free(struct nonce_shared **shared)
{
	if (*shared == NULL)
		return;
	for (unsigned i = 0; i < (*shared)->n; i++)
		nonce_seal_free(&(*shared)->keys[i].seal);
	pthread_mutex_destroy(&(*shared)->learning);
	pthread_rwlock_destroy(&(*shared)->lock);
	free(*shared);
	*shared = NULL;
}

result nonce_shared_tend(struct op *op, struct nonce_shared *shared)
{
	pthread_mutex_lock(&shared->learning);
	result r = refresh(op, shared);
	pthread_mutex_unlock(&shared->learning);
	return r;
}

/*
 * The keys that the caller looked at (`seen`) were not enough: looks into the
 * store, unless another thread has just done so. Whoever sends nonces can have
 * this called as often as he likes, so looks are rationed, whatever he invents.
 */
static result learn(struct op *op, struct nonce_shared *shared, uint64_t seen)
{
	result r = OK;

	pthread_mutex_lock(&shared->learning);
	if (shared->generation == seen && clock_monotonic_ms() >= shared->next_look_ms) {
		r = refresh(op, shared);
		if (r.err == ERR_NONE)
			shared->next_look_ms = clock_monotonic_ms() + LIMIT_NONCE_LOOK_MS;
	}
	pthread_mutex_unlock(&shared->learning);
	return r;
}

void nonce_shared_make(struct nonce_shared *shared, uint8_t nonce[NONCE_SIZE])
{
	int64_t now_s = clock_now_s();
	uint64_t unique;

	random_name_bytes((uint8_t *)&unique, sizeof unique);
	pthread_rwlock_rdlock(&shared->lock);
	const struct nonce_seal *seal = shared->keys[0].seal;
	for (unsigned i = 0; i < shared->n; i++) {
		if (is_for_making(shared->keys[i].created_s, now_s)) {
			seal = shared->keys[i].seal;
			break;
		}
	}
	nonce_seal_make(seal, now_s, unique, nonce);
	pthread_rwlock_unlock(&shared->lock);
}

enum finding { KEY_UNKNOWN, NONCE_FORGED, NONCE_GENUINE };

static enum finding examine(struct nonce_shared *shared, const uint8_t nonce[NONCE_SIZE], uint64_t *generation)
{
	enum finding finding = KEY_UNKNOWN;

	pthread_rwlock_rdlock(&shared->lock);
	*generation = shared->generation;
	for (unsigned i = 0; i < shared->n && finding == KEY_UNKNOWN; i++)
		if (nonce_seal_is_named(shared->keys[i].seal, nonce))
			finding = nonce_seal_is_good(shared->keys[i].seal, nonce) ? NONCE_GENUINE : NONCE_FORGED;
	pthread_rwlock_unlock(&shared->lock);
	return finding;
}

static result spend_row(struct op *op, struct nonce_shared *shared, const uint8_t nonce[NONCE_SIZE], bool *is_mine)
{
	STORE_LEASE(lease);

	TRY(store_single(op, shared->store, &lease));
	return nonce_spend(op, lease.db, nonce, (struct bytes){ nonce, NONCE_BODY_SIZE }, is_mine);
}

result nonce_shared_spend(struct op *op, struct nonce_shared *shared, const uint8_t nonce[NONCE_SIZE], bool *is_mine)
{
	uint64_t generation;
	enum finding finding = examine(shared, nonce, &generation);

	*is_mine = false;
	if (finding == KEY_UNKNOWN) { /* of another node, which made a key since, or of nobody */
		TRY(learn(op, shared, generation));
		finding = examine(shared, nonce, &generation);
	}
	if (finding != NONCE_GENUINE)
		return OK;
	TRY(spend_row(op, shared, nonce, is_mine));
	/* Spent before, or the database came back without its keys: then the answer's nonce needs another one. */
	return *is_mine ? OK : learn(op, shared, generation);
}
