/* ca/signed_data.h against OpenSSL's CMS, both ways, and against messages that no honest client makes (S6, S7). */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <string.h>

#include "base/openssl_auto.h"
#include "ca/cms.h"
#include "ca/signed_data.h"
#include "tests/fake/cms_maker.h"

AUTO_DEFINE(CMS_ContentInfo, CMS_ContentInfo_free);
AUTO_DEFINE(PKCS7, PKCS7_free);
AUTO_DEFINE(X509_STORE, X509_STORE_free);

#define CONTENT BYTES_LITERAL("what is signed")
/* 2.16.840.1.113733.1.9: RFC 8894 section 3.2.1. */
#define SCEP_OID(arc) BYTES_LITERAL("\x60\x86\x48\x01\x86\xf8\x45\x01\x09" arc)
#define MESSAGE_TYPE SCEP_OID("\x02")
#define SENDER_NONCE SCEP_OID("\x05")

static const struct signed_data_rules old_clients = { .takes_sha1 = true };
static const struct signed_data_rules answers = { .takes_no_content = true };

/* Made once: RSA keys take a while. */
static EVP_PKEY *key_of(enum key_type type)
{
	static EVP_PKEY *keys[KEY_OTHER];
	if (keys[type] == NULL)
		keys[type] = maker_key(type);
	return keys[type];
}

static X509 *parse(struct bytes der)
{
	const uint8_t *p = der.p;
	X509 *certificate = d2i_X509(NULL, &p, (long)der.n);
	assert_non_null(certificate);
	return certificate;
}

static struct bytes take_der(struct op *op, uint8_t *der, int n)
{
	assert_true(n > 0);
	struct bytes copy = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return copy;
}

/* OpenSSL's message, with a signing time besides. */
static struct bytes cms_sign(struct op *op, EVP_PKEY *key, struct bytes certificate, const char *digest, unsigned flags)
{
	AUTO(BIO) *in = BIO_new_mem_buf(CONTENT.p, (int)CONTENT.n);
	AUTO(X509) *signer = parse(certificate);
	AUTO(CMS_ContentInfo) *cms = CMS_sign(NULL, NULL, NULL, in, CMS_BINARY | CMS_PARTIAL);
	assert_non_null(CMS_add1_signer(cms, signer, key, EVP_get_digestbyname(digest), flags));
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	uint8_t *der = NULL;
	int n = i2d_CMS_ContentInfo(cms, &der);
	return take_der(op, der, n);
}

static void check_read(struct op *op, const struct signed_data *message, EVP_PKEY *key, const char *digest)
{
	struct der_value value;
	assert_true(bytes_equal(message->content, CONTENT) && message->has_content);
	assert_true(bytes_equal(message->type, cms_data_oid));
	assert_string_equal(message->digest, digest);
	assert_true(message->is_sha1 == text_equal(digest, "SHA1"));
	assert_true(signed_data_is_by(op, message, maker_spki(op, key)));
	AUTO(EVP_PKEY) *other = maker_key(KEY_P256);
	assert_false(signed_data_is_by(op, message, maker_spki(op, other)));
	assert_true(signed_data_attribute(message, BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05"), &value));
	assert_int_equal(value.tag, DER_UTC_TIME);
	assert_false(signed_data_attribute(message, MESSAGE_TYPE, &value));
}

static void test_what_OpenSSL_signs_is_read(void **state)
{
	struct op *op = *state;
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_RSA2048 };
	static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };
	for (unsigned t = 0; t < 3; t++) {
		EVP_PKEY *key = key_of(types[t]);
		struct bytes certificate = maker_self_signed(op, key, "client"), other = maker_self_signed(op, key, "other");
		for (unsigned d = 0; d < 3; d++) {
			struct signed_data message;
			assert_ok(op, signed_data_read(op, cms_sign(op, key, certificate, digests[d], 0), &message));
			check_read(op, &message, key, digests[d]);
			assert_int_equal(message.n_certificates, 1);
			assert_true(bytes_equal(message.certificates[0], certificate));
			assert_true(signed_data_names(&message, certificate));
			assert_false(signed_data_names(&message, other));
			/* Named by its key, nothing says which certificate it has. */
			assert_ok(op, signed_data_read(op, cms_sign(op, key, certificate, digests[d], CMS_USE_KEYID), &message));
			check_read(op, &message, key, digests[d]);
			assert_false(signed_data_names(&message, certificate));
		}
	}
}

