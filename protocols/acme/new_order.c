/*
 * newOrder (RFC 8555 section 7.4): an order, an authorization for each of its
 * names and a challenge for each of those, in one transaction with the audit
 * entry. Authorizations are fresh for every order.
 */
#include "protocols/acme/new_order.h"

#include "base/json.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/authorization.h"
#include "ca/issue.h"
#include "ca/profile_hash.h"
#include "protocols/acme/objects.h"
#include "protocols/acme/reply.h"

/* What the profile says today (V2, A24); asked again at finalize, when the authorization is made for good. */
static result ask_profile(struct op *op, const struct acme_request *request, const struct identifier *identifiers,
			  unsigned n, const struct new_order *times)
{
	struct authorization_facts facts = {
		.door = DOOR_ACME,
		.profile = request->settings->profile,
		.identifiers = identifiers,
		.n_identifiers = n,
		.requester = arena_printf(op->arena, "account:%s", request->account.id),
		.claim_kind = CLAIM_NONE,
		.account = request->account.id,
	};
	struct authorization *unused;

	if (times != NULL) {
		facts.not_before_s = times->not_before_s;
		facts.not_after_s = times->not_after_s;
	}
	return authorization_new(op, request->config, &facts, &unused);
}

/* Each name for itself, so that the client learns of all that are refused (A12). */
static result judge_names(struct op *op, const struct acme_request *request, struct new_order *order)
{
	for (unsigned i = 0; i < order->n; i++) {
		result r = ask_profile(op, request, &order->identifiers[i], 1, NULL);
		if (r.err == ERR_NONE)
			continue;
		if (r.err != ERR_POLICY)
			return r;
		order->refused[order->n_refused++] = (struct acme_subproblem){
			.problem = ACME_REJECTED_IDENTIFIER,
			.detail = arena_text(op->arena, op->detail),
			.identifier_type = "dns",
			.identifier_value = order->identifiers[i].value,
		};
		op_clear_failure(op);
	}
	return OK;
}

static void reply_refused(struct op *op, const struct acme_request *request, const struct new_order *order,
			  struct reply *reply)
{
	enum acme_problem problem = order->refused[0].problem;
	const char *detail = order->refused[0].detail;

	for (unsigned i = 1; i < order->n_refused; i++)
		if (order->refused[i].problem != problem)
			problem = ACME_COMPOUND;
	if (order->n_refused > 1)
		detail = arena_printf(op->arena, "%u of the names are refused; the subproblems say why",
				      order->n_refused);
	acme_reply_problem(op, request->call, problem, detail, order->refused, order->n_refused, reply);
}

struct order_rows {
	struct order order;
	struct acme_authorization *authorizations;
	struct challenge *challenges;
	const char *const *names;
	unsigned open_limit;
};

static const char *new_id(struct op *op)
{
	char *id = arena_alloc(op->arena, RANDOM_ID_SIZE);
	random_id(id);
	return id;
}

static void make_rows(struct op *op, const struct acme_request *request, const struct new_order *wish,
		      struct order_rows *out)
{
	const char **ids = arena_alloc_array(op->arena, wish->n, sizeof *ids);
	int64_t expires_s = request->now_s + request->settings->order_lifetime_s;

	out->authorizations = arena_alloc_array(op->arena, wish->n, sizeof *out->authorizations);
	out->challenges = arena_alloc_array(op->arena, wish->n, sizeof *out->challenges);
	for (unsigned i = 0; i < wish->n; i++) {
		ids[i] = new_id(op);
		out->authorizations[i] = (struct acme_authorization){
			.id = ids[i],
			.account = request->account.id,
			.endpoint = request->settings->name,
			.identifier = wish->identifiers[i].value,
			.status = AUTHORIZATION_PENDING,
			.expires_s = expires_s,
		};
		out->challenges[i] = (struct challenge){
			.id = new_id(op),
			.authorization = ids[i],
			.account = request->account.id,
			.type = ACME_HTTP01,
			.token = new_id(op), /* 128 random bits (section 8.3) */
			.status = CHALLENGE_PENDING,
			.identifier = wish->identifiers[i].value,
		};
	}
	out->order = (struct order){
		.id = new_id(op),
		.account = request->account.id,
		.endpoint = request->settings->name,
		.profile = request->settings->profile,
		.profile_hash = profile_hash(op->arena, config_profile(request->config, request->settings->profile)),
		.status = ORDER_PENDING,
		.identifiers = identifiers_to_json(op, wish->identifiers, wish->n),
		.authorizations = ids,
		.n_authorizations = wish->n,
		.created_s = request->now_s,
		.expires_s = expires_s,
		.not_before_s = wish->not_before_s,
		.not_after_s = wish->not_after_s,
	};
	out->names = identifiers_to_names(op, wish->identifiers, wish->n);
	out->open_limit = request->config->limits.orders_per_account;
}

static result insert_rows(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct order_rows *rows = arg;
	const struct order *order = &rows->order;
	struct db *db = ledger_db(tx);
	unsigned n_open;

	TRY(order_count_open(op, db, order->account, order->created_s, &n_open));
	if (n_open >= rows->open_limit) /* F21 */
		return FAIL_CODE(op, ERR_LIMIT, ACME_RATE_LIMITED,
				 "this account has %u open orders, which is as many as it may; finish some of them", n_open);
	struct audit_event event = {
		.type = AUDIT_ORDER_CREATED,
		.account = order->account,
		.door = door_name(DOOR_ACME),
		.order = order->id,
		.profile = order->profile,
		.profile_hash = order->profile_hash,
		.names = rows->names,
		.n_names = order->n_authorizations,
	};
	for (unsigned i = 0; i < order->n_authorizations; i++) {
		TRY(authorization_insert(op, db, &rows->authorizations[i]));
		TRY(challenge_insert(op, db, &rows->challenges[i]));
	}
	TRY(order_insert(op, db, order));
	return ledger_audit(op, tx, &event, NULL);
}

result acme_new_order(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	struct new_order wish;
	struct order_rows rows = { 0 };

	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(new_order_parse(op, request.payload, &wish));
	TRY(judge_names(op, &request, &wish));
	if (wish.n_refused > 0) {
		reply_refused(op, &request, &wish, reply);
		return OK;
	}
	result r = ask_profile(op, &request, wish.identifiers, wish.n, &wish);
	if (r.err == ERR_POLICY) /* the names were fine: it is the times (A24) */
		return FAIL_CODE(op, ERR_POLICY, ACME_MALFORMED, "%s", op->detail);
	TRY(r);
	make_rows(op, &request, &wish, &rows);
	TRY(issue_is_open(op, request.authority));
	TRY(ledger_run(op, request.authority->ledger, insert_rows, &rows));
	acme_reply_order(op, &request, 201, &rows.order, reply);
	return OK;
}
