/* ca/enveloped_data.h against OpenSSL's CMS, both ways, and against messages that no honest client makes (S5, S6). */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/openssl_auto.h"
#include "ca/cms.h"
#include "ca/der.h"
#include "ca/enveloped_data.h"
#include "tests/fake/cms_maker.h"

AUTO_DEFINE(CMS_ContentInfo, CMS_ContentInfo_free);
AUTO_DEFINE(PKCS7, PKCS7_free);

#define BLOCK_MAX 16

static const struct enveloped_rules modern = { .takes_3des = false }, old_clients = { .takes_3des = true };
static const enum content_cipher ciphers[] = { CIPHER_AES128, CIPHER_AES192, CIPHER_AES256, CIPHER_3DES };
#define N_CIPHERS 4

/* Linked in place of the real one: what was looked for was wiped. */
void __real_OPENSSL_cleanse(void *p, size_t n);
void __wrap_OPENSSL_cleanse(void *p, size_t n);
static struct bytes sought;
static bool is_sought_wiped;
static uint8_t last_wiped[CONTENT_KEY_MAX];

void __wrap_OPENSSL_cleanse(void *p, size_t n)
{
	if (n == CONTENT_KEY_MAX)
		memcpy(last_wiped, p, n);
	if (sought.n > 0 && memmem(p, n, sought.p, sought.n) != NULL)
		is_sought_wiped = true;
	__real_OPENSSL_cleanse(p, n);
}

/* Made once: RSA keys take a while. */
static EVP_PKEY *rsa_key(void)
{
	static EVP_PKEY *key;
	if (key == NULL)
		key = maker_key(KEY_RSA2048);
	return key;
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

/* As the token does it. */
static struct bytes unwrap(struct op *op, EVP_PKEY *key, struct bytes encrypted)
{
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new(key, NULL);
	size_t n = (size_t)EVP_PKEY_get_size(key);
	uint8_t *p = arena_alloc(op->arena, n);
	assert_true(EVP_PKEY_decrypt_init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1);
	assert_int_equal(EVP_PKEY_decrypt(context, p, &n, encrypted.p, encrypted.n), 1);
	return (struct bytes){ p, n };
}

static const EVP_CIPHER *evp(enum content_cipher cipher)
{
	return EVP_get_cipherbyname(content_cipher_name(cipher));
}

static CMS_ContentInfo *cms_begin(const EVP_CIPHER *cipher)
{
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, cipher, CMS_PARTIAL | CMS_BINARY);
	assert_non_null(cms);
	return cms;
}

static struct bytes cms_end(struct op *op, CMS_ContentInfo *cms, struct bytes content)
{
	AUTO(BIO) *in = BIO_new_mem_buf(content.p, (int)content.n);
	uint8_t *der = NULL;
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	int n = i2d_CMS_ContentInfo(cms, &der);
	return take_der(op, der, n);
}

/* For this certificate, and with these flags. */
static struct bytes cms_encrypt(struct op *op, struct bytes content, struct bytes certificate, const EVP_CIPHER *cipher, unsigned flags)
{
	AUTO(X509) *x509 = parse(certificate);
	AUTO(CMS_ContentInfo) *cms = cms_begin(cipher);
	assert_non_null(CMS_add1_recipient_cert(cms, x509, flags));
	return cms_end(op, cms, content);
}

static struct bytes some_content(struct op *op, size_t n)
{
	uint8_t *p = arena_alloc(op->arena, n + 1);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 7 + n);
	return (struct bytes){ p, n };
}

static const size_t lengths[] = { 1, 7, 8, 9, 15, 16, 17, 32, 5000 };
#define N_LENGTHS (sizeof lengths / sizeof *lengths)

