/* RFC 8555 section 8: probes sent, results recorded, tries repeated. */
#include "protocols/acme/validation.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "protocols/acme/objects.h"
#include "protocols/acme/verdict.h"

#define SWEEP_AT_ONCE 256 /* well below what the courier keeps open at once */

/* One probe under way. Its op is nobody's request: it lives until the result is recorded. */
struct validation {
	struct acme *acme;
	struct op *op;
	struct challenge challenge;
	struct probe_reply reply;
	bool has_reply;
};

static void validation_free(struct validation *validation)
{
	op_free(&validation->op);
	free(validation);
}

static void copy_challenge(struct arena *arena, const struct challenge *from, struct challenge *to)
{
	*to = *from;
	to->id = arena_text(arena, from->id);
	to->authorization = arena_text(arena, from->authorization);
	to->account = arena_text(arena, from->account);
	to->type = arena_text(arena, from->type);
	to->token = arena_text(arena, from->token);
	to->thumbprint = arena_text(arena, from->thumbprint);
	to->error = arena_text(arena, from->error);
	to->identifier = arena_text(arena, from->identifier);
}

static void copy_reply(struct arena *arena, const struct probe_reply *from, struct probe_reply *to)
{
	*to = *from;
	to->detail = arena_text(arena, from->detail);
	to->body = arena_bytes(arena, from->body);
	to->evidence = arena_text(arena, from->evidence);
}

struct record {
	struct validation *validation;
	struct verdict verdict;
	const char *error; /* problem document */
	int64_t now_s;
	int64_t valid_until_s;
	unsigned attempts_allowed;
	const char *outcome; /* for our log: what became of it */
};

/* Section 7.1.6 (A17): an order is ready when all its authorizations are valid. */
static result make_orders_ready(struct op *op, struct db *db, const char *authorization)
{
	const char **ids;
	unsigned n;

	TRY(order_list_by_authorization(op, db, authorization, &ids, &n));
	for (unsigned i = 0; i < n; i++) {
		struct order order;
		TRY(order_load(op, db, ids[i], &order));
		bool is_ready = order.status == ORDER_PENDING;
		for (unsigned j = 0; j < order.n_authorizations && is_ready; j++) {
			struct acme_authorization part;
			TRY(authorization_load(op, db, order.authorizations[j], &part));
			is_ready = part.status == AUTHORIZATION_VALID;
		}
		if (is_ready)
			TRY(order_move(op, db, order.id, ORDER_PENDING, ORDER_READY));
	}
	return OK;
}

static result write_passed(struct op *op, struct db *db, const struct record *record)
{
	const struct challenge *challenge = &record->validation->challenge;

	TRY(challenge_finish(op, db, challenge->id, CHALLENGE_VALID, record->now_s, NULL));
	TRY(authorization_move(op, db, challenge->authorization, AUTHORIZATION_PENDING, AUTHORIZATION_VALID,
			       record->valid_until_s));
	return make_orders_ready(op, db, challenge->authorization);
}

static result write_failed(struct op *op, struct db *db, const struct record *record)
{
	const struct challenge *challenge = &record->validation->challenge;

	TRY(challenge_finish(op, db, challenge->id, CHALLENGE_INVALID, record->now_s, record->error));
	TRY(authorization_move(op, db, challenge->authorization, AUTHORIZATION_PENDING, AUTHORIZATION_INVALID, 0));
	return acme_orders_fail(op, db, challenge->authorization, record->error);
}

static result audit_result(struct op *op, struct ledger_tx *tx, const struct record *record)
{
	const struct challenge *challenge = &record->validation->challenge;
	const char *name = arena_printf(op->arena, "dns:%s", challenge->identifier);
	struct audit_event event = {
		.type = record->verdict.has_passed ? AUDIT_VALIDATION_PASSED : AUDIT_VALIDATION_FAILED,
		.account = challenge->account,
		.authorization = challenge->authorization,
		.door = door_name(DOOR_ACME),
		.names = &name,
		.n_names = 1,
		.outcome = record->verdict.has_passed ? "passed" : record->verdict.detail,
		.evidence_json = record->validation->reply.evidence,
		.facts = { { "challenge", challenge->type } },
	};
	return ledger_audit(op, tx, &event, NULL);
}

