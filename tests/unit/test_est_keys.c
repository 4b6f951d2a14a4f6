/* serverkeygen: keys in clear, sealed keys, and keys that are refused; none of them stays (E9, S11). */
#include "tests/unit/est_scene.h"

#include <fcntl.h>
#include <ftw.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/der.h"
#include "ca/key_check.h"
#include "ca/signed_data.h"
#include "store/db.h"
#include "tests/fake/x509_maker.h"

AUTO_DEFINE(CMS_ContentInfo, CMS_ContentInfo_free);
AUTO_DEFINE(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free);
AUTO_DEFINE(X509_STORE, X509_STORE_free);

#define PATH "open/serverkeygen"
#define SEALED "application/pkcs7-mime; smime-type=server-generated-key"

/* Linked in place of the real one: what was wiped last of all that had a reply with a key in it. */
void __real_OPENSSL_cleanse(void *p, size_t n);
void __wrap_OPENSSL_cleanse(void *p, size_t n);
static unsigned n_wiped_replies;

void __wrap_OPENSSL_cleanse(void *p, size_t n)
{
	static const char mark[] = "Content-Type: application/pkcs8";
	if (p != NULL && memmem(p, n, mark, sizeof mark - 1) != NULL)
		n_wiped_replies++;
	__real_OPENSSL_cleanse(p, n);
}

static void set_keys(struct est_house *h, const char *label, enum est_server_keys server_keys)
{
	((struct config_est *)(uintptr_t)config_est(h->fake->config, label))->server_keys = server_keys;
}

/* A reply, taken apart as RFC 2046 section 5.1 says. */
struct made {
	const char *key_type;
	struct bytes key, certificate; /* the first part as it is, the certificate of the second */
};

/* One part: its media type and its body, which is one line of base64. */
static struct bytes take_part(struct est_house *h, const char **at, const char *delimiter, const char **type)
{
	struct bytes der;
	assert_true(text_has_prefix(*at, delimiter));
	*at += strlen(delimiter);
	assert_true(text_has_prefix(*at, "\r\nContent-Type: "));
	*at += strlen("\r\nContent-Type: ");
	const char *line_end = strstr(*at, "\r\n");
	assert_non_null(line_end);
	*type = arena_text_n(h->op->arena, *at, (size_t)(line_end - *at));
	static const char rest[] = "\r\nContent-Transfer-Encoding: base64\r\n\r\n"; /* and no other field */
	assert_true(text_has_prefix(line_end, rest));
	const char *body = line_end + sizeof rest - 1, *end = strstr(body, "\r\n");
	assert_non_null(end);
	assert_ok(h->op, bytes_from_base64(h->op, (struct bytes){ (const uint8_t *)body, (size_t)(end - body) }, &der));
	*at = end + 2;
	return der;
}

static struct made take_apart(struct est_house *h, const struct est_answer *a)
{
	static const char before[] = "multipart/mixed; boundary=\"";
	struct made out;
	const char *type, *at = a->body;
	assert_true(text_has_prefix(a->content_type, before));
	const char *boundary = a->content_type + sizeof before - 1;
	const char *delimiter = arena_printf(h->op->arena, "--%.*s", (int)strcspn(boundary, "\""), boundary);
	assert_int_equal(strlen(delimiter), 24);
	out.key = take_part(h, &at, delimiter, &out.key_type);
	struct bytes der = take_part(h, &at, delimiter, &type);
	assert_string_equal(type, "application/pkcs7-mime; smime-type=certs-only");
	assert_string_equal(at, arena_printf(h->op->arena, "%s--\r\n", delimiter));

	const uint8_t *p = der.p;
	uint8_t *leaf = NULL;
	PKCS7 *list = d2i_PKCS7(NULL, &p, (long)der.n);
	assert_non_null(list);
	assert_int_equal(sk_X509_num(list->d.sign->cert), 1);
	int n = i2d_X509(sk_X509_value(list->d.sign->cert, 0), &leaf);
	out.certificate = arena_bytes(h->op->arena, (struct bytes){ leaf, (size_t)n });
	OPENSSL_free(leaf);
	PKCS7_free(list);
	return out;
}

static X509 *parse(struct bytes der)
{
	const uint8_t *p = der.p;
	X509 *certificate = d2i_X509(NULL, &p, (long)der.n);
	assert_non_null(certificate);
	return certificate;
}

