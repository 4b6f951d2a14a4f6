/*
 * Frames on the wire, and the blocking side that answers them (channel.h):
 * u32 payload length, u16 type, u64 id, payload; big-endian.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "ipc/channel.h"
#include "ipc/frame.h"
#include "ipc/message.h"

#define SOURCE_BYTES 4096 /* several requests to sign; larger frames make more room */

result frame_head_parse(struct op *op, const uint8_t head[FRAME_HEAD_SIZE], struct frame_head *out)
{
	struct message_reader reader;

	message_read(&reader, (struct bytes){ head, FRAME_HEAD_SIZE });
	out->n = message_take_u32(&reader);
	out->type = (uint16_t)(message_take_u8(&reader) << 8);
	out->type = (uint16_t)(out->type | message_take_u8(&reader));
	out->id = message_take_u64(&reader);
	/* Before anything is allocated for it. */
	if (out->n > LIMIT_FRAME_BYTES)
		return FAIL(op, ERR_MALFORMED, "a frame of %u bytes from another process is beyond the limit of %d", out->n,
			    LIMIT_FRAME_BYTES);
	return OK;
}

static void head_put(struct buf *buf, uint16_t type, uint64_t id, size_t n)
{
	message_put_u32(buf, (uint32_t)n);
	message_put_u8(buf, (uint8_t)(type >> 8));
	message_put_u8(buf, (uint8_t)type);
	message_put_u64(buf, id);
}

void frame_put(struct buf *buf, uint16_t type, uint64_t id, struct bytes payload)
{
	ASSERT(payload.n <= LIMIT_FRAME_BYTES);
	head_put(buf, type, id, payload.n);
	buf_bytes(buf, payload);
}

/* Exactly n bytes; ERR_NOT_FOUND when the peer closed before the first. */
static result read_all(struct op *op, int fd, uint8_t *p, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = recv(fd, p + have, n - have, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != ECONNRESET)
			return FAIL(op, ERR_BACKEND, "reading from another process: %s", strerrordesc_np(errno));
		if (got <= 0 && have == 0)
			return FAIL(op, ERR_NOT_FOUND, "the other process has closed the connection");
		if (got <= 0)
			return FAIL(op, ERR_BACKEND, "the other process closed in the middle of a frame");
		have += (size_t)got;
	}
	return OK;
}

result frame_read(struct op *op, int fd, struct frame *out)
{
	uint8_t bytes[FRAME_HEAD_SIZE];
	struct frame_head head;

	TRY(read_all(op, fd, bytes, sizeof(bytes)));
	TRY(frame_head_parse(op, bytes, &head));
	uint8_t *payload = arena_alloc(op->arena, head.n + 1);
	result r = read_all(op, fd, payload, head.n);
	if (r.err == ERR_NOT_FOUND)
		return FAIL(op, ERR_BACKEND, "the other process closed in the middle of a frame");
	TRY(r);
	*out = (struct frame){ head.type, head.id, { payload, head.n } };
	return OK;
}

result frame_write(struct op *op, int fd, uint16_t type, uint64_t id, struct bytes payload)
{
	struct buf buf;

	if (payload.n > LIMIT_FRAME_BYTES)
		return FAIL(op, ERR_LIMIT, "a frame of %zu bytes is beyond the limit of %d", payload.n, LIMIT_FRAME_BYTES);
	buf_init(&buf, op->arena, FRAME_HEAD_SIZE + payload.n);
	frame_put(&buf, type, id, payload);
	for (size_t sent = 0; sent < buf.n;) {
		ssize_t n = send(fd, buf.p + sent, buf.n - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return FAIL(op, ERR_NOT_FOUND, "the other process has closed the connection");
		if (n < 0)
			return FAIL(op, ERR_BACKEND, "writing to another process: %s", strerrordesc_np(errno));
		sent += (size_t)n;
	}
	return OK;
}

result frame_write_failure(struct op *op, int fd, uint64_t id, const struct op *failed)
{
	/* A failure that says ERR_NONE would be an answer; that is a bug of the caller. */
	enum err err = failed->err == ERR_NONE ? ERR_BUG : failed->err;
	struct buf buf;

	buf_init(&buf, op->arena, 8 + strlen(failed->detail));
	message_put_u8(&buf, (uint8_t)err);
	message_put_text(&buf, failed->detail);
	return frame_write(op, fd, FRAME_FAILURE, id, buf_as_bytes(&buf));
}

result frame_failure(struct op *op, const char *peer, struct bytes payload)
{
	struct message_reader reader;

	message_read(&reader, payload);
	uint8_t err = message_take_u8(&reader);
	const char *detail = message_take_text(&reader, op->arena);
	if (reader.is_bad || detail == NULL || err == ERR_NONE || err > ERR_BUG)
		return FAIL(op, ERR_BACKEND, "%s failed and did not say how", peer);
	return FAIL(op, (enum err)err, "%s", detail);
}

result frame_parse(struct op *op, struct bytes from, struct frame *out, size_t *consumed, bool *is_whole)
{
	struct frame_head head;

	*consumed = 0;
	*is_whole = false;
	if (from.n < FRAME_HEAD_SIZE)
		return OK;
	TRY(frame_head_parse(op, from.p, &head));
	if (from.n - FRAME_HEAD_SIZE < head.n)
		return OK;
	struct bytes payload = { from.p + FRAME_HEAD_SIZE, head.n };
	*out = (struct frame){ head.type, head.id, arena_bytes(op->arena, payload) };
	*consumed = FRAME_HEAD_SIZE + head.n;
	*is_whole = true;
	return OK;
}

void frame_source_init(struct frame_source *source, int fd)
{
	*source = (struct frame_source){ .fd = fd, .p = malloc(SOURCE_BYTES), .capacity = SOURCE_BYTES };
	ASSERT(source->p != NULL);
}

void frame_source_clear(struct frame_source *source)
{
	free(source->p);
	*source = (struct frame_source){ .fd = -1 };
}

/* Waits for more bytes. No frame is longer than frame_parse allows, and so is what is held. */
static result source_fill(struct op *op, struct frame_source *source)
{
	memmove(source->p, source->p + source->first, source->n);
	source->first = 0;
	if (source->n == source->capacity) {
		source->capacity *= 2;
		source->p = realloc(source->p, source->capacity);
		ASSERT(source->p != NULL);
	}
	ssize_t got;
	do
		got = recv(source->fd, source->p + source->n, source->capacity - source->n, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno != ECONNRESET)
		return FAIL(op, ERR_BACKEND, "reading from another process: %s", strerrordesc_np(errno));
	if (got <= 0 && source->n == 0)
		return FAIL(op, ERR_NOT_FOUND, "the other process has closed the connection");
	if (got <= 0)
		return FAIL(op, ERR_BACKEND, "the other process closed in the middle of a frame");
	source->n += (size_t)got;
	return OK;
}

result frame_source_next(struct op *op, struct frame_source *source, struct frame *out)
{
	for (;;) {
		size_t consumed;
		bool is_whole;
		TRY(frame_parse(op, (struct bytes){ source->p + source->first, source->n }, out, &consumed, &is_whole));
		source->first += consumed;
		source->n -= consumed;
		if (is_whole)
			return OK;
		TRY(source_fill(op, source));
	}
}