/* PKCS #7 as the older clients make it: RSA by the key's plain name, digests with NULL. */
static void test_what_PKCS7_signs_is_read(void **state)
{
	struct op *op = *state;
	EVP_PKEY *key = key_of(KEY_RSA2048);
	struct signed_data message;
	AUTO(X509) *signer = parse(maker_self_signed(op, key, "client"));
	AUTO(BIO) *in = BIO_new_mem_buf(CONTENT.p, (int)CONTENT.n);
	AUTO(PKCS7) *pkcs7 = PKCS7_sign(NULL, NULL, NULL, in, PKCS7_BINARY | PKCS7_PARTIAL);
	assert_non_null(PKCS7_sign_add_signer(pkcs7, signer, key, EVP_sha256(), 0));
	assert_int_equal(PKCS7_final(pkcs7, in, PKCS7_BINARY), 1);
	uint8_t *der = NULL;
	int n = i2d_PKCS7(pkcs7, &der);
	assert_ok(op, signed_data_read(op, take_der(op, der, n), &message));
	check_read(op, &message, key, "SHA256");
}

struct our_key {
	EVP_PKEY *key;
	const char *digest;
	bool fails;
};

static result sign(struct op *op, void *arg, struct bytes attributes, struct bytes *signature)
{
	const struct our_key *by = arg;
	assert_true(der_is_strict(attributes) && attributes.p[0] == DER_SET);
	if (by->fails)
		return FAIL(op, ERR_BUSY, "the token is busy");
	*signature = maker_sign(op, by->key, by->digest, attributes);
	return OK;
}

static struct bytes text_value(struct op *op, const char *text)
{
	return maker_text(op, DER_PRINTABLE_STRING, text);
}

/* Of SignedData: 1 for id-data, 3 for other contents (RFC 5652 section 5.1). */
static void check_version(struct bytes der, uint64_t expected)
{
	struct bytes fields, version;
	uint64_t number;
	assert_true(cms_open(der, cms_signed_data_oid, &fields) && der_take(&fields, DER_INTEGER, &version));
	assert_true(der_read_number(version, &number) && number == expected);
}

/* OpenSSL finds the signature right, and this content. */
static CMS_ContentInfo *check_by_cms(struct bytes der, struct bytes content)
{
	const uint8_t *p = der.p;
	char *found;
	AUTO(X509_STORE) *store = X509_STORE_new();
	AUTO(BIO) *out = BIO_new(BIO_s_mem());
	AUTO(CMS_ContentInfo) *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	assert_true(cms != NULL && p == der.p + der.n);
	assert_int_equal(CMS_verify(cms, NULL, store, NULL, out, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY), 1);
	long n = BIO_get_mem_data(out, &found);
	assert_true(bytes_equal((struct bytes){ (const uint8_t *)found, (size_t)n }, content));
	return TAKE(cms);
}

