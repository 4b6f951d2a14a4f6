/*
 * finalize (RFC 8555 section 7.4): a ready order and a CSR become a certificate.
 * Everything that issue() is given comes from the order; of the CSR only the
 * public key, after its names were found to be exactly the order's (A25, V9, V48).
 */
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "ca/authorization.h"
#include "ca/csr.h"
#include "ca/issue.h"
#include "ca/public_key.h"
#include "protocols/acme/objects.h"
#include "protocols/acme/reply.h"

#define BAD_CSR(op, ...) FAIL_CODE((op), ERR_POLICY, ACME_BAD_CSR, __VA_ARGS__)

static result parse_payload(struct op *op, const struct acme_request *request, struct bytes *csr)
{
	AUTO(json_t) *payload = NULL;
	const char *text;

	TRY(acme_request_payload(op, request, &payload));
	TRY(json_need_text(op, payload, "csr", &text));
	if (bytes_from_base64url(op, bytes_of_text(text), csr).err != ERR_NONE)
		return FAIL(op, ERR_MALFORMED, "\"csr\" is not base64url without padding");
	if (csr->n > LIMIT_CSR_BYTES)
		return BAD_CSR(op, "a CSR can have at most %d bytes", LIMIT_CSR_BYTES);
	return OK;
}

static result need_ready(struct op *op, const struct acme_request *request, const struct order *order)
{
	enum order_status status = acme_order_status(order, request->now_s);

	if (status != ORDER_READY)
		return FAIL_CODE(op, ERR_CONFLICT, ACME_ORDER_NOT_READY, "the order is %s, not ready",
				 order_status_name(status));
	return OK;
}

/* Section 11.1 (N7): a key that signs requests must not end up in a certificate. */
static result refuse_account_key(struct op *op, const struct acme_request *request, struct bytes spki)
{
	AUTO(EVP_PKEY) *key = NULL;
	struct jwk jwk;
	bool is_account_key;
	STORE_LEASE(lease);

	TRY(public_key_decode(op, spki, &key));
	if (jwk_of_key(op, key, &jwk).err != ERR_NONE) {
		op_clear_failure(op); /* a kind of key that no account can have */
		return OK;
	}
	TRY(store_read(op, request->authority->store, &lease));
	TRY(account_has_key(op, lease.db, jwk.thumbprint, &is_account_key));
	if (is_account_key)
		return BAD_CSR(op, "the key of the CSR is an account's key; make a key pair for the certificate");
	return OK;
}

static result check_csr(struct op *op, const struct acme_request *request, struct bytes der,
			const struct identifier *identifiers, unsigned n, struct csr *csr)
{
	result r = csr_parse(op, der, &csr_rules_dns, csr);
	if (r.err == ERR_MALFORMED || r.err == ERR_POLICY || r.err == ERR_UNAUTHENTIC)
		return BAD_CSR(op, "%s", op->detail);
	TRY(r);
	if (!identifiers_equal(csr->identifiers, csr->n_identifiers, identifiers, n))
		return BAD_CSR(op, "the names in the CSR are not exactly those of the order");
	return refuse_account_key(op, request, csr->spki);
}

static result find_ended(struct op *op, const struct acme_request *request, const struct order *order,
			 const char **why)
{
	STORE_LEASE(lease);

	*why = NULL;
	TRY(store_read(op, request->authority->store, &lease));
	for (unsigned i = 0; i < order->n_authorizations; i++) {
		struct acme_authorization authorization;
		TRY(authorization_load(op, lease.db, order->authorizations[i], &authorization));
		enum authorization_status status = acme_authorization_status(&authorization, request->now_s);
		if (status != AUTHORIZATION_VALID)
			*why = arena_printf(op->arena, "the authorization of %s is %s; make a new order",
					    authorization.identifier, authorization_status_name(status));
	}
	return OK;
}

struct ending {
	const char *order, *why;
};

static result end_order(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct ending *ending = arg;
	return acme_order_cancel(op, ledger_db(tx), ending->order, ending->why);
}

