/*
 * The lint of certificates: the fields of TBSCertificate (RFC 5280 section 4.1),
 * and the token that signing demands. It shares no code with the writer: fields
 * are taken apart by the DER reader, which sees encodings, and by OpenSSL, which
 * knows meanings. The extensions are in lint_extensions.c, subject and
 * subjectAltName in lint_names.c.
 */
#include "ca/lint.h"

#include <string.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "ca/der.h"
#include "ca/lint_extensions.h"
#include "ca/lint_names.h"
#include "ca/lint_rule.h"

AUTO_DEFINE(X509_ALGOR, X509_ALGOR_free);

/* The largest signature there is, RSA-4096, and the wrapping: what will be added to the TBS. */
#define SIGNATURE_ROOM 600

struct linted_tbs {
	struct bytes tbs;
	enum key_type signature_key;
	struct bytes signer_spki;
	bool is_consumed;
};

/* TBSCertificate, taken apart. */
struct tbs_fields {
	struct bytes version, serial; /* contents */
	struct der_value algorithm, issuer, validity, subject, spki, extensions;
};

static result split(struct op *op, struct bytes tbs, struct tbs_fields *out)
{
	struct bytes in = tbs, version, tagged;
	TRY(lint_rule(op, der_is_strict(tbs) && der_take(&in, DER_SEQUENCE, &in), "DER", "the TBS is one strict SEQUENCE"));
	bool is_complete = der_take(&in, DER_CONTEXT_CONSTRUCTED(0), &version) &&
			   der_take(&version, DER_INTEGER, &out->version) && version.n == 0 &&
			   der_take(&in, DER_INTEGER, &out->serial) && der_next(&in, &out->algorithm) &&
			   der_next(&in, &out->issuer) && der_next(&in, &out->validity) && der_next(&in, &out->subject) &&
			   der_next(&in, &out->spki) && der_take(&in, DER_CONTEXT_CONSTRUCTED(3), &tagged) &&
			   der_next(&tagged, &out->extensions) && tagged.n == 0;
	TRY(lint_rule(op, is_complete, "DER", "the TBS has its eight fields"));
	return lint_rule(op, in.n == 0, "DER", "nothing stands behind the extensions (no unique identifiers before them)");
}

static result check_numbers(struct op *op, const struct tbs_plan *plan, const struct tbs_fields *fields)
{
	uint64_t version;
	bool is_v3 = der_read_number(fields->version, &version) && version == 2;
	TRY(lint_rule(op, is_v3, "C1", "the version is 3"));
	TRY(lint_rule(op, der_is_serial(fields->serial), "C1", "the serial is positive, minimal, at most 20 octets"));
	TRY(lint_rule(op, bytes_equal(fields->serial, BYTES_ARRAY(plan->serial.b)), "C1", "the serial is the plan's"));
	return lint_rule(op, fields->serial.p[0] >> 6 == 1, "V15", "the serial has its fixed length");
}

/* Section 4.1.2.5: the encoding by year, both ends inclusive, inside the issuer's life. */
static result check_validity(struct op *op, const struct tbs_plan *plan, struct bytes validity)
{
	struct der_value before, after;
	int64_t not_before_s, not_after_s;
	bool is_read = der_next(&validity, &before) && der_next(&validity, &after) && validity.n == 0 &&
		       der_read_time(&before, &not_before_s) && der_read_time(&after, &not_after_s);
	TRY(lint_rule(op, is_read, "C3", "times are UTCTime through 2049 and GeneralizedTime from 2050, with seconds and Z"));
	TRY(lint_rule(op, not_before_s == plan->not_before_s && not_after_s == plan->not_after_s, "V38",
		      "the validity is the plan's to the second"));
	TRY(lint_rule(op, not_before_s < not_after_s, "C3", "the certificate begins before it ends"));
	if (plan->issuer == NULL)
		return OK;
	TRY(lint_rule(op, not_before_s >= plan->issuer->not_before_s, "N9", "it begins no earlier than its issuer's"));
	return lint_rule(op, not_after_s <= plan->issuer->not_after_s, "N9", "it ends no later than its issuer's");
}

