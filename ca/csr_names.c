/*
 * The only file that reads the extensions of a request (V50). It reads them once,
 * so that no second reader can see another first one. RFC 2985 section 5.4.2,
 * RFC 5280 sections 4.1.2.6 and 4.2.1.6.
 */
#include "ca/csr_names.h"

#include <string.h>

#include "base/limits.h"
#include "ca/der.h"

#define COMMON_NAME_MAX 64 /* RFC 5280 appendix A: ub-common-name */
#define LIST_MAX 32        /* attributes, or extensions: real requests have less than ten */

static const struct bytes oid_common_name = BYTES_LITERAL("\x55\x04\x03");
static const struct bytes oid_subject_alt_name = BYTES_LITERAL("\x55\x1d\x11");
/* PKCS #9 extensionRequest, and Microsoft's szOID_CERT_EXTENSIONS with the same content. */
static const struct bytes oid_extension_request = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e");
static const struct bytes oid_ms_extensions = BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0e");

/* GeneralName's CHOICE by tag number, RFC 5280 section 4.2.1.6. */
static const char *const general_name_kinds[] = {
	"an otherName (a UPN or the like)", "an e-mail address", "a DNS name in constructed form", "an X.400 address",
	"a directory name", "an EDI party name", "a URI", "an IP address", "a registered ID",
};

void csr_names_init(struct op *op, struct csr_names *names)
{
	*names = (struct csr_names){
		.identifiers = arena_alloc_array(op->arena, LIMIT_ORDER_IDENTIFIERS + 1, sizeof *names->identifiers),
	};
}

/* X.680 section 41.4. */
static bool is_printable_string(struct bytes text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\0' || strchr(allowed, text.p[i]) == NULL)
			return false;
	}
	return true;
}

static result add_common_name(struct op *op, const struct der_value *value, struct csr_names *names)
{
	bool is_printable = value->tag == DER_PRINTABLE_STRING && is_printable_string(value->content);
	if (names->common_name != NULL)
		return FAIL(op, ERR_POLICY, "the CSR's subject has two common names");
	if (!is_printable && value->tag != DER_UTF8_STRING)
		return FAIL(op, ERR_POLICY, "the CSR's common name is not a UTF8String or a correct PrintableString");
	if (value->content.n > COMMON_NAME_MAX)
		return FAIL(op, ERR_POLICY, "the CSR's common name is longer than %d octets: put it into the SAN only",
			    COMMON_NAME_MAX);
	struct identifier *identifier = &names->identifiers[names->n];
	result r = identifier_dns(op, value->content, true, identifier);
	if (r.err != ERR_NONE)
		return op_explain(op, r, "common name of the CSR");
	names->common_name = identifier->value;
	names->n++;
	return OK;
}

/* AttributeTypeAndValue ::= SEQUENCE { type OID, value ANY } */
static result read_subject_attribute(struct op *op, struct bytes attribute, struct csr_names *names)
{
	struct bytes type;
	struct der_value value;
	if (!der_take(&attribute, DER_OID, &type) || !der_next(&attribute, &value) || attribute.n != 0)
		return FAIL(op, ERR_MALFORMED, "the CSR's subject is not a Name");
	return bytes_equal(type, oid_common_name) ? add_common_name(op, &value, names) : OK;
}

result csr_names_from_subject(struct op *op, struct bytes rdn_sequence, struct csr_names *names)
{
	while (rdn_sequence.n > 0) {
		struct bytes rdn, attribute;
		if (!der_take(&rdn_sequence, DER_SET, &rdn) || rdn.n == 0)
			return FAIL(op, ERR_MALFORMED, "the CSR's subject is not a Name");
		while (rdn.n > 0) {
			if (!der_take(&rdn, DER_SEQUENCE, &attribute))
				return FAIL(op, ERR_MALFORMED, "the CSR's subject is not a Name");
			TRY(read_subject_attribute(op, attribute, names));
		}
	}
	return OK;
}

