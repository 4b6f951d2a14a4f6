/* ACME accounts (RFC 8555 section 7.1.2). */
#pragma once

#include "store/db.h"

enum account_status { ACCOUNT_VALID, ACCOUNT_DEACTIVATED, ACCOUNT_REVOKED };
const char *account_status_name(enum account_status status);

struct account {
	const char *id;
	const char *endpoint;   /* acme name of the configuration */
	enum account_status status;
	const char *thumbprint; /* base64url SHA-256, RFC 7638 */
	const char *jwk;        /* canonical JSON of the key's required members */
	const char *contact;    /* JSON array of URIs */
	bool terms_agreed;
	int64_t created_s;
};

result account_insert(struct op *op, struct db *db, const struct account *account); /* ERR_CONFLICT: key known */
result account_load(struct op *op, struct db *db, const char *endpoint, const char *id, struct account *out);
result account_load_by_thumbprint(struct op *op, struct db *db, const char *endpoint, const char *thumbprint,
				  struct account *out);
/* Both: ERR_CONFLICT unless it is valid; a deactivated account stays so (RFC 8555 section 7.3.6). */
result account_update_contact(struct op *op, struct db *db, const char *id, const char *contact);
result account_update_status(struct op *op, struct db *db, const char *id, enum account_status status);
/* Any account of any endpoint with this key: a CSR may not carry it (A25, N7). */
result account_has_key(struct op *op, struct db *db, const char *thumbprint, bool *out);
