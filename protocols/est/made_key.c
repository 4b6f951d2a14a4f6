/* OpenSSL makes keys and envelopes; the signed message inside is of our own writer (ca/signed_data.h). */
#include "protocols/est/made_key.h"

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/openssl_auto.h"
#include "ca/der.h"

AUTO_DEFINE(CMS_ContentInfo, CMS_ContentInfo_free);

/* Content of id-ct-KP-aKeyPackage, 2.16.840.1.101.2.1.2.78.5 (RFC 5958 section 2). */
static const struct bytes oid_key_package = BYTES_LITERAL("\x60\x86\x48\x01\x65\x02\x01\x02\x4e\x05");

static EVP_PKEY *generate(enum key_type type)
{
	switch (type) {
	case KEY_P256:
		return EVP_EC_gen("P-256");
	case KEY_P384:
		return EVP_EC_gen("P-384");
	case KEY_RSA2048:
		return EVP_RSA_gen(2048);
	case KEY_RSA3072:
		return EVP_RSA_gen(3072);
	case KEY_RSA4096:
		return EVP_RSA_gen(4096);
	case KEY_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case KEY_OTHER:
		break;
	}
	return NULL;
}

result made_key_new(struct op *op, enum key_type type, EVP_PKEY **own_out)
{
	ASSERT(type < KEY_OTHER);
	*own_out = generate(type);
	if (*own_out == NULL) {
		ERR_clear_error();
		return FAIL(op, ERR_BUG, "no %s key could be made for a client", key_type_name(type));
	}
	return OK;
}

struct bytes made_key_spki(struct op *op, EVP_PKEY *key)
{
	int n = i2d_PUBKEY(key, NULL);
	ASSERT(n > 0);
	uint8_t *der = arena_alloc(op->arena, (size_t)n), *p = der;
	ASSERT(i2d_PUBKEY(key, &p) == n);
	return (struct bytes){ der, (size_t)n };
}

/* A number of the key in `n` octets; 0: as many as it has. In the arena. */
static struct bytes take_number(struct op *op, EVP_PKEY *key, const char *name, size_t n)
{
	BIGNUM *number = NULL;
	ASSERT(EVP_PKEY_get_bn_param(key, name, &number) == 1);
	size_t size = n > 0 ? n : (size_t)BN_num_bytes(number);
	uint8_t *octets = arena_alloc(op->arena, size);
	ASSERT(BN_bn2binpad(number, octets, (int)size) == (int)size);
	BN_clear_free(number);
	return (struct bytes){ octets, size };
}

/* RSAPrivateKey, RFC 8017 appendix A.1.2. */
static void put_rsa(struct op *op, struct buf *out, EVP_PKEY *key)
{
	static const char *const numbers[] = { OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
					       OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
					       OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
					       OSSL_PKEY_PARAM_RSA_COEFFICIENT1 };
	size_t fields = der_open(out, DER_SEQUENCE);
	der_put_number(out, DER_INTEGER, 0);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct bytes number = take_number(op, key, numbers[i], 0);
		size_t integer = der_open(out, DER_INTEGER);
		if (number.n == 0 || number.p[0] >= 0x80) /* it is not negative */
			buf_bytes(out, (struct bytes)BYTES_LITERAL("\0"));
		buf_bytes(out, number);
		der_close(out, integer);
	}
	der_close(out, fields);
}

/* ECPrivateKey, RFC 5915 section 3. The curve stands outside, in the algorithm. `point`: BIT STRING of the public key. */
static void put_ec(struct op *op, struct buf *out, EVP_PKEY *key, struct bytes point)
{
	size_t octets = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8, fields = der_open(out, DER_SEQUENCE);
	der_put_number(out, DER_INTEGER, 1);
	der_put(out, DER_OCTET_STRING, take_number(op, key, OSSL_PKEY_PARAM_PRIV_KEY, octets));
	der_put(out, DER_CONTEXT_CONSTRUCTED(1), point);
	der_close(out, fields);
}

/* CurvePrivateKey, RFC 8410 section 7. */
static void put_ed25519(struct op *op, struct buf *out, EVP_PKEY *key)
{
	size_t n = 32;
	uint8_t *octets = arena_alloc(op->arena, n);
	ASSERT(EVP_PKEY_get_raw_private_key(key, octets, &n) == 1 && n == 32);
	der_put(out, DER_OCTET_STRING, (struct bytes){ octets, n });
}

/*
 * By hand, since OpenSSL would write it through buffers that nobody wipes.
 * PrivateKeyInfo ::= SEQUENCE { 0, AlgorithmIdentifier as in `spki`, OCTET STRING }
 */
