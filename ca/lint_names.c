/*
 * The lint of what a certificate says about its subject: the Name itself
 * (RFC 5280 section 4.1.2.6) and its subjectAltName (section 4.2.1.6).
 */
#include "ca/lint_names.h"

#include <string.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/der.h"
#include "ca/lint_rule.h"

AUTO_DEFINE(GENERAL_NAME, GENERAL_NAME_free);

/* X.520 and appendix A.1 of RFC 5280: the string type of each attribute, and how many characters it may have. */
static const struct attribute_rule {
	int nid, string_type;
	size_t least, most;
} attribute_rules[N_IDENTIFIER_KINDS] = {
	[IDENTIFIER_C] = { NID_countryName, V_ASN1_PRINTABLESTRING, 2, 2 },
	[IDENTIFIER_ST] = { NID_stateOrProvinceName, V_ASN1_UTF8STRING, 1, 128 },
	[IDENTIFIER_L] = { NID_localityName, V_ASN1_UTF8STRING, 1, 128 },
	[IDENTIFIER_O] = { NID_organizationName, V_ASN1_UTF8STRING, 1, 64 },
	[IDENTIFIER_OU] = { NID_organizationalUnitName, V_ASN1_UTF8STRING, 1, 64 },
	[IDENTIFIER_SERIAL_NUMBER] = { NID_serialNumber, V_ASN1_PRINTABLESTRING, 1, 64 },
	[IDENTIFIER_CN] = { NID_commonName, V_ASN1_UTF8STRING, 1, 64 },
};

/* Characters of a string that OpenSSL can turn into UTF-8; 0 when it cannot, or one of them is a control. */
static size_t count_characters(const ASN1_STRING *value)
{
	uint8_t *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, value);
	size_t characters = 0;
	bool has_controls = false;
	for (int i = 0; i < n; i++) {
		characters += (utf8[i] & 0xc0) != 0x80;
		has_controls = has_controls || utf8[i] < 0x20 || utf8[i] == 0x7f;
	}
	OPENSSL_free(utf8);
	return has_controls ? 0 : characters;
}

/* X.680 section 41.4, as OpenSSL knows it. */
static bool is_printable(const ASN1_STRING *value)
{
	return ASN1_PRINTABLE_type(ASN1_STRING_get0_data(value), ASN1_STRING_length(value)) == V_ASN1_PRINTABLESTRING;
}

/* One attribute of the subject against the plan's: alone in its RDN, of the right string type and length. */
static result check_attribute(struct op *op, const X509_NAME *name, int at, const struct identifier *expected)
{
	const struct attribute_rule *rule = &attribute_rules[expected->kind];
	const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, at);
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
	struct bytes text = { ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) };
	TRY(lint_rule(op, rule->nid != NID_undef && OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) == rule->nid, "C16",
		      "the subject has the plan's attributes, in their order"));
	TRY(lint_rule(op, X509_NAME_ENTRY_set(entry) == at, "C16", "each RDN has one attribute"));
	TRY(lint_rule(op, ASN1_STRING_type(value) == rule->string_type, "C16",
		      "the subject is in UTF8String, serial numbers and countries in PrintableString"));
	TRY(lint_rule(op, rule->string_type != V_ASN1_PRINTABLESTRING || is_printable(value), "C16",
		      "a PrintableString has no other characters than its own"));
	TRY(lint_rule(op, bytes_equal_text(text, expected->value), "C16", "the subject is the plan's"));
	size_t characters = count_characters(value);
	return lint_rule(op, characters >= rule->least && characters <= rule->most, "C16",
			 "each attribute of the subject is a text within its bounds");
}

/* Section 4.1.2.6: who is no CA of this house cannot be called like one. */
static result check_is_no_ca(struct op *op, const struct tbs_plan *plan, const X509_NAME *name)
{
	if (plan->kind == TBS_ROOT || plan->kind == TBS_INTERMEDIATE)
		return OK;
	for (const struct ca *ca = plan->issuer; ca != NULL; ca = ca->parent)
		TRY(lint_rule(op, ca->certificate == NULL || X509_NAME_cmp(name, X509_get_subject_name(ca->certificate)) != 0,
			      "C2", "the subject is none of its issuers'"));
	return OK;
}

