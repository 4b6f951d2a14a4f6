/*
 * From what the courier saw to what it means for the challenge (RFC 8555
 * sections 6.7, 8.2 and 8.3). Pure.
 */
#pragma once

#include "courier/courier.h"
#include "protocols/acme/problem.h"

struct verdict {
	bool has_passed;
	bool may_retry; /* the network, not the answer, was at fault */
	enum acme_problem problem;
	const char *detail; /* never bytes of the body (R5, A33) */
};

/* `key_authorization`: token.thumbprint, as section 8.1 makes it. */
struct verdict verdict_http01(struct op *op, const char *identifier, const char *key_authorization,
			      const struct probe_reply *reply);
/* Seconds until the next try after `attempts` of them. */
int64_t verdict_wait_s(unsigned attempts);
