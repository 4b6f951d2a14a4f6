/* The beginning of each request, and the record of those that are refused. */
#include "protocols/scep/request.h"

#include "base/clock.h"
#include "base/limits.h"

result scep_request_open(struct op *op, const struct call *call, struct scep_request *out)
{
	const struct scep_endpoint *endpoint = call->endpoint;
	struct authority *a = endpoint->scep->authority;
	const struct config *config = authority_config(a);
	const struct config_scep *settings = config_scep(config, endpoint->name);
	if (settings == NULL)
		return FAIL(op, ERR_NOT_FOUND, "there is no SCEP endpoint %s any more", endpoint->name);
	*out = (struct scep_request){ .scep = endpoint->scep,
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

void scep_request_release(struct scep_request *request)
{
	client_certificate_release(&request->certificate);
	scep_ra_unpin(&request->ra);
}

result scep_find_ca(struct op *op, const struct scep_request *request, const struct ca **out)
{
	*out = hierarchy_find(request->authority->hierarchy, request->profile->ca);
	return *out != NULL ? OK : FAIL(op, ERR_BUSY, "the CA %s of this endpoint is not there yet", request->profile->ca);
}

struct csr_rules scep_csr_rules(const struct scep_request *request)
{
	struct csr_rules rules = csr_rules_of(request->profile);
	rules.takes_sha1 = (request->settings->compatibility & SCEP_ACCEPTS_SHA1) != 0;
	return rules;
}

const char *scep_compatibility_used(struct op *op, const struct scep_request *request)
{
	const struct {
		bool is_used;
		const char *word;
	} words[] = {
		{ request->content.n > 0 && request->cipher == CIPHER_3DES, "3des" },
		{ request->content.n > 0 && request->cipher == CIPHER_DES, "des" },
		{ request->message.signed_data.is_sha1 || request->has_sha1_csr, "sha1" },
		{ request->message.is_ber || request->has_ber_envelope, "ber" },
	};
	const char *used = NULL;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (words[i].is_used)
			used = used == NULL ? words[i].word : arena_printf(op->arena, "%s %s", used, words[i].word);
	return used;
}

void scep_record_refusal(struct op *op, const struct scep_request *request, enum audit_type type, const struct csr *csr)
{
	struct audit_event event = { .type = type, .door = SCEP_DOOR, .profile = request->profile->name };
	struct audit_fact *fact = event.facts;
	const char *compatibility = scep_compatibility_used(op, request);
	if (compatibility != NULL)
		*fact++ = (struct audit_fact){ "compatibility", compatibility };
	*fact++ = (struct audit_fact){ "label", request->settings->name };
	if (request->message.transaction_id != NULL)
		*fact = (struct audit_fact){ "transaction", request->message.transaction_id };
	if (csr != NULL) {
		event.csr_hash = csr->hash;
		event.names = identifiers_to_names(op, csr->identifiers, csr->n_identifiers);
		event.n_names = csr->n_identifiers;
	}
	refusals_record(op, &request->scep->refusals, request->authority, LIMIT_SCEP_REFUSALS, request->now_s, &event);
}
