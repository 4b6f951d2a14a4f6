/* Payloads of frames: what is put comes out; what is cut, too long or has a NUL inside does not. */
#include <string.h>

#include "check.h"
#include "fixture.h"
#include "ipc/message.h"

static struct bytes make(struct op *op)
{
	struct buf buf;

	buf_init(&buf, op->arena, 16);
	message_put_u8(&buf, 0xfe);
	message_put_u32(&buf, 0x01020304);
	message_put_u64(&buf, 0x0102030405060708);
	message_put_bytes(&buf, BYTES_LITERAL("\x00\x01\x02"));
	message_put_bytes(&buf, BYTES_NONE);
	message_put_text(&buf, "text");
	message_put_text(&buf, "");
	message_put_text(&buf, NULL);
	return buf_as_bytes(&buf);
}

/* Takes all that make() put; the caller looks at the reader. */
static void take(struct op *op, struct message_reader *reader, bool is_whole)
{
	uint8_t u8 = message_take_u8(reader);
	uint32_t u32 = message_take_u32(reader);
	uint64_t u64 = message_take_u64(reader);
	struct bytes bytes = message_take_bytes(reader);
	struct bytes none = message_take_bytes(reader);
	char *text = message_take_text(reader, op->arena);
	char *empty = message_take_text(reader, op->arena);
	char *null = message_take_text(reader, op->arena);

	if (!is_whole)
		return;
	assert_int_equal(u8, 0xfe);
	assert_int_equal(u32, 0x01020304);
	assert_true(u64 == 0x0102030405060708);
	assert_true(bytes_equal(bytes, BYTES_LITERAL("\x00\x01\x02")));
	assert_int_equal(none.n, 0);
	assert_string_equal(text, "text");
	assert_string_equal(empty, "");
	assert_null(null);
}

static void every_field_comes_back(void **state)
{
	struct op *op = *state;
	struct message_reader reader;

	message_read(&reader, make(op));
	take(op, &reader, true);
	assert_ok(op, message_end(op, &reader));
}

static void integers_are_big_endian(void **state)
{
	struct op *op = *state;
	struct buf buf;

	buf_init(&buf, op->arena, 16);
	message_put_u32(&buf, 0x01020304);
	assert_true(bytes_equal(buf_as_bytes(&buf), BYTES_LITERAL("\x01\x02\x03\x04")));
}

static void every_cut_is_noticed(void **state)
{
	struct op *op = *state;
	struct bytes whole = make(op);

	for (size_t n = 0; n < whole.n; n++) {
		struct message_reader reader;
		message_read(&reader, arena_bytes(op->arena, (struct bytes){ whole.p, n }));
		take(op, &reader, false);
		assert_err(op, ERR_MALFORMED, message_end(op, &reader));
	}
}

static void what_is_left_over_is_refused(void **state)
{
	struct op *op = *state;
	struct message_reader reader;

	message_read(&reader, BYTES_LITERAL("\x07\x00"));
	assert_int_equal(message_take_u8(&reader), 7);
	assert_err(op, ERR_MALFORMED, message_end(op, &reader));
}

static void a_length_beyond_the_payload_is_refused(void **state)
{
	struct op *op = *state;
	struct message_reader reader;

	message_read(&reader, BYTES_LITERAL("\xff\xff\xff\xfe" "abc"));
	assert_int_equal(message_take_bytes(&reader).n, 0);
	assert_err(op, ERR_MALFORMED, message_end(op, &reader));
}

static void a_text_with_a_nul_is_refused(void **state)
{
	struct op *op = *state;
	struct message_reader reader;

	message_read(&reader, BYTES_LITERAL("\x00\x00\x00\x03" "a\x00" "b"));
	assert_null(message_take_text(&reader, op->arena));
	assert_err(op, ERR_MALFORMED, message_end(op, &reader));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_field_comes_back),
		TEST(integers_are_big_endian),
		TEST(every_cut_is_noticed),
		TEST(what_is_left_over_is_refused),
		TEST(a_length_beyond_the_payload_is_refused),
		TEST(a_text_with_a_nul_is_refused),
	};
	return RUN_TESTS(tests);
}
