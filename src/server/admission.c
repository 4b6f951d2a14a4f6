/*
 * A hash table of addresses with fixed room: as many entries as connections may
 * be open. The hash is keyed, so that nobody can choose addresses that collide.
 */
#include "server/admission.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

struct entry {
	struct address_key key;
	unsigned count;
	struct entry *next; /* in its bucket, or in the list of free ones */
};

struct admission {
	pthread_mutex_t mutex;
	unsigned in_all, per_address, count;
	uint64_t hash_key[2];
	struct entry *free;
	size_t n_buckets; /* a power of two */
	struct entry **buckets;
	struct entry entries[];
};

struct admission *admission_new(unsigned in_all, unsigned per_address)
{
	struct admission *admission = calloc(1, sizeof *admission + in_all * sizeof(struct entry));
	ASSERT(admission != NULL && pthread_mutex_init(&admission->mutex, NULL) == 0);
	admission->in_all = in_all;
	admission->per_address = per_address;
	random_bytes((uint8_t *)admission->hash_key, sizeof admission->hash_key);
	admission->n_buckets = 64;
	while (admission->n_buckets < in_all)
		admission->n_buckets *= 2;
	admission->buckets = calloc(admission->n_buckets, sizeof(struct entry *));
	ASSERT(admission->buckets != NULL);
	for (unsigned i = 0; i < in_all; i++) {
		admission->entries[i].next = admission->free;
		admission->free = &admission->entries[i];
	}
	return admission;
}

void admission_free(struct admission **admission)
{
	if (*admission == NULL)
		return;
	pthread_mutex_destroy(&(*admission)->mutex);
	free((*admission)->buckets);
	free(*admission);
	*admission = NULL;
}

struct address_key address_key(const struct sockaddr_storage *from)
{
	struct address_key key = { 0, 0 };

	if (from->ss_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, from, sizeof v4);
		key.low = (UINT64_C(1) << 32) | v4.sin_addr.s_addr;
	} else if (from->ss_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, from, sizeof v6);
		memcpy(&key.high, v6.sin6_addr.s6_addr, sizeof key.high);
	}
	return key;
}

struct address_key address_key_of_text(const char *remote)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, remote, &v4.sin_addr) == 1)
		memcpy(&from, &v4, sizeof v4);
	else if (inet_pton(AF_INET6, remote, &v6.sin6_addr) == 1)
		memcpy(&from, &v6, sizeof v6);
	return address_key(&from);
}

static uint64_t mixed(uint64_t value)
{
	value = (value ^ (value >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	value = (value ^ (value >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return value ^ (value >> 33);
}

/* Where the pointer to the entry of `key` stands, or where it would. */
static struct entry **place_of(struct admission *admission, struct address_key key)
{
	uint64_t hash = mixed(mixed(key.high ^ admission->hash_key[0]) ^ key.low ^ admission->hash_key[1]);
	struct entry **place = &admission->buckets[hash & (admission->n_buckets - 1)];

	while (*place != NULL && ((*place)->key.high != key.high || (*place)->key.low != key.low))
		place = &(*place)->next;
	return place;
}

static enum admission_answer enter(struct admission *admission, struct address_key key)
{
	if (admission->count >= admission->in_all)
		return REFUSED_IN_ALL;
	struct entry **place = place_of(admission, key);
	if (*place != NULL && (*place)->count >= admission->per_address)
		return REFUSED_FOR_ADDRESS;
	if (*place == NULL) {
		struct entry *entry = admission->free;
		ASSERT(entry != NULL);
		admission->free = entry->next;
		*entry = (struct entry){ .key = key };
		*place = entry;
	}
	(*place)->count++;
	admission->count++;
	return ADMITTED;
}

enum admission_answer admission_enter(struct admission *admission, struct address_key key)
{
	ASSERT(pthread_mutex_lock(&admission->mutex) == 0);
	enum admission_answer answer = enter(admission, key);
	ASSERT(pthread_mutex_unlock(&admission->mutex) == 0);
	return answer;
}

void admission_leave(struct admission *admission, struct address_key key)
{
	ASSERT(pthread_mutex_lock(&admission->mutex) == 0);
	struct entry **place = place_of(admission, key);
	struct entry *entry = *place;
	ASSERT(entry != NULL && admission->count > 0);
	admission->count--;
	if (--entry->count == 0) {
		*place = entry->next;
		entry->next = admission->free;
		admission->free = entry;
	}
	ASSERT(pthread_mutex_unlock(&admission->mutex) == 0);
}

unsigned admission_count(struct admission *admission)
{
	ASSERT(pthread_mutex_lock(&admission->mutex) == 0);
	unsigned count = admission->count;
	ASSERT(pthread_mutex_unlock(&admission->mutex) == 0);
	return count;
}
