/*
 * Payloads of frames between our own processes. The peer is our own binary but
 * may have been taken over (a signer maps a vendor's module), so reading trusts
 * no length.
 */
#include "ipc/message.h"

#include <string.h>

/* The length of a text that is not there; no real text reaches it, frames are capped far below. */
#define LENGTH_OF_NULL UINT32_MAX

void message_put_u8(struct buf *buf, uint8_t value)
{
	buf_byte(buf, value);
}

void message_put_u32(struct buf *buf, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_byte(buf, (uint8_t)(value >> shift));
}

void message_put_u64(struct buf *buf, uint64_t value)
{
	message_put_u32(buf, (uint32_t)(value >> 32));
	message_put_u32(buf, (uint32_t)value);
}

void message_put_bytes(struct buf *buf, struct bytes value)
{
	ASSERT(value.n < LENGTH_OF_NULL);
	message_put_u32(buf, (uint32_t)value.n);
	buf_bytes(buf, value);
}

void message_put_text(struct buf *buf, const char *value)
{
	if (value == NULL)
		message_put_u32(buf, LENGTH_OF_NULL);
	else
		message_put_bytes(buf, bytes_of_text(value));
}

void message_read(struct message_reader *reader, struct bytes payload)
{
	reader->left = payload;
	reader->is_bad = false;
}

/* The next n bytes, or NULL and a bad reader. */
static const uint8_t *take(struct message_reader *reader, size_t n)
{
	if (reader->is_bad || reader->left.n < n) {
		reader->is_bad = true;
		return NULL;
	}
	const uint8_t *p = reader->left.p;
	if (n > 0)
		reader->left.p += n;
	reader->left.n -= n;
	return p;
}

static uint64_t take_integer(struct message_reader *reader, size_t n)
{
	const uint8_t *p = take(reader, n);
	uint64_t value = 0;

	for (size_t i = 0; p != NULL && i < n; i++)
		value = value << 8 | p[i];
	return value;
}

uint8_t message_take_u8(struct message_reader *reader)
{
	return (uint8_t)take_integer(reader, 1);
}

uint32_t message_take_u32(struct message_reader *reader)
{
	return (uint32_t)take_integer(reader, 4);
}

uint64_t message_take_u64(struct message_reader *reader)
{
	return take_integer(reader, 8);
}

struct bytes message_take_bytes(struct message_reader *reader)
{
	uint32_t n = message_take_u32(reader);
	const uint8_t *p = take(reader, n);

	return reader->is_bad ? BYTES_NONE : (struct bytes){ p, n };
}

char *message_take_text(struct message_reader *reader, struct arena *arena)
{
	uint32_t n = message_take_u32(reader);
	if (reader->is_bad || n == LENGTH_OF_NULL)
		return NULL;
	const uint8_t *p = take(reader, n);
	if (reader->is_bad)
		return NULL;
	/* A NUL inside would make two readers see two texts. */
	if (n > 0 && memchr(p, 0, n) != NULL) {
		reader->is_bad = true;
		return NULL;
	}
	return n == 0 ? arena_text(arena, "") : arena_text_n(arena, (const char *)p, n);
}

result message_end(struct op *op, const struct message_reader *reader)
{
	if (reader->is_bad)
		return FAIL(op, ERR_MALFORMED, "a message between our processes is cut short");
	if (reader->left.n != 0)
		return FAIL(op, ERR_MALFORMED, "a message between our processes is %zu bytes too long", reader->left.n);
	return OK;
}
