/*
 * Nonces that several nodes share (RFC 8555 section 6.5): the keys that they are
 * made with, and which were spent. Nothing of it is history, so the functions
 * take a connection for single statements (store_single), and the log has no
 * entry of it.
 *
 * On PostgreSQL a crash, or the promotion of a standby, empties both tables
 * together. Therefore a nonce can only be spent while the row of its key is there:
 * what was spent is forgotten only with the key, and a key is never put back.
 * For the same reason the row of a nonce stays as long as its key's, whatever
 * the clocks of the nodes say.
 */
#pragma once

#include "base/limits.h"
#include "store/db.h"

#define NONCE_KEY_ID_SIZE 8
#define NONCE_KEY_SECRET_SIZE 32

struct nonce_key {
	uint8_t id[NONCE_KEY_ID_SIZE]; /* random; in the nonces that are made with it */
	uint8_t secret[NONCE_KEY_SECRET_SIZE];
	int64_t created_s;
};

/* From its creation: it makes nonces, then those live on, and clocks may differ. */
#define NONCE_KEY_LIFE_S (LIMIT_NONCE_KEY_S + LIMIT_NONCE_AGE_S + LIMIT_NONCE_CLOCK_S)

result nonce_key_insert(struct op *op, struct db *db, const struct nonce_key *key);
/* The newest `most` of them, newest first. */
result nonce_key_list(struct op *op, struct db *db, struct nonce_key *out, unsigned most, unsigned *n);

/*
 * *is_mine: until now it was not spent, and its key is there; now it is spent. Of
 * all calls with the same nonce, on all nodes, one at most gets true. After a
 * failure it may be spent.
 */
result nonce_spend(struct op *op, struct db *db, const uint8_t key_id[NONCE_KEY_ID_SIZE], struct bytes nonce, bool *is_mine);

/* Removes keys that have had their life, and up to `limit` nonces of those that an earlier call removed. *n: all of them. */
result nonce_clean(struct op *op, struct db *db, int64_t now_s, unsigned limit, unsigned *n);