static result add_general_name(struct op *op, const struct der_value *value, struct csr_names *names)
{
	if (value->tag != DER_CONTEXT(2)) {
		unsigned kind = value->tag & 0x1f;
		bool is_known = (value->tag & 0xc0) == 0x80 && kind < sizeof general_name_kinds / sizeof *general_name_kinds;
		return FAIL(op, ERR_POLICY, "the CSR's SAN has %s; only DNS names are issued here",
			    is_known ? general_name_kinds[kind] : "a name of unknown kind");
	}
	if (names->n >= LIMIT_ORDER_IDENTIFIERS + (names->common_name != NULL ? 1u : 0u))
		return FAIL(op, ERR_POLICY, "the CSR's SAN has more than %d names", LIMIT_ORDER_IDENTIFIERS);
	result r = identifier_dns(op, value->content, true, &names->identifiers[names->n]);
	if (r.err != ERR_NONE)
		return op_explain(op, r, "SAN of the CSR");
	names->n++;
	return OK;
}

static result read_subject_alt_name(struct op *op, struct bytes in, struct csr_names *names)
{
	struct bytes general_names;
	struct der_value value;
	/* The gate saw the OCTET STRING from outside only. */
	if (!der_is_strict(in) || !der_take(&in, DER_SEQUENCE, &general_names) || general_names.n == 0)
		return FAIL(op, ERR_MALFORMED, "the CSR's SAN is not a list of names");
	while (general_names.n > 0) {
		if (!der_next(&general_names, &value))
			return FAIL(op, ERR_MALFORMED, "the CSR's SAN is not a list of names");
		TRY(add_general_name(op, &value, names));
	}
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
		return FAIL(op, ERR_MALFORMED, "an extension that the CSR asks for is not in DER");
	if (is_among(before, oid))
		return FAIL(op, ERR_MALFORMED, "the CSR asks for one extension twice");
	return bytes_equal(oid, oid_subject_alt_name) ? read_subject_alt_name(op, value, names) : OK;
}

static result read_extensions(struct op *op, struct bytes values, struct csr_names *names)
{
	struct bytes extensions, extension;
	if (!der_take(&values, DER_SEQUENCE, &extensions) || values.n != 0)
		return FAIL(op, ERR_MALFORMED, "the CSR's extensionRequest does not hold one list of extensions");
	struct bytes all = extensions;
	for (unsigned n = 0; extensions.n > 0; n++) {
		struct bytes before = { all.p, all.n - extensions.n };
		if (n == LIST_MAX)
			return FAIL(op, ERR_MALFORMED, "the CSR asks for more than %d extensions", LIST_MAX);
		if (!der_take(&extensions, DER_SEQUENCE, &extension))
			return FAIL(op, ERR_MALFORMED, "an extension that the CSR asks for is not in DER");
		TRY(read_extension(op, extension, before, names));
	}
	return OK;
}

result csr_names_from_attributes(struct op *op, struct bytes attributes, struct csr_names *names)
{
	struct bytes all = attributes;
	bool has_extensions = false;
	for (unsigned n = 0; attributes.n > 0; n++) {
		struct bytes before = { all.p, all.n - attributes.n }, attribute, type, values;
		if (n == LIST_MAX)
			return FAIL(op, ERR_MALFORMED, "the CSR has more than %d attributes", LIST_MAX);
		if (!der_take(&attributes, DER_SEQUENCE, &attribute) || !der_take(&attribute, DER_OID, &type) ||
		    !der_take(&attribute, DER_SET, &values) || attribute.n != 0)
			return FAIL(op, ERR_MALFORMED, "an attribute of the CSR is not in DER");
		if (is_among(before, type))
			return FAIL(op, ERR_MALFORMED, "the CSR has one attribute twice");
		if (!bytes_equal(type, oid_extension_request) && !bytes_equal(type, oid_ms_extensions))
			continue;
		if (has_extensions)
			return FAIL(op, ERR_MALFORMED, "the CSR asks for extensions in two attributes");
		has_extensions = true;
		TRY(read_extensions(op, values, names));
	}
	return OK;
}
