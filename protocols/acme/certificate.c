/* Download of certificates (RFC 8555 sections 7.4.2 and 9.1): the PEM chain, to the account that ordered it. */
#include "base/text.h"
#include "ca/issue.h"
#include "protocols/acme/media_type.h"
#include "protocols/acme/objects.h"
#include "protocols/acme/reply.h"
#include "store/certificates.h"

#define PEM_CHAIN "application/pem-certificate-chain"

/* The requester of the row is what finalize said; the certificate of another account is not theirs (A8). */
static result need_requester(struct op *op, const struct acme_request *request, const char *serial)
{
	const char *requester = arena_printf(op->arena, "account:%s", request->account.id);
	struct certificate row;
	STORE_LEASE(lease);

	TRY(store_read(op, request->authority->store, &lease));
	TRY(certificate_load(op, lease.db, serial, &row));
	if (!text_equal(row.requester, requester))
		return FAIL(op, ERR_DENIED, "this certificate belongs to another account");
	return OK;
}

result acme_certificate(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	const char *serial, *chain_pem;

	TRY(acme_request_id(op, call, &serial));
	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(acme_request_need_empty(op, &request));
	TRY(need_requester(op, &request, serial));
	if (!media_type_is_accepted(call, PEM_CHAIN))
		return FAIL_CODE(op, ERR_MALFORMED, ACME_NOT_ACCEPTABLE, "certificates are served as " PEM_CHAIN);
	TRY(issued_chain(op, request.authority, serial, &chain_pem));
	acme_reply(op, call, 200, reply);
	reply->content_type = PEM_CHAIN;
	reply->body = bytes_of_text(chain_pem);
	return OK;
}