struct bytes made_key_pkcs8(struct op *op, EVP_PKEY *key)
{
	struct bytes spki = made_key_spki(op, key), fields;
	struct der_value algorithm, point;
	bool is_spki = der_take(&spki, DER_SEQUENCE, &fields) && der_next(&fields, &algorithm) && der_next(&fields, &point);
	ASSERT(is_spki);
	struct buf out;
	buf_init(&out, op->arena, 4096); /* more than the largest: what a buffer grows out of is in the arena, too */
	size_t info = der_open(&out, DER_SEQUENCE);
	der_put_number(&out, DER_INTEGER, 0);
	buf_bytes(&out, algorithm.whole);
	size_t octets = der_open(&out, DER_OCTET_STRING);
	if (EVP_PKEY_is_a(key, "RSA"))
		put_rsa(op, &out, key);
	else if (EVP_PKEY_is_a(key, "EC"))
		put_ec(op, &out, key, point.whole);
	else
		put_ed25519(op, &out, key);
	der_close(&out, octets);
	der_close(&out, info);
	return buf_as_bytes(&out);
}

/* AsymmetricKeyPackage ::= SEQUENCE OF OneAsymmetricKey, of which a PrivateKeyInfo is the first version. */
static result sign_package(struct op *op, struct bytes pkcs8, const struct made_key_seal *seal, struct bytes *out)
{
	const struct bytes certificates[] = { seal->signer->certificate, seal->issuer };
	struct buf package;
	struct bytes message, fields, oid;
	buf_init(&package, op->arena, pkcs8.n + 8);
	der_put(&package, DER_SEQUENCE, pkcs8);
	TRY(signed_data_write(op, oid_key_package, buf_as_bytes(&package), certificates, 2, seal->signer, &message));
	/* Inside of another message it goes without its ContentInfo (RFC 5652 section 6.1). */
	bool is_message = der_take(&message, DER_SEQUENCE, &fields) && der_take(&fields, DER_OID, &oid) &&
			  der_take(&fields, DER_CONTEXT_CONSTRUCTED(0), out);
	ASSERT(is_message);
	return OK;
}

/* RFC 3560 section 3; RFC 5753 section 7.1.4: dhSinglePass-stdDH-sha256kdf-scheme, which OpenSSL would do with SHA-1. */
static bool choose_transport(CMS_RecipientInfo *recipient, const char *oaep_digest)
{
	EVP_PKEY_CTX *context = CMS_RecipientInfo_get0_pkey_ctx(recipient);
	if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_AGREE)
		return EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) > 0;
	if (oaep_digest == NULL)
		return true;
	const EVP_MD *digest = EVP_get_digestbyname(oaep_digest);
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(context, digest) > 0 && EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) > 0;
}

/* Written straight into the cipher: CMS_final() would pass it through buffers that nobody wipes. */
static bool encrypt(CMS_ContentInfo *message, struct bytes content)
{
	AUTO(BIO) *cipher = CMS_dataInit(message, NULL);
	return cipher != NULL && BIO_write(cipher, content.p, (int)content.n) == (int)content.n && BIO_flush(cipher) == 1 &&
	       CMS_dataFinal(message, cipher) == 1;
}

static bool envelop(struct op *op, struct bytes content, const struct made_key_seal *seal, struct bytes *out)
{
	AUTO(CMS_ContentInfo) *message = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_PARTIAL | CMS_BINARY);
	CMS_RecipientInfo *info = message != NULL ? CMS_add1_recipient_cert(message, seal->recipient, CMS_KEY_PARAM) : NULL;
	if (info == NULL || !choose_transport(info, seal->oaep_digest) ||
	    CMS_set1_eContentType(message, OBJ_nid2obj(NID_pkcs7_signed)) != 1 || !encrypt(message, content))
		return false;
	int n = i2d_CMS_ContentInfo(message, NULL);
	if (n <= 0)
		return false;
	uint8_t *der = arena_alloc(op->arena, (size_t)n), *p = der;
	ASSERT(i2d_CMS_ContentInfo(message, &p) == n);
	*out = (struct bytes){ der, (size_t)n };
	return true;
}

result made_key_seal(struct op *op, struct bytes pkcs8, const struct made_key_seal *seal, struct bytes *out)
{
	struct bytes message;
	TRY(sign_package(op, pkcs8, seal, &message));
	bool is_sealed = envelop(op, message, seal, out);
	ERR_clear_error();
	return is_sealed ? OK : FAIL(op, ERR_BUG, "a key that was made could not be encrypted to the client's");
}
