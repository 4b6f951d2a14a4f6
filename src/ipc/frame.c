/*
 * Frames on the wire, and the blocking side that answers them (channel.h):
 * u32 payload length, u16 type, u64 id, payload; big-endian.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "ipc/channel.h"
#include "ipc/frame.h"
#include "ipc/message.h"

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
