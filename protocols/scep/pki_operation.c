/*
 * The steps in their order: what costs nothing first, the token's key only for
 * who has signed properly, and the store's rows only for what could be read.
 */
#include "protocols/scep/pki_operation.h"

#include "base/limits.h"
#include "protocols/scep/messages.h"
#include "protocols/scep/signer.h"

/* V1, SP4: these are served, and nothing else that has a number. */
static const struct {
	int type;
	scep_serve_message *serve;
} types[] = {
	{ SCEP_PKCS_REQ, scep_enroll },    { SCEP_RENEWAL_REQ, scep_enroll }, { SCEP_CERT_POLL, scep_poll },
	{ SCEP_GET_CERT, scep_get_cert }, { SCEP_GET_CRL, scep_get_crl },
};

static scep_serve_message *find_type(int type)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (types[i].type == type)
			return types[i].serve;
	return NULL;
}

static result check_time(struct op *op, const struct scep_request *request)
{
	const struct scep_message *message = &request->message;
	int64_t skew_s = message->signing_time_s - request->now_s;
	if (message->has_signing_time && (skew_s > LIMIT_SCEP_SKEW_S || skew_s < -LIMIT_SCEP_SKEW_S))
		return FAIL_CODE(op, ERR_DENIED, SCEP_CODE(SCEP_BAD_TIME), "the message was signed more than a day before or after now; "
				 "set the device's clock");
	return OK;
}

static result serve(struct op *op, struct scep_request *request, struct scep_answer *answer)
{
	scep_serve_message *serve_type = find_type(request->message.type);
	if (serve_type == NULL)
		return FAIL(op, ERR_DENIED, "this messageType is not served: RenewalReq, PKCSReq, CertPoll, GetCert and GetCRL are");
	if (request->message.sender_nonce.n != SCEP_NONCE_SIZE)
		return FAIL(op, ERR_DENIED, "a senderNonce has %d octets (RFC 8894 section 3.2.1.5)", SCEP_NONCE_SIZE);
	TRY(check_time(op, request));
	TRY(scep_judge_signer(op, request));
	return serve_type(op, request, answer);
}

result scep_pki_operation(struct op *op, const struct call *call, struct bytes message, struct reply *reply)
{
	struct scep_answer answer;
	SCEP_REQUEST(request);
	arena_wipe_when_freed(op->arena); /* it will hold a challenge */
	TRY(scep_request_open(op, call, &request));
	TRY(scep_ra_pin(op, request.scep->ras, request.settings->name, &request.ra));
	result r = scep_message_read(op, message, request.settings->compatibility, &request.message);
	if (request.message.transaction_id == NULL)
		return r;
	if (r.err == ERR_NONE)
		r = serve(op, &request, &answer);
	if (scep_is_refusal(r.err))
		return scep_reply_refusal(op, &request, reply);
	TRY(r);
	return scep_reply(op, &request, &answer, reply);
}
