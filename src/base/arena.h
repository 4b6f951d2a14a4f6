/*
 * Memory of one request: allocated piece by piece, freed all at once with the
 * op that owns it. Never holds a secret (see secret.h) but a passing one, after
 * arena_wipe_when_freed(). Running out of memory
 * aborts: every size from outside is capped before anything is allocated.
 *
 * An arena belongs to one thread at a time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena **arena);
/*
 * From now on the arena will be wiped with everything that was ever put into it:
 * for a key that goes through writers and the reply to the client, and nowhere else.
 */
void arena_wipe_when_freed(struct arena *arena);

/* Zeroed, aligned for any type, never NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* The same for `count` objects of `size` bytes; aborts when that overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size);

/* Copies; the text ones are NUL-terminated. A NULL text stays NULL. */
char *arena_text(struct arena *arena, const char *text);
char *arena_text_n(struct arena *arena, const char *text, size_t n);
struct bytes arena_bytes(struct arena *arena, struct bytes bytes);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF(2, 3);

/* Bytes handed out so far; tests and limits ask. */
size_t arena_used(const struct arena *arena);
