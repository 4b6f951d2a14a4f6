/* By the store, for certificates of ours; by nothing else, since there are no anchors but our own. */
#include "protocols/scep/signer.h"

#include "base/text.h"

static void make_hash(const char *kind, struct bytes what, uint8_t hash[SHA256_SIZE])
{
	const struct bytes parts[] = { bytes_of_text(kind), what };
	bytes_sha256_parts(parts, 2, hash);
}

static bool is_enrollment(const struct scep_request *request)
{
	int type = request->message.type;
	return type == SCEP_PKCS_REQ || type == SCEP_RENEWAL_REQ || type == SCEP_CERT_POLL;
}

/* A certificate of another endpoint's profile opens nothing here (V11). */
static result check_endpoint(struct op *op, const struct scep_request *request)
{
	const struct client_certificate *c = &request->certificate;
	const struct config_profile *profile = request->profile;
	if (!text_equal(c->ca, profile->ca) || !text_equal(c->profile, profile->name))
		return FAIL(op, ERR_DENIED, "the signer's certificate is of CA %s and profile %s, and this endpoint's are %s and %s", c->ca,
			    c->profile, profile->ca, profile->name);
	if (is_enrollment(request) && !request->settings->has_renewal)
		return FAIL(op, ERR_DENIED, "this endpoint renews no certificates");
	return OK;
}

static result judge(struct op *op, struct scep_request *request)
{
	const struct scep_message *message = &request->message;
	if (message->is_self_issued) {
		make_hash("key", message->spki, request->signer_hash);
		if (message->type != SCEP_PKCS_REQ && message->type != SCEP_CERT_POLL)
			return FAIL(op, ERR_UNAUTHENTIC, "this message has to be signed with a certificate of this endpoint");
		return OK;
	}
	int64_t late_s = is_enrollment(request) ? request->settings->renewal_after_expiry_s : 0;
	TRY(client_certificate_judge_signer(op, request->authority, message->signer, late_s, &request->certificate));
	make_hash("certificate", message->signer, request->signer_hash);
	return check_endpoint(op, request);
}

result scep_judge_signer(struct op *op, struct scep_request *request)
{
	result r = judge(op, request);
	if (r.err == ERR_UNAUTHENTIC || r.err == ERR_DENIED)
		scep_record_refusal(op, request, AUDIT_AUTHENTICATION_REFUSED, NULL);
	return r;
}