/* Section 7.1.6, A28: an authorization that was given up or has expired since takes its orders with it. */
static result check_authorizations(struct op *op, const struct acme_request *request, const struct order *order)
{
	struct ending ending = { .order = order->id };

	TRY(find_ended(op, request, order, &ending.why));
	if (ending.why == NULL)
		return OK;
	TRY(ledger_run(op, request->authority->ledger, end_order, &ending));
	return FAIL_CODE(op, ERR_DENIED, ACME_FORBIDDEN, "%s", ending.why);
}

/* The value that issue() demands, made at the end of all checks and of what they proved. */
static result authorize(struct op *op, const struct acme_request *request, const struct order *order,
			const struct identifier *identifiers, unsigned n, const struct csr *csr,
			struct authorization **out)
{
	struct authorization_facts facts = {
		.door = DOOR_ACME,
		.profile = order->profile,
		.identifiers = identifiers,
		.n_identifiers = n,
		.main_name = csr->common_name,
		.requester = arena_printf(op->arena, "account:%s", request->account.id),
		.claim_kind = CLAIM_ACME_ORDER,
		.claim_id = order->id,
		.account = request->account.id,
		.ordered_profile_hash = order->profile_hash,
		.csr_hash = csr->hash,
		.not_before_s = order->not_before_s,
		.not_after_s = order->not_after_s,
	};
	result r = issue_authorize(op, request->authority, &facts, out);
	if (r.err == ERR_POLICY)
		return FAIL_CODE(op, ERR_POLICY, ACME_REJECTED_IDENTIFIER, "%s", op->detail);
	return r;
}

/* All that is ours to prove; what the profile says is the door's to ask. */
static result decide(struct op *op, const struct acme_request *request, const struct order *order,
		     struct identifier **identifiers, unsigned *n, struct csr *csr)
{
	struct bytes der;

	TRY(parse_payload(op, request, &der));
	TRY(need_ready(op, request, order));
	TRY(identifiers_from_json(op, order->identifiers, identifiers, n));
	identifiers_sort(*identifiers, n);
	TRY(check_csr(op, request, der, *identifiers, *n, csr));
	return check_authorizations(op, request, order);
}

/* What was refused before the door is evidence too; what the door refuses it records itself. */
static void record_refusal(struct op *op, const struct acme_request *request, const struct order *order)
{
	struct audit_event event = {
		.type = AUDIT_ISSUANCE_REFUSED,
		.account = request->account.id,
		.door = door_name(DOOR_ACME),
		.order = order->id,
		.profile = order->profile,
		.outcome = arena_text(op->arena, op->detail),
	};
	struct op *aside = op_new(); /* op holds the failure that the client is to see */

	aside->actor = op->actor;
	memcpy(aside->request_id, op->request_id, sizeof aside->request_id);
	if (authority_record(aside, request->authority, &event).err != ERR_NONE)
		log_failure(aside, "audit.refusal");
	op_free(&aside);
}

static result issue_order(struct op *op, const struct acme_request *request, struct authorization *authorization,
			  const struct csr *csr, struct issued *issued)
{
	result r = issue(op, request->authority, authorization, csr->spki, issued);

	if (r.err == ERR_CONFLICT) /* a parallel finalize has the claim (F15) */
		return FAIL_CODE(op, ERR_CONFLICT, ACME_ORDER_NOT_READY, "the order is being finalized by another request");
	if (r.err == ERR_POLICY || r.err == ERR_MALFORMED)
		return BAD_CSR(op, "%s", op->detail);
	return r;
}

result acme_finalize(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	struct order order;
	struct csr csr;
	struct identifier *identifiers;
	unsigned n;
	struct authorization *authorization;
	struct issued issued;

	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(acme_order_open(op, &request, &order));
	result r = decide(op, &request, &order, &identifiers, &n, &csr);
	if (r.err == ERR_POLICY || r.err == ERR_DENIED)
		record_refusal(op, &request, &order);
	TRY(r);
	TRY(authorize(op, &request, &order, identifiers, n, &csr, &authorization));
	TRY(issue_order(op, &request, authorization, &csr, &issued));
	order.status = ORDER_VALID;
	order.serial = issued.serial;
	acme_reply_order(op, &request, 200, &order, reply);
	return OK;
}
