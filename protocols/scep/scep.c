/* The endpoints of SCEP, and their routes. */
#include "protocols/scep/scep.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/secret.h"
#include "base/text.h"
#include "ca/name_pattern.h"
#include "protocols/scep/endpoint.h"
#include "protocols/scep/reply.h"

#define PREPARE_LIMIT_MS 30000 /* keys of 4096 bits for several endpoints take some seconds */
#define STATIC_LEAST 12

struct scep *scep_new(struct authority *authority, struct lane *wait)
{
	const struct config *config = authority_config(authority);
	struct scep *scep = calloc(1, sizeof *scep);
	ASSERT(scep != NULL);
	scep->authority = authority;
	scep->ras = scep_ras_new(authority);
	scep->intune = intune_new(authority, wait);
	scep->next_cas = next_cas_new(authority);
	scep->known = known_credentials_new();
	refusals_init(&scep->refusals);
	scep->arena = arena_new();
	scep->n_endpoints = config->n_scep;
	scep->endpoints = arena_alloc_array(scep->arena, config->n_scep, sizeof *scep->endpoints);
	for (unsigned i = 0; i < config->n_scep; i++)
		scep->endpoints[i] = (struct scep_endpoint){ scep, arena_text(scep->arena, config->scep[i].name) };
	return scep;
}

void scep_stop(struct scep *scep)
{
	intune_stop(scep->intune);
}

void scep_free(struct scep **scep)
{
	struct scep *s = *scep;
	if (s == NULL)
		return;
	scep_ras_free(&s->ras);
	intune_free(&s->intune);
	next_cas_free(&s->next_cas);
	known_credentials_free(&s->known);
	refusals_release(&s->refusals);
	arena_free(&s->arena);
	free(s);
	*scep = NULL;
}

static result check_static(struct op *op, const struct config_scep *settings)
{
	__attribute__((cleanup(secret_free))) struct secret *challenge = NULL;
	const char *pattern;
	for (unsigned i = 0; i < settings->static_names.n; i++)
		TRY(name_pattern_make(op, settings->static_names.items[i], &pattern));
	TRY(secret_read_file(op, settings->static_challenge_file, &challenge));
	if (secret_bytes(challenge).n < STATIC_LEAST)
		return FAIL(op, ERR_POLICY, "the challenge in %s is shorter than %d bytes: anybody may guess as often as he likes",
			    settings->static_challenge_file, STATIC_LEAST);
	return OK;
}

result scep_check(struct op *op, const struct config *config)
{
	for (unsigned i = 0; i < config->n_scep; i++) {
		const struct config_scep *settings = &config->scep[i];
		result r = (settings->ways & SCEP_STATIC) != 0 ? check_static(op, settings) : OK;
		if (r.err == ERR_NONE && settings->intune.tenant != NULL)
			r = intune_check(op, settings);
		if (r.err == ERR_NONE && settings->next_ca != NULL)
			r = next_ca_check(op, settings);
		if (r.err != ERR_NONE)
			return op_explain(op, r, "scep endpoint %s", settings->name);
	}
	return OK;
}

/* Exact paths only (V12): another spelling leads nowhere. */
static const struct {
	const char *below;
	unsigned listeners;
	bool get, post;
	call_handler *handler;
	call_choose_lane *choose_lane;
} addresses[] = {
	{ "", ON_HTTP | ON_TLS, true, true, scep_serve, scep_choose_lane },
	{ "/pkiclient.exe", ON_HTTP | ON_TLS, true, true, scep_serve, scep_choose_lane },
	{ "/challenge", ON_TLS, false, true, scep_make_challenge, NULL },
	/* As NDES has it, and as clients of NDES ask for it. */
	{ "/mscep_admin", ON_TLS, true, false, scep_show_challenge, NULL },
	{ "/mscep_admin/", ON_TLS, true, false, scep_show_challenge, NULL },
	{ "/certsrv/mscep_admin", ON_TLS, true, false, scep_show_challenge, NULL },
	{ "/certsrv/mscep_admin/", ON_TLS, true, false, scep_show_challenge, NULL },
};

void scep_routes_add(struct scep *scep, struct routes *routes)
{
	for (unsigned e = 0; e < scep->n_endpoints; e++) {
		struct scep_endpoint *endpoint = &scep->endpoints[e];
		for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
			const struct route route = {
				.pattern = arena_printf(scep->arena, "/scep/%s%s", endpoint->name, addresses[i].below),
				.listeners = addresses[i].listeners,
				.get = addresses[i].get,
				.post = addresses[i].post,
				.body_limit = LIMIT_BODY_SCEP,
				.lane = LANE_SIGN,
				.choose_lane = addresses[i].choose_lane,
				.handler = addresses[i].handler,
				.fail = scep_fail,
				.endpoint = endpoint,
			};
			routes_add(routes, &route);
		}
	}
}

void scep_prepare(struct scep *scep)
{
	struct op *op = op_new();
	op->deadline_ms = clock_monotonic_ms() + PREPARE_LIMIT_MS;
	if (scep_refresh(op, scep).err != ERR_NONE)
		op_clear_failure(op); /* logged there, and tried again in a minute */
	op_free(&op);
}

result scep_refresh(struct op *op, void *arg)
{
	const struct scep *scep = arg;
	result ras = scep_ras_refresh(op, scep->ras), next = next_cas_refresh(op, scep->next_cas);
	return ras.err != ERR_NONE ? ras : next;
}

result scep_sweep(struct op *op, void *arg)
{
	const struct scep *scep = arg;
	return intune_sweep(op, scep->intune);
}