static void test_what_is_written_OpenSSL_reads(void **state)
{
	struct op *op = *state;
	struct bytes certificate = maker_self_signed(op, key_of(KEY_P256), "signer"), out;
	const struct bytes certificates[] = { certificate, maker_self_signed(op, key_of(KEY_P384), "another") };
	const struct signed_data_signer signer = { key_of(KEY_P256), certificate };
	struct bytes type = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x0c\x03");
	assert_ok(op, signed_data_write(op, type, CONTENT, certificates, 2, &signer, &out));
	assert_true(der_is_strict(out));
	check_version(out, 3);
	AUTO(CMS_ContentInfo) *cms = check_by_cms(out, CONTENT);
	STACK_OF(X509) *found = CMS_get1_certs(cms);
	assert_int_equal(sk_X509_num(found), 2);
	sk_X509_pop_free(found, X509_free);
	struct signed_data message;
	assert_ok(op, signed_data_read(op, out, &message));
	assert_true(bytes_equal(message.type, type) && signed_data_names(&message, certificate));
}

/* By a callback, with the attributes of a SCEP message, which were not in the order of DER (SP6, SP7). */
static void test_attributes_are_written_in_order(void **state)
{
	struct op *op = *state;
	static const struct {
		enum signed_data_algorithm algorithm;
		enum key_type type;
		const char *digest;
	} ways[] = { { SIGNED_RSA_SHA256, KEY_RSA2048, "SHA256" },
		     { SIGNED_ECDSA_SHA256, KEY_P256, "SHA256" },
		     { SIGNED_RSA_SHA1, KEY_RSA2048, "SHA1" } };
	const struct signed_data_attribute attributes[] = {
		{ SCEP_OID("\x07"), text_value(op, "a transaction with a long name, so that it goes to the end") },
		{ SENDER_NONCE, BYTES_LITERAL("\x04\x04nonc") },
		{ MESSAGE_TYPE, text_value(op, "3") },
	};
	for (unsigned i = 0; i < 3; i++) {
		struct our_key by = { key_of(ways[i].type), ways[i].digest, false };
		struct bytes certificate = maker_self_signed(op, by.key, "ra"), out;
		struct signed_data message;
		struct der_value value;
		const struct signed_data_writing writing = { .type = cms_data_oid,
							     .content = CONTENT,
							     .certificates = &certificate,
							     .n_certificates = 1,
							     .attributes = attributes,
							     .n_attributes = 3,
							     .algorithm = ways[i].algorithm,
							     .signer = certificate,
							     .sign = sign,
							     .arg = &by };
		assert_ok(op, signed_data_write_by(op, &writing, &out));
		check_version(out, 1);
		CMS_ContentInfo_free(check_by_cms(out, CONTENT));
		assert_ok(op, signed_data_read_by(op, out, &old_clients, &message));
		assert_true(message.is_sha1 == (ways[i].algorithm == SIGNED_RSA_SHA1));
		for (unsigned a = 0; a < 3; a++) {
			assert_true(signed_data_attribute(&message, attributes[a].oid, &value));
			assert_true(bytes_equal(value.whole, attributes[a].value));
		}
		by.fails = true;
		assert_err(op, ERR_BUSY, signed_data_write_by(op, &writing, &out));
	}
}

/*
 * SP7: an answer without a certificate. Left out, as RFC 8894 section 3.3.2 says, it is
 * read where the rules have it; empty, it is one for PKCS7_verify() as well.
 */
static void test_no_content(void **state)
{
	struct op *op = *state;
	for (unsigned is_empty = 0; is_empty < 2; is_empty++) {
		struct our_key by = { key_of(KEY_RSA2048), "SHA256", false };
		struct bytes certificate = maker_self_signed(op, by.key, "ra"), out;
		struct signed_data message;
		const struct signed_data_writing writing = { .type = cms_data_oid,
							     .has_no_content = is_empty == 0,
							     .certificates = &certificate,
							     .n_certificates = 1,
							     .algorithm = SIGNED_RSA_SHA256,
							     .signer = certificate,
							     .sign = sign,
							     .arg = &by };
		assert_ok(op, signed_data_write_by(op, &writing, &out));
		assert_ok(op, signed_data_read_by(op, out, &answers, &message));
		assert_int_equal(message.content.n, 0);
		assert_true(message.has_content == (is_empty == 1));
		assert_true(signed_data_is_by(op, &message, maker_spki(op, by.key)));
		if (is_empty == 0)
			assert_err(op, ERR_MALFORMED, signed_data_read(op, out, &message));
		const uint8_t *p = out.p;
		AUTO(PKCS7) *pkcs7 = d2i_PKCS7(NULL, &p, (long)out.n);
		AUTO(X509_STORE) *store = X509_STORE_new();
		AUTO(BIO) *nothing = BIO_new(BIO_s_mem());
		BIO_set_mem_eof_return(nothing, 0);
		assert_int_equal(PKCS7_verify(pkcs7, NULL, store, is_empty == 1 ? NULL : nothing, NULL, PKCS7_NOVERIFY), 1);
	}
}

