/* The DER reader, gate and writer. */
#include <stdio.h>
#include <string.h>

#include "ca/der.h"
#include "check.h"
#include "fixture.h"

static void test_gate(void **state UNUSED)
{
	static const struct {
		const char *what;
		struct bytes der;
		bool is_strict;
	} rows[] = {
		{ "a NULL", BYTES_LITERAL("\x05\x00"), true },
		{ "nothing", BYTES_LITERAL(""), false },
		{ "a tag alone", BYTES_LITERAL("\x30"), false },
		{ "content beyond the end", BYTES_LITERAL("\x04\x02x"), false },
		{ "trailing byte (N13)", BYTES_LITERAL("\x05\x00\x00"), false },
		{ "indefinite length (N13)", BYTES_LITERAL("\x30\x80\x05\x00\x00\x00"), false },
		{ "length 5 in long form", BYTES_LITERAL("\x04\x81\x05hello"), false },
		{ "length with a leading zero", BYTES_LITERAL("\x04\x82\x00\x05hello"), false },
		{ "length in five octets", BYTES_LITERAL("\x04\x85\x01\x00\x00\x00\x00"), false },
		{ "length near 2^32", BYTES_LITERAL("\x04\x84\xff\xff\xff\xff"), false },
		{ "tag of two bytes", BYTES_LITERAL("\x1f\x81\x01\x00"), false },
		{ "end of contents", BYTES_LITERAL("\x00\x00"), false },
		{ "constructed OCTET STRING", BYTES_LITERAL("\x24\x03\x04\x01x"), false },
		{ "primitive SEQUENCE", BYTES_LITERAL("\x10\x00"), false },
		{ "TRUE", BYTES_LITERAL("\x01\x01\xff"), true },
		{ "TRUE as 1", BYTES_LITERAL("\x01\x01\x01"), false },
		{ "empty INTEGER", BYTES_LITERAL("\x02\x00"), false },
		{ "INTEGER 128", BYTES_LITERAL("\x02\x02\x00\x80"), true },
		{ "INTEGER 127 with a zero before it", BYTES_LITERAL("\x02\x02\x00\x7f"), false },
		{ "INTEGER -1 in two octets", BYTES_LITERAL("\x02\x02\xff\xff"), false },
		{ "NULL with content", BYTES_LITERAL("\x05\x01\x00"), false },
		{ "OID", BYTES_LITERAL("\x06\x03\x55\x04\x03"), true },
		{ "empty OID", BYTES_LITERAL("\x06\x00"), false },
		{ "OID arc with a leading 80", BYTES_LITERAL("\x06\x03\x55\x80\x03"), false },
		{ "OID that does not end", BYTES_LITERAL("\x06\x02\x55\x84"), false },
		{ "BIT STRING, empty", BYTES_LITERAL("\x03\x01\x00"), true },
		{ "BIT STRING without its first octet", BYTES_LITERAL("\x03\x00"), false },
		{ "BIT STRING with unused bits set", BYTES_LITERAL("\x03\x02\x01\x81"), false },
		{ "BIT STRING with 8 unused bits", BYTES_LITERAL("\x03\x02\x08\x00"), false },
		{ "BIT STRING, empty with unused bits", BYTES_LITERAL("\x03\x01\x03"), false },
		{ "SET in order", BYTES_LITERAL("\x31\x06\x02\x01\x01\x02\x01\x02"), true },
		{ "SET out of order (N3, C16)", BYTES_LITERAL("\x31\x06\x02\x01\x02\x02\x01\x01"), false },
		{ "inner value broken", BYTES_LITERAL("\x30\x04\x30\x02\x02\x01"), false },
		{ "inner indefinite length", BYTES_LITERAL("\x30\x06\x30\x80\x05\x00\x00\x00"), false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (der_is_strict(rows[i].der) != rows[i].is_strict)
			fail_msg("%s: expected %s", rows[i].what, rows[i].is_strict ? "strict" : "refused");
	}
}

/* `levels` SEQUENCEs around nothing. */
static struct bytes nested(struct op *op, unsigned levels)
{
	struct buf buf;
	size_t marks[64];
	buf_init(&buf, op->arena, 64);
	for (unsigned i = 0; i < levels; i++)
		marks[i] = der_open(&buf, DER_SEQUENCE);
	for (unsigned i = levels; i-- > 0;)
		der_close(&buf, marks[i]);
	return buf_as_bytes(&buf);
}

static void test_depth(void **state)
{
	struct op *op = *state;
	assert_true(der_is_strict(nested(op, DER_DEPTH_MAX)));
	assert_false(der_is_strict(nested(op, DER_DEPTH_MAX + 1)));
	assert_false(der_is_strict(nested(op, 60)));
}

/* Contents of every length around the places where the length grows an octet come back as they were. */
static void test_lengths_round_trip(void **state)
{
	struct op *op = *state;
	static const size_t lengths[] = { 0, 1, 127, 128, 129, 255, 256, 257, 65535, 65536, 70000 };
	uint8_t *content = arena_alloc(op->arena, 70000);
	memset(content, 'x', 70000);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct buf buf;
		buf_init(&buf, op->arena, 16);
		size_t outer = der_open(&buf, DER_SEQUENCE);
		der_put(&buf, DER_OCTET_STRING, (struct bytes){ content, lengths[i] });
		der_put_true(&buf);
		der_close(&buf, outer);
		struct bytes in = buf_as_bytes(&buf), value, flag;
		assert_true(der_is_strict(in));
		assert_true(der_take(&in, DER_SEQUENCE, &in));
		assert_true(der_take(&in, DER_OCTET_STRING, &value));
		assert_true(bytes_equal(value, (struct bytes){ content, lengths[i] }));
		assert_true(der_take(&in, DER_BOOLEAN, &flag));
		assert_int_equal(in.n, 0);
	}
}

