/* The ciphers of enveloped_data.h, as its two directions know them. */
#pragma once

#include <openssl/evp.h>

#include "ca/enveloped_data.h"

/* By the content of its OID; false: unknown. */
bool content_cipher_find(struct bytes oid, enum content_cipher *out);
struct bytes content_cipher_oid(enum content_cipher cipher);
const EVP_CIPHER *content_cipher_evp(enum content_cipher cipher);
/* The key as EVP takes it, of content_cipher_key_size() octets or more. */
void content_cipher_widen(enum content_cipher cipher, const uint8_t *key, uint8_t wide[CONTENT_KEY_MAX]);
/* Octets of a block, which are those of the initialization vector. */
size_t content_cipher_block(enum content_cipher cipher);
