/*
 * fullcmc (RFC 7030 section 4.3): the same request as at simpleenroll, in a message
 * that is signed (RFC 5272), and answered by one. Who asks is known by TLS and
 * HTTP as with all operations (E4); the signature of the message proves that its
 * sender has the new key, or the key of a certificate of ours, and adds no rights.
 *
 * Refusals are CMC answers, with HTTP's status (section 4.3.2). What is the
 * server's own trouble, and who is unknown, is answered as elsewhere.
 */
#include "base/random.h"
#include "base/text.h"
#include "protocols/est/authenticate.h"
#include "protocols/est/body.h"
#include "protocols/est/cmc.h"
#include "protocols/est/enroll.h"
#include "protocols/est/reply.h"

#define CERTIFICATES_MAX 16

static result refuse(struct op *op, struct cmc_request *cmc, enum err err, enum cmc_fail_info info, const char *why)
{
	cmc->fault = (struct cmc_fault){ info, 0 };
	return FAIL(op, err, "%s", why);
}

/* The one that the message's signer names: of those in it, or the one that TLS has shown. Empty: it names none. */
static struct bytes find_certificate(const struct est_request *request, const struct signed_data *message)
{
	const struct tls_peer *peer = request->call->peer;
	for (unsigned i = 0; i < message->n_certificates; i++)
		if (signed_data_names(message, message->certificates[i]))
			return message->certificates[i];
	if (peer != NULL && peer->n_chain > 0 && signed_data_names(message, peer->chain[0]))
		return peer->chain[0];
	return BYTES_NONE;
}

/* By a certificate of ours, besides a user's password or a token: from now on it counts as one that was shown. */
static result check_named_signer(struct op *op, struct est_request *request, const struct signed_data *message,
				 struct cmc_request *cmc)
{
	struct bytes certificate = find_certificate(request, message);
	if (certificate.n == 0)
		return refuse(op, cmc, ERR_MALFORMED, CMC_BAD_MESSAGE_CHECK,
			      "the message's signature is neither by the key of the request nor by that of the client's certificate");
	if (request->certificate.x509 != NULL)
		return refuse(op, cmc, ERR_DENIED, CMC_BAD_IDENTITY, "the message is signed by another one than the client of the connection");
	cmc->fault = (struct cmc_fault){ CMC_BAD_IDENTITY, 0 };
	TRY(est_take_signer(op, request, certificate));
	if (!signed_data_is_by(op, message, request->certificate.spki))
		return refuse(op, cmc, ERR_MALFORMED, CMC_BAD_MESSAGE_CHECK, "the message's signature does not verify");
	cmc->fault = (struct cmc_fault){ CMC_BAD_REQUEST, cmc->body_part };
	return OK;
}

/*
 * What the message says of its signer is not signed: whose key verifies, signed it.
 * Most use the key that is to be certified, which has no certificate yet.
 */
static result check_signature(struct op *op, struct est_request *request, const struct signed_data *message,
			      const struct csr *csr, struct cmc_request *cmc)
{
	if (signed_data_is_by(op, message, csr->spki))
		return OK;
	if (request->certificate.x509 != NULL && signed_data_is_by(op, message, request->certificate.spki))
		return OK;
	result r = check_named_signer(op, request, message, cmc);
	if (r.err == ERR_UNAUTHENTIC)
		r = FAIL(op, ERR_DENIED, "the signer of the message: %s", arena_text(op->arena, op->detail));
	if (r.err == ERR_DENIED || r.err == ERR_MALFORMED)
		est_record_refusal(op, request, AUDIT_ISSUANCE_REFUSED, csr);
	return r;
}

static result read_message(struct op *op, const struct est_request *request, struct signed_data *message,
			   struct cmc_request *cmc)
{
	struct bytes der;
	TRY(est_body_decode(op, request->call->body, &der));
	result r = signed_data_read(op, der, message);
	if (r.err == ERR_POLICY)
		cmc->fault.info = CMC_BAD_ALG;
	TRY(r);
	if (!bytes_equal(message->type, cmc_pki_data_oid))
		return FAIL(op, ERR_MALFORMED, "what is signed is not a CMC PKIData");
	return cmc_request_read(op, message->content, cmc);
}

