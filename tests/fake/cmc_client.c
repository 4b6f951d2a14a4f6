/* CMC by OpenSSL: see cmc_client.h. */
#include "tests/fake/cmc_client.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "ca/der.h"
#include "tests/fake/x509_maker.h"

AUTO_DEFINE(CMS_ContentInfo, CMS_ContentInfo_free);
AUTO_DEFINE(X509_STORE, X509_STORE_free);

static struct bytes number(struct op *op, unsigned value)
{
	struct buf out;
	buf_init(&out, op->arena, 16);
	der_put_number(&out, DER_INTEGER, value);
	return buf_as_bytes(&out);
}

struct bytes cmc_control(struct op *op, unsigned body_part, uint8_t arc, struct bytes value)
{
	uint8_t oid[] = { 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x07, arc };
	return MAKER_DER(op, DER_SEQUENCE, number(op, body_part), arena_bytes(op->arena, (struct bytes)BYTES_ARRAY(oid)),
			 MAKER_DER(op, DER_SET, value));
}

struct bytes cmc_tagged_request(struct op *op, unsigned body_part, struct bytes csr)
{
	return MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), number(op, body_part), csr);
}

/* An empty list of parts ends with the first one that has no bytes: hence a place to point to. */
static struct bytes sequence(struct op *op, struct bytes content)
{
	static const uint8_t nowhere[1];
	return MAKER_DER(op, DER_SEQUENCE, content.n > 0 ? content : (struct bytes){ nowhere, 0 });
}

struct bytes cmc_pki_data(struct op *op, struct bytes controls, struct bytes requests, struct bytes messages, struct bytes others)
{
	return MAKER_DER(op, DER_SEQUENCE, sequence(op, controls), sequence(op, requests), sequence(op, messages),
			 sequence(op, others));
}

static X509 *self_signed(EVP_PKEY *key)
{
	X509V3_CTX context;
	X509 *c = X509_new();
	ASSERT(X509_set_version(c, X509_VERSION_3) == 1 && X509_set_pubkey(c, key) == 1);
	ASSERT(ASN1_INTEGER_set(X509_get_serialNumber(c), 77) == 1);
	ASSERT(X509_gmtime_adj(X509_getm_notBefore(c), -60) != NULL && X509_gmtime_adj(X509_getm_notAfter(c), 3600) != NULL);
	ASSERT(X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8, (const uint8_t *)"nobody", -1, -1, 0) == 1);
	ASSERT(X509_set_issuer_name(c, X509_get_subject_name(c)) == 1);
	X509V3_set_ctx(&context, c, c, NULL, NULL, 0);
	AUTO(X509_EXTENSION) *ski = X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash");
	ASSERT(ski != NULL && X509_add_ext(c, ski, -1) == 1);
	ASSERT(X509_sign(c, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
	return c;
}

static X509 *parse(struct bytes der)
{
	const uint8_t *p = der.p;
	X509 *certificate = d2i_X509(NULL, &p, (long)der.n);
	ASSERT(certificate != NULL);
	return certificate;
}

static void add_signer(CMS_ContentInfo *cms, const struct cmc_signing *signing, EVP_PKEY *key, struct bytes certificate)
{
	AUTO(X509) *signer = certificate.n > 0 ? parse(certificate) : self_signed(key);
	bool is_bare = certificate.n == 0 && !signing->is_self_named;
	unsigned flags = signing->flags | CMS_NOSMIMECAP | (is_bare ? CMS_USE_KEYID | CMS_NOCERTS : 0);
	const EVP_MD *digest = EVP_get_digestbyname(signing->digest != NULL ? signing->digest : "SHA256");
	ASSERT(CMS_add1_signer(cms, signer, key, digest, flags) != NULL);
}

struct bytes cmc_sign(struct op *op, const struct cmc_signing *signing, struct bytes content)
{
	const unsigned flags = CMS_BINARY | CMS_PARTIAL | signing->flags | (signing->is_detached ? CMS_DETACHED : 0);
	AUTO(BIO) *data = BIO_new_mem_buf(content.p, (int)content.n);
	AUTO(BIO) *out = BIO_new(BIO_s_mem());
	AUTO(CMS_ContentInfo) *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	AUTO(ASN1_OBJECT) *type = OBJ_txt2obj(signing->type != NULL ? signing->type : "1.3.6.1.5.5.7.12.2", 1);
	unsigned char *der;
	ASSERT(cms != NULL && CMS_set1_eContentType(cms, type) == 1);
	add_signer(cms, signing, signing->key, signing->certificate);
	if (signing->second != NULL)
		add_signer(cms, signing, signing->second, BYTES_NONE);
	if ((signing->flags & CMS_STREAM) == 0)
		ASSERT(CMS_final(cms, data, NULL, flags) == 1);
	ASSERT(i2d_CMS_bio_stream(out, cms, data, (int)flags) == 1);
	long n = BIO_get_mem_data(out, &der);
	return arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
}

static bool read_status(struct bytes in, struct cmc_answer *out)
{
	struct bytes info, status, list, part, text, fail;
	uint64_t value;
	if (!der_take(&in, DER_SEQUENCE, &info) || !der_take(&info, DER_INTEGER, &status) || !der_take(&info, DER_SEQUENCE, &list) ||
	    !der_take(&list, DER_INTEGER, &part) || list.n != 0 || !der_read_number(status, &value))
		return false;
	out->status = (long)value;
	if (!der_read_number(part, &value))
		return false;
	out->body_part = (long)value;
	out->fail_info = -1;
	if (der_take(&info, DER_UTF8_STRING, &text))
		out->text = text;
	if (der_take(&info, DER_INTEGER, &fail) && der_read_number(fail, &value))
		out->fail_info = (long)value;
	return info.n == 0 && in.n == 0;
}

static bool read_control(struct bytes *list, uint64_t expected_part, struct cmc_answer *out)
{
	static const struct bytes prefix = BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x07");
	struct bytes control, part, oid, values;
	uint64_t number_read;
	if (!der_take(list, DER_SEQUENCE, &control) || !der_take(&control, DER_INTEGER, &part) ||
	    !der_read_number(part, &number_read) || number_read != expected_part || !der_take(&control, DER_OID, &oid) ||
	    !der_take(&control, DER_SET, &values) || control.n != 0 || oid.n != prefix.n + 1 ||
	    !bytes_equal((struct bytes){ oid.p, prefix.n }, prefix))
		return false;
	switch (oid.p[prefix.n]) {
	case 25:
		return read_status(values, out);
	case 5:
		out->transaction_id = values;
		return true;
	case 6:
		out->sender_nonce = values;
		return true;
	case 7:
		out->recipient_nonce = values;
		return true;
	case 4:
		out->data_return = values;
		return true;
	default:
		return false;
	}
}

static bool read_response(struct bytes der, struct cmc_answer *out)
{
	struct bytes fields, controls, messages, others;
	bool is_read = der_is_strict(der) && der_take(&der, DER_SEQUENCE, &fields) && der_take(&fields, DER_SEQUENCE, &controls) &&
		       der_take(&fields, DER_SEQUENCE, &messages) && der_take(&fields, DER_SEQUENCE, &others) && fields.n == 0 &&
		       messages.n == 0 && others.n == 0;
	for (uint64_t part = 1; is_read && controls.n > 0; part++)
		is_read = read_control(&controls, part, out);
	return is_read;
}

static X509_STORE *make_store(struct bytes root, int64_t now_s)
{
	X509_STORE *store = X509_STORE_new();
	AUTO(X509) *anchor = parse(root);
	ASSERT(X509_STORE_add_cert(store, anchor) == 1);
	X509_VERIFY_PARAM *rules = X509_STORE_get0_param(store);
	X509_VERIFY_PARAM_set_time(rules, now_s);
	X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_ANY);
	X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT);
	return store;
}