/* Sections 4.1.1.2 and 4.1.2.3: the algorithm of the key that will sign, parameters as that algorithm wants them. */
static result check_algorithm(struct op *op, const struct tbs_plan *plan, struct bytes der)
{
	static const int nids[] = { [KEY_P256] = NID_ecdsa_with_SHA256,
				    [KEY_P384] = NID_ecdsa_with_SHA384,
				    [KEY_RSA2048] = NID_sha256WithRSAEncryption,
				    [KEY_RSA3072] = NID_sha256WithRSAEncryption,
				    [KEY_RSA4096] = NID_sha256WithRSAEncryption,
				    [KEY_ED25519] = NID_ED25519,
				    [KEY_OTHER] = NID_undef };
	const uint8_t *p = der.p;
	AUTO(X509_ALGOR) *algorithm = d2i_X509_ALGOR(NULL, &p, (long)der.n);
	const ASN1_OBJECT *oid;
	int parameter;
	TRY(lint_rule(op, algorithm != NULL, "C4", "OpenSSL reads the algorithm"));
	X509_ALGOR_get0(&oid, &parameter, NULL, algorithm);
	int nid = OBJ_obj2nid(oid);
	TRY(lint_rule(op, nid != NID_undef && nid == nids[plan->signature_key], "C4", "the algorithm is the issuing key's"));
	int expected = nid == NID_sha256WithRSAEncryption ? V_ASN1_NULL : V_ASN1_UNDEF;
	return lint_rule(op, parameter == expected, "C4", "RSA has NULL parameters, others none");
}

/* Section 4.1.2.4: the issuer's subject byte for byte. */
static result check_issuer(struct op *op, const struct tbs_plan *plan, const struct tbs_fields *fields)
{
	struct bytes expected = plan->issuer == NULL ? fields->subject.whole : plan->issuer->subject;
	TRY(lint_rule(op, fields->issuer.content.n > 0, "C2", "the issuer is not empty"));
	return lint_rule(op, bytes_equal(fields->issuer.whole, expected), "C2", "the issuer is the CA's subject");
}

/* Sections 4.2.1.3, 4.2.1.9 of the issuer's own certificate: may it sign this at all? */
static result check_right_to_issue(struct op *op, const struct tbs_plan *plan)
{
	if (plan->issuer == NULL)
		return OK;
	TRY(lint_rule(op, plan->issuer->key.type == plan->signature_key, "C4", "the plan signs with the issuer's key"));
	X509 *issuer = plan->issuer->certificate;
	TRY(lint_rule(op, issuer != NULL && X509_check_ca(issuer) == 1, "C10", "the issuer is a CA"));
	TRY(lint_rule(op, (X509_get_key_usage(issuer) & KU_KEY_CERT_SIGN) != 0, "C8", "the issuer may sign certificates"));
	long room = X509_get_pathlen(issuer);
	if (plan->kind != TBS_INTERMEDIATE || room < 0)
		return OK;
	return lint_rule(op, plan->path_length >= 0 && plan->path_length < room, "C10",
			 "the issuer's path length has room for this CA");
}

static result check(struct op *op, const struct tbs_plan *plan, struct bytes tbs)
{
	struct tbs_fields fields;
	TRY(lint_rule(op, tbs.n + SIGNATURE_ROOM <= LIMIT_CERTIFICATE_BYTES, "N12", "the certificate is below the size limit"));
	TRY(split(op, tbs, &fields));
	TRY(check_right_to_issue(op, plan));
	TRY(check_numbers(op, plan, &fields));
	TRY(check_issuer(op, plan, &fields));
	TRY(check_validity(op, plan, fields.validity.content));
	/* The door parsed it, and nobody has to a second time. */
	TRY(lint_rule(op, bytes_equal(fields.spki.whole, plan->spki), "V42", "the public key is the requested one, byte for byte"));
	TRY(check_algorithm(op, plan, fields.algorithm.whole));
	TRY(lint_subject(op, plan, fields.subject.whole));
	return lint_extensions(op, plan, fields.extensions.whole);
}

result lint_tbs(struct op *op, const struct tbs_plan *plan, struct bytes tbs, struct linted_tbs **out)
{
	TRY(check(op, plan, tbs));
	struct linted_tbs *linted = arena_alloc(op->arena, sizeof *linted);
	*linted = (struct linted_tbs){
		.tbs = arena_bytes(op->arena, tbs), /* a copy: what was linted stays what will be signed */
		.signature_key = plan->signature_key,
		.signer_spki = plan->issuer == NULL ? plan->spki : plan->issuer->key.spki,
	};
	*out = linted;
	return OK;
}

struct bytes linted_tbs_bytes(const struct linted_tbs *linted)
{
	return linted->tbs;
}

bool linted_tbs_is_for(const struct linted_tbs *linted, const struct token_key *issuer_key)
{
	return linted->signature_key == issuer_key->type && bytes_equal(linted->signer_spki, issuer_key->spki);
}

result linted_tbs_consume(struct op *op, struct linted_tbs *linted)
{
	if (linted->is_consumed)
		return FAIL(op, ERR_BUG, "one linted certificate was to be signed twice");
	linted->is_consumed = true;
	return OK;
}
