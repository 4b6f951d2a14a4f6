/*
 * Responders from the inside: the delegated key of each CA with its
 * certificate, as an immutable snapshot that a renewal replaces, and the memory
 * of answers that they signed.
 */
#pragma once

#include <stdatomic.h>

#include "ca/ocsp_cache.h"

struct responder {
	atomic_uint references;
	const char *ca;
	EVP_PKEY *key;              /* in memory; NULL: token_key signs */
	struct token_key token_key;
	enum key_type key_type;
	uint8_t key_hash[SHA1_SIZE]; /* of the key BIT STRING: responder ID byKey (O7) */
	struct bytes certificate;    /* DER */
	int64_t not_before_s, not_after_s, renew_s;
};

/* The responder of a CA now; NULL: there is none yet, it ended, or the clock stands before its certificate (O16). */
struct responder *responder_pin(struct ocsp_signers *signers, const struct ca *ca, int64_t now_s);
void responder_unpin(struct responder **responder);
#define RESPONDER_PIN(name) __attribute__((cleanup(responder_unpin))) struct responder *name = NULL

/* Signature over ResponseData in the form that BasicOCSPResponse wants, in op's arena. */
result responder_sign(struct op *op, struct authority *authority, const struct responder *responder,
		      struct bytes response_data, struct bytes *signature);

struct ocsp_cache *ocsp_signers_cache(struct ocsp_signers *signers);
