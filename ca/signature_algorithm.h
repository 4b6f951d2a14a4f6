/*
 * Signatures of others: which AlgorithmIdentifiers count, and whether a signature
 * is right. ECDSA and RSA (PKCS #1 v1.5) with SHA-256 or stronger, and Ed25519.
 */
#pragma once

#include <openssl/evp.h>

#include "base/bytes.h"

struct signature_algorithm {
	struct bytes oid;
	const char *key;    /* "EC", "RSA", "ED25519" */
	const char *digest; /* "SHA256"; NULL: the algorithm has its own */
};

/* By the content of an AlgorithmIdentifier; NULL: one that does not count, or has parameters that it must not have. */
const struct signature_algorithm *signature_algorithm_find(struct bytes algorithm);
/* Likewise, and sha1WithRSAEncryption besides: for endpoints of SCEP that let old devices in. Nothing else takes it. */
const struct signature_algorithm *signature_algorithm_find_old(struct bytes algorithm);
extern const struct signature_algorithm signature_rsa_sha1;
/* The one of such a key with this digest; NULL: there is none. */
const struct signature_algorithm *signature_algorithm_of(const char *key, const char *digest);
/* False also for a key of another type. Leaves nothing in OpenSSL's queue of errors. */
bool signature_is_right(const struct signature_algorithm *algorithm, EVP_PKEY *key, struct bytes message,
			struct bytes signature);
