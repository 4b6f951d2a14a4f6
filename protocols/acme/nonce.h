/*
 * Anti-replay nonces (RFC 8555 section 6.5): stateless when handed out, single
 * use when they come back. A nonce is the epoch of this start, a counter and
 * the time, under a truncated HMAC; which of the last LIMIT_NONCE_WINDOW
 * counters were spent is a bitmap that slides along. A flood of requests for
 * nonces makes older ones badNonce, never the memory larger (F22).
 *
 * A nonce that another node or an earlier start made has another epoch and is
 * refused; the client tries again with the fresh one in the answer. Nodes come
 * to know each other's spent nonces through the store, with the PostgreSQL work.
 *
 * Any thread.
 */
#pragma once

#include "base/op.h"

struct acme_nonces;

struct acme_nonces *acme_nonces_new(void);
void acme_nonces_free(struct acme_nonces **nonces);

/* base64url text (48 characters) in the arena. */
char *acme_nonce_make(struct acme_nonces *nonces, struct arena *arena);

/*
 * True once per nonce: then it is spent. False: not one of ours, of another
 * start, too old, or spent (J8). Of parallel calls exactly one gets true.
 */
bool acme_nonce_spend(struct acme_nonces *nonces, const char *text);
