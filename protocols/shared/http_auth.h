/*
 * The Authorization header: Basic (RFC 7617), Bearer (RFC 6750) for one-time
 * tokens, Digest (RFC 7616) with SHA-256 and qop=auth. Reading only; whether it is
 * right is asked elsewhere.
 *
 * Clients that have nothing but a user name and a password, such as strongSwan's
 * pki, send a one-time token as the password of the user "token".
 */
#pragma once

#include "base/secret.h"
#include "server/call.h"

enum http_auth_scheme { HTTP_AUTH_NONE, HTTP_AUTH_BASIC, HTTP_AUTH_TOKEN, HTTP_AUTH_DIGEST };

struct http_digest {
	const char *realm, *nonce, *uri, *response, *cnonce, *nc;
};

struct http_auth {
	enum http_auth_scheme scheme;
	const char *user;          /* Basic, Digest; NULL: a name that no user has */
	struct secret *secret;     /* the password, or the token */
	struct http_digest digest;
};

/*
 * ERR_MALFORMED: more than one header, another scheme, syntax, another algorithm
 * than SHA-256, a user name that is hashed. No header: HTTP_AUTH_NONE. What is
 * filled is the caller's to release, also after a failure.
 */
result http_auth_read(struct op *op, const struct call *call, struct http_auth *out);
void http_auth_release(struct http_auth *auth);
#define HTTP_AUTH(name) __attribute__((cleanup(http_auth_release))) struct http_auth name = { .scheme = HTTP_AUTH_NONE }

/* Whether the response is the one that H(A1) (32 octets) gives for this call: its method, its target (section 3.4.1). */
bool http_digest_fits(const struct http_digest *digest, const struct call *call, struct bytes ha1);
