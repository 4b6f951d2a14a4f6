/* Certificates are looked into no further than up to the public key (RFC 5280 section 4.1). */
#include "ca/cms.h"

#include "ca/der.h"

/* 1.2.840.113549.1.7.1, .2 and .3 */
const struct bytes cms_data_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");
const struct bytes cms_signed_data_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
const struct bytes cms_enveloped_data_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03");
const struct bytes cms_rsa_oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"); /* 1.2.840.113549.1.1.1 */

bool cms_is_algorithm(struct bytes algorithm, struct bytes oid)
{
	struct bytes found;
	return der_take(&algorithm, DER_OID, &found) && bytes_equal(found, oid) &&
	       (algorithm.n == 0 || bytes_equal(algorithm, BYTES_LITERAL("\x05\x00")));
}

/* ContentInfo ::= SEQUENCE { contentType, content [0] EXPLICIT } */
bool cms_open(struct bytes der, struct bytes type, struct bytes *content)
{
	struct bytes info, found, tagged;
	return der_take(&der, DER_SEQUENCE, &info) && der.n == 0 && der_take(&info, DER_OID, &found) &&
	       bytes_equal(found, type) && der_take(&info, DER_CONTEXT_CONSTRUCTED(0), &tagged) && info.n == 0 &&
	       der_take(&tagged, DER_SEQUENCE, content) && tagged.n == 0;
}

struct bytes cms_wrap(struct arena *arena, struct bytes type, struct bytes content)
{
	struct buf out;
	buf_init(&out, arena, content.n + 64);
	size_t info = der_open(&out, DER_SEQUENCE);
	der_put(&out, DER_OID, type);
	size_t tagged = der_open(&out, DER_CONTEXT_CONSTRUCTED(0));
	der_put(&out, DER_SEQUENCE, content);
	der_close(&out, tagged);
	der_close(&out, info);
	return buf_as_bytes(&out);
}

struct front {
	struct bytes issuer, serial, spki; /* whole */
};

/* TBSCertificate ::= SEQUENCE { version [0], serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, … } */
static bool read_front(struct bytes certificate, struct front *out)
{
	struct bytes fields, version;
	struct der_value values[6];
	static const uint8_t tags[6] = { DER_INTEGER, DER_SEQUENCE, DER_SEQUENCE, DER_SEQUENCE, DER_SEQUENCE, DER_SEQUENCE };
	if (!der_take(&certificate, DER_SEQUENCE, &fields) || !der_take(&fields, DER_SEQUENCE, &fields))
		return false;
	if (der_is_next(fields, DER_CONTEXT_CONSTRUCTED(0)) && !der_take(&fields, DER_CONTEXT_CONSTRUCTED(0), &version))
		return false;
	for (unsigned i = 0; i < 6; i++)
		if (!der_next(&fields, &values[i]) || values[i].tag != tags[i])
			return false;
	*out = (struct front){ .serial = values[0].whole, .issuer = values[2].whole, .spki = values[5].whole };
	return true;
}

bool cms_names(struct bytes issuer_and_serial, struct bytes certificate)
{
	struct front front;
	struct der_value issuer, serial;
	struct bytes rest = issuer_and_serial;
	return read_front(certificate, &front) && der_next(&rest, &issuer) && der_next(&rest, &serial) && rest.n == 0 &&
	       bytes_equal(issuer.whole, front.issuer) && bytes_equal(serial.whole, front.serial);
}

bool cms_put_name(struct buf *out, struct bytes certificate)
{
	struct front front;
	if (!read_front(certificate, &front))
		return false;
	size_t name = der_open(out, DER_SEQUENCE);
	buf_bytes(out, front.issuer);
	buf_bytes(out, front.serial);
	der_close(out, name);
	return true;
}

bool cms_spki(struct bytes certificate, struct bytes *spki)
{
	struct front front;
	if (!read_front(certificate, &front))
		return false;
	*spki = front.spki;
	return true;
}