/* PrivateKeyInfo and nothing behind it; the certificate is for this key. */
static EVP_PKEY *check_key(struct bytes pkcs8, struct bytes certificate)
{
	const uint8_t *p = pkcs8.p;
	AUTO(PKCS8_PRIV_KEY_INFO) *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n);
	assert_true(info != NULL && p == pkcs8.p + pkcs8.n);
	EVP_PKEY *key = EVP_PKCS82PKEY(info);
	AUTO(X509) *x509 = parse(certificate);
	assert_int_equal(X509_check_private_key(x509, key), 1);
	return key;
}

static struct made ask_in_clear(struct est_house *h, struct bytes csr)
{
	struct est_answer a = ASSERT_SENT(h, 200, .path = PATH, .csr = csr);
	struct made out = take_apart(h, &a);
	assert_string_equal(out.key_type, "application/pkcs8");
	return out;
}

/* The names are those of the request, the key is not: its type is the first one of the profile. */
static void test_a_key_over_TLS_E9(void **state)
{
	struct est_house *h = *state;
	struct config_profile *profile = (struct config_profile *)(uintptr_t)config_profile(h->fake->config, "device");
	/* Section 4.4.1: what key a client sends, if it can make any, does not matter. */
	static const struct {
		const char *csr_key;
		enum key_type wanted;
	} types[] = { { "P-256", KEY_P256 }, { "RSA", KEY_P384 }, { "P-521", KEY_RSA2048 }, { "ED25519", KEY_ED25519 } };
	set_keys(h, "open", EST_KEYS_TLS);
	for (unsigned i = 0; i < 4; i++) {
		const char *name = types[i].csr_key;
		AUTO(EVP_PKEY) *sent = text_equal(name, "RSA") ? EVP_RSA_gen(1024) :
				       text_equal(name, "ED25519") ? EVP_PKEY_Q_keygen(NULL, NULL, name) : EVP_EC_gen(name);
		profile->key_types[0] = types[i].wanted;
		profile->n_key_types = 1;
		struct made made = ask_in_clear(h, EST_CSR(h, .cn = "dev-1", .dns = "dev-1.example", .key = sent));
		AUTO(EVP_PKEY) *key = check_key(made.key, made.certificate);
		AUTO(X509) *x509 = parse(made.certificate);
		assert_int_equal(key_type_of(key), types[i].wanted);
		assert_int_not_equal(EVP_PKEY_eq(key, sent), 1);
		assert_int_equal(X509_check_host(x509, "dev-1.example", 0, 0, NULL), 1);
	}
	assert_int_equal(n_issued(h), 4);
}

/* S11: the same bytes again, another key; simpleenroll with them is a request of its own. */
static void test_two_calls_two_keys_S11(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	set_keys(h, "open", EST_KEYS_TLS);
	struct made first = ask_in_clear(h, csr), second = ask_in_clear(h, csr);
	assert_false(bytes_equal(first.key, second.key));
	assert_false(bytes_equal(first.certificate, second.certificate));
	AUTO(EVP_PKEY) *one = check_key(first.key, first.certificate);
	AUTO(EVP_PKEY) *two = check_key(second.key, second.certificate);
	assert_int_not_equal(EVP_PKEY_eq(one, two), 1);
	struct est_answer a = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = csr);
	assert_int_equal(a.n_certificates, 1);
	assert_int_equal(n_issued(h), 3);
}

