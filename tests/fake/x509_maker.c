/* See x509_maker.h. */
#include "tests/fake/x509_maker.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/openssl_auto.h"
#include "ca/der.h"

EVP_PKEY *maker_key(enum key_type type)
{
	EVP_PKEY *key = type == KEY_P256	 ? EVP_EC_gen("P-256") :
			type == KEY_P384	 ? EVP_EC_gen("P-384") :
			type == KEY_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") :
						   EVP_RSA_gen(2048);
	ASSERT(key != NULL);
	return key;
}

static struct bytes take_der(struct op *op, uint8_t *der, int n)
{
	ASSERT(n > 0);
	struct bytes copy = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return copy;
}

struct bytes maker_spki(struct op *op, EVP_PKEY *key)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	return take_der(op, der, n);
}

static void put_parts(struct buf *buf, va_list parts)
{
	for (struct bytes part = va_arg(parts, struct bytes); part.p != NULL; part = va_arg(parts, struct bytes))
		buf_bytes(buf, part);
}

struct bytes maker_der(struct op *op, int tag, ...)
{
	struct buf buf;
	va_list parts;
	buf_init(&buf, op->arena, 256);
	size_t mark = der_open(&buf, (uint8_t)tag);
	va_start(parts, tag);
	put_parts(&buf, parts);
	va_end(parts);
	der_close(&buf, mark);
	return buf_as_bytes(&buf);
}

struct bytes maker_join(struct op *op, ...)
{
	struct buf buf;
	va_list parts;
	buf_init(&buf, op->arena, 256);
	va_start(parts, op);
	put_parts(&buf, parts);
	va_end(parts);
	return buf_as_bytes(&buf);
}

struct bytes maker_text(struct op *op, uint8_t tag, const char *text)
{
	return MAKER_DER(op, tag, bytes_of_text(text));
}

struct bytes maker_spki_of(struct op *op, struct bytes algorithm, struct bytes key)
{
	struct bytes bits = MAKER_DER(op, DER_BIT_STRING, BYTES_LITERAL("\0"), key);
	return MAKER_DER(op, DER_SEQUENCE, algorithm, bits);
}

static struct bytes integer(struct op *op, const BIGNUM *number)
{
	struct buf buf;
	uint8_t octets[1024];
	int n = BN_bn2bin(number, octets);
	ASSERT(n >= 0 && n < (int)sizeof octets);
	buf_init(&buf, op->arena, 600);
	size_t mark = der_open(&buf, DER_INTEGER);
	if (n == 0 || octets[0] >= 0x80)
		buf_byte(&buf, 0);
	buf_put(&buf, octets, (size_t)n);
	der_close(&buf, mark);
	return buf_as_bytes(&buf);
}

struct bytes maker_rsa_spki(struct op *op, const BIGNUM *n, const BIGNUM *e)
{
	struct bytes key = MAKER_DER(op, DER_SEQUENCE, integer(op, n), integer(op, e));
	return maker_spki_of(op, BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"), key);
}

struct bytes maker_common_name(struct op *op, uint8_t tag, struct bytes value)
{
	struct bytes type = BYTES_LITERAL("\x06\x03\x55\x04\x03");
	struct bytes attribute = MAKER_DER(op, DER_SEQUENCE, type, MAKER_DER(op, tag, value));
	return MAKER_DER(op, DER_SET, attribute);
}

struct bytes maker_extension(struct op *op, struct bytes oid, bool is_critical, struct bytes value)
{
	struct bytes critical = is_critical ? BYTES_LITERAL("\x01\x01\xff") : BYTES_LITERAL("");
	return MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, oid), critical, MAKER_DER(op, DER_OCTET_STRING, value));
}

struct bytes maker_san(struct op *op, struct bytes general_names)
{
	struct bytes list = MAKER_DER(op, DER_SEQUENCE, general_names);
	return maker_extension(op, BYTES_LITERAL("\x55\x1d\x11"), false, list);
}

struct bytes maker_extension_request(struct op *op, struct bytes extensions)
{
	struct bytes type = BYTES_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e");
	struct bytes list = MAKER_DER(op, DER_SEQUENCE, extensions);
	return MAKER_DER(op, DER_SEQUENCE, type, MAKER_DER(op, DER_SET, list));
}

struct bytes maker_sign(struct op *op, EVP_PKEY *key, const char *digest, struct bytes message)
{
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	uint8_t signature[1024];
	size_t n = sizeof signature;
	const EVP_MD *md = digest[0] == '\0' ? NULL : EVP_get_digestbyname(digest);
	ASSERT(context != NULL && EVP_DigestSignInit(context, NULL, md, NULL, key) == 1);
	ASSERT(EVP_DigestSign(context, signature, &n, message.p, message.n) == 1);
	return arena_bytes(op->arena, (struct bytes){ signature, n });
}

