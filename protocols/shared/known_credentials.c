/* A table in which each pair has one place. */
#include "protocols/shared/known_credentials.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"

struct place {
	uint8_t tag[SHA256_SIZE];
	int64_t until_ms; /* clock_monotonic_ms(); 0: empty */
};

struct known_credentials {
	pthread_mutex_t mutex; /* held for a comparison or a copy */
	unsigned n_checks;     /* who compute a scrypt now */
	uint8_t key[SHA256_SIZE];
	struct place places[LIMIT_KNOWN_CREDENTIALS];
};

struct known_credentials *known_credentials_new(void)
{
	struct known_credentials *known = calloc(1, sizeof *known);
	ASSERT(known != NULL);
	ASSERT(pthread_mutex_init(&known->mutex, NULL) == 0);
	random_bytes(known->key, sizeof known->key);
	return known;
}

void known_credentials_free(struct known_credentials **known)
{
	if (*known == NULL)
		return;
	pthread_mutex_destroy(&(*known)->mutex);
	OPENSSL_cleanse(*known, sizeof **known);
	free(*known);
	*known = NULL;
}

bool known_credentials_enter(struct known_credentials *known)
{
	pthread_mutex_lock(&known->mutex);
	bool may = known->n_checks < LIMIT_PASSWORD_CHECKS;
	known->n_checks += may;
	pthread_mutex_unlock(&known->mutex);
	return may;
}

void known_credentials_leave(struct known_credentials *known)
{
	pthread_mutex_lock(&known->mutex);
	known->n_checks--;
	pthread_mutex_unlock(&known->mutex);
}

/* The password has a hash and so a length of its own: nothing can move from one to the other. */
static void make_tag(const struct known_credentials *known, const char *verifier, struct bytes password,
		     uint8_t tag[SHA256_SIZE])
{
	uint8_t hashes[2][SHA256_SIZE];
	bytes_sha256(bytes_of_text(verifier), hashes[0]);
	bytes_sha256(password, hashes[1]);
	ASSERT(HMAC(EVP_sha256(), known->key, sizeof known->key, hashes[0], sizeof hashes, tag, NULL) != NULL);
	OPENSSL_cleanse(hashes, sizeof hashes);
}

static struct place *place_of(struct known_credentials *known, const uint8_t tag[SHA256_SIZE])
{
	uint32_t number;
	memcpy(&number, tag, sizeof number);
	return &known->places[number % LIMIT_KNOWN_CREDENTIALS];
}

bool known_credentials_has(struct known_credentials *known, const char *verifier, struct bytes password)
{
	uint8_t tag[SHA256_SIZE];
	make_tag(known, verifier, password, tag);
	pthread_mutex_lock(&known->mutex);
	const struct place *place = place_of(known, tag);
	bool has = place->until_ms > clock_monotonic_ms() &&
		   bytes_equal_secret((struct bytes)BYTES_ARRAY(place->tag), (struct bytes)BYTES_ARRAY(tag));
	pthread_mutex_unlock(&known->mutex);
	return has;
}

void known_credentials_keep(struct known_credentials *known, const char *verifier, struct bytes password)
{
	uint8_t tag[SHA256_SIZE];
	make_tag(known, verifier, password, tag);
	pthread_mutex_lock(&known->mutex);
	struct place *place = place_of(known, tag);
	memcpy(place->tag, tag, sizeof tag);
	place->until_ms = clock_monotonic_ms() + LIMIT_KNOWN_CREDENTIAL_S * 1000;
	pthread_mutex_unlock(&known->mutex);
}
