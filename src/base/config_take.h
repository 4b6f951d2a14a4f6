/*
 * Single values of chancery.yaml: from the text of the file to a number, a
 * duration, an address. Each is refused with its line and what would be right.
 * A text of NULL stands for a key that the file leaves out: the default holds.
 */
#pragma once

#include "base/config.h"
#include "base/config_schema.h"

/* Where a value stands: in the section or list entry that `path` names ("profiles[0]", "" for the top). */
struct place {
	struct op *op;
	const struct config_lines *lines;
	struct config *config; /* that is being filled; values live in its arena */
	const char *path;
};

struct place place_entry(const struct place *top, const char *list, unsigned i);
/* Complains about the key of that place; NULL: about the place itself. */
result place_fail(const struct place *at, const char *key, const char *format, ...) PRINTF(3, 4);

struct unsigned_range {
	unsigned min, max, fallback;
};
result take_unsigned(const struct place *at, const char *key, const char *text, struct unsigned_range range,
		     unsigned *out);

struct duration_range {
	int64_t min_s, max_s, fallback_s;
};
result take_duration(const struct place *at, const char *key, const char *text, struct duration_range range,
		     int64_t *out);

result take_size(const struct place *at, const char *key, const char *text, uint64_t min, uint64_t max,
		 uint64_t fallback, uint64_t *out);
bool take_bool(enum raw_bool value, bool fallback);

/* Small letters, digits, '-': what may stand in an address and in a file name. At most 32 characters. */
result take_name(const struct place *at, const char *key, const char *text, const char **out);
/* A DNS name in small letters. */
bool host_has_form(const char *text);
result take_host(const struct place *at, const char *key, const char *text, const char **out);
result take_url(const struct place *at, const char *key, const char *text, const char **out);

/* "127.0.0.1:8443", "[::1]:8443" */
bool address_has_form(const char *text);
unsigned address_port(const char *text); /* of a text of that form */
/* "10.0.0.0/8", "fd00::/8" */
bool network_has_form(const char *text);

/* Copies a list, each entry of which must satisfy `has_form`; `expected` says what that is. */
result take_texts(const struct place *at, const char *key, const struct raw_texts *raw, bool (*has_form)(const char *),
		  const char *expected, struct config_texts *out);
