/* The beginning of each request, and the record of those that are refused. */
#include "protocols/est/request.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "protocols/est/reply.h"

result est_request_open(struct op *op, const struct call *call, const char *content_type, struct est_request *out)
{
	const struct est_endpoint *endpoint = call->endpoint;
	struct authority *a = endpoint->est->authority;
	const struct config *config = authority_config(a);
	const struct config_est *settings = config_est(config, endpoint->label);
	if (settings == NULL)
		return FAIL(op, ERR_NOT_FOUND, "there is no label %s any more", endpoint->label);
	if (content_type != NULL && !call_has_content_type(call, content_type))
		return FAIL_CODE(op, ERR_MALFORMED, 415, "the Content-Type has to be %s", content_type);
	*out = (struct est_request){ .est = endpoint->est,
				     .authority = a,
				     .call = call,
				     .config = config,
				     .settings = settings,
				     .profile = config_profile(config, settings->profile),
				     .now_s = clock_now_s() };
	ASSERT(out->profile != NULL); /* config_check saw to it */
	op->actor.kind = ACTOR_CLIENT;
	return OK;
}

void est_request_release(struct est_request *request)
{
	client_certificate_release(&request->certificate);
}

/* *n_before: refusals that were left out since the last one that was recorded. */
static bool may_record(struct est *est, int64_t now_s, unsigned *n_before)
{
	struct est_refusals *refusals = &est->refusals;
	pthread_mutex_lock(&est->mutex);
	if (refusals->minute != now_s / 60) {
		refusals->minute = now_s / 60;
		refusals->n = 0;
	}
	bool may = refusals->n < LIMIT_EST_REFUSALS;
	*n_before = may ? refusals->n_left_out : 0;
	if (may) {
		refusals->n++;
		refusals->n_left_out = 0;
	} else {
		refusals->n_left_out++;
	}
	pthread_mutex_unlock(&est->mutex);
	return may;
}

void est_record_refusal(struct op *op, const struct est_request *request, enum audit_type type, const struct csr *csr)
{
	unsigned n_before;
	if (!may_record(request->est, request->now_s, &n_before))
		return;
	struct op *aside = op_new(); /* op holds the failure that the client is to see */
	struct audit_event event = { .type = type,
				     .door = EST_DOOR,
				     .profile = request->profile->name,
				     .outcome = op->detail,
				     .facts = { { "label", request->settings->label } } };
	aside->actor = op->actor;
	memcpy(aside->request_id, op->request_id, sizeof aside->request_id);
	if (csr != NULL) {
		event.csr_hash = csr->hash;
		event.names = identifiers_to_names(aside, csr->identifiers, csr->n_identifiers);
		event.n_names = csr->n_identifiers;
	}
	if (n_before > 0)
		event.facts[1] = (struct audit_fact){ "unrecorded", arena_printf(aside->arena, "%u", n_before) };
	if (authority_record(aside, request->authority, &event).err != ERR_NONE)
		log_failure(aside, "audit.refusal");
	op_free(&aside);
}
