/*
 * What the files of this folder share: the opened protocol, its endpoints,
 * their handlers, and addresses of objects.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "protocols/acme/account_keys.h"
#include "protocols/acme/acme.h"
#include "protocols/acme/nonce.h"
#include "store/cleanup.h"

struct acme_endpoint {
	struct acme *acme;
	const char *name;
};

/* How far a pass of the clean-up has come. The steward's thread alone touches it. */
struct acme_clean_up {
	enum cleanup_kind kind; /* CLEANUP_KINDS: the nonces */
	struct cleanup_place place;
	uint64_t n_ended, n_removed;
	int64_t rest_until_ms;
};

struct acme {
	struct authority *authority;
	struct lane *batch;
	struct acme_nonces *nonces;
	struct account_keys *account_keys;
	struct acme_endpoint *endpoints;
	unsigned n_endpoints;
	struct arena *arena; /* of endpoints and route patterns */

	pthread_mutex_t mutex; /* held while an answer is handed to the lane */
	bool is_stopping;
	struct acme_clean_up clean_up;
	atomic_bool has_more_due; /* the last sweep did not see all that was due */
};

/* NULL: a reload has removed the endpoint. */
const struct config_acme *acme_settings(const struct config *config, const char *name);
/* "https://HOST:8443/acme/NAME", from the configuration and never from a header of the request. */
const char *acme_base(struct op *op, const struct config *config, const char *name);

/* Handlers, by resource (section 7.1). */
call_fast_handler acme_directory_fast, acme_new_nonce_fast;
call_handler acme_directory, acme_new_nonce;
call_handler acme_new_account, acme_account, acme_account_orders;
call_handler acme_new_order, acme_order, acme_finalize;
call_handler acme_authorization, acme_challenge;
call_handler acme_certificate, acme_revoke_certificate;
