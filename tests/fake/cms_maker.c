/* See cms_maker.h. RFC 5652 sections 5 and 6. */
#include "tests/fake/cms_maker.h"

#include "base/openssl_auto.h"
#include "ca/cms.h"
#include "ca/der.h"
#include "ca/signed_data.h"

#define NOTHING BYTES_LITERAL("")

static struct bytes or(struct bytes given, struct bytes otherwise)
{
	return given.n > 0 ? given : otherwise;
}

struct bytes maker_self_signed(struct op *op, EVP_PKEY *key, const char *name)
{
	AUTO(X509) *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509V3_CTX context;
	uint8_t *der = NULL;
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, subject);
	X509_set_pubkey(certificate, key);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	AUTO(X509_EXTENSION) *identifier = X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash");
	ASSERT(identifier != NULL && X509_add_ext(certificate, identifier, -1) == 1);
	ASSERT(X509_sign(certificate, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
	int n = i2d_X509(certificate, &der);
	ASSERT(n > 0);
	struct bytes copy = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return copy;
}

struct bytes maker_attribute(struct op *op, struct bytes oid, struct bytes values)
{
	return MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, oid), MAKER_DER(op, DER_SET, values));
}

struct bytes maker_two_attributes(struct op *op, struct bytes content, const char *digest)
{
	uint8_t octets[EVP_MAX_MD_SIZE];
	size_t n = 0;
	ASSERT(EVP_Q_digest(NULL, digest, NULL, content.p, content.n, octets, &n) == 1);
	struct bytes digested = MAKER_DER(op, DER_OCTET_STRING, ((struct bytes){ octets, n }));
	return MAKER_JOIN(op, maker_attribute(op, signed_data_content_type_oid, MAKER_DER(op, DER_OID, cms_data_oid)),
			  maker_attribute(op, signed_data_digest_oid, digested));
}

static struct bytes digest_algorithm(struct op *op, const char *digest)
{
	X509_ALGOR *algorithm = X509_ALGOR_new();
	uint8_t *der = NULL;
	X509_ALGOR_set_md(algorithm, EVP_get_digestbyname(digest));
	int n = i2d_X509_ALGOR(algorithm, &der);
	struct bytes copy = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	X509_ALGOR_free(algorithm);
	OPENSSL_free(der);
	return copy;
}

static struct bytes signature_algorithm(EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		return BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00");
	if (EVP_PKEY_is_a(key, "ED25519"))
		return BYTES_LITERAL("\x30\x05\x06\x03\x2b\x65\x70");
	return BYTES_LITERAL("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
}

static struct bytes name_of(struct op *op, struct bytes certificate)
{
	struct buf out;
	buf_init(&out, op->arena, 64);
	ASSERT(cms_put_name(&out, certificate));
	return buf_as_bytes(&out);
}

struct bytes maker_signer(struct op *op, const struct maker_signed *message)
{
	const char *digest = message->digest != NULL ? message->digest : "SHA256";
	struct bytes attributes = or(message->attributes, maker_two_attributes(op, message->content, digest));
	struct bytes set = MAKER_DER(op, DER_SET, attributes);
	bool is_ed25519 = EVP_PKEY_is_a(message->key, "ED25519");
	struct bytes signature = maker_sign(op, message->key, is_ed25519 ? "" : digest, message->no_attributes ? message->content : set);
	return MAKER_DER(op, DER_SEQUENCE, or(message->signer_version, BYTES_LITERAL("\x02\x01\x01")),
			 or(message->signer_name, name_of(op, message->certificate)),
			 or(message->digest_algorithm, digest_algorithm(op, digest)),
			 message->no_attributes ? NOTHING : MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), attributes),
			 or(message->signature_algorithm, signature_algorithm(message->key)),
			 or(message->signature, MAKER_DER(op, DER_OCTET_STRING, signature)),
			 or(message->unsigned_attributes, NOTHING));
}

struct bytes maker_signed(struct op *op, const struct maker_signed *message)
{
	const char *digest = message->digest != NULL ? message->digest : "SHA256";
	struct bytes content = MAKER_DER(op, DER_OCTET_STRING, or(message->content, NOTHING));
	struct bytes encapsulated = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, cms_data_oid),
					      MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), content));
	struct bytes parts = MAKER_JOIN(
		op, or(message->version, BYTES_LITERAL("\x02\x01\x01")),
		or(message->digest_algorithms, MAKER_DER(op, DER_SET, digest_algorithm(op, digest))),
		or(message->encapsulated, encapsulated),
		or(message->certificates, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), message->certificate)),
		message->signers.n > 0 ? message->signers : MAKER_DER(op, DER_SET, maker_signer(op, message)));
	return cms_wrap(op->arena, cms_signed_data_oid, parts);
}

struct bytes maker_aes128(struct op *op, size_t n)
{
	static const uint8_t iv[64];
	return MAKER_DER(op, DER_SEQUENCE, BYTES_LITERAL("\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02"),
			 MAKER_DER(op, DER_OCTET_STRING, ((struct bytes){ iv, n })));
}

struct bytes maker_recipient(struct op *op, const struct maker_enveloped *message)
{
	static const uint8_t key[256];
	struct bytes rsa = BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00");
	return MAKER_DER(op, DER_SEQUENCE, or(message->recipient_version, BYTES_LITERAL("\x02\x01\x00")),
			 or(message->recipient_name, name_of(op, message->certificate)), or(message->key_algorithm, rsa),
			 or(message->encrypted_key, MAKER_DER(op, DER_OCTET_STRING, BYTES_ARRAY(key))));
}

struct bytes maker_enveloped(struct op *op, const struct maker_enveloped *message)
{
	static const uint8_t encrypted[32];
	struct bytes content = MAKER_DER(op, DER_SEQUENCE, or(message->type, MAKER_DER(op, DER_OID, cms_data_oid)),
					 or(message->cipher, maker_aes128(op, 16)),
					 or(message->encrypted, MAKER_DER(op, DER_CONTEXT(0), BYTES_ARRAY(encrypted))));
	struct bytes recipients = message->recipients.n > 0 ? message->recipients :
							      MAKER_DER(op, DER_SET, maker_recipient(op, message));
	struct bytes parts = MAKER_JOIN(op, or(message->version, BYTES_LITERAL("\x02\x01\x00")), or(message->originator, NOTHING),
					recipients, content, or(message->unprotected_attributes, NOTHING));
	return cms_wrap(op->arena, cms_enveloped_data_oid, parts);
}

struct bytes maker_nested(struct op *op, unsigned levels)
{
	struct bytes inner = BYTES_LITERAL("\x05\x00");
	for (unsigned i = 0; i < levels; i++)
		inner = MAKER_DER(op, DER_SEQUENCE, inner);
	return inner;
}

struct bytes maker_repeated(struct op *op, struct bytes one, unsigned n)
{
	struct buf out;
	buf_init(&out, op->arena, one.n * n);
	for (unsigned i = 0; i < n; i++)
		buf_bytes(&out, one);
	return buf_as_bytes(&out);
}
