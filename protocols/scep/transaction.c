/*
 * Two transactions of the store for a certificate that nobody has to approve: rows
 * and their entry in the log, and then issue()'s own. The first one decides, alone
 * among all nodes, that a request is new, and spends the challenge.
 */
#include "protocols/scep/transaction.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/certs_only.h"
#include "ca/issue.h"
#include "ca/profile_hash.h"
#include "protocols/scep/consent.h"
#include "protocols/scep/who.h"
#include "store/certificates.h"
#include "store/scep_transactions.h"

struct opening {
	const struct scep_request *request;
	struct bytes der; /* the CSR */
	struct enrollment made; /* as it will be if it is new */
	struct scep_transaction transaction;
	struct audit_event event;
	struct enrollment row; /* as it is */
};

static struct scep_transaction key_of(const struct scep_request *request)
{
	return (struct scep_transaction){ .endpoint = request->settings->name,
					  .transaction_id = request->message.transaction_id,
					  .signer_hash = BYTES_ARRAY(request->signer_hash) };
}

/* Nobody decided in time, or it ended so long ago that the identifier may stand for something new. */
static bool is_over(const struct enrollment *row, int64_t now_s)
{
	if (row->status == ENROLLMENT_ISSUED || row->status == ENROLLMENT_REJECTED)
		return row->changed_s < now_s - LIMIT_SCEP_REPEAT_S;
	return row->status != ENROLLMENT_PROCESSING && row->expires_s <= now_s;
}

static result find(struct op *op, struct db *db, const struct scep_request *request, struct scep_transaction *transaction,
		   struct enrollment *row)
{
	const struct scep_transaction key = key_of(request);
	TRY(scep_transaction_load(op, db, &key, transaction));
	TRY(enrollment_load(op, db, transaction->enrollment_id, row));
	return is_over(row, request->now_s) ? FAIL(op, ERR_NOT_FOUND, "this transaction has ended") : OK;
}

result scep_transaction_find(struct op *op, const struct scep_request *request, struct enrollment *row, struct bytes *subject)
{
	struct scep_transaction transaction;
	STORE_LEASE(lease);
	TRY(store_read(op, request->authority->store, &lease));
	TRY(find(op, lease.db, request, &transaction, row));
	*subject = transaction.subject;
	return OK;
}

/* SP12. After a rejection a client may come again with what was wrong mended. */
static result find_same(struct op *op, struct db *db, struct opening *o, bool *is_found)
{
	struct scep_transaction transaction;
	struct enrollment row;
	*is_found = false;
	result r = find(op, db, o->request, &transaction, &row);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	bool is_same = bytes_equal(transaction.csr_hash, o->made.csr_hash);
	if (!is_same && row.status == ENROLLMENT_REJECTED)
		return OK;
	if (!is_same)
		return FAIL(op, ERR_CONFLICT, "another request has this transaction; begin a new one");
	o->row = row;
	*is_found = true;
	return OK;
}

static result check_room(struct op *op, struct db *db, const struct opening *o)
{
	unsigned waiting, own;
	if (o->made.status != ENROLLMENT_PENDING)
		return OK;
	TRY(enrollment_count_pending(op, db, &o->made, o->request->now_s, &waiting, &own));
	if (waiting >= LIMIT_SCEP_PENDING)
		return FAIL(op, ERR_LIMIT, "%u requests of this endpoint wait for an operator already; try again later", waiting);
	if (own >= LIMIT_SCEP_PENDING_OF_ONE)
		return FAIL(op, ERR_LIMIT, "%u requests of %s wait for an operator already; try again later", own, o->made.requester);
	return OK;
}

/* A parallel repeat may have been here since we looked: only within the transaction it is decided. */
static result open_row(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct opening *o = arg;
	const struct scep_request *request = o->request;
	struct db *db = ledger_db(tx);
	bool is_found;
	TRY(find_same(op, db, o, &is_found));
	if (is_found)
		return OK;
	TRY(check_room(op, db, o));
	if (request->way == SCEP_CHALLENGE)
		TRY(one_time_token_spend(op, db, request->challenge.hash, o->made.id, request->now_s));
	TRY(enrollment_insert(op, db, &o->made));
	TRY(scep_transaction_put(op, db, &o->transaction));
	if (request->way == SCEP_INTUNE)
		TRY(intune_notice_for(op, db, request->settings, o->made.id, request->message.transaction_id, o->der, request->now_s));
	o->row = o->made;
	return ledger_audit(op, tx, &o->event, NULL);
}

