/*
 * An arena is a list of chunks that are filled from the front. The first chunk
 * comes with the arena itself, so that a small request costs one malloc.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/op.h"

#define FIRST_CHUNK 4096
#define LARGEST_CHUNK 65536 /* what does not fit gets a chunk of its own size */

struct chunk {
	struct chunk *next;
	size_t size;
	alignas(max_align_t) uint8_t data[];
};

struct arena {
	struct chunk *chunks; /* newest first; the one that is being filled */
	size_t filled;        /* bytes of chunks->data that are handed out */
	size_t used;
	bool is_wiped; /* when it is freed */
};

static struct chunk *chunk_new(size_t size, struct chunk *next)
{
	struct chunk *chunk = malloc(sizeof *chunk + size);
	ASSERT(chunk != NULL);
	chunk->next = next;
	chunk->size = size;
	return chunk;
}

struct arena *arena_new(void)
{
	struct chunk *first = chunk_new(FIRST_CHUNK, NULL);
	struct arena *arena = (struct arena *)first->data;
	*arena = (struct arena){ .chunks = first, .filled = sizeof *arena };
	return arena;
}

void arena_free(struct arena **arena)
{
	if (*arena == NULL)
		return;
	/* The arena itself lies in the oldest chunk, which goes last. */
	struct chunk *chunk = (*arena)->chunks;
	bool is_wiped = (*arena)->is_wiped;
	*arena = NULL;
	while (chunk != NULL) {
		struct chunk *next = chunk->next;
		if (is_wiped)
			OPENSSL_cleanse(chunk->data, chunk->size);
		free(chunk);
		chunk = next;
	}
}

void arena_wipe_when_freed(struct arena *arena)
{
	arena->is_wiped = true;
}

static void arena_grow(struct arena *arena, size_t size)
{
	size_t next = arena->chunks->size * 2;
	if (next > LARGEST_CHUNK)
		next = LARGEST_CHUNK;
	arena->chunks = chunk_new(size > next ? size : next, arena->chunks);
	arena->filled = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t alignment = alignof(max_align_t);
	ASSERT(size <= SIZE_MAX / 4);
	size_t rounded = (size + alignment - 1) / alignment * alignment;
	size_t start = (arena->filled + alignment - 1) / alignment * alignment;
	if (start > arena->chunks->size || rounded > arena->chunks->size - start) {
		arena_grow(arena, rounded);
		start = 0;
	}
	void *p = arena->chunks->data + start;
	arena->filled = start + rounded;
	arena->used += size;
	return memset(p, 0, rounded);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	ASSERT(!__builtin_mul_overflow(count, size, &total));
	return arena_alloc(arena, total);
}

char *arena_text(struct arena *arena, const char *text)
{
	return text == NULL ? NULL : arena_text_n(arena, text, strlen(text));
}

char *arena_text_n(struct arena *arena, const char *text, size_t n)
{
	if (text == NULL)
		return NULL;
	char *copy = arena_alloc(arena, n + 1);
	memcpy(copy, text, n);
	return copy;
}

struct bytes arena_bytes(struct arena *arena, struct bytes bytes)
{
	if (bytes.n == 0)
		return BYTES_NONE;
	uint8_t *copy = arena_alloc(arena, bytes.n);
	memcpy(copy, bytes.p, bytes.n);
	return (struct bytes){ copy, bytes.n };
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	char most[256]; /* nearly all texts fit, so that they are formatted once */
	va_list args;
	va_start(args, format);
	int n = vsnprintf(most, sizeof most, format, args);
	va_end(args);
	ASSERT(n >= 0);
	if ((size_t)n < sizeof most)
		return arena_text_n(arena, most, (size_t)n);
	char *text = arena_alloc(arena, (size_t)n + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
