/*
 * An EST client for tests, honest by default and dishonest where it is told to be.
 * It calls the handlers as functions through the route table, with a house that is
 * real but for the token (fake_authority.h); of TLS it has what struct tls_peer says.
 */
#pragma once

#include <openssl/x509.h>

#include "protocols/est/est.h"
#include "server/peer.h"
#include "store/credentials.h"
#include "store/enrollments.h"
#include "tests/fake/fake_authority.h"

/*
 * Labels of the house. All have profile "device" (CN, serialNumber, DNS, IP; CA
 * issuing), but for "rooted" (profile "rooted", of CA root).
 *
 *	default   certificate, user, token
 *	manual    the same, an operator approves
 *	both      certificate+user, certificate+token; anchors
 *	open      anonymous
 *	bound     user, channel binding required
 *	maker     certificate, anchors, their own names
 *	wide      certificate, anchors, any names
 *	fleet     certificate, registrars
 *	rooted    certificate
 */
struct est_house {
	struct fake_authority *fake;
	struct est *est;
	struct routes *routes;
	struct op *op; /* arena of what the functions below return */
	EVP_PKEY *maker_key; /* of the manufacturer's CA, whose certificate is the anchor */
	X509 *maker;
};
struct est_house *est_house_new(void);
void est_house_free(struct est_house **house);

/* A user with that password; the rest as given. Password "correct horse" when NULL. */
#define EST_PASSWORD "correct horse"
void est_house_add_user(struct est_house *house, const struct user *user, const char *password);
struct user est_house_user(struct est_house *house, const char *name);
/* A token for these names (JSON) at a label, good for an hour; its text. */
const char *est_house_add_token(struct est_house *house, const char *label, const char *names);
/* Decides the oldest request that waits. */
void est_house_decide(struct est_house *house, bool is_approved, const char *reason);
int64_t est_house_count(struct est_house *house, const char *what); /* rows: "certificate WHERE …" */
/* How many entries of this type the log has. */
int64_t est_house_entries(struct est_house *house, const char *type);

/* What a request asks for; NULL: not. */
struct est_ask {
	const char *cn, *serial, *dns, *dns2, *binding;
	EVP_PKEY *key;          /* NULL: a new one */
	bool is_signature_wrong;
};
struct bytes est_csr(struct est_house *house, const struct est_ask *ask);
#define EST_CSR(house, ...) est_csr((house), &(struct est_ask){ __VA_ARGS__ })

/* A certificate under the manufacturer's CA, DER. */
struct bytes est_maker_leaf(struct est_house *house, const char *cn, const char *serial);

/*
 * A CRL of the manufacturer's, good for `ttl_s`, as DIR/maker.crl, with the certificate (empty: none) on it. A label reads
 * it once est_house_name_crls() has been called for it, before anybody asks there.
 */
void est_house_write_crl(struct est_house *house, struct bytes revoked, int64_t ttl_s, bool is_pem);
void est_house_name_crls(struct est_house *house, const char *label);

struct est_send {
	const char *path;         /* "default/simpleenroll"; NULL: "simpleenroll" */
	struct bytes csr;         /* goes into the body as base64 */
	const char *body;         /* instead */
	const char *user, *password; /* Basic */
	const char *token;        /* Bearer */
	const char *authorization; /* the header as it is */
	const char *second_authorization;
	struct bytes certificate; /* shown by TLS */
	struct bytes unique, exporter;
	bool is_mutual;           /* asked for a certificate; so it was with one, or with a binding */
	const char *content_type; /* "application/pkcs10" when NULL; "" for none */
	const char *extra_header; /* "Name: value" */
	enum http_method method;  /* POST when it is HTTP_GET and there is a body */
};

struct est_answer {
	int status; /* 404 also when no route takes the path */
	const char *body;
	const char *content_type;
	const char *challenges; /* all WWW-Authenticate, one to a line */
	const char *retry_after;
	struct bytes certificate; /* the only one of a certs-only answer */
	unsigned n_certificates;
};
struct est_answer est_send(struct est_house *house, const struct est_send *send);
#define EST_SEND(house, ...) est_send((house), &(struct est_send){ __VA_ARGS__ })
