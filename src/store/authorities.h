/* CAs, keys in the token, and CRLs. */
#pragma once

#include "store/db.h"

enum authority_status { AUTHORITY_CREATED, AUTHORITY_ACTIVE, AUTHORITY_RETIRING, AUTHORITY_RETIRED };
const char *authority_status_name(enum authority_status status);

struct key_row {
	const char *label;     /* unique */
	struct bytes id;       /* CKA_ID */
	const char *type;      /* key_type_name */
	const char *purpose;   /* "ca", "ocsp", "audit", "scep" */
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

/*
 * A CRL is made outside of any transaction, and one at a time over all nodes:
 * whoever takes a CA's next number has the turn until its CRL is recorded, or it
 * gives up. The turn of a node that died ends when the node takes a new epoch
 * (its own restart need not wait for that), is not seen, or at the latest by
 * the clock. Clocks that differ cost a CRL that is made in vain, and no more: what
 * counts at the end is crl_turn_end().
 */
#define CRL_TURN_S 120          /* many times what a CRL of a million entries takes */
#define CRL_BUILDER_UNSEEN_S 60 /* six times the steward's sign of life, which waits while it makes a CRL */

struct crl_builder {
	const char *node;
	uint64_t epoch; /* 0: a command */
};
struct crl_turn {
	uint64_t number;     /* the last one that was taken; 0: none yet */
	const char *builder; /* who makes a CRL with it; NULL: nobody */
	int64_t until_s;     /* 0: its node is gone */
};
result crl_turn_load(struct op *op, struct db *db, const char *ca, int64_t now_s, struct crl_turn *out);
bool crl_turn_is_of_another(const struct crl_turn *turn, const char *node, int64_t now_s);
/* The next CRL number and the turn, whoever had it: the caller has looked. A number is never handed out twice (I6). */
result crl_turn_take(struct op *op, struct db *db, const char *ca, const struct crl_builder *builder, int64_t now_s,
		     uint64_t *number);
/* Before the CRL is written, in the same transaction, or to give up. ERR_CONFLICT, and nothing is written: another has the turn. */
result crl_turn_end(struct op *op, struct db *db, const char *ca, const struct crl_builder *builder, uint64_t number);

result crl_insert(struct op *op, struct db *db, const struct crl_row *row); /* older ones but the last 8 are dropped */
result crl_load_latest(struct op *op, struct db *db, const char *ca, struct crl_row *out); /* ERR_NOT_FOUND */
/* The same without the DER, which may be large: number and times. */
result crl_load_latest_times(struct op *op, struct db *db, const char *ca, struct crl_row *out);

/* Small facts about the store: "node", "nonce_epoch", "organization". */
result meta_read(struct op *op, struct db *db, const char *name, const char **value); /* ERR_NOT_FOUND */
result meta_write(struct op *op, struct db *db, const char *name, const char *value);
