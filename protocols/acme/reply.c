/* RFC 8555 sections 6.5, 6.7 and 7.1: what every answer carries. */
#include "protocols/acme/reply.h"

void acme_reply_link(struct op *op, struct reply *reply, const char *url, const char *rel)
{
	reply_header(reply, "Link", arena_printf(op->arena, "<%s>;rel=\"%s\"", url, rel));
}

void acme_reply(struct op *op, const struct call *call, int status, struct reply *reply)
{
	const struct acme_endpoint *endpoint = call->endpoint;
	const struct config *config = authority_config(endpoint->acme->authority);

	*reply = (struct reply){ .status = status };
	if (call->method == HTTP_POST)
		reply_header(reply, "Replay-Nonce", acme_nonce_make(endpoint->acme->nonces, op->arena));
	acme_reply_link(op, reply, arena_printf(op->arena, "%s/directory", acme_base(op, config, endpoint->name)), "index");
}

void acme_reply_json(struct op *op, const struct call *call, int status, struct bytes json, struct reply *reply)
{
	acme_reply(op, call, status, reply);
	reply->content_type = "application/json";
	reply->body = json;
}

/* What some types demand beside the document (sections 6.6, 7.3.3; RFC 9110 section 10.2.3). */
static void add_problem_headers(struct op *op, const struct call *call, enum acme_problem problem, struct reply *reply)
{
	const struct acme_endpoint *endpoint = call->endpoint;
	const struct config_acme *settings =
		acme_settings(authority_config(endpoint->acme->authority), endpoint->name);

	switch (problem) {
	case ACME_BUSY:
		reply_header(reply, "Retry-After", ACME_BUSY_S);
		break;
	case ACME_RATE_LIMITED:
		reply_header(reply, "Retry-After", ACME_LIMIT_S);
		break;
	case ACME_USER_ACTION_REQUIRED:
		if (settings != NULL && settings->terms != NULL)
			acme_reply_link(op, reply, settings->terms, "terms-of-service");
		break;
	default:
		break;
	}
}

void acme_reply_problem(struct op *op, const struct call *call, enum acme_problem problem, const char *detail,
			const struct acme_subproblem *subproblems, unsigned n, struct reply *reply)
{
	/* The front's own refusals have their status already: the document says the same. */
	int status = reply->status != 0 ? reply->status : acme_problem_status(problem);

	acme_reply(op, call, status, reply);
	add_problem_headers(op, call, problem, reply);
	reply->content_type = "application/problem+json";
	reply->body = acme_problem_json(op, problem, status, detail, subproblems, n);
}

void acme_fail(struct op *op, const struct call *call, struct reply *reply)
{
	enum acme_problem problem = acme_problem_of(op);
	const char *detail = op->detail;

	/* Our handlers refuse POSTs only: this is the front's word on the method (section 6.3, A7). */
	if (problem == ACME_MALFORMED && call->method != HTTP_POST)
		problem = ACME_METHOD;
	if (problem == ACME_SERVER_INTERNAL)
		detail = arena_printf(op->arena, "internal error; the operator finds it in the log under request %s",
				      op->request_id);
	else if (problem == ACME_BUSY)
		detail = "the server is busy; try again a little later";
	acme_reply_problem(op, call, problem, detail, NULL, 0, reply);
}
