/* PKCSReq, RenewalReq and CertPoll (RFC 8894 sections 3.3.1 and 3.3.3). */
#include "protocols/scep/messages.h"
#include "protocols/scep/transaction.h"
#include "protocols/scep/unwrap.h"

/*
 * A CSR that is none, or whose signature does not fit, is as bad as a message that
 * cannot be opened, and is answered alike and about as soon: whoever changes an
 * intercepted message learns nothing of what is in it. What a whole CSR asks for
 * is told in words, to who has its key or a certificate: others have it from
 * somebody else, and would get an answer that only they can read (S4).
 */
static result read_csr(struct op *op, struct scep_request *request, struct csr *out)
{
	const struct csr_rules rules = scep_csr_rules(request);
	struct bytes spki;
	TRY(scep_unwrap(op, request));
	if (!csr_is_whole(op, request->content, &rules, &spki))
		return scep_bad_message(op);
	if (request->certificate.x509 == NULL && !bytes_equal(spki, request->message.spki))
		return FAIL(op, ERR_DENIED, "the message is signed with another key than the one to be certified");
	result r = csr_parse(op, request->content, &rules, out);
	if (r.err == ERR_POLICY)
		scep_record_refusal(op, request, AUDIT_ISSUANCE_REFUSED, NULL);
	TRY(r);
	request->has_sha1_csr = out->is_sha1;
	return OK;
}

result scep_enroll(struct op *op, struct scep_request *request, struct scep_answer *answer)
{
	struct csr csr;
	struct enrollment row;
	TRY(read_csr(op, request, &csr));
	TRY(scep_enrollment_open(op, request, &csr, request->content, &row));
	return scep_enrollment_finish(op, request, &row, answer);
}

static result unknown(struct op *op)
{
	return FAIL_CODE(op, ERR_NOT_FOUND, SCEP_CODE(SCEP_BAD_CERT_ID),
			 "no request of this transaction and this signer is under way here, or it ended long ago");
}

/* IssuerAndSubject ::= SEQUENCE { issuer Name, subject Name } */
static bool is_about(struct bytes content, struct bytes issuer, struct bytes subject)
{
	struct bytes fields;
	struct der_value first, second;
	return der_take(&content, DER_SEQUENCE, &fields) && content.n == 0 && der_next(&fields, &first) &&
	       der_next(&fields, &second) && fields.n == 0 && bytes_equal(first.whole, issuer) && bytes_equal(second.whole, subject);
}

/*
 * SP11: all of transaction, signer, issuer and subject are those of the request. Who
 * has none under way is not decrypted for, and of any other content it is not said
 * what it is.
 */
result scep_poll(struct op *op, struct scep_request *request, struct scep_answer *answer)
{
	const struct ca *ca;
	struct enrollment row;
	struct bytes subject;
	TRY(scep_find_ca(op, request, &ca));
	result r = scep_transaction_find(op, request, &row, &subject);
	if (r.err == ERR_NOT_FOUND)
		return unknown(op);
	TRY(r);
	TRY(scep_unwrap(op, request));
	return is_about(request->content, ca->subject, subject) ? scep_enrollment_finish(op, request, &row, answer) :
								  scep_bad_message(op);
}
