/*
 * The only callers of the token's signature. Every signature is verified with
 * the public key before anybody sees it (F11); a wrong one is ERR_BACKEND and
 * alarms. One function per kind of object, so that none can pass for another.
 */
#pragma once

#include "ca/authority.h"
#include "ca/lint.h"

/* DER certificate, in op's arena. Consumes `linted`. `issuer_key`: the CA's, or the root's own for TBS_ROOT. */
result sign_certificate(struct op *op, struct token *token, const struct token_key *issuer_key, struct linted_tbs *linted,
			struct bytes *der);
/* DER CertificateList over a TBSCertList made by crl.c. */
result sign_crl(struct op *op, struct token *token, const struct ca *issuer, struct bytes tbs, struct bytes *der);
/* Signature over ResponseData, by a responder key in the token. */
result sign_ocsp(struct op *op, struct token *token, const struct token_key *key, struct bytes response_data,
		 struct bytes *signature);
/* Signature over the text of a checkpoint. */
result sign_checkpoint(struct op *op, struct token *token, const struct token_key *key, struct bytes text,
		       struct bytes *signature);
/* CertificationRequest of a CA that waits for an outside root. */
result sign_request(struct op *op, struct token *token, const struct token_key *key, struct bytes request_info,
		    struct bytes *der);
/*
 * Signature of a SCEP answer by its RA's key: over the DER of SET OF Attribute, in the form that is signed (RFC 5652
 * section 5.4). RSA with SHA-256, PKCS #1 v1.5.
 */
result sign_cert_rep(struct op *op, struct token *token, const struct token_key *ra_key, struct bytes signed_attributes,
		     struct bytes *signature);
/*
 * Signature of the certificates of the next CA by the CA of now (RFC 8894 section 4.7.1), over attributes likewise, with
 * the hash that goes with its key. Whose they are is the operator's alone to say; nobody else's octets get here.
 */
result sign_next_ca(struct op *op, struct token *token, const struct ca *current, struct bytes signed_attributes,
		    struct bytes *signature);
