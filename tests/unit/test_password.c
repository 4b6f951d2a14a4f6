/* Verifiers of passwords (E17, V14). */
#include "base/password.h"

#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

static void a_verifier_fits_its_password_only(void **state)
{
	struct op *op = op_new();
	(void)state;
	const char *verifier = password_verifier(op->arena, BYTES_LITERAL("correct horse"));
	assert_true(password_fits(verifier, BYTES_LITERAL("correct horse")));
	assert_false(password_fits(verifier, BYTES_LITERAL("correct hors")));
	assert_false(password_fits(verifier, BYTES_LITERAL("correct horse\0")));
	assert_false(password_fits(verifier, BYTES_LITERAL("")));
	assert_null(strstr(verifier, "horse"));
	assert_string_not_equal(verifier, password_verifier(op->arena, BYTES_LITERAL("correct horse")));
	op_free(&op);
}

static void nothing_fits_what_is_no_verifier(void **state)
{
	static const char *const verifiers[] = {
		NULL, "", "scrypt", "scrypt$16384$8$1", "scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA$",
		"bcrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"scrypt$99999999$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"scrypt$16383$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA$",
	};
	(void)state;
	for (size_t i = 0; i < sizeof verifiers / sizeof verifiers[0]; i++)
		assert_false(password_fits(verifiers[i], BYTES_LITERAL("")));
}

static void drawn_ones_differ_and_can_be_read_aloud(void **state)
{
	char first[PASSWORD_SIZE], second[PASSWORD_SIZE];
	(void)state;
	password_draw(first);
	password_draw(second);
	assert_int_equal(strlen(first), PASSWORD_SIZE - 1);
	assert_string_not_equal(first, second);
	assert_int_equal(strspn(first, "abcdefghijkmnpqrstuvwxyz23456789-"), PASSWORD_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_verifier_fits_its_password_only),
		cmocka_unit_test(nothing_fits_what_is_no_verifier),
		cmocka_unit_test(drawn_ones_differ_and_can_be_read_aloud),
	};
	return RUN_TESTS(tests);
}