/* Sorted by name. */
static void put_facts(struct op *op, const struct scep_request *request, struct audit_fact *facts)
{
	const char *compatibility = scep_compatibility_used(op, request);
	if (request->way == SCEP_CHALLENGE)
		*facts++ = (struct audit_fact){ "challenge",
						arena_printf(op->arena, "%.16s", bytes_to_hex(op->arena, request->challenge.hash)) };
	if (request->certificate.x509 != NULL)
		*facts++ = (struct audit_fact){ "client_certificate",
						bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(request->certificate.hash)) };
	if (compatibility != NULL)
		*facts++ = (struct audit_fact){ "compatibility", compatibility };
	*facts++ = (struct audit_fact){ "label", request->settings->name };
	*facts = (struct audit_fact){ "transaction", request->message.transaction_id };
}

/* A renewal was approved when its first certificate was. */
static bool has_to_wait(const struct scep_request *request)
{
	return request->certificate.x509 == NULL && (request->settings->is_manual || request->way == SCEP_APPROVAL);
}

static void describe_event(struct op *op, const struct scep_request *request, const struct csr *csr, struct opening *o)
{
	o->event = (struct audit_event){ .type = AUDIT_ENROLLMENT_REQUESTED,
					 .door = SCEP_DOOR,
					 .order = o->made.id,
					 .profile = request->profile->name,
					 .profile_hash = o->made.profile_hash,
					 .csr_hash = csr->hash,
					 .names = identifiers_to_names(op, csr->identifiers, csr->n_identifiers),
					 .n_names = csr->n_identifiers,
					 .outcome = o->made.status == ENROLLMENT_PENDING ? "waits for approval" :
											   "approved by configuration" };
	put_facts(op, request, o->event.facts);
}

static void describe(struct op *op, const struct scep_request *request, const struct csr *csr, struct opening *o)
{
	char id[RANDOM_ID_SIZE];
	random_id(id);
	o->made = (struct enrollment){ .id = arena_text(op->arena, id),
				       .door = SCEP_DOOR,
				       .endpoint = request->settings->name,
				       .profile = request->profile->name,
				       .profile_hash = profile_hash(op->arena, request->profile),
				       .requester = request->requester,
				       .csr_hash = csr->hash,
				       .csr = o->der,
				       .names = identifiers_to_json(op, csr->identifiers, csr->n_identifiers),
				       .status = has_to_wait(request) ? ENROLLMENT_PENDING : ENROLLMENT_READY,
				       .created_s = request->now_s,
				       .changed_s = request->now_s,
				       .expires_s = request->now_s + request->settings->request_lifetime_s };
	o->transaction = key_of(request);
	o->transaction.csr_hash = csr->hash;
	o->transaction.subject = csr->subject;
	o->transaction.enrollment_id = o->made.id;
	o->transaction.created_s = request->now_s;
	describe_event(op, request, csr, o);
}

static result authorize(struct op *op, const struct scep_request *request, const struct csr *csr, const struct enrollment *row,
			struct authorization **out)
{
	const struct authorization_facts facts = { .door = DOOR_SCEP,
						   .profile = row->profile,
						   .identifiers = csr->identifiers,
						   .n_identifiers = csr->n_identifiers,
						   .main_name = csr->common_name,
						   .requester = row->requester,
						   .claim_kind = CLAIM_ENROLLMENT,
						   .claim_id = row->id,
						   .ordered_profile_hash = row->profile_hash,
						   .csr_hash = csr->hash };
	return authorization_new(op, authority_config(request->authority), &facts, out);
}

static result look(struct op *op, struct opening *o, bool *is_found)
{
	STORE_LEASE(lease);
	TRY(store_read(op, o->request->authority->store, &lease));
	return find_same(op, lease.db, o, is_found);
}

/* A parallel repeat may have spent the challenge since we looked, and is the same request (S2). */
static result look_again(struct op *op, struct opening *o, bool *is_found)
{
	char *why = arena_text(op->arena, op->detail);
	op_clear_failure(op);
	TRY(look(op, o, is_found));
	return *is_found ? OK : FAIL(op, ERR_DENIED, "%s", why);
}

static result recorded(struct op *op, const struct scep_request *request, const struct csr *csr, result r)
{
	if (r.err == ERR_DENIED || r.err == ERR_POLICY || r.err == ERR_MALFORMED)
		scep_record_refusal(op, request, AUDIT_ISSUANCE_REFUSED, csr);
	return r;
}

static result judge(struct op *op, struct scep_request *request, const struct csr *csr, struct opening *o, bool *is_found)
{
	result r = scep_authenticate(op, request, csr);
	if (r.err == ERR_DENIED)
		r = look_again(op, o, is_found);
	if (r.err == ERR_NONE && !*is_found)
		r = scep_may_ask(op, request, csr);
	return recorded(op, request, csr, r);
}

