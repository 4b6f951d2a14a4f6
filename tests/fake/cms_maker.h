/*
 * Messages of CMS piece by piece, each of which can be one that no honest client
 * makes. What is left empty is as clients of SCEP write it (RFC 8894 section 3).
 */
#pragma once

#include "tests/fake/x509_maker.h"

/* A certificate of this key by itself (DER), as clients make one before they have another; names differ by `name`. */
struct bytes maker_self_signed(struct op *op, EVP_PKEY *key, const char *name);
/* Attribute, `values` one after the other. */
struct bytes maker_attribute(struct op *op, struct bytes oid, struct bytes values);
/* contentType and messageDigest of this content, in their order: what signed attributes begin with. */
struct bytes maker_two_attributes(struct op *op, struct bytes content, const char *digest);

/* Whole values but for `content`, `attributes` and `digest`. */
struct maker_signed {
	EVP_PKEY *key;
	struct bytes certificate; /* of the signer */
	const char *digest;       /* "SHA256" when NULL */
	struct bytes content;     /* octets */
	struct bytes version, digest_algorithms, encapsulated, certificates, signers;
	struct bytes signer_version, signer_name, digest_algorithm, signature_algorithm, signature, unsigned_attributes;
	struct bytes attributes; /* one after the other; signed as a SET of them */
	bool no_attributes;
};
struct bytes maker_signer(struct op *op, const struct maker_signed *message); /* SignerInfo */
struct bytes maker_signed(struct op *op, const struct maker_signed *message); /* ContentInfo */
#define MAKER_SIGNED(op, ...) maker_signed((op), &(struct maker_signed){ __VA_ARGS__ })

/* Whole values. */
struct maker_enveloped {
	struct bytes certificate; /* of the recipient */
	struct bytes version, originator, recipients, type, cipher, encrypted, unprotected_attributes;
	struct bytes recipient_version, recipient_name, key_algorithm, encrypted_key;
};
struct bytes maker_recipient(struct op *op, const struct maker_enveloped *message); /* KeyTransRecipientInfo */
struct bytes maker_enveloped(struct op *op, const struct maker_enveloped *message); /* ContentInfo */
#define MAKER_ENVELOPED(op, ...) maker_enveloped((op), &(struct maker_enveloped){ __VA_ARGS__ })
/* AlgorithmIdentifier of AES-128-CBC with an initialization vector of n octets. */
struct bytes maker_aes128(struct op *op, size_t n);

/* SEQUENCEs in one another, around a NULL; the same value n times, one after the other. */
struct bytes maker_nested(struct op *op, unsigned levels);
struct bytes maker_repeated(struct op *op, struct bytes one, unsigned n);
