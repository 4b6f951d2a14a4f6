/* Signatures, with a token that can be told to err: row F11, and the separation of kinds. */
#include <openssl/cms.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "ca/cms.h"
#include "ca/der.h"
#include "ca/sign.h"
#include "ca/signed_data.h"
#include "check.h"
#include "fixture.h"
#include "tests/fake/fake_token.h"
#include "tests/fake/x509_maker.h"

#define NOW 1795000000
#define DAY 86400

static int house_setup(void **state)
{
	fake_token_reset();
	return op_setup(state);
}

static int house_teardown(void **state)
{
	fake_token_reset();
	return op_teardown(state);
}

#define HOUSE_TEST(function) cmocka_unit_test_setup_teardown(function, house_setup, house_teardown)

static struct tbs_plan root_plan(const struct token_key *key)
{
	static const struct identifier name = { IDENTIFIER_CN, "Root" };
	struct tbs_plan plan = { .kind = TBS_ROOT, .spki = key->spki, .signature_key = key->type, .subject = &name,
				 .n_subject = 1, .not_before_s = NOW, .not_after_s = NOW + 1000 * DAY, .path_length = -1 };
	serial_draw(&plan.serial);
	return plan;
}

static result sign_plan(struct op *op, const struct tbs_plan *plan, const struct token_key *key, struct bytes *der)
{
	struct bytes tbs;
	struct linted_tbs *linted;
	TRY(tbs_build(op, plan, &tbs));
	TRY(lint_tbs(op, plan, tbs, &linted));
	return sign_certificate(op, NULL, key, linted, der);
}

static X509 *parse(struct bytes der)
{
	const uint8_t *p = der.p;
	X509 *certificate = d2i_X509(NULL, &p, (long)der.n);
	assert_non_null(certificate);
	return certificate;
}

static bool is_chain_good(X509 *root, X509 *leaf)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_STORE_add_cert(store, root);
	X509_STORE_CTX_init(context, store, leaf, NULL);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(param, NOW + DAY);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
	bool is_good = X509_verify_cert(context) == 1;
	if (!is_good)
		print_message("# %s\n", X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return is_good;
}

/* A struct ca around a root that this test signed itself. */
static struct ca ca_of(struct op *op, const struct token_key *key, struct bytes der, X509 *certificate)
{
	const unsigned char *name;
	size_t n;
	const ASN1_OCTET_STRING *identifier = X509_get0_subject_key_id(certificate);
	assert_int_equal(X509_NAME_get0_der(X509_get_subject_name(certificate), &name, &n), 1);
	return (struct ca){
		.name = "root", .key = *key, .certificate = certificate, .der = der,
		.subject = arena_bytes(op->arena, (struct bytes){ name, n }),
		.key_identifier = { ASN1_STRING_get0_data(identifier), (size_t)ASN1_STRING_length(identifier) },
		.not_before_s = NOW, .not_after_s = NOW + 1000 * DAY,
	};
}

/* Root and leaf with each type of CA key, verified by OpenSSL in its strict mode. */
static void test_chain(void **state)
{
	struct op *op = *state;
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_RSA2048 };
	static const struct identifier name = { IDENTIFIER_DNS, "a.example" };
	AUTO(EVP_PKEY) *leaf_key = maker_key(KEY_P256);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct token_key key;
		struct bytes root_der, leaf_der;
		assert_ok(op, token_generate(op, NULL, key_type_name(types[i]), types[i], &key));
		struct tbs_plan plan = root_plan(&key);
		assert_ok(op, sign_plan(op, &plan, &key, &root_der));
		AUTO(X509) *root = parse(root_der);
		struct ca ca = ca_of(op, &key, root_der, root);
		struct tbs_plan leaf_plan = { .kind = TBS_LEAF, .issuer = &ca, .spki = maker_spki(op, leaf_key),
					      .signature_key = key.type, .identifiers = &name, .n_identifiers = 1,
					      .server_auth = true, .not_before_s = NOW, .not_after_s = NOW + 90 * DAY - 1,
					      .path_length = -1 };
		serial_draw(&leaf_plan.serial);
		assert_ok(op, sign_plan(op, &leaf_plan, &key, &leaf_der));
		AUTO(X509) *leaf = parse(leaf_der);
		assert_true(is_chain_good(root, leaf));
		assert_int_equal(X509_check_host(leaf, "a.example", 0, 0, NULL), 1);
	}
}

