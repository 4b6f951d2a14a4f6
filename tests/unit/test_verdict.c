/* What a probe's answer proves. Rows A30, A32, A33, R5. */
#include "protocols/acme/verdict.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <string.h>

#define RIGHT "token.thumbprint"

static struct verdict judge(struct op *op, const char *body, bool is_cut)
{
	struct probe_reply reply = { .outcome = PROBE_ANSWERED, .status = 200, .detail = "", .body = bytes_of_text(body),
				     .is_body_cut = is_cut };
	return verdict_http01(op, "a.t.test", RIGHT, &reply);
}

static void test_bodies(void **state)
{
	static const struct {
		const char *body;
		bool is_cut, has_passed;
	} rows[] = {
		{ RIGHT, false, true },		{ RIGHT "\n", false, true },	 { RIGHT " \t\r\n\r\n ", false, true },
		{ RIGHT "\n", true, false },	{ " " RIGHT, false, false },	 { "\n" RIGHT, false, false },
		{ RIGHT "x", false, false },	{ RIGHT "\v", false, false },	 { "token.thumbprin", false, false },
		{ "token .thumbprint", false, false }, { "TOKEN.THUMBPRINT", false, false }, { "", false, false },
		{ " ", false, false },		{ RIGHT "\n" RIGHT, false, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct verdict verdict = judge(*state, rows[i].body, rows[i].is_cut);
		if (verdict.has_passed != rows[i].has_passed)
			fail_msg("body %zu was not judged as expected", i);
		assert_false(verdict.may_retry);
		if (!verdict.has_passed)
			assert_int_equal(verdict.problem, ACME_INCORRECT_RESPONSE);
	}
}

/* R5, A33 */
static void test_tells_no_body(void **state)
{
	struct verdict verdict = judge(*state, "AWS_SECRET=hunter2", false);
	assert_null(strstr(verdict.detail, "hunter2"));
	assert_null(strstr(verdict.detail, "AWS"));
}

static void test_outcomes(void **state)
{
	static const struct {
		enum probe_outcome outcome;
		const char *type;
		bool may_retry;
	} rows[] = {
		{ PROBE_DNS, "urn:ietf:params:acme:error:dns", true },
		{ PROBE_CONNECTION, "urn:ietf:params:acme:error:connection", true },
		{ PROBE_RESPONSE, "urn:ietf:params:acme:error:unauthorized", false },
		{ PROBE_DENIED, "urn:ietf:params:acme:error:connection", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct probe_reply reply = { .outcome = rows[i].outcome, .detail = "no such host", .body = BYTES_LITERAL(RIGHT) };
		struct verdict verdict = verdict_http01(*state, "a.t.test", RIGHT, &reply);
		assert_false(verdict.has_passed); /* whatever the body is */
		assert_string_equal(acme_problem_type(verdict.problem), rows[i].type);
		assert_int_equal(verdict.may_retry, rows[i].may_retry);
		assert_string_equal(verdict.detail, "a.t.test: no such host");
	}
}

static void test_waits_grow(void **state)
{
	(void)state;
	for (unsigned attempts = 1; attempts < 20; attempts++)
		assert_true(verdict_wait_s(attempts) >= verdict_wait_s(attempts - 1));
	assert_true(verdict_wait_s(0) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_bodies), TEST(test_tells_no_body), TEST(test_outcomes),
					    TEST(test_waits_grow) };
	return RUN_TESTS(tests);
}
