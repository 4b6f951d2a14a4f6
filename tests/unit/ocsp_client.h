/* An OCSP client made of OpenSSL, for tests: builds requests, and judges answers as a relying party would. */
#pragma once

#include "tests/fake/fake_authority.h"

struct ocsp_question {
	const struct ca *ca;
	const char *serial; /* hex */
	bool is_sha256;
};

/* DER. `nonce_n` octets of nonce, 0: none. */
struct bytes ocsp_client_request(struct op *op, const struct ocsp_question *questions, unsigned n, unsigned nonce_n);

struct ocsp_verdict {
	int status; /* V_OCSP_CERTSTATUS_… */
	int reason; /* -1: none given */
	int64_t revoked_s, produced_s, this_update_s, next_update_s;
};

/*
 * The answer as a whole: parses, is successful, has the nonce that was asked
 * for and no other, its signature leads to the root through a delegated
 * responder. Then what it says of one question. NULL, or what was wrong.
 */
const char *ocsp_client_judge(const struct fake_authority *fake, struct bytes request, struct bytes answer,
			      const struct ocsp_question *question, struct ocsp_verdict *out);
