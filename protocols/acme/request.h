/*
 * The common path of every POST (RFC 8555 sections 6.2 to 6.5): media type, form
 * of the JWS, algorithm, url, nonce, whose key, signature, in this order. The
 * nonce is spent when it is looked at, before any signature work, so that no
 * request can be tried twice. What leaves here is proven: handlers read the
 * payload and decide about rights to their object only.
 */
#pragma once

#include <openssl/evp.h>

#include "protocols/acme/endpoint.h"
#include "protocols/acme/jwk.h"
#include "protocols/acme/jws.h"
#include "store/accounts.h"

/* Which header member names the key (A5). */
enum acme_signer {
	ACME_BY_ACCOUNT, /* "kid": everywhere but … */
	ACME_BY_KEY,     /* "jwk": newAccount */
	ACME_BY_EITHER   /* revokeCert */
};

struct acme_request {
	const struct call *call;
	struct acme *acme;
	struct authority *authority;
	const struct config *config;
	const struct config_acme *settings;
	const char *base; /* acme_base */
	int64_t now_s;

	struct jws jws;
	struct bytes payload; /* empty: POST-as-GET */
	EVP_PKEY *key;        /* that the signature verified with */
	const char *thumbprint; /* of key */
	struct jwk jwk;       /* key, where the request carried it */
	bool has_account;     /* signed by account; it is valid */
	struct account account;
};

/* Closed at the end of the scope. */
#define ACME_REQUEST(name) __attribute__((cleanup(acme_request_close))) struct acme_request name = { 0 }
void acme_request_close(struct acme_request *request);

/* Sets op's actor to the account. Rows A1 to A10, A23, J7 to J9. */
result acme_request_open(struct op *op, const struct call *call, enum acme_signer signer, struct acme_request *out);

/* POST-as-GET (section 6.3): the payload must be empty, and "{}" is not. */
result acme_request_need_empty(struct op *op, const struct acme_request *request);
/* The payload as an object. */
result acme_request_payload(struct op *op, const struct acme_request *request, json_t **own_out);

/* The id in the path as text; ERR_NOT_FOUND for what no id of ours looks like (V22). */
result acme_request_id(struct op *op, const struct call *call, const char **out);
/* ERR_DENIED unless the object belongs to the account of the request (A8). */
result acme_request_need_owner(struct op *op, const struct acme_request *request, const char *account,
			       const char *endpoint);

/* "BASE/KIND/ID" */
const char *acme_url(struct op *op, const struct acme_request *request, const char *kind, const char *id);
