/* CAs, keys in the token, and CRLs. */
#pragma once

#include "store/db.h"

enum authority_status { AUTHORITY_CREATED, AUTHORITY_ACTIVE, AUTHORITY_RETIRING, AUTHORITY_RETIRED };
const char *authority_status_name(enum authority_status status);

struct key_row {
	const char *label;     /* unique */
	struct bytes id;       /* CKA_ID */
	const char *type;      /* key_type_name */
	const char *purpose;   /* "ca", "ocsp", "audit" */
	struct bytes spki;
	int64_t created_s;
};
result key_insert(struct op *op, struct db *db, const struct key_row *key);
result key_load(struct op *op, struct db *db, const char *label, struct key_row *out);
result key_load_by_purpose(struct op *op, struct db *db, const char *purpose, struct key_row *out); /* newest */
result key_has_spki(struct op *op, struct db *db, struct bytes spki, bool *out); /* "no key of our own" */

struct authority_row {
	const char *name;
	const char *parent;    /* NULL: self-signed */
	enum authority_status status;
	unsigned generation;
	const char *key_label;
	struct bytes certificate; /* DER */
	int64_t created_s;
};
result authority_insert(struct op *op, struct db *db, const struct authority_row *row);
result authority_list(struct op *op, struct db *db, struct authority_row **out, unsigned *n);

struct crl_row {
	const char *ca;
	uint64_t number;
	int64_t this_update_s, next_update_s;
	struct bytes der; /* empty: number taken, not signed */
};
/* Takes the next CRL number of a CA; never handed out twice (I6). */
result crl_take_number(struct op *op, struct db *db, const char *ca, uint64_t *number);
result crl_insert(struct op *op, struct db *db, const struct crl_row *row); /* older ones but the last 8 are dropped */
result crl_load_latest(struct op *op, struct db *db, const char *ca, struct crl_row *out); /* ERR_NOT_FOUND */
/* The same without the DER, which may be large: number and times. */
result crl_load_latest_times(struct op *op, struct db *db, const char *ca, struct crl_row *out);

/* Small facts about the store: "node", "nonce_epoch", "organization". */
result meta_read(struct op *op, struct db *db, const char *name, const char **value); /* ERR_NOT_FOUND */
result meta_write(struct op *op, struct db *db, const char *name, const char *value);
