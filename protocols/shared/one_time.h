/*
 * One-time tokens (store/credentials.h) as they are made, for EST's clients and as
 * challenges of SCEP: by an operator, or by who manages devices. The text is in the
 * answer once, and nowhere else: the store has its hash, the log the hash's beginning.
 */
#pragma once

#include "base/json.h"
#include "ca/authority.h"
#include "store/credentials.h"

/* The names of a body's "names" as canonical patterns (ca/name_pattern.h); `are_exact`: without stars. */
result one_time_read_names(struct op *op, const json_t *body, bool are_exact, struct config_texts *out);
/* Its "ttl", an hour unless it has one, 90 days at most. */
result one_time_read_ttl(struct op *op, const json_t *body, int64_t *out);

struct one_time_wish {
	const char *door, *endpoint, *made_by;
	const struct config_texts *names;
	bool are_patterns;
	int64_t ttl_s;
	const char *what;   /* "one-time token", in the log */
	unsigned most_open; /* that this maker may have, not used; 0: any number */
};
/* `text` is the secret, random enough that its SHA-256 tells nothing. ERR_LIMIT: most_open. */
result one_time_make(struct op *op, struct authority *authority, const struct one_time_wish *wish, const char *text,
		     struct one_time_token *out);
/* As much of the hash as requester's ids and the log have. */
const char *one_time_short_hash(struct arena *arena, const struct one_time_token *token);
