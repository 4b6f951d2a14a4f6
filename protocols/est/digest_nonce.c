/* Eight octets of time and sixteen of HMAC, in base64url. */
#include "protocols/est/digest_nonce.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "store/authorities.h"

#define KEY_NAME "est_nonce_key" /* in the table meta */
#define TIME_SIZE 8
#define MAC_SIZE 16
#define NONCE_SIZE (TIME_SIZE + MAC_SIZE)

struct est_nonces {
	struct authority *authority;
	pthread_mutex_t mutex; /* guards the rest */
	bool has_key;
	uint8_t key[SHA256_SIZE];
};

struct est_nonces *est_nonces_new(struct authority *authority)
{
	struct est_nonces *nonces = calloc(1, sizeof *nonces);
	ASSERT(nonces != NULL);
	ASSERT(pthread_mutex_init(&nonces->mutex, NULL) == 0);
	nonces->authority = authority;
	return nonces;
}

void est_nonces_free(struct est_nonces **nonces)
{
	if (*nonces == NULL)
		return;
	pthread_mutex_destroy(&(*nonces)->mutex);
	OPENSSL_cleanse(*nonces, sizeof **nonces);
	free(*nonces);
	*nonces = NULL;
}

/* Two nodes may come here at the same time; the second one finds what the first has written. */
static result make_key(struct op *op, struct ledger_tx *tx, void *arg)
{
	const char **value = arg;
	uint8_t key[SHA256_SIZE];
	result r = meta_read(op, ledger_db(tx), KEY_NAME, value);
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	random_bytes(key, sizeof key);
	*value = bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(key));
	OPENSSL_cleanse(key, sizeof key);
	return meta_write(op, ledger_db(tx), KEY_NAME, *value);
}

static result read_key(struct op *op, struct authority *a, const char **value)
{
	{
		STORE_LEASE(lease);
		TRY(store_read(op, a->store, &lease));
		result r = meta_read(op, lease.db, KEY_NAME, value);
		if (r.err != ERR_NOT_FOUND)
			return r;
	}
	op_clear_failure(op);
	return ledger_run(op, a->ledger, make_key, value);
}

static result get_key(struct op *op, struct est_nonces *nonces, uint8_t key[SHA256_SIZE])
{
	pthread_mutex_lock(&nonces->mutex);
	bool has_key = nonces->has_key;
	memcpy(key, nonces->key, SHA256_SIZE);
	pthread_mutex_unlock(&nonces->mutex);
	if (has_key)
		return OK;
	const char *value;
	struct bytes bytes;
	TRY(read_key(op, nonces->authority, &value));
	TRY(bytes_from_hex(op, value, &bytes));
	if (bytes.n != SHA256_SIZE)
		return FAIL(op, ERR_BACKEND, "the key of nonces in the store is damaged; remove the row %s of meta", KEY_NAME);
	memcpy(key, bytes.p, SHA256_SIZE);
	pthread_mutex_lock(&nonces->mutex);
	memcpy(nonces->key, key, SHA256_SIZE);
	nonces->has_key = true;
	pthread_mutex_unlock(&nonces->mutex);
	return OK;
}

static void seal(const uint8_t key[SHA256_SIZE], const uint8_t time[TIME_SIZE], uint8_t mac[SHA256_SIZE])
{
	ASSERT(HMAC(EVP_sha256(), key, SHA256_SIZE, time, TIME_SIZE, mac, NULL) != NULL);
}

result est_nonce_make(struct op *op, struct est_nonces *nonces, const char **out)
{
	uint8_t key[SHA256_SIZE], mac[SHA256_SIZE], nonce[NONCE_SIZE];
	uint64_t now = (uint64_t)clock_now_s();
	TRY(get_key(op, nonces, key));
	for (size_t i = TIME_SIZE; i-- > 0; now >>= 8)
		nonce[i] = (uint8_t)now;
	seal(key, nonce, mac);
	memcpy(nonce + TIME_SIZE, mac, MAC_SIZE);
	*out = bytes_to_base64url(op->arena, (struct bytes)BYTES_ARRAY(nonce));
	OPENSSL_cleanse(key, sizeof key);
	return OK;
}

result est_nonce_check(struct op *op, struct est_nonces *nonces, const char *nonce, enum est_nonce_state *out)
{
	uint8_t key[SHA256_SIZE], mac[SHA256_SIZE];
	struct bytes bytes;
	uint64_t made_s = 0;
	*out = EST_NONCE_FOREIGN;
	if (bytes_from_base64url(op, bytes_of_text(nonce), &bytes).err != ERR_NONE || bytes.n != NONCE_SIZE) {
		op_clear_failure(op);
		return OK;
	}
	TRY(get_key(op, nonces, key));
	seal(key, bytes.p, mac);
	OPENSSL_cleanse(key, sizeof key);
	if (!bytes_equal_secret((struct bytes){ bytes.p + TIME_SIZE, MAC_SIZE }, (struct bytes){ mac, MAC_SIZE }))
		return OK;
	for (size_t i = 0; i < TIME_SIZE; i++)
		made_s = made_s << 8 | bytes.p[i];
	*out = clock_now_s() - (int64_t)made_s < LIMIT_DIGEST_NONCE_S ? EST_NONCE_GOOD : EST_NONCE_STALE;
	return OK;
}