/* Who may ask, and for what, is as at simpleenroll; a token is good for one key. */
static void test_the_rules_of_simpleenroll_E4_S9_E5(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "default/serverkeygen";
	set_keys(h, "default", EST_KEYS_TLS);
	set_keys(h, "bound", EST_KEYS_TLS);
	est_house_add_user(h, &(struct user){ .name = "alice" }, NULL);
	const char *token = est_house_add_token(h, "default", "[\"cn:dev-1\"]");
	struct bytes alice = EST_CSR(h, .cn = "alice"), dev = EST_CSR(h, .cn = "dev-1");
	ASSERT_SENT(h, 401, .path = path, .csr = alice);
	ASSERT_SENT(h, 401, .path = path, .body = "!!!!", .method = HTTP_POST);
	ASSERT_SENT(h, 401, .path = path, .user = "alice", .password = "wrong", .csr = alice);
	ASSERT_SENT(h, 403, .path = path, .user = "alice", .csr = dev);
	ASSERT_SENT(h, 403, .path = path, .token = token, .csr = alice);
	ASSERT_SENT(h, 400, .path = path, .user = "alice", .body = "!!!!", .method = HTTP_POST);
	ASSERT_SENT(h, 415, .path = path, .user = "alice", .csr = alice, .content_type = "text/plain");
	ASSERT_SENT(h, 403, .path = "bound/serverkeygen", .user = "alice", .csr = alice);
	ASSERT_SENT(h, 405, .path = path);
	assert_int_equal(n_issued(h), 0);
	ASSERT_SENT(h, 200, .path = path, .user = "alice", .csr = EST_CSR(h, .cn = "alice", .is_signature_wrong = true));
	ASSERT_SENT(h, 200, .path = path, .token = token, .csr = dev);
	ASSERT_SENT(h, 403, .path = path, .token = token, .csr = dev);
	assert_int_equal(n_issued(h), 2);
	assert_int_equal(est_house_count(h, "audit_entry WHERE type = 'enrollment.requested'"), 2);
}

/* E9: a label that makes none says so, whoever asks. */
static void test_off_E9(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	struct est_answer a = ASSERT_SENT(h, 501, .path = PATH, .csr = csr);
	assert_non_null(strstr(a.body, "makes no keys"));
	ASSERT_SENT(h, 501, .path = "serverkeygen", .csr = csr);
	assert_int_equal(est_house_count(h, "enrollment"), 0);
}

/* E8: who waits for an operator gets the key that is made when it comes again. */
static void test_approval_E8(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "manual/serverkeygen";
	struct bytes csr = EST_CSR(h, .cn = "alice");
	set_keys(h, "manual", EST_KEYS_TLS);
	est_house_add_user(h, &(struct user){ .name = "alice" }, NULL);
	struct est_answer a = ASSERT_SENT(h, 202, .path = path, .user = "alice", .csr = csr);
	assert_string_equal(a.retry_after, "30");
	ASSERT_SENT(h, 202, .path = path, .user = "alice", .csr = csr);
	assert_int_equal(est_house_count(h, "enrollment"), 1);
	est_house_decide(h, true, NULL);
	a = ASSERT_SENT(h, 200, .path = path, .user = "alice", .csr = csr);
	struct made made = take_apart(h, &a);
	AUTO(EVP_PKEY) *key = check_key(made.key, made.certificate);
	ASSERT_SENT(h, 202, .path = path, .user = "alice", .csr = csr); /* another key is another request */
	assert_int_equal(est_house_count(h, "enrollment"), 2);
}

/* Attributes of a request. */
static struct bytes attribute(struct op *op, const char *oid, struct bytes value)
{
	AUTO(ASN1_OBJECT) *object = OBJ_txt2obj(oid, 1);
	struct bytes type = { OBJ_get0_data(object), OBJ_length(object) };
	return MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, type), MAKER_DER(op, DER_SET, value));
}
#define OID_SYMMETRIC "1.2.840.113549.1.9.16.2.37"
#define OID_ASYMMETRIC "1.2.840.113549.1.9.16.2.54"
#define OID_CAPABILITIES "1.2.840.113549.1.9.15"
#define CAP_AES128 BYTES_LITERAL("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02")
#define CAP_AES256 BYTES_LITERAL("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a")
#define CAP_OAEP BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x00")
#define CAP_OAEP_SHA256                                                                                                    \
	BYTES_LITERAL("\x30\x1e\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30\x11\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01" \
		      "\x65\x03\x04\x02\x01\x05\x00")

static struct bytes capabilities(struct op *op, struct bytes list)
{
	return attribute(op, OID_CAPABILITIES, MAKER_DER(op, DER_SEQUENCE, list));
}

/* A request for dev-1 with these attributes, in the order of a SET. */
static struct bytes request_with(struct op *op, struct bytes first, struct bytes second)
{
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	bool is_first = second.n == 0 || (first.n > 0 && bytes_compare(first, second) < 0);
	struct bytes one = is_first ? first : second, two = is_first ? second : first;
	return maker_request(op, &(struct maker_request){ .key = key,
							  .subject = maker_common_name(op, DER_UTF8_STRING, BYTES_LITERAL("dev-1")),
							  .attributes = MAKER_JOIN(op, one.n > 0 ? one : BYTES_LITERAL(""),
										   two.n > 0 ? two : BYTES_LITERAL("")) });
}