/* S8: SHA-1 with RSA where the rules have it; MD5, and SHA-1 with other keys, nowhere. */
static void test_weak_digests_S8(void **state)
{
	struct op *op = *state;
	EVP_PKEY *rsa = key_of(KEY_RSA2048);
	struct bytes certificate = maker_self_signed(op, rsa, "client");
	struct bytes named = BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00");
	struct bytes named_sha256 = BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00");
	const struct bytes good[] = {
		MAKER_SIGNED(op, .key = rsa, .certificate = certificate, .content = CONTENT, .digest = "SHA1"),
		MAKER_SIGNED(op, .key = rsa, .certificate = certificate, .content = CONTENT, .digest = "SHA1", .signature_algorithm = named),
	};
	struct signed_data message;
	for (unsigned i = 0; i < 2; i++) {
		assert_err(op, ERR_POLICY, signed_data_read(op, good[i], &message));
		assert_err(op, ERR_POLICY, signed_data_read_by(op, good[i], &answers, &message));
		assert_ok(op, signed_data_read_by(op, good[i], &old_clients, &message));
		assert_true(message.is_sha1);
		assert_true(signed_data_is_by(op, &message, maker_spki(op, rsa)));
	}
	struct bytes strong = MAKER_SIGNED(op, .key = rsa, .certificate = certificate, .content = CONTENT, .signature_algorithm = named_sha256);
	assert_ok(op, signed_data_read_by(op, strong, &old_clients, &message));
	assert_false(message.is_sha1);

	EVP_PKEY *p256 = key_of(KEY_P256), *ed25519 = key_of(KEY_ED25519);
	struct bytes ecdsa_with_sha1 = BYTES_LITERAL("\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01");
	struct bytes p256_certificate = maker_self_signed(op, p256, "client");
	const struct bytes evil[] = {
		MAKER_SIGNED(op, .key = rsa, .certificate = certificate, .content = CONTENT, .digest = "MD5"),
		MAKER_SIGNED(op, .key = rsa, .certificate = certificate, .content = CONTENT, .digest = "SHA224"),
		MAKER_SIGNED(op, .key = rsa, .certificate = certificate, .content = CONTENT, .digest = "SHA1", .signature_algorithm = named_sha256),
		MAKER_SIGNED(op, .key = rsa, .certificate = certificate, .content = CONTENT, .signature_algorithm = named),
		MAKER_SIGNED(op, .key = p256, .certificate = p256_certificate, .content = CONTENT, .digest = "SHA1"),
		MAKER_SIGNED(op, .key = p256, .certificate = p256_certificate, .content = CONTENT, .digest = "SHA1",
			     .signature_algorithm = ecdsa_with_sha1),
		MAKER_SIGNED(op, .key = ed25519, .certificate = maker_self_signed(op, ed25519, "client"), .content = CONTENT,
			     .digest = "SHA1"),
	};
	for (unsigned i = 0; i < sizeof evil / sizeof *evil; i++) {
		print_message("# message %u\n", i);
		assert_err(op, ERR_POLICY, signed_data_read_by(op, evil[i], &old_clients, &message));
	}
}

