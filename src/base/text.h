/*
 * Small strict text tools: numbers, durations, sizes, ASCII case. Nothing here
 * depends on the locale.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/op.h"

bool text_equal(const char *a, const char *b); /* NULL equals NULL only */
bool text_has_prefix(const char *text, const char *prefix);
bool text_has_suffix(const char *text, const char *suffix);
bool text_equal_nocase(const char *a, const char *b);      /* ASCII */
void text_lower(char *text);                               /* ASCII, in place */
bool text_is_one_of(const char *text, const char *const *list); /* NULL-terminated list */

/* Copies and always terminates; false when it did not fit. */
bool text_copy(char *to, size_t to_size, const char *from);

/* Decimal digits only, no sign, no blank, within [min, max]. */
bool text_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out);
/* "90d", "12h", "30m", "45s"; one unit, no blank. Seconds out. */
bool text_parse_duration(const char *text, int64_t *seconds);
/* "64KiB", "16MiB", "512" (bytes). */
bool text_parse_size(const char *text, uint64_t *bytes);
/* "90d" from seconds: the largest unit that divides. */
char *text_duration(struct arena *arena, int64_t seconds);

/* Replaces what is not printable ASCII by '?', in place (log and problem texts). */
void text_make_printable(char *text);
