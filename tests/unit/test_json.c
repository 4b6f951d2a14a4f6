/* JSON: what is refused before and by the parser, typed access, and the writer. */
#include "check.h"
#include "fixture.h"

#include <pthread.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"

static void check_refused(struct op *op, struct bytes text, const char *reason)
{
	AUTO(json_t) *value = NULL;
	result r = json_parse(op, text, "payload", &value);
	if (r.err != ERR_MALFORMED || strstr(op->detail, reason) == NULL)
		fail_msg("expected \"%s\", got %s: %s", reason, err_name(r.err), op->detail);
	assert_null(value);
	op_clear_failure(op);
}

/* J5, J10 */
static void test_hostile_documents_are_refused_J5_J10(void **state)
{
	struct op *op = *state;
	static const struct {
		const char *text;
		const char *reason;
	} evil[] = {
		{ "", "too early" },
		{ "{", "too early" },
		{ "{\"a\":1,\"a\":2}", "twice" },
		{ "{\"o\":{\"a\":1,\"\\u0061\":2}}", "twice" },
		{ "{} {}", "follows its end" },
		{ "{}x", "follows its end" },
		{ "\"a\\u0000b\"", "NUL" },
		{ "{\"a\\u0000b\":1}", "NUL" },
		{ "\"\\ud800\"", "syntax" },
		{ "\"\\udc00\\ud800\"", "syntax" },
		{ "\"\xff\"", "UTF-8" },
		{ "\"\xc0\xaf\"", "UTF-8" },
		{ "\"\xed\xa0\x80\"", "UTF-8" },
		{ "\xef\xbb\xbf{}", "syntax" },
		{ "[1e400]", "number" },
		{ "[9223372036854775808]", "number" },
		{ "[01]", "syntax" },
		{ "[+1]", "syntax" },
		{ "[NaN]", "syntax" },
		{ "[1,]", "syntax" },
		{ "{a:1}", "syntax" },
		{ "// x\n{}", "syntax" },
		{ "\"a\nb\"", "syntax" },
	};
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
		check_refused(op, bytes_of_text(evil[i].text), evil[i].reason);
	check_refused(op, BYTES_LITERAL("{}\0"), "follows its end");
	check_refused(op, BYTES_LITERAL("{\0}"), "too early");
	check_refused(op, BYTES_LITERAL("\"a\0b\""), "syntax");
	check_refused(op, BYTES_LITERAL("\xff\xfe{\0}\0"), "UTF-8"); /* a byte order mark of UTF-16 */
}

static struct bytes nested(struct op *op, char open, size_t depth)
{
	char *p = arena_alloc(op->arena, depth + 1);
	memset(p, open, depth);
	return (struct bytes){ (uint8_t *)p, depth };
}

static void *parse_deep(void *op)
{
	check_refused(op, nested(op, '[', 1000000), "nested deeper");
	return NULL;
}

/* J10: on the smallest stack that a thread may have. */
static void test_depth_costs_no_stack_J10(void **state)
{
	pthread_attr_t attributes;
	pthread_t thread;
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, 128 * 1024), 0);
	assert_int_equal(pthread_create(&thread, &attributes, parse_deep, *state), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
}

static void test_depth_limit_is_exact_and_ignores_texts(void **state)
{
	struct op *op = *state;
	AUTO(json_t) *deep = NULL;
	struct buf buf;
	buf_init(&buf, op->arena, 0);
	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		buf_byte(&buf, '[');
	buf_text(&buf, "\"[[[[{{{{\\\"[[[[\"");
	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		buf_byte(&buf, ']');
	assert_ok(op, json_parse(op, buf_as_bytes(&buf), "payload", &deep));
	buf_init(&buf, op->arena, 0);
	for (int i = 0; i <= LIMIT_JSON_DEPTH; i++)
		buf_text(&buf, "{\"a\":");
	check_refused(op, buf_as_bytes(&buf), "nested deeper");
	check_refused(op, nested(op, ' ', LIMIT_JSON_BYTES + 1), "larger than");
}

static void test_object_is_demanded(void **state)
{
	struct op *op = *state;
	json_t *value = NULL;
	assert_err(op, ERR_MALFORMED, json_parse_object(op, bytes_of_text("[]"), "payload", &value));
	assert_err(op, ERR_MALFORMED, json_parse_object(op, bytes_of_text("null"), "payload", &value));
	assert_null(value);
	assert_ok(op, json_parse(op, bytes_of_text(" \"x\" "), "payload", &value));
	assert_true(json_is_string(value));
	json_decref(value);
}

