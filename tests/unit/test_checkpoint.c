/* Checkpoint notes: what is written can be read, and nothing else can. */
#include <string.h>

#include "base/checkpoint.h"
#include "tests/unit/fixture.h"

static char *make_note(struct op *op, uint64_t size)
{
	struct merkle_hash root;
	memset(root.b, 7, sizeof root.b);
	char *text = checkpoint_text(op->arena, "ca.example/log", size, &root);
	return checkpoint_note(op->arena, text, "ca.example/log", (struct bytes)BYTES_LITERAL("\1\2\3\4"),
			       (struct bytes)BYTES_LITERAL("signature"));
}

static void test_round_trip(void **state)
{
	struct op *op = *state;
	struct checkpoint c;
	char *note = make_note(op, 12345);
	assert_ok(op, checkpoint_parse(op, bytes_of_text(note), &c));
	assert_string_equal(c.origin, "ca.example/log");
	assert_string_equal(c.key_name, "ca.example/log");
	assert_int_equal(c.size, 12345);
	assert_int_equal(c.root.b[31], 7);
	assert_true(bytes_equal_text(c.key_hint, "\1\2\3\4"));
	assert_true(bytes_equal_text(c.signature, "signature"));
	assert_true(bytes_equal_text(c.signed_text, "ca.example/log\n12345\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n"));
}

static void test_refuses_what_is_no_note(void **state)
{
	struct op *op = *state;
	static const char *const bad[] = {
		"",
		"\n",
		"o\n1\n",
		"o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
		"o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n",
		"o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n- o AQIDBHNpZw==\n",
		"o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n\xe2\x80\x94 o AQID\n",
		"o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n\xe2\x80\x94 AQIDBHNpZw==\n",
		"o\n01\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n\xe2\x80\x94 o AQIDBHNpZw==\n",
		"o\n-1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n\xe2\x80\x94 o AQIDBHNpZw==\n",
		"o\n1\nBwcH\n\n\xe2\x80\x94 o AQIDBHNpZw==\n",
		"\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n\xe2\x80\x94 o AQIDBHNpZw==\n",
	};
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct checkpoint c;
		if (checkpoint_parse(op, bytes_of_text(bad[i]), &c).err == ERR_NONE)
			fail_msg("row %u was taken", i);
		op_clear_failure(op);
	}
}

/* Every proper prefix of a note is refused. */
static void test_refuses_prefixes(void **state)
{
	struct op *op = *state;
	char *note = make_note(op, 7);
	for (size_t n = 0; n < strlen(note); n++) {
		struct checkpoint c;
		assert_int_not_equal(checkpoint_parse(op, (struct bytes){ (const uint8_t *)note, n }, &c).err, ERR_NONE);
		op_clear_failure(op);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_refuses_what_is_no_note),
		TEST(test_refuses_prefixes),
	};
	return RUN_TESTS(tests);
}
