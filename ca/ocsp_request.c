/*
 * OCSP requests (RFC 6960 section 4.1) from bytes to struct. The whole request
 * passes the strict DER gate before anything in it is looked at; what is behind
 * an id (status, signature) is ocsp.c's.
 *
 * requestorName is ignored and so is a signature: answers are the same for
 * everybody (RFC 9919 sections 3.1.1 and 3.1.2 allow both). They must be well
 * formed all the same.
 */
#include "ca/ocsp.h"

#include <string.h>

#include "ca/der.h"

#define OID_SHA1 "\x2b\x0e\x03\x02\x1a"
#define OID_SHA256 "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define OID_NONCE "\x2b\x06\x01\x05\x05\x07\x30\x01\x02"

/* An explicit tag around one value: [tag] { value }. */
static bool take_explicit(struct bytes *in, uint8_t tag, uint8_t inner_tag, struct bytes *content)
{
	struct bytes inner;
	return der_take(in, tag, &inner) && der_take(&inner, inner_tag, content) && inner.n == 0;
}

/* AlgorithmIdentifier of a hash: parameters NULL or absent (RFC 4055 section 2.1: both are to be taken). */
static bool take_hash_algorithm(struct bytes *in, struct bytes *oid)
{
	struct bytes sequence, null;
	if (!der_take(in, DER_SEQUENCE, &sequence) || !der_take(&sequence, DER_OID, oid))
		return false;
	return sequence.n == 0 || (der_take(&sequence, DER_NULL, &null) && sequence.n == 0);
}

/* Name and key must both be this CA's (O4): names alone can be equal in two houses, and after a key change in one. */
static const struct ca *find_issuer(const struct hierarchy *hierarchy, bool is_sha256, struct bytes name,
				    struct bytes key)
{
	for (unsigned i = 0; i < hierarchy->n; i++) {
		const struct ca *ca = &hierarchy->cas[i];
		struct bytes name_hash = is_sha256 ? BYTES_ARRAY(ca->name_sha256) : BYTES_ARRAY(ca->name_sha1);
		struct bytes key_hash = is_sha256 ? BYTES_ARRAY(ca->key_sha256) : BYTES_ARRAY(ca->key_sha1);
		if (bytes_equal(name, name_hash) && bytes_equal(key, key_hash))
			return ca;
	}
	return NULL;
}

/* CertID. An unknown hash algorithm is an issuer that we do not know. */
static bool read_cert_id(const struct hierarchy *hierarchy, const struct der_value *value, struct ocsp_cert_id *out)
{
	struct bytes in = value->content, oid, name, key;
	if (!take_hash_algorithm(&in, &oid) || !der_take(&in, DER_OCTET_STRING, &name) ||
	    !der_take(&in, DER_OCTET_STRING, &key) || !der_take(&in, DER_INTEGER, &out->serial) || in.n > 0)
		return false;
	out->der = value->whole;
	out->is_sha256 = bytes_equal(oid, BYTES_LITERAL(OID_SHA256));
	if (out->is_sha256 || bytes_equal(oid, BYTES_LITERAL(OID_SHA1)))
		out->ca = find_issuer(hierarchy, out->is_sha256, name, key);
	return true;
}

struct extension {
	struct bytes oid, value;
	bool is_critical;
};

static bool take_extension(struct bytes *in, struct extension *out)
{
	struct bytes sequence, critical;
	out->is_critical = false;
	if (!der_take(in, DER_SEQUENCE, &sequence) || !der_take(&sequence, DER_OID, &out->oid))
		return false;
	if (der_is_next(sequence, DER_BOOLEAN)) {
		if (!der_take(&sequence, DER_BOOLEAN, &critical))
			return false;
		out->is_critical = critical.p[0] != 0;
	}
	return der_take(&sequence, DER_OCTET_STRING, &out->value) && sequence.n == 0;
}

/* RFC 9654 section 2.1: an OCTET STRING of 1 to 128 octets within extnValue (O8). Twice is nobody's request. */
static bool read_nonce(struct bytes value, struct ocsp_request *out)
{
	if (out->has_nonce || !der_take(&value, DER_OCTET_STRING, &out->nonce) || value.n > 0)
		return false;
	out->has_nonce = true;
	return out->nonce.n >= 1 && out->nonce.n <= LIMIT_OCSP_NONCE;
}

/*
 * Extensions of the request, or of a single one (then `out` is NULL: none is
 * known there). What is critical and unknown must not be ignored (O9).
 */
static bool read_extensions(struct bytes *in, uint8_t tag, struct ocsp_request *out)
{
	struct bytes list;
	struct extension extension;
	if (!take_explicit(in, tag, DER_SEQUENCE, &list) || list.n == 0)
		return false;
	while (list.n > 0) {
		if (!take_extension(&list, &extension))
			return false;
		if (out != NULL && bytes_equal(extension.oid, BYTES_LITERAL(OID_NONCE))) {
			if (!read_nonce(extension.value, out))
				return false;
		} else if (extension.is_critical) {
			return false;
		}
	}
	return true;
}

