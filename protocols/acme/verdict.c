/* RFC 8555 section 8.3: does this answer prove control of the name? */
#include "protocols/acme/verdict.h"

/* Section 8.3: white space at the end of the body is to be ignored, and nowhere else (A32). */
static struct bytes without_end_blanks(struct bytes body)
{
	while (body.n > 0) {
		uint8_t last = body.p[body.n - 1];
		if (last != ' ' && last != '\t' && last != '\r' && last != '\n')
			break;
		body.n--;
	}
	return body;
}

static struct verdict judge_body(struct op *op, const char *identifier, const char *key_authorization,
				 const struct probe_reply *reply)
{
	struct bytes expected = bytes_of_text(key_authorization);

	if (!reply->is_body_cut && bytes_equal_secret(without_end_blanks(reply->body), expected))
		return (struct verdict){ .has_passed = true };
	return (struct verdict){
		.problem = ACME_INCORRECT_RESPONSE,
		.detail = arena_printf(op->arena,
				       "%s answered, but not with the key authorization: %zu bytes%s came, %zu were expected",
				       identifier, reply->body.n, reply->is_body_cut ? " and more" : "", expected.n),
	};
}

struct verdict verdict_http01(struct op *op, const char *identifier, const char *key_authorization,
			      const struct probe_reply *reply)
{
	static const struct {
		enum acme_problem problem;
		bool may_retry;
	} by_outcome[] = {
		[PROBE_DNS] = { ACME_DNS, true },
		[PROBE_CONNECTION] = { ACME_CONNECTION, true },
		[PROBE_RESPONSE] = { ACME_FORBIDDEN, false },
		[PROBE_DENIED] = { ACME_CONNECTION, false },
	};

	if (reply->outcome == PROBE_ANSWERED)
		return judge_body(op, identifier, key_authorization, reply);
	ASSERT((size_t)reply->outcome < sizeof by_outcome / sizeof by_outcome[0]);
	return (struct verdict){
		.problem = by_outcome[reply->outcome].problem,
		.may_retry = by_outcome[reply->outcome].may_retry,
		.detail = arena_printf(op->arena, "%s: %s", identifier, reply->detail),
	};
}

int64_t verdict_wait_s(unsigned attempts)
{
	static const int64_t waits_s[] = { 2, 2, 5, 10, 30 };
	size_t n = sizeof waits_s / sizeof waits_s[0];
	return waits_s[attempts < n ? attempts : n - 1];
}
