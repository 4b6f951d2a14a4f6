/* Each OID at most once in a list; values that the client is to fill in are absent. */
#include "protocols/est/csr_attributes.h"

#include "base/op.h"
#include "ca/der.h"

/* Contents of OIDs. RFC 2985 section 5.4.1, RFC 5280 section 4.2.1.6, RFC 9908 appendix A. */
static const struct bytes oid_challenge_password = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07");
static const struct bytes oid_subject_alt_name = BYTES_LITERAL("\x55\x1d\x11");
static const struct bytes oid_template = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3d");
static const struct bytes oid_extension_template = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3e");

#define OID_RSA BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
#define OID_EC BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x02\x01")
#define OID_SHA256_RSA BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b")

/* How a type of key is named, and the hash that its holder signs with. */
static const struct key_names {
	struct bytes oid;
	struct bytes curve;     /* of EC keys */
	unsigned bits;          /* of RSA keys */
	struct bytes signature; /* empty: the key's own */
} key_names[] = {
	[KEY_P256] = { OID_EC, BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x03\x01\x07"), 0, BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x02") },
	[KEY_P384] = { OID_EC, BYTES_LITERAL("\x2b\x81\x04\x00\x22"), 0, BYTES_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x03") },
	[KEY_RSA2048] = { OID_RSA, { NULL, 0 }, 2048, OID_SHA256_RSA },
	[KEY_RSA3072] = { OID_RSA, { NULL, 0 }, 3072, OID_SHA256_RSA },
	[KEY_RSA4096] = { OID_RSA, { NULL, 0 }, 4096, OID_SHA256_RSA },
	[KEY_ED25519] = { BYTES_LITERAL("\x2b\x65\x70"), { NULL, 0 }, 0, { NULL, 0 } },
};

/* In the order in which a subject has them. */
static const struct {
	enum identifier_kind kind;
	struct bytes oid;
} subject_attributes[] = {
	{ IDENTIFIER_C, BYTES_LITERAL("\x55\x04\x06") },
	{ IDENTIFIER_ST, BYTES_LITERAL("\x55\x04\x08") },
	{ IDENTIFIER_L, BYTES_LITERAL("\x55\x04\x07") },
	{ IDENTIFIER_O, BYTES_LITERAL("\x55\x04\x0a") },
	{ IDENTIFIER_OU, BYTES_LITERAL("\x55\x04\x0b") },
	{ IDENTIFIER_SERIAL_NUMBER, BYTES_LITERAL("\x55\x04\x05") },
	{ IDENTIFIER_CN, BYTES_LITERAL("\x55\x04\x03") },
};
#define N_SUBJECT_ATTRIBUTES (sizeof subject_attributes / sizeof *subject_attributes)

static const struct key_names *wanted_key(const struct config_profile *profile)
{
	ASSERT(profile->n_key_types > 0 && profile->key_types[0] < KEY_OTHER); /* config_check saw to it */
	return &key_names[profile->key_types[0]];
}

/* A SID is not asked for: few clients know theirs, and those that do send it. */
static bool has_alt_names(const struct config_profile *profile)
{
	return (profile->names & ~IDENTIFIER_BIT(IDENTIFIER_SID)) != 0;
}

/* RFC 9908 section 3.2: one attribute of the key's type, with its curve or its size. */
static void put_key_attribute(struct buf *out, const struct key_names *key)
{
	size_t attribute = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, key->oid);
	size_t values = der_open(out, DER_SET);
	if (key->curve.n > 0)
		der_put(out, DER_OID, key->curve);
	if (key->bits > 0)
		der_put_number(out, DER_INTEGER, key->bits);
	der_close(out, values);
	der_close(out, attribute);
}

static void put_list(struct buf *out, const struct config_profile *profile, bool needs_binding)
{
	const struct key_names *key = wanted_key(profile);
	if (needs_binding)
		der_put(out, DER_OID, oid_challenge_password);
	put_key_attribute(out, key);
	for (size_t i = 0; i < N_SUBJECT_ATTRIBUTES; i++)
		if ((profile->subject & IDENTIFIER_BIT(subject_attributes[i].kind)) != 0)
			der_put(out, DER_OID, subject_attributes[i].oid);
	if (has_alt_names(profile))
		der_put(out, DER_OID, oid_subject_alt_name);
	if (key->signature.n > 0)
		der_put(out, DER_OID, key->signature);
}