static void test_what_OpenSSL_encrypts_is_read(void **state)
{
	struct op *op = *state;
	struct bytes certificate = maker_self_signed(op, rsa_key(), "ra"), other = maker_self_signed(op, rsa_key(), "other");
	for (unsigned c = 0; c < N_CIPHERS; c++)
		for (unsigned i = 0; i < N_LENGTHS; i++) {
			struct bytes content = some_content(op, lengths[i]), found;
			struct bytes der = cms_encrypt(op, content, certificate, evp(ciphers[c]), 0);
			struct enveloped_data message;
			assert_ok(op, enveloped_data_read(op, der, &old_clients, &message));
			assert_int_equal(message.n_recipients, 1);
			assert_int_equal(message.cipher, ciphers[c]);
			assert_true(enveloped_data_is_for(&message, 0, certificate));
			assert_false(enveloped_data_is_for(&message, 0, other));
			struct bytes key = unwrap(op, rsa_key(), message.recipients[0].encrypted_key);
			assert_int_equal(key.n, content_cipher_key_size(message.cipher));
			assert_ok(op, enveloped_data_open(op, &message, key.p, &found));
			assert_true(bytes_equal(found, content));
		}
}

static void test_what_is_written_OpenSSL_reads(void **state)
{
	struct op *op = *state;
	struct bytes certificate = maker_self_signed(op, rsa_key(), "client");
	AUTO(X509) *x509 = parse(certificate);
	for (unsigned c = 0; c < N_CIPHERS; c++)
		for (unsigned i = 0; i < N_LENGTHS; i++) {
			struct bytes content = some_content(op, lengths[i]), der;
			assert_ok(op, enveloped_data_write(op, content, certificate, ciphers[c], &der));
			assert_true(der_is_strict(der));
			const uint8_t *p = der.p;
			char *found;
			AUTO(CMS_ContentInfo) *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
			AUTO(BIO) *out = BIO_new(BIO_s_mem());
			assert_true(cms != NULL && p == der.p + der.n);
			assert_int_equal(CMS_decrypt(cms, rsa_key(), x509, NULL, out, CMS_BINARY), 1);
			long n = BIO_get_mem_data(out, &found);
			assert_true(bytes_equal((struct bytes){ (const uint8_t *)found, (size_t)n }, content));
		}
}

/* PKCS #7 as the older clients make it, and what Go's pkcs7 makes of the content: one piece in a constructed [0]. */
static void test_other_writers(void **state)
{
	struct op *op = *state;
	struct bytes certificate = maker_self_signed(op, rsa_key(), "ra"), content = some_content(op, 40), found;
	struct enveloped_data message;
	AUTO(BIO) *in = BIO_new_mem_buf(content.p, (int)content.n);
	STACK_OF(X509) *recipients = sk_X509_new_null();
	AUTO(X509) *x509 = parse(certificate);
	sk_X509_push(recipients, x509);
	AUTO(PKCS7) *pkcs7 = PKCS7_encrypt(recipients, in, EVP_aes_128_cbc(), PKCS7_BINARY);
	sk_X509_free(recipients);
	uint8_t *der = NULL;
	int n = i2d_PKCS7(pkcs7, &der);
	assert_ok(op, enveloped_data_read(op, take_der(op, der, n), &modern, &message));
	struct bytes key = unwrap(op, rsa_key(), message.recipients[0].encrypted_key);
	assert_ok(op, enveloped_data_open(op, &message, key.p, &found));
	assert_true(bytes_equal(found, content));

	struct bytes piece = MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), MAKER_DER(op, DER_OCTET_STRING, content));
	struct bytes go = MAKER_ENVELOPED(op, .certificate = certificate, .encrypted = piece);
	assert_ok(op, enveloped_data_read(op, go, &modern, &message));
	assert_true(bytes_equal(message.content, content));
}