/* F11: one bit wrong, another key, and no signature at all. */
static void test_wrong_signatures(void **state)
{
	struct op *op = *state;
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_RSA2048 };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct token_key key;
		struct bytes der = BYTES_NONE;
		assert_ok(op, token_generate(op, NULL, key_type_name(types[i]), types[i], &key));
		struct tbs_plan plan = root_plan(&key);
		const struct fake_token_faults bit = { .is_signature_wrong = true }, other = { .is_key_wrong = true },
					       busy = { .fail = ERR_BUSY };
		fake_token_set_faults(&bit);
		assert_err(op, ERR_BACKEND, sign_plan(op, &plan, &key, &der));
		fake_token_set_faults(&other);
		assert_err(op, ERR_BACKEND, sign_plan(op, &plan, &key, &der));
		fake_token_set_faults(&busy);
		uint64_t before = fake_token_signatures();
		assert_err(op, ERR_BUSY, sign_plan(op, &plan, &key, &der));
		assert_int_equal(fake_token_signatures(), before);
		assert_int_equal(der.n, 0);
		fake_token_set_faults(NULL);
		assert_ok(op, sign_plan(op, &plan, &key, &der));
	}
}

/* One lint, one signature, with the key that it was linted for. */
static void test_linted_once(void **state)
{
	struct op *op = *state;
	struct token_key key, other;
	struct bytes tbs, der;
	struct linted_tbs *linted;
	assert_ok(op, token_generate(op, NULL, "root", KEY_P256, &key));
	assert_ok(op, token_generate(op, NULL, "other", KEY_P256, &other));
	struct tbs_plan plan = root_plan(&key);
	assert_ok(op, tbs_build(op, &plan, &tbs));
	assert_ok(op, lint_tbs(op, &plan, tbs, &linted));
	assert_err(op, ERR_BUG, sign_certificate(op, NULL, &other, linted, &der));
	assert_int_equal(fake_token_signatures(), 0);
	assert_ok(op, sign_certificate(op, NULL, &key, linted, &der));
	assert_err(op, ERR_BUG, sign_certificate(op, NULL, &key, linted, &der));
	assert_int_equal(fake_token_signatures(), 1);
	/* Also when the signature was wrong: rule 10, an in-doubt signature is never repeated. */
	const struct fake_token_faults bit = { .is_signature_wrong = true };
	assert_ok(op, lint_tbs(op, &plan, tbs, &linted));
	fake_token_set_faults(&bit);
	assert_err(op, ERR_BACKEND, sign_certificate(op, NULL, &key, linted, &der));
	fake_token_set_faults(NULL);
	assert_err(op, ERR_BUG, sign_certificate(op, NULL, &key, linted, &der));
}

/* Bytes of one kind are not signed as another: each kind through each door, only its own opens. */
static void test_kinds(void **state)
{
	struct op *op = *state;
	struct token_key key;
	struct bytes tbs, out;
	assert_ok(op, token_generate(op, NULL, "root", KEY_P256, &key));
	struct tbs_plan plan = root_plan(&key);
	assert_ok(op, tbs_build(op, &plan, &tbs));
	const struct ca ca = { .name = "root", .key = key };
	const struct bytes kinds[] = {
		tbs,
		BYTES_LITERAL("\x30\x03\x02\x01\x01"),				   /* TBSCertList */
		BYTES_LITERAL("\x30\x05\xa2\x03\x04\x01k"),			   /* ResponseData by key */
		BYTES_LITERAL("\x30\x04\xa1\x02\x30\x00"),			   /* ResponseData by name */
		BYTES_LITERAL("\x30\x03\x02\x01\x00"),				   /* CertificationRequestInfo */
		BYTES_LITERAL("origin\n1\nAAAA\n"),				   /* a checkpoint */
		BYTES_LITERAL(""),
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		uint64_t before = fake_token_signatures();
		assert_int_equal(sign_crl(op, NULL, &ca, kinds[i], &out).err, i == 1 ? ERR_NONE : ERR_BUG);
		assert_int_equal(sign_ocsp(op, NULL, &key, kinds[i], &out).err, i == 2 || i == 3 ? ERR_NONE : ERR_BUG);
		assert_int_equal(sign_request(op, NULL, &key, kinds[i], &out).err, i == 4 ? ERR_NONE : ERR_BUG);
		assert_int_equal(sign_checkpoint(op, NULL, &key, kinds[i], &out).err, i == 5 ? ERR_NONE : ERR_BUG);
		assert_int_equal(fake_token_signatures() - before, i >= 1 && i <= 5 ? 1 : 0);
		op_clear_failure(op);
	}
}