/* NameTemplate: RDNs of one attribute each, without values. Absent where the server wants none. */
static void put_subject_template(struct buf *out, const struct config_profile *profile)
{
	if (profile->subject == 0)
		return;
	size_t name = der_open(out, DER_SEQUENCE);
	for (size_t i = 0; i < N_SUBJECT_ATTRIBUTES; i++) {
		if ((profile->subject & IDENTIFIER_BIT(subject_attributes[i].kind)) == 0)
			continue;
		size_t rdn = der_open(out, DER_SET);
		size_t attribute = der_open(out, DER_SEQUENCE);
		der_put(out, DER_OID, subject_attributes[i].oid);
		der_close(out, attribute);
		der_close(out, rdn);
	}
	der_close(out, name);
}

/* The size of an RSA key is told by a modulus of that size, which is nobody's: 2^(n-1) + 1. */
static void put_rsa_placeholder(struct buf *out, unsigned bits)
{
	size_t string = der_open(out, DER_BIT_STRING);
	buf_byte(out, 0); /* no unused bits */
	size_t key = der_open(out, DER_SEQUENCE);
	size_t modulus = der_open(out, DER_INTEGER);
	buf_byte(out, 0); /* the sign */
	buf_byte(out, 0x80);
	for (unsigned i = 2; i < bits / 8; i++)
		buf_byte(out, 0);
	buf_byte(out, 1);
	der_close(out, modulus);
	der_put_number(out, DER_INTEGER, 65537);
	der_close(out, key);
	der_close(out, string);
}

/* SubjectPublicKeyInfoTemplate, [0] IMPLICIT. */
static void put_key_template(struct buf *out, const struct key_names *key)
{
	size_t info = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	size_t algorithm = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, key->oid);
	if (key->curve.n > 0)
		der_put(out, DER_OID, key->curve);
	if (key->bits > 0)
		der_put(out, DER_NULL, BYTES_NONE);
	der_close(out, algorithm);
	if (key->bits > 0)
		put_rsa_placeholder(out, key->bits);
	der_close(out, info);
}

/* ExtensionTemplates with a subjectAltName, whose value the client has. */
static void put_extension_template(struct buf *out)
{
	size_t attribute = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, oid_extension_template);
	size_t values = der_open(out, DER_SET);
	size_t list = der_open(out, DER_SEQUENCE);
	size_t extension = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, oid_subject_alt_name);
	der_close(out, extension);
	der_close(out, list);
	der_close(out, values);
	der_close(out, attribute);
}

/*
 * attributes [1] IMPLICIT SET OF, the shorter one first as DER wants it. A client that
 * knows the template looks at nothing else (RFC 9908 section 4), so the demand for
 * a challengePassword is repeated here, as the attribute without a value.
 */
static void put_attribute_templates(struct buf *out, const struct config_profile *profile, bool needs_binding)
{
	size_t attributes = der_open(out, DER_CONTEXT_CONSTRUCTED(1));
	if (needs_binding) {
		size_t attribute = der_open(out, DER_SEQUENCE);
		der_put(out, DER_OID, oid_challenge_password);
		der_put(out, DER_SET, BYTES_NONE);
		der_close(out, attribute);
	}
	if (has_alt_names(profile))
		put_extension_template(out);
	der_close(out, attributes);
}

/* id-aa-certificationRequestInfoTemplate (RFC 9908 section 3.4). */
static void put_template(struct buf *out, const struct config_profile *profile, bool needs_binding)
{
	size_t attribute = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, oid_template);
	size_t values = der_open(out, DER_SET);
	size_t template = der_open(out, DER_SEQUENCE);
	der_put_number(out, DER_INTEGER, 0);
	put_subject_template(out, profile);
	put_key_template(out, wanted_key(profile));
	put_attribute_templates(out, profile, needs_binding);
	der_close(out, template);
	der_close(out, values);
	der_close(out, attribute);
}

struct bytes csr_attributes(struct arena *arena, const struct config_profile *profile, bool needs_binding)
{
	struct buf out;
	buf_init(&out, arena, 1024);
	size_t list = der_open(&out, DER_SEQUENCE);
	put_list(&out, profile, needs_binding);
	put_template(&out, profile, needs_binding);
	der_close(&out, list);
	return buf_as_bytes(&out);
}
