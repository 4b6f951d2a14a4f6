/* RFC 7030 sections 3.2.3 and 4.2.3; RFC 8951 section 5. No Content-Transfer-Encoding: its section 3 took it back (E11). */
#include "protocols/est/reply.h"

#include "base/text.h"
#include "ca/certs_only.h"
#include "ca/login.h"
#include "protocols/est/body.h"

static const int status_of_kind[] = {
	[ERR_NONE] = 500,     [ERR_MALFORMED] = 400, [ERR_UNAUTHENTIC] = 401, [ERR_DENIED] = 403,
	[ERR_POLICY] = 403,   [ERR_NOT_FOUND] = 404, [ERR_CONFLICT] = 409,    [ERR_LIMIT] = 429,
	[ERR_BUSY] = 503,     [ERR_BACKEND] = 500,   [ERR_BUG] = 500,
};

/* V40: what goes into a client's log is printable. */
static void put_failure(struct op *op, struct reply *reply, int status)
{
	char *text = arena_text(op->arena, op->detail);
	if (status == 500)
		text = arena_text(op->arena, "the server failed; its log has the reason under this Request-Id");
	text_make_printable(text);
	reply_text(op, reply, status, text);
}

int est_status(const struct op *op)
{
	return op->code != 0 ? op->code : status_of_kind[op->err];
}

void est_fail(struct op *op, const struct call *call, struct reply *reply)
{
	(void)call;
	int status = reply->status != 0 ? reply->status : est_status(op);
	put_failure(op, reply, status);
	if (op->err == ERR_BUSY || op->err == ERR_LIMIT)
		reply_header(reply, "Retry-After", op->err == ERR_LIMIT ? "60" : "2");
}

void est_reply_der(struct op *op, struct reply *reply, const char *content_type, struct bytes der)
{
	reply->status = 200;
	reply->content_type = content_type;
	reply->body = est_body_encode(op->arena, der);
}

void est_reply_certificate(struct op *op, struct reply *reply, struct bytes certificate)
{
	est_reply_der(op, reply, "application/pkcs7-mime; smime-type=certs-only", certs_only(op->arena, &certificate, 1));
}

void est_reply_wait(struct op *op, struct reply *reply, int64_t seconds)
{
	reply_text(op, reply, 202, "the request waits; send it again after the time of Retry-After");
	reply_header(reply, "Retry-After", arena_printf(op->arena, "%lld", (long long)seconds));
}

/* Strongest first; a client takes the first that it knows (RFC 7616 section 3.7). */
static result put_challenges(struct op *op, const struct est_request *request, struct reply *reply)
{
	const char *realm = login_realm(op->arena, EST_DOOR, request->settings->label);
	bool has_digest = false;
	if ((request->settings->ways & (EST_USER | EST_CERTIFICATE_AND_USER)) != 0) {
		STORE_LEASE(lease);
		TRY(store_read(op, request->authority->store, &lease));
		TRY(user_has_digest(op, lease.db, EST_DOOR, request->settings->label, &has_digest));
	}
	if (has_digest) {
		const char *nonce;
		TRY(est_nonce_make(op, request->est->nonces, &nonce));
		reply_header(reply, "WWW-Authenticate",
			     arena_printf(op->arena, "Digest realm=\"%s\", qop=\"auth\", algorithm=SHA-256, nonce=\"%s\"%s", realm,
					  nonce, request->is_stale ? ", stale=true" : ""));
	}
	reply_header(reply, "WWW-Authenticate", arena_printf(op->arena, "Basic realm=\"%s\", charset=\"UTF-8\"", realm));
	return OK;
}

result est_reply_challenge(struct op *op, const struct est_request *request, struct reply *reply)
{
	bool has_http = (request->settings->ways & EST_NEEDS_HTTP) != 0;
	put_failure(op, reply, has_http ? 401 : 403);
	op_clear_failure(op);
	return has_http ? put_challenges(op, request, reply) : OK;
}
