/*
 * One function per extension, and per kind of certificate a table of them in the
 * order in which they are written. Criticality follows RFC 5280 section 4.2.
 */
#include "ca/tbs_extensions.h"

#include <string.h>

#include "ca/der.h"
#include "ca/other_name.h"

/* Writes the extension's value; ERR_POLICY when the plan cannot have it. */
typedef result put_value(struct op *op, struct buf *out, const struct tbs_plan *plan);

struct extension {
	struct bytes oid;
	bool (*is_critical)(const struct tbs_plan *plan);
	bool (*is_wanted)(const struct tbs_plan *plan);
	put_value *put;
};

static bool always(const struct tbs_plan *plan UNUSED)
{
	return true;
}

static bool never(const struct tbs_plan *plan UNUSED)
{
	return false;
}

/*
 * Section 4.2.1.9. Leaves carry it too, with cA at its default: software that
 * finds none guesses from other fields whether a certificate is a CA's.
 */
static result put_basic_constraints(struct op *op UNUSED, struct buf *out, const struct tbs_plan *plan)
{
	size_t sequence = der_open(out, DER_SEQUENCE);
	if (plan->kind == TBS_ROOT || plan->kind == TBS_INTERMEDIATE) {
		der_put_true(out);
		if (plan->path_length >= 0)
			der_put_number(out, DER_INTEGER, (uint64_t)plan->path_length);
	}
	der_close(out, sequence);
	return OK;
}

