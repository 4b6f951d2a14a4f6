/*
 * simpleenroll and simplereenroll (RFC 7030 section 4.2): who asks, the CSR, the
 * tie to the connection, the names, and then the row and its certificate. Nothing of
 * a body is read before it is known who sends it (E4).
 */
#include "protocols/est/enroll.h"

#include <string.h>

#include "base/limits.h"
#include "protocols/est/authenticate.h"
#include "protocols/est/body.h"
#include "protocols/est/channel_binding.h"
#include "protocols/est/may_ask.h"
#include "protocols/est/reply.h"

/* Whatever is wrong with a CSR is a mistake of the body (400), also a signature that does not verify (S9). */
result est_read_csr(struct op *op, const struct est_request *request, struct bytes der, bool ignores_key, struct csr *out)
{
	struct csr_rules rules = csr_rules_of(request->profile);
	rules.ignores_key = ignores_key;
	result r = csr_parse(op, der, &rules, out);
	if (r.err == ERR_POLICY)
		return FAIL(op, ERR_MALFORMED, "%s; csrattrs says what this label takes", arena_text(op->arena, op->detail));
	if (r.err == ERR_UNAUTHENTIC)
		return FAIL(op, ERR_MALFORMED, "%s", arena_text(op->arena, op->detail));
	return r;
}

static result decide(struct op *op, const struct est_request *request, const struct csr *csr)
{
	TRY(est_channel_binding_check(op, request, csr));
	return est_may_ask(op, request, csr);
}

result est_decide(struct op *op, const struct est_request *request, const struct csr *csr)
{
	result r = decide(op, request, csr);
	if (r.err == ERR_DENIED || r.err == ERR_POLICY)
		est_record_refusal(op, request, AUDIT_ISSUANCE_REFUSED, csr);
	return r;
}

void est_wish_make(const struct csr *csr, struct bytes der, struct est_wish *out)
{
	*out = (struct est_wish){ .csr = csr, .der = der };
	memcpy(out->key, csr->hash.p, sizeof out->key);
}

/* Answers by itself where an HTTP credential is wanted: *is_known false. */
result est_let_in(struct op *op, struct est_request *request, struct reply *reply, bool *is_known)
{
	result r = est_authenticate(op, request);
	*is_known = r.err == ERR_NONE;
	return r.err == ERR_UNAUTHENTIC ? est_reply_challenge(op, request, reply) : r;
}

static result enroll(struct op *op, const struct est_request *request, struct reply *reply)
{
	struct bytes der, certificate;
	struct csr csr;
	struct est_wish wish;
	struct enrollment row;
	int64_t wait_s;
	TRY(est_body_decode(op, request->call->body, &der));
	TRY(est_read_csr(op, request, der, false, &csr));
	TRY(est_decide(op, request, &csr));
	est_wish_make(&csr, der, &wish);
	TRY(est_enrollment_open(op, request, &wish, &row));
	TRY(est_enrollment_finish(op, request, &wish, &row, csr.spki, &certificate, &wait_s));
	if (certificate.n > 0)
		est_reply_certificate(op, reply, certificate);
	else
		est_reply_wait(op, reply, wait_s);
	return OK;
}

result est_simpleenroll(struct op *op, const struct call *call, struct reply *reply)
{
	EST_REQUEST(request);
	bool is_known;
	TRY(est_request_open(op, call, "application/pkcs10", &request));
	TRY(est_let_in(op, &request, reply, &is_known));
	return is_known ? enroll(op, &request, reply) : OK;
}

/* Section 4.2.2: by the certificate that is to be followed by another one, and nothing else. */
result est_simplereenroll(struct op *op, const struct call *call, struct reply *reply)
{
	EST_REQUEST(request);
	TRY(est_request_open(op, call, "application/pkcs10", &request));
	TRY(est_authenticate_own(op, &request));
	return enroll(op, &request, reply);
}
