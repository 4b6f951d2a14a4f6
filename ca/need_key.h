/*
 * Keys in the token and their rows: a label names one key of this house, made
 * when it is first needed and found ever after.
 */
#pragma once

#include "ca/authority.h"
#include "store/authorities.h"

/* ERR_BACKEND: the row is damaged. spki is the row's. */
result key_of_row(struct op *op, const struct key_row *row, struct token_key *out);

/*
 * The store's key of that label, which the token must have; or a new one, made
 * in the token, recorded, and an entry of the audit log. `purpose`: "ca", "audit",
 * "ocsp"; or "scep", for RSA keys that decrypt besides. A key that was there may be of another type.
 */
result need_key(struct op *op, struct authority *authority, const char *label, const char *purpose, enum key_type type,
		struct token_key *out);
