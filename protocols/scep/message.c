/* RFC 8894 sections 3.1 and 3.2. */
#include "protocols/scep/message.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "ca/ber.h"
#include "ca/cms.h"
#include "ca/identifier.h"

/* 2.16.840.1.113733.1.9.n */
#define SCEP_OID(n) BYTES_LITERAL("\x60\x86\x48\x01\x86\xf8\x45\x01\x09" n)
const struct bytes scep_message_type_oid = SCEP_OID("\x02");
const struct bytes scep_pki_status_oid = SCEP_OID("\x03");
const struct bytes scep_fail_info_oid = SCEP_OID("\x04");
const struct bytes scep_sender_nonce_oid = SCEP_OID("\x05");
const struct bytes scep_recipient_nonce_oid = SCEP_OID("\x06");
const struct bytes scep_transaction_id_oid = SCEP_OID("\x07");
const struct bytes scep_fail_info_text_oid = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x18\x01"); /* 1.3.6.1.5.5.7.24.1 */
static const struct bytes signing_time_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05");

result scep_bad_message(struct op *op)
{
	return FAIL_CODE(op, ERR_MALFORMED, SCEP_CODE(SCEP_BAD_MESSAGE_CHECK),
			 "the message cannot be read: it is not for this server, was changed on its way, or is no request");
}

/* A PrintableString in decimal, without anything before or behind it. */
static int read_type(const struct signed_data *message)
{
	struct der_value value;
	uint64_t number;
	char digits[4];
	if (!signed_data_attribute(message, scep_message_type_oid, &value) || value.tag != DER_PRINTABLE_STRING ||
	    value.content.n == 0 || value.content.n >= sizeof digits || !is_printable_string(value.content))
		return -1;
	memcpy(digits, value.content.p, value.content.n);
	digits[value.content.n] = '\0';
	return text_parse_u64(digits, 0, 999, &number) && (digits[0] != '0' || digits[1] == '\0') ? (int)number : -1;
}

/* Section 3.2.1.1 */
static const char *read_transaction_id(struct op *op, const struct signed_data *message)
{
	struct der_value value;
	if (!signed_data_attribute(message, scep_transaction_id_oid, &value) || value.tag != DER_PRINTABLE_STRING ||
	    value.content.n == 0 || value.content.n > LIMIT_SCEP_TRANSACTION_ID || !is_printable_string(value.content))
		return NULL;
	return arena_text_n(op->arena, (const char *)value.content.p, value.content.n);
}

static struct bytes read_nonce(const struct signed_data *message)
{
	struct der_value value;
	bool is_there = signed_data_attribute(message, scep_sender_nonce_oid, &value) && value.tag == DER_OCTET_STRING;
	return is_there && value.content.n <= SCEP_NONCE_MAX ? value.content : BYTES_NONE;
}

/* RFC 5652 section 11.3. False: it is there, and no time. */
static bool read_signing_time(const struct signed_data *message, struct scep_message *out)
{
	struct der_value value;
	if (!signed_data_attribute(message, signing_time_oid, &value))
		return true;
	out->has_signing_time = der_read_time(&value, &out->signing_time_s);
	return out->has_signing_time;
}

/* TBSCertificate: version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, … */
static bool read_signer(struct scep_message *out)
{
	struct bytes certificate = out->signer, fields, version;
	struct der_value serial, algorithm, issuer, validity, subject, spki;
	if (!der_take(&certificate, DER_SEQUENCE, &fields) || !der_take(&fields, DER_SEQUENCE, &fields))
		return false;
	if (der_is_next(fields, DER_CONTEXT_CONSTRUCTED(0)) && !der_take(&fields, DER_CONTEXT_CONSTRUCTED(0), &version))
		return false;
	if (!der_next(&fields, &serial) || !der_next(&fields, &algorithm) || !der_next(&fields, &issuer) ||
	    !der_next(&fields, &validity) || !der_next(&fields, &subject) || !der_next(&fields, &spki))
		return false;
	out->spki = spki.whole;
	out->is_self_issued = bytes_equal(issuer.whole, subject.whole);
	return spki.tag == DER_SEQUENCE;
}

static bool find_signer(struct scep_message *out)
{
	const struct signed_data *message = &out->signed_data;
	for (unsigned i = 0; i < message->n_certificates; i++) {
		if (!signed_data_names(message, message->certificates[i]))
			continue;
		out->signer = message->certificates[i];
		return read_signer(out);
	}
	return false;
}

static bool is_rsa(struct bytes spki)
{
	struct bytes fields, algorithm, oid;
	return der_take(&spki, DER_SEQUENCE, &fields) && der_take(&fields, DER_SEQUENCE, &algorithm) &&
	       der_take(&algorithm, DER_OID, &oid) && bytes_equal(oid, cms_rsa_oid);
}

result scep_message_to_der(struct op *op, struct bytes message, unsigned compatibility, struct bytes *der, bool *is_ber)
{
	*der = message;
	*is_ber = false;
	if ((compatibility & SCEP_ACCEPTS_BER) == 0)
		return OK;
	struct bytes rewritten;
	if (ber_to_der(op, message, &rewritten).err != ERR_NONE)
		return scep_bad_message(op);
	*is_ber = !bytes_equal(rewritten, message);
	if (*is_ber)
		*der = rewritten;
	return OK;
}

result scep_message_read(struct op *op, struct bytes message, unsigned compatibility, struct scep_message *out)
{
	const struct signed_data_rules rules = { .takes_sha1 = (compatibility & SCEP_ACCEPTS_SHA1) != 0 };
	struct bytes der;
	*out = (struct scep_message){ .type = -1 };
	TRY(scep_message_to_der(op, message, compatibility, &der, &out->is_ber));
	result r = signed_data_read_by(op, der, &rules, &out->signed_data);
	if (out->signed_data.attributes.n > 0) {
		out->type = read_type(&out->signed_data);
		out->transaction_id = read_transaction_id(op, &out->signed_data);
		out->sender_nonce = read_nonce(&out->signed_data);
	}
	if (r.err == ERR_POLICY)
		return FAIL_CODE(op, ERR_POLICY, SCEP_CODE(SCEP_BAD_ALG), "%s", arena_text(op->arena, op->detail));
	if (r.err != ERR_NONE || out->transaction_id == NULL)
		return scep_bad_message(op);
	if (!bytes_equal(out->signed_data.type, cms_data_oid) || !read_signing_time(&out->signed_data, out) ||
	    !find_signer(out) || !signed_data_is_by(op, &out->signed_data, out->spki))
		return scep_bad_message(op);
	if (!is_rsa(out->spki))
		return FAIL_CODE(op, ERR_POLICY, SCEP_CODE(SCEP_BAD_ALG),
				 "the message is signed with a key that is not RSA, and the certificate could not be encrypted to it "
				 "(RFC 8894 section 3.1): use an RSA key, or EST");
	return OK;
}
