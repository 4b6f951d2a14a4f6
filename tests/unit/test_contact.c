/* Contacts of accounts. Row A19. */
#include "protocols/acme/contact.h"
#include "protocols/acme/problem.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <string.h>

static enum acme_problem problem_of(struct op *op, const char *array)
{
	AUTO(json_t) *contacts = NULL;
	const char *json = NULL;
	assert_ok(op, json_parse(op, bytes_of_text(array), "contacts", &contacts));
	result r = contacts_parse(op, contacts, &json);
	enum acme_problem problem = r.err == ERR_NONE ? ACME_NONE : acme_problem_of(op);
	if (r.err == ERR_NONE)
		assert_non_null(json);
	op_clear_failure(op);
	return problem;
}

static void test_table(void **state)
{
	static const struct {
		const char *contacts;
		enum acme_problem problem;
	} rows[] = {
		{ "[]", ACME_NONE },
		{ "[\"mailto:a@t.test\"]", ACME_NONE },
		{ "[\"MAILTO:a.b+c@sub.t.test\",\"mailto:x@y\"]", ACME_NONE },
		{ "[\"mailto:a@t.test?subject=x\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a@t.test,b@t.test\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:@t.test\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a@\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a@b@t.test\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a@.t.test\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a@t..test\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a@t.test \"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a\\r\\nBcc:b@t.test\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a%0d@t.test\"]", ACME_INVALID_CONTACT },
		{ "[\"mailto:a\\u00e9@t.test\"]", ACME_INVALID_CONTACT },
		{ "[\"tel:+1\"]", ACME_UNSUPPORTED_CONTACT },
		{ "[\"a@t.test\"]", ACME_UNSUPPORTED_CONTACT },
		{ "[\"\"]", ACME_UNSUPPORTED_CONTACT },
		{ "[\"mailto:a@t.test\",\"https://t.test/\"]", ACME_UNSUPPORTED_CONTACT },
		{ "[1]", ACME_MALFORMED },
		{ "[null]", ACME_MALFORMED },
		{ "[\"mailto:a@b\",\"mailto:a@b\",\"mailto:a@b\",\"mailto:a@b\",\"mailto:a@b\",\"mailto:a@b\","
		  "\"mailto:a@b\",\"mailto:a@b\",\"mailto:a@b\",\"mailto:a@b\",\"mailto:a@b\"]",
		  ACME_INVALID_CONTACT },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (problem_of(*state, rows[i].contacts) != rows[i].problem)
			fail_msg("%s: not as expected", rows[i].contacts);
}

static void test_long(void **state)
{
	struct op *op = *state;
	char name[260];
	memset(name, 'a', sizeof name);
	assert_int_equal(problem_of(op, arena_printf(op->arena, "[\"mailto:%.250s@b.c\"]", name)), ACME_NONE);
	assert_int_equal(problem_of(op, arena_printf(op->arena, "[\"mailto:%.251s@b.c\"]", name)), ACME_INVALID_CONTACT);
}

static void test_stored_form(void **state)
{
	struct op *op = *state;
	const char *json;
	assert_ok(op, contacts_parse(op, NULL, &json));
	assert_string_equal(json, "[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_table), TEST(test_long), TEST(test_stored_form) };
	return RUN_TESTS(tests);
}
