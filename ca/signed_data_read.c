/* ContentInfo -> SignedData -> SignerInfo, from the outside to the inside (RFC 5652 sections 3 and 5). */
#include "ca/signed_data.h"

#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/cms.h"
#include "ca/public_key.h"

const struct bytes signed_data_content_type_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03");
const struct bytes signed_data_digest_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04");

/* RFC 5754 section 2, RFC 3370 section 2.1: parameters are absent, or NULL. */
static const struct digest {
	struct bytes oid;
	const char *name;
} digests[] = {
	{ BYTES_LITERAL("\x2b\x0e\x03\x02\x1a"), "SHA1" },
	{ BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), "SHA256" },
	{ BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), "SHA384" },
	{ BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), "SHA512" },
};

/* SignerInfo, taken apart. */
struct signer {
	struct bytes digest_algorithm, attributes, signature_algorithm; /* contents */
};

static result malformed(struct op *op)
{
	return FAIL(op, ERR_MALFORMED, "the message is not a CMS SignedData with one signer and signed attributes");
}

/* EncapsulatedContentInfo ::= SEQUENCE { eContentType, eContent [0] EXPLICIT OCTET STRING OPTIONAL } */
static bool take_encapsulated(struct bytes *in, const struct signed_data_rules *rules, struct signed_data *out)
{
	struct bytes fields, content;
	if (!der_take(in, DER_SEQUENCE, &fields) || !der_take(&fields, DER_OID, &out->type))
		return false;
	out->has_content = fields.n > 0;
	if (!out->has_content)
		return rules->takes_no_content;
	return der_take(&fields, DER_CONTEXT_CONSTRUCTED(0), &content) && fields.n == 0 &&
	       der_take(&content, DER_OCTET_STRING, &out->content) && content.n == 0;
}

/* certificates [0]: choices other than Certificate have tags of their own, and are of no use here. */
static bool take_certificates(struct bytes *in, struct signed_data *out)
{
	struct bytes list, revocations;
	struct der_value value;
	if (der_is_next(*in, DER_CONTEXT_CONSTRUCTED(0))) {
		if (!der_take(in, DER_CONTEXT_CONSTRUCTED(0), &list))
			return false;
		while (der_next(&list, &value))
			if (value.tag == DER_SEQUENCE && out->n_certificates < SIGNED_DATA_CERTIFICATES)
				out->certificates[out->n_certificates++] = value.whole;
	}
	return !der_is_next(*in, DER_CONTEXT_CONSTRUCTED(1)) || der_take(in, DER_CONTEXT_CONSTRUCTED(1), &revocations);
}

/* Version 1 goes with issuer and serial number, 3 with the identifier of a key (section 5.3). */
static bool take_signer_identifier(struct bytes *in, struct signed_data *out)
{
	struct bytes version, identifier;
	uint64_t number;
	if (!der_take(in, DER_INTEGER, &version) || !der_read_number(version, &number))
		return false;
	if (number == 1)
		return der_take(in, DER_SEQUENCE, &out->issuer_and_serial);
	return number == 3 && der_take(in, DER_CONTEXT(0), &identifier);
}

/*
 * SignerInfo ::= SEQUENCE { version, sid, digestAlgorithm, signedAttrs [0],
 * signatureAlgorithm, signature, unsignedAttrs [1] }. Without signed attributes the
 * type of the content would not be signed (section 5.3 demands them).
 */
static bool take_signer(struct bytes *in, struct signed_data *out, struct signer *signer)
{
	struct bytes fields, unsigned_attributes;
	if (!der_take(in, DER_SEQUENCE, &fields) || !take_signer_identifier(&fields, out) ||
	    !der_take(&fields, DER_SEQUENCE, &signer->digest_algorithm) ||
	    !der_take(&fields, DER_CONTEXT_CONSTRUCTED(0), &signer->attributes) ||
	    !der_take(&fields, DER_SEQUENCE, &signer->signature_algorithm) ||
	    !der_take(&fields, DER_OCTET_STRING, &out->signature))
		return false;
	return fields.n == 0 || (der_take(&fields, DER_CONTEXT_CONSTRUCTED(1), &unsigned_attributes) && fields.n == 0);
}

/* Section 5.1 leaves it open whether digestAlgorithms says the truth, or anything: it is not used, but empty it is refused. */
static bool split(struct bytes der, const struct signed_data_rules *rules, struct signed_data *out, struct signer *signer)
{
	struct bytes fields, version, algorithms, signers;
	return cms_open(der, cms_signed_data_oid, &fields) && der_take(&fields, DER_INTEGER, &version) &&
	       der_take(&fields, DER_SET, &algorithms) && algorithms.n > 0 && take_encapsulated(&fields, rules, out) &&
	       take_certificates(&fields, out) && der_take(&fields, DER_SET, &signers) && fields.n == 0 &&
	       take_signer(&signers, out, signer) && signers.n == 0;
}

