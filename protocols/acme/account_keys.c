/* A table in which each thumbprint has one place. */
#include "protocols/acme/account_keys.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/text.h"
#include "protocols/acme/jwk.h"

struct place {
	char thumbprint[JWK_THUMBPRINT_SIZE];
	EVP_PKEY *key; /* NULL: empty */
};

struct account_keys {
	pthread_mutex_t mutex; /* held for a comparison and a count of references */
	struct place places[LIMIT_ACCOUNT_KEYS];
};

struct account_keys *account_keys_new(void)
{
	struct account_keys *keys = calloc(1, sizeof *keys);
	ASSERT(keys != NULL);
	ASSERT(pthread_mutex_init(&keys->mutex, NULL) == 0);
	return keys;
}

void account_keys_free(struct account_keys **keys)
{
	if (*keys == NULL)
		return;
	for (size_t i = 0; i < LIMIT_ACCOUNT_KEYS; i++)
		EVP_PKEY_free((*keys)->places[i].key);
	pthread_mutex_destroy(&(*keys)->mutex);
	free(*keys);
	*keys = NULL;
}

/* A thumbprint is a hash already. Who makes two keys of one place slows down their own requests only. */
static struct place *place_of(struct account_keys *keys, const char *thumbprint)
{
	uint32_t number = 0;
	for (const char *p = thumbprint; *p != '\0'; p++)
		number = number * 31 + (uint8_t)*p;
	return &keys->places[number % LIMIT_ACCOUNT_KEYS];
}

EVP_PKEY *account_keys_find(struct account_keys *keys, const char *thumbprint)
{
	struct place *place = place_of(keys, thumbprint);
	EVP_PKEY *key = NULL;

	pthread_mutex_lock(&keys->mutex);
	if (place->key != NULL && text_equal(place->thumbprint, thumbprint) && EVP_PKEY_up_ref(place->key) == 1)
		key = place->key;
	pthread_mutex_unlock(&keys->mutex);
	return key;
}

void account_keys_keep(struct account_keys *keys, const char *thumbprint, EVP_PKEY *key)
{
	struct place *place = place_of(keys, thumbprint);

	ASSERT(EVP_PKEY_up_ref(key) == 1);
	pthread_mutex_lock(&keys->mutex);
	EVP_PKEY *before = place->key;
	ASSERT(text_copy(place->thumbprint, sizeof place->thumbprint, thumbprint));
	place->key = key;
	pthread_mutex_unlock(&keys->mutex);
	EVP_PKEY_free(before);
}