/* S6: those of other kinds are passed over, and who finds itself named is not the first one. */
static void test_recipients_of_other_kinds_S6(void **state)
{
	struct op *op = *state;
	AUTO(EVP_PKEY) *p256 = maker_key(KEY_P256);
	struct bytes certificate = maker_self_signed(op, rsa_key(), "ra"), ec = maker_self_signed(op, p256, "ra"), found;
	struct bytes content = some_content(op, 40);
	struct enveloped_data message;
	AUTO(X509) *x509 = parse(certificate);
	AUTO(X509) *ec_x509 = parse(ec);
	AUTO(CMS_ContentInfo) *cms = cms_begin(EVP_aes_256_cbc());
	assert_non_null(CMS_add1_recipient_cert(cms, ec_x509, 0)); /* KeyAgreeRecipientInfo */
	assert_non_null(CMS_add1_recipient_cert(cms, x509, CMS_USE_KEYID));
	assert_non_null(CMS_add1_recipient_cert(cms, x509, 0));
	struct bytes der = cms_end(op, cms, content);
	assert_ok(op, enveloped_data_read(op, der, &modern, &message));
	assert_int_equal(message.n_recipients, 1);
	assert_true(enveloped_data_is_for(&message, 0, certificate));
	struct bytes key = unwrap(op, rsa_key(), message.recipients[0].encrypted_key);
	assert_ok(op, enveloped_data_open(op, &message, key.p, &found));
	assert_true(bytes_equal(found, content));

	/* Alone, none of them is of use. */
	assert_err(op, ERR_MALFORMED, enveloped_data_read(op, cms_encrypt(op, content, ec, EVP_aes_256_cbc(), 0), &modern, &message));
	struct bytes by_key = cms_encrypt(op, content, certificate, EVP_aes_256_cbc(), CMS_USE_KEYID);
	assert_err(op, ERR_MALFORMED, enveloped_data_read(op, by_key, &modern, &message));
	AUTO(CMS_ContentInfo) *by_password = cms_begin(EVP_aes_256_cbc());
	char *password = OPENSSL_strdup("secret");
	assert_non_null(CMS_add0_recipient_password(by_password, -1, NID_undef, NID_undef, (uint8_t *)password, -1, NULL));
	assert_err(op, ERR_MALFORMED, enveloped_data_read(op, cms_end(op, by_password, content), &modern, &message));
	AUTO(CMS_ContentInfo) *by_oaep = cms_begin(EVP_aes_256_cbc());
	CMS_RecipientInfo *info = CMS_add1_recipient_cert(by_oaep, x509, CMS_KEY_PARAM);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(CMS_RecipientInfo_get0_pkey_ctx(info), RSA_PKCS1_OAEP_PADDING) > 0);
	assert_err(op, ERR_MALFORMED, enveloped_data_read(op, cms_end(op, by_oaep, content), &modern, &message));
}

/* S8: triple and single DES where the rules have them; RC2, and modes that are none of ours nowhere. */
static void test_ciphers_by_rule_S8(void **state)
{
	struct op *op = *state;
	struct bytes certificate = maker_self_signed(op, rsa_key(), "ra");
	struct enveloped_data message;
	struct bytes triple = cms_encrypt(op, some_content(op, 9), certificate, EVP_des_ede3_cbc(), 0);
	assert_err(op, ERR_POLICY, enveloped_data_read(op, triple, &modern, &message));
	assert_ok(op, enveloped_data_read(op, triple, &old_clients, &message));
	static const struct enveloped_rules oldest = { .takes_des = true };
	struct bytes content, single;
	assert_ok(op, enveloped_data_write(op, some_content(op, 9), certificate, CIPHER_DES, &single));
	assert_err(op, ERR_POLICY, enveloped_data_read(op, single, &old_clients, &message));
	assert_err(op, ERR_POLICY, enveloped_data_read(op, triple, &oldest, &message));
	assert_ok(op, enveloped_data_read(op, single, &oldest, &message));
	assert_ok(op, enveloped_data_open(op, &message, unwrap(op, rsa_key(), message.recipients[0].encrypted_key).p, &content));
	assert_true(bytes_equal(content, some_content(op, 9)));
	static const char *const oids[] = { "1.3.14.3.2.7", "1.2.840.113549.3.2", "1.2.840.113549.3.4", "2.16.840.1.101.3.4.1.6",
					    "2.16.840.1.101.3.4.1.1" };
	for (unsigned i = 0; i < sizeof oids / sizeof *oids; i++) {
		AUTO(ASN1_OBJECT) *object = OBJ_txt2obj(oids[i], 1);
		struct bytes oid = { OBJ_get0_data(object), OBJ_length(object) };
		struct bytes iv = BYTES_LITERAL("\x04\x08\x01\x02\x03\x04\x05\x06\x07\x08");
		struct bytes cipher = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, oid), iv);
		struct bytes der = MAKER_ENVELOPED(op, .certificate = certificate, .cipher = cipher);
		assert_err(op, ERR_POLICY, enveloped_data_read(op, der, &old_clients, &message));
	}
}

