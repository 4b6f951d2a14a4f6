/* The beginning of each request, and the record of those that are refused. */
#include "protocols/est/request.h"

#include "base/clock.h"
#include "base/limits.h"
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
	if (request->est != NULL)
		est_anchors_unpin(request->est, &request->anchors);
}

void est_record_refusal(struct op *op, const struct est_request *request, enum audit_type type, const struct csr *csr)
{
	struct audit_event event = { .type = type,
				     .door = EST_DOOR,
				     .profile = request->profile->name,
				     .facts = { { "label", request->settings->label } } };
	if (csr != NULL) {
		event.csr_hash = csr->hash;
		event.names = identifiers_to_names(op, csr->identifiers, csr->n_identifiers);
		event.n_names = csr->n_identifiers;
	}
	refusals_record(op, &request->est->refusals, request->authority, LIMIT_EST_REFUSALS, request->now_s, &event);
}
