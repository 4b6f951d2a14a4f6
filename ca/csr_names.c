/*
 * The only file that reads the extensions of a request (V50). It reads them once,
 * so that no second reader can see another first one. RFC 2985 section 5.4,
 * RFC 5280 sections 4.1.2.6 and 4.2.1.6.
 */
#include "ca/csr_names.h"

#include <string.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "ca/der.h"
#include "ca/other_name.h"

#define COMMON_NAME_MAX 64 /* RFC 5280 appendix A: ub-common-name */
#define CHALLENGE_MAX 255  /* RFC 2985: pkcs-9-ub-challengePassword */
#define CHALLENGE_LONG_MAX 8192 /* Intune's, encrypted and signed, in base64: some 2 KiB */
#define LIST_MAX 32        /* attributes, or extensions: real requests have less than ten */
#define DER_T61_STRING 0x14

static const struct bytes oid_subject_alt_name = BYTES_LITERAL("\x55\x1d\x11");
static const struct bytes oid_email_address = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01");
/* PKCS #9 challengePassword and extensionRequest, and Microsoft's szOID_CERT_EXTENSIONS with the latter's content. */
static const struct bytes oid_challenge_password = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07");
static const struct bytes oid_extension_request = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e");
static const struct bytes oid_ms_extensions = BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0e");

static const struct attribute {
	struct bytes oid;
	enum identifier_kind kind;
	const char *one, *two; /* in sentences */
} attributes[] = {
	{ BYTES_LITERAL("\x55\x04\x03"), IDENTIFIER_CN, "common name", "two common names" },
	{ BYTES_LITERAL("\x55\x04\x05"), IDENTIFIER_SERIAL_NUMBER, "serialNumber", "two serialNumbers" },
	{ BYTES_LITERAL("\x55\x04\x06"), IDENTIFIER_C, "country", "two countries" },
	{ BYTES_LITERAL("\x55\x04\x07"), IDENTIFIER_L, "locality", "two localities" },
	{ BYTES_LITERAL("\x55\x04\x08"), IDENTIFIER_ST, "state", "two states" },
	{ BYTES_LITERAL("\x55\x04\x0a"), IDENTIFIER_O, "organization", "two organizations" },
	{ BYTES_LITERAL("\x55\x04\x0b"), IDENTIFIER_OU, "organizational unit", "two organizational units" },
};

/* GeneralName's CHOICE by tag number, RFC 5280 section 4.2.1.6. */
static const char *const general_name_kinds[] = {
	"an otherName", "an e-mail address", "a DNS name", "an X.400 address",
	"a directory name", "an EDI party name", "a URI", "an IP address", "a registered ID",
};

void csr_names_init(struct op *op, const struct csr_rules *rules, const char *what, struct csr_names *names)
{
	unsigned room = LIMIT_ORDER_IDENTIFIERS + N_IDENTIFIER_KINDS;
	*names = (struct csr_names){
		.rules = rules,
		.what = what,
		.identifiers = arena_alloc_array(op->arena, room, sizeof *names->identifiers),
	};
}

const char *csr_oid_name(struct bytes oid, const char *otherwise)
{
	const uint8_t *p = oid.p;
	AUTO(ASN1_OBJECT) *object = d2i_ASN1_OBJECT(NULL, &p, (long)oid.n);
	int nid = object != NULL ? OBJ_obj2nid(object) : NID_undef;
	return nid == NID_undef ? otherwise : OBJ_nid2sn(nid);
}

static const struct attribute *attribute_find(struct bytes oid)
{
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
		if (bytes_equal(attributes[i].oid, oid))
			return &attributes[i];
	}
	return NULL;
}

/* Its common name is a copy of one of the names (N4): the one way in which a subject without kinds counts. */
static result make_copied_name(struct op *op, struct bytes text, const struct csr_names *names, struct identifier *out)
{
	if (text.n > COMMON_NAME_MAX)
		return FAIL(op, ERR_POLICY, "the %s's common name is longer than %d octets: put it into the SAN only",
			    names->what, COMMON_NAME_MAX);
	return op_explain(op, identifier_dns(op, text, true, out), "common name of the %s", names->what);
}

