/*
 * ACME rows that have had their time (F21): what is open and expired comes to its
 * end (RFC 8555 section 7.1.6), and what ended long ago is removed. Accounts,
 * certificates, revocations and the log are nobody's to remove.
 *
 * In two halves, so that a long clean-up never stands in anybody's way: a reader
 * looks for the next few rows and remembers them as a window, a stretch of an
 * index; a closure of the ledger then touches that window and nothing else. It
 * asks again what each row is by then, so several nodes may do the same at once.
 */
#pragma once

#include "store/db.h"

/* In the order in which a pass takes them: an order goes before its authorizations. */
enum cleanup_kind {
	CLEANUP_OPEN_ORDERS,          /* pending or ready: become invalid; a signature may be under way for the processing ones */
	CLEANUP_OPEN_AUTHORIZATIONS,  /* pending ones become invalid, valid ones expired */
	CLEANUP_ENDED_ORDERS,         /* valid or invalid: removed; the certificate stays */
	CLEANUP_ENDED_AUTHORIZATIONS, /* removed with their challenges, but not while an order has them */
	CLEANUP_KINDS
};

/* Behind a row, in the order of expiry; all zero is before the first. */
struct cleanup_place {
	int64_t expires_s;
	char id[64];
};

struct cleanup_window {
	struct cleanup_place after, last;
	unsigned n_rows; /* to be changed, as the reader saw it; with what hangs on them. 0: nothing to be done in it */
	bool is_end;     /* there is nothing behind it */
};

/*
 * The rows after that place which expired at `before_s` or earlier: as many as make
 * up `limit` changes, but one object at least. For any connection.
 */
result cleanup_find(struct op *op, struct db *db, enum cleanup_kind kind, int64_t before_s, const struct cleanup_place *after,
		    unsigned limit, struct cleanup_window *out);
/* Within a closure. *changes may be less than was found. */
result cleanup_apply(struct op *op, struct db *db, enum cleanup_kind kind, const struct cleanup_window *window,
		     uint64_t *changes);
