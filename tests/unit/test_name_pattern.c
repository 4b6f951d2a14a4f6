/* Which names somebody may ask for: what is a pattern, and what it gives. */
#include "tests/unit/fixture.h"

#include "ca/name_pattern.h"

static void test_patterns_are_canonical(void **state)
{
	struct op *op = *state;
	static const char *const rows[][2] = {
		{ "cn:dev-1", "cn:dev-1" },	    { "dns:Dev-1.Example", "dns:dev-1.example" },
		{ "dns:*.Fleet.example", "dns:*.fleet.example" }, { "cn:*.fleet.example", "cn:*.fleet.example" },
		{ "email:*@Corp.Example", "email:*@corp.example" }, { "ip:2001:DB8::1", "ip:2001:db8::1" },
		{ "upn:*@Corp.Example", "upn:*@corp.example" }, { "sid:S-1-5-21-1", "sid:S-1-5-21-1" },
		{ "serialNumber:A1", "serialNumber:A1" }, { "uri:urn:dev:1", "uri:urn:dev:1" },
	};
	static const char *const wrong[] = { "dev-1", "", ":", "cn:", "nokind:x", "dns:*", "dns:a.*.example", "dns:**.example",
					     "serialNumber:*.x", "o:*.x", "uri:*.x", "email:*", "email:*@", "email:*.corp.example",
					     "dns:*@corp.example", "upn:*@", "upn:*.corp.example", "upn:*@*.example", "sid:*.x",
					     "sid:*@x.example" };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *out = NULL;
		assert_ok(op, name_pattern_make(op, rows[i][0], &out));
		assert_string_equal(out, rows[i][1]);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const char *out = NULL;
		if (name_pattern_make(op, wrong[i], &out).err == ERR_NONE)
			fail_msg("\"%s\" was taken for %s", wrong[i], out);
		op_clear_failure(op);
	}
}

static bool fits(struct op *op, const char *pattern, const char *text)
{
	struct identifier identifier;
	assert_ok(op, identifier_parse_text(op, text, &identifier));
	return name_pattern_fits(op, pattern, &identifier);
}

static void test_what_a_pattern_gives(void **state)
{
	struct op *op = *state;
	assert_true(fits(op, "cn:dev-1", "cn:dev-1"));
	assert_false(fits(op, "cn:dev-1", "cn:dev-10"));
	assert_false(fits(op, "cn:dev-1", "serialNumber:dev-1"));
	assert_true(fits(op, "dns:*.fleet.example", "dns:a.fleet.example"));
	assert_true(fits(op, "dns:*.fleet.example", "dns:a.b.fleet.example"));
	assert_false(fits(op, "dns:*.fleet.example", "dns:fleet.example"));
	assert_false(fits(op, "dns:*.fleet.example", "dns:afleet.example"));
	assert_false(fits(op, "dns:*.fleet.example", "dns:a.fleet.example.evil.example"));
	assert_true(fits(op, "dns:*.fleet.example", "cn:a.fleet.example")); /* says the same as the SAN */
	assert_false(fits(op, "cn:*.fleet.example", "dns:a.fleet.example"));
	assert_true(fits(op, "email:*@corp.example", "email:a@corp.example"));
	assert_false(fits(op, "email:*@corp.example", "email:a@evil.example"));
	assert_true(fits(op, "upn:*@corp.example", "upn:a@corp.example"));
	assert_false(fits(op, "upn:*@corp.example", "upn:a@evil.example"));
	assert_false(fits(op, "upn:*@corp.example", "email:a@corp.example"));
	assert_false(fits(op, "sid:S-1-5-21-1", "sid:S-1-5-21-10"));
}

static void test_json(void **state)
{
	struct op *op = *state;
	const char *items[] = { "cn:a \"b\"", "dns:a.example" };
	const struct config_texts texts = { items, 2 };
	struct config_texts back;
	const char *json = name_patterns_to_json(op->arena, &texts);
	assert_string_equal(json, "[\"cn:a \\\"b\\\"\",\"dns:a.example\"]");
	assert_ok(op, name_patterns_from_json(op, json, &back));
	assert_int_equal(back.n, 2);
	assert_string_equal(back.items[0], items[0]);
	assert_ok(op, name_patterns_from_json(op, "[]", &back));
	assert_int_equal(back.n, 0);
	assert_err(op, ERR_BACKEND, name_patterns_from_json(op, "[1]", &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_patterns_are_canonical),
		TEST(test_what_a_pattern_gives),
		TEST(test_json),
	};
	return RUN_TESTS(tests);
}
