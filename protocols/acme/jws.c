/* RFC 7515 and RFC 8555 section 6.2: JWS, the part that ACME allows. */
#include "protocols/acme/jws.h"

#include <openssl/err.h>
#include <string.h>

#include "base/openssl_auto.h"
#include "base/text.h"
#include "protocols/acme/problem.h"

static const struct {
	const char *name;
	const char *key;   /* EVP name */
	int curve_bits;    /* EC only */
	size_t half;       /* ECDSA: bytes of R and of S (RFC 7518 section 3.4) */
	const char *digest;
} algorithms[] = {
	[JWS_ES256] = { "ES256", "EC", 256, 32, "SHA256" },
	[JWS_ES384] = { "ES384", "EC", 384, 48, "SHA384" },
	[JWS_RS256] = { "RS256", "RSA", 0, 0, "SHA256" },
	[JWS_EDDSA] = { "EdDSA", "ED25519", 0, 0, NULL },
};

static result malformed(struct op *op, const char *why)
{
	return FAIL_CODE(op, ERR_MALFORMED, ACME_MALFORMED, "%s", why);
}

/* RFC 8555 section 6.2; RFC 7515 sections 7.2.1 and 7.2.2 (A3, J6). */
static result check_outer(struct op *op, const json_t *outer)
{
	if (json_object_get(outer, "header") != NULL)
		return malformed(op, "the JWS must not have an unprotected header");
	if (json_object_get(outer, "signatures") != NULL)
		return malformed(op, "the JWS must be in flattened form, with one signature");
	return OK;
}

static result need_base64url(struct op *op, const json_t *outer, const char *name, const char **text, struct bytes *out)
{
	TRY(json_need_text(op, outer, name, text));
	if (bytes_from_base64url(op, bytes_of_text(*text), out).err != ERR_NONE)
		return FAIL_CODE(op, ERR_MALFORMED, ACME_MALFORMED,
				 "\"%s\" of the JWS is not base64url without padding", name);
	return OK;
}

static result parse_algorithm(struct op *op, const json_t *header, enum jws_algorithm *out)
{
	const char *name;

	TRY(json_maybe_text(op, header, "alg", &name));
	for (size_t i = 0; name != NULL && i < sizeof algorithms / sizeof algorithms[0]; i++) {
		if (text_equal(name, algorithms[i].name)) {
			*out = (enum jws_algorithm)i;
			return OK;
		}
	}
	return FAIL_CODE(op, ERR_MALFORMED, ACME_BAD_SIGNATURE_ALGORITHM,
			 "the JWS must be signed with ES256, ES384, RS256 or EdDSA");
}

/* Section 6.5.1: what is not of this alphabet is malformed, and no badNonce. */
static result parse_nonce(struct op *op, const json_t *header, const char **out)
{
	TRY(json_maybe_text(op, header, "nonce", out));
	if (*out == NULL)
		return OK;
	size_t n = strlen(*out);
	if (n == 0 || strspn(*out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != n)
		return malformed(op, "the nonce is not base64url");
	return OK;
}

static result parse_header(struct op *op, struct bytes text, struct jws *out)
{
	TRY(json_parse_object(op, text, "the protected header", &out->header));
	/* We understand no extension, so any list of critical ones names one that we do not (W1). */
	if (json_object_get(out->header, "crit") != NULL)
		return malformed(op, "the JWS must not have critical extensions (\"crit\")");
	if (json_object_get(out->header, "b64") != NULL)
		return malformed(op, "the payload must be base64url; \"b64\" is not supported");
	TRY(parse_algorithm(op, out->header, &out->algorithm));
	TRY(parse_nonce(op, out->header, &out->nonce));
	TRY(json_need_text(op, out->header, "url", &out->url));
	TRY(json_maybe_text(op, out->header, "kid", &out->kid));
	TRY(json_maybe_object(op, out->header, "jwk", &out->jwk));
	if ((out->kid == NULL) == (out->jwk == NULL))
		return malformed(op, "the protected header must have exactly one of \"jwk\" and \"kid\"");
	return OK;
}

result jws_parse(struct op *op, struct bytes body, struct jws *out)
{
	AUTO(json_t) *outer = NULL;
	const char *protected_text, *payload_text, *signature_text;
	struct bytes header;

	TRY(json_parse_object(op, body, "the request body", &outer));
	TRY(check_outer(op, outer));
	TRY(need_base64url(op, outer, "protected", &protected_text, &header));
	TRY(need_base64url(op, outer, "payload", &payload_text, &out->payload));
	TRY(need_base64url(op, outer, "signature", &signature_text, &out->signature));
	out->signing_input = bytes_of_text(arena_printf(op->arena, "%s.%s", protected_text, payload_text));
	return parse_header(op, header, out);
}

void jws_clear(struct jws *jws)
{
	json_decref(jws->header);
	*jws = (struct jws){ 0 };
}

/* RFC 7518 section 3.4: R || S of fixed length; OpenSSL wants DER. */
static result ecdsa_to_der(struct op *op, struct bytes raw, size_t half, struct bytes *der)
{
	if (raw.n != 2 * half)
		return malformed(op, "the ECDSA signature does not have the length that its algorithm demands");
	AUTO(BIGNUM) *r = BN_bin2bn(raw.p, (int)half, NULL);
	AUTO(BIGNUM) *s = BN_bin2bn(raw.p + half, (int)half, NULL);
	AUTO(ECDSA_SIG) *signature = ECDSA_SIG_new();
	ASSERT(r != NULL && s != NULL && signature != NULL);
	ASSERT(ECDSA_SIG_set0(signature, TAKE(r), TAKE(s)) == 1);
	uint8_t *p = arena_alloc(op->arena, 2 * half + 16);
	der->p = p;
	int n = i2d_ECDSA_SIG(signature, &p);
	ASSERT(n > 0 && (size_t)n <= 2 * half + 16);
	der->n = (size_t)n;
	return OK;
}

result jws_verify(struct op *op, const struct jws *jws, EVP_PKEY *key)
{
	const __typeof__(algorithms[0]) *algorithm = &algorithms[jws->algorithm];
	struct bytes signature = jws->signature;

	/* The algorithm decides, and the key must be of its type; never the other way round (W14). */
	if (!EVP_PKEY_is_a(key, algorithm->key) ||
	    (algorithm->curve_bits != 0 && EVP_PKEY_get_bits(key) != algorithm->curve_bits))
		return FAIL_CODE(op, ERR_MALFORMED, ACME_BAD_SIGNATURE_ALGORITHM,
				 "the key is not of the type that %s signs with", algorithm->name);
	if (algorithm->half != 0)
		TRY(ecdsa_to_der(op, signature, algorithm->half, &signature));

	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	ASSERT(context != NULL);
	ASSERT(EVP_DigestVerifyInit_ex(context, NULL, algorithm->digest, NULL, NULL, key, NULL) == 1);
	/* R and S outside [1, n-1], and S not below L for Ed25519, are refused in there (J2, W10). */
	int verdict = EVP_DigestVerify(context, signature.p, signature.n, jws->signing_input.p, jws->signing_input.n);
	ERR_clear_error();
	if (verdict != 1)
		return malformed(op, "the signature of the JWS does not verify");
	return OK;
}