result lint_subject(struct op *op, const struct tbs_plan *plan, struct bytes der)
{
	const uint8_t *p = der.p;
	AUTO(X509_NAME) *name = d2i_X509_NAME(NULL, &p, (long)der.n);
	TRY(lint_rule(op, name != NULL, "C16", "OpenSSL reads the subject"));
	TRY(lint_rule(op, X509_NAME_entry_count(name) == (int)plan->n_subject, "C16",
		      "the subject has the plan's attributes and nothing besides"));
	for (unsigned i = 0; i < plan->n_subject; i++) {
		TRY(lint_rule(op, i == 0 || plan->subject[i].kind > plan->subject[i - 1].kind, "C16",
			      "no attribute is there twice, and they have their order"));
		TRY(check_attribute(op, name, (int)i, &plan->subject[i]));
	}
	TRY(lint_rule(op, plan->kind == TBS_LEAF || plan->n_subject > 0, "C9", "only a leaf may have an empty subject"));
	return check_is_no_ca(op, plan, name);
}

/* Lower-case LDH, "*" only as the whole first label: what identifier_dns.c promises, looked at once more. */
static bool is_dns_name(struct bytes name)
{
	struct bytes rest = name;
	if (bytes_has_prefix(rest, "*."))
		rest = (struct bytes){ rest.p + 2, rest.n - 2 };
	bool was_dot = true;
	for (size_t i = 0; i < rest.n; i++) {
		uint8_t c = rest.p[i];
		bool is_alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!is_alphanumeric && (was_dot || (c != '-' && c != '.')))
			return false;
		was_dot = c == '.';
	}
	return name.n <= 253 && rest.n > 0 && !was_dot;
}

static bool is_address(struct bytes value, const char *text)
{
	AUTO(ASN1_OCTET_STRING) *octets = a2i_IPADDRESS(text);
	struct bytes expected = octets == NULL ? BYTES_NONE :
						 (struct bytes){ ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets) };
	return (value.n == 4 || value.n == 16) && bytes_equal(value, expected);
}

/* IA5 without blanks and controls. */
static bool is_visible(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f)
			return false;
	}
	return true;
}

/* Something, one '@', a domain. */
static bool is_mailbox(struct bytes text)
{
	const uint8_t *at = text.n > 0 ? memchr(text.p, '@', text.n) : NULL;
	if (at == NULL || at == text.p || !is_visible(text))
		return false;
	struct bytes domain = { at + 1, text.n - (size_t)(at + 1 - text.p) };
	return is_dns_name(domain) && domain.p[0] != '*';
}

/* A scheme in small letters, a colon, something. */
static bool is_absolute_uri(struct bytes text)
{
	const uint8_t *colon = text.n > 0 ? memchr(text.p, ':', text.n) : NULL;
	bool has_scheme = colon != NULL && text.p[0] >= 'a' && text.p[0] <= 'z';
	return has_scheme && colon + 1 < text.p + text.n && is_visible(text);
}

/* Octets of an otherName's value, when it is of this type and in a string of this one. */
static bool other_name_value(const GENERAL_NAME *name, const char *type, int string_type, struct bytes *out)
{
	char oid[40];
	if (name == NULL || name->type != GEN_OTHERNAME || name->d.otherName->value->type != string_type ||
	    OBJ_obj2txt(oid, sizeof oid, name->d.otherName->type_id, 1) <= 0 || !text_equal(oid, type))
		return false;
	const ASN1_STRING *string = name->d.otherName->value->value.asn1_string;
	*out = (struct bytes){ ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string) };
	return true;
}

/* Something, one '@', a domain. */
static bool is_principal(const char *text)
{
	const char *at = strchr(text, '@');
	if (at == NULL || at == text || strchr(text, '*') != NULL)
		return false;
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	}
	return is_dns_name(bytes_of_text(at + 1));
}

static result check_principal(struct op *op, const struct der_value *name, const struct identifier *expected)
{
	const uint8_t *p = name->whole.p;
	AUTO(GENERAL_NAME) *read = d2i_GENERAL_NAME(NULL, &p, (long)name->whole.n);
	struct bytes value;
	bool is_upn = expected->kind == IDENTIFIER_UPN &&
		      other_name_value(read, "1.3.6.1.4.1.311.20.2.3", V_ASN1_UTF8STRING, &value);
	TRY(lint_rule(op, is_upn, "C9", "an otherName is a planned UPN in UTF8String"));
	TRY(lint_rule(op, bytes_equal_text(value, expected->value), "V49", "the SAN has the authorized names only"));
	return lint_rule(op, is_principal(expected->value), "C9", "a UPN is one user at a DNS name");
}

