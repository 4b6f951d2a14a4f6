/*
 * The table of published objects: few paths, many readers. A reader holds the
 * lock for one search and one increment; a writer builds its object before it
 * takes the lock. An object dies with its last pin, so a loop may go on sending
 * a CRL that was replaced meanwhile.
 */
#include "ca/published.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ca/hierarchy.h"

struct object {
	struct published_object face; /* first: a pin is a pointer to it */
	atomic_uint references;
	uint8_t storage[]; /* content, then the content type */
};

struct entry {
	char *path;
	struct object *object;
};

struct published {
	pthread_rwlock_t lock;
	struct entry *entries; /* about five per CA: a linear search beats a hash */
	unsigned n;
};

struct published *published_new(void)
{
	struct published *published = calloc(1, sizeof *published);
	ASSERT(published != NULL);
	ASSERT(pthread_rwlock_init(&published->lock, NULL) == 0);
	return published;
}

void published_unpin(void *object)
{
	struct object *o = object;
	if (o != NULL && atomic_fetch_sub_explicit(&o->references, 1, memory_order_acq_rel) == 1)
		free(o);
}

void published_free(struct published **published)
{
	struct published *p = *published;
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->n; i++) {
		published_unpin(p->entries[i].object);
		free(p->entries[i].path);
	}
	free(p->entries);
	pthread_rwlock_destroy(&p->lock);
	free(p);
	*published = NULL;
}

static void put_etag(struct published_object *object)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SHA256_SIZE];
	char *to = object->etag;
	bytes_sha256(object->content, digest);
	*to++ = '"';
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		*to++ = digits[digest[i] >> 4];
		*to++ = digits[digest[i] & 15];
	}
	*to++ = '"';
	*to = '\0';
}

static struct object *object_new(const struct published_object *from)
{
	size_t type_size = strlen(from->content_type) + 1;
	struct object *object = malloc(sizeof *object + from->content.n + type_size);
	ASSERT(object != NULL);
	object->face = *from;
	atomic_init(&object->references, 1);
	if (from->content.n > 0)
		memcpy(object->storage, from->content.p, from->content.n);
	memcpy(object->storage + from->content.n, from->content_type, type_size);
	object->face.content.p = object->storage;
	object->face.content_type = (const char *)(object->storage + from->content.n);
	put_etag(&object->face);
	return object;
}

/* With the lock held. */
static struct entry *entry_find(struct published *published, struct bytes path)
{
	for (unsigned i = 0; i < published->n; i++)
		if (bytes_equal_text(path, published->entries[i].path))
			return &published->entries[i];
	return NULL;
}

static void entry_add(struct published *published, const char *path, struct object *object)
{
	struct entry *entries = reallocarray(published->entries, published->n + 1, sizeof *entries);
	ASSERT(entries != NULL);
	char *copy = strdup(path);
	ASSERT(copy != NULL);
	entries[published->n] = (struct entry){ copy, object };
	published->entries = entries;
	published->n++;
}

void published_put(struct published *published, const char *path, const struct published_object *object)
{
	struct object *fresh = object_new(object);
	struct object *old = NULL;
	ASSERT(pthread_rwlock_wrlock(&published->lock) == 0);
	struct entry *entry = entry_find(published, bytes_of_text(path));
	if (entry == NULL) {
		entry_add(published, path, fresh);
	} else if (entry->object->face.number > fresh->face.number) { /* a thread that was slow */
		old = fresh;
	} else {
		old = entry->object;
		entry->object = fresh;
	}
	pthread_rwlock_unlock(&published->lock);
	published_unpin(old);
}

const struct published_object *published_pin(struct published *published, struct bytes path)
{
	struct object *object = NULL;
	ASSERT(pthread_rwlock_rdlock(&published->lock) == 0);
	const struct entry *entry = entry_find(published, path);
	if (entry != NULL) {
		object = entry->object;
		atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
	}
	pthread_rwlock_unlock(&published->lock);
	return object != NULL ? &object->face : NULL;
}

/* RFC 7468 section 5.1: 64 characters per line. */
static void put_pem(struct op *op, struct buf *out, struct bytes der)
{
	const char *base64 = bytes_to_base64(op->arena, der);
	size_t left = strlen(base64);
	buf_text(out, "-----BEGIN CERTIFICATE-----\n");
	while (left > 0) {
		size_t n = left < 64 ? left : 64;
		buf_put(out, base64, n);
		buf_byte(out, '\n');
		base64 += n;
		left -= n;
	}
	buf_text(out, "-----END CERTIFICATE-----\n");
}

static void put_ca(struct op *op, struct published *published, const struct ca *ca)
{
	struct published_object object = { .modified_s = ca->not_before_s };
	struct buf pem;
	buf_init(&pem, op->arena, 2048);
	put_pem(op, &pem, ca->der);

	object.content = ca->der;
	object.content_type = "application/pkix-cert"; /* RFC 2585 section 4.1 */
	published_put(published, arena_printf(op->arena, "/ca/%s.cer", ca->name), &object);
	object.content = buf_as_bytes(&pem);
	object.content_type = "application/x-pem-file";
	published_put(published, arena_printf(op->arena, "/ca/%s.pem", ca->name), &object);
	object.content = bytes_of_text(ca->chain_pem);
	object.content_type = "application/pem-certificate-chain"; /* RFC 8555 section 9.1 */
	published_put(published, arena_printf(op->arena, "/ca/%s-chain.pem", ca->name), &object);
}

void published_put_hierarchy(struct op *op, struct published *published, const struct hierarchy *hierarchy)
{
	struct published_object roots = { .content_type = "application/x-pem-file" };
	struct buf pem;
	buf_init(&pem, op->arena, 2048);
	for (unsigned i = 0; i < hierarchy->n; i++) {
		const struct ca *ca = &hierarchy->cas[i];
		put_ca(op, published, ca);
		if (ca->parent != NULL)
			continue;
		put_pem(op, &pem, ca->der);
		if (ca->not_before_s > roots.modified_s)
			roots.modified_s = ca->not_before_s;
	}
	roots.content = buf_as_bytes(&pem);
	published_put(published, "/ca/roots.pem", &roots);
}
