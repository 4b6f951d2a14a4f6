/* One row per protocol, and how each is put on the routes. */
#include "protocols/list.h"

#include "protocols/acme/acme.h"
#include "protocols/api/api.h"
#include "protocols/crl/crl.h"
#include "protocols/ocsp/ocsp.h"

static void open_acme(const struct protocol_host *host, struct routes *routes, void **state)
{
	struct acme *acme = acme_new(host->authority, host->batch);
	const struct steward_task validations = { "validations", 1, 1, acme_validation_sweep, acme };
	const struct steward_task expiry = { "acme-expiry", 60, 60, acme_expire_sweep, acme };
	acme_routes_add(acme, routes);
	steward_add(host->steward, &validations);
	steward_add(host->steward, &expiry);
	*state = acme;
}

static void stop_acme(void *state)
{
	acme_stop(state);
}

static void close_acme(void *state)
{
	struct acme *acme = state;
	acme_free(&acme);
}

static void open_ocsp(const struct protocol_host *host, struct routes *routes, void **state)
{
	(void)state;
	ocsp_routes_add(routes, host->authority);
}

static void open_crl(const struct protocol_host *host, struct routes *routes, void **state)
{
	(void)state;
	crl_routes_add(routes, host->authority);
}

static void open_api(const struct protocol_host *host, struct routes *routes, void **state)
{
	(void)state;
	api_routes_add(routes, host->authority);
}

const struct protocol protocol_list[] = {
	{ "acme", open_acme, stop_acme, close_acme },
	{ "ocsp", open_ocsp, NULL, NULL },
	{ "crl", open_crl, NULL, NULL },
	{ "api", open_api, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