static result add_attribute(struct op *op, const struct attribute *attribute, const struct der_value *value,
			    struct csr_names *names)
{
	bool is_printable = value->tag == DER_PRINTABLE_STRING && is_printable_string(value->content);
	struct identifier *identifier = &names->identifiers[names->n];
	if ((names->attributes & IDENTIFIER_BIT(attribute->kind)) != 0)
		return FAIL(op, ERR_POLICY, "the %s's subject has %s", names->what, attribute->two);
	if (!is_printable && value->tag != DER_UTF8_STRING)
		return FAIL(op, ERR_POLICY, "the %s's %s is not a UTF8String or a correct PrintableString", names->what,
			    attribute->one);
	if (names->rules->subject == 0)
		TRY(make_copied_name(op, value->content, names, identifier));
	else
		TRY(op_explain(op, identifier_attribute(op, attribute->kind, value->content, identifier),
			       "subject of the %s", names->what));
	names->attributes |= IDENTIFIER_BIT(attribute->kind);
	names->n++;
	if (attribute->kind == IDENTIFIER_CN)
		names->common_name = identifier->value;
	return OK;
}

/* Left out silently, the client would get another subject than it asked for. */
static result refuse_attribute(struct op *op, const struct attribute *attribute, const struct der_value *type,
			       const struct csr_names *names)
{
	if (bytes_equal(type->content, oid_email_address))
		return FAIL(op, ERR_POLICY,
			    "the %s's subject has emailAddress, which stands in the SAN today (RFC 5280 section 4.1.2.6): "
			    "ask for it there, by a profile with email in its names:",
			    names->what);
	return FAIL(op, ERR_POLICY, "the %s's subject has %s, which the profile's subject: does not list", names->what,
		    attribute != NULL ? attribute->one : csr_oid_name(type->whole, "an unknown attribute"));
}

/* AttributeTypeAndValue ::= SEQUENCE { type OID, value ANY } */
static result read_subject_attribute(struct op *op, struct bytes in, struct csr_names *names)
{
	struct der_value type, value;
	if (!der_next(&in, &type) || type.tag != DER_OID || !der_next(&in, &value) || in.n != 0)
		return FAIL(op, ERR_MALFORMED, "the %s's subject is not a Name", names->what);
	const struct attribute *attribute = attribute_find(type.content);
	if (names->rules->subject == 0)
		return attribute != NULL && attribute->kind == IDENTIFIER_CN ? add_attribute(op, attribute, &value, names) : OK;
	if (attribute == NULL || (names->rules->subject & IDENTIFIER_BIT(attribute->kind)) == 0)
		return refuse_attribute(op, attribute, &type, names);
	return add_attribute(op, attribute, &value, names);
}

result csr_names_from_subject(struct op *op, struct bytes rdn_sequence, struct csr_names *names)
{
	while (rdn_sequence.n > 0) {
		struct bytes rdn, attribute;
		if (!der_take(&rdn_sequence, DER_SET, &rdn) || rdn.n == 0)
			return FAIL(op, ERR_MALFORMED, "the %s's subject is not a Name", names->what);
		while (rdn.n > 0) {
			if (!der_take(&rdn, DER_SEQUENCE, &attribute))
				return FAIL(op, ERR_MALFORMED, "the %s's subject is not a Name", names->what);
			TRY(read_subject_attribute(op, attribute, names));
		}
	}
	return OK;
}

/* The kind of an identifier that such a GeneralName is, and its octets; false when there is none for it. */
static bool general_name_read(const struct der_value *name, enum identifier_kind *kind, struct bytes *octets)
{
	static const struct {
		uint8_t tag;
		enum identifier_kind kind;
	} kinds[] = { { DER_CONTEXT(1), IDENTIFIER_EMAIL },
		      { DER_CONTEXT(2), IDENTIFIER_DNS },
		      { DER_CONTEXT(6), IDENTIFIER_URI },
		      { DER_CONTEXT(7), IDENTIFIER_IP } };
	*kind = IDENTIFIER_UPN;
	if (other_name_read(name, &other_name_upn, octets))
		return true;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (kinds[i].tag != name->tag)
			continue;
		*kind = kinds[i].kind;
		*octets = name->content;
		return true;
	}
	return false;
}

