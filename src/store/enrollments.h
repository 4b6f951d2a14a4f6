/*
 * Requests for certificates that come with a CSR and no order: EST now, SCEP
 * transactions later. A row makes a repeated request find the same answer, on
 * any node: a client that lost its connection, polls for an approval, or sends
 * twice gets one certificate (RFC 7030 section 4.2.3, E8, E14).
 *
 * pending -> ready (approved) or rejected; ready -> processing -> issued. A row
 * is found by door, endpoint, requester and hash of the CSR; at most one that is
 * not finished exists for each.
 */
#pragma once

#include "store/db.h"

enum enrollment_status {
	ENROLLMENT_PENDING,    /* waits for an operator */
	ENROLLMENT_READY,      /* may be issued now */
	ENROLLMENT_PROCESSING, /* T1 has claimed it */
	ENROLLMENT_ISSUED,
	ENROLLMENT_REJECTED
};
const char *enrollment_status_name(enum enrollment_status status);

struct enrollment {
	const char *id;
	const char *door, *endpoint, *profile; /* "est", the label's name, … */
	const char *requester;                 /* actor id: "est-user:alice", "certificate:SERIAL" */
	struct bytes csr_hash;                 /* SHA-256 */
	struct bytes csr;                      /* DER, for the operator to look at; empty once finished */
	const char *names;                     /* JSON array of {"type","value"} */
	enum enrollment_status status;
	const char *decided_by;                /* actor id of the operator; NULL: nobody had to */
	const char *reason;                    /* of a rejection, for the client; NULL: none */
	const char *serial;                    /* once issued */
	const char *profile_hash;              /* of the profile when the request came (ca/profile_hash.h); NULL: not known */
	int64_t created_s, changed_s, expires_s; /* an unfinished one ends at expires_s */
};

/* ERR_CONFLICT: one that is not finished exists already. */
result enrollment_insert(struct op *op, struct db *db, const struct enrollment *enrollment);
result enrollment_load(struct op *op, struct db *db, const char *id, struct enrollment *out); /* ERR_NOT_FOUND */
/*
 * The newest with this door, endpoint, requester and CSR that is not finished
 * and not expired at `now_s`, or was finished at or after `since_s`. ERR_NOT_FOUND.
 */
result enrollment_find(struct op *op, struct db *db, const struct enrollment *key, int64_t now_s, int64_t since_s,
		       struct enrollment *out);
/* Compare-and-swap on `from`; ERR_CONFLICT when it moved on. */
result enrollment_move(struct op *op, struct db *db, const char *id, enum enrollment_status from,
		       enum enrollment_status to, int64_t now_s);
/* pending -> ready or rejected. ERR_CONFLICT: it was decided, or has expired. */
result enrollment_decide(struct op *op, struct db *db, const char *id, bool is_approved, const char *by,
			 const char *reason, int64_t now_s);
result enrollment_finish(struct op *op, struct db *db, const char *id, const char *serial, int64_t now_s); /* processing -> issued */
/* In order of creation, after `after` (an id; NULL: first), at most `limit`; `only_pending` for what waits. */
result enrollment_list(struct op *op, struct db *db, bool only_pending, const char *after, unsigned limit,
		       struct enrollment **out, unsigned *n);
/* Those of the door and endpoint of `key` that wait, and how many of these are its requester's. */
result enrollment_count_pending(struct op *op, struct db *db, const struct enrollment *key, int64_t now_s, unsigned *of_all,
				unsigned *of_requester);
/* Finished or expired rows that nobody asked for since `before_s`; at most `limit`, *n how many went. */
result enrollment_clean(struct op *op, struct db *db, int64_t before_s, unsigned limit, unsigned *n);
