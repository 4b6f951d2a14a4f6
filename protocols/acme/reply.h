/* Replies of ACME: the headers that each of them has, JSON bodies, and failures. */
#pragma once

#include "protocols/acme/endpoint.h"
#include "protocols/acme/problem.h"

/*
 * Empties the reply and gives it status, Replay-Nonce (section 6.5; on answers
 * to POST, errors too) and Link rel="index" (section 7.1).
 */
void acme_reply(struct op *op, const struct call *call, int status, struct reply *reply);
void acme_reply_json(struct op *op, const struct call *call, int status, struct bytes json, struct reply *reply);
void acme_reply_problem(struct op *op, const struct call *call, enum acme_problem problem, const char *detail,
			const struct acme_subproblem *subproblems, unsigned n, struct reply *reply);

/* Link: <url>;rel="rel" */
void acme_reply_link(struct op *op, struct reply *reply, const char *url, const char *rel);

/* How long a client that polls should wait. */
#define ACME_POLL_S "1"
#define ACME_BUSY_S "5"
#define ACME_LIMIT_S "60"

/* struct route's fail: the failure in `op` as a problem document. Internal details go to our log only. */
call_fail acme_fail;
