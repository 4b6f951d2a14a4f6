/*
 * Chunked bodies (RFC 9112 section 7.1), decoded in place: the data moves down
 * to the end of what was decoded before. No extensions and no trailers: nobody
 * sends them to us, and they are where decoders disagree (H1).
 */
#include "server/gate_parts.h"

#include <string.h>

enum chunk_state { CHUNK_SIZE, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_DATA_CR, CHUNK_DATA_LF, CHUNK_END_CR, CHUNK_END_LF };

/*
 * Bytes of framing that a body may have beyond as many as its own limit: a body
 * of one-byte chunks is six times its size, and all of it would be held.
 */
#define FRAMING_ALLOWANCE 4096

#define MAX_SIZE_DIGITS 8

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool take_size_byte(struct gate *gate, uint8_t c)
{
	int digit = hex_value(c);

	if (digit >= 0 && gate->chunk_digits < MAX_SIZE_DIGITS) {
		gate->chunk_left = gate->chunk_left * 16 + (unsigned)digit;
		gate->chunk_digits++;
		return true;
	}
	if (c != '\r' || gate->chunk_digits == 0)
		return gate_refuse(gate, 400, "a chunk does not begin with its size alone");
	gate->chunk_state = CHUNK_SIZE_LF;
	return true;
}

static bool begin_chunk(struct gate *gate)
{
	if (gate->chunk_left > gate->limit - gate->body_n)
		return gate_refuse(gate, 413, "the body is larger than this address takes");
	gate->chunk_state = gate->chunk_left > 0 ? CHUNK_DATA : CHUNK_END_CR;
	return true;
}

static bool expect_byte(struct gate *gate, uint8_t c, uint8_t expected, enum chunk_state next)
{
	if (c != expected)
		return gate_refuse(gate, 400, "a chunk or the body does not end where its size says");
	gate->chunk_state = next;
	return true;
}

static bool take_framing_byte(struct gate *gate, uint8_t c)
{
	switch ((enum chunk_state)gate->chunk_state) {
	case CHUNK_SIZE:
		return take_size_byte(gate, c);
	case CHUNK_SIZE_LF:
		return expect_byte(gate, c, '\n', CHUNK_DATA) && begin_chunk(gate);
	case CHUNK_DATA_CR:
		return expect_byte(gate, c, '\r', CHUNK_DATA_LF);
	case CHUNK_DATA_LF:
		gate->chunk_digits = 0;
		return expect_byte(gate, c, '\n', CHUNK_SIZE);
	case CHUNK_END_CR:
		return expect_byte(gate, c, '\r', CHUNK_END_LF);
	case CHUNK_END_LF:
		if (!expect_byte(gate, c, '\n', CHUNK_END_LF))
			return false;
		gate->state = GATE_COMPLETE;
		return true;
	case CHUNK_DATA:
		break;
	}
	ASSERT(gate->chunk_state != CHUNK_DATA);
	return false;
}

static void take_data(struct gate *gate, uint8_t *p, size_t n)
{
	size_t take = n - gate->scanned;
	if (take > gate->chunk_left)
		take = (size_t)gate->chunk_left;
	memmove(p + gate->head_n + gate->body_n, p + gate->scanned, take);
	gate->body_n += take;
	gate->scanned += take;
	gate->chunk_left -= take;
	if (gate->chunk_left == 0)
		gate->chunk_state = CHUNK_DATA_CR;
}

enum gate_state gate_read_chunks(struct gate *gate, uint8_t *p, size_t n)
{
	while (gate->state == GATE_MORE && gate->scanned < n) {
		if (gate->chunk_state == CHUNK_DATA) {
			take_data(gate, p, n);
			continue;
		}
		if (!take_framing_byte(gate, p[gate->scanned]))
			break;
		gate->scanned++;
		if (gate->scanned - gate->head_n - gate->body_n > gate->limit + FRAMING_ALLOWANCE)
			gate_refuse(gate, 413, "the body is cut into too many chunks");
	}
	gate->consumed = gate->scanned;
	return gate->state;
}
