/* /scep/NAME and /scep/NAME/pkiclient.exe: from the query to the operation (RFC 8894 section 4.1). */
#include <string.h>

#include "base/text.h"
#include "protocols/scep/ca_operations.h"
#include "protocols/scep/pki_operation.h"
#include "protocols/scep/query.h"

/* The case is the RFC's (SP2). */
static const struct {
	const char *name;
	scep_serve_operation *serve;
} operations[] = {
	{ "GetCACaps", scep_get_ca_caps },
	{ "GetCACert", scep_get_ca_cert },
	{ "GetNextCACert", scep_get_next_ca_cert },
};

/* "operation=GetCACaps", by itself or before an '&'. */
static bool asks_for(struct bytes query, const char *operation)
{
	static const char begin[] = "operation=";
	const size_t n = sizeof begin - 1;
	const uint8_t *end = query.n > 0 ? memchr(query.p, '&', query.n) : NULL;
	const struct bytes first = { query.p, end != NULL ? (size_t)(end - query.p) : query.n };
	return bytes_has_prefix(first, begin) && bytes_equal_text((struct bytes){ first.p + n, first.n - n }, operation);
}

/*
 * What is the same for everybody waits behind nobody. A message may have Microsoft
 * asked before anything is signed, where the endpoint's settings of now say so: who
 * waits for that must not hold up the signatures of others. A query that is written
 * in any other way than all clients write it goes where messages go.
 */
enum lane_name scep_choose_lane(const struct call *call)
{
	const struct scep_endpoint *endpoint = call->endpoint;
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (call->method == HTTP_GET && asks_for(call->query, operations[i].name))
			return LANE_READ;
	const struct config_scep *settings = config_scep(authority_config(endpoint->scep->authority), endpoint->name);
	return settings != NULL && (settings->ways & SCEP_INTUNE) != 0 ? LANE_WAIT : LANE_SIGN;
}

static result serve_operation(struct op *op, const struct call *call, const char *name, struct reply *reply)
{
	SCEP_REQUEST(request);
	TRY(scep_request_open(op, call, &request));
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (text_equal(name, operations[i].name) && call->method == HTTP_GET)
			return operations[i].serve(op, &request, reply);
	return FAIL(op, ERR_MALFORMED, "there are the operations GetCACaps, GetCACert and GetNextCACert by GET, and PKIOperation");
}

/* By POST the body is the message, whatever its Content-Type: clients send many, and none says more. */
result scep_serve(struct op *op, const struct call *call, struct reply *reply)
{
	struct scep_query query;
	TRY(scep_query_read(op, call->query, &query));
	if (!text_equal(query.operation, "PKIOperation"))
		return serve_operation(op, call, query.operation, reply);
	if (call->method == HTTP_POST)
		return scep_pki_operation(op, call, call->body, reply);
	TRY(scep_query_decode(op, &query));
	return scep_pki_operation(op, call, query.message, reply);
}
