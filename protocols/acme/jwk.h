/*
 * Public keys as JSON (RFC 7517, RFC 7518 section 6, RFC 8037) and their
 * thumbprints (RFC 7638). One canonical form: it is computed from the decoded
 * numbers and never from the text that came, so that a key has one thumbprint
 * however it was dressed up (J4). Private members are refused.
 *
 * P-256, P-384, RSA of 2048 to 4096 bits and Ed25519; the rest is badPublicKey.
 */
#pragma once

#include <openssl/evp.h>

#include "base/json.h"

enum jwk_type { JWK_P256, JWK_P384, JWK_RSA, JWK_ED25519 };

#define JWK_THUMBPRINT_SIZE 44 /* base64url of 32 bytes, and NUL */

struct jwk {
	enum jwk_type type;
	struct bytes a, b; /* EC: x, y. RSA: n, e. Ed25519: x, none */
	const char *json;  /* the required members only, sorted, without blanks */
	char thumbprint[JWK_THUMBPRINT_SIZE];
};

/* Pure: members to numbers, with all rules of form (W8 to W11). ACME_BAD_PUBLIC_KEY otherwise. */
result jwk_parse(struct op *op, const json_t *object, struct jwk *out);
/* The same of a row of our own. */
result jwk_parse_text(struct op *op, const char *json, struct jwk *out);

/* The key itself; a point off its curve is refused. Not judged otherwise: rows hold what was judged before. */
result jwk_key(struct op *op, const struct jwk *jwk, EVP_PKEY **own_out);
/* For keys from outside: jwk_key, and fit for use (ca/key_check.h). */
result jwk_key_checked(struct op *op, const struct jwk *jwk, EVP_PKEY **own_out);

/* The JWK of a certificate's or CSR's public key; ERR_POLICY for kinds that no account can have. */
result jwk_of_key(struct op *op, const EVP_PKEY *key, struct jwk *out);
