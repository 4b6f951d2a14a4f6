/*
 * Two transactions for a certificate that nobody has to approve: the row with its
 * entry in the log, and then issue()'s own. The first one decides, alone among all
 * nodes, that a request is new.
 */
#include "protocols/est/enrollment.h"

#include "base/limits.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/issue.h"
#include "ca/profile_hash.h"
#include "store/certificates.h"

/* Retry-After of a request that waits for an operator: a quarter of its age, so that polls get rarer. */
#define WAIT_LEAST_S 30
#define WAIT_MOST_S 3600
#define WAIT_FOR_SIGNER_S 1 /* another connection has it issued just now */

struct opening {
	const struct est_request *request;
	const struct est_wish *wish;
	struct enrollment made; /* as it will be if it is new */
	struct audit_event event;
	struct enrollment row; /* as it is */
	bool is_new;
};

/* A rejection is remembered for as long as a request would have waited, a certificate for LIMIT_EST_REPEAT_S. */
static result find(struct op *op, struct db *db, struct opening *o, bool *is_found)
{
	const struct est_request *request = o->request;
	int64_t now_s = request->now_s;
	struct enrollment found;
	result r = enrollment_find(op, db, &o->made, now_s, now_s - request->settings->request_lifetime_s, &found);
	*is_found = false;
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	bool is_over = found.status == ENROLLMENT_ISSUED &&
		       (o->wish->is_answered_once || found.changed_s < now_s - LIMIT_EST_REPEAT_S);
	if (is_over)
		return OK;
	o->row = found;
	*is_found = true;
	return OK;
}

/* Where nobody says who he is, all are one requester, and share what the label has. */
static result check_room(struct op *op, struct db *db, const struct opening *o)
{
	unsigned waiting, own;
	if (o->made.status != ENROLLMENT_PENDING)
		return OK;
	TRY(enrollment_count_pending(op, db, &o->made, o->request->now_s, &waiting, &own));
	if (waiting >= LIMIT_EST_PENDING)
		return FAIL(op, ERR_LIMIT, "%u requests of this label wait for an operator already; try again later", waiting);
	if (own >= LIMIT_EST_PENDING_OF_ONE && o->request->way != EST_ANONYMOUS)
		return FAIL(op, ERR_LIMIT, "%u requests of %s wait for an operator already; try again later", own,
			    o->made.requester);
	return OK;
}

/* A parallel repeat may have been here since we looked: only within the transaction it is decided. */
static result open_row(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct opening *o = arg;
	struct db *db = ledger_db(tx);
	const struct one_time_token *token = &o->request->token;
	bool is_found;
	o->is_new = false;
	TRY(find(op, db, o, &is_found));
	if (is_found)
		return OK;
	TRY(check_room(op, db, o));
	if (token->hash.n > 0)
		TRY(one_time_token_spend(op, db, token->hash, o->made.id, o->request->now_s));
	TRY(enrollment_insert(op, db, &o->made));
	o->row = o->made;
	o->is_new = true;
	return ledger_audit(op, tx, &o->event, NULL);
}

/* Sorted by name. */
static void put_facts(struct op *op, const struct est_request *request, const struct est_wish *wish, struct audit_fact *facts)
{
	if (request->certificate.x509 != NULL) {
		const char *hash = bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(request->certificate.hash));
		*facts++ = (struct audit_fact){ "client_certificate", hash };
	}
	if (wish->is_answered_once)
		*facts++ = (struct audit_fact){ "key_made", "by the server" };
	*facts = (struct audit_fact){ "label", request->settings->label };
}

static void describe(struct op *op, const struct est_request *request, const struct est_wish *wish, struct opening *o)
{
	const struct csr *csr = wish->csr;
	const char *hash = profile_hash(op->arena, request->profile);
	char id[RANDOM_ID_SIZE];
	random_id(id);
	*o = (struct opening){
		.request = request,
		.wish = wish,
		.made = { .id = arena_text(op->arena, id),
			  .door = EST_DOOR,
			  .endpoint = request->settings->label,
			  .profile = request->profile->name,
			  .profile_hash = hash,
			  .requester = request->requester,
			  .csr_hash = BYTES_ARRAY(wish->key),
			  .csr = wish->der,
			  .names = identifiers_to_json(op, csr->identifiers, csr->n_identifiers),
			  .status = request->settings->is_manual ? ENROLLMENT_PENDING : ENROLLMENT_READY,
			  .created_s = request->now_s,
			  .changed_s = request->now_s,
			  .expires_s = request->now_s + request->settings->request_lifetime_s },
		.event = { .type = AUDIT_ENROLLMENT_REQUESTED,
			   .door = EST_DOOR,
			   .profile = request->profile->name,
			   .profile_hash = hash,
			   .csr_hash = csr->hash,
			   .names = identifiers_to_names(op, csr->identifiers, csr->n_identifiers),
			   .n_names = csr->n_identifiers,
			   .outcome = request->settings->is_manual ? "waits for approval" : "approved by configuration" },
	};
	o->event.order = o->made.id;
	put_facts(op, request, wish, o->event.facts);
}

