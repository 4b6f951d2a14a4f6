/* What the files of this folder share: the opened protocol, its labels and their handlers. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "ca/client_certificate.h"
#include "ca/cmc_signers.h"
#include "protocols/est/digest_nonce.h"
#include "protocols/est/est.h"
#include "protocols/shared/known_credentials.h"
#include "protocols/shared/refusals.h"

#define EST_DOOR "est" /* of users, tokens and requests in the store */

struct est_endpoint {
	struct est *est;
	const char *label;
};

/* The trust anchors of one configuration, by label; freed when the last one who uses them has gone. */
struct est_anchors {
	const struct config *config;
	struct client_anchors **of; /* in the order of config->est; NULL: only certificates of our own */
	unsigned n;
	unsigned n_users; /* one of them is struct est, until there is a newer configuration */
};

struct est {
	struct authority *authority;
	struct est_nonces *nonces;
	struct known_credentials *known;
	struct cmc_signers *cmc_signers;
	struct est_endpoint *endpoints;
	unsigned n_endpoints;
	struct arena *arena; /* of endpoints and route patterns */

	pthread_mutex_t mutex; /* guards the next one; held for a look, or for reading anchors once after a reload */
	struct est_anchors *anchors; /* of the newest configuration that was asked for; NULL: of none yet */
	struct refusals refusals;
	atomic_uint keys_in_making; /* by serverkeygen, now */
};

/*
 * Those of the configuration, read at the first call after it was loaded. ERR_BACKEND: the files were good then, and
 * are no more.
 */
result est_anchors_pin(struct op *op, struct est *est, const struct config *config, struct est_anchors **out);
void est_anchors_unpin(struct est *est, struct est_anchors **anchors); /* does nothing when *anchors is NULL */

/* Handlers, by operation (RFC 7030 section 3.2.2). */
call_handler est_cacerts, est_csrattrs;
call_handler est_simpleenroll, est_simplereenroll, est_serverkeygen, est_fullcmc;
