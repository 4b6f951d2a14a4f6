/*
 * Writes TBSCertificate from a plan (RFC 5280 section 4.1). The fields are here,
 * the extensions in tbs_extensions.c. What comes out is what the lint reads back:
 * nothing here is trusted to be right.
 */
#include "ca/tbs.h"

#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "ca/der.h"
#include "ca/tbs_extensions.h"

void serial_draw(struct serial *serial)
{
	random_bytes(serial->b, sizeof serial->b);
	/* 01 on top: positive, never a leading zero octet, the same length always. */
	serial->b[0] = (uint8_t)((serial->b[0] & 0x3f) | 0x40);
}

char *serial_to_hex(struct arena *arena, const struct serial *serial)
{
	return bytes_to_hex(arena, BYTES_ARRAY(serial->b));
}

struct bytes tbs_signature_algorithm(enum key_type signature_key)
{
	/* RFC 5758 section 3.2 and RFC 8410 section 3: no parameters. RFC 4055 section 5: NULL (C4). */
	switch (signature_key) {
	case KEY_P256:
		return BYTES_LITERAL("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
	case KEY_P384:
		return BYTES_LITERAL("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03");
	case KEY_RSA2048:
	case KEY_RSA3072:
	case KEY_RSA4096:
		return BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00");
	case KEY_ED25519:
		return BYTES_LITERAL("\x30\x05\x06\x03\x2b\x65\x70");
	case KEY_OTHER:
		break;
	}
	ASSERT(signature_key != KEY_OTHER); /* a CA signs with a key of a known type */
	return BYTES_NONE;
}

void tbs_plan_common_name(struct op *op, const char *common_name, struct tbs_plan *plan)
{
	struct identifier *subject = arena_alloc(op->arena, sizeof *subject);
	*subject = (struct identifier){ IDENTIFIER_CN, common_name };
	plan->subject = subject;
	plan->n_subject = 1;
}

const char *tbs_plan_title(const struct tbs_plan *plan)
{
	return plan->n_subject == 0 ? "" : plan->subject[plan->n_subject - 1].value;
}

/*
 * One RDN with one attribute: SET { SEQUENCE { type, value } }. X.520 has serial
 * numbers and countries in PrintableString, the rest is UTF8String (C16).
 */
static result put_rdn(struct op *op, struct buf *out, const struct identifier *attribute)
{
	static const struct {
		struct bytes oid;
		uint8_t tag;
	} types[N_IDENTIFIER_KINDS] = {
		[IDENTIFIER_C] = { BYTES_LITERAL("\x55\x04\x06"), DER_PRINTABLE_STRING },
		[IDENTIFIER_ST] = { BYTES_LITERAL("\x55\x04\x08"), DER_UTF8_STRING },
		[IDENTIFIER_L] = { BYTES_LITERAL("\x55\x04\x07"), DER_UTF8_STRING },
		[IDENTIFIER_O] = { BYTES_LITERAL("\x55\x04\x0a"), DER_UTF8_STRING },
		[IDENTIFIER_OU] = { BYTES_LITERAL("\x55\x04\x0b"), DER_UTF8_STRING },
		[IDENTIFIER_SERIAL_NUMBER] = { BYTES_LITERAL("\x55\x04\x05"), DER_PRINTABLE_STRING },
		[IDENTIFIER_CN] = { BYTES_LITERAL("\x55\x04\x03"), DER_UTF8_STRING },
	};
	struct identifier canonical;
	if (!identifier_is_attribute(attribute->kind))
		return FAIL(op, ERR_BUG, "%s is no attribute of a subject", identifier_kind_name(attribute->kind));
	TRY(identifier_attribute(op, attribute->kind, bytes_of_text(attribute->value), &canonical));
	if (!identifier_equal(attribute, &canonical))
		return FAIL(op, ERR_POLICY, "\"%s\" cannot stand in a certificate's subject: it is not in its canonical form",
			    attribute->value);
	size_t set = der_open(out, DER_SET);
	size_t pair = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, types[attribute->kind].oid);
	der_put(out, types[attribute->kind].tag, bytes_of_text(attribute->value));
	der_close(out, pair);
	der_close(out, set);
	return OK;
}

