/*
 * Serials from intent to certificate, revocations, blocked keys. Rows here are
 * never deleted. Serials are lower-case hex text of the INTEGER's content bytes.
 */
#pragma once

#include "store/claims.h"
#include "store/db.h"

enum certificate_status {
	CERTIFICATE_INTENDED, /* T1 done; signature under way or in doubt */
	CERTIFICATE_ISSUED,
	CERTIFICATE_FAILED,   /* no signature was made */
	CERTIFICATE_ORPHANED  /* in doubt after a crash: revoked, never signed again */
};
const char *certificate_status_name(enum certificate_status status);

struct certificate {
	const char *serial;
	const char *ca, *profile, *door;
	const char *profile_hash;     /* of the profile that the TBS was made by (ca/profile_hash.h); NULL: none */
	enum certificate_status status;
	const char *subject;          /* one line, for lists */
	const char *names;            /* JSON array of {"type","value"}, as in orders */
	struct bytes spki_hash;       /* SHA-256 */
	struct bytes tbs;
	struct bytes der;             /* empty until issued */
	const char *requester;        /* actor id */
	enum claim_kind claim_kind;   /* what the certificate is for (claims.h) … */
	const char *claim_id;         /* … and which one: it goes back when orphaned; NULL if none */
	const char *node;
	int64_t not_before_s, not_after_s, intended_s, issued_s;
};

/* ERR_CONFLICT: the serial is taken; draw another (N11). */
result certificate_intend(struct op *op, struct db *db, const struct certificate *intent);
result certificate_issue(struct op *op, struct db *db, const char *serial, struct bytes der, int64_t now_s);
result certificate_fail(struct op *op, struct db *db, const char *serial);
result certificate_orphan(struct op *op, struct db *db, const char *serial);
result certificate_load(struct op *op, struct db *db, const char *serial, struct certificate *out);
/* Intents without an end of that node that are older than `before_s`. */
result certificate_list_in_doubt(struct op *op, struct db *db, const char *node, int64_t before_s, unsigned limit,
				 struct certificate **out, unsigned *n);
/*
 * The same of all nodes that were not seen since `seen_before_s` (nodes.h), for
 * the others to recover. To be fenced first: node_fence in the same transaction.
 */
result certificate_list_in_doubt_of_absent(struct op *op, struct db *db, int64_t seen_before_s, int64_t before_s,
					   unsigned limit, struct certificate **out, unsigned *n);
struct certificate_filter {
	const char *ca, *profile;        /* NULL: any */
	const char *name;                /* a value of names, exactly; NULL: any */
	bool only_revoked;
	int64_t expires_after_s, expires_before_s; /* from, and up to but without; 0: any */
	const char *after;               /* serial to go on from */
	unsigned limit;
};
/* In order of serial; of expiry where only expires_before_s can narrow the search (no name, not only_revoked). */
result certificate_list(struct op *op, struct db *db, const struct certificate_filter *filter,
			struct certificate **out, unsigned *n);

enum revocation_reason { /* RFC 5280 section 5.3.1 */
	REASON_UNSPECIFIED = 0, REASON_KEY_COMPROMISE = 1, REASON_CA_COMPROMISE = 2, REASON_AFFILIATION_CHANGED = 3,
	REASON_SUPERSEDED = 4, REASON_CESSATION_OF_OPERATION = 5, REASON_CERTIFICATE_HOLD = 6, REASON_REMOVE_FROM_CRL = 8,
	REASON_PRIVILEGE_WITHDRAWN = 9, REASON_AA_COMPROMISE = 10
};
const char *revocation_reason_name(int reason); /* "keyCompromise"; NULL: no such reason */
bool revocation_reason_parse(const char *name, int *out);

struct revocation {
	const char *serial, *ca;
	int64_t revoked_s;
	int reason;
	int64_t not_after_s; /* of the certificate: it leaves the CRL after that (L10) */
};
result revocation_insert(struct op *op, struct db *db, const struct revocation *revocation); /* ERR_CONFLICT: already */
result revocation_load(struct op *op, struct db *db, const char *serial, struct revocation *out); /* ERR_NOT_FOUND */
/* All that belong on a CRL of `ca` now: certificate not expired before `since_s`. In order of serial. */
typedef result revocation_each(struct op *op, void *arg, const struct revocation *revocation);
result revocation_read(struct op *op, struct db *db, const char *ca, int64_t since_s, revocation_each *each, void *arg);

result blocked_key_insert(struct op *op, struct db *db, struct bytes spki_hash, const char *why, int64_t now_s);
result blocked_key_load(struct op *op, struct db *db, struct bytes spki_hash, const char **why); /* ERR_NOT_FOUND */