/* A client's certificate that names no identifier of its key. */
static struct bytes self_signed(struct op *op, EVP_PKEY *key)
{
	AUTO(X509) *c = X509_new();
	uint8_t *der = NULL;
	assert_true(X509_set_version(c, X509_VERSION_3) == 1 && X509_set_pubkey(c, key) == 1);
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(c), 4711) == 1);
	assert_true(X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8, (const uint8_t *)"self", -1, -1, 0) == 1);
	assert_true(X509_set_issuer_name(c, X509_get_subject_name(c)) == 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(c), clock_now_s() - 60));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(c), clock_now_s() + 3600));
	assert_true(X509_sign(c, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
	int n = i2d_X509(c, &der);
	struct bytes out = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return out;
}

/* RFC 5280 section 4.2.1.2, method 1. */
static struct bytes key_id(struct op *op, struct bytes certificate)
{
	AUTO(X509) *c = parse(certificate);
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n;
	assert_int_equal(X509_pubkey_digest(c, EVP_sha1(), hash, &n), 1);
	return arena_bytes(op->arena, (struct bytes){ hash, n });
}

static struct bytes named(struct op *op, struct bytes id)
{
	return attribute(op, OID_ASYMMETRIC, MAKER_DER(op, DER_OCTET_STRING, id));
}

/* The one recipient: kind, and the OID of its algorithm. */
static void check_recipient(CMS_ContentInfo *message, int kind, int nid)
{
	STACK_OF(CMS_RecipientInfo) *list = CMS_get0_RecipientInfos(message);
	X509_ALGOR *algorithm = NULL;
	ASN1_OCTET_STRING *material;
	assert_int_equal(sk_CMS_RecipientInfo_num(list), 1);
	CMS_RecipientInfo *info = sk_CMS_RecipientInfo_value(list, 0);
	assert_int_equal(CMS_RecipientInfo_type(info), kind);
	if (kind == CMS_RECIPINFO_TRANS)
		assert_int_equal(CMS_RecipientInfo_ktri_get0_algs(info, NULL, NULL, &algorithm), 1);
	else
		assert_int_equal(CMS_RecipientInfo_kari_get0_alg(info, &algorithm, &material), 1);
	assert_int_equal(OBJ_obj2nid(algorithm->algorithm), nid);
}

/* Signed for the house: by a certificate with a path to its root (RFC 7030 section 4.4.2). */
static void check_signature(struct est_house *h, struct bytes der)
{
	const uint8_t *p = der.p;
	AUTO(CMS_ContentInfo) *message = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	AUTO(X509_STORE) *store = X509_STORE_new();
	AUTO(X509) *root = parse(h->fake->root->der);
	AUTO(X509) *issuing = parse(h->fake->issuing->der);
	STACK_OF(X509) *others = sk_X509_new_null();
	assert_non_null(message);
	assert_true(sk_X509_push(others, issuing) > 0 && X509_STORE_add_cert(store, root) == 1);
	assert_int_equal(X509_STORE_set_purpose(store, X509_PURPOSE_ANY), 1);
	assert_int_equal(CMS_verify(message, others, store, NULL, NULL, CMS_BINARY), 1);
	sk_X509_free(others);
}

/* What the client finds in the envelope with its own key: a PrivateKeyInfo. */
static struct bytes open_envelope(struct est_house *h, struct bytes sealed, EVP_PKEY *key, struct bytes certificate, int kind, int nid)
{
	struct op *op = h->op;
	const uint8_t *p = sealed.p;
	uint8_t *plain;
	AUTO(CMS_ContentInfo) *message = d2i_CMS_ContentInfo(NULL, &p, (long)sealed.n);
	AUTO(X509) *own = parse(certificate);
	AUTO(BIO) *out = BIO_new(BIO_s_mem());
	assert_true(message != NULL && der_is_strict(sealed));
	assert_int_equal(OBJ_obj2nid(CMS_get0_type(message)), NID_pkcs7_enveloped);
	assert_int_equal(OBJ_obj2nid(CMS_get0_eContentType(message)), NID_pkcs7_signed);
	check_recipient(message, kind, nid);
	assert_non_null(memmem(sealed.p, sealed.n, "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 9)); /* aes256-CBC */
	assert_int_equal(CMS_decrypt(message, key, own, NULL, out, CMS_BINARY), 1);
	long n = BIO_get_mem_data(out, &plain);

	struct signed_data inner;
	struct bytes package, oid = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
	struct bytes whole = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, oid),
				       MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), arena_bytes(op->arena, (struct bytes){ plain, (size_t)n })));
	assert_ok(op, signed_data_read(op, whole, &inner));
	assert_true(bytes_equal(inner.type, BYTES_LITERAL("\x60\x86\x48\x01\x65\x02\x01\x02\x4e\x05")));
	check_signature(h, whole);
	struct bytes content = inner.content;
	assert_true(der_take(&content, DER_SEQUENCE, &package));
	return package;
}