/* A request for an outside root, as OpenSSL reads it. */
static void test_request(void **state)
{
	struct op *op = *state;
	struct token_key key;
	struct bytes der;
	assert_ok(op, token_generate(op, NULL, "ca", KEY_P384, &key));
	struct bytes name = MAKER_DER(op, DER_SEQUENCE, maker_common_name(op, DER_UTF8_STRING, BYTES_LITERAL("Example Issuing CA")));
	struct bytes info = MAKER_DER(op, DER_SEQUENCE, BYTES_LITERAL("\x02\x01\x00"), name, key.spki, BYTES_LITERAL("\xa0\x00"));
	assert_ok(op, sign_request(op, NULL, &key, info, &der));
	const uint8_t *p = der.p;
	AUTO(X509_REQ) *request = d2i_X509_REQ(NULL, &p, (long)der.n);
	assert_non_null(request);
	assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
	assert_int_equal(X509_REQ_get_signature_nid(request), NID_ecdsa_with_SHA384);
}

static result sign_message(struct op *op, void *arg, struct bytes attributes, struct bytes *signature)
{
	return sign_next_ca(op, NULL, arg, attributes, signature);
}

/* OpenSSL's CMS finds the signature to be by this certificate, and gives the content. */
static void assert_cms(struct bytes message, X509 *signer, struct bytes content)
{
	AUTO(BIO) *in = BIO_new_mem_buf(message.p, (int)message.n), *out = BIO_new(BIO_s_mem());
	STACK_OF(X509) *signers = sk_X509_new_null();
	char *p;
	sk_X509_push(signers, signer);
	CMS_ContentInfo *cms = d2i_CMS_bio(in, NULL);
	assert_non_null(cms);
	assert_int_equal(CMS_verify(cms, signers, NULL, NULL, out, CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY), 1);
	long n = BIO_get_mem_data(out, &p);
	assert_true(bytes_equal((struct bytes){ (uint8_t *)p, (size_t)n }, content));
	CMS_ContentInfo_free(cms);
	sk_X509_free(signers);
}

/* SP14, F11: by each type of CA key, over attributes and nothing else. */
static void test_next_ca_SP14(void **state)
{
	struct op *op = *state;
	static const struct {
		enum key_type type;
		enum signed_data_algorithm algorithm;
	} keys[] = { { KEY_P256, SIGNED_ECDSA_SHA256 }, { KEY_P384, SIGNED_ECDSA_SHA384 }, { KEY_RSA2048, SIGNED_RSA_SHA256 } };
	const struct bytes others[] = { BYTES_LITERAL("\x30\x04\x30\x02\x05\x00"), BYTES_LITERAL("\x31\x00"),
					BYTES_LITERAL("\x31\x04\x30\x02\x05\x00\x00"), BYTES_LITERAL("\x31\x02\x05\x00") };
	const struct fake_token_faults wrong = { .is_signature_wrong = true };
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		struct token_key key;
		struct bytes der, message, signature;
		assert_ok(op, token_generate(op, NULL, key_type_name(keys[i].type), keys[i].type, &key));
		struct tbs_plan plan = root_plan(&key);
		assert_ok(op, sign_plan(op, &plan, &key, &der));
		AUTO(X509) *certificate = parse(der);
		struct ca ca = ca_of(op, &key, der, certificate);
		const struct signed_data_writing writing = { .type = cms_data_oid, .content = BYTES_LITERAL("what comes next"),
							     .certificates = &ca.der, .n_certificates = 1,
							     .algorithm = keys[i].algorithm, .signer = ca.der,
							     .sign = sign_message, .arg = &ca };
		assert_ok(op, signed_data_write_by(op, &writing, &message));
		assert_cms(message, certificate, writing.content);
		for (size_t j = 0; j < sizeof others / sizeof others[0]; j++)
			assert_err(op, ERR_BUG, sign_next_ca(op, NULL, &ca, others[j], &signature));
		fake_token_set_faults(&wrong);
		assert_err(op, ERR_BACKEND, signed_data_write_by(op, &writing, &message));
		fake_token_set_faults(NULL);
	}
}

int main(void)
{
	log_open("test", LOG_LEVEL_ERROR);
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_chain), HOUSE_TEST(test_wrong_signatures), HOUSE_TEST(test_linted_once),
		HOUSE_TEST(test_kinds), HOUSE_TEST(test_request), HOUSE_TEST(test_next_ca_SP14),
	};
	return RUN_TESTS(tests);
}
