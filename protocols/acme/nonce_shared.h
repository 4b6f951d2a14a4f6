/*
 * Nonces of nodes that share a store: good on each of them, and spent once among
 * all (J8). They are made with keys that the nodes find in the store and keep in
 * memory; spending is one row (store/nonces.h). Making one touches neither the
 * store nor any memory (F22).
 *
 * Any thread; but only making may be done where nothing may wait.
 */
#pragma once

#include "protocols/acme/nonce_seal.h"
#include "store/store.h"

struct nonce_shared;

/* `store` is borrowed. Takes the keys from it, where it can be reached; else with the first nonce that comes back. */
struct nonce_shared *nonce_shared_new(struct store *store);
void nonce_shared_free(struct nonce_shared **shared);

void nonce_shared_make(struct nonce_shared *shared, uint8_t nonce[NONCE_SIZE]);
/*
 * *is_mine once per nonce. Its age is not looked at. ERR_BUSY: the store is
 * away, and nothing can be said of the nonce.
 */
result nonce_shared_spend(struct op *op, struct nonce_shared *shared, const uint8_t nonce[NONCE_SIZE], bool *is_mine);

/* Takes the keys from the store, and makes a new one there when the newest had its time. About once a minute. */
result nonce_shared_tend(struct op *op, struct nonce_shared *shared);
