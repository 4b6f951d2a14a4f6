/* The endpoints of ACME and their routes. */
#include "protocols/acme/acme.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "protocols/acme/endpoint.h"
#include "protocols/acme/reply.h"

struct acme *acme_new(struct authority *authority, struct lane *batch)
{
	const struct config *config = authority_config(authority);
	struct acme *acme = calloc(1, sizeof *acme);

	ASSERT(acme != NULL);
	acme->authority = authority;
	acme->batch = batch;
	acme->nonces = acme_nonces_new(authority->store);
	acme->account_keys = account_keys_new();
	acme->arena = arena_new();
	ASSERT(pthread_mutex_init(&acme->mutex, NULL) == 0);
	acme->n_endpoints = config->n_acme;
	acme->endpoints = arena_alloc_array(acme->arena, config->n_acme, sizeof *acme->endpoints);
	for (unsigned i = 0; i < config->n_acme; i++)
		acme->endpoints[i] = (struct acme_endpoint){
			.acme = acme,
			.name = arena_text(acme->arena, config->acme[i].name),
		};
	return acme;
}

void acme_stop(struct acme *acme)
{
	pthread_mutex_lock(&acme->mutex);
	acme->is_stopping = true;
	pthread_mutex_unlock(&acme->mutex);
}

void acme_free(struct acme **acme)
{
	if (*acme == NULL)
		return;
	acme_nonces_free(&(*acme)->nonces);
	account_keys_free(&(*acme)->account_keys);
	arena_free(&(*acme)->arena);
	pthread_mutex_destroy(&(*acme)->mutex);
	free(*acme);
	*acme = NULL;
}

const struct config_acme *acme_settings(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_acme; i++)
		if (text_equal(config->acme[i].name, name))
			return &config->acme[i];
	return NULL;
}

const char *acme_base(struct op *op, const struct config *config, const char *name)
{
	return arena_printf(op->arena, "%s/acme/%s", config_https_base(op->arena, config), name);
}

/*
 * Section 6.3: directory and newNonce take GET, and POST-as-GET as well;
 * everything else takes POST only.
 */
static const struct {
	const char *path;
	bool get;
	enum lane_name lane;
	call_handler *handler;
	call_fast_handler *fast;
} resources[] = {
	{ "directory", true, LANE_READ, acme_directory, acme_directory_fast },
	{ "new-nonce", true, LANE_READ, acme_new_nonce, acme_new_nonce_fast },
	{ "new-account", false, LANE_READ, acme_new_account, NULL },
	{ "new-order", false, LANE_READ, acme_new_order, NULL },
	{ "revoke-cert", false, LANE_SIGN, acme_revoke_certificate, NULL },
	{ "account/{id}", false, LANE_READ, acme_account, NULL },
	{ "account/{id}/orders", false, LANE_READ, acme_account_orders, NULL },
	{ "order/{id}", false, LANE_READ, acme_order, NULL },
	{ "order/{id}/finalize", false, LANE_SIGN, acme_finalize, NULL },
	{ "authz/{id}", false, LANE_READ, acme_authorization, NULL },
	{ "challenge/{id}", false, LANE_READ, acme_challenge, NULL },
	{ "cert/{serial}", false, LANE_READ, acme_certificate, NULL },
};

static void add_resource(struct routes *routes, struct acme_endpoint *endpoint, size_t i, const char *pattern)
{
	struct route route = {
		.pattern = pattern,
		.listeners = ON_HTTPS,
		.get = resources[i].get,
		.head = resources[i].get,
		.post = true,
		.body_limit = LIMIT_BODY_ACME,
		.lane = resources[i].lane,
		.handler = resources[i].handler,
		.fast = resources[i].fast,
		.fail = acme_fail,
		.endpoint = endpoint,
	};
	routes_add(routes, &route);
}

void acme_routes_add(struct acme *acme, struct routes *routes)
{
	for (unsigned e = 0; e < acme->n_endpoints; e++)
		for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++)
			add_resource(routes, &acme->endpoints[e], i,
				     arena_printf(acme->arena, "/acme/%s/%s", acme->endpoints[e].name,
						  resources[i].path));
	if (acme->n_endpoints > 0)
		add_resource(routes, &acme->endpoints[0], 0, "/acme/directory");
}

result acme_nonce_sweep(struct op *op, void *arg)
{
	struct acme *acme = arg;
	return acme_nonces_tend(op, acme->nonces);
}
