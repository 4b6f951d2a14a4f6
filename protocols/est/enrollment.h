/*
 * Requests as rows (store/enrollments.h), from a CSR that may be asked for to a
 * certificate: a repeated request finds the same row on any node, and so the same
 * answer (E8, E14); an operator's approval is waited for where the label says so;
 * two that come at the same moment are one.
 */
#pragma once

#include "protocols/est/request.h"

/* A CSR that passed all checks of its sender. */
struct est_wish {
	const struct csr *csr;
	struct bytes der;              /* the CSR, for the operator to look at */
	uint8_t key[SHA256_SIZE];      /* by which a repeat is found */
	bool is_answered_once;         /* a finished request is not answered again: its key is gone */
};

/*
 * The row of this request: the one that is there, or a new one, for which the
 * one-time token is spent in the same transaction. ERR_DENIED: an operator has
 * rejected it, or the token was used; ERR_POLICY: the profile does not give it;
 * ERR_LIMIT: too many of the label, or of this requester, wait.
 */
result est_enrollment_open(struct op *op, const struct est_request *request, const struct est_wish *wish,
			   struct enrollment *out);
/*
 * For a row that is ready: the certificate for this public key, in *out; for one
 * that is issued, its certificate. Empty where the client has to wait: *wait_s.
 */
result est_enrollment_finish(struct op *op, const struct est_request *request, const struct est_wish *wish,
			     const struct enrollment *row, struct bytes spki, struct bytes *out, int64_t *wait_s);
