/* Times as text, both ways, and a wall clock that tests can fix. */
#include "check.h"
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define NOVEMBER_21 INT64_C(1795253400) /* 2026-11-21T09:30:00Z, a Saturday */
#define LAST_SECOND INT64_C(253402300799)

static void test_fixed_and_free_clock(void **state)
{
	(void)state;
	clock_fix(NOVEMBER_21);
	assert_int_equal(clock_now_s(), NOVEMBER_21);
	assert_int_equal(clock_now_ns(), NOVEMBER_21 * 1000000000);
	clock_fix(0);
	assert_int_equal(clock_now_s(), 0);
	clock_fix(-1);
	assert_true(clock_now_s() > 1700000000);
	int64_t first = clock_monotonic_ms();
	assert_true(clock_monotonic_ms() >= first);
}

static void test_written_forms(void **state)
{
	struct op *op = *state;
	assert_string_equal(clock_rfc3339(op->arena, NOVEMBER_21), "2026-11-21T09:30:00Z");
	assert_string_equal(clock_rfc3339(op->arena, 0), "1970-01-01T00:00:00Z");
	assert_string_equal(clock_rfc3339(op->arena, LAST_SECOND), "9999-12-31T23:59:59Z");
	assert_string_equal(clock_rfc3339_ns(op->arena, NOVEMBER_21 * 1000000000 + 42),
			    "2026-11-21T09:30:00.000000042Z");
	assert_string_equal(clock_http_date(op->arena, NOVEMBER_21), "Sat, 21 Nov 2026 09:30:00 GMT");
	assert_string_equal(clock_http_date(op->arena, 784111777), "Sun, 06 Nov 1994 08:49:37 GMT"); /* RFC 9110 */
}

static void test_parsed_forms(void **state)
{
	struct op *op = *state;
	static const struct {
		const char *text;
		int64_t time_s;
	} good[] = {
		{ "2026-11-21T09:30:00Z", NOVEMBER_21 },
		{ "2026-11-21t09:30:00z", NOVEMBER_21 },
		{ "2026-11-21T09:30:00.999999999999Z", NOVEMBER_21 },
		{ "2026-11-21T10:30:00+01:00", NOVEMBER_21 },
		{ "2026-11-21T04:00:00-05:30", NOVEMBER_21 },
		{ "2026-11-21T09:30:00-00:00", NOVEMBER_21 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2000-02-29T00:00:00Z", 951782400 },
		{ "1990-12-31T23:59:60Z", 662688000 }, /* the leap second of RFC 3339 section 5.8 */
		{ "9999-12-31T23:59:59Z", LAST_SECOND },
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		int64_t time_s = -1;
		assert_ok(op, clock_parse_rfc3339(op, good[i].text, &time_s));
		assert_int_equal(time_s, good[i].time_s);
	}
}

static void test_refused_forms(void **state)
{
	struct op *op = *state;
	int64_t time_s;
	static const char *const evil[] = {
		"", "2026-11-21", "2026-11-21T09:30:00", "2026-11-21 09:30:00Z", "2026-11-21T09:30Z",
		"2026-11-21T09:30:00.Z", "2026-11-21T09:30:00,5Z", "2026-11-21T24:00:00Z", "2026-11-21T09:60:00Z",
		"2026-11-21T09:30:61Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-00T00:00:00Z", "1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "10000-01-01T00:00:00Z",
		"2026-11-21T09:30:00+0100", "2026-11-21T09:30:00+24:00", "2026-11-21T09:30:00ZZ",
		" 2026-11-21T09:30:00Z", "2026-11-21T09:30:00Z ", "+026-11-21T09:30:00Z", "2026-11-2\0T09:30:00Z",
	};
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
		assert_err(op, ERR_MALFORMED, clock_parse_rfc3339(op, evil[i], &time_s));
}

/* Every day of eight centuries, by steps that are no multiple of a day. */
static void test_round_trip(void **state)
{
	struct op *op = *state;
	for (int64_t t = 0; t < INT64_C(800) * 366 * 86400; t += 86399 * 7) {
		int64_t back = -1;
		assert_ok(op, clock_parse_rfc3339(op, clock_rfc3339(op->arena, t), &back));
		assert_int_equal(back, t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fixed_and_free_clock), TEST(test_written_forms), TEST(test_parsed_forms),
		TEST(test_refused_forms), TEST(test_round_trip),
	};
	return RUN_TESTS(tests);
}
