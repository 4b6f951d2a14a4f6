/* SignedData and the one SignerInfo in it, from the inside to the outside (RFC 5652 sections 5.1 and 5.3). */
#include "ca/signed_data.h"

#include <stdlib.h>

#include "base/openssl_auto.h"
#include "ca/cms.h"

/* Contents of AlgorithmIdentifiers: digests without parameters, RSA with NULL (RFC 5754 sections 2 and 3, RFC 3370). */
static const struct algorithm {
	struct bytes digest, signature;
	const char *digest_name;
} algorithms[] = {
	[SIGNED_ECDSA_SHA256] = { BYTES_LITERAL("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"),
				  BYTES_LITERAL("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"), "SHA256" },
	[SIGNED_ECDSA_SHA384] = { BYTES_LITERAL("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"),
				  BYTES_LITERAL("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"), "SHA384" },
	[SIGNED_RSA_SHA256] = { BYTES_LITERAL("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"),
				BYTES_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"), "SHA256" },
	[SIGNED_RSA_SHA1] = { BYTES_LITERAL("\x06\x05\x2b\x0e\x03\x02\x1a"),
			      BYTES_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"), "SHA1" },
};

/* Attribute ::= SEQUENCE { attrType, attrValues SET }; `value` is whole. */
static struct bytes make_attribute(struct arena *arena, struct bytes oid, struct bytes value)
{
	struct buf out;
	buf_init(&out, arena, oid.n + value.n + 16);
	size_t attribute = der_open(&out, DER_SEQUENCE);
	der_put(&out, DER_OID, oid);
	der_put(&out, DER_SET, value);
	der_close(&out, attribute);
	return buf_as_bytes(&out);
}

static struct bytes make_value(struct arena *arena, uint8_t tag, struct bytes content)
{
	struct buf out;
	buf_init(&out, arena, content.n + 8);
	der_put(&out, tag, content);
	return buf_as_bytes(&out);
}

static int compare(const void *a, const void *b)
{
	return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* What is signed is a SET in DER, so that it is in ascending order (X.690 section 11.6). */
static struct bytes make_attributes(struct arena *arena, const struct signed_data_writing *writing)
{
	struct buf out;
	uint8_t digest[EVP_MAX_MD_SIZE];
	size_t n_digest, n = writing->n_attributes;
	ASSERT(EVP_Q_digest(NULL, algorithms[writing->algorithm].digest_name, NULL, writing->content.p, writing->content.n,
			    digest, &n_digest) == 1);
	struct bytes *all = arena_alloc_array(arena, n + 2, sizeof *all);
	for (unsigned i = 0; i < n; i++)
		all[i] = make_attribute(arena, writing->attributes[i].oid, writing->attributes[i].value);
	all[n] = make_attribute(arena, signed_data_content_type_oid, make_value(arena, DER_OID, writing->type));
	all[n + 1] = make_attribute(arena, signed_data_digest_oid,
				    make_value(arena, DER_OCTET_STRING, (struct bytes){ digest, n_digest }));
	qsort(all, n + 2, sizeof *all, compare);
	buf_init(&out, arena, 512);
	size_t set = der_open(&out, DER_SET);
	for (size_t i = 0; i < n + 2; i++)
		buf_bytes(&out, all[i]);
	der_close(&out, set);
	return buf_as_bytes(&out);
}

/* Version 1: the signer by issuer and serial number. */
static result put_signer(struct op *op, struct buf *out, const struct signed_data_writing *writing)
{
	struct bytes list, signature, attributes = make_attributes(op->arena, writing), rest = attributes;
	TRY(writing->sign(op, writing->arg, attributes, &signature));
	ASSERT(der_take(&rest, DER_SET, &list));
	size_t info = der_open(out, DER_SEQUENCE);
	der_put_number(out, DER_INTEGER, 1);
	if (!cms_put_name(out, writing->signer))
		return FAIL(op, ERR_BUG, "the signer of a message has no certificate");
	der_put(out, DER_SEQUENCE, algorithms[writing->algorithm].digest);
	der_put(out, DER_CONTEXT_CONSTRUCTED(0), list); /* the SET that was signed, by its other tag (section 5.4) */
	der_put(out, DER_SEQUENCE, algorithms[writing->algorithm].signature);
	der_put(out, DER_OCTET_STRING, signature);
	der_close(out, info);
	return OK;
}

static void put_content(struct buf *out, const struct signed_data_writing *writing)
{
	size_t encapsulated = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, writing->type);
	if (!writing->has_no_content) {
		size_t tagged = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
		der_put(out, DER_OCTET_STRING, writing->content);
		der_close(out, tagged);
	}
	der_close(out, encapsulated);
}

static void put_algorithms(struct buf *out, struct bytes digest)
{
	size_t set = der_open(out, DER_SET);
	der_put(out, DER_SEQUENCE, digest);
	der_close(out, set);
}

static void put_certificates(struct buf *out, const struct bytes *certificates, unsigned n)
{
	if (n == 0)
		return;
	size_t list = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	for (unsigned i = 0; i < n; i++)
		buf_bytes(out, certificates[i]);
	der_close(out, list);
}

/* Version 1 is for id-data alone, 3 for contents of other types. */
result signed_data_write_by(struct op *op, const struct signed_data_writing *writing, struct bytes *out)
{
	struct buf body;
	ASSERT(!writing->has_no_content || writing->content.n == 0);
	buf_init(&body, op->arena, 4096);
	der_put_number(&body, DER_INTEGER, bytes_equal(writing->type, cms_data_oid) ? 1 : 3);
	put_algorithms(&body, algorithms[writing->algorithm].digest);
	put_content(&body, writing);
	put_certificates(&body, writing->certificates, writing->n_certificates);
	size_t signers = der_open(&body, DER_SET);
	TRY(put_signer(op, &body, writing));
	der_close(&body, signers);
	*out = cms_wrap(op->arena, cms_signed_data_oid, buf_as_bytes(&body));
	return OK;
}

static result sign_with_key(struct op *op, void *arg, struct bytes attributes, struct bytes *signature)
{
	EVP_PKEY *key = arg;
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	size_t n = (size_t)EVP_PKEY_get_size(key);
	uint8_t *p = arena_alloc(op->arena, n);
	if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(context, p, &n, attributes.p, attributes.n) != 1)
		return FAIL(op, ERR_BUG, "the key in memory did not sign a message");
	*signature = (struct bytes){ p, n };
	return OK;
}

result signed_data_write(struct op *op, struct bytes type, struct bytes content, const struct bytes *certificates,
			 unsigned n_certificates, const struct signed_data_signer *signer, struct bytes *out)
{
	const struct signed_data_writing writing = { .type = type,
						     .content = content,
						     .certificates = certificates,
						     .n_certificates = n_certificates,
						     .algorithm = SIGNED_ECDSA_SHA256,
						     .signer = signer->certificate,
						     .sign = sign_with_key,
						     .arg = signer->key };
	return signed_data_write_by(op, &writing, out);
}
