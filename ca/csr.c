/*
 * Requests from outside (RFC 2986). The bytes pass a DER gate of our own and our
 * reader takes them apart; OpenSSL sees numbers of a key, and a signature.
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
#include "ca/public_key.h"
#include "ca/signature_algorithm.h"

/* CertificationRequest, taken apart. */
struct request {
	struct bytes info;       /* whole: what is signed */
	struct der_value subject;
	struct bytes spki;       /* whole */
	struct bytes attributes; /* content of [0] */
	struct bytes algorithm;  /* content */
	struct bytes signature;  /* content of the BIT STRING behind its first octet */
};

/* CertificationRequestInfo ::= SEQUENCE { version, subject Name, subjectPKInfo, attributes [0] } */
static result split_info(struct op *op, struct bytes info, struct request *out)
{
	struct bytes version;
	struct der_value spki;
	uint64_t number;
	if (!der_take(&info, DER_INTEGER, &version))
		return FAIL(op, ERR_MALFORMED, "the CSR is not a PKCS #10 request");
	if (!der_read_number(version, &number) || number != 0)
		return FAIL(op, ERR_MALFORMED, "the CSR is not of version 1, the only one there is");
	if (!der_next(&info, &out->subject) || out->subject.tag != DER_SEQUENCE || !der_next(&info, &spki) ||
	    spki.tag != DER_SEQUENCE ||
	    !der_take(&info, DER_CONTEXT_CONSTRUCTED(0), &out->attributes) || info.n != 0)
		return FAIL(op, ERR_MALFORMED, "the CSR is not a PKCS #10 request");
	out->spki = spki.whole;
	return OK;
}

/* CertificationRequest ::= SEQUENCE { info, signatureAlgorithm, signature BIT STRING } */
static result split(struct op *op, struct bytes der, struct request *out)
{
	struct bytes fields, bits;
	struct der_value info;
	if (!der_is_strict(der))
		return FAIL(op, ERR_MALFORMED, "the CSR is not one value in strict DER (X.690): BER, or bytes behind its end");
	if (!der_take(&der, DER_SEQUENCE, &fields) || !der_next(&fields, &info) || info.tag != DER_SEQUENCE ||
	    !der_take(&fields, DER_SEQUENCE, &out->algorithm) || !der_take(&fields, DER_BIT_STRING, &bits) ||
	    fields.n != 0 || bits.n < 2 || bits.p[0] != 0)
		return FAIL(op, ERR_MALFORMED, "the CSR is not a PKCS #10 request");
	out->info = info.whole;
	out->signature = (struct bytes){ bits.p + 1, bits.n - 1 };
	return split_info(op, info.content, out);
}

/* The name of an algorithm that is refused, for people. */
static const char *algorithm_name(struct bytes algorithm)
{
	struct der_value oid;
	return der_next(&algorithm, &oid) ? csr_oid_name(oid.whole, "an unknown algorithm") : "no algorithm";
}

static const struct signature_algorithm *find_algorithm(const struct request *request, const struct csr_rules *rules)
{
	return rules->takes_sha1 ? signature_algorithm_find_old(request->algorithm) : signature_algorithm_find(request->algorithm);
}

/* The requester holds the private key: RFC 2986 section 3, the signature over the very bytes that were read. */
static result check_possession(struct op *op, const struct request *request, const struct csr_rules *rules, EVP_PKEY *key,
			       struct csr *out)
{
	const struct signature_algorithm *algorithm = find_algorithm(request, rules);
	if (algorithm == NULL)
		return FAIL(op, ERR_POLICY, "the CSR is signed with %s: use SHA-256, SHA-384 or SHA-512 with ECDSA or RSA "
					    "(PKCS #1 v1.5), or Ed25519",
			    algorithm_name(request->algorithm));
	if (!signature_is_right(algorithm, key, request->info, request->signature))
		return FAIL(op, ERR_MALFORMED, "the CSR's signature does not verify with its own key");
	out->is_sha1 = algorithm == &signature_rsa_sha1;
	return OK;
}

const struct csr_rules csr_rules_dns = { .names = IDENTIFIER_BIT(IDENTIFIER_DNS) };

struct csr_rules csr_rules_of(const struct config_profile *profile)
{
	if (profile == NULL)
		return csr_rules_dns;
	return (struct csr_rules){ .names = profile->names,
				   .subject = profile->subject,
				   .challenge_password = profile->door == DOOR_EST || profile->door == DOOR_SCEP,
				   .scep_challenge = profile->door == DOOR_SCEP };
}

static void take_names(struct csr_names *names, struct csr *out)
{
	out->common_name = names->common_name;
	out->identifiers = names->identifiers;
	out->n_identifiers = names->n;
	out->subject_alt_name = names->subject_alt_name;
	out->challenge_password = names->challenge_password;
	identifiers_sort(out->identifiers, &out->n_identifiers);
}

static result take_key(struct op *op, const struct request *request, const struct csr_rules *rules, struct csr *out)
{
	AUTO(EVP_PKEY) *key = NULL;
	TRY(public_key_decode(op, request->spki, &key));
	TRY(key_check(op, key, &out->key_type));
	out->is_unproved = true;
	TRY(check_possession(op, request, rules, key, out)); /* last: it costs the most */
	out->is_unproved = false;
	out->spki = arena_bytes(op->arena, request->spki);
	return OK;
}

bool csr_is_whole(struct op *op, struct bytes der, const struct csr_rules *rules, struct bytes *spki)
{
	struct request request;
	AUTO(EVP_PKEY) *key = NULL;
	if (der.n > LIMIT_CSR_BYTES || split(op, der, &request).err != ERR_NONE ||
	    public_key_decode(op, request.spki, &key).err != ERR_NONE)
		return false;
	const struct signature_algorithm *algorithm = find_algorithm(&request, rules);
	*spki = request.spki;
	return algorithm != NULL && signature_is_right(algorithm, key, request.info, request.signature);
}

result csr_parse(struct op *op, struct bytes der, const struct csr_rules *rules, struct csr *out)
{
	struct request request;
	struct csr_names names;
	if (der.n > LIMIT_CSR_BYTES)
		return FAIL(op, ERR_MALFORMED, "the CSR has %zu bytes; %d are allowed", der.n, LIMIT_CSR_BYTES);
	TRY(split(op, der, &request));
	csr_names_init(op, rules, "CSR", &names);
	TRY(csr_names_from_subject(op, request.subject.content, &names));
	TRY(csr_names_from_attributes(op, request.attributes, &names));
	*out = (struct csr){ .subject = request.subject.whole, .attributes = request.attributes, .key_type = KEY_OTHER };
	if (!rules->ignores_key)
		TRY(take_key(op, &request, rules, out));

	uint8_t *hash = arena_alloc(op->arena, SHA256_SIZE);
	bytes_sha256(der, hash);
	out->hash = (struct bytes){ hash, SHA256_SIZE };
	take_names(&names, out);
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

result csr_parse_file(struct op *op, struct bytes content, const struct csr_rules *rules, struct csr *out)
{
	/* Base64 and text around it: twice the DER is ample, and what BIO takes stays an int. */
	if (content.n > 2 * LIMIT_CSR_BYTES)
		return FAIL(op, ERR_MALFORMED, "the file has %zu bytes: too many for a CSR", content.n);
	if (der_is_next(content, DER_SEQUENCE))
		return csr_parse(op, content, rules, out);
	struct bytes der;
	TRY(pem_decode(op, content, &der));
	return csr_parse(op, der, rules, out);
}