/* What is signed and what is there are the same octets, or nothing is read. */
static void test_no_octet_can_be_changed(void **state)
{
	struct op *op = *state;
	EVP_PKEY *key = key_of(KEY_P256);
	struct bytes nonce = maker_attribute(op, SENDER_NONCE, BYTES_LITERAL("\x04\x04nonc"));
	struct bytes good = MAKER_SIGNED(op, .key = key, .certificate = maker_self_signed(op, key, "client"), .content = CONTENT,
					 .attributes = MAKER_JOIN(op, nonce, maker_two_attributes(op, CONTENT, "SHA256")));
	struct bytes spki = maker_spki(op, key);
	struct signed_data before, after;
	unsigned n_read = 0;
	assert_ok(op, signed_data_read(op, good, &before));
	uint8_t *changed = (uint8_t *)(uintptr_t)arena_bytes(op->arena, good).p;
	for (size_t i = 0; i < good.n; i++) {
		changed[i] ^= 1;
		result r = signed_data_read(op, (struct bytes){ changed, good.n }, &after);
		bool is_by = r.err == ERR_NONE && signed_data_is_by(op, &after, spki);
		bool is_same = is_by && bytes_equal(after.content, before.content) && bytes_equal(after.type, before.type) &&
			       bytes_equal(after.attributes, before.attributes);
		if (is_by != is_same)
			fail_msg("octet %zu can be changed, and what is read is not what was signed", i);
		n_read += is_by;
		changed[i] ^= 1;
		op_clear_failure(op);
	}
	/* Names of signers, certificates and versions are not signed: whoever uses them has to look again. */
	assert_in_range(n_read, 100, good.n / 2 + 200);
}

#define ROWS_MAX 64
struct row {
	const char *name;
	struct bytes der;
};

/* The same message with each length that matters in its indefinite form: BER (X.690 section 8.1.3.6). */
static struct bytes indefinite(struct op *op, struct bytes der)
{
	struct bytes content;
	assert_true(der_take(&der, DER_SEQUENCE, &content));
	return MAKER_JOIN(op, BYTES_LITERAL("\x30\x80"), content, BYTES_LITERAL("\x00\x00"));
}

/* Something behind the content, within its tag or behind that, in strict DER. */
static struct bytes with_more(struct op *op, struct bytes der, bool is_within_tag)
{
	struct bytes info, type, tagged, null = BYTES_LITERAL("\x05\x00"), none = BYTES_LITERAL("");
	assert_true(der_take(&der, DER_SEQUENCE, &info) && der_take(&info, DER_OID, &type));
	assert_true(der_take(&info, DER_CONTEXT_CONSTRUCTED(0), &tagged));
	return MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, type),
			 MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), tagged, is_within_tag ? null : none), is_within_tag ? none : null);
}

