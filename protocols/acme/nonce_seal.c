/* Nonces as bytes under an HMAC. */
#include "protocols/acme/nonce_seal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

AUTO_DEFINE(EVP_MAC, EVP_MAC_free);
AUTO_DEFINE(EVP_MAC_CTX, EVP_MAC_CTX_free);

#define TIME_AT NONCE_KEY_ID_SIZE
#define TIME_SIZE 5
#define UNIQUE_AT (TIME_AT + TIME_SIZE)
#define UNIQUE_SIZE 7

struct nonce_seal {
	uint8_t id[NONCE_KEY_ID_SIZE];
	/* HMAC with its key set, which nobody changes: to look OpenSSL's up and set the key costs more than the MAC. */
	EVP_MAC_CTX *mac;
};

/* The secret lives in OpenSSL's context only, which wipes it when it is freed. */
struct nonce_seal *nonce_seal_new(const struct nonce_key *key)
{
	AUTO(EVP_MAC) *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	OSSL_PARAM digest[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_end(),
	};
	struct nonce_seal *seal = calloc(1, sizeof *seal);

	ASSERT(seal != NULL);
	memcpy(seal->id, key->id, sizeof seal->id);
	seal->mac = EVP_MAC_CTX_new(hmac);
	ASSERT(seal->mac != NULL && EVP_MAC_init(seal->mac, key->secret, sizeof key->secret, digest) == 1);
	return seal;
}

void nonce_seal_free(struct nonce_seal **seal)
{
	if (*seal == NULL)
		return;
	EVP_MAC_CTX_free((*seal)->mac);
	free(*seal);
	*seal = NULL;
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

static void make_tag(const struct nonce_seal *seal, const uint8_t *body, uint8_t tag[NONCE_TAG_SIZE])
{
	AUTO(EVP_MAC_CTX) *mac = EVP_MAC_CTX_dup(seal->mac);
	uint8_t full[EVP_MAX_MD_SIZE];
	size_t n = 0;

	ASSERT(mac != NULL && EVP_MAC_update(mac, body, NONCE_BODY_SIZE) == 1);
	ASSERT(EVP_MAC_final(mac, full, &n, sizeof full) == 1 && n >= NONCE_TAG_SIZE);
	memcpy(tag, full, NONCE_TAG_SIZE);
}

void nonce_seal_make(const struct nonce_seal *seal, int64_t now_s, uint64_t unique, uint8_t nonce[NONCE_SIZE])
{
	memcpy(nonce, seal->id, sizeof seal->id);
	put_number(nonce + TIME_AT, TIME_SIZE, now_s > 0 ? (uint64_t)now_s : 0);
	put_number(nonce + UNIQUE_AT, UNIQUE_SIZE, unique);
	make_tag(seal, nonce, nonce + NONCE_BODY_SIZE);
}

bool nonce_seal_is_named(const struct nonce_seal *seal, const uint8_t nonce[NONCE_SIZE])
{
	return memcmp(nonce, seal->id, sizeof seal->id) == 0;
}

bool nonce_seal_is_good(const struct nonce_seal *seal, const uint8_t nonce[NONCE_SIZE])
{
	uint8_t tag[NONCE_TAG_SIZE];

	make_tag(seal, nonce, tag);
	return nonce_seal_is_named(seal, nonce) &&
	       bytes_equal_secret((struct bytes)BYTES_ARRAY(tag), (struct bytes){ nonce + NONCE_BODY_SIZE, NONCE_TAG_SIZE });
}

int64_t nonce_made_s(const uint8_t nonce[NONCE_SIZE])
{
	return (int64_t)get_number(nonce + TIME_AT, TIME_SIZE);
}

uint64_t nonce_unique(const uint8_t nonce[NONCE_SIZE])
{
	return get_number(nonce + UNIQUE_AT, UNIQUE_SIZE);
}
