/*
 * Requests from outside (RFC 2986). The bytes pass a DER gate of our own, our
 * reader takes them apart, and OpenSSL only verifies the proof of possession,
 * over the very bytes that were read.
 */
#include "ca/csr.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/csr_names.h"
#include "ca/der.h"
#include "ca/key_check.h"

/* CertificationRequestInfo, taken apart. */
struct request_info {
	struct bytes subject;    /* content of the Name */
	struct bytes spki;       /* whole */
	struct bytes attributes; /* content of [0] */
};

/* CertificationRequestInfo ::= SEQUENCE { version, subject Name, subjectPKInfo, attributes [0] } */
static result split_info(struct op *op, struct bytes info, struct request_info *out)
{
	struct bytes version;
	struct der_value spki;
	uint64_t number;
	if (!der_take(&info, DER_INTEGER, &version))
		return FAIL(op, ERR_MALFORMED, "the CSR is not a PKCS #10 request");
	if (!der_read_number(version, &number) || number != 0)
		return FAIL(op, ERR_MALFORMED, "the CSR is not of version 1, the only one there is");
	if (!der_take(&info, DER_SEQUENCE, &out->subject) || !der_next(&info, &spki) || spki.tag != DER_SEQUENCE ||
	    !der_take(&info, DER_CONTEXT_CONSTRUCTED(0), &out->attributes) || info.n != 0)
		return FAIL(op, ERR_MALFORMED, "the CSR is not a PKCS #10 request");
	out->spki = spki.whole;
	return OK;
}

/* CertificationRequest ::= SEQUENCE { info, signatureAlgorithm, signature BIT STRING } */
static result split_request(struct op *op, struct bytes der, struct request_info *out)
{
	struct bytes request, info, algorithm, signature;
	if (!der_is_strict(der))
		return FAIL(op, ERR_MALFORMED, "the CSR is not one value in strict DER (X.690): BER, or bytes behind its end");
	if (!der_take(&der, DER_SEQUENCE, &request) || !der_take(&request, DER_SEQUENCE, &info) ||
	    !der_take(&request, DER_SEQUENCE, &algorithm) || !der_take(&request, DER_BIT_STRING, &signature) ||
	    request.n != 0)
		return FAIL(op, ERR_MALFORMED, "the CSR is not a PKCS #10 request");
	return split_info(op, info, out);
}

static bool is_strong_signature(int nid)
{
	static const int allowed[] = { NID_ecdsa_with_SHA256,	    NID_ecdsa_with_SHA384,	 NID_ecdsa_with_SHA512,
				       NID_sha256WithRSAEncryption, NID_sha384WithRSAEncryption, NID_sha512WithRSAEncryption,
				       NID_ED25519 };
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		if (allowed[i] == nid)
			return true;
	}
	return false;
}

/* The requester holds the private key: RFC 2986 section 3, the signature over the info. */
static result check_possession(struct op *op, struct bytes der)
{
	const uint8_t *p = der.p;
	AUTO(X509_REQ) *request = d2i_X509_REQ(NULL, &p, (long)der.n);
	if (request == NULL || p != der.p + der.n)
		return FAIL(op, ERR_MALFORMED, "the CSR is not a PKCS #10 request");
	int nid = X509_REQ_get_signature_nid(request);
	if (!is_strong_signature(nid))
		return FAIL(op, ERR_POLICY, "the CSR is signed with %s: use SHA-256, SHA-384 or SHA-512 with ECDSA or RSA "
					    "(PKCS #1 v1.5), or Ed25519",
			    nid == NID_undef ? "an unknown algorithm" : OBJ_nid2sn(nid));
	EVP_PKEY *key = X509_REQ_get0_pubkey(request);
	if (key == NULL || X509_REQ_verify(request, key) != 1)
		return FAIL(op, ERR_MALFORMED, "the CSR's signature does not verify with its own key");
	return OK;
}

result csr_parse(struct op *op, struct bytes der, struct csr *out)
{
	struct request_info info;
	struct csr_names names;
	if (der.n > LIMIT_CSR_BYTES)
		return FAIL(op, ERR_MALFORMED, "the CSR has %zu bytes; %d are allowed", der.n, LIMIT_CSR_BYTES);
	TRY(split_request(op, der, &info));
	csr_names_init(op, &names);
	TRY(csr_names_from_subject(op, info.subject, &names));
	TRY(csr_names_from_attributes(op, info.attributes, &names));
	*out = (struct csr){ 0 };
	TRY(key_check_spki(op, info.spki, &out->key_type));
	TRY(check_possession(op, der)); /* last: it costs the most */

	uint8_t *hash = arena_alloc(op->arena, SHA256_SIZE);
	bytes_sha256(der, hash);
	out->hash = (struct bytes){ hash, SHA256_SIZE };
	out->spki = arena_bytes(op->arena, info.spki);
	out->common_name = names.common_name;
	out->identifiers = names.identifiers;
	out->n_identifiers = names.n;
	identifiers_sort(out->identifiers, &out->n_identifiers);
	return OK;
}

static result pem_decode(struct op *op, struct bytes content, struct bytes *der)
{
	AUTO(BIO) *bio = BIO_new_mem_buf(content.p, (int)content.n);
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long n = 0;
	if (bio == NULL || PEM_read_bio(bio, &name, &header, &data, &n) != 1)
		return FAIL(op, ERR_MALFORMED, "the file holds no CSR: neither PEM (\"BEGIN CERTIFICATE REQUEST\") nor DER");
	bool is_request = text_equal(name, PEM_STRING_X509_REQ) || text_equal(name, PEM_STRING_X509_REQ_OLD);
	const char *what = arena_text(op->arena, name);
	if (is_request)
		*der = arena_bytes(op->arena, (struct bytes){ data, (size_t)n });
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(data, (size_t)n); /* somebody's private key, given by mistake */
	if (!is_request)
		return FAIL(op, ERR_MALFORMED, "the file holds a PEM \"%s\", not a CERTIFICATE REQUEST", what);
	return OK;
}

result csr_parse_file(struct op *op, struct bytes content, struct csr *out)
{
	/* Base64 and text around it: twice the DER is ample, and what BIO takes stays an int. */
	if (content.n > 2 * LIMIT_CSR_BYTES)
		return FAIL(op, ERR_MALFORMED, "the file has %zu bytes: too many for a CSR", content.n);
	if (der_is_next(content, DER_SEQUENCE))
		return csr_parse(op, content, out);
	struct bytes der;
	TRY(pem_decode(op, content, &der));
	return csr_parse(op, der, out);
}