/* A request that its own key has not signed is told apart: who sends it has not shown that key (section 6.1.4). */
static result read_csr(struct op *op, const struct est_request *request, struct cmc_request *cmc, struct csr *out)
{
	*out = (struct csr){ .is_unproved = false };
	cmc->fault.body_part = cmc->body_part;
	result r = est_read_csr(op, request, cmc->csr, false, out);
	if (r.err != ERR_NONE && out->is_unproved)
		cmc->fault.info = CMC_POP_FAILED;
	return r;
}

/* Empty *certificate: it waits. */
static result enroll(struct op *op, struct est_request *request, struct cmc_request *cmc, struct bytes *certificate,
		     int64_t *wait_s)
{
	struct signed_data message;
	struct csr csr;
	struct est_wish wish;
	struct enrollment row;
	TRY(read_message(op, request, &message, cmc));
	TRY(read_csr(op, request, cmc, &csr));
	TRY(check_signature(op, request, &message, &csr, cmc));
	TRY(est_decide(op, request, &csr));
	est_wish_make(&csr, cmc->csr, &wish);
	TRY(est_enrollment_open(op, request, &wish, &row));
	return est_enrollment_finish(op, request, &wish, &row, csr.spki, certificate, wait_s);
}

/* Who answers for the label. */
struct answerer {
	const struct ca *ca;
	const struct signed_data_signer *signer;
};

/* The new certificate goes first. Then all that a path to the root takes: many look for it in the message alone. */
static unsigned collect_certificates(const struct answerer *by, struct bytes certificate, struct bytes out[CERTIFICATES_MAX])
{
	unsigned n = 0;
	if (certificate.n > 0)
		out[n++] = certificate;
	out[n++] = by->signer->certificate;
	for (const struct ca *ca = by->ca; ca->parent != NULL && n < CERTIFICATES_MAX; ca = ca->parent)
		out[n++] = ca->der;
	return n;
}

/* `fault` NULL: success. */
static result put_answer(struct op *op, const struct answerer *by, const struct cmc_request *cmc, const struct cmc_fault *fault,
			 struct bytes certificate, int status, struct reply *reply)
{
	uint8_t nonce[CMC_NONCE_SIZE];
	struct bytes der, certificates[CERTIFICATES_MAX];
	unsigned n = collect_certificates(by, certificate, certificates);
	char *text = arena_text(op->arena, op->detail);
	random_bytes(nonce, sizeof nonce);
	text_make_printable(text);
	struct bytes response = cmc_response(op->arena, cmc, fault, text, nonce);
	TRY(signed_data_write(op, cmc_pki_response_oid, response, certificates, n, by->signer, &der));
	est_reply_der(op, reply, "application/pkcs7-mime; smime-type=CMC-response", der);
	reply->status = status;
	return OK;
}

/* Of the client's making, all of it; anything else is no answer to what was asked. */
static bool is_refusal(result r)
{
	return r.err == ERR_MALFORMED || r.err == ERR_DENIED || r.err == ERR_POLICY;
}

static result answer(struct op *op, struct est_request *request, const struct answerer *by, struct reply *reply)
{
	struct cmc_request cmc = { .fault = { CMC_BAD_REQUEST, 0 } };
	struct bytes certificate = BYTES_NONE;
	int64_t wait_s = 0;
	result r = enroll(op, request, &cmc, &certificate, &wait_s);
	if (is_refusal(r)) {
		int status = est_status(op);
		TRY(put_answer(op, by, &cmc, &cmc.fault, BYTES_NONE, status, reply));
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	if (certificate.n > 0)
		return put_answer(op, by, &cmc, NULL, certificate, 200, reply);
	est_reply_wait(op, reply, wait_s); /* section 4.3.2: as at simpleenroll */
	return OK;
}

/* The signer first: what is issued without one could not be answered. */
result est_fullcmc(struct op *op, const struct call *call, struct reply *reply)
{
	EST_REQUEST(request);
	CMC_SIGNER_PIN(signer);
	bool is_known;
	TRY(est_request_open(op, call, "application/pkcs7-mime", &request));
	TRY(est_let_in(op, &request, reply, &is_known));
	if (!is_known)
		return OK;
	const struct ca *ca = hierarchy_find(request.authority->hierarchy, request.profile->ca);
	if (ca == NULL)
		return FAIL(op, ERR_BUSY, "the CA %s of this label is not there yet", request.profile->ca);
	TRY(cmc_signer_pin(op, request.est->cmc_signers, ca, &signer));
	const struct answerer by = { ca, cmc_signer_read(signer) };
	return answer(op, &request, &by, reply);
}
