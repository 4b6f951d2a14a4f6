/* One row per protocol, and how each is put on the routes. */
#include "protocols/list.h"

#include "protocols/acme/acme.h"
#include "protocols/api/api.h"
#include "protocols/crl/crl.h"
#include "protocols/est/est.h"
#include "protocols/ocsp/ocsp.h"
#include "protocols/scep/scep.h"

static void open_acme(const struct protocol_host *host, struct routes *routes, void **state)
{
	struct acme *acme = acme_new(host->authority, host->batch);
	const struct steward_task validations = { "validations", 1, 1, acme_validation_sweep, acme };
	const struct steward_task nonces = { "nonces", 60, 60, acme_nonce_sweep, acme };
	const struct steward_task clean_up = { "clean-up", 60, 1, acme_clean_up, acme };
	acme_routes_add(acme, routes);
	steward_add(host->steward, &validations);
	steward_add(host->steward, &nonces);
	steward_add(host->steward, &clean_up);
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

static void open_est(const struct protocol_host *host, struct routes *routes, void **state)
{
	struct est *est = est_new(host->authority);
	const struct steward_task clean_up = { "est-clean-up", 60, 600, est_clean_up, est };
	est_routes_add(est, routes);
	steward_add(host->steward, &clean_up);
	*state = est;
}

static void close_est(void *state)
{
	struct est *est = state;
	est_free(&est);
}

static void open_scep(const struct protocol_host *host, struct routes *routes, void **state)
{
	struct scep *scep = scep_new(host->authority, host->wait);
	const struct steward_task ras = { "scep-ra", 60, 60, scep_refresh, scep };
	const struct steward_task notices = { "intune", 5, 5, scep_sweep, scep };
	const struct steward_task clean_up = { "scep-clean-up", 60, 600, scep_clean_up, scep };
	scep_prepare(scep);
	scep_routes_add(scep, routes);
	steward_add(host->steward, &ras);
	steward_add(host->steward, &notices);
	steward_add(host->steward, &clean_up);
	*state = scep;
}

static void stop_scep(void *state)
{
	scep_stop(state);
}

static void close_scep(void *state)
{
	struct scep *scep = state;
	scep_free(&scep);
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
	{ "acme", NULL, open_acme, stop_acme, close_acme },
	{ "est", est_check, open_est, NULL, close_est },
	{ "scep", scep_check, open_scep, stop_scep, close_scep },
	{ "ocsp", NULL, open_ocsp, NULL, NULL },
	{ "crl", NULL, open_crl, NULL, NULL },
	{ "api", NULL, open_api, NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

result protocols_check(struct op *op, const struct config *config)
{
	for (const struct protocol *protocol = protocol_list; protocol->name != NULL; protocol++)
		if (protocol->check != NULL)
			TRY(protocol->check(op, config));
	return OK;
}
