/*
 * Makes X.509 things for tests, good ones and such that no honest library makes:
 * keys from given numbers, requests field by field, a small house of CAs.
 * Failures inside are assertions: a test that cannot be set up has failed.
 */
#pragma once

#include "ca/hierarchy.h"

EVP_PKEY *maker_key(enum key_type type); /* P-256 and P-384 made new, RSA-2048 and Ed25519 too; owned by the caller */
struct bytes maker_spki(struct op *op, EVP_PKEY *key);
/* SubjectPublicKeyInfo of an RSA key with these numbers, whatever they are. */
struct bytes maker_rsa_spki(struct op *op, const BIGNUM *n, const BIGNUM *e);
/* SubjectPublicKeyInfo from a DER AlgorithmIdentifier and the key's octets. */
struct bytes maker_spki_of(struct op *op, struct bytes algorithm, struct bytes key);

/* DER by concatenation: tag, length, parts; the list ends with a part whose p is NULL. */
struct bytes maker_der(struct op *op, int tag, ...);
#define MAKER_DER(op, tag, ...) maker_der((op), (tag), __VA_ARGS__, BYTES_NONE)
/* Parts one after the other, without a tag. */
struct bytes maker_join(struct op *op, ...);
#define MAKER_JOIN(op, ...) maker_join((op), __VA_ARGS__, BYTES_NONE)
struct bytes maker_text(struct op *op, uint8_t tag, const char *text);

/* One RDN with a common name in a string type of this tag. */
struct bytes maker_common_name(struct op *op, uint8_t tag, struct bytes value);
/* Extension, `value` being the content of extnValue. */
struct bytes maker_extension(struct op *op, struct bytes oid, bool is_critical, struct bytes value);

/* A request; what is NULL or empty is as an honest client makes it. */
struct maker_request {
	EVP_PKEY *key;            /* signs, and its public key is in the request */
	const char *digest;       /* "SHA256" when NULL; "" for Ed25519 */
	struct bytes version;     /* whole INTEGER; 0 when empty */
	struct bytes subject;     /* RDNs one after the other */
	struct bytes spki;        /* another one than the key's */
	struct bytes attributes;  /* Attributes one after the other */
	bool no_attributes;       /* leaves [0] out */
};
struct bytes maker_request(struct op *op, const struct maker_request *request);
/* extensionRequest attribute (PKCS #9) around Extensions one after the other. */
struct bytes maker_extension_request(struct op *op, struct bytes extensions);
/* subjectAltName Extension around GeneralNames one after the other. */
struct bytes maker_san(struct op *op, struct bytes general_names);

/* Signature over `message` with `digest`; "" for Ed25519. */
struct bytes maker_sign(struct op *op, EVP_PKEY *key, const char *digest, struct bytes message);

/* A CA with a certificate made by OpenSSL, not by our builder. Name "CN=Maker CA", path length as given, -1 none. */
struct ca *maker_ca(struct op *op, enum key_type type, int64_t not_before_s, int64_t not_after_s, int path_length);
void maker_ca_free(struct ca *ca);
/* Its private key, borrowed. */
EVP_PKEY *maker_ca_key(const struct ca *ca);