/*
 * The row decides, not what we remember: a challenge that is finished, or whose
 * authorization was given up meanwhile, takes no result any more.
 */
static result write_result(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct record *record = arg;
	struct db *db = ledger_db(tx);
	struct challenge row;
	struct acme_authorization authorization;

	TRY(challenge_load(op, db, record->validation->challenge.id, &row));
	TRY(authorization_load(op, db, row.authorization, &authorization));
	record->outcome = "too late";
	if (row.status != CHALLENGE_PROCESSING)
		return OK;
	if (acme_authorization_status(&authorization, record->now_s) != AUTHORIZATION_PENDING)
		return challenge_finish(op, db, row.id, CHALLENGE_INVALID, record->now_s, record->error);
	record->outcome = "to be tried again";
	if (!record->verdict.has_passed && record->verdict.may_retry && row.attempts < record->attempts_allowed)
		return challenge_retry(op, db, row.id, record->now_s + verdict_wait_s(row.attempts), record->error);
	record->outcome = record->verdict.has_passed ? "passed" : "failed";
	TRY(record->verdict.has_passed ? write_passed(op, db, record) : write_failed(op, db, record));
	return audit_result(op, tx, record);
}

static const char *error_text(struct op *op, enum acme_problem problem, const char *detail)
{
	struct bytes json = acme_problem_json(op, problem, acme_problem_status(problem), detail, NULL, 0);
	return arena_text_n(op->arena, (const char *)json.p, json.n);
}

static result record_result(struct op *op, struct validation *validation)
{
	struct authority *authority = validation->acme->authority;
	const struct config *config = authority_config(authority);
	const struct challenge *challenge = &validation->challenge;
	struct acme_authorization authorization;
	{
		STORE_LEASE(lease);
		TRY(store_read(op, authority->store, &lease));
		TRY(authorization_load(op, lease.db, challenge->authorization, &authorization));
	}
	const struct config_acme *settings = acme_settings(config, authorization.endpoint);
	if (settings == NULL)
		return FAIL(op, ERR_NOT_FOUND, "endpoint %s is not configured any more", authorization.endpoint);

	const char *key_authorization = arena_printf(op->arena, "%s.%s", challenge->token, challenge->thumbprint);
	struct record record = {
		.validation = validation,
		.verdict = verdict_http01(op, challenge->identifier, key_authorization, &validation->reply),
		.now_s = clock_now_s(),
		.attempts_allowed = config->validation.attempts,
	};
	record.valid_until_s = record.now_s + settings->authorization_lifetime_s;
	record.error = record.verdict.has_passed ?
			       error_text(op, ACME_FORBIDDEN, "the authorization ended before its proof came") :
			       error_text(op, record.verdict.problem, record.verdict.detail);
	TRY(ledger_run(op, authority->ledger, write_result, &record));
	log_info(op, "acme.validation", "%s of %s %s%s%s", challenge->type, challenge->identifier, record.outcome,
		 record.verdict.has_passed ? "" : ": ", record.verdict.has_passed ? "" : record.verdict.detail);
	return OK;
}

/* On the batch lane. */
static void finish_validation(void *arg)
{
	struct validation *validation = arg;
	struct acme *acme = validation->acme;
	struct op *op = validation->op;
	result r = validation->has_reply ?
			   record_result(op, validation) :
			   acme_validation_postpone(op, acme, validation->challenge.id);

	if (r.err != ERR_NONE) /* the lease ends, and the sweep finds the row */
		log_failure(op, "acme.validation");
	if (atomic_load(&acme->has_more_due)) {
		op_clear_failure(op);
		if (acme_validation_sweep(op, acme).err != ERR_NONE)
			log_failure(op, "acme.sweep");
	}
	validation_free(validation);
}

