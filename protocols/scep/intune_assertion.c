/*
 * The certificate of the app registration in place of a client secret: a JWT that
 * its key signs (RFC 7523), RS256 with the thumbprint as x5t, as the Microsoft
 * identity platform wants it. The key is a file of the operator's and no CA's;
 * it is read for each assertion, about once an hour.
 */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/openssl_auto.h"
#include "protocols/scep/intune_link.h"

#define ASSERTION_S 600

static result read_certificate(struct op *op, const char *path, X509 **own_out)
{
	struct bytes pem;
	TRY(files_read(op, path, LIMIT_CERTIFICATE_BYTES, &pem));
	AUTO(BIO) *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	ASSERT(bio != NULL);
	*own_out = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	return *own_out != NULL ? OK : FAIL(op, ERR_MALFORMED, "%s holds no certificate in PEM", path);
}

static int no_password(char *buffer, int size, int is_writing, void *arg)
{
	(void)buffer, (void)size, (void)is_writing, (void)arg;
	return -1;
}

static result read_key(struct op *op, const char *path, EVP_PKEY **own_out)
{
	struct secret *pem = NULL;
	TRY(secret_read_key_file(op, path, &pem));
	AUTO(BIO) *bio = BIO_new_mem_buf(secret_bytes(pem).p, (int)secret_bytes(pem).n);
	ASSERT(bio != NULL);
	*own_out = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	secret_free(&pem);
	if (*own_out == NULL)
		return FAIL(op, ERR_MALFORMED, "%s holds no private key in PEM, or one with a password", path);
	return OK;
}

static result read_pair(struct op *op, const struct config_intune *settings, X509 **own_certificate, EVP_PKEY **own_key)
{
	TRY(read_certificate(op, settings->certificate_file, own_certificate));
	TRY(read_key(op, settings->key_file, own_key));
	if (!EVP_PKEY_is_a(*own_key, "RSA") || EVP_PKEY_get_bits(*own_key) < LIMIT_RSA_MIN_BITS)
		return FAIL(op, ERR_MALFORMED, "%s is not an RSA key of at least %d bits", settings->key_file, LIMIT_RSA_MIN_BITS);
	if (X509_check_private_key(*own_certificate, *own_key) != 1)
		return FAIL(op, ERR_MALFORMED, "%s is not the key of %s", settings->key_file, settings->certificate_file);
	return OK;
}

result intune_credential_check(struct op *op, const struct config_intune *settings)
{
	AUTO(X509) *certificate = NULL;
	AUTO(EVP_PKEY) *key = NULL;
	struct secret *secret = NULL;
	if (settings->key_file != NULL)
		return read_pair(op, settings, &certificate, &key);
	TRY(secret_read_file(op, settings->secret_file, &secret));
	secret_free(&secret);
	return OK;
}

static const char *header_part(struct op *op, const X509 *certificate)
{
	struct json_writer w;
	uint8_t thumbprint[SHA1_SIZE];
	unsigned n = sizeof thumbprint;
	ASSERT(X509_digest(certificate, EVP_sha1(), thumbprint, &n) == 1);
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "alg", "RS256");
	json_write_text(&w, "typ", "JWT");
	json_write_text(&w, "x5t", bytes_to_base64url(op->arena, (struct bytes)BYTES_ARRAY(thumbprint)));
	json_write_object_end(&w);
	return bytes_to_base64url(op->arena, json_write_done(&w));
}

static const char *claims_part(struct op *op, const struct config_intune *settings, const char *audience)
{
	struct json_writer w;
	int64_t now_s = clock_now_s();
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "aud", audience);
	json_write_integer(&w, "exp", now_s + ASSERTION_S);
	json_write_text(&w, "iss", settings->client_id);
	json_write_text(&w, "jti", intune_uuid(op));
	json_write_integer(&w, "nbf", now_s - 60);
	json_write_text(&w, "sub", settings->client_id);
	json_write_object_end(&w);
	return bytes_to_base64url(op->arena, json_write_done(&w));
}

static result sign(struct op *op, EVP_PKEY *key, const char *text, struct bytes *out)
{
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	struct bytes input = bytes_of_text(text);
	size_t n = (size_t)EVP_PKEY_get_size(key);
	uint8_t *signature = arena_alloc(op->arena, n);
	ASSERT(context != NULL);
	if (EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) != 1 ||
	    EVP_DigestSign(context, signature, &n, input.p, input.n) != 1)
		return FAIL(op, ERR_BACKEND, "the key of the app registration does not sign");
	*out = (struct bytes){ signature, n };
	return OK;
}

result intune_assertion_make(struct op *op, const struct config_intune *settings, const char *audience, const char **out)
{
	AUTO(X509) *certificate = NULL;
	AUTO(EVP_PKEY) *key = NULL;
	struct bytes signature;
	TRY(read_pair(op, settings, &certificate, &key));
	const char *input = arena_printf(op->arena, "%s.%s", header_part(op, certificate), claims_part(op, settings, audience));
	TRY(sign(op, key, input, &signature));
	*out = arena_printf(op->arena, "%s.%s", input, bytes_to_base64url(op->arena, signature));
	return OK;
}
