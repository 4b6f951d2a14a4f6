/* Compared as text: what the client wrote must be what we would have written. */
#include "protocols/est/channel_binding.h"

static bool is_base64_of(struct op *op, struct bytes text, struct bytes binding)
{
	return binding.n > 0 && bytes_equal_text(text, bytes_to_base64(op->arena, binding));
}

result est_channel_binding_check(struct op *op, const struct est_request *request, const struct csr *csr)
{
	const struct tls_peer *peer = request->call->peer;
	struct bytes given = csr->challenge_password;
	if (given.n == 0 && !request->settings->needs_binding)
		return OK;
	if (given.n == 0)
		return FAIL(op, ERR_DENIED, "this label wants a challengePassword that ties the request to its TLS connection, as csrattrs says");
	if (peer == NULL)
		return FAIL(op, ERR_DENIED, "a challengePassword can be checked only at the port or the name that asks for client certificates");
	/* With TLS 1.3, and with TLS 1.2 without an extended master secret, tls-unique is empty. */
	if (!is_base64_of(op, given, peer->unique) && !is_base64_of(op, given, peer->exporter))
		return FAIL(op, ERR_DENIED, "the challengePassword is not that of this TLS connection");
	return OK;
}