static EVP_PKEY *client_key(const char *name)
{
	return text_equal(name, "RSA") ? EVP_RSA_gen(2048) : text_equal(name, "ED25519") ? EVP_PKEY_Q_keygen(NULL, NULL, name) : EVP_EC_gen(name);
}

/* To RSA keys as the client can decrypt it, to EC keys by ECDH with SHA-256. */
static void test_a_sealed_key_E9(void **state)
{
	struct est_house *h = *state;
	struct op *op = h->op;
	static const struct bytes none = { NULL, 0 };
	const struct {
		const char *key;
		struct bytes capabilities;
		int kind, nid;
	} clients[] = {
		{ "RSA", none, CMS_RECIPINFO_TRANS, NID_rsaEncryption },
		{ "RSA", MAKER_JOIN(op, CAP_AES128, CAP_AES256), CMS_RECIPINFO_TRANS, NID_rsaEncryption },
		{ "RSA", MAKER_JOIN(op, CAP_AES256, CAP_OAEP), CMS_RECIPINFO_TRANS, NID_rsaesOaep },
		{ "RSA", MAKER_JOIN(op, CAP_OAEP_SHA256, CAP_AES256), CMS_RECIPINFO_TRANS, NID_rsaesOaep },
		{ "P-256", CAP_AES256, CMS_RECIPINFO_AGREE, NID_dhSinglePass_stdDH_sha256kdf_scheme },
		{ "P-384", none, CMS_RECIPINFO_AGREE, NID_dhSinglePass_stdDH_sha256kdf_scheme },
	};
	for (unsigned i = 0; i < sizeof clients / sizeof *clients; i++) {
		set_keys(h, "open", i % 2 == 0 ? EST_KEYS_TLS : EST_KEYS_ENCRYPTED);
		AUTO(EVP_PKEY) *own = client_key(clients[i].key);
		struct bytes shown = self_signed(op, own);
		struct bytes list = clients[i].capabilities.n > 0 ? capabilities(op, clients[i].capabilities) : none;
		struct bytes csr = request_with(op, named(op, key_id(op, shown)), list);
		struct est_answer a = ASSERT_SENT(h, 200, .path = PATH, .csr = csr, .certificate = shown);
		struct made made = take_apart(h, &a);
		assert_string_equal(made.key_type, SEALED);
		struct bytes pkcs8 = open_envelope(h, made.key, own, shown, clients[i].kind, clients[i].nid);
		AUTO(EVP_PKEY) *key = check_key(pkcs8, made.certificate);
		struct est_answer b = ASSERT_SENT(h, 200, .path = PATH, .csr = csr, .certificate = shown);
		struct made again = take_apart(h, &b);
		struct bytes other = open_envelope(h, again.key, own, shown, clients[i].kind, clients[i].nid);
		assert_false(bytes_equal(pkcs8, other)); /* S11 */
	}
	assert_int_equal(n_issued(h), 12);
}