/* AlgorithmIdentifier as OpenSSL writes it for that key and digest. */
static struct bytes signature_algorithm(struct op *op, EVP_PKEY *key, const char *digest)
{
	int nid = NID_undef;
	int digest_nid = digest[0] == '\0' ? NID_undef : OBJ_sn2nid(digest);
	bool is_ed25519 = EVP_PKEY_is_a(key, "ED25519");
	ASSERT(is_ed25519 || OBJ_find_sigid_by_algs(&nid, digest_nid, EVP_PKEY_get_base_id(key)) == 1);
	X509_ALGOR *algorithm = X509_ALGOR_new();
	bool is_rsa = EVP_PKEY_is_a(key, "RSA");
	X509_ALGOR_set0(algorithm, OBJ_nid2obj(is_ed25519 ? NID_ED25519 : nid), is_rsa ? V_ASN1_NULL : V_ASN1_UNDEF, NULL);
	uint8_t *der = NULL;
	int n = i2d_X509_ALGOR(algorithm, &der);
	X509_ALGOR_free(algorithm);
	return take_der(op, der, n);
}

struct bytes maker_request(struct op *op, const struct maker_request *request)
{
	const char *digest = request->digest != NULL ? request->digest : "SHA256";
	struct bytes nothing = BYTES_LITERAL("");
	struct bytes version = request->version.n > 0 ? request->version : BYTES_LITERAL("\x02\x01\x00");
	struct bytes subject = MAKER_DER(op, DER_SEQUENCE, request->subject.n > 0 ? request->subject : nothing);
	struct bytes spki = request->spki.n > 0 ? request->spki : maker_spki(op, request->key);
	struct bytes attributes = MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), request->attributes.n > 0 ? request->attributes : nothing);
	struct bytes info = MAKER_DER(op, DER_SEQUENCE, version, subject, spki, request->no_attributes ? nothing : attributes);
	struct bytes signature = maker_sign(op, request->key, digest, info);
	return MAKER_DER(op, DER_SEQUENCE, info, signature_algorithm(op, request->key, digest),
			 MAKER_DER(op, DER_BIT_STRING, BYTES_LITERAL("\0"), signature));
}

/* A CA and the private key behind it. */
struct made_ca {
	struct ca ca;
	EVP_PKEY *key;
};

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	AUTO(X509_EXTENSION) *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ASSERT(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
}

static X509 *make_certificate(struct op *op, EVP_PKEY *key, enum key_type type, int64_t not_before_s, int64_t not_after_s,
			      int path_length)
{
	X509 *certificate = X509_new();
	ASSERT(certificate != NULL);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711);
	ASSERT(ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)not_before_s) != NULL);
	ASSERT(ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)not_after_s) != NULL);
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"Maker CA", -1, -1, 0);
	X509_set_issuer_name(certificate, name);
	X509_set_pubkey(certificate, key);
	add_extension(certificate, NID_basic_constraints,
		      path_length < 0 ? "critical,CA:TRUE" :
					arena_printf(op->arena, "critical,CA:TRUE,pathlen:%d", path_length));
	add_extension(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
	add_extension(certificate, NID_subject_key_identifier, "hash");
	ASSERT(X509_sign(certificate, key, type == KEY_P384 ? EVP_sha384() : EVP_sha256()) > 0);
	return certificate;
}

struct ca *maker_ca(struct op *op, enum key_type type, int64_t not_before_s, int64_t not_after_s, int path_length)
{
	struct made_ca *made = arena_alloc(op->arena, sizeof *made);
	struct ca *ca = &made->ca;
	made->key = maker_key(type);
	ca->name = "maker";
	ca->certificate = make_certificate(op, made->key, type, not_before_s, not_after_s, path_length);
	ca->public_key = X509_get_pubkey(ca->certificate);
	ca->key = (struct token_key){ .label = "maker", .type = type, .spki = maker_spki(op, made->key) };
	uint8_t *der = NULL;
	int n = i2d_X509(ca->certificate, &der);
	ca->der = take_der(op, der, n);
	const unsigned char *name;
	size_t name_n;
	ASSERT(X509_NAME_get0_der(X509_get_subject_name(ca->certificate), &name, &name_n) == 1);
	ca->subject = arena_bytes(op->arena, (struct bytes){ name, name_n });
	const ASN1_OCTET_STRING *identifier = X509_get0_subject_key_id(ca->certificate);
	ca->key_identifier = arena_bytes(op->arena, (struct bytes){ ASN1_STRING_get0_data(identifier),
								    (size_t)ASN1_STRING_length(identifier) });
	ca->not_before_s = not_before_s;
	ca->not_after_s = not_after_s;
	return ca;
}

void maker_ca_free(struct ca *ca)
{
	struct made_ca *made = (struct made_ca *)ca; /* its first member */
	X509_free(ca->certificate);
	EVP_PKEY_free(ca->public_key);
	EVP_PKEY_free(made->key);
}

EVP_PKEY *maker_ca_key(const struct ca *ca)
{
	return ((const struct made_ca *)ca)->key;
}
