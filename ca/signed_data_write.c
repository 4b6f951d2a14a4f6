/* A SignedData of our own: version 3, since its content is not id-data (RFC 5652 section 5.1). */
#include "ca/signed_data.h"

#include "base/openssl_auto.h"
#include "ca/der.h"

/* AlgorithmIdentifiers without parameters: id-sha256, ecdsa-with-SHA256 (RFC 5754 sections 2.2 and 3.3). */
static const struct bytes sha256 = BYTES_LITERAL("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01");
static const struct bytes ecdsa_with_sha256 = BYTES_LITERAL("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");

static void put_attribute(struct buf *out, struct bytes oid, uint8_t tag, struct bytes value)
{
	size_t attribute = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, oid);
	size_t values = der_open(out, DER_SET);
	der_put(out, tag, value);
	der_close(out, values);
	der_close(out, attribute);
}

/* In the order that DER wants of a SET: the shorter one, the content type's, has the smaller length and goes first. */
static struct bytes make_attributes(struct arena *arena, struct bytes type, struct bytes content)
{
	struct buf out;
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(content, digest);
	buf_init(&out, arena, 128);
	put_attribute(&out, signed_data_content_type_oid, DER_OID, type);
	put_attribute(&out, signed_data_digest_oid, DER_OCTET_STRING, (struct bytes)BYTES_ARRAY(digest));
	return buf_as_bytes(&out);
}

static result sign(struct op *op, EVP_PKEY *key, struct bytes attributes, struct bytes *out)
{
	struct buf set;
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	size_t n = (size_t)EVP_PKEY_get_size(key);
	uint8_t *p = arena_alloc(op->arena, n);
	buf_init(&set, op->arena, attributes.n + 8);
	der_put(&set, DER_SET, attributes);
	if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(context, p, &n, set.p, set.n) != 1)
		return FAIL(op, ERR_BUG, "the key in memory did not sign a message");
	*out = (struct bytes){ p, n };
	return OK;
}

/* Version 1: the signer by issuer and serial number (section 5.3). */
static result put_signer(struct op *op, struct buf *out, struct bytes type, struct bytes content,
			 const struct signed_data_signer *signer)
{
	struct bytes issuer, serial, signature, attributes = make_attributes(op->arena, type, content);
	if (!signed_data_issuer_and_serial(signer->certificate, &issuer, &serial))
		return FAIL(op, ERR_BUG, "the signer of a message has no certificate");
	TRY(sign(op, signer->key, attributes, &signature));
	size_t info = der_open(out, DER_SEQUENCE);
	der_put_number(out, DER_INTEGER, 1);
	size_t name = der_open(out, DER_SEQUENCE);
	buf_bytes(out, issuer);
	buf_bytes(out, serial);
	der_close(out, name);
	der_put(out, DER_SEQUENCE, sha256);
	der_put(out, DER_CONTEXT_CONSTRUCTED(0), attributes);
	der_put(out, DER_SEQUENCE, ecdsa_with_sha256);
	der_put(out, DER_OCTET_STRING, signature);
	der_close(out, info);
	return OK;
}

static void put_content(struct buf *out, struct bytes type, struct bytes content)
{
	size_t encapsulated = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, type);
	size_t tagged = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	der_put(out, DER_OCTET_STRING, content);
	der_close(out, tagged);
	der_close(out, encapsulated);
}

static void put_algorithms(struct buf *out)
{
	size_t set = der_open(out, DER_SET);
	der_put(out, DER_SEQUENCE, sha256);
	der_close(out, set);
}

static void put_certificates(struct buf *out, const struct bytes *certificates, unsigned n)
{
	size_t list = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	for (unsigned i = 0; i < n; i++)
		buf_bytes(out, certificates[i]);
	der_close(out, list);
}

result signed_data_write(struct op *op, struct bytes type, struct bytes content, const struct bytes *certificates,
			 unsigned n_certificates, const struct signed_data_signer *signer, struct bytes *out)
{
	struct buf buf;
	buf_init(&buf, op->arena, 4096);
	size_t info = der_open(&buf, DER_SEQUENCE);
	der_put(&buf, DER_OID, signed_data_oid);
	size_t tagged = der_open(&buf, DER_CONTEXT_CONSTRUCTED(0));
	size_t body = der_open(&buf, DER_SEQUENCE);
	der_put_number(&buf, DER_INTEGER, 3);
	put_algorithms(&buf);
	put_content(&buf, type, content);
	put_certificates(&buf, certificates, n_certificates);
	size_t signers = der_open(&buf, DER_SET);
	TRY(put_signer(op, &buf, type, content, signer));
	der_close(&buf, signers);
	der_close(&buf, body);
	der_close(&buf, tagged);
	der_close(&buf, info);
	*out = buf_as_bytes(&buf);
	return OK;
}
