/* The list has passed the readers of csr.h: strict DER, and no attribute is in it twice. */
#include "protocols/est/key_protection.h"

#include "ca/der.h"

/* Contents of OIDs: id-aa-decryptKeyID, id-aa-asymmDecryptKeyID, smimeCapabilities; aes256-CBC, id-RSAES-OAEP, id-sha256. */
static const struct bytes oid_symmetric = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x25");
static const struct bytes oid_asymmetric = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x36");
static const struct bytes oid_capabilities = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0f");
static const struct bytes oid_aes256_cbc = BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x2a");
static const struct bytes oid_oaep = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07");
static const struct bytes oid_sha256 = BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x01");

/*
 * RSAES-OAEP-params (RFC 4055 section 4.1): what is absent is SHA-1, here still
 * sound. Its mask generation has the same digest as the hash with everybody.
 */
static const char *oaep_digest(struct bytes parameters)
{
	struct bytes fields, hash, algorithm, oid;
	if (parameters.n == 0 || bytes_equal(parameters, BYTES_LITERAL("\x30\x00")))
		return "SHA1";
	if (der_take(&parameters, DER_SEQUENCE, &fields) && der_take(&fields, DER_CONTEXT_CONSTRUCTED(0), &hash) &&
	    der_take(&hash, DER_SEQUENCE, &algorithm) && der_take(&algorithm, DER_OID, &oid) && bytes_equal(oid, oid_sha256))
		return "SHA256";
	return NULL;
}

/* SMIMECapabilities ::= SEQUENCE OF SEQUENCE { capabilityID OID, parameters ANY OPTIONAL } */
static bool read_capabilities(struct bytes values, struct key_protection *out)
{
	struct bytes list, capability, oid;
	if (!der_take(&values, DER_SEQUENCE, &list) || values.n != 0)
		return false;
	out->has_capabilities = true;
	while (list.n > 0) {
		if (!der_take(&list, DER_SEQUENCE, &capability) || !der_take(&capability, DER_OID, &oid))
			return false;
		if (bytes_equal(oid, oid_aes256_cbc))
			out->takes_aes256_cbc = true;
		else if (bytes_equal(oid, oid_oaep) && out->oaep_digest == NULL)
			out->oaep_digest = oaep_digest(capability);
	}
	return true;
}

static bool read_attribute(struct bytes type, struct bytes values, struct key_protection *out)
{
	struct bytes secret_id;
	bool is_symmetric = bytes_equal(type, oid_symmetric), is_asymmetric = bytes_equal(type, oid_asymmetric);
	bool is_capabilities = bytes_equal(type, oid_capabilities);
	if (!is_symmetric && !is_asymmetric && !is_capabilities)
		return true;
	out->is_wanted = true;
	if (is_capabilities)
		return read_capabilities(values, out);
	out->is_symmetric = out->is_symmetric || is_symmetric;
	return der_take(&values, DER_OCTET_STRING, is_symmetric ? &secret_id : &out->key_id) && values.n == 0 &&
	       (is_symmetric || out->key_id.n > 0);
}

result key_protection_read(struct op *op, struct bytes attributes, struct key_protection *out)
{
	struct bytes attribute, type, values;
	*out = (struct key_protection){ .is_wanted = false };
	while (attributes.n > 0)
		if (!der_take(&attributes, DER_SEQUENCE, &attribute) || !der_take(&attribute, DER_OID, &type) ||
		    !der_take(&attribute, DER_SET, &values) || !read_attribute(type, values, out))
			return FAIL(op, ERR_MALFORMED, "the CSR's attributes for the encryption of the key are not those of RFC 7030 section 4.4.1");
	return OK;
}
