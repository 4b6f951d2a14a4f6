/*
 * Anti-replay nonces (RFC 8555 section 6.5): single use, for LIMIT_NONCE_AGE_S.
 * Handing one out costs an HMAC and no memory, so a flood of requests for nonces
 * fills nothing (F22).
 *
 * Where one process has the store to itself, what was spent is known in memory
 * (nonce_window.h). Where several nodes share it, it is a row, and a nonce of any
 * node is good on each of them (nonce_shared.h). docs/decisions/0002 says why.
 *
 * Any thread.
 */
#pragma once

#include "store/store.h"

struct acme_nonces;

/* `store` is borrowed; NULL: for this process alone. */
struct acme_nonces *acme_nonces_new(struct store *store);
void acme_nonces_free(struct acme_nonces **nonces);

/* base64url text (48 characters) in the arena. Never waits: it may be called on a loop. */
char *acme_nonce_make(struct acme_nonces *nonces, struct arena *arena);

/*
 * OK once per nonce: then it is spent. ERR_UNAUTHENTIC with ACME_BAD_NONCE: not
 * one of ours, too old, or spent (J8); of parallel calls, on all nodes, at most
 * one gets OK. ERR_BUSY: the store is away. `text` may be NULL: none was sent.
 */
result acme_nonce_spend(struct op *op, struct acme_nonces *nonces, const char *text);

/* Keeps the keys that nodes share young; a steward's task, once a minute. */
result acme_nonces_tend(struct op *op, struct acme_nonces *nonces);