/* With a certificate of the house, which names its key by the extension and authenticates by it. */
static void test_sealed_for_a_certificate_of_ours_E9(void **state)
{
	struct est_house *h = *state;
	struct op *op = h->op;
	AUTO(EVP_PKEY) *own = EVP_EC_gen("P-256");
	struct est_answer a = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = EST_CSR(h, .cn = "dev-1", .key = own));
	struct bytes shown = a.certificate;
	AUTO(X509) *x509 = parse(shown);
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x509);
	assert_non_null(ski);
	struct bytes id = { ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski) };
	set_keys(h, "default", EST_KEYS_ENCRYPTED);
	a = ASSERT_SENT(h, 200, .path = "serverkeygen", .csr = request_with(op, named(op, id), (struct bytes){ NULL, 0 }), .certificate = shown);
	struct made made = take_apart(h, &a);
	struct bytes pkcs8 = open_envelope(h, made.key, own, shown, CMS_RECIPINFO_AGREE, NID_dhSinglePass_stdDH_sha256kdf_scheme);
	AUTO(EVP_PKEY) *key = check_key(pkcs8, made.certificate);
}

static void expect_none(struct est_house *h, struct bytes csr, struct bytes shown, const char *words)
{
	struct est_answer a = ASSERT_SENT(h, 400, .path = PATH, .csr = csr, .certificate = shown);
	if (strstr(a.body, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", a.body, words);
}

/* E9: what cannot be encrypted as it was asked for is refused, before anything is issued, and never sent in clear. */
static void test_what_cannot_be_sealed_E9(void **state)
{
	struct est_house *h = *state;
	struct op *op = h->op;
	static const struct bytes none = { NULL, 0 };
	AUTO(EVP_PKEY) *rsa = EVP_RSA_gen(2048);
	AUTO(EVP_PKEY) *small = EVP_RSA_gen(1024);
	AUTO(EVP_PKEY) *ed25519 = client_key("ED25519");
	struct bytes good = self_signed(op, rsa), other = self_signed(op, ed25519), weak = self_signed(op, small);
	struct bytes id = key_id(op, good), octets = MAKER_DER(op, DER_OCTET_STRING, BYTES_LITERAL("secret-1"));
	struct bytes text = maker_text(op, DER_UTF8_STRING, "x"), nothing = MAKER_DER(op, DER_OCTET_STRING, BYTES_LITERAL(""));
	for (unsigned i = 0; i < 2; i++) {
		set_keys(h, "open", i == 0 ? EST_KEYS_TLS : EST_KEYS_ENCRYPTED);
		expect_none(h, request_with(op, named(op, id), none), none, "shows on this connection");
		expect_none(h, request_with(op, named(op, BYTES_LITERAL("another")), none), good, "is not the identifier");
		expect_none(h, request_with(op, named(op, key_id(op, other)), none), other, "nothing can be encrypted");
		expect_none(h, request_with(op, named(op, key_id(op, weak)), none), weak, "nothing can be encrypted");
		expect_none(h, request_with(op, attribute(op, OID_SYMMETRIC, octets), none), good, "DecryptKeyIdentifier");
		expect_none(h, request_with(op, attribute(op, OID_SYMMETRIC, octets), capabilities(op, CAP_AES256)), good, "no secrets");
		expect_none(h, request_with(op, capabilities(op, CAP_AES256), none), good, "no AsymmetricDecryptKeyIdentifier");
		expect_none(h, request_with(op, named(op, id), capabilities(op, CAP_AES128)), good, "AES-256-CBC");
		expect_none(h, request_with(op, attribute(op, OID_ASYMMETRIC, text), none), good, "4.4.1");
		expect_none(h, request_with(op, attribute(op, OID_ASYMMETRIC, nothing), none), good, "4.4.1");
		expect_none(h, request_with(op, attribute(op, OID_SYMMETRIC, text), none), good, "4.4.1");
		expect_none(h, request_with(op, named(op, id), attribute(op, OID_CAPABILITIES, octets)), good, "4.4.1");
		expect_none(h, request_with(op, named(op, id), attribute(op, OID_CAPABILITIES, BYTES_LITERAL("\x30\x00\x30\x00"))), good, "4.4.1");
		expect_none(h, request_with(op, named(op, id), capabilities(op, BYTES_LITERAL("\x30\x00"))), good, "4.4.1");
	}
	expect_none(h, EST_CSR(h, .cn = "dev-1"), good, "no AsymmetricDecryptKeyIdentifier"); /* encrypted only */
	assert_int_equal(est_house_count(h, "enrollment"), 0);
	assert_int_equal(est_house_count(h, "certificate WHERE door = 'est'"), 0);
}

/* Where a secret could have been left: files of the house, and the columns that hold bytes of a request. */
static struct bytes needle;
static unsigned n_found, n_files;

static int search_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	struct bytes content;
	(void)ftw;
	if (kind != FTW_F || !S_ISREG(st->st_mode) || st->st_size == 0)
		return 0;
	struct op *op = op_new();
	assert_ok(op, files_read(op, path, 64 << 20, &content));
	n_files++;
	n_found += memmem(content.p, content.n, needle.p, needle.n) != NULL;
	op_free(&op);
	return 0;
}

static result search_row(struct op *op, void *arg, const struct db_value *columns, unsigned n)
{
	(void)op;
	for (unsigned i = 0; i < n; i++)
		if (columns[i].bytes.n > 0)
			n_found += memmem(columns[i].bytes.p, columns[i].bytes.n, needle.p, needle.n) != NULL;
	(*(unsigned *)arg)++;
	return OK;
}

static void search_rows(struct est_house *h, const char *sql)
{
	unsigned n = 0;
	struct op *op = op_new();
	{
		STORE_LEASE(lease);
		assert_ok(op, store_read(op, h->fake->authority->store, &lease));
		assert_ok(op, db_run(op, lease.db, sql, NULL, 0, search_row, &n, NULL));
	}
	op_free(&op);
	assert_true(n > 0);
}

static unsigned search(struct est_house *h, struct bytes secret)
{
	needle = secret;
	n_found = n_files = 0;
	nftw(h->fake->dir, search_file, 16, FTW_PHYS);
	assert_true(n_files > 0);
	search_rows(h, "SELECT csr, csr_hash FROM enrollment");
	search_rows(h, "SELECT tbs, der, spki_hash FROM certificate WHERE door = 'est'");
	search_rows(h, "SELECT entry, leaf FROM audit_entry");
	return n_found;
}

/* The private part of a P-256 key: 32 octets. */
static struct bytes private_part(struct op *op, EVP_PKEY *key)
{
	AUTO(BIGNUM) *number = NULL;
	uint8_t *octets = arena_alloc(op->arena, 32);
	assert_int_equal(EVP_PKEY_get_bn_param(key, "priv", &number), 1);
	assert_int_equal(BN_bn2binpad(number, octets, 32), 32);
	return (struct bytes){ octets, 32 };
}

/* S11: not in the store, the log, or the audit log; and the reply is wiped when it has gone. */
static void test_no_key_is_left_S11(void **state)
{
	struct est_house *h = *state;
	struct op *op = h->op;
	const char *log = files_join(op->arena, h->fake->dir, "log-of-the-test");
	int own_stderr = dup(STDERR_FILENO), to = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	set_keys(h, "open", EST_KEYS_TLS);
	log_set_level(LOG_LEVEL_DEBUG);
	assert_true(own_stderr >= 0 && to >= 0 && dup2(to, STDERR_FILENO) >= 0);
	n_wiped_replies = 0;
	struct est_answer a = EST_SEND(h, .path = PATH, .csr = EST_CSR(h, .cn = "dev-1"));
	log_info(op, "test.said", "the log is a file now");
	assert_true(dup2(own_stderr, STDERR_FILENO) >= 0);
	log_set_level(LOG_LEVEL_ERROR);
	close(own_stderr);
	close(to);
	assert_status(&a, 200);
	assert_true(n_wiped_replies > 0);

	struct made made = take_apart(h, &a);
	AUTO(EVP_PKEY) *key = check_key(made.key, made.certificate);
	struct bytes secret = private_part(op, key);
	assert_int_equal(search(h, secret), 0);
	assert_int_equal(search(h, bytes_of_text(bytes_to_hex(op->arena, secret))), 0);
	assert_int_equal(search(h, bytes_of_text(bytes_to_base64(op->arena, made.key))), 0);
	assert_true(search(h, made.certificate) > 0); /* the search finds what is there */
	assert_true(search(h, BYTES_LITERAL("test.said")) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_a_key_over_TLS_E9),
		SCENE(test_two_calls_two_keys_S11),
		SCENE(test_the_rules_of_simpleenroll_E4_S9_E5),
		SCENE(test_off_E9),
		SCENE(test_approval_E8),
		SCENE(test_a_sealed_key_E9),
		SCENE(test_sealed_for_a_certificate_of_ours_E9),
		SCENE(test_what_cannot_be_sealed_E9),
		SCENE(test_no_key_is_left_S11),
	};
	return RUN_SCENES(tests);
}
