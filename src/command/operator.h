/*
 * How commands reach the operators' interface (protocols/api): through the
 * socket of the running server, or the same handlers in this process when none
 * runs.
 */
#pragma once

#include "base/json.h"
#include "server/call.h"

struct operator_call {
	const char *dir;
	enum http_method method;
	const char *path;  /* "/api/v1/certificates" */
	const char *query; /* without '?'; NULL: none */
	struct bytes body; /* JSON, for HTTP_POST */
};

/* The answer of a success as JSON bytes; a refusal becomes op's failure in the server's words. */
result operator_call(struct op *op, const struct operator_call *call, struct bytes *answer);

/* GET over the server's socket alone: ERR_NOT_FOUND when no server runs in `dir`. For doctor. */
result operator_ask_server(struct op *op, const char *dir, const char *path, int *status, struct bytes *answer);
