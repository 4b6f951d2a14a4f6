/* The cache of ocsp_cache.h: shards of a chained hash table with a list in order of use. */
#include "ca/ocsp_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define SHARDS 16
#define ENTRY_BYTES_TYPICAL 1024 /* a P-256 answer with its responder's certificate: sizes the table */
#define ENTRY_OVERHEAD 64        /* of two allocations */

struct answer_object {
	struct ocsp_answer face; /* first: a pin is a pointer to it */
	atomic_uint references;
	uint8_t der[];
};

struct entry {
	TAILQ_ENTRY(entry) by_use;
	struct entry *next; /* in its bucket */
	struct ocsp_answer *answer;
	uint64_t hash;
	struct bytes cert_id, serial; /* both within storage */
	uint8_t storage[];
};

struct shard {
	pthread_mutex_t mutex;
	uint64_t generation;
	uint64_t used;
	struct entry **buckets;
	TAILQ_HEAD(by_use_head, entry) by_use; /* most recent first */
};

struct ocsp_cache {
	uint64_t limit_per_shard;
	size_t n_buckets; /* a power of two, per shard */
	struct shard shards[SHARDS];
};

struct ocsp_answer *ocsp_answer_new(struct bytes der, const struct ocsp_answer *face)
{
	static const char digits[] = "0123456789abcdef";
	struct answer_object *object = malloc(sizeof *object + der.n);
	ASSERT(object != NULL);
	object->face = *face;
	atomic_init(&object->references, 1);
	memcpy(object->der, der.p, der.n);
	object->face.der = (struct bytes){ object->der, der.n };

	clock_put_http_date(face->this_update_s, object->face.last_modified);
	clock_put_http_date(face->next_update_s, object->face.expires);
	uint8_t digest[SHA256_SIZE];
	char *etag = object->face.etag;
	bytes_sha256(der, digest);
	*etag++ = '"';
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		*etag++ = digits[digest[i] >> 4];
		*etag++ = digits[digest[i] & 15];
	}
	*etag++ = '"';
	*etag = '\0';
	return &object->face;
}

static struct answer_object *object_of(struct ocsp_answer *answer)
{
	return (struct answer_object *)answer;
}

void ocsp_answer_pin(struct ocsp_answer *answer)
{
	atomic_fetch_add_explicit(&object_of(answer)->references, 1, memory_order_relaxed);
}

void ocsp_answer_unpin(void *answer)
{
	struct answer_object *object = answer;
	if (object != NULL && atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) == 1)
		free(object);
}

struct ocsp_cache *ocsp_cache_new(uint64_t limit_bytes)
{
	struct ocsp_cache *cache = calloc(1, sizeof *cache);
	ASSERT(cache != NULL);
	cache->limit_per_shard = limit_bytes / SHARDS;
	cache->n_buckets = 16;
	while (cache->n_buckets < cache->limit_per_shard / ENTRY_BYTES_TYPICAL)
		cache->n_buckets *= 2;
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *shard = &cache->shards[i];
		ASSERT(pthread_mutex_init(&shard->mutex, NULL) == 0);
		shard->buckets = calloc(cache->n_buckets, sizeof *shard->buckets);
		ASSERT(shard->buckets != NULL);
		TAILQ_INIT(&shard->by_use);
	}
	return cache;
}

static size_t entry_cost(const struct entry *entry)
{
	return sizeof *entry + entry->cert_id.n + sizeof(struct answer_object) + entry->answer->der.n + ENTRY_OVERHEAD;
}

static struct entry **bucket_of(const struct ocsp_cache *cache, const struct shard *shard, uint64_t hash)
{
	return &shard->buckets[hash & (cache->n_buckets - 1)];
}

/* `at` is what points to the entry in its bucket. */
static void entry_remove(struct shard *shard, struct entry **at)
{
	struct entry *entry = *at;
	*at = entry->next;
	TAILQ_REMOVE(&shard->by_use, entry, by_use);
	shard->used -= entry_cost(entry);
	ocsp_answer_unpin(entry->answer);
	free(entry);
}

static void evict_oldest(struct ocsp_cache *cache, struct shard *shard)
{
	struct entry *oldest = TAILQ_LAST(&shard->by_use, by_use_head);
	struct entry **at = bucket_of(cache, shard, oldest->hash);
	while (*at != oldest)
		at = &(*at)->next;
	entry_remove(shard, at);
}

void ocsp_cache_free(struct ocsp_cache **cache)
{
	struct ocsp_cache *c = *cache;
	if (c == NULL)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		while (!TAILQ_EMPTY(&c->shards[i].by_use))
			evict_oldest(c, &c->shards[i]);
		free(c->shards[i].buckets);
		pthread_mutex_destroy(&c->shards[i].mutex);
	}
	free(c);
	*cache = NULL;
}

/* FNV-1a. Only serials that we drew at random are ever kept, so nobody can choose them to collide. */
static uint64_t hash_serial(struct bytes serial)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < serial.n; i++)
		hash = (hash ^ serial.p[i]) * 1099511628211u;
	return hash ^ hash >> 32;
}

