/* PKIData ::= SEQUENCE { controlSequence, reqSequence, cmsSequence, otherMsgSequence } (RFC 5272 section 3.2.1). */
#include "protocols/est/cmc.h"

#include "ca/der.h"

#define CMC(arc) BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x07" arc) /* id-cmc, 1.3.6.1.5.5.7.7 */

const struct bytes cmc_pki_data_oid = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x0c\x02");
const struct bytes cmc_pki_response_oid = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x0c\x03");
const struct bytes cmc_data_return_oid = CMC("\x04");
const struct bytes cmc_transaction_id_oid = CMC("\x05");
const struct bytes cmc_sender_nonce_oid = CMC("\x06");
const struct bytes cmc_recipient_nonce_oid = CMC("\x07");

/* Body parts are told apart by their numbers (section 3.2.2). */
struct body_parts {
	uint32_t ids[CMC_CONTROLS_MAX + 1];
	unsigned n;
};

enum kind { TRANSACTION_ID, SENDER_NONCE, DATA_RETURN, N_KEPT, PASSED_OVER, IDENTITY_PROOF, UNKNOWN };

/* TaggedAttribute, taken apart. */
struct control {
	uint32_t body_part;
	enum kind kind;
	struct bytes oid; /* whole */
	struct der_value value;
};

static const struct {
	struct bytes oid;
	enum kind kind;
	uint8_t tag; /* of its only value */
} kinds[] = {
	{ CMC("\x05"), TRANSACTION_ID, DER_INTEGER },
	{ CMC("\x06"), SENDER_NONCE, DER_OCTET_STRING },
	{ CMC("\x04"), DATA_RETURN, DER_OCTET_STRING },
	{ CMC("\x02"), PASSED_OVER, DER_UTF8_STRING },      /* identification */
	{ CMC("\x03"), IDENTITY_PROOF, DER_OCTET_STRING },
	{ CMC("\x22"), IDENTITY_PROOF, DER_SEQUENCE },      /* identityProofV2 */
};

static bool take_body_part(struct bytes *in, struct body_parts *parts, uint32_t *out)
{
	struct bytes content;
	uint64_t number;
	if (!der_take(in, DER_INTEGER, &content) || !der_read_number(content, &number) || number == 0 || number > UINT32_MAX ||
	    parts->n == CMC_CONTROLS_MAX + 1)
		return false;
	for (unsigned i = 0; i < parts->n; i++)
		if (parts->ids[i] == number)
			return false;
	parts->ids[parts->n++] = *out = (uint32_t)number;
	return true;
}

/* TaggedAttribute ::= SEQUENCE { bodyPartID, attrType, attrValues SET } */
static bool take_control(struct bytes *in, struct body_parts *parts, struct control *out)
{
	struct bytes fields, values, oid;
	struct der_value type;
	if (!der_take(in, DER_SEQUENCE, &fields) || !take_body_part(&fields, parts, &out->body_part) || !der_next(&fields, &type) ||
	    type.tag != DER_OID || !der_take(&fields, DER_SET, &values) || fields.n != 0)
		return false;
	oid = type.content;
	out->oid = type.whole;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!bytes_equal(kinds[i].oid, oid))
			continue;
		out->kind = kinds[i].kind;
		return der_next(&values, &out->value) && values.n == 0 && out->value.tag == kinds[i].tag;
	}
	return true;
}

static bool keep(const struct control *control, struct cmc_request *out)
{
	struct bytes *const places[N_KEPT] = { [TRANSACTION_ID] = &out->transaction_id,
					       [SENDER_NONCE] = &out->sender_nonce,
					       [DATA_RETURN] = &out->data_return };
	struct bytes *place = places[control->kind];
	if (place->n > 0 || control->value.whole.n > CMC_VALUE_MAX)
		return false;
	*place = control->value.whole;
	return true;
}

static result refuse(struct op *op, struct cmc_request *out, enum cmc_fail_info info, uint32_t body_part, const char *why)
{
	out->fault = (struct cmc_fault){ info, body_part };
	return FAIL(op, ERR_MALFORMED, "%s", why);
}

/* All of them, so that what is to be repeated is known when one of the others is refused: *refused. */
static result read_controls(struct op *op, struct bytes list, struct body_parts *parts, struct cmc_request *out,
			    struct control *refused)
{
	for (unsigned n = 0; list.n > 0; n++) {
		struct control control = { .kind = UNKNOWN };
		if (n == CMC_CONTROLS_MAX || !take_control(&list, parts, &control) ||
		    (control.kind < N_KEPT && !keep(&control, out)))
			return refuse(op, out, CMC_BAD_REQUEST, 0, "the controls of the message are malformed, too many, or there twice");
		if (control.kind > PASSED_OVER && refused->body_part == 0)
			*refused = control;
	}
	return OK;
}

static result check_refused(struct op *op, struct cmc_request *out, const struct control *refused)
{
	if (refused->body_part == 0)
		return OK;
	if (refused->kind == IDENTITY_PROOF)
		return refuse(op, out, CMC_BAD_IDENTITY, refused->body_part,
			      "there are no shared secrets for identity proofs here; say who you are as EST has it");
	return refuse(op, out, CMC_BAD_REQUEST, refused->body_part, "a control of the message is not understood here");
}

/* TaggedRequest ::= CHOICE { tcr [0] SEQUENCE { bodyPartID, certificationRequest }, crm [1], orm [2] } */
static result read_request(struct op *op, struct bytes list, struct body_parts *parts, struct cmc_request *out)
{
	struct der_value request, csr;
	struct bytes fields;
	if (!der_next(&list, &request) || list.n != 0)
		return refuse(op, out, CMC_BAD_REQUEST, 0, "the message has to have exactly one request");
	if (request.tag != DER_CONTEXT_CONSTRUCTED(0))
		return refuse(op, out, CMC_BAD_REQUEST, 0, "the request has to be a PKCS #10 request; others, such as CRMF, are not taken");
	fields = request.content;
	if (!take_body_part(&fields, parts, &out->body_part) || !der_next(&fields, &csr) || csr.tag != DER_SEQUENCE || fields.n != 0)
		return refuse(op, out, CMC_BAD_REQUEST, 0, "the request of the message is malformed");
	out->csr = csr.whole;
	return OK;
}

result cmc_request_read(struct op *op, struct bytes pki_data, struct cmc_request *out)
{
	struct bytes fields, controls, requests, messages, others;
	struct body_parts parts = { .n = 0 };
	struct control refused = { .body_part = 0 };
	*out = (struct cmc_request){ .fault = { CMC_BAD_REQUEST, 0 } };
	if (!der_is_strict(pki_data) || !der_take(&pki_data, DER_SEQUENCE, &fields) ||
	    !der_take(&fields, DER_SEQUENCE, &controls) || !der_take(&fields, DER_SEQUENCE, &requests) ||
	    !der_take(&fields, DER_SEQUENCE, &messages) || !der_take(&fields, DER_SEQUENCE, &others) || fields.n != 0)
		return refuse(op, out, CMC_BAD_REQUEST, 0, "the content of the message is not a CMC PKIData in strict DER");
	TRY(read_controls(op, controls, &parts, out, &refused));
	if (messages.n > 0 || others.n > 0)
		return refuse(op, out, CMC_BAD_REQUEST, 0, "messages within the message are not taken");
	TRY(read_request(op, requests, &parts, out));
	return check_refused(op, out, &refused);
}
