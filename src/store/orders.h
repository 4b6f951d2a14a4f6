/*
 * ACME orders, authorizations, challenges (RFC 8555 sections 7.1.3 to 7.1.6),
 * and the queue of validations, which is a state of challenge rows. Status
 * moves are compare-and-swap on the old status: ERR_CONFLICT when it moved on.
 */
#pragma once

#include "store/db.h"

enum order_status { ORDER_PENDING, ORDER_READY, ORDER_PROCESSING, ORDER_VALID, ORDER_INVALID };
enum authorization_status {
	AUTHORIZATION_PENDING, AUTHORIZATION_VALID, AUTHORIZATION_INVALID, AUTHORIZATION_DEACTIVATED,
	AUTHORIZATION_EXPIRED, AUTHORIZATION_REVOKED
};
enum challenge_status { CHALLENGE_PENDING, CHALLENGE_PROCESSING, CHALLENGE_VALID, CHALLENGE_INVALID };
const char *order_status_name(enum order_status status);
const char *authorization_status_name(enum authorization_status status);
const char *challenge_status_name(enum challenge_status status);

struct order {
	const char *id, *account, *endpoint, *profile;
	const char *profile_hash;     /* of the profile when the order was made (ca/profile_hash.h); NULL: not known */
	enum order_status status;
	const char *identifiers;      /* JSON array of {"type","value"}, canonical, sorted, no doubles */
	const char *const *authorizations; /* ids */
	unsigned n_authorizations;
	int64_t created_s, expires_s;
	int64_t not_before_s, not_after_s; /* 0: not asked for */
	const char *error;            /* problem document as JSON, or NULL */
	const char *serial;           /* hex of the certificate, once valid */
};

struct acme_authorization { /* struct authorization is ca's: the value that issue() demands */
	const char *id, *account, *endpoint;
	const char *identifier;       /* DNS name without "*." */
	bool is_wildcard;
	enum authorization_status status;
	int64_t expires_s;
};

struct challenge {
	const char *id, *authorization, *account;
	const char *type;             /* "http-01" */
	const char *token;
	const char *thumbprint;       /* account key at response time (A31); NULL before */
	enum challenge_status status;
	int64_t validated_s;          /* 0: not */
	const char *error;            /* problem document as JSON, or NULL */
	const char *identifier;       /* of its authorization */
	/* The waiting work (only while processing). */
	unsigned attempts;
	int64_t due_s;                /* next attempt, or end of the running claim */
};

result order_insert(struct op *op, struct db *db, const struct order *order);
result order_load(struct op *op, struct db *db, const char *id, struct order *out);
result order_move(struct op *op, struct db *db, const char *id, enum order_status from, enum order_status to);
result order_finish(struct op *op, struct db *db, const char *id, const char *serial); /* processing -> valid */
result order_fail(struct op *op, struct db *db, const char *id, const char *error);    /* any open -> invalid */
/* Open orders (pending, ready, processing, not expired) of an account. */
result order_count_open(struct op *op, struct db *db, const char *account, int64_t now_s, unsigned *out);
/* Ids of an account's orders that are not invalid, in order of creation, after `after` (NULL: first), at most `limit` (A14). */
result order_list(struct op *op, struct db *db, const char *account, const char *after, unsigned limit,
		  const char ***ids, unsigned *n);
/* Orders that use this authorization and are open. */
result order_list_by_authorization(struct op *op, struct db *db, const char *authorization, const char ***ids, unsigned *n);

result authorization_insert(struct op *op, struct db *db, const struct acme_authorization *authorization);
result authorization_load(struct op *op, struct db *db, const char *id, struct acme_authorization *out);
result authorization_move(struct op *op, struct db *db, const char *id, enum authorization_status from,
			  enum authorization_status to, int64_t expires_s /* new one, 0: keep */);

/* The account has a valid authorization for this name now; the wildcard of a name is another one. */
result authorization_is_held(struct op *op, struct db *db, const char *account, const char *identifier, bool is_wildcard,
			     int64_t now_s, bool *out);

result challenge_insert(struct op *op, struct db *db, const struct challenge *challenge);
result challenge_load(struct op *op, struct db *db, const char *id, struct challenge *out);
result challenge_list(struct op *op, struct db *db, const char *authorization, struct challenge **out, unsigned *n);
/* pending -> processing with the thumbprint, first attempt due at `due_s`. */
result challenge_respond(struct op *op, struct db *db, const char *id, const char *thumbprint, int64_t due_s);
/* Takes a due processing challenge for `lease_s` seconds, attempts + 1: ERR_CONFLICT when another node did. */
result challenge_claim(struct op *op, struct db *db, const char *id, int64_t now_s, int64_t lease_s);
/* Gives a claim back from which no probe went out: it was no attempt. Due again at `due_s`. */
result challenge_unclaim(struct op *op, struct db *db, const char *id, int64_t due_s);
result challenge_list_due(struct op *op, struct db *db, int64_t now_s, unsigned limit, struct challenge **out, unsigned *n);
result challenge_finish(struct op *op, struct db *db, const char *id, enum challenge_status to, int64_t now_s,
			const char *error);
result challenge_retry(struct op *op, struct db *db, const char *id, int64_t due_s, const char *error);
