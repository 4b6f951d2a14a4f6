/* Strict text tools: ASCII only, whatever the locale says. */
#include "base/text.h"

#include <string.h>

bool text_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool text_has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text);
	size_t m = strlen(suffix);
	return n >= m && strcmp(text + n - m, suffix) == 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_nocase(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

void text_lower(char *text)
{
	for (; *text != '\0'; text++)
		*text = lower(*text);
}

bool text_is_one_of(const char *text, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (text_equal(text, *list))
			return true;
	}
	return false;
}

bool text_copy(char *to, size_t to_size, const char *from)
{
	ASSERT(to_size > 0);
	size_t n = strnlen(from, to_size);
	bool fits = n < to_size;
	if (!fits)
		n = to_size - 1;
	memcpy(to, from, n);
	to[n] = '\0';
	return fits;
}

/* The digits at the start of `text`; `*end` is what follows them. False without any, or beyond 64 bits. */
static bool digits(const char *text, uint64_t *out, const char **end)
{
	uint64_t value = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return false;
	}
	*out = value;
	*end = at;
	return at != text;
}

bool text_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *end;
	uint64_t value;
	if (!digits(text, &value, &end) || *end != '\0' || value < min || value > max)
		return false;
	*out = value;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: text_duration takes the first one that divides. */
static const struct unit durations[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }, { NULL, 0 } };
static const struct unit sizes[] = {
	{ "", 1 }, { "KiB", UINT64_C(1) << 10 }, { "MiB", UINT64_C(1) << 20 }, { "GiB", UINT64_C(1) << 30 }, { NULL, 0 }
};

static bool parse_with_unit(const char *text, const struct unit *units, uint64_t max, uint64_t *out)
{
	const char *end;
	uint64_t value;
	if (!digits(text, &value, &end))
		return false;
	for (; units->name != NULL; units++) {
		if (strcmp(end, units->name) == 0)
			return !__builtin_mul_overflow(value, units->factor, out) && *out <= max;
	}
	return false;
}

bool text_parse_duration(const char *text, int64_t *seconds)
{
	uint64_t value;
	if (!parse_with_unit(text, durations, INT64_MAX, &value))
		return false;
	*seconds = (int64_t)value;
	return true;
}

bool text_parse_size(const char *text, uint64_t *bytes)
{
	uint64_t value;
	if (!parse_with_unit(text, sizes, UINT64_MAX, &value))
		return false;
	*bytes = value;
	return true;
}

char *text_duration(struct arena *arena, int64_t seconds)
{
	ASSERT(seconds >= 0);
	const struct unit *unit = durations;
	while (seconds == 0 ? unit->factor != 1 : (uint64_t)seconds % unit->factor != 0)
		unit++;
	return arena_printf(arena, "%llu%s", (unsigned long long)((uint64_t)seconds / unit->factor), unit->name);
}

void text_make_printable(char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}
