/*
 * The lint of CRLs (RFC 5280 section 5). One walk over the bytes with our DER
 * reader: a list of a million entries would be hundreds of megabytes as OpenSSL's
 * objects, and has to be looked at before each publication.
 */
#include <openssl/x509v3.h>
#include <string.h>

#include "ca/der.h"
#include "ca/lint.h"
#include "ca/lint_rule.h"

struct crl_fields {
	struct der_value algorithm, issuer, this_update, next_update;
	struct bytes entries, extensions; /* contents; entries.p NULL when absent */
};

struct extension {
	struct bytes oid, value;
	bool is_critical;
};

/* TBSCertList ::= SEQUENCE { version, signature, issuer, thisUpdate, nextUpdate, revokedCertificates, [0] } */
static result split_tbs(struct op *op, struct bytes tbs, struct crl_fields *out)
{
	struct bytes version;
	uint64_t number;
	bool has_version = der_take(&tbs, DER_INTEGER, &version) && der_read_number(version, &number) && number == 1;
	TRY(lint_rule(op, has_version, "L1", "the version is 2"));
	bool has_head = der_next(&tbs, &out->algorithm) && der_next(&tbs, &out->issuer) && der_next(&tbs, &out->this_update);
	TRY(lint_rule(op, has_head, "DER", "algorithm, issuer and thisUpdate are there"));
	bool has_next_update = der_is_next(tbs, DER_UTC_TIME) || der_is_next(tbs, DER_GENERALIZED_TIME);
	TRY(lint_rule(op, has_next_update && der_next(&tbs, &out->next_update), "L3", "nextUpdate is there"));
	out->entries = BYTES_NONE;
	if (der_is_next(tbs, DER_SEQUENCE)) {
		TRY(lint_rule(op, der_take(&tbs, DER_SEQUENCE, &out->entries), "DER", "the entries are one list"));
		TRY(lint_rule(op, out->entries.n > 0, "L2", "an empty list of entries is left out"));
	}
	struct bytes tagged;
	bool has_extensions = der_take(&tbs, DER_CONTEXT_CONSTRUCTED(0), &tagged) && tbs.n == 0 &&
			      der_take(&tagged, DER_SEQUENCE, &out->extensions) && tagged.n == 0;
	return lint_rule(op, has_extensions, "L4", "extensions end the list");
}

/* CertificateList ::= SEQUENCE { tbs, algorithm, signature } */
static result split(struct op *op, struct bytes der, struct crl_fields *out)
{
	struct bytes in = der, list, tbs, signature;
	struct der_value algorithm;
	bool is_list = der_take(&in, DER_SEQUENCE, &list) && in.n == 0 && der_take(&list, DER_SEQUENCE, &tbs) &&
		       der_next(&list, &algorithm) && der_take(&list, DER_BIT_STRING, &signature) && list.n == 0;
	TRY(lint_rule(op, is_list && signature.n > 1 && signature.p[0] == 0, "DER", "the CRL is a CertificateList"));
	TRY(split_tbs(op, tbs, out));
	return lint_rule(op, bytes_equal(algorithm.whole, out->algorithm.whole), "C4", "both algorithms are the same");
}

static result take_extension(struct op *op, struct bytes *list, struct extension *out)
{
	struct bytes in, critical;
	bool is_read = der_take(list, DER_SEQUENCE, &in) && der_take(&in, DER_OID, &out->oid);
	out->is_critical = is_read && der_take(&in, DER_BOOLEAN, &critical);
	TRY(lint_rule(op, !out->is_critical || critical.p[0] == 0xff, "DER", "critical FALSE is not encoded"));
	is_read = is_read && der_take(&in, DER_OCTET_STRING, &out->value) && in.n == 0;
	return lint_rule(op, is_read, "DER", "an extension is OID, critical, value");
}

/* Section 5.3.1: one of the reasons that may stand on a complete CRL. */
static result check_reason(struct op *op, struct bytes value)
{
	struct bytes content;
	uint64_t reason = 0;
	bool is_read = der_take(&value, DER_ENUMERATED, &content) && value.n == 0 && der_read_number(content, &reason);
	TRY(lint_rule(op, is_read && reason <= 10 && reason != 7, "L7", "the reason is one of RFC 5280's"));
	TRY(lint_rule(op, reason != 0, "L7", "unspecified is left out"));
	return lint_rule(op, reason != 8, "L7", "removeFromCRL is for delta CRLs only");
}