/* One GeneralName against the plan's, then for itself. */
static result check_general_name(struct op *op, const struct der_value *name, const struct identifier *expected)
{
	static const struct {
		uint8_t tag;
		enum identifier_kind kind;
		bool (*has_form)(struct bytes text);
	} kinds[] = { { DER_CONTEXT(1), IDENTIFIER_EMAIL, is_mailbox },
		      { DER_CONTEXT(2), IDENTIFIER_DNS, is_dns_name },
		      { DER_CONTEXT(6), IDENTIFIER_URI, is_absolute_uri },
		      { DER_CONTEXT(7), IDENTIFIER_IP, NULL } };
	size_t i = 0;
	if (name->tag == DER_CONTEXT_CONSTRUCTED(0))
		return check_principal(op, name, expected);
	while (i < sizeof kinds / sizeof *kinds && kinds[i].tag != name->tag)
		i++;
	TRY(lint_rule(op, i < sizeof kinds / sizeof *kinds && kinds[i].kind == expected->kind, "C9",
		      "each name of the SAN is of the plan's kind"));
	if (kinds[i].kind == IDENTIFIER_IP)
		return lint_rule(op, is_address(name->content, expected->value), "C9",
				 "an address is the plan's, in 4 or 16 octets");
	TRY(lint_rule(op, bytes_equal_text(name->content, expected->value), "V49", "the SAN has the authorized names only"));
	return lint_rule(op, kinds[i].has_form(name->content), "C9",
			 "DNS names are lower-case LDH, e-mail addresses one mailbox at such a name, URIs absolute");
}

/* A subject that was not authorized for itself is one of the DNS names (N4). */
static result check_copied_subject(struct op *op, const struct tbs_plan *plan)
{
	bool is_copy = plan->n_subject == 0;
	for (unsigned i = 0; i < plan->n_identifiers && plan->n_subject == 1; i++) {
		is_copy = is_copy || (plan->subject[0].kind == IDENTIFIER_CN && plan->identifiers[i].kind == IDENTIFIER_DNS &&
				      text_equal(plan->identifiers[i].value, plan->subject[0].value));
	}
	return lint_rule(op, plan->has_own_subject || is_copy, "N4", "the common name is one of the SAN's");
}

result lint_subject_alt_name(struct op *op, const struct tbs_plan *plan, struct bytes in)
{
	struct der_value name;
	unsigned n = 0;
	TRY(lint_rule(op, plan->n_identifiers <= LIMIT_ORDER_IDENTIFIERS, "N12", "there are not too many names"));
	TRY(lint_rule(op, der_take(&in, DER_SEQUENCE, &in) && in.n > 0, "C9", "the SAN is a list of names"));
	for (; in.n > 0; n++) {
		TRY(lint_rule(op, der_next(&in, &name), "C9", "the SAN is a list of names"));
		TRY(lint_rule(op, n < plan->n_identifiers, "V49", "the SAN has the authorized names only"));
		TRY(check_general_name(op, &name, &plan->identifiers[n]));
	}
	TRY(lint_rule(op, n == plan->n_identifiers, "V49", "the SAN has all authorized names"));
	return check_copied_subject(op, plan);
}

result lint_sid(struct op *op, const struct tbs_plan *plan, struct bytes value)
{
	static const char digits[] = "S-0123456789";
	const uint8_t *p = value.p;
	AUTO(GENERAL_NAMES) *names = d2i_GENERAL_NAMES(NULL, &p, (long)value.n);
	struct bytes sid;
	bool is_sid = sk_GENERAL_NAME_num(names) == 1 && other_name_value(sk_GENERAL_NAME_value(names, 0), "1.3.6.1.4.1.311.25.2.1",
									  V_ASN1_OCTET_STRING, &sid);
	TRY(lint_rule(op, is_sid, "V45", "the SID's extension has one otherName with an OCTET STRING"));
	TRY(lint_rule(op, bytes_equal_text(sid, plan->sid), "V45", "the SID is the authorized one"));
	bool has_form = text_has_prefix(plan->sid, "S-1-") && plan->sid[strspn(plan->sid, digits)] == '\0';
	return lint_rule(op, has_form, "V45", "a SID is S-1- and numbers");
}
