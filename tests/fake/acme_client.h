/*
 * An ACME client for tests, honest by default and dishonest where it is told to
 * be. It calls the handlers as functions through the route table, with a house
 * that is real but for token and courier (fake_authority.h, fake_courier.h).
 */
#pragma once

#include <openssl/evp.h>

#include "base/json.h"
#include "protocols/acme/acme.h"
#include "protocols/acme/jwk.h"
#include "tests/fake/fake_authority.h"

#define ACME_TEST_BASE "https://ca.example.internal:8443"
#define ACME_TEST_KEEP_S (30 * 86400)
#define ACME_TEST_TERMS "https://ca.example.internal/terms"

struct acme_house {
	struct fake_authority *fake;
	struct acme *acme;
	struct routes *routes;
	struct lane *batch;
	uint64_t n_answered; /* probes whose result the lane has to record */
};
/*
 * Endpoints "default" (profile tls, names under t.test, five open orders) and
 * "terms" (profile other, terms of service).
 */
struct acme_house *acme_house_new(void);
void acme_house_free(struct acme_house **house);

enum acme_probe_kind { ANSWER_RIGHT, ANSWER_RIGHT_WITH_BLANKS, ANSWER_WRONG, ANSWER_DNS, ANSWER_CONNECTION, ANSWER_LOST };
/* Answers the oldest probe as told and waits until the result is recorded. */
void acme_house_probe(struct acme_house *house, const char *thumbprint, enum acme_probe_kind kind);
void acme_house_sweep(struct acme_house *house);
void acme_house_tend_nonces(struct acme_house *house); /* once a minute in a server */
void acme_house_clean_up(struct acme_house *house); /* a whole pass */
/* Number of rows of a table of the store: "certificate". */
int64_t acme_house_count(struct acme_house *house, const char *table);

struct acme_client {
	struct acme_house *house;
	struct op *op; /* arena of what the functions below return */
	EVP_PKEY *key;
	const char *alg;
	struct jwk jwk;
	const char *endpoint; /* "default" */
	const char *kid;      /* NULL: no account yet */
	json_t *kept;         /* all answers, so that they live as long as the client */
};
/* A key for "ES256", "ES384", "RS256" or "EdDSA". */
struct acme_client *acme_client_new(struct acme_house *house, const char *alg);
void acme_client_free(struct acme_client **client);

/* What to send; zero is an honest POST-as-GET. */
struct acme_send {
	const char *path;         /* "/acme/default/new-order"; without a leading '/': below the client's endpoint */
	const char *payload;      /* JSON text; NULL: POST-as-GET */
	bool is_get;              /* else POST */
	bool with_jwk;            /* "jwk" in place of "kid" */
	const char *alg, *nonce, *url, *kid, *jwk; /* in place of the honest ones */
	const char *extra;        /* further members of the protected header, with a leading comma */
	const char *header;       /* all of the protected header */
	const char *outer_extra;  /* further members of the outer object, with a leading comma */
	const char *body;         /* all of the body */
	const char *content_type; /* "" for none */
	const char *accept;
	EVP_PKEY *signer;         /* signs, but does not show */
	bool is_signature_flipped;
};

struct acme_answer {
	int status;
	const char *problem;  /* "badNonce": what follows urn:ietf:params:acme:error:, or NULL */
	const char *detail;
	const char *location; /* path of the Location header, or NULL */
	const char *body;
	struct reply reply;
	json_t *json;         /* borrowed from the client; NULL: no JSON */
};
struct acme_answer acme_client_send(struct acme_client *client, const struct acme_send *send);
#define ACME_SEND(client, ...) acme_client_send((client), &(struct acme_send){ __VA_ARGS__ })

/* Values of headers; `nth` of those with that name, NULL: none. */
const char *acme_answer_header(const struct acme_answer *answer, const char *name, unsigned nth);
/* A text member, or the i-th text of an array member; NULL: none. */
const char *acme_answer_text(const struct acme_answer *answer, const char *member);
const char *acme_answer_item(const struct acme_answer *answer, const char *member, unsigned i);
/* The part of one of our URLs that is the path. */
const char *acme_path(const char *url);

/* Steps that must go well, or abort. They return paths. */
void acme_client_register(struct acme_client *client);
const char *acme_client_order(struct acme_client *client, const char *name);            /* one name */
const char *acme_client_challenge(struct acme_client *client, const char *order, unsigned i); /* of its i-th name */
void acme_client_make_ready(struct acme_client *client, const char *order);
/* {"csr":…} for a new P-256 key, or the given one. */
const char *acme_client_csr(struct acme_client *client, EVP_PKEY *key, const char *const *names, unsigned n);
EVP_PKEY *acme_test_key(const char *alg);
