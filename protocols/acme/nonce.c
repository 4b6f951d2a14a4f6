/* RFC 8555 section 6.5: nonces without a table. */
#include "protocols/acme/nonce.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"

AUTO_DEFINE(EVP_MAC, EVP_MAC_free);
AUTO_DEFINE(EVP_MAC_CTX, EVP_MAC_CTX_free);

#define EPOCH_SIZE 8
#define BODY_SIZE (EPOCH_SIZE + 8 + 4) /* epoch, counter, seconds since the start */
#define TAG_SIZE 16
#define NONCE_SIZE (BODY_SIZE + TAG_SIZE)
#define NONCE_TEXT_SIZE 48

struct acme_nonces {
	uint8_t epoch[EPOCH_SIZE];
	/* HMAC with its key set, which nobody changes: to look OpenSSL's up and set the key costs more than the MAC. */
	EVP_MAC_CTX *mac;
	int64_t started_s;

	/*
	 * A mutex and no atomics: a counter must not leave the window between
	 * the look at its edge and the setting of its bit, or the bit of a newer
	 * nonce that shares the place is hit. It is held for nanoseconds.
	 */
	pthread_mutex_t mutex;
	uint64_t next; /* counter of the next nonce */
	uint64_t spent[LIMIT_NONCE_WINDOW / 64];
};

/* The key lives in OpenSSL's context only, which wipes it when it is freed. */
static EVP_MAC_CTX *mac_new(void)
{
	AUTO(EVP_MAC) *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	OSSL_PARAM digest[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	uint8_t key[32];

	random_bytes(key, sizeof key);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
	ASSERT(mac != NULL && EVP_MAC_init(mac, key, sizeof key, digest) == 1);
	OPENSSL_cleanse(key, sizeof key);
	return mac;
}

struct acme_nonces *acme_nonces_new(void)
{
	struct acme_nonces *nonces = calloc(1, sizeof *nonces);
	ASSERT(nonces != NULL);
	nonces->mac = mac_new();
	random_bytes(nonces->epoch, sizeof nonces->epoch);
	nonces->started_s = clock_now_s();
	ASSERT(pthread_mutex_init(&nonces->mutex, NULL) == 0);
	return nonces;
}

void acme_nonces_free(struct acme_nonces **nonces)
{
	if (*nonces == NULL)
		return;
	EVP_MAC_CTX_free((*nonces)->mac);
	pthread_mutex_destroy(&(*nonces)->mutex);
	free(*nonces);
	*nonces = NULL;
}

/* A clock that was set back makes nonces live longer, and single use still holds (F14). */
static uint32_t age_now_s(const struct acme_nonces *nonces)
{
	int64_t age_s = clock_now_s() - nonces->started_s;
	return age_s > 0 ? (uint32_t)age_s : 0;
}

static void put_number(uint8_t *p, size_t n, uint64_t value)
{
	for (size_t i = n; i-- > 0; value >>= 8)
		p[i] = (uint8_t)value;
}

static uint64_t get_number(const uint8_t *p, size_t n)
{
	uint64_t value = 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | p[i];
	return value;
}

static void make_tag(const struct acme_nonces *nonces, const uint8_t body[BODY_SIZE], uint8_t tag[TAG_SIZE])
{
	AUTO(EVP_MAC_CTX) *mac = EVP_MAC_CTX_dup(nonces->mac);
	uint8_t full[EVP_MAX_MD_SIZE];
	size_t n = 0;

	ASSERT(mac != NULL && EVP_MAC_update(mac, body, BODY_SIZE) == 1);
	ASSERT(EVP_MAC_final(mac, full, &n, sizeof full) == 1 && n >= TAG_SIZE);
	memcpy(tag, full, TAG_SIZE);
}

static uint64_t take_counter(struct acme_nonces *nonces)
{
	pthread_mutex_lock(&nonces->mutex);
	uint64_t counter = nonces->next++;
	uint64_t place = counter % LIMIT_NONCE_WINDOW;
	/* The place was that of counter - LIMIT_NONCE_WINDOW, which leaves the window now. */
	nonces->spent[place / 64] &= ~(UINT64_C(1) << place % 64);
	pthread_mutex_unlock(&nonces->mutex);
	return counter;
}

static bool spend_counter(struct acme_nonces *nonces, uint64_t counter)
{
	uint64_t place = counter % LIMIT_NONCE_WINDOW;
	uint64_t bit = UINT64_C(1) << place % 64;
	bool is_mine = false;

	pthread_mutex_lock(&nonces->mutex);
	bool is_in_window = counter < nonces->next && nonces->next - counter <= LIMIT_NONCE_WINDOW;
	if (is_in_window && (nonces->spent[place / 64] & bit) == 0) {
		nonces->spent[place / 64] |= bit;
		is_mine = true;
	}
	pthread_mutex_unlock(&nonces->mutex);
	return is_mine;
}

char *acme_nonce_make(struct acme_nonces *nonces, struct arena *arena)
{
	uint8_t nonce[NONCE_SIZE];

	memcpy(nonce, nonces->epoch, EPOCH_SIZE);
	put_number(nonce + EPOCH_SIZE, 8, take_counter(nonces));
	put_number(nonce + EPOCH_SIZE + 8, 4, age_now_s(nonces));
	make_tag(nonces, nonce, nonce + BODY_SIZE);
	return bytes_to_base64url(arena, BYTES_ARRAY(nonce));
}

/* The size is fixed, so that decoding needs no memory of a request. */
static bool decode(const char *text, uint8_t nonce[NONCE_SIZE])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	if (strnlen(text, NONCE_TEXT_SIZE + 1) != NONCE_TEXT_SIZE)
		return false;
	for (size_t i = 0; i < NONCE_TEXT_SIZE / 4; i++) {
		uint32_t group = 0;
		for (size_t j = 0; j < 4; j++) {
			const char *at = strchr(alphabet, text[4 * i + j]);
			if (at == NULL)
				return false;
			group = group << 6 | (uint32_t)(at - alphabet);
		}
		put_number(nonce + 3 * i, 3, group);
	}
	return true;
}

bool acme_nonce_spend(struct acme_nonces *nonces, const char *text)
{
	uint8_t nonce[NONCE_SIZE], tag[TAG_SIZE];

	if (!decode(text, nonce))
		return false;
	make_tag(nonces, nonce, tag);
	if (!bytes_equal_secret(BYTES_ARRAY(tag), (struct bytes){ nonce + BODY_SIZE, TAG_SIZE }))
		return false;
	if (memcmp(nonce, nonces->epoch, EPOCH_SIZE) != 0)
		return false;
	uint64_t made_s = get_number(nonce + EPOCH_SIZE + 8, 4);
	if (age_now_s(nonces) > made_s + LIMIT_NONCE_AGE_S)
		return false;
	return spend_counter(nonces, get_number(nonce + EPOCH_SIZE, 8));
}
