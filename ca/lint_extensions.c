/*
 * Which extensions a certificate of each kind must, may and must not have, in one
 * table; one check per extension for its content. An extension that the table
 * does not give to a kind is refused, so policies, name constraints, noRevAvail
 * and whatever a CSR asked for (C11, C12, C15, V45) cannot slip in.
 */
#include "ca/lint_extensions.h"

#include "base/openssl_auto.h"
#include "ca/der.h"
#include "ca/lint_names.h"
#include "ca/lint_rule.h"

AUTO_DEFINE(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free);

/* One extension as it stands in the certificate, and what it is held against. */
struct subject {
	const struct tbs_plan *plan;
	X509_EXTENSION *extension; /* as OpenSSL reads it */
	struct bytes value;        /* content of extnValue */
};

typedef result check_value(struct op *op, const struct subject *s);

static bool is_ca(const struct tbs_plan *plan)
{
	return plan->kind == TBS_ROOT || plan->kind == TBS_INTERMEDIATE;
}

static result check_basic_constraints(struct op *op, const struct subject *s)
{
	struct bytes in = s->value, ca;
	bool is_read = der_take(&in, DER_SEQUENCE, &in);
	if (!is_ca(s->plan))
		return lint_rule(op, is_read && in.n == 0, "C10", "a leaf's basicConstraints is empty: FALSE is not encoded");
	TRY(lint_rule(op, is_read && der_take(&in, DER_BOOLEAN, &ca) && ca.p[0] == 0xff, "C10", "a CA has cA TRUE"));
	if (s->plan->path_length < 0)
		return lint_rule(op, in.n == 0, "C10", "there is no path length that was not planned");
	struct bytes number;
	uint64_t path_length;
	bool is_planned = der_take(&in, DER_INTEGER, &number) && der_read_number(number, &path_length) &&
			  path_length == (uint64_t)s->plan->path_length && in.n == 0;
	return lint_rule(op, is_planned, "C10", "the path length is the plan's");
}

