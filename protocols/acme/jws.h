/*
 * Signed requests in flattened JSON form (RFC 7515 section 7.2.2), as ACME
 * narrows it (RFC 8555 section 6.2). Two steps: jws_parse is pure form, bytes to
 * struct, and looks at no key; jws_verify is the signature. What lies between
 * them (url, nonce, whose key) is request.h.
 *
 * Allowed are ES256, ES384, RS256 and EdDSA with the key type that belongs to
 * each (W14). There is no way from a header to a network: jku, x5u and x5c are
 * ignored like any other unknown member (W15), but "crit" and "b64" are refused.
 */
#pragma once

#include <openssl/evp.h>

#include "base/json.h"

enum jws_algorithm { JWS_ES256, JWS_ES384, JWS_RS256, JWS_EDDSA };

struct jws {
	enum jws_algorithm algorithm;
	const char *nonce;          /* base64url characters only; NULL: absent */
	const char *url;
	const char *kid;            /* exactly one of kid … */
	const json_t *jwk;          /* … and jwk; borrowed from `header` */
	struct bytes signing_input; /* BASE64URL(protected) || '.' || BASE64URL(payload) */
	struct bytes payload;       /* decoded; empty for POST-as-GET */
	struct bytes signature;     /* decoded */
	json_t *header;             /* owned: jws_clear */
};

/* `out` must be zeroed; call jws_clear whatever comes back. Rows A1, A3, A4, W1 to W4, W12, J1, J5, J6, J11. */
result jws_parse(struct op *op, struct bytes body, struct jws *out);
void jws_clear(struct jws *jws);

/* OK: this key made this signature. Rows W5, W10, W14, J2. */
result jws_verify(struct op *op, const struct jws *jws, EVP_PKEY *key);