/* The example of FIPS 81, with a block of padding behind it. */
static void test_single_DES_is_what_others_call_so(void **state)
{
	struct op *op = *state;
	static const uint8_t key[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	const struct enveloped_data message = {
		.cipher = CIPHER_DES,
		.iv = BYTES_LITERAL("\x12\x34\x56\x78\x90\xab\xcd\xef"),
		.content = BYTES_LITERAL("\xe5\xc7\xcd\xde\x87\x2b\xf2\x7c\x43\xe9\x34\x00\x8c\x38\x9c\x0f"
					 "\x68\x37\x88\x49\x9a\x7c\x05\xf6\x62\xc1\x6a\x27\xe4\xfc\xf2\x77"),
	};
	struct bytes content;
	assert_ok(op, enveloped_data_open(op, &message, key, &content));
	assert_true(bytes_equal(content, (struct bytes)BYTES_LITERAL("Now is the time for all ")));
}

struct row {
	const char *name;
	struct bytes der;
};
#define ROWS_MAX 64

static unsigned evil_outsides(struct op *op, struct bytes certificate, struct row *rows)
{
	struct bytes der = MAKER_ENVELOPED(op, .certificate = certificate), content;
	struct bytes rest = der, octets = MAKER_DER(op, DER_OCTET_STRING, some_content(op, 16));
	struct bytes other_type = MAKER_DER(op, DER_OID, cms_signed_data_oid);
	assert_true(der_take(&rest, DER_SEQUENCE, &content));
	const struct row all[] = {
		{ "empty", BYTES_NONE },
		{ "empty-sequence", BYTES_LITERAL("\x30\x00") },
		{ "trailing", MAKER_JOIN(op, der, BYTES_LITERAL("\x00")) },
		{ "truncated", { der.p, der.n - 1 } },
		{ "indefinite", MAKER_JOIN(op, BYTES_LITERAL("\x30\x80"), content, BYTES_LITERAL("\x00\x00")) },
		{ "other-type", cms_wrap(op->arena, cms_signed_data_oid, BYTES_LITERAL("\x02\x01\x00")) },
		{ "version-1", MAKER_ENVELOPED(op, .certificate = certificate, .version = BYTES_LITERAL("\x02\x01\x01")) },
		{ "version-3", MAKER_ENVELOPED(op, .certificate = certificate, .version = BYTES_LITERAL("\x02\x01\x03")) },
		{ "version-large", MAKER_ENVELOPED(op, .certificate = certificate, .version = BYTES_LITERAL("\x02\x09\x01\0\0\0\0\0\0\0\0")) },
		{ "originator", MAKER_ENVELOPED(op, .certificate = certificate, .version = BYTES_LITERAL("\x02\x01\x02"),
						.originator = BYTES_LITERAL("\xa0\x00")) },
		{ "unprotected-version-0", MAKER_ENVELOPED(op, .certificate = certificate, .unprotected_attributes = BYTES_LITERAL("\xa1\x00")) },
		{ "nested-50", MAKER_ENVELOPED(op, .certificate = certificate, .version = BYTES_LITERAL("\x02\x01\x02"),
					       .unprotected_attributes = MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(1), maker_nested(op, 50))) },
		{ "content-type", MAKER_ENVELOPED(op, .certificate = certificate, .type = other_type) },
		{ "content-two-pieces", MAKER_ENVELOPED(op, .certificate = certificate,
							.encrypted = MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), octets, octets)) },
		{ "content-no-piece", MAKER_ENVELOPED(op, .certificate = certificate, .encrypted = BYTES_LITERAL("\xa0\x00")) },
		{ "content-no-octets", MAKER_ENVELOPED(op, .certificate = certificate, .encrypted = BYTES_LITERAL("\xa0\x02\x05\x00")) },
		{ "content-other-tag", MAKER_ENVELOPED(op, .certificate = certificate, .encrypted = octets) },
		{ "cipher-no-iv", MAKER_ENVELOPED(op, .certificate = certificate, .cipher = BYTES_LITERAL(
						  "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02")) },
		{ "cipher-null", MAKER_ENVELOPED(op, .certificate = certificate, .cipher = BYTES_LITERAL(
						 "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02\x05\x00")) },
		{ "cipher-iv-0", MAKER_ENVELOPED(op, .certificate = certificate, .cipher = maker_aes128(op, 0)) },
		{ "cipher-iv-15", MAKER_ENVELOPED(op, .certificate = certificate, .cipher = maker_aes128(op, 15)) },
		{ "cipher-iv-17", MAKER_ENVELOPED(op, .certificate = certificate, .cipher = maker_aes128(op, 17)) },
	};
	memcpy(rows, all, sizeof all);
	return sizeof all / sizeof *all;
}