static const char *why_unlisted(const struct csr_names *names)
{
	return names->rules->names == IDENTIFIER_BIT(IDENTIFIER_DNS) ? "only DNS names are issued here" :
								       "names: of the profile does not list that kind";
}

static result refuse_general_name(struct op *op, const struct der_value *value, const struct csr_names *names)
{
	unsigned number = value->tag & 0x1f;
	struct bytes upn;
	bool is_known = (value->tag & 0xc0) == 0x80 && number < sizeof general_name_kinds / sizeof *general_name_kinds;
	return FAIL(op, ERR_POLICY, "the %s's SAN has %s%s; %s", names->what,
		    is_known ? general_name_kinds[number] : "a name of unknown kind",
		    value->tag == DER_CONTEXT_CONSTRUCTED(2)	     ? " in constructed form" :
		    other_name_read(value, &other_name_upn, &upn) ? " (a UPN)" : "",
		    why_unlisted(names));
}

static result add_general_name(struct op *op, const struct der_value *value, struct csr_names *names)
{
	struct identifier *identifier = &names->identifiers[names->n];
	enum identifier_kind kind;
	struct bytes octets;
	if (!general_name_read(value, &kind, &octets) || (names->rules->names & IDENTIFIER_BIT(kind)) == 0)
		return refuse_general_name(op, value, names);
	if (names->n_san >= LIMIT_ORDER_IDENTIFIERS)
		return FAIL(op, ERR_POLICY, "the %s's SAN has more than %d names", names->what, LIMIT_ORDER_IDENTIFIERS);
	result r = kind == IDENTIFIER_IP ? identifier_ip_of_octets(op, octets, identifier) :
					   identifier_make(op, kind, octets, identifier);
	TRY(op_explain(op, r, "SAN of the %s", names->what));
	names->n++;
	names->n_san++;
	return OK;
}

static result read_subject_alt_name(struct op *op, struct bytes in, struct csr_names *names)
{
	struct bytes general_names;
	struct der_value value;
	names->subject_alt_name = in;
	/* The gate saw the OCTET STRING from outside only. */
	if (!der_is_strict(in) || !der_take(&in, DER_SEQUENCE, &general_names) || general_names.n == 0)
		return FAIL(op, ERR_MALFORMED, "the %s's SAN is not a list of names", names->what);
	while (general_names.n > 0) {
		if (!der_next(&general_names, &value))
			return FAIL(op, ERR_MALFORMED, "the %s's SAN is not a list of names", names->what);
		TRY(add_general_name(op, &value, names));
	}
	return OK;
}

/* Windows clients ask so for the account that the certificate will log in as: a name, whatever form it has. */
static result read_sid(struct op *op, struct bytes value, struct csr_names *names)
{
	struct bytes sid;
	if ((names->rules->names & IDENTIFIER_BIT(IDENTIFIER_SID)) == 0)
		return FAIL(op, ERR_POLICY, "the %s asks for a SID (extension 1.3.6.1.4.1.311.25.2); %s", names->what,
			    why_unlisted(names));
	if (!sid_extension_read(value, &sid))
		return FAIL(op, ERR_MALFORMED, "the %s's SID extension does not hold one SID", names->what);
	TRY(op_explain(op, identifier_sid(op, sid, &names->identifiers[names->n]), "SID of the %s", names->what));
	names->n++;
	return OK;
}

/* Types seen so far in a list where none may come twice; the list is walked again, because it is short. */
static bool is_among(struct bytes before, struct bytes oid)
{
	struct bytes item, type;
	while (der_take(&before, DER_SEQUENCE, &item)) {
		if (der_take(&item, DER_OID, &type) && bytes_equal(type, oid))
			return true;
	}
	return false;
}

/* Extension ::= SEQUENCE { extnID OID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING } */
static result read_extension(struct op *op, struct bytes extension, struct bytes before, struct csr_names *names)
{
	struct bytes oid, critical, value;
	bool is_extension = der_take(&extension, DER_OID, &oid);
	if (der_is_next(extension, DER_BOOLEAN))
		is_extension = is_extension && der_take(&extension, DER_BOOLEAN, &critical) && critical.p[0] == 0xff;
	if (!is_extension || !der_take(&extension, DER_OCTET_STRING, &value) || extension.n != 0)
		return FAIL(op, ERR_MALFORMED, "an extension that the %s asks for is not in DER", names->what);
	if (is_among(before, oid))
		return FAIL(op, ERR_MALFORMED, "the %s asks for one extension twice", names->what);
	if (bytes_equal(oid, BYTES_LITERAL(SID_EXTENSION_OID)))
		return read_sid(op, value, names);
	return bytes_equal(oid, oid_subject_alt_name) ? read_subject_alt_name(op, value, names) : OK;
}

