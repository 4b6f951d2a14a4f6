/*
 * The table of the operators' interface, who is let in, and how failures look:
 * {"error":"…","kind":"policy"}.
 */
#include "protocols/api/api.h"

#include "base/json.h"
#include "base/limits.h"
#include "protocols/api/api_handlers.h"

/* From kind to HTTP status: this protocol's one table. */
static const int status_of_kind[] = {
	[ERR_NONE] = 200,     [ERR_MALFORMED] = 400, [ERR_UNAUTHENTIC] = 401, [ERR_DENIED] = 403,
	[ERR_POLICY] = 422,   [ERR_NOT_FOUND] = 404, [ERR_CONFLICT] = 409,    [ERR_LIMIT] = 429,
	[ERR_BUSY] = 503,     [ERR_BACKEND] = 500,   [ERR_BUG] = 500,
};

static void api_fail(struct op *op, const struct call *call, struct reply *reply)
{
	(void)call;
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "error", op->detail);
	json_write_text(&w, "kind", err_name(op->err));
	json_write_object_end(&w);
	reply->status = status_of_kind[op->err];
	reply->content_type = "application/json";
	reply->body = json_write_done(&w);
	if (op->err == ERR_BUSY)
		reply_header(reply, "Retry-After", "1");
}

/* Every handler runs behind this: the socket's peer is the operator. */
static result enter(struct op *op, const struct call *call)
{
	if (!call->is_local_operator)
		return FAIL(op, ERR_DENIED, "this interface is for the operator on this machine");
	op->actor.kind = ACTOR_OPERATOR;
	snprintf(op->actor.id, sizeof op->actor.id, "uid:%u", call->peer_uid);
	return OK;
}

#define HANDLER(name)                                                                              \
	static result serve_##name(struct op *op, const struct call *call, struct reply *reply)    \
	{                                                                                          \
		TRY(enter(op, call));                                                              \
		return api_##name(op, call->endpoint, call, reply);                                \
	}
HANDLER(ca_list)
HANDLER(ca_show)
HANDLER(certificate_list)
HANDLER(certificate_show)
HANDLER(certificate_issue)
HANDLER(certificate_revoke)
HANDLER(crl_publish)
HANDLER(audit_checkpoint)
HANDLER(audit_prove)
HANDLER(est_user_add)
HANDLER(est_user_list)
HANDLER(est_user_password)
HANDLER(est_user_enable)
HANDLER(est_user_disable)
HANDLER(token_create)
HANDLER(token_list)
HANDLER(scep_user_add)
HANDLER(scep_user_list)
HANDLER(scep_user_password)
HANDLER(scep_user_enable)
HANDLER(scep_user_disable)
HANDLER(challenge_create)
HANDLER(challenge_list)
HANDLER(request_list)
HANDLER(request_show)
HANDLER(request_approve)
HANDLER(request_reject)
#undef HANDLER

static const struct api_row {
	enum http_method method;
	const char *pattern;
	bool needs_token;
	enum lane_name lane;
	call_handler *handler;
} rows[] = {
	{ HTTP_GET, "/api/v1/cas", false, LANE_READ, serve_ca_list },
	{ HTTP_GET, "/api/v1/cas/{name}", false, LANE_READ, serve_ca_show },
	{ HTTP_POST, "/api/v1/cas/{name}/crl", true, LANE_SIGN, serve_crl_publish },
	{ HTTP_GET, "/api/v1/certificates", false, LANE_READ, serve_certificate_list },
	{ HTTP_POST, "/api/v1/certificates/issue", true, LANE_SIGN, serve_certificate_issue },
	{ HTTP_GET, "/api/v1/certificates/{serial}", false, LANE_READ, serve_certificate_show },
	{ HTTP_POST, "/api/v1/certificates/{serial}/revoke", true, LANE_SIGN, serve_certificate_revoke },
	{ HTTP_POST, "/api/v1/audit/checkpoint", true, LANE_SIGN, serve_audit_checkpoint },
	{ HTTP_POST, "/api/v1/audit/proof/{serial}", true, LANE_SIGN, serve_audit_prove },
	{ HTTP_GET, "/api/v1/est/users", false, LANE_READ, serve_est_user_list },
	{ HTTP_POST, "/api/v1/est/users/add", true, LANE_SIGN, serve_est_user_add },
	{ HTTP_POST, "/api/v1/est/users/{name}/password", true, LANE_SIGN, serve_est_user_password },
	{ HTTP_POST, "/api/v1/est/users/{name}/enable", true, LANE_SIGN, serve_est_user_enable },
	{ HTTP_POST, "/api/v1/est/users/{name}/disable", true, LANE_SIGN, serve_est_user_disable },
	{ HTTP_GET, "/api/v1/est/tokens", false, LANE_READ, serve_token_list },
	{ HTTP_POST, "/api/v1/est/tokens/create", true, LANE_SIGN, serve_token_create },
	{ HTTP_GET, "/api/v1/scep/users", false, LANE_READ, serve_scep_user_list },
	{ HTTP_POST, "/api/v1/scep/users/add", true, LANE_SIGN, serve_scep_user_add },
	{ HTTP_POST, "/api/v1/scep/users/{name}/password", true, LANE_SIGN, serve_scep_user_password },
	{ HTTP_POST, "/api/v1/scep/users/{name}/enable", true, LANE_SIGN, serve_scep_user_enable },
	{ HTTP_POST, "/api/v1/scep/users/{name}/disable", true, LANE_SIGN, serve_scep_user_disable },
	{ HTTP_GET, "/api/v1/scep/challenges", false, LANE_READ, serve_challenge_list },
	{ HTTP_POST, "/api/v1/scep/challenges/create", true, LANE_SIGN, serve_challenge_create },
	{ HTTP_GET, "/api/v1/requests", false, LANE_READ, serve_request_list },
	{ HTTP_GET, "/api/v1/requests/{id}", false, LANE_READ, serve_request_show },
	{ HTTP_POST, "/api/v1/requests/{id}/approve", true, LANE_SIGN, serve_request_approve },
	{ HTTP_POST, "/api/v1/requests/{id}/reject", true, LANE_SIGN, serve_request_reject },
};

static struct route route_of(const struct api_row *row, struct authority *authority)
{
	return (struct route){
		.pattern = row->pattern,
		.listeners = ON_LOCAL,
		.get = row->method == HTTP_GET,
		.post = row->method == HTTP_POST,
		.body_limit = LIMIT_BODY_API,
		.lane = row->lane,
		.handler = row->handler,
		.fail = api_fail,
		.endpoint = authority,
	};
}

void api_routes_add(struct routes *routes, struct authority *authority)
{
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct route route = route_of(&rows[i], authority);
		routes_add(routes, &route);
	}
}

bool api_needs_token(enum http_method method, struct bytes path)
{
	struct routes *routes = routes_new();
	api_routes_add(routes, NULL);
	struct call call = { .method = method, .path = path };
	const struct route *found = routes_find(routes, ON_LOCAL, &call);
	bool needs = false;
	for (unsigned i = 0; found != NULL && i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].handler == found->handler)
			needs = rows[i].needs_token;
	routes_free(&routes);
	return needs;
}
