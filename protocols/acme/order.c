/* Orders as objects (RFC 8555 sections 7.1.3, 7.1.6 and 7.4): showing and ending them. */
#include "base/clock.h"
#include "base/json.h"
#include "protocols/acme/objects.h"
#include "protocols/acme/reply.h"

enum order_status acme_order_status(const struct order *order, int64_t now_s)
{
	bool is_waiting = order->status == ORDER_PENDING || order->status == ORDER_READY;
	return is_waiting && order->expires_s <= now_s ? ORDER_INVALID : order->status;
}

static void write_times(struct op *op, struct json_writer *w, const struct order *order)
{
	json_write_text(w, "expires", clock_rfc3339(op->arena, order->expires_s));
	if (order->not_before_s != 0)
		json_write_text(w, "notBefore", clock_rfc3339(op->arena, order->not_before_s));
	if (order->not_after_s != 0)
		json_write_text(w, "notAfter", clock_rfc3339(op->arena, order->not_after_s));
}

/* Identifiers and authorizations are those of the row, which never change (A15). */
static struct bytes order_json(struct op *op, const struct acme_request *request, const struct order *order)
{
	const char *url = acme_url(op, request, "order", order->id);
	enum order_status status = acme_order_status(order, request->now_s);
	struct json_writer w;

	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "status", order_status_name(status));
	write_times(op, &w, order);
	json_write_raw(&w, "identifiers", bytes_of_text(order->identifiers));
	json_write_array(&w, "authorizations");
	for (unsigned i = 0; i < order->n_authorizations; i++)
		json_write_text(&w, NULL, acme_url(op, request, "authz", order->authorizations[i]));
	json_write_array_end(&w);
	json_write_text(&w, "finalize", arena_printf(op->arena, "%s/finalize", url));
	if (order->error != NULL)
		json_write_raw(&w, "error", bytes_of_text(order->error));
	if (status == ORDER_VALID && order->serial != NULL)
		json_write_text(&w, "certificate", acme_url(op, request, "cert", order->serial));
	json_write_object_end(&w);
	return json_write_done(&w);
}

void acme_reply_order(struct op *op, const struct acme_request *request, int status, const struct order *order,
		      struct reply *reply)
{
	enum order_status now = acme_order_status(order, request->now_s);

	acme_reply_json(op, request->call, status, order_json(op, request, order), reply);
	reply_header(reply, "Location", acme_url(op, request, "order", order->id));
	if (now == ORDER_PENDING || now == ORDER_PROCESSING)
		reply_header(reply, "Retry-After", ACME_POLL_S);
}

result acme_order_open(struct op *op, const struct acme_request *request, struct order *out)
{
	const char *id;
	STORE_LEASE(lease);

	TRY(acme_request_id(op, request->call, &id));
	TRY(store_read(op, request->authority->store, &lease));
	TRY(order_load(op, lease.db, id, out));
	return acme_request_need_owner(op, request, out->account, out->endpoint);
}

result acme_order(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	struct order order;

	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(acme_request_need_empty(op, &request));
	TRY(acme_order_open(op, &request, &order));
	acme_reply_order(op, &request, 200, &order, reply);
	return OK;
}

static bool may_end(const struct order *order)
{
	return order->status == ORDER_PENDING || order->status == ORDER_READY;
}

static const char *problem_text(struct op *op, enum acme_problem problem, const char *detail)
{
	struct bytes json = acme_problem_json(op, problem, acme_problem_status(problem), detail, NULL, 0);
	return arena_text_n(op->arena, (const char *)json.p, json.n);
}

result acme_order_cancel(struct op *op, struct db *db, const char *id, const char *why)
{
	struct order order;

	TRY(order_load(op, db, id, &order));
	if (!may_end(&order))
		return OK;
	for (unsigned i = 0; i < order.n_authorizations; i++) {
		struct acme_authorization authorization;
		TRY(authorization_load(op, db, order.authorizations[i], &authorization));
		if (authorization.status == AUTHORIZATION_PENDING)
			TRY(authorization_move(op, db, authorization.id, AUTHORIZATION_PENDING,
					       AUTHORIZATION_DEACTIVATED, 0));
	}
	return order_fail(op, db, id, problem_text(op, ACME_UNAUTHORIZED, why));
}

result acme_orders_fail(struct op *op, struct db *db, const char *authorization, const char *error_json)
{
	const char **ids;
	unsigned n;

	TRY(order_list_by_authorization(op, db, authorization, &ids, &n));
	for (unsigned i = 0; i < n; i++) {
		struct order order;
		TRY(order_load(op, db, ids[i], &order));
		if (may_end(&order))
			TRY(order_fail(op, db, ids[i], error_json));
	}
	return OK;
}
