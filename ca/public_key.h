/*
 * SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) to a key that can verify: only
 * the encodings that this house accepts, byte for byte, so that explicit curve
 * parameters, PSS restrictions, compressed points and paddings end here. What
 * comes out has one encoding, the one that went in.
 */
#pragma once

#include <openssl/evp.h>

#include "base/config.h"
#include "base/op.h"

/*
 * RSA, P-256, P-384 (named, uncompressed) and Ed25519. ERR_POLICY: another type
 * or form; ERR_MALFORMED: not DER, or no key. Whether the key is fit is not
 * asked here (key_check.h). About five times as fast as d2i_PUBKEY, which tries
 * out decoders: it is called several times for each certificate.
 */
result public_key_decode(struct op *op, struct bytes spki, EVP_PKEY **own_out);

/*
 * An uncompressed point (SEC 1 section 2.3.3) of P-256 or P-384, which `type`
 * says, as a key; NULL: it is no point of that curve.
 */
EVP_PKEY *public_key_from_point(enum key_type type, struct bytes point);
