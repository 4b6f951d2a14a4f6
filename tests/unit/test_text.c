/* Text tools: what they accept, and mostly what they refuse. */
#include "check.h"
#include "fixture.h"

#include <string.h>

#include "base/text.h"

static void test_equality_and_affixes(void **state)
{
	(void)state;
	assert_true(text_equal(NULL, NULL));
	assert_false(text_equal(NULL, ""));
	assert_true(text_equal("a", "a"));
	assert_false(text_equal("a", "A"));
	assert_true(text_equal_nocase("Host-1", "hOST-1"));
	assert_false(text_equal_nocase("abc", "ab"));
	assert_false(text_equal_nocase("ab", "abc"));
	assert_false(text_equal_nocase("\xc4", "\xe4")); /* Latin-1 letters are not ASCII */
	assert_true(text_has_prefix("abc", "ab"));
	assert_false(text_has_prefix("ab", "abc"));
	assert_true(text_has_suffix("abc", "bc"));
	assert_true(text_has_suffix("abc", ""));
	assert_false(text_has_suffix("bc", "abc"));
	static const char *const list[] = { "a", "b", NULL };
	assert_true(text_is_one_of("b", list));
	assert_false(text_is_one_of("c", list));
	assert_false(text_is_one_of(NULL, list));
}

static void test_lower_and_printable(void **state)
{
	(void)state;
	char name[] = "EXAMPLE.Com[@\xc4";
	text_lower(name);
	assert_string_equal(name, "example.com[@\xc4");
	char dirty[] = "a\n\x7f\xc3\xa4~ b";
	text_make_printable(dirty);
	assert_string_equal(dirty, "a????~ b");
}

static void test_copy_says_when_it_does_not_fit(void **state)
{
	(void)state;
	char to[4] = "xxx";
	assert_true(text_copy(to, sizeof to, "abc"));
	assert_string_equal(to, "abc");
	assert_false(text_copy(to, sizeof to, "wxyz"));
	assert_string_equal(to, "wxy");
	assert_true(text_copy(to, sizeof to, ""));
	assert_string_equal(to, "");
	assert_false(text_copy(to, 1, "a"));
	assert_string_equal(to, "");
}

static void test_numbers(void **state)
{
	(void)state;
	uint64_t out;
	assert_true(text_parse_u64("0", 0, UINT64_MAX, &out));
	assert_int_equal(out, 0);
	assert_true(text_parse_u64("18446744073709551615", 0, UINT64_MAX, &out));
	assert_true(out == UINT64_MAX);
	assert_true(text_parse_u64("65535", 1, 65535, &out));
	static const char *const evil[] = { "",    "-1",    "+1",   " 1",   "1 ",	"0x10",
					    "1.0", "65536", "0",    "1\n", "18446744073709551616",
					    "99999999999999999999999999", "\xd9\xa1" };
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
		assert_false(text_parse_u64(evil[i], 1, 65535, &out));
}

static void test_durations(void **state)
{
	struct op *op = *state;
	int64_t seconds;
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = { { "90d", 7776000 }, { "12h", 43200 }, { "30m", 1800 }, { "45s", 45 }, { "0s", 0 } };
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(text_parse_duration(good[i].text, &seconds));
		assert_int_equal(seconds, good[i].seconds);
		assert_string_equal(text_duration(op->arena, seconds), good[i].text);
	}
	static const char *const evil[] = { "",	   "90",  "d",	  "90 d", "90D", "90days", "-1d", "1h30m",
					    "1.5h", "90w", "90dd", " 90d", "9223372036854775808s",
					    "106751991167301d", "213503982334602d" };
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
		assert_false(text_parse_duration(evil[i], &seconds));
	assert_string_equal(text_duration(op->arena, 86400), "1d");
	assert_string_equal(text_duration(op->arena, 90000), "25h");
	assert_string_equal(text_duration(op->arena, 3661), "3661s");
}

static void test_sizes(void **state)
{
	(void)state;
	uint64_t bytes;
	assert_true(text_parse_size("512", &bytes));
	assert_int_equal(bytes, 512);
	assert_true(text_parse_size("64KiB", &bytes));
	assert_int_equal(bytes, 65536);
	assert_true(text_parse_size("16MiB", &bytes));
	assert_int_equal(bytes, 16777216);
	assert_true(text_parse_size("2GiB", &bytes));
	assert_int_equal(bytes, INT64_C(2147483648));
	static const char *const evil[] = { "", "KiB", "64KB", "64k", "64 KiB", "-1", "64kib", "17179869184GiB" };
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
		assert_false(text_parse_size(evil[i], &bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_equality_and_affixes), TEST(test_lower_and_printable),
		TEST(test_copy_says_when_it_does_not_fit), TEST(test_numbers),
		TEST(test_durations), TEST(test_sizes),
	};
	return RUN_TESTS(tests);
}
