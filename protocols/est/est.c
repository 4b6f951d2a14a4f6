/* The labels of EST, their routes, and the trust anchors that each has. */
#include "protocols/est/est.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/text.h"
#include "protocols/est/endpoint.h"
#include "protocols/est/reply.h"

struct est *est_new(struct authority *authority)
{
	const struct config *config = authority_config(authority);
	struct est *est = calloc(1, sizeof *est);
	ASSERT(est != NULL);
	est->authority = authority;
	est->nonces = est_nonces_new(authority);
	est->known = known_credentials_new();
	est->cmc_signers = cmc_signers_new(authority);
	est->arena = arena_new();
	ASSERT(pthread_mutex_init(&est->mutex, NULL) == 0);
	refusals_init(&est->refusals);
	est->n_endpoints = config->n_est;
	est->endpoints = arena_alloc_array(est->arena, config->n_est, sizeof *est->endpoints);
	for (unsigned i = 0; i < config->n_est; i++)
		est->endpoints[i] = (struct est_endpoint){ est, arena_text(est->arena, config->est[i].label) };
	return est;
}

static void free_anchors(struct est_anchors **anchors)
{
	for (unsigned i = 0; i < (*anchors)->n; i++)
		client_anchors_free(&(*anchors)->of[i]);
	free((*anchors)->of);
	free(*anchors);
	*anchors = NULL;
}

/* The caller has the mutex, or is alone. */
static void let_go(struct est_anchors **anchors)
{
	if (*anchors != NULL && --(*anchors)->n_users == 0)
		free_anchors(anchors);
	*anchors = NULL;
}

void est_free(struct est **est)
{
	struct est *e = *est;
	if (e == NULL)
		return;
	let_go(&e->anchors);
	est_nonces_free(&e->nonces);
	known_credentials_free(&e->known);
	cmc_signers_free(&e->cmc_signers);
	arena_free(&e->arena);
	pthread_mutex_destroy(&e->mutex);
	refusals_release(&e->refusals);
	free(e);
	*est = NULL;
}

static result load_anchors(struct op *op, const struct config *config, struct est_anchors **out)
{
	struct est_anchors *anchors = calloc(1, sizeof *anchors);
	ASSERT(anchors != NULL);
	anchors->config = config;
	anchors->n = config->n_est;
	anchors->of = calloc(config->n_est > 0 ? config->n_est : 1, sizeof(struct client_anchors *));
	ASSERT(anchors->of != NULL);
	for (unsigned i = 0; i < config->n_est; i++) {
		const struct config_est *label = &config->est[i];
		if (label->anchors.n == 0)
			continue;
		result r = client_anchors_load(op, &label->anchors, &label->anchor_crls, &anchors->of[i]);
		if (r.err != ERR_NONE) {
			free_anchors(&anchors);
			return op_explain(op, r, "est label %s", label->label);
		}
	}
	*out = anchors;
	return OK;
}

result est_check(struct op *op, const struct config *config)
{
	struct est_anchors *anchors;
	TRY(load_anchors(op, config, &anchors));
	free_anchors(&anchors);
	return OK;
}

/* What a client is told by a status is about its request, and not about files of ours: ERR_BACKEND. */
static result renew_anchors(struct op *op, struct est *est, const struct config *config)
{
	struct est_anchors *anchors;
	if (est->anchors != NULL && est->anchors->config == config)
		return OK;
	result r = load_anchors(op, config, &anchors);
	if (r.err != ERR_NONE)
		return FAIL(op, ERR_BACKEND, "%s", arena_text(op->arena, op->detail));
	let_go(&est->anchors);
	est->anchors = anchors;
	anchors->n_users = 1;
	return OK;
}

result est_anchors_pin(struct op *op, struct est *est, const struct config *config, struct est_anchors **out)
{
	pthread_mutex_lock(&est->mutex);
	result r = renew_anchors(op, est, config);
	if (r.err == ERR_NONE) {
		est->anchors->n_users++;
		*out = est->anchors;
	}
	pthread_mutex_unlock(&est->mutex);
	return r;
}

void est_anchors_unpin(struct est *est, struct est_anchors **anchors)
{
	if (*anchors == NULL)
		return;
	pthread_mutex_lock(&est->mutex);
	let_go(anchors);
	pthread_mutex_unlock(&est->mutex);
}

/* RFC 7030 section 3.2.2. Exact paths only (V12): another spelling leads nowhere. */
static const struct {
	const char *path;
	bool is_post;
	enum lane_name lane;
	call_handler *handler;
} operations[] = {
	{ "cacerts", false, LANE_READ, est_cacerts },
	{ "csrattrs", false, LANE_READ, est_csrattrs },
	{ "simpleenroll", true, LANE_SIGN, est_simpleenroll },
	{ "simplereenroll", true, LANE_SIGN, est_simplereenroll },
	{ "serverkeygen", true, LANE_SIGN, est_serverkeygen },
	{ "fullcmc", true, LANE_SIGN, est_fullcmc },
};

static void add_operation(struct routes *routes, struct est_endpoint *endpoint, size_t i, const char *pattern)
{
	const struct route route = {
		.pattern = pattern,
		.listeners = ON_TLS,
		.get = !operations[i].is_post,
		.head = !operations[i].is_post,
		.post = operations[i].is_post,
		.body_limit = LIMIT_BODY_EST,
		.lane = operations[i].lane,
		.handler = operations[i].handler,
		.fail = est_fail,
		.endpoint = endpoint,
	};
	routes_add(routes, &route);
}

void est_routes_add(struct est *est, struct routes *routes)
{
	for (unsigned e = 0; e < est->n_endpoints; e++)
		for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
			struct est_endpoint *endpoint = &est->endpoints[e];
			const char *path = operations[i].path;
			add_operation(routes, endpoint, i,
				      arena_printf(est->arena, "/.well-known/est/%s/%s", endpoint->label, path));
			if (text_equal(endpoint->label, "default"))
				add_operation(routes, endpoint, i, arena_printf(est->arena, "/.well-known/est/%s", path));
		}
}