static struct shard *lock_shard(struct ocsp_cache *cache, uint64_t hash)
{
	struct shard *shard = &cache->shards[(hash >> 56) % SHARDS];
	ASSERT(pthread_mutex_lock(&shard->mutex) == 0);
	return shard;
}

static struct entry **find_cert_id(const struct ocsp_cache *cache, const struct shard *shard, uint64_t hash,
				   struct bytes cert_id)
{
	struct entry **at = bucket_of(cache, shard, hash);
	while (*at != NULL && !((*at)->hash == hash && bytes_equal((*at)->cert_id, cert_id)))
		at = &(*at)->next;
	return at;
}

static struct ocsp_answer *find(struct ocsp_cache *cache, const struct ocsp_cert_id *id, int64_t now_s, bool must_be_fresh)
{
	uint64_t hash = hash_serial(id->serial);
	struct shard *shard = lock_shard(cache, hash);
	struct ocsp_answer *answer = NULL;
	struct entry *entry = *find_cert_id(cache, shard, hash, id->der);
	/* An answer of the future means that the clock went back: sign anew (O6). */
	if (entry != NULL && now_s >= entry->answer->this_update_s &&
	    now_s < (must_be_fresh ? entry->answer->fresh_until_s : entry->answer->next_update_s)) {
		answer = entry->answer;
		ocsp_answer_pin(answer);
		TAILQ_REMOVE(&shard->by_use, entry, by_use);
		TAILQ_INSERT_HEAD(&shard->by_use, entry, by_use);
	}
	pthread_mutex_unlock(&shard->mutex);
	return answer;
}

struct ocsp_answer *ocsp_cache_find(struct ocsp_cache *cache, const struct ocsp_cert_id *id, int64_t now_s)
{
	return find(cache, id, now_s, true);
}

struct ocsp_answer *ocsp_cache_find_valid(struct ocsp_cache *cache, const struct ocsp_cert_id *id, int64_t now_s)
{
	return find(cache, id, now_s, false);
}

uint64_t ocsp_cache_generation(struct ocsp_cache *cache, struct bytes serial)
{
	struct shard *shard = lock_shard(cache, hash_serial(serial));
	uint64_t generation = shard->generation;
	pthread_mutex_unlock(&shard->mutex);
	return generation;
}

static struct entry *entry_new(const struct ocsp_cert_id *id, uint64_t hash, struct ocsp_answer *answer)
{
	struct entry *entry = malloc(sizeof *entry + id->der.n);
	ASSERT(entry != NULL);
	*entry = (struct entry){ .hash = hash, .answer = answer };
	memcpy(entry->storage, id->der.p, id->der.n);
	entry->cert_id = (struct bytes){ entry->storage, id->der.n };
	/* The serial is the end of the CertID. */
	entry->serial = (struct bytes){ entry->storage + id->der.n - id->serial.n, id->serial.n };
	ocsp_answer_pin(answer);
	return entry;
}

void ocsp_cache_put(struct ocsp_cache *cache, const struct ocsp_cert_id *id, uint64_t generation,
		    struct ocsp_answer *answer)
{
	uint64_t hash = hash_serial(id->serial);
	struct entry *entry = entry_new(id, hash, answer);
	struct shard *shard = lock_shard(cache, hash);
	if (shard->generation != generation) {
		pthread_mutex_unlock(&shard->mutex);
		ocsp_answer_unpin(answer);
		free(entry);
		return;
	}
	struct entry **at = find_cert_id(cache, shard, hash, id->der);
	if (*at != NULL)
		entry_remove(shard, at);
	struct entry **bucket = bucket_of(cache, shard, hash);
	entry->next = *bucket;
	*bucket = entry;
	TAILQ_INSERT_HEAD(&shard->by_use, entry, by_use);
	shard->used += entry_cost(entry);
	while (shard->used > cache->limit_per_shard)
		evict_oldest(cache, shard);
	pthread_mutex_unlock(&shard->mutex);
}

void ocsp_cache_forget(struct ocsp_cache *cache, struct bytes serial)
{
	uint64_t hash = hash_serial(serial);
	struct shard *shard = lock_shard(cache, hash);
	shard->generation++;
	struct entry **at = bucket_of(cache, shard, hash);
	while (*at != NULL) {
		if (bytes_equal((*at)->serial, serial))
			entry_remove(shard, at);
		else
			at = &(*at)->next;
	}
	pthread_mutex_unlock(&shard->mutex);
}

void ocsp_cache_clear(struct ocsp_cache *cache)
{
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *shard = &cache->shards[i];
		ASSERT(pthread_mutex_lock(&shard->mutex) == 0);
		shard->generation++;
		while (!TAILQ_EMPTY(&shard->by_use))
			evict_oldest(cache, shard);
		pthread_mutex_unlock(&shard->mutex);
	}
}

uint64_t ocsp_cache_used(struct ocsp_cache *cache)
{
	uint64_t used = 0;
	for (unsigned i = 0; i < SHARDS; i++) {
		ASSERT(pthread_mutex_lock(&cache->shards[i].mutex) == 0);
		used += cache->shards[i].used;
		pthread_mutex_unlock(&cache->shards[i].mutex);
	}
	return used;
}