static void test_members_have_types(void **state)
{
	struct op *op = *state;
	AUTO(json_t) *object = NULL;
	assert_ok(op, json_parse_object(op, bytes_of_text("{\"t\":\"x\",\"b\":true,\"i\":-7,\"a\":[1],\"o\":{},"
							  "\"n\":null,\"r\":1.5}"),
					"payload", &object));
	const char *text = "?";
	bool flag = false;
	int64_t integer = 0;
	const json_t *inner = NULL;
	assert_ok(op, json_need_text(op, object, "t", &text));
	assert_string_equal(text, "x");
	assert_ok(op, json_maybe_text(op, object, "absent", &text));
	assert_null(text);
	assert_ok(op, json_maybe_text(op, object, "n", &text));
	assert_null(text);
	assert_ok(op, json_maybe_bool(op, object, "b", false, &flag));
	assert_true(flag);
	assert_ok(op, json_maybe_bool(op, object, "absent", true, &flag));
	assert_true(flag);
	assert_ok(op, json_maybe_integer(op, object, "i", 3, &integer));
	assert_int_equal(integer, -7);
	assert_ok(op, json_maybe_integer(op, object, "absent", 3, &integer));
	assert_int_equal(integer, 3);
	assert_ok(op, json_maybe_array(op, object, "a", &inner));
	assert_int_equal(json_array_size(inner), 1);
	assert_ok(op, json_maybe_object(op, object, "o", &inner));
	assert_true(json_is_object(inner));
	assert_ok(op, json_maybe_object(op, object, "absent", &inner));
	assert_null(inner);

	assert_err(op, ERR_MALFORMED, json_need_text(op, object, "absent", &text));
	assert_err(op, ERR_MALFORMED, json_need_text(op, object, "n", &text));
	assert_err(op, ERR_MALFORMED, json_need_text(op, object, "i", &text));
	assert_err(op, ERR_MALFORMED, json_maybe_text(op, object, "a", &text));
	assert_err(op, ERR_MALFORMED, json_maybe_bool(op, object, "t", false, &flag));
	assert_err(op, ERR_MALFORMED, json_maybe_bool(op, object, "i", false, &flag));
	assert_err(op, ERR_MALFORMED, json_maybe_integer(op, object, "r", 0, &integer));
	assert_err(op, ERR_MALFORMED, json_maybe_integer(op, object, "b", 0, &integer));
	assert_err(op, ERR_MALFORMED, json_maybe_array(op, object, "o", &inner));
	assert_err(op, ERR_MALFORMED, json_maybe_object(op, object, "a", &inner));
}

static void test_writer_puts_commas(void **state)
{
	struct op *op = *state;
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "a", "x");
	json_write_text(&w, "n", NULL);
	json_write_array(&w, "list");
	json_write_integer(&w, NULL, INT64_MIN);
	json_write_object(&w, NULL);
	json_write_object_end(&w);
	json_write_object(&w, NULL);
	json_write_bool(&w, "t", true);
	json_write_bool(&w, "f", false);
	json_write_object_end(&w);
	json_write_array_end(&w);
	json_write_raw(&w, "raw", BYTES_LITERAL("[1]"));
	json_write_object_end(&w);
	struct bytes out = json_write_done(&w);
	assert_true(bytes_equal_text(out, "{\"a\":\"x\",\"n\":null,\"list\":[-9223372036854775808,{},"
					  "{\"t\":true,\"f\":false}],\"raw\":[1]}"));
}

static struct bytes written(struct op *op, const char *value)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_text(&w, NULL, value);
	return json_write_done(&w);
}

static void test_writer_escapes_and_mends(void **state)
{
	struct op *op = *state;
	assert_true(bytes_equal_text(written(op, "a\"b\\c\n\x01/"), "\"a\\\"b\\\\c\\u000a\\u0001/\""));
	assert_true(bytes_equal_text(written(op, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91"),
				     "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91\""));
	/* Overlong, surrogate, beyond 10FFFF, lone continuation, cut off. */
	static const char *const evil[] = { "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
					    "\x80",	"\xe2\x82",	"\xf0\x9f\x94", "\xff" };
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
		AUTO(json_t) *back = NULL;
		assert_ok(op, json_parse(op, written(op, evil[i]), "written", &back));
		assert_int_equal(strncmp(json_string_value(back), "\xef\xbf\xbd", 3), 0);
	}
}

/* Whatever bytes a text has: what is written can be read. */
static void test_writer_output_always_parses(void **state)
{
	struct op *op = *state;
	for (unsigned first = 1; first < 256; first++) {
		for (unsigned second = 1; second < 256; second++) {
			char text[] = { (char)first, (char)second, '\0' };
			AUTO(json_t) *back = NULL;
			assert_ok(op, json_parse(op, written(op, text), "written", &back));
			if (first < 128 && second < 128)
				assert_string_equal(json_string_value(back), text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hostile_documents_are_refused_J5_J10),
		TEST(test_depth_costs_no_stack_J10),
		TEST(test_depth_limit_is_exact_and_ignores_texts),
		TEST(test_object_is_demanded),
		TEST(test_members_have_types),
		TEST(test_writer_puts_commas),
		TEST(test_writer_escapes_and_mends),
		TEST(test_writer_output_always_parses),
	};
	return RUN_TESTS(tests);
}