static result check_wish(struct op *op, const struct scep_request *request, const struct csr *csr, const struct enrollment *made)
{
	struct authorization *authorization;
	TRY(authorize(op, request, csr, made, &authorization));
	return issue_would(op, request->authority, authorization, csr->spki);
}

/* What will be refused at the end anyway is refused before a challenge is spent, or anybody is asked. */
static result make_row(struct op *op, struct scep_request *request, const struct csr *csr, struct opening *o)
{
	bool is_found = false;
	TRY(judge(op, request, csr, o, &is_found));
	if (is_found)
		return OK;
	describe(op, request, csr, o);
	TRY(recorded(op, request, csr, check_wish(op, request, csr, &o->made)));
	TRY(consent_ask(op, request, csr, o->der));
	result r = ledger_run(op, request->authority->ledger, open_row, o);
	if (r.err != ERR_NONE)
		consent_return(op, request, o->der);
	return r;
}

result scep_enrollment_open(struct op *op, struct scep_request *request, const struct csr *csr, struct bytes der,
			    struct enrollment *row)
{
	struct opening opening = { .request = request, .der = der, .made.csr_hash = csr->hash };
	bool is_found;
	TRY(look(op, &opening, &is_found));
	if (!is_found)
		TRY(make_row(op, request, csr, &opening));
	*row = opening.row;
	return OK;
}

static void succeed(struct op *op, struct bytes certificate, struct scep_answer *answer)
{
	*answer = (struct scep_answer){ .status = SCEP_SUCCESS, .content = certs_only(op->arena, &certificate, 1) };
}

static result load_certificate(struct op *op, const struct scep_request *request, const char *serial, struct scep_answer *answer)
{
	struct certificate row;
	STORE_LEASE(lease);
	TRY(store_read(op, request->authority->store, &lease));
	TRY(certificate_load(op, lease.db, serial, &row));
	succeed(op, row.der, answer);
	return OK;
}

static result put_end(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct opening *o = arg;
	return enrollment_move(op, ledger_db(tx), o->row.id, ENROLLMENT_READY, ENROLLMENT_REJECTED, o->request->now_s);
}

/* What the profile or the issuer does not give will not be given tomorrow: the request ends. The failure stays. */
static void end(const struct scep_request *request, const struct enrollment *row)
{
	struct opening opening = { .request = request, .row = *row };
	struct op *aside = op_new();
	if (ledger_run(aside, request->authority->ledger, put_end, &opening).err != ERR_NONE)
		log_failure(aside, "scep.end");
	op_free(&aside);
}

static result make_certificate(struct op *op, const struct scep_request *request, const struct enrollment *row,
			       struct scep_answer *answer)
{
	const struct csr_rules rules = scep_csr_rules(request);
	struct authorization *authorization;
	struct issued issued;
	struct csr csr;
	bool has_consent;
	TRY(csr_parse(op, row->csr, &rules, &csr));
	/* What was approved is what the operator saw, and a profile that was changed since may read more in the same request. */
	if (!text_equal(row->names, identifiers_to_json(op, csr.identifiers, csr.n_identifiers)))
		return FAIL(op, ERR_POLICY, "the profile was changed since this was asked for, and the names with it; make a new request");
	TRY(authorize(op, request, &csr, row, &authorization));
	TRY(consent_renew(op, request, &csr, row, &has_consent));
	if (!has_consent)
		return OK; /* PENDING, as *answer says: the next poll asks again */
	TRY(issue(op, request->authority, authorization, csr.spki, &issued));
	succeed(op, issued.der, answer);
	return OK;
}

result scep_enrollment_finish(struct op *op, const struct scep_request *request, const struct enrollment *row,
			      struct scep_answer *answer)
{
	*answer = (struct scep_answer){ .status = SCEP_PENDING };
	if (row->status == ENROLLMENT_ISSUED)
		return load_certificate(op, request, row->serial, answer);
	if (row->status == ENROLLMENT_REJECTED)
		return FAIL(op, ERR_DENIED, "this request was rejected%s%s", row->reason != NULL ? ": " : "",
			    row->reason != NULL ? row->reason : "");
	if (row->status != ENROLLMENT_READY)
		return OK;
	result r = make_certificate(op, request, row, answer);
	if (r.err == ERR_CONFLICT) { /* a parallel repeat has the claim; the next poll finds what that one makes */
		op_clear_failure(op);
		return OK;
	}
	if (scep_is_refusal(r.err))
		end(request, row);
	return r;
}
