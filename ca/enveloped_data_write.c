/* EnvelopedData version 0: one recipient, named by issuer and serial number (RFC 5652 sections 6.1 and 6.2.1). */
#include "ca/enveloped_data.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/random.h"
#include "ca/cms.h"
#include "ca/content_cipher.h"
#include "ca/der.h"
#include "ca/public_key.h"

static result find_key(struct op *op, struct bytes certificate, EVP_PKEY **own_key)
{
	struct bytes spki;
	AUTO(EVP_PKEY) *key = NULL;
	if (!cms_spki(certificate, &spki))
		return FAIL(op, ERR_MALFORMED, "what should hold the recipient's key is not a certificate");
	TRY(public_key_decode(op, spki, &key));
	int bits = EVP_PKEY_get_bits(key);
	if (!EVP_PKEY_is_a(key, "RSA") || bits < LIMIT_RSA_MIN_BITS || bits > LIMIT_RSA_MAX_BITS)
		return FAIL(op, ERR_POLICY, "a message can only be encrypted to an RSA key of %d to %d bits", LIMIT_RSA_MIN_BITS,
			    LIMIT_RSA_MAX_BITS);
	*own_key = TAKE(key);
	return OK;
}

/* RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.1). */
static bool wrap_key(struct op *op, EVP_PKEY *recipient, struct bytes key, struct bytes *out)
{
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new(recipient, NULL);
	size_t n = (size_t)EVP_PKEY_get_size(recipient);
	uint8_t *p = arena_alloc(op->arena, n);
	bool is_wrapped = context != NULL && EVP_PKEY_encrypt_init(context) == 1 &&
			  EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
			  EVP_PKEY_encrypt(context, p, &n, key.p, key.n) == 1;
	*out = (struct bytes){ p, n };
	return is_wrapped;
}

/* Padded as section 6.3 says. */
static bool encrypt(struct op *op, enum content_cipher cipher, const uint8_t *key, const uint8_t *iv, struct bytes content,
		    struct bytes *out)
{
	AUTO(EVP_CIPHER_CTX) *context = EVP_CIPHER_CTX_new();
	uint8_t *p = arena_alloc(op->arena, content.n + EVP_MAX_BLOCK_LENGTH), wide[CONTENT_KEY_MAX];
	int n = 0, last = 0;
	content_cipher_widen(cipher, key, wide);
	ASSERT(content.n <= INT32_MAX - EVP_MAX_BLOCK_LENGTH);
	bool is_encrypted = context != NULL && EVP_EncryptInit_ex(context, content_cipher_evp(cipher), NULL, wide, iv) == 1 &&
			    EVP_EncryptUpdate(context, p, &n, content.p, (int)content.n) == 1 &&
			    EVP_EncryptFinal_ex(context, p + n, &last) == 1;
	OPENSSL_cleanse(wide, sizeof wide);
	*out = (struct bytes){ p, (size_t)n + (size_t)last };
	return is_encrypted;
}

static void put_recipient(struct buf *out, struct bytes certificate, struct bytes encrypted_key)
{
	size_t set = der_open(out, DER_SET), info = der_open(out, DER_SEQUENCE);
	der_put_number(out, DER_INTEGER, 0);
	ASSERT(cms_put_name(out, certificate)); /* whose key was found */
	size_t algorithm = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, cms_rsa_oid);
	der_put(out, DER_NULL, BYTES_NONE);
	der_close(out, algorithm);
	der_put(out, DER_OCTET_STRING, encrypted_key);
	der_close(out, info);
	der_close(out, set);
}

static void put_content(struct buf *out, enum content_cipher cipher, struct bytes iv, struct bytes encrypted)
{
	size_t info = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, cms_data_oid);
	size_t algorithm = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, content_cipher_oid(cipher));
	der_put(out, DER_OCTET_STRING, iv);
	der_close(out, algorithm);
	der_put(out, DER_CONTEXT(0), encrypted);
	der_close(out, info);
}

result enveloped_data_write(struct op *op, struct bytes content, struct bytes recipient_certificate,
			    enum content_cipher cipher, struct bytes *out)
{
	uint8_t key[CONTENT_KEY_MAX], iv[EVP_MAX_IV_LENGTH];
	size_t n_key = content_cipher_key_size(cipher), n_iv = content_cipher_block(cipher);
	struct bytes encrypted_key, encrypted;
	struct buf body;
	AUTO(EVP_PKEY) *recipient = NULL;
	TRY(find_key(op, recipient_certificate, &recipient));
	random_bytes(key, n_key);
	random_bytes(iv, n_iv);
	bool is_sealed = wrap_key(op, recipient, (struct bytes){ key, n_key }, &encrypted_key) &&
			 encrypt(op, cipher, key, iv, content, &encrypted);
	OPENSSL_cleanse(key, sizeof key);
	if (!is_sealed) {
		ERR_clear_error();
		return FAIL(op, ERR_BUG, "a message could not be encrypted with %s", content_cipher_name(cipher));
	}
	buf_init(&body, op->arena, encrypted.n + 1024);
	der_put_number(&body, DER_INTEGER, 0);
	put_recipient(&body, recipient_certificate, encrypted_key);
	put_content(&body, cipher, (struct bytes){ iv, n_iv }, encrypted);
	*out = cms_wrap(op->arena, cms_enveloped_data_oid, buf_as_bytes(&body));
	return OK;
}
