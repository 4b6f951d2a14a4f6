/*
 * Nonces of one process, where only one can have the store open: which of the
 * last LIMIT_NONCE_WINDOW were spent is a bitmap that slides along. Costs no row
 * and no memory per nonce; a flood of requests for nonces makes older ones bad
 * (F22). The key is this start's: nonces of an earlier one are refused.
 *
 * Any thread.
 */
#pragma once

#include "protocols/acme/nonce_seal.h"

struct nonce_window;

struct nonce_window *nonce_window_new(void);
void nonce_window_free(struct nonce_window **window);

void nonce_window_make(struct nonce_window *window, uint8_t nonce[NONCE_SIZE]);
/* True once per nonce; of parallel calls exactly one gets true. Its age is not looked at. */
bool nonce_window_spend(struct nonce_window *window, const uint8_t nonce[NONCE_SIZE]);
