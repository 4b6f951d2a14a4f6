/* The payload of newOrder. Rows A12, A24, N1, N2, N12, R1, V48. */
#include "protocols/acme/new_order.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include "base/limits.h"

static void test_canonical(void **state)
{
	struct op *op = *state;
	struct new_order order;
	/* V48: doubles are merged, N2: one case; unknown members are ignored (A19). */
	assert_ok(op, new_order_parse(op,
				      bytes_of_text("{\"identifiers\":[{\"type\":\"dns\",\"value\":\"B.t.test\"},"
						    "{\"type\":\"dns\",\"value\":\"a.t.test\"},{\"type\":\"dns\",\"value\":\"b.T.TEST\",\"x\":1}],"
						    "\"notBefore\":\"2026-11-21T09:30:00Z\",\"notAfter\":\"2026-11-22T11:30:00+02:00\","
						    "\"status\":\"valid\"}"),
				      &order));
	assert_int_equal(order.n_refused, 0);
	assert_int_equal(order.n, 2);
	assert_string_equal(order.identifiers[0].value, "a.t.test");
	assert_string_equal(order.identifiers[1].value, "b.t.test");
	assert_int_equal(order.not_after_s - order.not_before_s, 86400);
}

/* A12: each refused name with its own reason, wherever it stands among the good ones. */
static void test_refused_names(void **state)
{
	static const struct {
		const char *type, *value;
		enum acme_problem problem;
	} rows[] = {
		{ "dns", "127.0.0.1", ACME_REJECTED_IDENTIFIER },  { "dns", "2130706433", ACME_REJECTED_IDENTIFIER },
		{ "dns", "localhost", ACME_REJECTED_IDENTIFIER },  { "dns", "a.t.test.", ACME_REJECTED_IDENTIFIER },
		{ "dns", "*.t.test", ACME_REJECTED_IDENTIFIER },   { "dns", "*", ACME_REJECTED_IDENTIFIER },
		{ "dns", "a*.t.test", ACME_REJECTED_IDENTIFIER },  { "dns", "*.*.t.test", ACME_REJECTED_IDENTIFIER },
		{ "dns", "", ACME_REJECTED_IDENTIFIER },	   { "dns", "a@b.t.test", ACME_REJECTED_IDENTIFIER },
		{ "dns", "a.t.test:80", ACME_REJECTED_IDENTIFIER }, { "dns", "[::1]", ACME_REJECTED_IDENTIFIER },
		{ "dns", "a_b.t.test", ACME_REJECTED_IDENTIFIER }, { "dns", "a..t.test", ACME_REJECTED_IDENTIFIER },
		{ "ip", "192.0.2.1", ACME_UNSUPPORTED_IDENTIFIER }, { "email", "a@t.test", ACME_UNSUPPORTED_IDENTIFIER },
		{ "DNS", "a.t.test", ACME_UNSUPPORTED_IDENTIFIER }, { "", "a.t.test", ACME_UNSUPPORTED_IDENTIFIER },
	};
	struct op *op = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct new_order order;
		const char *names[3] = { "{\"type\":\"dns\",\"value\":\"x.t.test\"}", "{\"type\":\"dns\",\"value\":\"y.t.test\"}",
					 "{\"type\":\"dns\",\"value\":\"z.t.test\"}" };
		names[i % 3] = arena_printf(op->arena, "{\"type\":\"%s\",\"value\":\"%s\"}", rows[i].type, rows[i].value);
		assert_ok(op, new_order_parse(op,
					      bytes_of_text(arena_printf(op->arena, "{\"identifiers\":[%s,%s,%s]}", names[0],
									 names[1], names[2])),
					      &order));
		if (order.n_refused != 1 || order.refused[0].problem != rows[i].problem)
			fail_msg("%s was not refused as expected", rows[i].value);
		assert_string_equal(order.refused[0].identifier_value, rows[i].value);
		assert_int_equal(order.n, 2);
	}
}

static void test_malformed(void **state)
{
	static const char *const rows[] = {
		"",
		"[]",
		"{}",
		"{\"identifiers\":[]}",
		"{\"identifiers\":{}}",
		"{\"identifiers\":\"a.t.test\"}",
		"{\"identifiers\":[\"a.t.test\"]}",
		"{\"identifiers\":[{\"type\":\"dns\"}]}",
		"{\"identifiers\":[{\"value\":\"a.t.test\"}]}",
		"{\"identifiers\":[{\"type\":\"dns\",\"value\":5}]}",
		"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.t.test\",\"value\":\"b.t.test\"}]}",
		"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.t.test\"}],\"identifiers\":[]}",
		"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.t.test\"}],\"notBefore\":\"tomorrow\"}",
		"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.t.test\"}],\"notAfter\":1800000000}",
		"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.t.test\"}],\"notAfter\":\"\"}",
		"{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.t.test\"}]}x",
	};
	struct new_order order;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_err((struct op *)*state, ERR_MALFORMED, new_order_parse(*state, bytes_of_text(rows[i]), &order));
}

/* N12: 100 names, and 101. */
static void test_many(void **state)
{
	struct op *op = *state;
	for (unsigned n = LIMIT_ORDER_IDENTIFIERS; n <= LIMIT_ORDER_IDENTIFIERS + 1; n++) {
		struct new_order order;
		struct buf text;
		buf_init(&text, op->arena, 4096);
		buf_text(&text, "{\"identifiers\":[");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&text, "%s{\"type\":\"dns\",\"value\":\"h%u.t.test\"}", i > 0 ? "," : "", i);
		buf_text(&text, "]}");
		if (n > LIMIT_ORDER_IDENTIFIERS) {
			assert_err(op, ERR_MALFORMED, new_order_parse(op, buf_as_bytes(&text), &order));
			continue;
		}
		assert_ok(op, new_order_parse(op, buf_as_bytes(&text), &order));
		assert_int_equal(order.n, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_canonical), TEST(test_refused_names), TEST(test_malformed),
					    TEST(test_many) };
	return RUN_TESTS(tests);
}
