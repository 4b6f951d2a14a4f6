/* Writing OCSP answers; see ocsp_response.h. */
#include "ca/ocsp_response.h"

#include <time.h>

#include "ca/der.h"
#include "ca/tbs.h"

#define OID_BASIC_RESPONSE BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x01")
#define OID_NONCE BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x02")

/* OCSP has GeneralizedTime in every year, whole seconds, Z (O7). */
static void put_time(struct buf *out, int64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm tm;
	ASSERT(gmtime_r(&t, &tm) != NULL);
	size_t mark = der_open(out, DER_GENERALIZED_TIME);
	buf_printf(out, "%04d%02d%02d%02d%02d%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		   tm.tm_sec);
	der_close(out, mark);
}

static void put_revoked_info(struct buf *out, const struct ocsp_single *single)
{
	size_t info = der_open(out, DER_CONTEXT_CONSTRUCTED(1));
	put_time(out, single->revoked_s);
	if (single->reason != 0) {
		size_t reason = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
		der_put_number(out, DER_ENUMERATED, (uint64_t)single->reason);
		der_close(out, reason);
	}
	der_close(out, info);
}

static void put_single(struct buf *out, const struct ocsp_cert_id *id, const struct ocsp_single *single,
		       const struct ocsp_response *response)
{
	size_t mark = der_open(out, DER_SEQUENCE);
	buf_bytes(out, id->der);
	if (single->status == OCSP_REVOKED)
		put_revoked_info(out, single);
	else
		der_put(out, single->status == OCSP_GOOD ? DER_CONTEXT(0) : DER_CONTEXT(2), BYTES_NONE);
	put_time(out, response->this_update_s);
	size_t next = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	put_time(out, response->next_update_s);
	der_close(out, next);
	der_close(out, mark);
}

/* RFC 9654 section 2.1: the very octets, not critical (O8). */
static void put_nonce(struct buf *out, struct bytes nonce)
{
	size_t tag = der_open(out, DER_CONTEXT_CONSTRUCTED(1));
	size_t list = der_open(out, DER_SEQUENCE);
	size_t extension = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, OID_NONCE);
	size_t value = der_open(out, DER_OCTET_STRING);
	der_put(out, DER_OCTET_STRING, nonce);
	der_close(out, value);
	der_close(out, extension);
	der_close(out, list);
	der_close(out, tag);
}

struct bytes ocsp_response_data(struct op *op, const struct ocsp_response *response, const struct responder *responder)
{
	const struct ocsp_request *request = response->request;
	struct buf out;
	buf_init(&out, op->arena, 512);
	size_t data = der_open(&out, DER_SEQUENCE);
	size_t id = der_open(&out, DER_CONTEXT_CONSTRUCTED(2));
	der_put(&out, DER_OCTET_STRING, BYTES_ARRAY(responder->key_hash));
	der_close(&out, id);
	put_time(&out, response->this_update_s); /* producedAt: signed when asked */
	size_t list = der_open(&out, DER_SEQUENCE);
	for (unsigned i = 0; i < request->n_ids; i++)
		put_single(&out, &request->ids[i], &response->singles[i], response);
	der_close(&out, list);
	if (request->has_nonce)
		put_nonce(&out, request->nonce);
	der_close(&out, data);
	return buf_as_bytes(&out);
}

/* BasicOCSPResponse: a certificate's form, with the responder's certificate behind it (O5). */
static void put_basic(struct buf *out, struct bytes data, const struct responder *responder, struct bytes signature)
{
	size_t basic = der_open(out, DER_SEQUENCE);
	buf_bytes(out, data);
	buf_bytes(out, tbs_signature_algorithm(responder->key_type));
	size_t bits = der_open(out, DER_BIT_STRING);
	buf_byte(out, 0);
	buf_bytes(out, signature);
	der_close(out, bits);
	size_t certs = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	der_put(out, DER_SEQUENCE, responder->certificate);
	der_close(out, certs);
	der_close(out, basic);
}

struct bytes ocsp_response_whole(struct op *op, struct bytes data, const struct responder *responder,
				 struct bytes signature)
{
	struct buf out;
	buf_init(&out, op->arena, data.n + responder->certificate.n + signature.n + 128);
	size_t whole = der_open(&out, DER_SEQUENCE);
	der_put_number(&out, DER_ENUMERATED, OCSP_SUCCESSFUL);
	size_t tag = der_open(&out, DER_CONTEXT_CONSTRUCTED(0));
	size_t bytes = der_open(&out, DER_SEQUENCE);
	der_put(&out, DER_OID, OID_BASIC_RESPONSE);
	size_t octets = der_open(&out, DER_OCTET_STRING);
	put_basic(&out, data, responder, signature);
	der_close(&out, octets);
	der_close(&out, bytes);
	der_close(&out, tag);
	der_close(&out, whole);
	return buf_as_bytes(&out);
}