static unsigned evil_recipients(struct op *op, struct bytes certificate, struct row *rows)
{
	const struct maker_enveloped good = { .certificate = certificate };
	struct bytes one = maker_recipient(op, &good), ec = BYTES_LITERAL("\xa1\x02\x05\x00"), mixed = ec;
	mixed = MAKER_JOIN(op, one, maker_repeated(op, ec, ENVELOPED_DATA_RECIPIENTS));
	struct bytes rsa_sha256 = BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00");
	struct bytes rsa_octets = BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x04\x00");
	const struct row all[] = {
		{ "no-recipient", MAKER_ENVELOPED(op, .certificate = certificate, .recipients = BYTES_LITERAL("\x31\x00")) },
		{ "9-recipients", MAKER_ENVELOPED(op, .recipients = MAKER_DER(op, DER_SET, maker_repeated(op, one, 9))) },
		{ "1000-recipients", MAKER_ENVELOPED(op, .recipients = MAKER_DER(op, DER_SET, maker_repeated(op, one, 1000))) },
		{ "1000-key-agreements", MAKER_ENVELOPED(op, .recipients = MAKER_DER(op, DER_SET, maker_repeated(op, ec, 1000))) },
		{ "key-agreement", MAKER_ENVELOPED(op, .recipients = MAKER_DER(op, DER_SET, ec)) },
		{ "one-and-8-of-others", MAKER_ENVELOPED(op, .recipients = MAKER_DER(op, DER_SET, mixed)) },
		{ "recipient-null", MAKER_ENVELOPED(op, .recipients = BYTES_LITERAL("\x31\x02\x05\x00")) },
		{ "recipient-empty", MAKER_ENVELOPED(op, .recipients = BYTES_LITERAL("\x31\x02\x30\x00")) },
		{ "recipient-version-1", MAKER_ENVELOPED(op, .certificate = certificate, .recipient_version = BYTES_LITERAL("\x02\x01\x01")) },
		{ "recipient-version-2", MAKER_ENVELOPED(op, .certificate = certificate, .recipient_version = BYTES_LITERAL("\x02\x01\x02")) },
		{ "recipient-key-version-0", MAKER_ENVELOPED(op, .certificate = certificate, .recipient_name = BYTES_LITERAL("\x80\x02id")) },
		{ "recipient-algorithm", MAKER_ENVELOPED(op, .certificate = certificate, .key_algorithm = rsa_sha256) },
		{ "recipient-parameters", MAKER_ENVELOPED(op, .certificate = certificate, .key_algorithm = rsa_octets) },
		{ "recipient-key-null", MAKER_ENVELOPED(op, .certificate = certificate, .encrypted_key = BYTES_LITERAL("\x05\x00")) },
	};
	memcpy(rows, all, sizeof all);
	return sizeof all / sizeof *all;
}

static unsigned evil_rows(struct op *op, struct row rows[ROWS_MAX])
{
	struct bytes certificate = maker_self_signed(op, rsa_key(), "ra");
	unsigned n = evil_outsides(op, certificate, rows);
	n += evil_recipients(op, certificate, rows + n);
	assert_true(n <= ROWS_MAX);
	return n;
}