static bool read_request_list(const struct hierarchy *hierarchy, struct bytes list, struct ocsp_request *out)
{
	while (list.n > 0) {
		struct bytes request;
		struct der_value cert_id;
		if (out->n_ids == LIMIT_OCSP_CERTIDS || !der_take(&list, DER_SEQUENCE, &request) ||
		    !der_next(&request, &cert_id) || cert_id.tag != DER_SEQUENCE ||
		    !read_cert_id(hierarchy, &cert_id, &out->ids[out->n_ids]))
			return false;
		if (request.n > 0 && !read_extensions(&request, DER_CONTEXT_CONSTRUCTED(0), NULL))
			return false;
		if (request.n > 0)
			return false;
		out->n_ids++;
	}
	return out->n_ids > 0; /* O17 */
}

/* TBSRequest. Some clients encode the version although v1 is the default: taken, anything else is not (O17). */
static bool read_tbs(const struct hierarchy *hierarchy, struct bytes tbs, struct ocsp_request *out)
{
	struct bytes version, name, list;
	uint64_t number = 0;
	if (der_is_next(tbs, DER_CONTEXT_CONSTRUCTED(0)) &&
	    (!take_explicit(&tbs, DER_CONTEXT_CONSTRUCTED(0), DER_INTEGER, &version) ||
	     !der_read_number(version, &number) || number != 0))
		return false;
	if (der_is_next(tbs, DER_CONTEXT_CONSTRUCTED(1)) && !der_take(&tbs, DER_CONTEXT_CONSTRUCTED(1), &name))
		return false;
	if (!der_take(&tbs, DER_SEQUENCE, &list) || !read_request_list(hierarchy, list, out))
		return false;
	if (tbs.n > 0 && !read_extensions(&tbs, DER_CONTEXT_CONSTRUCTED(2), out))
		return false;
	return tbs.n == 0;
}

/* Signature ::= SEQUENCE { AlgorithmIdentifier, BIT STRING, [0] certs OPTIONAL } */
static bool is_signature(struct bytes *in)
{
	struct bytes signature, part;
	if (!take_explicit(in, DER_CONTEXT_CONSTRUCTED(0), DER_SEQUENCE, &signature) ||
	    !der_take(&signature, DER_SEQUENCE, &part) || !der_take(&signature, DER_BIT_STRING, &part))
		return false;
	if (signature.n > 0 && !der_take(&signature, DER_CONTEXT_CONSTRUCTED(0), &part))
		return false;
	return signature.n == 0;
}

/*
 * One signature answers one request, and it is that of one CA's responder: ids
 * of two issuers, or of a stranger, are beyond what we may say (O4, O10).
 */
static bool is_of_one_known_issuer(const struct ocsp_request *request)
{
	for (unsigned i = 0; i < request->n_ids; i++)
		if (request->ids[i].ca == NULL || request->ids[i].ca != request->ids[0].ca)
			return false;
	return true;
}

enum ocsp_status ocsp_request_parse(struct op *op UNUSED, const struct hierarchy *hierarchy, struct bytes der,
				    struct ocsp_request *out)
{
	struct bytes in = der, request, tbs;
	memset(out, 0, sizeof *out);
	if (der.n > LIMIT_BODY_OCSP || !der_is_strict(der) || !der_take(&in, DER_SEQUENCE, &request))
		return OCSP_MALFORMED_REQUEST;
	if (!der_take(&request, DER_SEQUENCE, &tbs) || !read_tbs(hierarchy, tbs, out))
		return OCSP_MALFORMED_REQUEST;
	if (request.n > 0 && (!is_signature(&request) || request.n > 0))
		return OCSP_MALFORMED_REQUEST;
	return is_of_one_known_issuer(out) ? OCSP_SUCCESSFUL : OCSP_UNAUTHORIZED;
}

struct bytes ocsp_error(enum ocsp_status status)
{
	/* OCSPResponse ::= SEQUENCE { ENUMERATED }, without responseBytes (O2). */
	static const uint8_t answers[][5] = {
		[OCSP_MALFORMED_REQUEST] = { 0x30, 3, 0x0a, 1, OCSP_MALFORMED_REQUEST },
		[OCSP_INTERNAL_ERROR] = { 0x30, 3, 0x0a, 1, OCSP_INTERNAL_ERROR },
		[OCSP_TRY_LATER] = { 0x30, 3, 0x0a, 1, OCSP_TRY_LATER },
		[OCSP_SIG_REQUIRED] = { 0x30, 3, 0x0a, 1, OCSP_SIG_REQUIRED },
		[OCSP_UNAUTHORIZED] = { 0x30, 3, 0x0a, 1, OCSP_UNAUTHORIZED },
	};
	ASSERT(status != OCSP_SUCCESSFUL && (size_t)status < sizeof answers / sizeof answers[0] && answers[status][0] != 0);
	return (struct bytes){ answers[status], sizeof answers[0] };
}
