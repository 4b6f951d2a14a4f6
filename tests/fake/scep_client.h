/*
 * A SCEP client for tests, honest by default and dishonest where it is told to be.
 * It encrypts, decrypts and verifies with OpenSSL's CMS, and calls the handlers as
 * functions through the route table, with a house that is real but for the token.
 */
#pragma once

#include <openssl/x509.h>

#include "base/limits.h"
#include "protocols/scep/message.h"
#include "protocols/scep/scep.h"
#include "store/credentials.h"
#include "tests/fake/fake_authority.h"

/*
 * Endpoints of the house, of CA issuing. Profile "mobile" (CN, DNS, e-mail) but for the last.
 *
 *	default   challenge
 *	static    static: SCEP_HOUSE_STATIC for dns:*.fleet.example
 *	desk      approval
 *	manual    challenge, and an operator approves
 *	old       challenge; 3des, sha1, ber
 *	late      challenge; renewal up to a week after the end
 *	closed    challenge; no renewal, no GetCert, no GetCRL
 *	mixed     challenge, static, approval
 *	other     challenge; profile "other"
 */
#define SCEP_HOUSE_STATIC "one for all of them"
struct scep_house {
	struct fake_authority *fake;
	struct scep *scep;
	struct routes *routes;
	struct op *op; /* arena of what the functions below return */
};
struct scep_house *scep_house_new(void);
void scep_house_free(struct scep_house **house);
/* Another node with the same store and token; to be closed before the house. */
struct scep_node {
	struct fake_node *node;
	struct scep *scep;
	struct routes *routes;
};
struct scep_node *scep_node_open(struct scep_house *house);
void scep_node_close(struct scep_node **node);

/* A one-time challenge for these names (JSON), good for an hour. */
const char *scep_house_challenge(struct scep_house *house, const char *endpoint, const char *names, bool are_patterns);
/* Decides the oldest request that waits. */
void scep_house_decide(struct scep_house *house, bool is_approved, const char *reason);
int64_t scep_house_count(struct scep_house *house, const char *what); /* rows: "certificate WHERE …" */
int64_t scep_house_entries(struct scep_house *house, const char *type); /* of the audit log */
/* Whether the last entry of this type has this text in it. */
bool scep_house_says(struct scep_house *house, const char *type, const char *text);
struct bytes scep_house_ra(struct scep_house *house, const char *endpoint); /* its certificate */

/* RSA-2048, one of four that the process makes once. Borrowed. */
EVP_PKEY *scep_key(unsigned i);

/* What a request asks for; NULL: not. */
struct scep_ask {
	EVP_PKEY *key; /* scep_key(0) when NULL */
	const char *cn, *dns, *challenge;
	bool is_signature_wrong;
};
struct bytes scep_csr(struct scep_house *house, const struct scep_ask *ask);
#define SCEP_CSR(house, ...) scep_csr((house), &(struct scep_ask){ __VA_ARGS__ })
/* IssuerAndSubject of this CSR under the issuing CA; IssuerAndSerialNumber of this certificate. */
struct bytes scep_about(struct scep_house *house, struct bytes csr);
struct bytes scep_named(struct scep_house *house, struct bytes certificate);
/* A certificate that says the same of itself as this one, by another CA. */
struct bytes scep_look_alike(struct op *op, const struct ca *ca, EVP_PKEY *key, struct bytes like);

struct scep_send {
	const char *endpoint;      /* "default" when NULL */
	const char *path;          /* instead of /scep/ENDPOINT */
	struct scep_node *node;    /* to another node */
	int type;                  /* PKCSReq when 0 */
	const char *type_text;     /* instead */
	const char *transaction;   /* "t-1" when NULL; "" for none */
	struct bytes content;      /* what is encrypted: the CSR */
	EVP_PKEY *key;             /* signs; scep_key(0) when NULL */
	struct bytes certificate;  /* of the signer; made by its key when empty */
	struct bytes nonce;        /* sixteen octets when empty */
	bool no_nonce;
	const EVP_CIPHER *cipher;  /* AES-128-CBC when NULL */
	struct bytes recipient;    /* the endpoint's RA when empty */
	struct bytes envelope;     /* instead of what is encrypted */
	const char *digest;        /* SHA-256 when NULL */
	const char *signing_time;  /* "20260101000000Z" */
	bool is_get, is_signature_wrong, is_blank_for_plus;
	size_t flip;               /* the octet so far from the end of the envelope is changed; 0: none */
	struct bytes body;         /* instead of a message */
};

/* The message by itself, and what is in it. */
struct bytes scep_message(struct scep_house *house, const struct scep_send *send);
struct bytes scep_envelope(struct scep_house *house, const struct scep_send *send);

struct scep_seen {
	int status;               /* HTTP's */
	const char *content_type;
	struct bytes body;
	int pki_status, fail_info; /* -1: not there */
	const char *text;          /* failInfoText; NULL: none */
	bool has_content;          /* an eContent */
	const char *cipher;        /* of the envelope, OpenSSL's short name */
	struct bytes certificate;  /* the only one */
	struct bytes crl;
};
/* The answer; a CertRep is verified: RA, transaction, nonces, messageType. */
struct scep_seen scep_send(struct scep_house *house, const struct scep_send *send);
#define SCEP_SEND(house, ...) scep_send((house), &(struct scep_send){ __VA_ARGS__ })

/* Any other call: GET, or POST with a body; `user` for Basic, with EST-like "user:password". */
struct scep_http {
	const char *target; /* with the query */
	const char *body;
	const char *credentials;
	enum listener_kind on; /* ON_HTTP when 0 */
	enum http_method method;
};
struct scep_seen scep_http(struct scep_house *house, const struct scep_http *http);
#define SCEP_HTTP(house, ...) scep_http((house), &(struct scep_http){ __VA_ARGS__ })
