/*
 * The hash is over canonical JSON (RFC 8785) of the profile. A setting that came
 * later than this file is left out while it says what versions without it did:
 * so the versions of a rolling upgrade agree about profiles that did not change.
 */
#include "ca/profile_hash.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ca/identifier.h"

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A set: in order, and nothing twice. Sorts the array in place. */
static void put_set(struct json_writer *w, const char *name, const char **texts, unsigned n)
{
	if (n == 0)
		return;
	qsort(texts, n, sizeof *texts, compare_texts);
	json_write_array(w, name);
	for (unsigned i = 0; i < n; i++)
		if (i == 0 || strcmp(texts[i - 1], texts[i]) != 0)
			json_write_text(w, NULL, texts[i]);
	json_write_array_end(w);
}

static void put_texts(struct json_writer *w, struct arena *arena, const char *name, const struct config_texts *texts)
{
	const char **copy = arena_alloc_array(arena, texts->n + 1, sizeof *copy);
	if (texts->n > 0)
		memcpy(copy, texts->items, texts->n * sizeof *copy);
	put_set(w, name, copy, texts->n);
}

static void put_key_types(struct json_writer *w, const struct config_profile *profile)
{
	const char *names[sizeof profile->key_types / sizeof profile->key_types[0]];
	for (unsigned i = 0; i < profile->n_key_types; i++)
		names[i] = key_type_name(profile->key_types[i]);
	put_set(w, "key_types", names, profile->n_key_types);
}

static void put_kinds(struct json_writer *w, const char *name, unsigned kinds)
{
	const char *names[N_IDENTIFIER_KINDS];
	unsigned n = 0;
	for (unsigned kind = 0; kind < N_IDENTIFIER_KINDS; kind++)
		if ((kinds & IDENTIFIER_BIT(kind)) != 0)
			names[n++] = identifier_kind_name((enum identifier_kind)kind);
	put_set(w, name, names, n);
}

/* In the order of RFC 8785 section 3.2.3, which is the order of the lines below. */
static struct bytes encode(struct arena *arena, const struct config_profile *profile)
{
	struct json_writer w;
	json_write_init(&w, arena);
	json_write_object(&w, NULL);
	json_write_integer(&w, "backdate_s", profile->backdate_s);
	json_write_text(&w, "ca", profile->ca);
	json_write_bool(&w, "client_auth", profile->client_auth);
	json_write_bool(&w, "common_name", profile->common_name);
	json_write_text(&w, "door", door_name(profile->door));
	put_key_types(&w, profile);
	json_write_text(&w, "name", profile->name);
	if (profile->names != IDENTIFIER_BIT(IDENTIFIER_DNS))
		put_kinds(&w, "names", profile->names);
	put_texts(&w, arena, "permitted_names", &profile->permitted_names);
	put_texts(&w, arena, "permitted_networks", &profile->permitted_networks);
	if (profile->registrar)
		json_write_bool(&w, "registrar", true);
	json_write_bool(&w, "server_auth", profile->server_auth);
	put_kinds(&w, "subject", profile->subject);
	json_write_integer(&w, "validity_s", profile->validity_s);
	json_write_bool(&w, "wildcards", profile->wildcards);
	json_write_object_end(&w);
	return json_write_done(&w);
}

const char *profile_hash(struct arena *arena, const struct config_profile *profile)
{
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(encode(arena, profile), digest);
	return bytes_to_hex(arena, (struct bytes)BYTES_ARRAY(digest));
}
