/* RFC 8555 section 6.7: failures as problem documents. */
#include "protocols/acme/problem.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define URN "urn:ietf:params:acme:error:"

static const struct {
	const char *type;
	int status;
} problems[ACME_PROBLEM_COUNT] = {
	[ACME_NONE] = { URN "serverInternal", 500 },
	[ACME_ACCOUNT_DOES_NOT_EXIST] = { URN "accountDoesNotExist", 400 },
	[ACME_ALREADY_REVOKED] = { URN "alreadyRevoked", 400 },
	[ACME_BAD_CSR] = { URN "badCSR", 400 },
	[ACME_BAD_NONCE] = { URN "badNonce", 400 },
	[ACME_BAD_PUBLIC_KEY] = { URN "badPublicKey", 400 },
	[ACME_BAD_REVOCATION_REASON] = { URN "badRevocationReason", 400 },
	[ACME_BAD_SIGNATURE_ALGORITHM] = { URN "badSignatureAlgorithm", 400 },
	[ACME_COMPOUND] = { URN "compound", 400 },
	[ACME_CONNECTION] = { URN "connection", 400 },
	[ACME_DNS] = { URN "dns", 400 },
	[ACME_INCORRECT_RESPONSE] = { URN "incorrectResponse", 403 },
	[ACME_INVALID_CONTACT] = { URN "invalidContact", 400 },
	[ACME_MALFORMED] = { URN "malformed", 400 },
	[ACME_ORDER_NOT_READY] = { URN "orderNotReady", 403 },
	[ACME_RATE_LIMITED] = { URN "rateLimited", 429 },
	[ACME_REJECTED_IDENTIFIER] = { URN "rejectedIdentifier", 400 },
	[ACME_SERVER_INTERNAL] = { URN "serverInternal", 500 },
	[ACME_UNAUTHORIZED] = { URN "unauthorized", 401 },
	[ACME_UNSUPPORTED_CONTACT] = { URN "unsupportedContact", 400 },
	[ACME_UNSUPPORTED_IDENTIFIER] = { URN "unsupportedIdentifier", 400 },
	[ACME_USER_ACTION_REQUIRED] = { URN "userActionRequired", 403 },
	[ACME_FORBIDDEN] = { URN "unauthorized", 403 },
	[ACME_NOT_FOUND] = { URN "malformed", 404 },
	[ACME_METHOD] = { URN "malformed", 405 },
	[ACME_NOT_ACCEPTABLE] = { URN "malformed", 406 },
	[ACME_CONFLICT] = { URN "malformed", 409 },
	[ACME_TOO_LARGE] = { URN "malformed", 413 },
	[ACME_MEDIA_TYPE] = { URN "malformed", 415 },
	[ACME_BUSY] = { URN "serverInternal", 503 },
};

/* For failures that came without a code. */
static const enum acme_problem problem_of_err[] = {
	[ERR_NONE] = ACME_SERVER_INTERNAL,
	[ERR_MALFORMED] = ACME_MALFORMED,
	[ERR_UNAUTHENTIC] = ACME_UNAUTHORIZED,
	[ERR_DENIED] = ACME_FORBIDDEN,
	[ERR_POLICY] = ACME_REJECTED_IDENTIFIER,
	[ERR_NOT_FOUND] = ACME_NOT_FOUND,
	[ERR_CONFLICT] = ACME_CONFLICT,
	[ERR_LIMIT] = ACME_RATE_LIMITED,
	[ERR_BUSY] = ACME_BUSY,
	[ERR_BACKEND] = ACME_SERVER_INTERNAL,
	[ERR_BUG] = ACME_SERVER_INTERNAL,
};

const char *acme_problem_type(enum acme_problem problem)
{
	ASSERT(problem < ACME_PROBLEM_COUNT);
	return problems[problem].type;
}

int acme_problem_status(enum acme_problem problem)
{
	ASSERT(problem < ACME_PROBLEM_COUNT);
	return problems[problem].status;
}

enum acme_problem acme_problem_of(const struct op *op)
{
	if (op->code > ACME_NONE && op->code < ACME_PROBLEM_COUNT)
		return (enum acme_problem)op->code;
	return problem_of_err[op->err];
}

/* V40: what goes into a client's log or shell is printable and short. */
static const char *printable(struct op *op, const char *text)
{
	char *copy = arena_text_n(op->arena, text, strnlen(text, OP_DETAIL_SIZE));
	text_make_printable(copy);
	return copy;
}

static void write_subproblem(struct op *op, struct json_writer *w, const struct acme_subproblem *subproblem)
{
	json_write_object(w, NULL);
	json_write_text(w, "type", acme_problem_type(subproblem->problem));
	json_write_text(w, "detail", printable(op, subproblem->detail));
	json_write_object(w, "identifier");
	json_write_text(w, "type", printable(op, subproblem->identifier_type));
	json_write_text(w, "value", printable(op, subproblem->identifier_value));
	json_write_object_end(w);
	json_write_object_end(w);
}

/* Section 6.2: a refused algorithm MUST come with the list of those that are supported. */
static void write_algorithms(struct json_writer *w)
{
	static const char *const algorithms[] = { "ES256", "ES384", "RS256", "EdDSA" };

	json_write_array(w, "algorithms");
	for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
		json_write_text(w, NULL, algorithms[i]);
	json_write_array_end(w);
}

struct bytes acme_problem_json(struct op *op, enum acme_problem problem, int status, const char *detail,
			       const struct acme_subproblem *subproblems, unsigned n)
{
	struct json_writer w;

	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "type", acme_problem_type(problem));
	json_write_text(&w, "detail", printable(op, detail));
	json_write_integer(&w, "status", status);
	if (problem == ACME_BAD_SIGNATURE_ALGORITHM)
		write_algorithms(&w);
	if (n > 0) {
		json_write_array(&w, "subproblems");
		for (unsigned i = 0; i < n; i++)
			write_subproblem(op, &w, &subproblems[i]);
		json_write_array_end(&w);
	}
	json_write_object_end(&w);
	return json_write_done(&w);
}