static void test_numbers_round_trip(void **state)
{
	struct op *op = *state;
	static const uint64_t numbers[] = { 0, 1, 127, 128, 255, 256, 32767, 32768, 1u << 31, 1ull << 32, INT64_MAX };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct buf buf;
		uint64_t number;
		struct bytes content;
		buf_init(&buf, op->arena, 16);
		der_put_number(&buf, DER_INTEGER, numbers[i]);
		struct bytes in = buf_as_bytes(&buf);
		assert_true(der_is_strict(in));
		assert_true(der_take(&in, DER_INTEGER, &content));
		assert_true(der_read_number(content, &number));
		assert_int_equal(number, numbers[i]);
	}
	uint64_t number;
	assert_false(der_read_number(BYTES_LITERAL("\x80"), &number)); /* negative */
	assert_false(der_read_number(BYTES_LITERAL("\x00\x80\x00\x00\x00\x00\x00\x00\x00"), &number));
}

/* C1 */
static void test_serials(void **state UNUSED)
{
	assert_true(der_is_serial(BYTES_LITERAL("\x01")));
	assert_true(der_is_serial(BYTES_LITERAL("\x7f\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01\x23\x45\x67\x89")));
	assert_false(der_is_serial(BYTES_LITERAL("")));
	assert_false(der_is_serial(BYTES_LITERAL("\x00")));
	assert_false(der_is_serial(BYTES_LITERAL("\xff")));
	assert_false(der_is_serial(BYTES_LITERAL("\x00\x01")));
	assert_false(der_is_serial(BYTES_LITERAL("\x7f\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01\x23\x45\x67\x89\x01")));
}

/* C3, N10 */
static void test_times_round_trip(void **state)
{
	struct op *op = *state;
	static const struct {
		int64_t time_s;
		const char *text;
	} rows[] = {
		{ -631152000, "\x17\x0d" "500101000000Z" },
		{ 0, "\x17\x0d" "700101000000Z" },
		{ 951782400, "\x17\x0d" "000229000000Z" },
		{ 2147483647, "\x17\x0d" "380119031407Z" },
		{ 2147483648, "\x17\x0d" "380119031408Z" },
		{ 2524607999, "\x17\x0d" "491231235959Z" },
		{ 2524608000, "\x18\x0f" "20500101000000Z" },
		{ 253402300799, "\x18\x0f" "99991231235959Z" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf buf;
		struct der_value value;
		int64_t time_s;
		buf_init(&buf, op->arena, 32);
		der_put_time(&buf, rows[i].time_s);
		struct bytes in = buf_as_bytes(&buf);
		assert_true(bytes_equal_text(in, rows[i].text));
		assert_true(der_next(&in, &value));
		assert_true(der_read_time(&value, &time_s));
		assert_int_equal(time_s, rows[i].time_s);
	}
}

/* C3 */
static void test_times_refused(void **state UNUSED)
{
	static const char *const rows[] = {
		"\x17\x0b" "7001010000Z",         /* no seconds */
		"\x17\x11" "700101000000+0000",   /* an offset */
		"\x17\x0d" "700230000000Z",       /* 30 February */
		"\x17\x0d" "010229000000Z",       /* no leap year */
		"\x17\x0d" "701301000000Z",       /* month 13 */
		"\x17\x0d" "700101240000Z",       /* hour 24 */
		"\x17\x0d" "700101000060Z",       /* second 60 */
		"\x17\x0d" "7001010000 0Z",       /* a blank */
		"\x17\x0d" "700101000000z",
		"\x18\x0f" "20491231235959Z",     /* belongs into UTCTime */
		"\x18\x11" "20500101000000.0Z",   /* a fraction */
		"\x13\x0d" "700101000000Z",       /* no time at all */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes in = bytes_of_text(rows[i]);
		struct der_value value;
		int64_t time_s;
		assert_true(der_next(&in, &value));
		if (der_read_time(&value, &time_s))
			fail_msg("time \"%s\" was read", rows[i] + 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_gate),   TEST(test_depth),		TEST(test_lengths_round_trip), TEST(test_numbers_round_trip),
		TEST(test_serials), TEST(test_times_round_trip), TEST(test_times_refused),
	};
	return RUN_TESTS(tests);
}