static unsigned evil_outsides(struct op *op, const struct maker_signed *good, struct row *rows)
{
	struct bytes der = maker_signed(op, good), signer = maker_signer(op, good), null = BYTES_LITERAL("\x05\x00");
	struct maker_signed no_digests = *good, no_signer = *good, two = *good, many = *good, detached = *good, pieces = *good;
	struct maker_signed no_octets = *good, deep = *good, certificates = *good, more = *good;
	struct bytes data = MAKER_DER(op, DER_OID, cms_data_oid), octets = MAKER_DER(op, DER_OCTET_STRING, CONTENT);
	no_digests.digest_algorithms = BYTES_LITERAL("\x31\x00");
	no_signer.signers = BYTES_LITERAL("\x31\x00");
	two.signers = MAKER_DER(op, DER_SET, signer, signer);
	many.signers = MAKER_DER(op, DER_SET, maker_repeated(op, signer, 1000));
	detached.encapsulated = MAKER_DER(op, DER_SEQUENCE, data);
	pieces.encapsulated = MAKER_DER(op, DER_SEQUENCE, data, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), MAKER_DER(op, 0x24, octets)));
	no_octets.encapsulated = MAKER_DER(op, DER_SEQUENCE, data, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), maker_nested(op, 2)));
	deep.unsigned_attributes = MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(1), maker_nested(op, 50));
	certificates.certificates = MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), BYTES_LITERAL("\x30\x05\x02"));
	more.unsigned_attributes = null;
	const struct row all[] = {
		{ "empty", BYTES_NONE },
		{ "empty-sequence", BYTES_LITERAL("\x30\x00") },
		{ "trailing", MAKER_JOIN(op, der, BYTES_LITERAL("\x00")) },
		{ "truncated", { der.p, der.n - 1 } },
		{ "indefinite", indefinite(op, der) },
		{ "two-contents", with_more(op, der, true) },
		{ "content-and-more", with_more(op, der, false) },
		{ "other-type", cms_wrap(op->arena, cms_enveloped_data_oid, BYTES_LITERAL("\x02\x01\x00")) },
		{ "no-digests", maker_signed(op, &no_digests) },
		{ "no-signer", maker_signed(op, &no_signer) },
		{ "two-signers", maker_signed(op, &two) },
		{ "1000-signers", maker_signed(op, &many) },
		{ "detached", maker_signed(op, &detached) },
		{ "content-in-pieces", maker_signed(op, &pieces) },
		{ "content-no-octets", maker_signed(op, &no_octets) },
		{ "nested-50", maker_signed(op, &deep) },
		{ "certificate-cut", maker_signed(op, &certificates) },
		{ "signer-and-more", maker_signed(op, &more) },
	};
	memcpy(rows, all, sizeof all);
	return sizeof all / sizeof *all;
}

static struct bytes with_attributes(struct op *op, const struct maker_signed *good, struct bytes attributes)
{
	struct maker_signed message = *good;
	message.attributes = attributes;
	return maker_signed(op, &message);
}

static unsigned evil_attributes(struct op *op, const struct maker_signed *good, struct row *rows)
{
	struct bytes both = maker_two_attributes(op, CONTENT, "SHA256"), rest = both, null = BYTES_LITERAL("\x05\x00");
	struct der_value type, digest;
	uint8_t octets[SHA256_SIZE];
	const struct bytes expected = BYTES_ARRAY(octets);
	bytes_sha256(CONTENT, octets);
	assert_true(der_next(&rest, &type) && der_next(&rest, &digest));
	struct bytes other_type = maker_attribute(op, signed_data_content_type_oid, MAKER_DER(op, DER_OID, cms_signed_data_oid));
	struct bytes no_octets = maker_attribute(op, signed_data_digest_oid, MAKER_DER(op, DER_SEQUENCE, null));
	struct bytes other_tag = maker_attribute(op, signed_data_digest_oid, MAKER_DER(op, DER_UTF8_STRING, expected));
	struct bytes type_octets = maker_attribute(op, signed_data_content_type_oid, MAKER_DER(op, DER_OCTET_STRING, cms_data_oid));
	struct bytes values = maker_attribute(op, signed_data_digest_oid, BYTES_LITERAL("\x04\x01x\x04\x01y"));
	struct bytes no_value = maker_attribute(op, signed_data_digest_oid, BYTES_LITERAL(""));
	struct bytes short_digest = maker_attribute(op, signed_data_digest_oid, BYTES_LITERAL("\x04\x01x"));
	struct bytes no_digest = maker_attribute(op, signed_data_digest_oid, BYTES_LITERAL("\x04\x00"));
	struct maker_signed without = *good, version_2 = *good, key_identifier = *good, version_3 = *good;
	without.no_attributes = true;
	version_2.signer_version = BYTES_LITERAL("\x02\x01\x02");
	version_3.signer_version = BYTES_LITERAL("\x02\x01\x03");
	key_identifier.signer_name = BYTES_LITERAL("\x80\x02id");
	const struct row all[] = {
		{ "no-attributes", maker_signed(op, &without) },
		{ "attributes-unsorted", with_attributes(op, good, MAKER_JOIN(op, digest.whole, type.whole)) },
		{ "attributes-no-type", with_attributes(op, good, digest.whole) },
		{ "attributes-no-digest", with_attributes(op, good, type.whole) },
		{ "attributes-other-type", with_attributes(op, good, MAKER_JOIN(op, other_type, digest.whole)) },
		{ "attributes-type-twice", with_attributes(op, good, MAKER_JOIN(op, type.whole, both)) },
		{ "attributes-digest-twice", with_attributes(op, good, MAKER_JOIN(op, both, digest.whole)) },
		{ "digest-no-octets", with_attributes(op, good, MAKER_JOIN(op, no_octets, type.whole)) },
		{ "digest-other-tag", with_attributes(op, good, MAKER_JOIN(op, type.whole, other_tag)) },
		{ "type-other-tag", with_attributes(op, good, MAKER_JOIN(op, type_octets, digest.whole)) },
		{ "digest-two-values", with_attributes(op, good, MAKER_JOIN(op, values, type.whole)) },
		{ "digest-no-value", with_attributes(op, good, MAKER_JOIN(op, no_value, type.whole)) },
		{ "digest-short", with_attributes(op, good, MAKER_JOIN(op, short_digest, type.whole)) },
		{ "digest-empty", with_attributes(op, good, MAKER_JOIN(op, no_digest, type.whole)) },
		{ "attributes-null", with_attributes(op, good, MAKER_JOIN(op, null, both)) },
		{ "attributes-empty-sequence", with_attributes(op, good, MAKER_JOIN(op, BYTES_LITERAL("\x30\x00"), both)) },
		{ "signer-version-2", maker_signed(op, &version_2) },
		{ "signer-version-3", maker_signed(op, &version_3) },
		{ "signer-version-1-key", maker_signed(op, &key_identifier) },
	};
	memcpy(rows, all, sizeof all);
	return sizeof all / sizeof *all;
}

