/* csrattrs (RFC 7030 section 4.5): without asking who wants to know (E10). */
#include "protocols/est/reply.h"

/* Section 4.5.2: 204 says that a client may leave out whatever it likes. */
result est_csrattrs(struct op *op, const struct call *call, struct reply *reply)
{
	EST_REQUEST(request);
	TRY(est_request_open(op, call, NULL, &request));
	reply->status = 204;
	return OK;
}
