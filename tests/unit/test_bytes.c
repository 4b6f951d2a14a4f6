/* Bytes, their text forms, digests, and the growing buffer. */
#include "check.h"
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static struct bytes text(const char *p)
{
	return bytes_of_text(p);
}

static void test_comparison(void **state)
{
	(void)state;
	assert_true(bytes_equal(text("abc"), text("abc")));
	assert_false(bytes_equal(text("abc"), text("abd")));
	assert_false(bytes_equal(text("abc"), text("abcd")));
	assert_true(bytes_equal(BYTES_NONE, text("")));
	assert_true(bytes_equal_secret(text("abc"), text("abc")));
	assert_false(bytes_equal_secret(text("abc"), text("abd")));
	assert_false(bytes_equal_secret(text("abc"), text("ab")));
	assert_true(bytes_equal_text(text("abc"), "abc"));
	assert_true(bytes_has_prefix(text("abc"), "ab"));
	assert_true(bytes_has_prefix(BYTES_NONE, ""));
	assert_false(bytes_has_prefix(text("ab"), "abc"));
	assert_true(bytes_compare(text("ab"), text("abc")) < 0);
	assert_true(bytes_compare(text("b"), text("abc")) > 0);
	assert_int_equal(bytes_compare(text("abc"), text("abc")), 0);
	assert_int_equal(bytes_compare(BYTES_NONE, BYTES_NONE), 0);
	assert_int_equal(bytes_of_text(NULL).n, 0);
}

static void test_hex(void **state)
{
	struct op *op = *state;
	struct bytes out;
	assert_string_equal(bytes_to_hex(op->arena, BYTES_LITERAL("\x00\x9a\xff")), "009aff");
	assert_string_equal(bytes_to_hex(op->arena, BYTES_NONE), "");
	assert_ok(op, bytes_from_hex(op, "009AfF", &out));
	assert_true(bytes_equal(out, BYTES_LITERAL("\x00\x9a\xff")));
	assert_ok(op, bytes_from_hex(op, "", &out));
	assert_int_equal(out.n, 0);
	assert_err(op, ERR_MALFORMED, bytes_from_hex(op, "0", &out));
	assert_err(op, ERR_MALFORMED, bytes_from_hex(op, "0g", &out));
	assert_err(op, ERR_MALFORMED, bytes_from_hex(op, "0x", &out));
	assert_err(op, ERR_MALFORMED, bytes_from_hex(op, " 00", &out));
}

/* RFC 4648 section 10. */
static void test_base64_vectors(void **state)
{
	struct op *op = *state;
	static const char *const vectors[][3] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/", "-_-_" },
	};
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		struct bytes plain = text(vectors[i][0]);
		struct bytes out;
		assert_string_equal(bytes_to_base64(op->arena, plain), vectors[i][1]);
		assert_string_equal(bytes_to_base64url(op->arena, plain), vectors[i][2]);
		assert_ok(op, bytes_from_base64(op, text(vectors[i][1]), &out));
		assert_true(bytes_equal(out, plain));
		assert_ok(op, bytes_from_base64url(op, text(vectors[i][2]), &out));
		assert_true(bytes_equal(out, plain));
	}
}

static void test_base64_refuses_what_is_not_canonical(void **state)
{
	struct op *op = *state;
	struct bytes out;
	static const char *const evil[] = { "Zg",    "Zg=",   "Z===", "====", "Zg==Zg==", "Zh==", "Zm9=", "Zm9v\n",
					    "Zm 9v", "Zm9v=", "-_-_", "=",    "Zm=v",     "Z",    "Zm9\xc3" };
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
		assert_err(op, ERR_MALFORMED, bytes_from_base64(op, text(evil[i]), &out));
	assert_err(op, ERR_MALFORMED, bytes_from_base64(op, BYTES_LITERAL("Zm9\0"), &out));
}

