/*
 * Public keys and signatures between the forms of PKCS#11 and those of X.509.
 */
#pragma once

#include "token/token.h"

/*
 * DER SubjectPublicKeyInfo in op's arena, from CKA_EC_POINT: an OCTET STRING
 * around the point, or the bare point of older tokens.
 */
result spki_from_ec_point(struct op *op, enum key_type type, struct bytes ec_point, struct bytes *spki);

/* From CKA_MODULUS and CKA_PUBLIC_EXPONENT, big-endian. */
result spki_from_rsa(struct op *op, struct bytes modulus, struct bytes exponent, struct bytes *spki);

/* Which kind of key it is, for keys that a token may hold: P-256, P-384, RSA 2048, 3072, 4096. */
result spki_key_type(struct op *op, struct bytes spki, enum key_type *out);

/* Of an RSA key: big-endian, without zeros before it, in op's arena. ERR_BACKEND: the key is of another kind. */
result spki_rsa_modulus(struct op *op, struct bytes spki, struct bytes *modulus);

/* SHA-256 or, for P-384, SHA-384 of the message: what the token signs. Both in `digest`. */
#define SPKI_DIGEST_MAX 48
size_t spki_digest(enum key_type type, struct bytes message, uint8_t digest[SPKI_DIGEST_MAX]);
size_t spki_digest_size(enum key_type type);

/* What the token returned, r||s of fixed width (PKCS #11 v2.40 2.3.1) or an RSA block, as X.509 wants it. */
result spki_signature(struct op *op, enum key_type type, struct bytes raw, struct bytes *signature);

/* Whether the signature in X.509's form is the key's, over the message. */
bool spki_verifies(struct bytes spki, enum key_type type, struct bytes message, struct bytes signature);
