/*
 * Keys that are made for clients (RFC 7030 section 4.4): in memory, for one reply.
 * All that holds one is freed wiped, so the arena of `op` has to be one
 * (arena_wipe_when_freed).
 */
#pragma once

#include <openssl/x509.h>

#include "base/config.h"
#include "ca/signed_data.h"

/* KEY_OTHER is none: asserts. */
result made_key_new(struct op *op, enum key_type type, EVP_PKEY **own_out);
/* SubjectPublicKeyInfo. */
struct bytes made_key_spki(struct op *op, EVP_PKEY *key);
/* PrivateKeyInfo (RFC 5958 section 2), DER. */
struct bytes made_key_pkcs8(struct op *op, EVP_PKEY *key);

/*
 * AsymmetricKeyPackage in SignedData in EnvelopedData (RFC 7030 section 4.4.2,
 * RFC 5958 section 4): AES-256-CBC, its key by RSA key transport or by ECDH with
 * SHA-256 (RFC 5753) for the RSA or EC key of `recipient`. `oaep_digest` NULL:
 * PKCS #1 v1.5, which is what all clients have (RFC 8551 section 2.3). `issuer`:
 * the certificate above the signer's, which goes with it.
 */
struct made_key_seal {
	const struct signed_data_signer *signer;
	struct bytes issuer;
	X509 *recipient;
	const char *oaep_digest;
};
result made_key_seal(struct op *op, struct bytes pkcs8, const struct made_key_seal *seal, struct bytes *out);
