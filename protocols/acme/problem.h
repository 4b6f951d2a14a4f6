/*
 * ACME errors (RFC 8555 section 6.7): the one table from our failures to
 * problem types and HTTP statuses, and the documents themselves (RFC 7807).
 *
 * A function that knows the type says it: FAIL_CODE(op, ERR_POLICY,
 * ACME_BAD_CSR, "…"). Without a code the kind of failure decides. Failures of
 * our own (store, token, bugs) never show their detail to a client.
 */
#pragma once

#include "base/op.h"

enum acme_problem {
	ACME_NONE, /* no code of its own: the kind decides */
	ACME_ACCOUNT_DOES_NOT_EXIST,
	ACME_ALREADY_REVOKED,
	ACME_BAD_CSR,
	ACME_BAD_NONCE,
	ACME_BAD_PUBLIC_KEY,
	ACME_BAD_REVOCATION_REASON,
	ACME_BAD_SIGNATURE_ALGORITHM,
	ACME_COMPOUND,
	ACME_CONNECTION,
	ACME_DNS,
	ACME_INCORRECT_RESPONSE,
	ACME_INVALID_CONTACT,
	ACME_MALFORMED,
	ACME_ORDER_NOT_READY,
	ACME_RATE_LIMITED,
	ACME_REJECTED_IDENTIFIER,
	ACME_SERVER_INTERNAL,
	ACME_UNAUTHORIZED, /* 401: who is asking is not proven, or may nothing any more */
	ACME_UNSUPPORTED_CONTACT,
	ACME_UNSUPPORTED_IDENTIFIER,
	ACME_USER_ACTION_REQUIRED,
	/* The same types under other HTTP statuses. */
	ACME_FORBIDDEN,      /* unauthorized, 403: proven, but not theirs */
	ACME_NOT_FOUND,      /* malformed, 404 */
	ACME_METHOD,         /* malformed, 405 */
	ACME_NOT_ACCEPTABLE, /* malformed, 406 */
	ACME_CONFLICT,       /* malformed, 409 */
	ACME_TOO_LARGE,      /* malformed, 413 */
	ACME_MEDIA_TYPE,     /* malformed, 415 */
	ACME_BUSY,           /* serverInternal, 503 */
	ACME_PROBLEM_COUNT
};

const char *acme_problem_type(enum acme_problem problem); /* "urn:ietf:params:acme:error:…" */
int acme_problem_status(enum acme_problem problem);
/* What the failure in `op` is to a client. */
enum acme_problem acme_problem_of(const struct op *op);

/* One failed name of several (section 6.7.1). */
struct acme_subproblem {
	enum acme_problem problem;
	const char *detail;
	const char *identifier_type, *identifier_value; /* as the client sent them */
};

/* The document, in op's arena. `detail` and the identifiers are made printable and kept short (V40). */
struct bytes acme_problem_json(struct op *op, enum acme_problem problem, int status, const char *detail,
			       const struct acme_subproblem *subproblems, unsigned n);
