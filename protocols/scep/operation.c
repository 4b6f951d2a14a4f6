/* /scep/NAME and /scep/NAME/pkiclient.exe: from the query to the operation (RFC 8894 section 4.1). */
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