/* W12, J11: '=', '+', '/', newline, blank, stray bits, impossible length. */
static void test_base64url_refuses_what_jose_forbids_W12_J11(void **state)
{
	struct op *op = *state;
	struct bytes out;
	static const char *const evil[] = { "Zg==", "Zg=", "Zm8=", "+/+/", "Zm9v+", "Zm9/", "Zm9v\n", "Zm9v\r\n",
					    " Zm9v", "Zm 9v", "Zh",  "Zm9", "Z",   "Zm9vY", "Zm9v\xff", "=" };
	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
		assert_err(op, ERR_MALFORMED, bytes_from_base64url(op, text(evil[i]), &out));
	assert_err(op, ERR_MALFORMED, bytes_from_base64url(op, BYTES_LITERAL("Zm9v\0Zg"), &out));
}

/* For every length and many contents: what is encoded decodes to itself, and one changed character never does. */
static void test_base64url_round_trip(void **state)
{
	struct op *op = *state;
	unsigned seed = test_seed();
	uint8_t content[97];
	for (size_t n = 0; n <= sizeof content; n++) {
		for (size_t i = 0; i < sizeof content; i++)
			content[i] = (uint8_t)rand_r(&seed);
		struct bytes plain = { content, n };
		struct bytes out;
		char *encoded = bytes_to_base64url(op->arena, plain);
		assert_ok(op, bytes_from_base64url(op, text(encoded), &out));
		assert_true(bytes_equal(out, plain));
		assert_ok(op, bytes_from_base64(op, text(bytes_to_base64(op->arena, plain)), &out));
		assert_true(bytes_equal(out, plain));
		for (char *at = encoded; *at != '\0'; at++) {
			char was = *at;
			*at = was == 'A' ? 'B' : 'A';
			result r = bytes_from_base64url(op, text(encoded), &out);
			assert_false(r.err == ERR_NONE && bytes_equal(out, plain));
			*at = was;
		}
	}
}

static void test_digests(void **state)
{
	struct op *op = *state;
	uint8_t sha256[SHA256_SIZE];
	uint8_t sha1[SHA1_SIZE];
	bytes_sha256(text("abc"), sha256);
	assert_string_equal(bytes_to_hex(op->arena, BYTES_ARRAY(sha256)),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	bytes_sha256_parts((struct bytes[]){ text("a"), BYTES_NONE, text("bc") }, 3, sha256);
	assert_string_equal(bytes_to_hex(op->arena, BYTES_ARRAY(sha256)),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	bytes_sha256(BYTES_NONE, sha256);
	assert_string_equal(bytes_to_hex(op->arena, BYTES_ARRAY(sha256)),
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	bytes_sha1(text("abc"), sha1);
	assert_string_equal(bytes_to_hex(op->arena, BYTES_ARRAY(sha1)), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void test_buf_grows_and_terminates(void **state)
{
	struct op *op = *state;
	struct buf buf;
	buf_init(&buf, op->arena, 0);
	assert_string_equal(buf_as_text(&buf), "");
	for (int i = 0; i < 1000; i++) {
		buf_printf(&buf, "%03d,", i);
		assert_int_equal(buf_as_text(&buf)[buf.n], '\0');
	}
	buf_text(&buf, "end");
	buf_byte(&buf, '.');
	buf_bytes(&buf, BYTES_LITERAL("\0!"));
	buf_bytes(&buf, BYTES_NONE);
	struct bytes out = buf_as_bytes(&buf);
	assert_int_equal(out.n, 4006);
	assert_memory_equal(out.p, "000,001,", 8);
	assert_memory_equal(out.p + 3996, "999,end.\0!", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_comparison),
		TEST(test_hex),
		TEST(test_base64_vectors),
		TEST(test_base64_refuses_what_is_not_canonical),
		TEST(test_base64url_refuses_what_jose_forbids_W12_J11),
		TEST(test_base64url_round_trip),
		TEST(test_digests),
		TEST(test_buf_grows_and_terminates),
	};
	return RUN_TESTS(tests);
}
