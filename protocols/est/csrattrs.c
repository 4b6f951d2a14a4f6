/* csrattrs (RFC 7030 section 4.5): without asking who wants to know (E10). */
#include "protocols/est/csr_attributes.h"
#include "protocols/est/reply.h"

result est_csrattrs(struct op *op, const struct call *call, struct reply *reply)
{
	EST_REQUEST(request);
	TRY(est_request_open(op, call, NULL, &request));
	struct bytes der = csr_attributes(op->arena, request.profile, request.settings->needs_binding);
	est_reply_der(op, reply, "application/csrattrs", der);
	return OK;
}