/* RFC 5280 section 4.1.2.6. Empty for a leaf that has its names in the SAN only. */
result tbs_build_subject(struct op *op, const struct tbs_plan *plan, struct bytes *out)
{
	struct buf buf;
	buf_init(&buf, op->arena, 128);
	size_t name = der_open(&buf, DER_SEQUENCE);
	for (unsigned i = 0; i < plan->n_subject; i++)
		TRY(put_rdn(op, &buf, &plan->subject[i]));
	der_close(&buf, name);
	*out = buf_as_bytes(&buf);
	return OK;
}

static result check_plan(struct op *op, const struct tbs_plan *plan)
{
	bool is_ca = plan->kind == TBS_ROOT || plan->kind == TBS_INTERMEDIATE;
	if ((plan->issuer == NULL) != (plan->kind == TBS_ROOT))
		return FAIL(op, ERR_BUG, "a root, and nothing else, has no issuer");
	if (is_ca && plan->n_subject == 0)
		return FAIL(op, ERR_POLICY, "a CA certificate needs an organization or a common name");
	if (plan->kind == TBS_LEAF && plan->n_subject == 0 && plan->n_identifiers == 0)
		return FAIL(op, ERR_POLICY, "a leaf needs at least one name");
	if (plan->not_after_s <= plan->not_before_s)
		return FAIL(op, ERR_POLICY, "the certificate would end before it begins");
	/* 1950-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what RFC 5280 section 4.1.2.5 can say (N10). */
	if (plan->not_before_s < -631152000 || plan->not_after_s > 253402300799)
		return FAIL(op, ERR_POLICY, "a certificate's times lie between 1950 and 9999");
	return OK;
}

/* TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject, spki, [3] extensions } */
result tbs_build(struct op *op, const struct tbs_plan *plan, struct bytes *out)
{
	struct bytes subject;
	struct buf buf;
	TRY(check_plan(op, plan));
	TRY(tbs_build_subject(op, plan, &subject));
	buf_init(&buf, op->arena, 1024);
	size_t tbs = der_open(&buf, DER_SEQUENCE);
	size_t version = der_open(&buf, DER_CONTEXT_CONSTRUCTED(0));
	der_put_number(&buf, DER_INTEGER, 2); /* v3 */
	der_close(&buf, version);
	der_put(&buf, DER_INTEGER, BYTES_ARRAY(plan->serial.b));
	buf_bytes(&buf, tbs_signature_algorithm(plan->signature_key));
	buf_bytes(&buf, plan->issuer == NULL ? subject : plan->issuer->subject); /* byte for byte (C2) */
	size_t validity = der_open(&buf, DER_SEQUENCE);
	der_put_time(&buf, plan->not_before_s);
	der_put_time(&buf, plan->not_after_s);
	der_close(&buf, validity);
	buf_bytes(&buf, subject);
	buf_bytes(&buf, plan->spki); /* as it came: never through a decoder (V42) */
	TRY(tbs_put_extensions(op, &buf, plan));
	der_close(&buf, tbs);
	*out = buf_as_bytes(&buf);
	return OK;
}

struct bytes tbs_assemble(struct op *op, struct bytes tbs, enum key_type signature_key, struct bytes signature)
{
	struct buf buf;
	buf_init(&buf, op->arena, tbs.n + signature.n + 64);
	size_t whole = der_open(&buf, DER_SEQUENCE);
	buf_bytes(&buf, tbs);
	buf_bytes(&buf, tbs_signature_algorithm(signature_key));
	size_t bits = der_open(&buf, DER_BIT_STRING);
	buf_byte(&buf, 0);
	buf_bytes(&buf, signature);
	der_close(&buf, bits);
	der_close(&buf, whole);
	return buf_as_bytes(&buf);
}