static unsigned evil_rows(struct op *op, struct row rows[ROWS_MAX])
{
	EVP_PKEY *key = key_of(KEY_P256);
	const struct maker_signed good = { .key = key, .certificate = maker_self_signed(op, key, "client"), .content = CONTENT };
	unsigned n = evil_outsides(op, &good, rows);
	n += evil_attributes(op, &good, rows + n);
	assert_true(n <= ROWS_MAX);
	return n;
}

/* S6, S7: each is refused by its kind, whatever the rules, and takes no memory beyond a copy of its attributes. */
static void test_messages_that_are_none_S6_S7(void **state)
{
	struct op *op = *state;
	static const struct signed_data_rules all = { .takes_sha1 = true };
	struct row rows[ROWS_MAX];
	struct signed_data message;
	unsigned n = evil_rows(op, rows);
	for (unsigned i = 0; i < n; i++) {
		print_message("# %s\n", rows[i].name);
		size_t before = arena_used(op->arena);
		assert_err(op, ERR_MALFORMED, signed_data_read(op, rows[i].der, &message));
		assert_err(op, ERR_MALFORMED, signed_data_read_by(op, rows[i].der, &all, &message));
		assert_in_range(arena_used(op->arena) - before, 0, 2048);
	}
}

/* S6: messages in messages are octets to the outer one; certificates beyond the eighth are passed over. */
static void test_large_messages_S6(void **state)
{
	struct op *op = *state;
	EVP_PKEY *key = key_of(KEY_P256);
	struct bytes certificate = maker_self_signed(op, key, "client"), inner = CONTENT;
	struct signed_data message;
	for (unsigned i = 0; i < 50; i++)
		inner = MAKER_SIGNED(op, .key = key, .certificate = certificate, .content = inner);
	size_t before = arena_used(op->arena);
	assert_ok(op, signed_data_read(op, inner, &message));
	assert_in_range(arena_used(op->arena) - before, 1, 2048);

	struct bytes many = MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), maker_repeated(op, certificate, 1000));
	struct bytes der = MAKER_SIGNED(op, .key = key, .certificate = certificate, .content = CONTENT, .certificates = many);
	before = arena_used(op->arena);
	assert_ok(op, signed_data_read(op, der, &message));
	assert_int_equal(message.n_certificates, SIGNED_DATA_CERTIFICATES);
	assert_in_range(arena_used(op->arena) - before, 1, 2048);
}

