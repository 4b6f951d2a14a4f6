/*
 * OCSP (RFC 6960, 9654, 5019 as updated by 9919): requests to answers, rows
 * O1-O17. Answers without a nonce are kept signed in memory and the loops send
 * them as they are; a revocation replaces them before it is acknowledged.
 *
 * Responders are delegated keys certified by the CA they answer for, in the
 * token or made in memory at start by configuration.
 */
#pragma once

#include "base/clock.h"
#include "base/limits.h"
#include "ca/authority.h"
#include "store/certificates.h"

enum ocsp_status { /* OCSPResponseStatus */
	OCSP_SUCCESSFUL = 0, OCSP_MALFORMED_REQUEST = 1, OCSP_INTERNAL_ERROR = 2, OCSP_TRY_LATER = 3, OCSP_SIG_REQUIRED = 5,
	OCSP_UNAUTHORIZED = 6
};

struct ocsp_cert_id {
	bool is_sha256;             /* else SHA-1 */
	const struct ca *ca;        /* that both hashes match; NULL: unknown issuer */
	struct bytes der;           /* CertID exactly as asked */
	struct bytes serial;        /* INTEGER content */
};

struct ocsp_request {
	struct ocsp_cert_id ids[LIMIT_OCSP_CERTIDS];
	unsigned n_ids;
	bool has_nonce;
	struct bytes nonce;
};

/* Pure: bytes to struct; *status says which unsigned error to answer when not OCSP_SUCCESSFUL (O2, O8, O9, O10, O17). */
enum ocsp_status ocsp_request_parse(struct op *op, const struct hierarchy *hierarchy, struct bytes der,
				    struct ocsp_request *out);
/* The unsigned error answer: static bytes. */
struct bytes ocsp_error(enum ocsp_status status);

/* An immutable signed answer, counted by references. */
struct ocsp_answer {
	struct bytes der;
	int64_t this_update_s, next_update_s; /* producedAt is thisUpdate: signed when asked */
	int64_t fresh_until_s; /* may be kept until then, before nextUpdate (O12); 0: not at all (nonce, unknown serial) */
	char etag[2 * SHA256_SIZE + 3]; /* quoted SHA-256 hex */
	char last_modified[HTTP_DATE_SIZE], expires[HTTP_DATE_SIZE]; /* this_update_s, next_update_s */
};
void ocsp_answer_unpin(void *answer);

struct ocsp_signers;
/* Finds or makes the responder of every active CA; renews before they end. */
result ocsp_signers_open(struct op *op, struct authority *authority, struct ocsp_signers **out);
result ocsp_signers_renew(struct op *op, struct authority *authority); /* steward: those past half their life */
void ocsp_signers_free(struct ocsp_signers **signers);

/* From memory or NULL; never blocks on the store or the token. Only for a single CertID without a nonce. Loop thread. */
struct ocsp_answer *ocsp_cached(struct authority *authority, const struct ocsp_request *request);
/* Looks up, signs, keeps (without nonce). Lane thread. *out is pinned. */
result ocsp_answer(struct op *op, struct authority *authority, const struct ocsp_request *request,
		   struct ocsp_answer **out);
/* Drops what is kept for a serial (hex). */
void ocsp_forget(struct authority *authority, const char *serial);
void ocsp_forget_all(struct authority *authority);
