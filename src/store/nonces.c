/* Rows of nonces and of the keys that they are made with. */
#include "store/nonces.h"

#include <string.h>

#include "store/row.h"

result nonce_key_insert(struct op *op, struct db *db, const struct nonce_key *key)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "INSERT INTO acme_nonce_key (id, secret, created_s) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		   NULL, NULL, &changes, DB_STR(bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(key->id))),
		   DB_BLOB(((struct bytes)BYTES_ARRAY(key->secret))), DB_INT(key->created_s)));
	return row_expect_change(op, changes, "the id of a key for nonces is taken");
}

struct listing {
	struct nonce_key *keys;
	unsigned most, n;
};

/* Past the arena: the secret is the caller's to wipe. */
static result take_key(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct listing *listing = arg;
	struct bytes id;
	ASSERT(n == 3 && listing->n < listing->most);
	struct nonce_key *key = &listing->keys[listing->n];
	TRY(bytes_from_hex(op, c[0].text, &id));
	if (id.n != sizeof key->id || c[1].bytes.n != sizeof key->secret)
		return FAIL(op, ERR_BACKEND, "the store holds a key for nonces that is none of ours");
	memcpy(key->id, id.p, id.n);
	memcpy(key->secret, c[1].bytes.p, sizeof key->secret);
	key->created_s = c[2].integer;
	listing->n++;
	return OK;
}

result nonce_key_list(struct op *op, struct db *db, struct nonce_key *out, unsigned most, unsigned *n)
{
	struct listing listing = { .keys = out, .most = most };
	TRY(DB_RUN(op, db, "SELECT id, secret, created_s FROM acme_nonce_key ORDER BY created_s DESC, id LIMIT $1", take_key,
		   &listing, NULL, DB_INT(most)));
	*n = listing.n;
	return OK;
}

result nonce_spend(struct op *op, struct db *db, const uint8_t key_id[NONCE_KEY_ID_SIZE], struct bytes nonce, bool *is_mine)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "INSERT INTO acme_nonce (nonce, expires_s) SELECT $1, created_s + $2 FROM acme_nonce_key WHERE id = $3"
		   " ON CONFLICT DO NOTHING",
		   NULL, NULL, &changes, DB_BLOB(nonce), DB_INT(NONCE_KEY_LIFE_S),
		   DB_STR(bytes_to_hex(op->arena, (struct bytes){ key_id, NONCE_KEY_ID_SIZE }))));
	*is_mine = changes == 1;
	return OK;
}

/*
 * Nonces first: those of a key that goes now stay until the next call, when no
 * statement that still saw the key is under way. A nonce expires with its key, so
 * a key whose end is not later than that of a nonce may be its own.
 */
result nonce_clean(struct op *op, struct db *db, int64_t now_s, unsigned limit, unsigned *n)
{
	uint64_t nonces, keys;
	TRY(DB_RUN(op, db,
		   "DELETE FROM acme_nonce WHERE nonce IN (SELECT nonce FROM acme_nonce WHERE expires_s <= $1 AND NOT EXISTS"
		   " (SELECT 1 FROM acme_nonce_key k WHERE k.created_s + $2 <= acme_nonce.expires_s)"
		   " ORDER BY expires_s LIMIT $3)",
		   NULL, NULL, &nonces, DB_INT(now_s), DB_INT(NONCE_KEY_LIFE_S), DB_INT(limit)));
	TRY(DB_RUN(op, db, "DELETE FROM acme_nonce_key WHERE created_s <= $1", NULL, NULL, &keys,
		   DB_INT(now_s - NONCE_KEY_LIFE_S)));
	*n = (unsigned)(nonces + keys);
	return OK;
}
