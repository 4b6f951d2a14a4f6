/*
 * The only callers of token_sign. A token that is broken, attacked or confused
 * about its keys is found out here (F11): what it returns is verified with the
 * public key before it becomes part of anything.
 */
#include "ca/sign.h"

#include "base/log.h"
#include "base/openssl_auto.h"
#include "ca/der.h"
#include "ca/public_key.h"

/* The hash that goes with a key, as tbs_signature_algorithm says; Ed25519 has its own inside. */
static const EVP_MD *digest_of(enum key_type type)
{
	switch (type) {
	case KEY_P384:
		return EVP_sha384();
	case KEY_ED25519:
		return NULL;
	default:
		return EVP_sha256();
	}
}

static bool is_signature_right(EVP_PKEY *public_key, enum key_type type, struct bytes message, struct bytes signature)
{
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	if (context == NULL || EVP_DigestVerifyInit(context, NULL, digest_of(type), NULL, public_key) != 1)
		return false;
	return EVP_DigestVerify(context, signature.p, signature.n, message.p, message.n) == 1;
}

static result sign(struct op *op, struct token *token, const struct token_key *key, struct bytes message,
		   struct bytes *signature)
{
	AUTO(EVP_PKEY) *public_key = NULL;
	TRY(public_key_decode(op, key->spki, &public_key)); /* first: a signature that cannot be verified is not asked for */
	TRY(token_sign(op, token, key, message, signature));
	if (is_signature_right(public_key, key->type, message, *signature))
		return OK;
	log_error(op, "signature.wrong", "the token returned a wrong signature for key %s", key->label);
	return FAIL(op, ERR_BACKEND,
		    "the token returned a wrong signature for key %s: it was thrown away; have the token checked, "
		    "and do not use this key until then",
		    key->label);
}

/*
 * One key may sign several kinds of objects, and bytes of one kind that are
 * signed as another are a forgery. Each kind begins differently inside its
 * SEQUENCE: TBSCertificate with [0], TBSCertList with version 1, ResponseData
 * with [1] or [2], CertificationRequestInfo with version 0; a checkpoint is text,
 * and the attributes of a message are a SET.
 */
static result expect(struct op *op, struct bytes message, struct bytes start, const char *what)
{
	struct bytes fields;
	bool is_whole = der_take(&message, DER_SEQUENCE, &fields) && message.n == 0;
	bool begins_right = is_whole && fields.n >= start.n && bytes_equal((struct bytes){ fields.p, start.n }, start);
	if (!begins_right)
		return FAIL(op, ERR_BUG, "what was to be signed as %s is something else", what);
	return OK;
}

/* SIGNED{}: certificates, CRLs and requests have the same three fields. */
static result sign_and_assemble(struct op *op, struct token *token, const struct token_key *key, struct bytes tbs,
				struct bytes *der)
{
	struct bytes signature;
	TRY(sign(op, token, key, tbs, &signature));
	*der = tbs_assemble(op, tbs, key->type, signature);
	return OK;
}

result sign_certificate(struct op *op, struct token *token, const struct token_key *issuer_key, struct linted_tbs *linted,
			struct bytes *der)
{
	if (!linted_tbs_is_for(linted, issuer_key))
		return FAIL(op, ERR_BUG, "a certificate was linted for another key than %s", issuer_key->label);
	TRY(linted_tbs_consume(op, linted));
	TRY(expect(op, linted_tbs_bytes(linted), BYTES_LITERAL("\xa0"), "a certificate"));
	return sign_and_assemble(op, token, issuer_key, linted_tbs_bytes(linted), der);
}

result sign_crl(struct op *op, struct token *token, const struct ca *issuer, struct bytes tbs, struct bytes *der)
{
	TRY(expect(op, tbs, BYTES_LITERAL("\x02\x01\x01"), "a CRL"));
	return sign_and_assemble(op, token, &issuer->key, tbs, der);
}

result sign_ocsp(struct op *op, struct token *token, const struct token_key *key, struct bytes response_data,
		 struct bytes *signature)
{
	struct bytes fields = response_data;
	bool is_by_name = der_take(&fields, DER_SEQUENCE, &fields) && der_is_next(fields, DER_CONTEXT_CONSTRUCTED(1));
	TRY(expect(op, response_data, is_by_name ? BYTES_LITERAL("\xa1") : BYTES_LITERAL("\xa2"), "an OCSP response"));
	return sign(op, token, key, response_data, signature);
}

result sign_checkpoint(struct op *op, struct token *token, const struct token_key *key, struct bytes text,
		       struct bytes *signature)
{
	if (text.n == 0 || text.p[0] == DER_SEQUENCE || text.p[text.n - 1] != '\n')
		return FAIL(op, ERR_BUG, "what was to be signed as a checkpoint is something else");
	return sign(op, token, key, text, signature);
}

result sign_request(struct op *op, struct token *token, const struct token_key *key, struct bytes request_info,
		    struct bytes *der)
{
	TRY(expect(op, request_info, BYTES_LITERAL("\x02\x01\x00"), "a request"));
	return sign_and_assemble(op, token, key, request_info, der);
}

static result expect_attributes(struct op *op, struct bytes message, const char *what)
{
	struct bytes attributes;
	if (!der_take(&message, DER_SET, &attributes) || message.n > 0 || !der_is_next(attributes, DER_SEQUENCE))
		return FAIL(op, ERR_BUG, "what was to be signed as %s is something else", what);
	return OK;
}

result sign_cert_rep(struct op *op, struct token *token, const struct token_key *ra_key, struct bytes signed_attributes,
		     struct bytes *signature)
{
	TRY(expect_attributes(op, signed_attributes, "a SCEP answer"));
	return sign(op, token, ra_key, signed_attributes, signature);
}

result sign_next_ca(struct op *op, struct token *token, const struct ca *current, struct bytes signed_attributes,
		    struct bytes *signature)
{
	TRY(expect_attributes(op, signed_attributes, "the next CA"));
	return sign(op, token, &current->key, signed_attributes, signature);
}
