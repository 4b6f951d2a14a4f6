/*
 * Sending and reading of supervisor frames. A descriptor is attached to the
 * first byte of its frame, so whoever reads exactly one head at a time gets it
 * with the head.
 */
#include "ipc/supervisor_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/frame.h"
#include "ipc/message.h"

union fd_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

static void attach_fd(struct msghdr *message, union fd_control *control, int fd)
{
	memset(control, 0, sizeof(*control));
	message->msg_control = control->space;
	message->msg_controllen = sizeof(control->space);
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
}

result supervisor_wire_send(struct op *op, int fd, enum supervisor_frame type, struct bytes payload, int passed_fd)
{
	union fd_control control;
	struct msghdr message = { 0 };
	struct buf buf;

	buf_init(&buf, op->arena, FRAME_HEAD_SIZE + payload.n);
	frame_put(&buf, (uint16_t)type, 0, payload);
	struct iovec part = { .iov_base = buf.p, .iov_len = buf.n };
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	if (passed_fd >= 0)
		attach_fd(&message, &control, passed_fd);
	ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)buf.n)
		return OK;
	/* These frames are tiny: a socket that takes none, or half of one, belongs to somebody who has stopped reading. */
	if (n >= 0 || errno == EAGAIN)
		return FAIL(op, ERR_BUSY, "the other process does not read its messages");
	return FAIL(op, ERR_NOT_FOUND, "the other process cannot be reached: %s", strerrordesc_np(errno));
}

/* Closes all but the last: nobody sends more than one. */
static int detach_fd(struct msghdr *message)
{
	int fd = -1;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		if (fd >= 0)
			close(fd);
		memcpy(&fd, CMSG_DATA(head), sizeof(int));
	}
	return fd;
}

/* n bytes; what descriptor comes with them is put to *own_fd. */
static result read_part(struct op *op, int fd, uint8_t *p, size_t n, int *own_fd)
{
	union fd_control control;

	for (size_t have = 0; have < n;) {
		struct iovec part = { .iov_base = p + have, .iov_len = n - have };
		struct msghdr message = { .msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = control.space,
					  .msg_controllen = sizeof(control.space) };
		ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return FAIL(op, ERR_NOT_FOUND, "the other process has closed the connection");
		int came = detach_fd(&message);
		if (came >= 0 && *own_fd >= 0)
			close(*own_fd);
		if (came >= 0)
			*own_fd = came;
		have += (size_t)got;
	}
	return OK;
}

result supervisor_wire_read(struct op *op, int fd, struct frame *out, int *own_fd)
{
	uint8_t bytes[FRAME_HEAD_SIZE];
	struct frame_head head = { 0 };
	uint8_t *payload = NULL;

	*own_fd = -1;
	result r = read_part(op, fd, bytes, sizeof(bytes), own_fd);
	if (r.err == ERR_NONE)
		r = frame_head_parse(op, bytes, &head);
	if (r.err == ERR_NONE) {
		payload = arena_alloc(op->arena, head.n + 1);
		r = read_part(op, fd, payload, head.n, own_fd);
	}
	if (r.err != ERR_NONE && *own_fd >= 0) {
		close(*own_fd);
		*own_fd = -1;
	}
	*out = (struct frame){ head.type, head.id, { payload, head.n } };
	return r;
}

struct bytes supervisor_wire_peer(struct op *op, enum peer_kind kind, unsigned index)
{
	struct buf buf;

	buf_init(&buf, op->arena, 8);
	message_put_u8(&buf, (uint8_t)kind);
	message_put_u32(&buf, index);
	return buf_as_bytes(&buf);
}

result supervisor_wire_parse_peer(struct op *op, struct bytes payload, enum peer_kind *kind, unsigned *index)
{
	struct message_reader reader;

	message_read(&reader, payload);
	uint8_t number = message_take_u8(&reader);
	*index = message_take_u32(&reader);
	TRY(message_end(op, &reader));
	if (number > PEER_COURIER)
		return FAIL(op, ERR_MALFORMED, "there is no peer of kind %u", number);
	*kind = (enum peer_kind)number;
	return OK;
}