static result authorize(struct op *op, const struct est_request *request, const struct est_wish *wish,
			const struct enrollment *row, struct authorization **out)
{
	const struct authorization_facts facts = { .door = DOOR_EST,
						   .profile = row->profile,
						   .identifiers = wish->csr->identifiers,
						   .n_identifiers = wish->csr->n_identifiers,
						   .main_name = wish->csr->common_name,
						   .requester = row->requester,
						   .claim_kind = CLAIM_ENROLLMENT,
						   .claim_id = row->id,
						   .ordered_profile_hash = row->profile_hash,
						   .csr_hash = wish->csr->hash };
	return authorization_new(op, authority_config(request->authority), &facts, out);
}

static result check_key_type(struct op *op, const struct est_request *request, const struct csr *csr)
{
	const struct config_profile *profile = request->profile;
	for (unsigned i = 0; i < profile->n_key_types; i++)
		if (profile->key_types[i] == csr->key_type)
			return OK;
	return FAIL(op, ERR_POLICY, "profile %s takes no %s keys; csrattrs of this label asks for %s", profile->name,
		    key_type_name(csr->key_type), key_type_name(profile->key_types[0]));
}

static result check_wish(struct op *op, const struct opening *o)
{
	const struct est_request *request = o->request;
	struct authorization *authorization;
	if (!o->wish->is_answered_once) /* else the key is one of ours to be */
		TRY(check_key_type(op, request, o->wish->csr));
	TRY(authorize(op, request, o->wish, &o->made, &authorization));
	return issue_would(op, request->authority, authorization, o->wish->csr->spki);
}

static result recorded(struct op *op, const struct opening *o, result r)
{
	if (r.err == ERR_POLICY || r.err == ERR_MALFORMED)
		est_record_refusal(op, o->request, AUDIT_ISSUANCE_REFUSED, o->wish->csr);
	return r;
}

/* What will be refused at the end anyway is refused before a token is spent or an operator is asked. */
static result make_row(struct op *op, struct opening *o)
{
	const struct est_request *request = o->request;
	if (request->token.used_s != 0)
		return FAIL(op, ERR_DENIED, "that token was used");
	TRY(recorded(op, o, check_wish(op, o)));
	result r = ledger_run(op, request->authority->ledger, open_row, o);
	if (r.err == ERR_CONFLICT)
		return FAIL(op, ERR_DENIED, "that token was used");
	return r;
}

/*
 * The token that was shown has to be the one that this row was made with, beyond the beginning of its hash. What was
 * approved is what the operator saw, and a profile that was changed since may read more in the same request.
 */
static result check_row(struct op *op, const struct opening *o)
{
	const struct enrollment *row = &o->row;
	const struct one_time_token *token = &o->request->token;
	if (!o->is_new && token->used_s != 0 && !text_equal(token->used_for, row->id))
		return FAIL(op, ERR_DENIED, "that token was used");
	if (row->status == ENROLLMENT_READY && !text_equal(row->names, o->made.names))
		return FAIL(op, ERR_DENIED, "the profile was changed since this was approved, and the names with it; make a new request");
	if (row->status == ENROLLMENT_REJECTED)
		return FAIL(op, ERR_DENIED, "this request was rejected%s%s", row->reason != NULL ? ": " : "",
			    row->reason != NULL ? row->reason : "");
	return OK;
}

result est_enrollment_open(struct op *op, const struct est_request *request, const struct est_wish *wish,
			   struct enrollment *out)
{
	struct opening opening;
	bool is_found;
	describe(op, request, wish, &opening);
	{
		STORE_LEASE(lease);
		TRY(store_read(op, request->authority->store, &lease));
		TRY(find(op, lease.db, &opening, &is_found));
	}
	if (!is_found)
		TRY(make_row(op, &opening));
	TRY(check_row(op, &opening));
	*out = opening.row;
	return OK;
}

static result load_certificate(struct op *op, const struct est_request *request, const char *serial, struct bytes *out)
{
	struct certificate row;
	STORE_LEASE(lease);
	TRY(store_read(op, request->authority->store, &lease));
	TRY(certificate_load(op, lease.db, serial, &row));
	*out = row.der;
	return OK;
}

static int64_t time_to_wait(const struct est_request *request, const struct enrollment *row)
{
	int64_t quarter_s = (request->now_s - row->created_s) / 4;
	if (row->status != ENROLLMENT_PENDING)
		return WAIT_FOR_SIGNER_S;
	return quarter_s < WAIT_LEAST_S ? WAIT_LEAST_S : quarter_s > WAIT_MOST_S ? WAIT_MOST_S : quarter_s;
}

result est_enrollment_finish(struct op *op, const struct est_request *request, const struct est_wish *wish,
			     const struct enrollment *row, struct bytes spki, struct bytes *out, int64_t *wait_s)
{
	struct authorization *authorization;
	struct issued issued;
	*out = BYTES_NONE;
	*wait_s = time_to_wait(request, row);
	if (row->status == ENROLLMENT_ISSUED)
		return load_certificate(op, request, row->serial, out);
	if (row->status != ENROLLMENT_READY)
		return OK;
	TRY(authorize(op, request, wish, row, &authorization));
	result r = issue(op, request->authority, authorization, spki, &issued);
	if (r.err == ERR_CONFLICT) { /* a parallel repeat has the claim; it will find what that one makes */
		op_clear_failure(op);
		*wait_s = WAIT_FOR_SIGNER_S;
		return OK;
	}
	TRY(r);
	*out = issued.der;
	return OK;
}
