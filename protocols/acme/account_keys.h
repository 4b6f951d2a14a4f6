/*
 * Keys of accounts, ready to verify with: building one from its JWK takes a good
 * part of a verification, and an issuance has six. They are kept by thumbprint
 * (RFC 7638), which names all of a key, so that what is kept never becomes
 * wrong: an account whose key changes has another thumbprint in its row. Whether
 * the account exists and is valid is the row's to say, with each request.
 *
 * Bounded: a newer key takes the place of an older one. Any thread.
 */
#pragma once

#include <openssl/evp.h>

#include "base/op.h"

struct account_keys;

struct account_keys *account_keys_new(void);
void account_keys_free(struct account_keys **keys);

/* A reference that the caller frees; NULL: not kept. */
EVP_PKEY *account_keys_find(struct account_keys *keys, const char *thumbprint);
/* Keeps a reference of its own. `thumbprint` was computed from this key. */
void account_keys_keep(struct account_keys *keys, const char *thumbprint, EVP_PKEY *key);
