/*
 * Nonces of HTTP Digest (RFC 7616 section 3.3): a time under an HMAC whose key is
 * in the store, so that any node takes those of any other.
 *
 * The nonce count is not tracked. It is there against the replay of what was
 * overheard, and EST runs over TLS only: who can overhear a request could as well
 * change its body, which qop=auth does not cover. A request that comes twice in
 * spite of all finds the certificate of the first time (enrollment.h).
 */
#pragma once

#include "ca/authority.h"

struct est_nonces;

struct est_nonces *est_nonces_new(struct authority *authority); /* borrowed */
void est_nonces_free(struct est_nonces **nonces);

/* A new one, as text. The first of all makes the key: ERR_BUSY while the store is away. */
result est_nonce_make(struct op *op, struct est_nonces *nonces, const char **out);

enum est_nonce_state {
	EST_NONCE_GOOD,
	EST_NONCE_STALE, /* ours, and older than LIMIT_DIGEST_NONCE_S */
	EST_NONCE_FOREIGN
};
result est_nonce_check(struct op *op, struct est_nonces *nonces, const char *nonce, enum est_nonce_state *out);
