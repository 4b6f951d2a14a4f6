/*
 * cacerts (RFC 7030 section 4.1): the label's CA and what is above it up to the
 * root, without asking who wants to know (E3).
 */
#include "protocols/est/reply.h"

#include "ca/certs_only.h"

#define CHAIN_MAX 16

result est_cacerts(struct op *op, const struct call *call, struct reply *reply)
{
	EST_REQUEST(request);
	struct bytes chain[CHAIN_MAX];
	unsigned n = 0;
	TRY(est_request_open(op, call, NULL, &request));
	const struct ca *ca = hierarchy_find(request.authority->hierarchy, request.profile->ca);
	if (ca == NULL)
		return FAIL(op, ERR_BUSY, "the CA %s of this label is not there yet", request.profile->ca);
	for (; ca != NULL && n < CHAIN_MAX; ca = ca->parent)
		chain[n++] = ca->der;
	est_reply_der(op, reply, "application/pkcs7-mime", certs_only(op->arena, chain, n));
	return OK;
}