/* Section 5.3.2: GeneralizedTime whatever the year, so der_read_time does not fit. */
static result check_invalidity_date(struct op *op, struct bytes value)
{
	struct bytes time;
	bool is_right = der_take(&value, DER_GENERALIZED_TIME, &time) && value.n == 0 && time.n == 15 && time.p[14] == 'Z';
	return lint_rule(op, is_right, "L8", "invalidityDate is a GeneralizedTime");
}

static result check_entry_extensions(struct op *op, struct bytes extensions)
{
	static const struct bytes reason = BYTES_LITERAL("\x55\x1d\x15"), invalidity = BYTES_LITERAL("\x55\x1d\x18");
	bool has_reason = false, has_invalidity = false;
	TRY(lint_rule(op, extensions.n > 0, "DER", "an entry's empty extensions are left out"));
	while (extensions.n > 0) {
		struct extension e;
		TRY(take_extension(op, &extensions, &e));
		TRY(lint_rule(op, !e.is_critical, "L7", "an entry's extensions are not critical"));
		bool *seen = bytes_equal(e.oid, reason) ? &has_reason : bytes_equal(e.oid, invalidity) ? &has_invalidity : NULL;
		TRY(lint_rule(op, seen != NULL && !*seen, "L7", "an entry has a reason and an invalidityDate at most"));
		*seen = true;
		TRY(seen == &has_reason ? check_reason(op, e.value) : check_invalidity_date(op, e.value));
	}
	return OK;
}

/* In the order of their octets, a shorter one before those that it begins. */
static bool is_before(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
	return order < 0 || (order == 0 && a.n < b.n);
}

static result check_entries(struct op *op, struct bytes entries, int64_t this_update_s)
{
	struct bytes last = BYTES_NONE;
	while (entries.n > 0) {
		struct bytes entry, serial, extensions;
		struct der_value date;
		int64_t revoked_s;
		bool is_read = der_take(&entries, DER_SEQUENCE, &entry) && der_take(&entry, DER_INTEGER, &serial) &&
			       der_next(&entry, &date);
		TRY(lint_rule(op, is_read, "DER", "an entry has serial and date"));
		TRY(lint_rule(op, der_is_serial(serial), "C1", "a serial is positive, minimal, at most 20 octets"));
		TRY(lint_rule(op, is_before(last, serial), "L15", "serials ascend: none is there twice"));
		last = serial;
		TRY(lint_rule(op, der_read_time(&date, &revoked_s), "C3", "a revocationDate is in the form of its year"));
		TRY(lint_rule(op, revoked_s <= this_update_s, "L9", "no revocationDate is after thisUpdate"));
		if (entry.n == 0)
			continue;
		bool has_list = der_take(&entry, DER_SEQUENCE, &extensions) && entry.n == 0;
		TRY(lint_rule(op, has_list, "DER", "an entry ends with its extensions"));
		TRY(check_entry_extensions(op, extensions));
	}
	return OK;
}

/* Section 5.2.3, and the promise that numbers only rise. */
static result check_number(struct op *op, struct bytes value, uint64_t last_number)
{
	struct bytes content;
	uint64_t number;
	bool is_read = der_take(&value, DER_INTEGER, &content) && value.n == 0 && der_read_number(content, &number);
	TRY(lint_rule(op, is_read, "L4", "CRLNumber is an INTEGER of at most 63 bits"));
	return lint_rule(op, number > last_number, "L15", "CRLNumber is above the last one's");
}

static result check_authority_key_identifier(struct op *op, const struct ca *issuer, struct bytes value)
{
	struct bytes identifier;
	bool is_right = der_take(&value, DER_SEQUENCE, &value) && der_take(&value, DER_CONTEXT(0), &identifier) &&
			value.n == 0 && bytes_equal(identifier, issuer->key_identifier);
	return lint_rule(op, is_right, "L4", "the AKI is the issuer's SKI");
}