result csr_names_from_extensions(struct op *op, struct bytes extensions, struct csr_names *names)
{
	struct bytes all = extensions, extension;
	for (unsigned n = 0; extensions.n > 0; n++) {
		struct bytes before = { all.p, all.n - extensions.n };
		if (n == LIST_MAX)
			return FAIL(op, ERR_MALFORMED, "the %s asks for more than %d extensions", names->what, LIST_MAX);
		if (!der_take(&extensions, DER_SEQUENCE, &extension))
			return FAIL(op, ERR_MALFORMED, "an extension that the %s asks for is not in DER", names->what);
		TRY(read_extension(op, extension, before, names));
	}
	return OK;
}

static result read_extension_request(struct op *op, struct bytes values, struct csr_names *names)
{
	struct bytes extensions;
	if (!der_take(&values, DER_SEQUENCE, &extensions) || values.n != 0)
		return FAIL(op, ERR_MALFORMED, "the %s's extensionRequest does not hold one list of extensions", names->what);
	return csr_names_from_extensions(op, extensions, names);
}

/* RFC 2985 section 5.4.1: one string. T61String and IA5String of old clients pass where they are ASCII. */
static bool is_password(const struct der_value *value)
{
	bool is_ascii_only = value->tag == DER_T61_STRING || value->tag == DER_IA5_STRING;
	if (value->tag == DER_PRINTABLE_STRING && !is_printable_string(value->content))
		return false;
	if (!is_ascii_only && value->tag != DER_PRINTABLE_STRING && value->tag != DER_UTF8_STRING)
		return false;
	for (size_t i = 0; i < value->content.n; i++) {
		uint8_t c = value->content.p[i];
		if (c < 0x20 || c == 0x7f || (c > 0x7f && is_ascii_only))
			return false;
	}
	return true;
}

static result read_challenge_password(struct op *op, struct bytes values, struct csr_names *names)
{
	struct der_value value;
	if (!names->rules->challenge_password)
		return OK;
	bool is_scep = names->rules->scep_challenge;
	size_t least = is_scep ? 0 : 1, most = is_scep ? CHALLENGE_LONG_MAX : CHALLENGE_MAX;
	if (!der_next(&values, &value) || values.n != 0 || !is_password(&value) || value.content.n < least ||
	    value.content.n > most)
		return FAIL(op, ERR_MALFORMED, "the %s's challengePassword is not one string of %zu to %zu octets", names->what, least,
			    most);
	names->challenge_password = value.content;
	return OK;
}

result csr_names_from_attributes(struct op *op, struct bytes in, struct csr_names *names)
{
	struct bytes all = in;
	bool has_extensions = false;
	for (unsigned n = 0; in.n > 0; n++) {
		struct bytes before = { all.p, all.n - in.n }, attribute, type, values;
		if (n == LIST_MAX)
			return FAIL(op, ERR_MALFORMED, "the %s has more than %d attributes", names->what, LIST_MAX);
		if (!der_take(&in, DER_SEQUENCE, &attribute) || !der_take(&attribute, DER_OID, &type) ||
		    !der_take(&attribute, DER_SET, &values) || attribute.n != 0)
			return FAIL(op, ERR_MALFORMED, "an attribute of the %s is not in DER", names->what);
		if (is_among(before, type))
			return FAIL(op, ERR_MALFORMED, "the %s has one attribute twice", names->what);
		if (bytes_equal(type, oid_challenge_password))
			TRY(read_challenge_password(op, values, names));
		if (!bytes_equal(type, oid_extension_request) && !bytes_equal(type, oid_ms_extensions))
			continue;
		if (has_extensions)
			return FAIL(op, ERR_MALFORMED, "the %s asks for extensions in two attributes", names->what);
		has_extensions = true;
		TRY(read_extension_request(op, values, names));
	}
	return OK;
}