/* On the courier's reader thread: copy, hand over, return. */
static void take_probe(void *arg, const struct probe_reply *reply, const char *failed)
{
	struct validation *validation = arg;
	struct acme *acme = validation->acme;

	validation->has_reply = reply != NULL;
	if (reply != NULL)
		copy_reply(validation->op->arena, reply, &validation->reply);
	else
		log_info(validation->op, "acme.probe-lost", "%s: %s", validation->challenge.identifier, failed);
	pthread_mutex_lock(&acme->mutex);
	bool is_taken = !acme->is_stopping && lane_submit(acme->batch, finish_validation, validation);
	pthread_mutex_unlock(&acme->mutex);
	if (!is_taken) /* the row is due again when its lease ends */
		validation_free(validation);
}

result acme_validation_start(struct op *op, struct acme *acme, const struct challenge *challenge)
{
	struct validation *validation = calloc(1, sizeof *validation);

	ASSERT(validation != NULL);
	validation->acme = acme;
	validation->op = op_new();
	validation->op->actor = op->actor;
	memcpy(validation->op->request_id, op->request_id, sizeof op->request_id);
	copy_challenge(validation->op->arena, challenge, &validation->challenge);
	/* Once it is started, the callback owns it. */
	result r = courier_http01(op, acme->authority->courier, validation->challenge.identifier,
				  validation->challenge.token, take_probe, validation);
	if (r.err != ERR_NONE)
		validation_free(validation);
	return r;
}

struct postponed {
	const char *id;
	int64_t due_s;
};

static result write_postponed(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct postponed *postponed = arg;
	struct challenge row;

	TRY(challenge_load(op, ledger_db(tx), postponed->id, &row));
	if (row.status != CHALLENGE_PROCESSING)
		return OK;
	return challenge_unclaim(op, ledger_db(tx), row.id, postponed->due_s);
}

result acme_validation_postpone(struct op *op, struct acme *acme, const char *id)
{
	struct postponed postponed = { .id = id, .due_s = clock_now_s() + verdict_wait_s(0) };
	return ledger_run(op, acme->authority->ledger, write_postponed, &postponed);
}

struct claim {
	const char *id;
	int64_t now_s;
	bool is_ours;
};

/* A challenge whose authorization was given up or has run out ends here, without a probe. */
static result write_claim(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct claim *claim = arg;
	struct db *db = ledger_db(tx);
	struct challenge row;
	struct acme_authorization authorization;

	claim->is_ours = false;
	TRY(challenge_load(op, db, claim->id, &row));
	TRY(authorization_load(op, db, row.authorization, &authorization));
	if (row.status != CHALLENGE_PROCESSING || row.due_s > claim->now_s)
		return OK; /* another node was first */
	if (acme_authorization_status(&authorization, claim->now_s) != AUTHORIZATION_PENDING)
		return challenge_finish(op, db, row.id, CHALLENGE_INVALID, claim->now_s,
					error_text(op, ACME_FORBIDDEN, "the authorization ended before its proof came"));
	TRY(challenge_claim(op, db, claim->id, claim->now_s, VALIDATION_LEASE_S));
	claim->is_ours = true;
	return OK;
}

static result start_due(struct op *op, struct acme *acme, const struct challenge *challenge, int64_t now_s)
{
	struct claim claim = { .id = challenge->id, .now_s = now_s };

	TRY(ledger_run(op, acme->authority->ledger, write_claim, &claim));
	if (!claim.is_ours)
		return OK;
	result r = acme_validation_start(op, acme, challenge);
	if (r.err == ERR_NONE)
		return OK;
	op_clear_failure(op);
	return acme_validation_postpone(op, acme, challenge->id);
}

result acme_validation_sweep(struct op *op, void *arg)
{
	struct acme *acme = arg;
	int64_t now_s = clock_now_s();
	struct challenge *due;
	unsigned n;
	{
		STORE_LEASE(lease);
		TRY(store_read(op, acme->authority->store, &lease));
		TRY(challenge_list_due(op, lease.db, now_s, SWEEP_AT_ONCE, &due, &n));
	}
	atomic_store(&acme->has_more_due, n == SWEEP_AT_ONCE);
	for (unsigned i = 0; i < n; i++)
		TRY(start_due(op, acme, &due[i], now_s));
	return OK;
}
