/* What the files of this folder share: the opened protocol, its labels and their handlers. */
#pragma once

#include <pthread.h>

#include "ca/client_certificate.h"
#include "ca/cmc_signers.h"
#include "protocols/est/digest_nonce.h"
#include "protocols/est/est.h"
#include "protocols/est/known_credentials.h"

#define EST_DOOR "est" /* of users, tokens and requests in the store */

struct est_endpoint {
	struct est *est;
	const char *label;
};

/* The trust anchors of one configuration, by label; it stays readable as the configuration does. */
struct est_anchors {
	const struct config *config;
	struct client_anchors **of; /* in the order of config->est; NULL: only certificates of our own */
	unsigned n;
	struct est_anchors *before;
};

/* Refusals that were recorded in this minute: the log must not be a stranger's to fill. */
struct est_refusals {
	int64_t minute;
	unsigned n, n_left_out;
};

struct est {
	struct authority *authority;
	struct est_nonces *nonces;
	struct known_credentials *known;
	struct cmc_signers *cmc_signers;
	struct est_endpoint *endpoints;
	unsigned n_endpoints;
	struct arena *arena; /* of endpoints and route patterns */

	pthread_mutex_t mutex; /* guards the next two; held for a look, or for reading anchors once after a reload */
	struct est_anchors *anchors;
	struct est_refusals refusals;
};

/* NULL in *out: none are named. */
result est_anchors_of(struct op *op, struct est *est, const struct config *config, const struct config_est *settings,
		      const struct client_anchors **out);

/* Handlers, by operation (RFC 7030 section 3.2.2). */
call_handler est_cacerts, est_csrattrs;
call_handler est_simpleenroll, est_simplereenroll, est_serverkeygen, est_fullcmc;
