/*
 * The first ceremony: audit key, root, issuing CA, responder keys where the
 * token holds them, each key made in the token, each step an audit entry.
 */
#pragma once

#include "ca/authority.h"

struct ceremony_plan {
	const char *organization;
	enum key_type ca_key; /* of root and issuing CA */
	int64_t root_validity_s, issuing_validity_s;
};

/*
 * Store and log are new and empty; token logged in. Can be run again after it
 * was interrupted: what exists is used. *fingerprint: SHA-256 of the root, as
 * "AB:CD:…". A store that has other CAs is refused.
 */
result ceremony_run(struct op *op, const struct config *config, struct store *store, struct ledger *ledger,
		    struct token *token, const struct ceremony_plan *plan, char **fingerprint);