/* Each is refused by its kind, and takes no memory. */
static void test_messages_that_are_none_S6(void **state)
{
	struct op *op = *state;
	struct row rows[ROWS_MAX];
	struct enveloped_data message;
	unsigned n = evil_rows(op, rows);
	for (unsigned i = 0; i < n; i++) {
		print_message("# %s\n", rows[i].name);
		size_t before = arena_used(op->arena);
		assert_err(op, ERR_MALFORMED, enveloped_data_read(op, rows[i].der, &old_clients, &message));
		assert_int_equal(arena_used(op->arena), before);
	}
}

/* One block, or more, encrypted as they are. */
static struct bytes encrypt_raw(struct op *op, enum content_cipher cipher, const uint8_t *key, struct bytes iv, struct bytes plain)
{
	AUTO(EVP_CIPHER_CTX) *context = EVP_CIPHER_CTX_new();
	uint8_t *p = arena_alloc(op->arena, plain.n + BLOCK_MAX);
	int n = 0;
	assert_int_equal(EVP_EncryptInit_ex(context, evp(cipher), NULL, key, iv.p), 1);
	EVP_CIPHER_CTX_set_padding(context, 0);
	assert_int_equal(EVP_EncryptUpdate(context, p, &n, plain.p, (int)plain.n), 1);
	assert_int_equal(n, plain.n);
	return (struct bytes){ p, plain.n };
}

/* RFC 5652 section 6.3 said plainly; 0: not padded so. */
static unsigned expected_padding(struct bytes plain, unsigned block)
{
	unsigned n = plain.p[plain.n - 1];
	if (n < 1 || n > block)
		return 0;
	for (unsigned i = 0; i < n; i++)
		if (plain.p[plain.n - 1 - i] != n)
			return 0;
	return n;
}

/* Every last octet, with the octets before it right, and with one of them changed; all refusals are the same (S5). */
static void test_paddings_S5(void **state)
{
	struct op *op = *state;
	static const uint8_t key[CONTENT_KEY_MAX] = "the key of a test";
	const struct bytes iv = BYTES_LITERAL("0123456789abcdef");
	for (unsigned c = 0; c < N_CIPHERS; c++) {
		unsigned block = ciphers[c] == CIPHER_3DES ? 8 : 16;
		for (unsigned i = 0; i < 256 * (block + 1); i++) {
			uint8_t plain[2 * BLOCK_MAX];
			unsigned last = i % 256, changed = i / 256;
			struct bytes all = { plain, 2 * block }, found;
			memset(plain, 0xee, sizeof plain);
			for (unsigned j = 0; j < last && j < block; j++)
				plain[2 * block - 1 - j] = (uint8_t)last;
			plain[2 * block - 1] = (uint8_t)last;
			if (changed > 0)
				plain[2 * block - changed] ^= 0x81;
			const struct enveloped_data message = { .cipher = ciphers[c],
								.iv = { iv.p, block },
								.content = encrypt_raw(op, ciphers[c], key, iv, all) };
			unsigned n = expected_padding(all, block);
			result r = enveloped_data_open(op, &message, key, &found);
			if (r.err != (n > 0 ? ERR_NONE : ERR_MALFORMED))
				fail_msg("%s, last octet %u, changed %u: %s", content_cipher_name(ciphers[c]), plain[2 * block - 1], changed, err_name(r.err));
			if (n > 0)
				assert_true(bytes_equal(found, (struct bytes){ plain, all.n - n }));
			else
				assert_string_equal(op->detail, "the message could not be decrypted");
			op_clear_failure(op);
		}
	}
}

