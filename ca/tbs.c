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

#define NAME_MAX_CHARACTERS 64 /* RFC 5280 appendix A: ub-common-name, ub-organization-name (C16) */

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

/* Code points of UTF-8 text, or SIZE_MAX when it is not UTF-8 (RFC 3629) or has control characters. */
static size_t count_characters(const char *text)
{
	size_t n = 0;
	for (const uint8_t *p = (const uint8_t *)text; *p != '\0'; n++) {
		unsigned long c = *p;
		unsigned more = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 9;
		static const unsigned long least[] = { 0x20, 0xa0, 0x800, 0x10000 };
		if (more > 3)
			return SIZE_MAX;
		c &= more == 0 ? 0x7f : 0x3fu >> more;
		for (unsigned i = 1; i <= more; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return SIZE_MAX;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < least[more] || c == 0x7f || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
			return SIZE_MAX;
		p += 1 + more;
	}
	return n;
}

/* One RDN with one attribute: SET { SEQUENCE { type, UTF8String } }. */
static result put_rdn(struct op *op, struct buf *out, struct bytes type, const char *value)
{
	size_t characters = count_characters(value);
	if (characters == 0 || characters > NAME_MAX_CHARACTERS)
		return FAIL(op, ERR_POLICY, "\"%s\" cannot stand in a certificate's subject: 1 to %d characters of UTF-8 can",
			    value, NAME_MAX_CHARACTERS);
	size_t set = der_open(out, DER_SET);
	size_t attribute = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, type);
	der_put(out, DER_UTF8_STRING, bytes_of_text(value));
	der_close(out, attribute);
	der_close(out, set);
	return OK;
}

/* RFC 5280 section 4.1.2.6. Empty for a leaf that has its names in the SAN only. */
static result build_subject(struct op *op, const struct tbs_plan *plan, struct bytes *out)
{
	struct buf buf;
	buf_init(&buf, op->arena, 128);
	size_t name = der_open(&buf, DER_SEQUENCE);
	if (plan->organization != NULL)
		TRY(put_rdn(op, &buf, BYTES_LITERAL("\x55\x04\x0a"), plan->organization));
	if (plan->common_name != NULL)
		TRY(put_rdn(op, &buf, BYTES_LITERAL("\x55\x04\x03"), plan->common_name));
	der_close(&buf, name);
	*out = buf_as_bytes(&buf);
	return OK;
}

static result check_plan(struct op *op, const struct tbs_plan *plan)
{
	bool is_ca = plan->kind == TBS_ROOT || plan->kind == TBS_INTERMEDIATE;
	bool has_subject = plan->organization != NULL || plan->common_name != NULL;
	if ((plan->issuer == NULL) != (plan->kind == TBS_ROOT))
		return FAIL(op, ERR_BUG, "a root, and nothing else, has no issuer");
	if (is_ca && !has_subject)
		return FAIL(op, ERR_POLICY, "a CA certificate needs an organization or a common name");
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
	TRY(build_subject(op, plan, &subject));
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
