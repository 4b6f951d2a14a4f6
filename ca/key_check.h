/*
 * Is this public key fit for a certificate? Structure (exact algorithm
 * encodings, curve points, RSA exponent), weakness (small factors, close
 * primes, ROCA), rows N6; whose it is (N7) is asked in issue.h. Pure functions.
 */
#pragma once

#include <openssl/evp.h>

#include "base/config.h"

/*
 * DER SubjectPublicKeyInfo from outside, in the one encoding that its key has
 * (public_key.h). ERR_MALFORMED or ERR_POLICY with the reason.
 */
result key_check_spki(struct op *op, struct bytes spki, enum key_type *type);
/* The same for a key that was parsed already (account keys). */
result key_check(struct op *op, const EVP_PKEY *key, enum key_type *type);
/* The parts, for tests with vectors of their own. */
bool key_has_small_factor(const BIGNUM *n);   /* a prime below 752 */
bool key_has_close_primes(const BIGNUM *n);   /* Fermat, 110 rounds */
bool key_is_roca(const BIGNUM *n);            /* CVE-2017-15361 fingerprint */
/* KEY_OTHER for what no profile can allow. */
enum key_type key_type_of(const EVP_PKEY *key);