static bool is_rsa(struct bytes spki)
{
	struct bytes algorithm, oid;
	return der_take(&spki, DER_SEQUENCE, &algorithm) && der_take(&algorithm, DER_SEQUENCE, &algorithm) &&
	       der_take(&algorithm, DER_OID, &oid) && bytes_equal(oid, BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"));
}

/*
 * Section 4.2.1.3, a named BIT STRING without trailing zeros. keyEncipherment is
 * for TLS 1.2 with RSA key transport; an EC key must not have it (RFC 8813, C8).
 */
static result put_key_usage(struct op *op UNUSED, struct buf *out, const struct tbs_plan *plan)
{
	struct bytes bits = BYTES_LITERAL("\x07\x80"); /* digitalSignature */
	if (plan->kind == TBS_ROOT || plan->kind == TBS_INTERMEDIATE)
		bits = BYTES_LITERAL("\x01\x06"); /* keyCertSign, cRLSign */
	else if (plan->kind == TBS_SCEP_RA || (plan->kind == TBS_LEAF && plan->server_auth && is_rsa(plan->spki)))
		bits = BYTES_LITERAL("\x05\xa0"); /* digitalSignature, keyEncipherment */
	der_put(out, DER_BIT_STRING, bits);
	return OK;
}

/* Section 4.2.1.12. An OCSP signer has that purpose alone (C13, O5), and so has a signer of CMC answers: RFC 6402 section 2.10. */
static result put_extended_key_usage(struct op *op, struct buf *out, const struct tbs_plan *plan)
{
	bool is_responder = plan->kind == TBS_OCSP_RESPONDER, is_cmc_signer = plan->kind == TBS_CMC_SIGNER;
	bool is_leaf = !is_responder && !is_cmc_signer;
	if (is_leaf && !plan->server_auth && !plan->client_auth && !plan->registrar)
		return FAIL(op, ERR_POLICY, "a leaf needs a purpose: server_auth, client_auth or registrar");
	size_t sequence = der_open(out, DER_SEQUENCE);
	if (is_responder)
		der_put(out, DER_OID, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x03\x09"));
	if (is_cmc_signer)
		der_put(out, DER_OID, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x03\x1b"));
	if (is_leaf && plan->server_auth)
		der_put(out, DER_OID, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x03\x01"));
	if (is_leaf && plan->client_auth)
		der_put(out, DER_OID, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x03\x02"));
	if (is_leaf && plan->registrar) /* id-kp-cmcRA, RFC 6402 section 2.10 */
		der_put(out, DER_OID, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x03\x1c"));
	der_close(out, sequence);
	return OK;
}

bool tbs_key_identifier(struct bytes spki, uint8_t identifier[KEY_IDENTIFIER_SIZE])
{
	struct bytes fields, algorithm, key;
	uint8_t digest[SHA256_SIZE];
	if (!der_take(&spki, DER_SEQUENCE, &fields) || !der_take(&fields, DER_SEQUENCE, &algorithm) ||
	    !der_take(&fields, DER_BIT_STRING, &key) || key.n < 2)
		return false;
	/* The octet that counts unused bits is not part of the key. */
	bytes_sha256((struct bytes){ key.p + 1, key.n - 1 }, digest);
	memcpy(identifier, digest, KEY_IDENTIFIER_SIZE);
	return true;
}

static result put_subject_key_identifier(struct op *op, struct buf *out, const struct tbs_plan *plan)
{
	uint8_t identifier[KEY_IDENTIFIER_SIZE];
	if (!tbs_key_identifier(plan->spki, identifier))
		return FAIL(op, ERR_BUG, "the plan's key is not a SubjectPublicKeyInfo");
	der_put(out, DER_OCTET_STRING, BYTES_ARRAY(identifier));
	return OK;
}

/* Section 4.2.1.1: the issuer's own SKI, whatever method made it (C6). */
static result put_authority_key_identifier(struct op *op UNUSED, struct buf *out, const struct tbs_plan *plan)
{
	size_t sequence = der_open(out, DER_SEQUENCE);
	der_put(out, DER_CONTEXT(0), plan->issuer->key_identifier);
	der_close(out, sequence);
	return OK;
}

/* Section 4.2.1.6, from the plan's identifiers. */
static result put_subject_alt_name(struct op *op, struct buf *out, const struct tbs_plan *plan)
{
	static const uint8_t tags[N_IDENTIFIER_KINDS] = { [IDENTIFIER_EMAIL] = DER_CONTEXT(1),
							  [IDENTIFIER_DNS] = DER_CONTEXT(2),
							  [IDENTIFIER_URI] = DER_CONTEXT(6),
							  [IDENTIFIER_IP] = DER_CONTEXT(7) };
	size_t sequence = der_open(out, DER_SEQUENCE);
	for (unsigned i = 0; i < plan->n_identifiers; i++) {
		const struct identifier *name = &plan->identifiers[i];
		uint8_t octets[IP_MAX_OCTETS];
		struct bytes value = bytes_of_text(name->value);
		if (!identifier_is_san(name->kind))
			return FAIL(op, ERR_BUG, "%s is no subjectAltName", identifier_kind_name(name->kind));
		if (name->kind == IDENTIFIER_IP)
			value = (struct bytes){ octets, identifier_ip_octets(name, octets) };
		if (name->kind == IDENTIFIER_UPN)
			other_name_put(out, &other_name_upn, value);
		else
			der_put(out, tags[name->kind], value);
	}
	der_close(out, sequence);
	return OK;
}

/* A subject of its own may be all that a leaf has. */
static bool has_alt_names(const struct tbs_plan *plan)
{
	return plan->n_identifiers > 0;
}

/* Section 4.2.1.6: critical when it is all that names the subject (C9). */
static bool is_subject_empty(const struct tbs_plan *plan)
{
	return plan->n_subject == 0;
}

/* KB5014754: where domain controllers look for the account. */
static result put_sid(struct op *op, struct buf *out, const struct tbs_plan *plan)
{
	struct identifier canonical;
	TRY(identifier_sid(op, bytes_of_text(plan->sid), &canonical));
	sid_extension_put(out, bytes_of_text(plan->sid));
	return OK;
}

static bool has_sid(const struct tbs_plan *plan)
{
	return plan->sid != NULL;
}

static void put_access_description(struct buf *out, struct bytes method, const char *url)
{
	if (url == NULL)
		return;
	size_t description = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, method);
	der_put(out, DER_CONTEXT(6), bytes_of_text(url));
	der_close(out, description);
}

/* Section 4.2.2.1: id-ad-ocsp, then id-ad-caIssuers. */
static result put_authority_information_access(struct op *op UNUSED, struct buf *out, const struct tbs_plan *plan)
{
	size_t sequence = der_open(out, DER_SEQUENCE);
	put_access_description(out, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01"), plan->ocsp_url);
	put_access_description(out, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x02"), plan->ca_issuers_url);
	der_close(out, sequence);
	return OK;
}

static bool has_access(const struct tbs_plan *plan)
{
	return plan->ocsp_url != NULL || plan->ca_issuers_url != NULL;
}

/* Section 4.2.1.13: one DistributionPoint { [0] { [0] fullName { [6] URI } } } (C14). */
static result put_crl_distribution_points(struct op *op UNUSED, struct buf *out, const struct tbs_plan *plan)
{
	size_t points = der_open(out, DER_SEQUENCE);
	size_t point = der_open(out, DER_SEQUENCE);
	size_t name = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	size_t full_name = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	der_put(out, DER_CONTEXT(6), bytes_of_text(plan->crl_url));
	der_close(out, full_name);
	der_close(out, name);
	der_close(out, point);
	der_close(out, points);
	return OK;
}

static bool has_crl(const struct tbs_plan *plan)
{
	return plan->crl_url != NULL;
}

/* RFC 6960 section 4.2.2.2.1: a NULL. */
static result put_ocsp_nocheck(struct op *op UNUSED, struct buf *out, const struct tbs_plan *plan UNUSED)
{
	der_put(out, DER_NULL, BYTES_NONE);
	return OK;
}

#define BASIC_CONSTRAINTS { BYTES_LITERAL("\x55\x1d\x13"), always, always, put_basic_constraints }
#define KEY_USAGE { BYTES_LITERAL("\x55\x1d\x0f"), always, always, put_key_usage }
#define EXTENDED_KEY_USAGE { BYTES_LITERAL("\x55\x1d\x25"), never, always, put_extended_key_usage }
#define SUBJECT_KEY_IDENTIFIER { BYTES_LITERAL("\x55\x1d\x0e"), never, always, put_subject_key_identifier }
#define AUTHORITY_KEY_IDENTIFIER { BYTES_LITERAL("\x55\x1d\x23"), never, always, put_authority_key_identifier }
#define SUBJECT_ALT_NAME { BYTES_LITERAL("\x55\x1d\x11"), is_subject_empty, has_alt_names, put_subject_alt_name }
#define AUTHORITY_INFORMATION_ACCESS \
	{ BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x01\x01"), never, has_access, put_authority_information_access }
#define CRL_DISTRIBUTION_POINTS { BYTES_LITERAL("\x55\x1d\x1f"), never, has_crl, put_crl_distribution_points }
#define OCSP_NOCHECK { BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x05"), never, always, put_ocsp_nocheck }
#define SID { BYTES_LITERAL(SID_EXTENSION_OID), never, has_sid, put_sid }
#define END { BYTES_NONE, NULL, NULL, NULL }

static const struct extension extensions[][10] = {
	[TBS_ROOT] = { KEY_USAGE, BASIC_CONSTRAINTS, SUBJECT_KEY_IDENTIFIER, END },
	[TBS_INTERMEDIATE] = { KEY_USAGE, BASIC_CONSTRAINTS, SUBJECT_KEY_IDENTIFIER, AUTHORITY_KEY_IDENTIFIER,
			       AUTHORITY_INFORMATION_ACCESS, CRL_DISTRIBUTION_POINTS, END },
	[TBS_LEAF] = { KEY_USAGE, EXTENDED_KEY_USAGE, BASIC_CONSTRAINTS, SUBJECT_KEY_IDENTIFIER,
		       AUTHORITY_KEY_IDENTIFIER, AUTHORITY_INFORMATION_ACCESS, SUBJECT_ALT_NAME,
		       CRL_DISTRIBUTION_POINTS, SID, END },
	/* Neither AIA nor CDP: with nocheck nobody is to ask about it, and its life is short (O5). */
	[TBS_OCSP_RESPONDER] = { KEY_USAGE, EXTENDED_KEY_USAGE, BASIC_CONSTRAINTS, SUBJECT_KEY_IDENTIFIER,
				 AUTHORITY_KEY_IDENTIFIER, OCSP_NOCHECK, END },
	[TBS_CMC_SIGNER] = { KEY_USAGE, EXTENDED_KEY_USAGE, BASIC_CONSTRAINTS, SUBJECT_KEY_IDENTIFIER,
			     AUTHORITY_KEY_IDENTIFIER, AUTHORITY_INFORMATION_ACCESS, CRL_DISTRIBUTION_POINTS, END },
	/*
	 * Without purposes: clients choose an RA's certificate by keyUsage (RFC 8894 section 4.2), and those that
	 * verify answers as S/MIME would refuse one that has purposes and not that of mail.
	 */
	[TBS_SCEP_RA] = { KEY_USAGE, BASIC_CONSTRAINTS, SUBJECT_KEY_IDENTIFIER, AUTHORITY_KEY_IDENTIFIER,
			  AUTHORITY_INFORMATION_ACCESS, CRL_DISTRIBUTION_POINTS, END },
};

static result put_extension(struct op *op, struct buf *out, const struct extension *extension, const struct tbs_plan *plan)
{
	size_t sequence = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, extension->oid);
	if (extension->is_critical(plan))
		der_put_true(out);
	size_t value = der_open(out, DER_OCTET_STRING);
	TRY(extension->put(op, out, plan));
	der_close(out, value);
	der_close(out, sequence);
	return OK;
}

result tbs_put_extensions(struct op *op, struct buf *out, const struct tbs_plan *plan)
{
	size_t tagged = der_open(out, DER_CONTEXT_CONSTRUCTED(3));
	size_t list = der_open(out, DER_SEQUENCE);
	for (const struct extension *e = extensions[plan->kind]; e->put != NULL; e++) {
		if (e->is_wanted(plan))
			TRY(put_extension(op, out, e, plan));
	}
	der_close(out, list);
	der_close(out, tagged);
	return OK;
}