/* Names of signers that say more than issuer and serial number, or less. */
static void test_names_that_are_none(void **state)
{
	struct op *op = *state;
	EVP_PKEY *key = key_of(KEY_P256);
	struct bytes certificate = maker_self_signed(op, key, "client"), null = BYTES_LITERAL("\x05\x00");
	struct signed_data message;
	struct der_value issuer, serial;
	assert_ok(op, signed_data_read(op, MAKER_SIGNED(op, .key = key, .certificate = certificate, .content = CONTENT), &message));
	struct bytes rest = message.issuer_and_serial;
	assert_true(signed_data_names(&message, certificate) && der_next(&rest, &issuer) && der_next(&rest, &serial));
	const struct bytes names[] = { MAKER_DER(op, DER_SEQUENCE, issuer.whole, serial.whole, null), MAKER_DER(op, DER_SEQUENCE, issuer.whole),
				       MAKER_DER(op, DER_SEQUENCE, serial.whole, issuer.whole), BYTES_LITERAL("\x30\x00") };
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		struct bytes der = MAKER_SIGNED(op, .key = key, .certificate = certificate, .content = CONTENT, .signer_name = names[i]);
		assert_ok(op, signed_data_read(op, der, &message));
		assert_false(signed_data_names(&message, certificate));
	}
	assert_false(signed_data_names(&message, BYTES_NONE));
	assert_false(signed_data_names(&message, null));
}

/* An attribute counts when it is there once, with one value. */
static void test_attributes_that_do_not_count(void **state)
{
	struct op *op = *state;
	EVP_PKEY *key = key_of(KEY_P256);
	struct bytes certificate = maker_self_signed(op, key, "client");
	struct bytes nonce = maker_attribute(op, SENDER_NONCE, BYTES_LITERAL("\x04\x04nonc"));
	struct bytes second = maker_attribute(op, SENDER_NONCE, BYTES_LITERAL("\x04\x04nond"));
	struct bytes values = maker_attribute(op, SENDER_NONCE, BYTES_LITERAL("\x04\x01x\x04\x01y"));
	struct bytes no_value = maker_attribute(op, SENDER_NONCE, BYTES_LITERAL(""));
	const struct bytes lists[] = { nonce, MAKER_JOIN(op, nonce, nonce), MAKER_JOIN(op, nonce, second), values, no_value };
	for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
		struct signed_data message;
		struct der_value value;
		struct bytes attributes = MAKER_JOIN(op, lists[i], maker_two_attributes(op, CONTENT, "SHA256"));
		struct bytes der = MAKER_SIGNED(op, .key = key, .certificate = certificate, .content = CONTENT, .attributes = attributes);
		assert_ok(op, signed_data_read(op, der, &message));
		assert_true(signed_data_attribute(&message, SENDER_NONCE, &value) == (i == 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_OpenSSL_signs_is_read),
		TEST(test_what_PKCS7_signs_is_read),
		TEST(test_what_is_written_OpenSSL_reads),
		TEST(test_attributes_are_written_in_order),
		TEST(test_no_content),
		TEST(test_weak_digests_S8),
		TEST(test_no_octet_can_be_changed),
		TEST(test_messages_that_are_none_S6_S7),
		TEST(test_large_messages_S6),
		TEST(test_names_that_are_none),
		TEST(test_attributes_that_do_not_count),
	};
	return RUN_TESTS(tests);
}
