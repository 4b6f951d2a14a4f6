/* ContentInfo -> SignedData -> SignerInfo, from the outside to the inside (RFC 5652 sections 3 and 5). */
#include "ca/signed_data.h"

#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/der.h"
#include "ca/public_key.h"

const struct bytes signed_data_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
const struct bytes signed_data_content_type_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03");
const struct bytes signed_data_digest_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04");

/* RFC 5754 section 2: parameters are absent, or NULL. */
static const struct digest {
	struct bytes oid;
	const char *name;
} digests[] = {
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

/* ContentInfo ::= SEQUENCE { contentType, content [0] EXPLICIT } */
static bool open_content_info(struct bytes der, struct bytes *out)
{
	struct bytes info, type, content;
	return der_take(&der, DER_SEQUENCE, &info) && der_take(&info, DER_OID, &type) && bytes_equal(type, signed_data_oid) &&
	       der_take(&info, DER_CONTEXT_CONSTRUCTED(0), &content) && info.n == 0 && der_take(&content, DER_SEQUENCE, out) &&
	       content.n == 0;
}

/* EncapsulatedContentInfo ::= SEQUENCE { eContentType, eContent [0] EXPLICIT OCTET STRING } */
static bool take_encapsulated(struct bytes *in, struct signed_data *out)
{
	struct bytes fields, content;
	return der_take(in, DER_SEQUENCE, &fields) && der_take(&fields, DER_OID, &out->type) &&
	       der_take(&fields, DER_CONTEXT_CONSTRUCTED(0), &content) && fields.n == 0 &&
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

static bool split(struct bytes der, struct signed_data *out, struct signer *signer)
{
	struct bytes fields, version, algorithms, signers;
	return open_content_info(der, &fields) && der_take(&fields, DER_INTEGER, &version) &&
	       der_take(&fields, DER_SET, &algorithms) && take_encapsulated(&fields, out) && take_certificates(&fields, out) &&
	       der_take(&fields, DER_SET, &signers) && fields.n == 0 && take_signer(&signers, out, signer) && signers.n == 0;
}

static const char *digest_of(struct bytes algorithm)
{
	struct bytes oid;
	if (!der_take(&algorithm, DER_OID, &oid))
		return NULL;
	for (size_t i = 0; i < sizeof digests / sizeof *digests; i++)
		if (bytes_equal(digests[i].oid, oid))
			return algorithm.n == 0 || bytes_equal(algorithm, BYTES_LITERAL("\x05\x00")) ? digests[i].name : NULL;
	return NULL;
}

/* RFC 5754 section 3.2: with RSA, most name the key's algorithm alone, and the digest is that of the message. */
static const struct signature_algorithm *algorithm_of(struct bytes algorithm, const char *digest)
{
	static const struct bytes rsa = BYTES_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00");
	static const struct bytes bare_rsa = BYTES_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
	if (bytes_equal(algorithm, rsa) || bytes_equal(algorithm, bare_rsa))
		return signature_algorithm_of("RSA", digest);
	return signature_algorithm_find(algorithm);
}

/* The value of an attribute that has to be there exactly once, with exactly one value (section 11). */
static bool find_attribute(struct bytes set, struct bytes oid, uint8_t tag, struct bytes *out)
{
	struct bytes list, attribute, type, values;
	unsigned n = 0;
	if (!der_take(&set, DER_SET, &list))
		return false;
	while (list.n > 0) {
		if (!der_take(&list, DER_SEQUENCE, &attribute) || !der_take(&attribute, DER_OID, &type) ||
		    !der_take(&attribute, DER_SET, &values) || attribute.n != 0)
			return false;
		if (!bytes_equal(type, oid))
			continue;
		if (!der_take(&values, tag, out) || values.n != 0)
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

static result check_attributes(struct op *op, const struct signed_data *message, const char *digest)
{
	struct bytes type, expected;
	if (!der_is_strict(message->attributes) ||
	    !find_attribute(message->attributes, signed_data_content_type_oid, DER_OID, &type) ||
	    !find_attribute(message->attributes, signed_data_digest_oid, DER_OCTET_STRING, &expected))
		return malformed(op);
	if (!bytes_equal(type, message->type) || !is_digest_right(digest, message->content, expected))
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

result signed_data_read(struct op *op, struct bytes der, struct signed_data *out)
{
	struct signer signer;
	*out = (struct signed_data){ .n_certificates = 0 };
	if (!der_is_strict(der))
		return FAIL(op, ERR_MALFORMED, "the message is not one value in strict DER (X.690): BER, or bytes behind its end");
	if (!split(der, out, &signer))
		return malformed(op);
	const char *digest = digest_of(signer.digest_algorithm);
	out->algorithm = digest != NULL ? algorithm_of(signer.signature_algorithm, digest) : NULL;
	if (out->algorithm == NULL || (out->algorithm->digest != NULL && !text_equal(out->algorithm->digest, digest)))
		return FAIL(op, ERR_POLICY, "the message has to be signed with SHA-256, SHA-384 or SHA-512, the same for both, and with "
					    "ECDSA, RSA (PKCS #1 v1.5) or Ed25519");
	out->attributes = attributes_to_set(op->arena, signer.attributes);
	return check_attributes(op, out, digest);
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

/* TBSCertificate ::= SEQUENCE { version [0], serialNumber, signature, issuer, … } */
bool signed_data_issuer_and_serial(struct bytes certificate, struct bytes *issuer, struct bytes *serial)
{
	struct bytes fields, version;
	struct der_value number, algorithm, name;
	if (!der_take(&certificate, DER_SEQUENCE, &fields) || !der_take(&fields, DER_SEQUENCE, &fields))
		return false;
	if (der_is_next(fields, DER_CONTEXT_CONSTRUCTED(0)) && !der_take(&fields, DER_CONTEXT_CONSTRUCTED(0), &version))
		return false;
	if (!der_next(&fields, &number) || !der_next(&fields, &algorithm) || !der_next(&fields, &name))
		return false;
	*issuer = name.whole;
	*serial = number.whole;
	return name.tag == DER_SEQUENCE && number.tag == DER_INTEGER;
}

bool signed_data_names(const struct signed_data *message, struct bytes certificate)
{
	struct bytes issuer, serial, rest = message->issuer_and_serial;
	struct der_value named_issuer, named_serial;
	return signed_data_issuer_and_serial(certificate, &issuer, &serial) && der_next(&rest, &named_issuer) &&
	       der_next(&rest, &named_serial) && rest.n == 0 && bytes_equal(named_issuer.whole, issuer) &&
	       bytes_equal(named_serial.whole, serial);
}