/* SubjectPublicKeyInfo with rsaEncryption. */
static bool has_rsa_key(struct bytes spki)
{
	struct bytes algorithm, oid;
	return der_take(&spki, DER_SEQUENCE, &spki) && der_take(&spki, DER_SEQUENCE, &algorithm) &&
	       der_take(&algorithm, DER_OID, &oid) && bytes_equal(oid, BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"));
}

/* Bits by their numbers in section 4.2.1.3. */
enum { DIGITAL_SIGNATURE = 1 << 0, KEY_ENCIPHERMENT = 1 << 2, KEY_CERT_SIGN = 1 << 5, CRL_SIGN = 1 << 6 };

static unsigned expected_key_usage(const struct tbs_plan *plan)
{
	if (is_ca(plan))
		return KEY_CERT_SIGN | CRL_SIGN;
	if (plan->kind == TBS_SCEP_RA)
		return DIGITAL_SIGNATURE | KEY_ENCIPHERMENT;
	bool is_server = plan->kind == TBS_LEAF && plan->server_auth;
	return is_server && has_rsa_key(plan->spki) ? DIGITAL_SIGNATURE | KEY_ENCIPHERMENT : DIGITAL_SIGNATURE;
}

static result check_key_usage(struct op *op, const struct subject *s)
{
	struct bytes in = s->value, bits;
	/* X.690 section 11.2.2: the last bit of a named bit list is a one. */
	bool is_minimal = der_take(&in, DER_BIT_STRING, &bits) && in.n == 0 && bits.n > 1 &&
			  (bits.p[bits.n - 1] >> bits.p[0] & 1) == 1;
	TRY(lint_rule(op, is_minimal, "C8", "keyUsage has no trailing zeros"));
	TRY(lint_rule(op, s->plan->kind != TBS_SCEP_RA || has_rsa_key(s->plan->spki), "SP16", "an RA of SCEP has an RSA key"));
	AUTO(ASN1_BIT_STRING) *usage = X509V3_EXT_d2i(s->extension);
	unsigned found = 0;
	for (int i = 0; usage != NULL && i < 16; i++)
		found |= ASN1_BIT_STRING_get_bit(usage, i) ? 1u << i : 0;
	return lint_rule(op, found == expected_key_usage(s->plan), "C8", "keyUsage is what this kind of certificate and key has");
}

enum { SERVER_AUTH = 1, CLIENT_AUTH = 2, OCSP_SIGN = 4, REGISTRAR = 8, CMC_SIGN = 16 };

static unsigned purpose_of(const ASN1_OBJECT *oid)
{
	switch (OBJ_obj2nid(oid)) {
	case NID_server_auth:
		return SERVER_AUTH;
	case NID_client_auth:
		return CLIENT_AUTH;
	case NID_OCSP_sign:
		return OCSP_SIGN;
	case NID_cmcRA:
		return REGISTRAR;
	case NID_cmcCA:
		return CMC_SIGN;
	default:
		return 0;
	}
}

static unsigned expected_purposes(const struct tbs_plan *plan)
{
	if (plan->kind == TBS_OCSP_RESPONDER)
		return OCSP_SIGN;
	if (plan->kind == TBS_CMC_SIGNER)
		return CMC_SIGN;
	return (plan->server_auth ? SERVER_AUTH : 0) | (plan->client_auth ? CLIENT_AUTH : 0) | (plan->registrar ? REGISTRAR : 0);
}

static result check_extended_key_usage(struct op *op, const struct subject *s)
{
	AUTO(EXTENDED_KEY_USAGE) *list = X509V3_EXT_d2i(s->extension);
	unsigned found = 0;
	TRY(lint_rule(op, list != NULL && sk_ASN1_OBJECT_num(list) > 0, "C13", "extendedKeyUsage lists purposes"));
	for (int i = 0; i < sk_ASN1_OBJECT_num(list); i++) {
		unsigned purpose = purpose_of(sk_ASN1_OBJECT_value(list, i));
		TRY(lint_rule(op, purpose != 0 && (found & purpose) == 0, "C13", "no purpose is foreign, none there twice"));
		found |= purpose;
	}
	return lint_rule(op, found == expected_purposes(s->plan), "C13", "the purposes are the plan's");
}

static result check_subject_key_identifier(struct op *op, const struct subject *s)
{
	uint8_t digest[SHA256_SIZE];
	struct bytes in = s->value, identifier, spki = s->plan->spki, key;
	struct der_value algorithm;
	TRY(lint_rule(op, der_take(&in, DER_OCTET_STRING, &identifier) && in.n == 0, "C7", "the SKI is an OCTET STRING"));
	bool has_key = der_take(&spki, DER_SEQUENCE, &spki) && der_next(&spki, &algorithm) &&
		       der_take(&spki, DER_BIT_STRING, &key) && key.n > 1;
	TRY(lint_rule(op, has_key, "C7", "the public key is a SubjectPublicKeyInfo"));
	bytes_sha256((struct bytes){ key.p + 1, key.n - 1 }, digest);
	return lint_rule(op, bytes_equal(identifier, (struct bytes){ digest, 20 }), "C7",
			 "the SKI is made from the key (RFC 7093 method 1)");
}

static result check_authority_key_identifier(struct op *op, const struct subject *s)
{
	struct bytes in = s->value, identifier;
	bool is_read = der_take(&in, DER_SEQUENCE, &in) && der_take(&in, DER_CONTEXT(0), &identifier) && in.n == 0;
	TRY(lint_rule(op, is_read, "C6", "the AKI has a key identifier and nothing else"));
	return lint_rule(op, bytes_equal(identifier, s->plan->issuer->key_identifier), "C6", "the AKI is the issuer's SKI");
}

static result check_sid(struct op *op, const struct subject *s)
{
	return lint_sid(op, s->plan, s->value);
}

static result check_subject_alt_name(struct op *op, const struct subject *s)
{
	return lint_subject_alt_name(op, s->plan, s->value);
}

/* Sections 4.2.1.13 and 4.2.2.1: whoever needs TLS to check TLS goes in circles (C14). */
static bool is_http_url(struct bytes text, const char *expected)
{
	return bytes_equal_text(text, expected) && bytes_has_prefix(text, "http://");
}

static result check_access(struct op *op, struct bytes *list, struct bytes method, const char *url, const char *what)
{
	struct bytes description, oid, location;
	if (url == NULL)
		return OK;
	bool is_right = der_take(list, DER_SEQUENCE, &description) && der_take(&description, DER_OID, &oid) &&
			bytes_equal(oid, method) && der_take(&description, DER_CONTEXT(6), &location) &&
			description.n == 0 && is_http_url(location, url);
	return lint_rule(op, is_right, "C14", what);
}

static result check_authority_information_access(struct op *op, const struct subject *s)
{
	struct bytes in = s->value;
	TRY(lint_rule(op, der_take(&in, DER_SEQUENCE, &in), "C14", "authorityInfoAccess is a list"));
	TRY(check_access(op, &in, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01"), s->plan->ocsp_url,
			 "the OCSP address is the plan's, on plain http"));
	TRY(check_access(op, &in, BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x02"), s->plan->ca_issuers_url,
			 "the address of the issuer's certificate is the plan's, on plain http"));
	return lint_rule(op, in.n == 0, "C14", "authorityInfoAccess has nothing besides");
}

static result check_crl_distribution_points(struct op *op, const struct subject *s)
{
	struct bytes in = s->value, uri;
	bool is_full_name = der_take(&in, DER_SEQUENCE, &in) && der_take(&in, DER_SEQUENCE, &uri) && in.n == 0 &&
			    der_take(&uri, DER_CONTEXT_CONSTRUCTED(0), &in) && uri.n == 0 &&
			    der_take(&in, DER_CONTEXT_CONSTRUCTED(0), &uri) && in.n == 0 &&
			    der_take(&uri, DER_CONTEXT(6), &in) && uri.n == 0;
	return lint_rule(op, is_full_name && is_http_url(in, s->plan->crl_url), "C14",
			 "there is one distribution point, with the plan's CRL address on plain http");
}

static result check_ocsp_nocheck(struct op *op, const struct subject *s)
{
	return lint_rule(op, bytes_equal(s->value, BYTES_LITERAL("\x05\x00")), "O5", "ocsp-nocheck is NULL");
}

static bool has_issuer(const struct tbs_plan *plan)
{
	return plan->issuer != NULL;
}

/* An RA of SCEP has none: its keyUsage is what clients go by. */
static bool has_purposes(const struct tbs_plan *plan)
{
	return !is_ca(plan) && plan->kind != TBS_SCEP_RA;
}

/* A subject of its own may be all that a leaf has; without one the names are what it is for. */
static bool has_alt_names(const struct tbs_plan *plan)
{
	return plan->kind == TBS_LEAF && (plan->n_identifiers > 0 || !plan->has_own_subject || plan->n_subject == 0);
}

static bool has_sid(const struct tbs_plan *plan)
{
	return plan->kind == TBS_LEAF && plan->sid != NULL;
}

static bool is_responder(const struct tbs_plan *plan)
{
	return plan->kind == TBS_OCSP_RESPONDER;
}

static bool is_any(const struct tbs_plan *plan UNUSED)
{
	return true;
}

static bool is_none(const struct tbs_plan *plan UNUSED)
{
	return false;
}

static bool has_empty_subject(const struct tbs_plan *plan)
{
	return plan->n_subject == 0;
}

static bool may_be_checked(const struct tbs_plan *plan)
{
	return plan->kind == TBS_LEAF || plan->kind == TBS_INTERMEDIATE || plan->kind == TBS_CMC_SIGNER ||
	       plan->kind == TBS_SCEP_RA;
}

static bool has_access_url(const struct tbs_plan *plan)
{
	return may_be_checked(plan) && (plan->ocsp_url != NULL || plan->ca_issuers_url != NULL);
}

static bool has_crl_url(const struct tbs_plan *plan)
{
	return may_be_checked(plan) && plan->crl_url != NULL;
}

/* Not every OpenSSL knows Microsoft's extension for SIDs; this is a number that none of them gives. */
#define NID_OF_SID (-1)

static int number_of(const ASN1_OBJECT *oid)
{
	struct bytes content = { OBJ_get0_data(oid), OBJ_length(oid) };
	return bytes_equal(content, BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x19\x02")) ? NID_OF_SID : OBJ_obj2nid(oid);
}

/* There exactly when `is_due`, critical exactly when `is_critical`. */
static const struct rule {
	int nid;
	bool (*is_due)(const struct tbs_plan *plan);
	bool (*is_critical)(const struct tbs_plan *plan);
	check_value *check;
	const char *row;
} rules[] = {
	{ NID_basic_constraints, is_any, is_any, check_basic_constraints, "C10" },
	{ NID_key_usage, is_any, is_any, check_key_usage, "C8" },
	{ NID_ext_key_usage, has_purposes, is_none, check_extended_key_usage, "C13" },
	{ NID_subject_key_identifier, is_any, is_none, check_subject_key_identifier, "C7" },
	{ NID_authority_key_identifier, has_issuer, is_none, check_authority_key_identifier, "C6" },
	{ NID_subject_alt_name, has_alt_names, has_empty_subject, check_subject_alt_name, "C9" },
	{ NID_OF_SID, has_sid, is_none, check_sid, "V45" },
	{ NID_info_access, has_access_url, is_none, check_authority_information_access, "C14" },
	{ NID_crl_distribution_points, has_crl_url, is_none, check_crl_distribution_points, "C14" },
	{ NID_id_pkix_OCSP_noCheck, is_responder, is_none, check_ocsp_nocheck, "O5" },
};
#define N_RULES (sizeof rules / sizeof *rules)

static const struct rule *rule_find(const ASN1_OBJECT *oid)
{
	int nid = number_of(oid);
	for (size_t i = 0; i < N_RULES; i++) {
		if (rules[i].nid == nid)
			return &rules[i];
	}
	return NULL;
}

/* How many of the extensions are the rule's. */
static unsigned count_of(const X509_EXTENSIONS *list, const struct rule *rule)
{
	unsigned n = 0;
	for (int i = 0; i < X509v3_get_ext_count(list); i++)
		n += rule_find(X509_EXTENSION_get_object(X509v3_get_ext(list, i))) == rule;
	return n;
}

static result check_is_due(struct op *op, const struct tbs_plan *plan, const X509_EXTENSIONS *list, int at)
{
	const struct rule *rule = rule_find(X509_EXTENSION_get_object(X509v3_get_ext(list, at)));
	TRY(lint_rule(op, rule != NULL && rule->is_due(plan), "C5", "there is no extension that this kind has no use for"));
	return lint_rule(op, count_of(list, rule) == 1, "C5", "no extension is there twice");
}

static result check_extension(struct op *op, const struct tbs_plan *plan, X509_EXTENSION *extension)
{
	const struct rule *rule = rule_find(X509_EXTENSION_get_object(extension));
	TRY(lint_rule(op, X509_EXTENSION_get_critical(extension) == rule->is_critical(plan), rule->row,
		      "an extension is critical exactly when it has to be"));
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
	struct subject subject = { plan, extension,
				   { ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) } };
	TRY(lint_rule(op, der_is_strict(subject.value), rule->row, "an extension's value is strict DER"));
	return rule->check(op, &subject);
}

/* What OpenSSL forgives: an empty list, a critical FALSE that is written out. */
static result check_encoding(struct op *op, struct bytes list)
{
	struct bytes extension, oid, critical, value;
	bool is_list = der_take(&list, DER_SEQUENCE, &list) && list.n > 0;
	TRY(lint_rule(op, is_list, "C5", "[3] holds a list of extensions"));
	while (list.n > 0) {
		bool is_extension = der_take(&list, DER_SEQUENCE, &extension) && der_take(&extension, DER_OID, &oid);
		if (is_extension && der_take(&extension, DER_BOOLEAN, &critical))
			TRY(lint_rule(op, critical.p[0] == 0xff, "C5", "critical FALSE is not encoded"));
		is_extension = is_extension && der_take(&extension, DER_OCTET_STRING, &value) && extension.n == 0;
		TRY(lint_rule(op, is_extension, "C5", "an extension is OID, critical, value"));
	}
	return OK;
}

static void free_list(X509_EXTENSIONS *list)
{
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

AUTO_DEFINE(X509_EXTENSIONS, free_list);

result lint_extensions(struct op *op, const struct tbs_plan *plan, struct bytes extensions)
{
	TRY(check_encoding(op, extensions));
	const uint8_t *p = extensions.p;
	AUTO(X509_EXTENSIONS) *list = d2i_X509_EXTENSIONS(NULL, &p, (long)extensions.n);
	TRY(lint_rule(op, list != NULL && p == extensions.p + extensions.n, "C5", "OpenSSL reads the extensions"));
	for (int i = 0; i < X509v3_get_ext_count(list); i++)
		TRY(check_is_due(op, plan, list, i));
	for (int i = 0; i < X509v3_get_ext_count(list); i++)
		TRY(check_extension(op, plan, X509v3_get_ext(list, i)));
	for (size_t i = 0; i < N_RULES; i++) {
		bool is_there = count_of(list, &rules[i]) > 0;
		TRY(lint_rule(op, is_there == rules[i].is_due(plan), rules[i].row, "each extension that has to be there is there"));
	}
	return OK;
}
