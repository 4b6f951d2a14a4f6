/*
 * Challenges (RFC 8555 sections 7.1.5 and 7.5.1): showing them, and taking the
 * client's word that its side is prepared.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "protocols/acme/objects.h"
#include "protocols/acme/reply.h"
#include "protocols/acme/validation.h"

struct bytes acme_challenge_json(struct op *op, const struct acme_request *request, const struct challenge *challenge)
{
	struct json_writer w;

	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "type", challenge->type);
	json_write_text(&w, "url", acme_url(op, request, "challenge", challenge->id));
	json_write_text(&w, "status", challenge_status_name(challenge->status));
	json_write_text(&w, "token", challenge->token);
	if (challenge->validated_s != 0)
		json_write_text(&w, "validated", clock_rfc3339(op->arena, challenge->validated_s));
	if (challenge->error != NULL)
		json_write_raw(&w, "error", bytes_of_text(challenge->error));
	json_write_object_end(&w);
	return json_write_done(&w);
}

static result load_challenge(struct op *op, const struct acme_request *request, struct challenge *challenge,
			     struct acme_authorization *authorization)
{
	const char *id;
	STORE_LEASE(lease);

	TRY(acme_request_id(op, request->call, &id));
	TRY(store_read(op, request->authority->store, &lease));
	TRY(challenge_load(op, lease.db, id, challenge));
	TRY(authorization_load(op, lease.db, challenge->authorization, authorization));
	return acme_request_need_owner(op, request, challenge->account, authorization->endpoint);
}

struct answer {
	const struct acme_request *request;
	struct challenge *challenge;
	bool was_taken; /* by this closure: the probe is ours to start */
};

/*
 * Section 8.1: the thumbprint is that of the account's key now, at the time of
 * the response (A31). The first claim is taken in the same transaction.
 */
static result take_answer(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct answer *answer = arg;
	const struct acme_request *request = answer->request;
	struct db *db = ledger_db(tx);
	const char *id = answer->challenge->id;
	struct acme_authorization authorization;

	answer->was_taken = false;
	TRY(challenge_load(op, db, id, answer->challenge));
	TRY(authorization_load(op, db, answer->challenge->authorization, &authorization));
	if (answer->challenge->status != CHALLENGE_PENDING)
		return OK; /* asked again: harmless (A27) */
	if (acme_authorization_status(&authorization, request->now_s) != AUTHORIZATION_PENDING)
		return FAIL(op, ERR_MALFORMED, "the authorization of this challenge is %s; make a new order",
			    authorization_status_name(acme_authorization_status(&authorization, request->now_s)));
	TRY(challenge_respond(op, db, id, request->thumbprint, request->now_s));
	TRY(challenge_claim(op, db, id, request->now_s, VALIDATION_LEASE_S));
	TRY(challenge_load(op, db, id, answer->challenge));
	answer->was_taken = true;
	return OK;
}

/* The payload is an object whose members mean nothing yet (section 7.5.1). */
static result answer_challenge(struct op *op, const struct acme_request *request, struct challenge *challenge)
{
	AUTO(json_t) *payload = NULL;
	struct answer answer = { .request = request, .challenge = challenge };

	TRY(acme_request_payload(op, request, &payload));
	if (challenge->status != CHALLENGE_PENDING)
		return OK;
	TRY(ledger_run(op, request->authority->ledger, take_answer, &answer));
	if (!answer.was_taken)
		return OK;
	result r = acme_validation_start(op, request->acme, challenge);
	if (r.err != ERR_NONE) { /* the answer is taken; only the probe waits */
		log_failure(op, "acme.probe-waits");
		op_clear_failure(op);
		TRY(acme_validation_postpone(op, request->acme, challenge->id));
	}
	return OK;
}

result acme_challenge(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	struct challenge challenge;
	struct acme_authorization authorization;

	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(load_challenge(op, &request, &challenge, &authorization));
	if (request.payload.n > 0)
		TRY(answer_challenge(op, &request, &challenge));
	acme_reply_json(op, call, 200, acme_challenge_json(op, &request, &challenge), reply);
	acme_reply_link(op, reply, acme_url(op, &request, "authz", challenge.authorization), "up");
	if (challenge.status == CHALLENGE_PROCESSING)
		reply_header(reply, "Retry-After", ACME_POLL_S);
	return OK;
}