/*
 * Section 5.2.5. [0] distributionPoint, [1] [2] [5] onlyContains…, [3] reasons,
 * [4] indirect. Ours are direct and for all reasons.
 */
static result check_distribution_point(struct op *op, const struct extension *e)
{
	struct bytes in = e->value;
	unsigned n_only = 0;
	TRY(lint_rule(op, e->is_critical, "L6", "issuingDistributionPoint is critical"));
	TRY(lint_rule(op, der_take(&in, DER_SEQUENCE, &in) && in.n > 0, "L6", "issuingDistributionPoint is not all defaults"));
	while (in.n > 0) {
		struct der_value field;
		TRY(lint_rule(op, der_next(&in, &field), "DER", "issuingDistributionPoint is a SEQUENCE"));
		bool is_only = field.tag == DER_CONTEXT(1) || field.tag == DER_CONTEXT(2) || field.tag == DER_CONTEXT(5);
		TRY(lint_rule(op, is_only || field.tag == DER_CONTEXT_CONSTRUCTED(0), "L6", "the CRL is direct, for all reasons"));
		TRY(lint_rule(op, !is_only || bytes_equal(field.content, BYTES_LITERAL("\xff")), "L6", "FALSE is not encoded"));
		n_only += is_only;
	}
	return lint_rule(op, n_only <= 1, "L6", "at most one onlyContains… is there");
}

static result check_extensions(struct op *op, const struct ca *issuer, struct bytes list, uint64_t last_number)
{
	bool has_number = false, has_aki = false, has_idp = false;
	while (list.n > 0) {
		struct extension e;
		bool *seen;
		TRY(take_extension(op, &list, &e));
		if (bytes_equal(e.oid, BYTES_LITERAL("\x55\x1d\x14"))) {
			seen = &has_number;
			TRY(check_number(op, e.value, last_number));
		} else if (bytes_equal(e.oid, BYTES_LITERAL("\x55\x1d\x23"))) {
			seen = &has_aki;
			TRY(check_authority_key_identifier(op, issuer, e.value));
		} else if (bytes_equal(e.oid, BYTES_LITERAL("\x55\x1d\x1c"))) {
			seen = &has_idp;
			TRY(check_distribution_point(op, &e));
		} else {
			return lint_rule(op, false, "L5", "a complete CRL has a number, an AKI and a distribution point only");
		}
		TRY(lint_rule(op, !e.is_critical || seen == &has_idp, "L4", "only the distribution point is critical"));
		TRY(lint_rule(op, !*seen, "C5", "no extension is there twice"));
		*seen = true;
	}
	return lint_rule(op, has_number && has_aki, "L4", "CRLNumber and AKI are there");
}

static result check_times(struct op *op, const struct crl_fields *fields, int64_t last_this_update_s, int64_t *this_update_s)
{
	int64_t next_update_s;
	bool are_read = der_read_time(&fields->this_update, this_update_s) && der_read_time(&fields->next_update, &next_update_s);
	TRY(lint_rule(op, are_read, "C3", "thisUpdate and nextUpdate are in the forms of their years"));
	TRY(lint_rule(op, next_update_s > *this_update_s, "L3", "nextUpdate is after thisUpdate"));
	return lint_rule(op, *this_update_s >= last_this_update_s, "L15", "thisUpdate is not before the last CRL's");
}

result lint_crl(struct op *op, const struct ca *issuer, struct bytes der, uint64_t last_number, int64_t last_this_update_s)
{
	struct crl_fields fields;
	int64_t this_update_s;
	TRY(split(op, der, &fields));
	TRY(lint_rule(op, (X509_get_key_usage(issuer->certificate) & KU_CRL_SIGN) != 0, "L11", "the issuer may sign CRLs"));
	TRY(lint_rule(op, bytes_equal(fields.algorithm.whole, tbs_signature_algorithm(issuer->key.type)), "C4",
		      "the algorithm is the issuing key's"));
	TRY(lint_rule(op, bytes_equal(fields.issuer.whole, issuer->subject), "C2", "the issuer is the CA's subject"));
	TRY(check_times(op, &fields, last_this_update_s, &this_update_s));
	TRY(check_extensions(op, issuer, fields.extensions, last_number));
	return check_entries(op, fields.entries, this_update_s);
}
