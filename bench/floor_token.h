/*
 * For programs that measure cryptography and nothing else: a SoftHSM token of their own,
 * with keys made as `chancery init` makes them, used by raw PKCS #11 calls from one
 * session of this process. What goes wrong ends the program: nobody depends on it.
 */
#pragma once

#include <openssl/evp.h>

#include "token/module.h"
#include "token/token.h"

#define FLOOR_SIGNATURE_MAX 512

/* The bytes that are signed: about as many as the signing input of a JWS, or a TBSCertificate. */
extern const uint8_t floor_message[400];

struct floor_key {
	enum key_type type; /* set before floor_token_open() */
	CK_OBJECT_HANDLE private;
	EVP_PKEY *public;
};

struct floor_token {
	char dir[32];
	struct module module;
	CK_SESSION_HANDLE session;
};

/* RSA keys decrypt besides. */
void floor_token_open(struct floor_token *token, struct floor_key *keys, unsigned n);
void floor_token_close(struct floor_token *token, struct floor_key *keys, unsigned n);

/* Hashes floor_message and signs; the signature in the form that X.509 wants. */
size_t floor_sign(const struct floor_token *token, const struct floor_key *key, uint8_t signature[FLOOR_SIGNATURE_MAX]);
/* RSAES-PKCS1-v1_5: the octets inside. */
size_t floor_decrypt(const struct floor_token *token, const struct floor_key *key, struct bytes encrypted,
		     uint8_t out[FLOOR_SIGNATURE_MAX]);
void floor_verify(EVP_PKEY *key, struct bytes signature);

double floor_cpu_ms(void); /* of this process */
/* The middle one of an odd number of figures, which are put in order. */
double floor_median(double *figures, unsigned n);