/* The only purpose of the only signer is id-kp-cmcCA. */
static bool is_fit(struct op *op, CMS_ContentInfo *cms, struct cmc_answer *out)
{
	STACK_OF(X509) *signers = CMS_get0_signers(cms);
	X509 *signer = sk_X509_num(signers) == 1 ? sk_X509_value(signers, 0) : NULL;
	EXTENDED_KEY_USAGE *usages = signer != NULL ? X509_get_ext_d2i(signer, NID_ext_key_usage, NULL, NULL) : NULL;
	bool is_fit = sk_ASN1_OBJECT_num(usages) == 1 && OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, 0)) == NID_cmcCA;
	unsigned char *der = NULL;
	int n = signer != NULL ? i2d_X509(signer, &der) : 0;
	if (n > 0)
		out->signer = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
	sk_X509_free(signers);
	return is_fit;
}

bool cmc_answer_read(struct op *op, struct bytes der, struct bytes root, int64_t now_s, struct cmc_answer *out)
{
	const uint8_t *p = der.p;
	AUTO(CMS_ContentInfo) *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	AUTO(X509_STORE) *store = make_store(root, now_s);
	AUTO(ASN1_OBJECT) *type = OBJ_txt2obj("1.3.6.1.5.5.7.12.3", 1);
	AUTO(BIO) *content = BIO_new(BIO_s_mem());
	unsigned char *text;
	*out = (struct cmc_answer){ .status = -1 };
	bool is_signed = cms != NULL && p == der.p + der.n && der_is_strict(der) &&
			 CMS_verify(cms, NULL, store, NULL, content, CMS_BINARY) == 1;
	if (!is_signed)
		ERR_print_errors_fp(stderr);
	if (!is_signed || OBJ_cmp(CMS_get0_eContentType(cms), type) != 0 || !is_fit(op, cms, out))
		return false;
	long n = BIO_get_mem_data(content, &text);
	return read_response(arena_bytes(op->arena, (struct bytes){ text, (size_t)n }), out);
}