static const char *digest_of(struct bytes algorithm)
{
	for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
		if (cms_is_algorithm(algorithm, digests[i].oid))
			return digests[i].name;
	return NULL;
}

/* RFC 5754 section 3.2: with RSA, most name the key's algorithm alone, and the digest is that of the message. */
static const struct signature_algorithm *algorithm_of(struct bytes algorithm, const char *digest)
{
	bool is_rsa = cms_is_algorithm(algorithm, cms_rsa_oid);
	if (text_equal(digest, "SHA1"))
		return is_rsa || cms_is_algorithm(algorithm, signature_rsa_sha1.oid) ? &signature_rsa_sha1 : NULL;
	return is_rsa ? signature_algorithm_of("RSA", digest) : signature_algorithm_find(algorithm);
}

/* What it is signed with, and whether that counts. */
static bool choose_algorithms(const struct signer *signer, const struct signed_data_rules *rules, struct signed_data *out)
{
	out->digest = digest_of(signer->digest_algorithm);
	out->is_sha1 = out->digest != NULL && text_equal(out->digest, "SHA1");
	if (out->digest == NULL || (out->is_sha1 && !rules->takes_sha1))
		return false;
	out->algorithm = algorithm_of(signer->signature_algorithm, out->digest);
	return out->algorithm != NULL && (out->algorithm->digest == NULL || text_equal(out->algorithm->digest, out->digest));
}

/* Exactly once, with exactly one value (section 11). */
bool signed_data_attribute(const struct signed_data *message, struct bytes oid, struct der_value *out)
{
	struct bytes set = message->attributes, list, attribute, type, values;
	unsigned n = 0;
	if (!der_take(&set, DER_SET, &list))
		return false;
	while (list.n > 0) {
		if (!der_take(&list, DER_SEQUENCE, &attribute) || !der_take(&attribute, DER_OID, &type) ||
		    !der_take(&attribute, DER_SET, &values) || attribute.n != 0)
			return false;
		if (!bytes_equal(type, oid))
			continue;
		if (!der_next(&values, out) || values.n != 0)
			return false;
		n++;
	}
	return n == 1;
}

/* The content has this digest. */
static bool is_digest_right(const char *name, struct bytes content, struct bytes expected)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	size_t n = 0;
	return EVP_Q_digest(NULL, name, NULL, content.p, content.n, digest, &n) == 1 &&
	       bytes_equal(expected, (struct bytes){ digest, n });
}

static result check_attributes(struct op *op, const struct signed_data *message)
{
	struct der_value type, digest;
	if (!signed_data_attribute(message, signed_data_content_type_oid, &type) || type.tag != DER_OID ||
	    !signed_data_attribute(message, signed_data_digest_oid, &digest) || digest.tag != DER_OCTET_STRING)
		return malformed(op);
	if (!bytes_equal(type.content, message->type) || !is_digest_right(message->digest, message->content, digest.content))
		return FAIL(op, ERR_MALFORMED, "what the message signs is not its content");
	return OK;
}

/* Section 5.4: not the octets of [0] are signed, but those of a SET with the same content. */
static struct bytes attributes_to_set(struct arena *arena, struct bytes attributes)
{
	struct buf out;
	buf_init(&out, arena, attributes.n + 8);
	der_put(&out, DER_SET, attributes);
	return buf_as_bytes(&out);
}

result signed_data_read_by(struct op *op, struct bytes der, const struct signed_data_rules *rules, struct signed_data *out)
{
	struct signer signer;
	*out = (struct signed_data){ .n_certificates = 0 };
	if (!der_is_strict(der))
		return FAIL(op, ERR_MALFORMED, "the message is not one value in strict DER (X.690): BER, or bytes behind its end");
	if (!split(der, rules, out, &signer))
		return malformed(op);
	out->attributes = attributes_to_set(op->arena, signer.attributes);
	if (!choose_algorithms(&signer, rules, out))
		return FAIL(op, ERR_POLICY, "the message has to be signed with SHA-256, SHA-384 or SHA-512, the same for both, and with "
					    "ECDSA, RSA (PKCS #1 v1.5) or Ed25519");
	if (!der_is_strict(out->attributes)) /* in the order of a SET */
		return malformed(op);
	return check_attributes(op, out);
}

result signed_data_read(struct op *op, struct bytes der, struct signed_data *out)
{
	return signed_data_read_by(op, der, &(struct signed_data_rules){ .takes_sha1 = false }, out);
}

bool signed_data_is_by(struct op *op, const struct signed_data *message, struct bytes spki)
{
	AUTO(EVP_PKEY) *key = NULL;
	if (public_key_decode(op, spki, &key).err != ERR_NONE) {
		op_clear_failure(op); /* a key that cannot be read has signed nothing */
		return false;
	}
	return signature_is_right(message->algorithm, key, message->attributes, message->signature);
}

bool signed_data_names(const struct signed_data *message, struct bytes certificate)
{
	return cms_names(message->issuer_and_serial, certificate);
}