/* S5: lengths that are none fail in the same words, and what was a key of another message may as well be random. */
static void test_failures_are_one_S5(void **state)
{
	struct op *op = *state;
	struct bytes certificate = maker_self_signed(op, rsa_key(), "ra"), found;
	struct bytes der = cms_encrypt(op, some_content(op, 4000), certificate, EVP_aes_128_cbc(), 0);
	struct enveloped_data message;
	static const size_t cuts[] = { 0, 1, 15, 17, 4000 - 1 };
	assert_ok(op, enveloped_data_read(op, der, &modern, &message));
	struct bytes key = unwrap(op, rsa_key(), message.recipients[0].encrypted_key);
	for (unsigned i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		struct enveloped_data cut = message;
		cut.content.n = cuts[i];
		assert_int_equal(enveloped_data_open(op, &cut, key.p, &found).err, ERR_MALFORMED);
		assert_string_equal(op->detail, "the message could not be decrypted");
		assert_int_equal(found.n, 0);
		op_clear_failure(op);
	}
	/* A wrong key fits by chance once in 256 times: then it is other content, and shorter by that padding. */
	uint8_t wrong[CONTENT_KEY_MAX] = { 0 };
	unsigned n_failed = 0;
	for (unsigned i = 0; i < 64; i++) {
		wrong[0] = (uint8_t)i;
		n_failed += enveloped_data_open(op, &message, wrong, &found).err == ERR_MALFORMED;
		op_clear_failure(op);
	}
	assert_in_range(n_failed, 32, 64);
}

static struct bytes sealed_key(struct op *op, struct bytes content, struct bytes certificate, struct bytes *iv)
{
	struct bytes der;
	struct enveloped_data message;
	assert_ok(op, enveloped_data_write(op, content, certificate, CIPHER_AES256, &der));
	assert_ok(op, enveloped_data_read(op, der, &modern, &message));
	*iv = message.iv;
	return unwrap(op, rsa_key(), message.recipients[0].encrypted_key);
}

/* Each message has its own key, which is nowhere afterwards; and what is opened goes with its op. */
static void test_keys_and_contents_are_wiped(void **state)
{
	struct op *op = *state;
	struct bytes certificate = maker_self_signed(op, rsa_key(), "client"), ivs[2], content = some_content(op, 100), der, found;
	struct bytes first = sealed_key(op, content, certificate, &ivs[0]);
	assert_true(bytes_equal(first, (struct bytes)BYTES_ARRAY(last_wiped)));
	struct bytes second = sealed_key(op, content, certificate, &ivs[1]);
	assert_true(bytes_equal(second, (struct bytes)BYTES_ARRAY(last_wiped)));
	assert_false(bytes_equal(first, second) || bytes_equal(ivs[0], ivs[1]));

	struct op *reader = op_new();
	struct enveloped_data message;
	assert_ok(op, enveloped_data_write(op, content, certificate, CIPHER_AES128, &der));
	assert_ok(op, enveloped_data_read(op, der, &modern, &message));
	struct bytes key = unwrap(op, rsa_key(), message.recipients[0].encrypted_key);
	assert_ok(reader, enveloped_data_open(reader, &message, key.p, &found));
	sought = content;
	op_free(&reader);
	assert_true(is_sought_wiped);
	sought = BYTES_NONE;
}

static void test_recipients_that_are_refused(void **state)
{
	struct op *op = *state;
	AUTO(EVP_PKEY) *p256 = maker_key(KEY_P256);
	AUTO(EVP_PKEY) *small = EVP_RSA_gen(1024);
	struct bytes content = some_content(op, 10), der, good = maker_self_signed(op, rsa_key(), "client");
	assert_err(op, ERR_POLICY, enveloped_data_write(op, content, maker_self_signed(op, p256, "client"), CIPHER_AES128, &der));
	assert_err(op, ERR_POLICY, enveloped_data_write(op, content, maker_self_signed(op, small, "client"), CIPHER_AES128, &der));
	const struct bytes none[] = { BYTES_NONE, BYTES_LITERAL("\x30\x00"), { good.p, good.n - 1 }, content };
	for (unsigned i = 0; i < sizeof none / sizeof *none; i++)
		assert_err(op, ERR_MALFORMED, enveloped_data_write(op, content, none[i], CIPHER_AES128, &der));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_OpenSSL_encrypts_is_read),
		TEST(test_what_is_written_OpenSSL_reads),
		TEST(test_other_writers),
		TEST(test_recipients_of_other_kinds_S6),
		TEST(test_ciphers_by_rule_S8),
		TEST(test_single_DES_is_what_others_call_so),
		TEST(test_messages_that_are_none_S6),
		TEST(test_paddings_S5),
		TEST(test_failures_are_one_S5),
		TEST(test_keys_and_contents_are_wiped),
		TEST(test_recipients_that_are_refused),
	};
	return RUN_TESTS(tests);
}
