/*
 * Authorizations as objects (RFC 8555 sections 7.1.4 and 7.5): showing them, and
 * giving them up. What issue() demands is another thing, ca/authorization.h.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "protocols/acme/objects.h"
#include "protocols/acme/reply.h"

enum authorization_status acme_authorization_status(const struct acme_authorization *authorization, int64_t now_s)
{
	if (authorization->expires_s > now_s)
		return authorization->status;
	if (authorization->status == AUTHORIZATION_VALID)
		return AUTHORIZATION_EXPIRED;
	return authorization->status == AUTHORIZATION_PENDING ? AUTHORIZATION_INVALID : authorization->status;
}

static struct bytes authorization_json(struct op *op, const struct acme_request *request,
				       const struct acme_authorization *authorization,
				       const struct challenge *challenges, unsigned n)
{
	struct json_writer w;

	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_object(&w, "identifier");
	json_write_text(&w, "type", "dns");
	json_write_text(&w, "value", authorization->identifier);
	json_write_object_end(&w);
	json_write_text(&w, "status",
			authorization_status_name(acme_authorization_status(authorization, request->now_s)));
	json_write_text(&w, "expires", clock_rfc3339(op->arena, authorization->expires_s));
	json_write_array(&w, "challenges");
	for (unsigned i = 0; i < n; i++)
		json_write_raw(&w, NULL, acme_challenge_json(op, request, &challenges[i]));
	json_write_array_end(&w);
	if (authorization->is_wildcard) /* present only when true (A16) */
		json_write_bool(&w, "wildcard", true);
	json_write_object_end(&w);
	return json_write_done(&w);
}

static result load_authorization(struct op *op, const struct acme_request *request, struct acme_authorization *out,
				 struct challenge **challenges, unsigned *n)
{
	const char *id;
	STORE_LEASE(lease);

	TRY(acme_request_id(op, request->call, &id));
	TRY(store_read(op, request->authority->store, &lease));
	TRY(authorization_load(op, lease.db, id, out));
	TRY(acme_request_need_owner(op, request, out->account, out->endpoint));
	return challenge_list(op, lease.db, id, challenges, n);
}

/* Section 7.5.2: pending or valid -> deactivated; orders that count on it cannot be finished (A28). */
static result deactivate(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct acme_authorization *authorization = arg;
	struct db *db = ledger_db(tx);
	const char *name = arena_printf(op->arena, "dns:%s", authorization->identifier);

	TRY(authorization_load(op, db, authorization->id, authorization));
	enum authorization_status status = acme_authorization_status(authorization, clock_now_s());
	if (status != AUTHORIZATION_PENDING && status != AUTHORIZATION_VALID)
		return OK;
	struct bytes error = acme_problem_json(op, ACME_FORBIDDEN, acme_problem_status(ACME_FORBIDDEN),
					       arena_printf(op->arena, "the authorization of %s was deactivated",
							    authorization->identifier),
					       NULL, 0);
	struct audit_event event = {
		.type = AUDIT_AUTHORIZATION_DEACTIVATED,
		.account = authorization->account,
		.authorization = authorization->id,
		.door = door_name(DOOR_ACME),
		.names = &name,
		.n_names = 1,
	};
	TRY(authorization_move(op, db, authorization->id, status, AUTHORIZATION_DEACTIVATED, 0));
	TRY(acme_orders_fail(op, db, authorization->id, arena_text_n(op->arena, (const char *)error.p, error.n)));
	TRY(ledger_audit(op, tx, &event, NULL));
	authorization->status = AUTHORIZATION_DEACTIVATED;
	return OK;
}

static result parse_deactivation(struct op *op, const struct acme_request *request)
{
	AUTO(json_t) *payload = NULL;
	const char *status;

	TRY(acme_request_payload(op, request, &payload));
	TRY(json_need_text(op, payload, "status", &status));
	if (!text_equal(status, "deactivated"))
		return FAIL(op, ERR_MALFORMED, "the status of an authorization can only be changed to \"deactivated\"");
	return OK;
}

result acme_authorization(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	struct acme_authorization authorization;
	struct challenge *challenges;
	unsigned n;

	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(load_authorization(op, &request, &authorization, &challenges, &n));
	if (request.payload.n > 0) {
		TRY(parse_deactivation(op, &request));
		TRY(ledger_run(op, request.authority->ledger, deactivate, &authorization));
	}
	acme_reply_json(op, call, 200, authorization_json(op, &request, &authorization, challenges, n), reply);
	if (authorization.status == AUTHORIZATION_PENDING)
		reply_header(reply, "Retry-After", ACME_POLL_S);
	return OK;
}
