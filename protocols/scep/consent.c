/* A yes is never kept: what was asked in this call is in the request, and nowhere else. */
#include "protocols/scep/consent.h"

#include "base/log.h"
#include "base/text.h"

static result recorded(struct op *op, const struct scep_request *request, const struct csr *csr, result r)
{
	if (r.err == ERR_DENIED)
		scep_record_refusal(op, request, AUDIT_AUTHENTICATION_REFUSED, csr);
	return r;
}

static result ask(struct op *op, const struct scep_request *request, struct bytes der)
{
	return intune_validate(op, request->scep->intune, request->settings, request->message.transaction_id, der);
}

result consent_ask(struct op *op, struct scep_request *request, const struct csr *csr, struct bytes der)
{
	if (request->way != SCEP_INTUNE)
		return OK;
	result r = ask(op, request, der);
	if (r.err == ERR_BACKEND)
		r = FAIL(op, ERR_DENIED, "%s", arena_text(op->arena, op->detail));
	request->has_consent = r.err == ERR_NONE;
	return recorded(op, request, csr, r);
}

/* Renewals are asked for as the settings of now say, like one that is made anew. */
static bool needs_consent(const struct scep_request *request, const struct enrollment *row)
{
	bool is_renewal = text_has_prefix(row->requester, "certificate:");
	return text_has_prefix(row->requester, SCEP_INTUNE_REQUESTER ":") ||
	       (is_renewal && (request->settings->ways & SCEP_INTUNE) != 0);
}

static result ask_again(struct op *op, const struct scep_request *request, struct bytes der)
{
	if ((request->settings->ways & SCEP_INTUNE) == 0)
		return FAIL(op, ERR_DENIED, "challenges of Intune are not good here any more; make a new request");
	return ask(op, request, der);
}

result consent_renew(struct op *op, const struct scep_request *request, const struct csr *csr, const struct enrollment *row,
		     bool *is_given)
{
	*is_given = true;
	if (request->has_consent || !needs_consent(request, row))
		return OK;
	result r = ask_again(op, request, row->csr);
	if (r.err != ERR_BACKEND)
		return recorded(op, request, csr, r);
	IGNORE(op_explain(op, r, "endpoint %s", request->settings->name)); /* goes into the log */
	log_failure(op, "intune.unreachable");
	op_clear_failure(op);
	*is_given = false;
	return OK;
}

struct returning {
	const struct scep_request *request;
	struct bytes der;
	const char *why;
};

static result put_refusal(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct returning *returning = arg;
	const struct scep_request *request = returning->request;
	return intune_notice_refused(op, ledger_db(tx), request->settings, INTUNE_REFUSED_FAILED, returning->why,
				     request->message.transaction_id, returning->der, request->now_s);
}

void consent_return(struct op *op, const struct scep_request *request, struct bytes der)
{
	struct returning returning = { request, der, op->detail };
	if (request->way != SCEP_INTUNE)
		return;
	struct op *aside = op_new();
	arena_wipe_when_freed(aside->arena);
	if (ledger_run(aside, request->authority->ledger, put_refusal, &returning).err != ERR_NONE)
		log_failure(aside, "scep.intune");
	op_free(&aside);
}
