/* PKIResponse ::= SEQUENCE { controlSequence, cmsSequence, otherMsgSequence } (RFC 5272 section 4.2.1). */
#include "protocols/est/cmc.h"

#include "ca/der.h"

enum { STATUS_SUCCESS = 0, STATUS_FAILED = 2 }; /* CMCStatus, section 6.1.3 */

/* Body parts of the answer are counted from 1. */
struct writer {
	struct buf *out;
	uint32_t body_part;
};

static size_t open_control(struct writer *w, struct bytes oid, size_t *values)
{
	size_t control = der_open(w->out, DER_SEQUENCE);
	der_put_number(w->out, DER_INTEGER, ++w->body_part);
	der_put(w->out, DER_OID, oid);
	*values = der_open(w->out, DER_SET);
	return control;
}

static void close_control(struct writer *w, size_t control, size_t values)
{
	der_close(w->out, values);
	der_close(w->out, control);
}

/* `value` whole; empty: there is nothing to repeat. */
static void put_control(struct writer *w, struct bytes oid, struct bytes value)
{
	size_t values;
	if (value.n == 0)
		return;
	size_t control = open_control(w, oid, &values);
	buf_bytes(w->out, value);
	close_control(w, control, values);
}

/* CMCStatusInfoV2 ::= SEQUENCE { cMCStatus, bodyList, statusString OPTIONAL, failInfo INTEGER OPTIONAL } */
static void put_status(struct writer *w, uint32_t body_part, const struct cmc_fault *fault, const char *text)
{
	size_t values, control = open_control(w, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x07\x19"), &values);
	size_t info = der_open(w->out, DER_SEQUENCE);
	der_put_number(w->out, DER_INTEGER, fault == NULL ? STATUS_SUCCESS : STATUS_FAILED);
	size_t list = der_open(w->out, DER_SEQUENCE);
	der_put_number(w->out, DER_INTEGER, fault == NULL ? body_part : fault->body_part);
	der_close(w->out, list);
	if (fault != NULL) {
		der_put(w->out, DER_UTF8_STRING, bytes_of_text(text));
		der_put_number(w->out, DER_INTEGER, (uint64_t)fault->info);
	}
	der_close(w->out, info);
	close_control(w, control, values);
}

static void put_nonces(struct writer *w, const struct cmc_request *request, const uint8_t nonce[CMC_NONCE_SIZE])
{
	size_t values;
	if (request->sender_nonce.n == 0)
		return;
	size_t control = open_control(w, cmc_sender_nonce_oid, &values);
	der_put(w->out, DER_OCTET_STRING, (struct bytes){ nonce, CMC_NONCE_SIZE });
	close_control(w, control, values);
	put_control(w, cmc_recipient_nonce_oid, request->sender_nonce);
}

struct bytes cmc_response(struct arena *arena, const struct cmc_request *request, const struct cmc_fault *fault,
			  const char *text, const uint8_t nonce[CMC_NONCE_SIZE])
{
	struct buf out;
	struct writer writer = { &out, 0 };
	buf_init(&out, arena, 512);
	size_t body = der_open(&out, DER_SEQUENCE);
	size_t controls = der_open(&out, DER_SEQUENCE);
	put_status(&writer, request->body_part, fault, text);
	put_control(&writer, cmc_transaction_id_oid, request->transaction_id);
	put_nonces(&writer, request, nonce);
	put_control(&writer, cmc_data_return_oid, request->data_return);
	der_close(&out, controls);
	der_put(&out, DER_SEQUENCE, BYTES_NONE);
	der_put(&out, DER_SEQUENCE, BYTES_NONE);
	der_close(&out, body);
	return buf_as_bytes(&out);
}
