/*
 * The RAs of the SCEP endpoints: for each endpoint an RSA key in the token, to which clients encrypt and which signs
 * the answers, with a certificate of the endpoint's CA, which GetCACert hands out (RFC 8894 section 4.2). A CA's own
 * key does neither (S5).
 *
 * A certificate lives for a year and is renewed at two thirds of it with the same key. When it was revoked, or the
 * configuration names another type of key, there is a new key. All nodes have the same: a generation is made by one of
 * them, and the others read it from the store. Any thread.
 */
#pragma once

#include <stdatomic.h>

#include "ca/authority.h"

#define SCEP_RA_EARLIER 4

struct scep_ras;

/* As it stands now, for as long as it is pinned. */
struct scep_ra {
	const char *endpoint;
	struct token_key key;      /* for sign_cert_rep() */
	struct bytes certificate;  /* DER: the current one */
	/* Further ones with the same key that are valid still, the newest first: who has kept one encrypts to it. */
	struct bytes earlier[SCEP_RA_EARLIER];
	unsigned n_earlier;
	const struct ca *ca;       /* that certified it: the endpoint's */
	int64_t not_before_s, not_after_s;

	atomic_uint references; /* scep_ras.c's own, as what follows */
	int64_t generation;
	struct arena *arena;
};

/* `authority` is borrowed; it may be gone when the RAs are freed. */
struct scep_ras *scep_ras_new(struct authority *authority);
void scep_ras_free(struct scep_ras **ras);

/*
 * For the steward, and for `chancery init`: reads what other nodes made, and makes the keys and certificates that are
 * missing, revoked or past two thirds of their life, for each endpoint of the configuration of now. An endpoint that
 * fails is logged ("scep.ra") and does not keep others from theirs; the first failure is returned. A renewal that
 * cannot be had leaves the old certificate in use. One thread at a time.
 */
result scep_ras_refresh(struct op *op, struct scep_ras *ras);

/* ERR_BUSY: there is none now (none yet, it was revoked, it ended). Revocations are seen by scep_ras_refresh(). */
result scep_ra_pin(struct op *op, struct scep_ras *ras, const char *endpoint, struct scep_ra **out);
void scep_ra_unpin(struct scep_ra **ra);
#define SCEP_RA_PIN(name) __attribute__((cleanup(scep_ra_unpin))) struct scep_ra *name = NULL

/*
 * A content-encryption key of `n` octets that was encrypted to the RA; or, from whatever else, as many random ones: what
 * token_unwrap() promises, whose only caller this is (S5).
 */
result scep_ra_unwrap(struct op *op, struct authority *authority, const struct scep_ra *ra, struct bytes encrypted,
		      uint8_t *out, size_t n);

/* For doctor: each endpoint's key, as far as there is one, is in `token`, signs and decrypts. */
result scep_ras_check_keys(struct op *op, struct authority *authority, struct token *token);
