/*
 * The payload of a frame: fields put one after the other and taken out in the
 * same order. Integers are big-endian; bytes and texts carry a 32-bit length.
 * Reading past the end or beyond a cap marks the reader bad; check once at the end.
 */
#pragma once

#include "base/op.h"

void message_put_u8(struct buf *buf, uint8_t value);
void message_put_u32(struct buf *buf, uint32_t value);
void message_put_u64(struct buf *buf, uint64_t value);
void message_put_bytes(struct buf *buf, struct bytes value);
void message_put_text(struct buf *buf, const char *value); /* NULL is kept apart from "" */

struct message_reader {
	struct bytes left;
	bool is_bad;
};

void message_read(struct message_reader *reader, struct bytes payload);
uint8_t message_take_u8(struct message_reader *reader);
uint32_t message_take_u32(struct message_reader *reader);
uint64_t message_take_u64(struct message_reader *reader);
struct bytes message_take_bytes(struct message_reader *reader); /* borrows from the payload */
char *message_take_text(struct message_reader *reader, struct arena *arena);
/* OK when every field was there and nothing is left over. */
result message_end(struct op *op, const struct message_reader *reader);
