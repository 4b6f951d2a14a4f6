/* serverkeygen (RFC 7030 section 4.4). */
#include "protocols/est/reply.h"

result est_serverkeygen(struct op *op, const struct call *call, struct reply *reply)
{
	EST_REQUEST(request);
	(void)reply;
	TRY(est_request_open(op, call, "application/pkcs10", &request));
	return FAIL_CODE(op, ERR_POLICY, 501, "this label makes no keys for clients");
}
