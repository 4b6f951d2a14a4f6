/*
 * The bytes of a nonce: who made it, when, what makes it different from all
 * others, and a truncated HMAC over these. Knows neither texts nor what was
 * spent. Any thread.
 */
#pragma once

#include "store/nonces.h"

#define NONCE_BODY_SIZE (NONCE_KEY_ID_SIZE + 5 + 7) /* id of the key, seconds since 1970, the unique part */
#define NONCE_TAG_SIZE 16
#define NONCE_SIZE (NONCE_BODY_SIZE + NONCE_TAG_SIZE)

/* A key, ready for use; it never changes. */
struct nonce_seal;

struct nonce_seal *nonce_seal_new(const struct nonce_key *key); /* copies; the caller wipes its own */
void nonce_seal_free(struct nonce_seal **seal);

/* Of `unique` 56 bits count. */
void nonce_seal_make(const struct nonce_seal *seal, int64_t now_s, uint64_t unique, uint8_t nonce[NONCE_SIZE]);

/* The nonce names this key, which says nothing about who made it. */
bool nonce_seal_is_named(const struct nonce_seal *seal, const uint8_t nonce[NONCE_SIZE]);
/* It was made with this key, to the last bit. */
bool nonce_seal_is_good(const struct nonce_seal *seal, const uint8_t nonce[NONCE_SIZE]);

/* Parts of a nonce, as it says itself. */
int64_t nonce_made_s(const uint8_t nonce[NONCE_SIZE]);
uint64_t nonce_unique(const uint8_t nonce[NONCE_SIZE]);
