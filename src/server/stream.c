/* Plain sockets by recv and sendmsg, TLS by SSL_read and SSL_write on the same descriptor. */
#include "server/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define RECORD_SIZE SSL3_RT_MAX_PLAIN_LENGTH /* what one TLS record carries: 16 KiB */

/* Why an SSL_… call did not succeed, as a state. Renegotiation is off, so directions do not mix. */
static enum stream_state tls_state(struct stream *stream, int returned)
{
	switch (SSL_get_error(stream->ssl, returned)) {
	case SSL_ERROR_WANT_READ:
		return STREAM_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return STREAM_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return STREAM_ENDED;
	default:
		/* The queue of errors is per thread: the next connection must not find ours. */
		ERR_clear_error();
		return STREAM_BROKEN;
	}
}

static enum stream_state socket_state(enum stream_state when_blocked)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return when_blocked;
	return STREAM_BROKEN;
}

enum stream_state stream_handshake(struct stream *stream)
{
	ERR_clear_error();
	int r = SSL_accept(stream->ssl);
	return r == 1 ? STREAM_OK : tls_state(stream, r);
}

enum stream_state stream_read(struct stream *stream, uint8_t *p, size_t n, size_t *got)
{
	if (stream->ssl != NULL) {
		int r = SSL_read_ex(stream->ssl, p, n, got);
		return r == 1 ? STREAM_OK : tls_state(stream, r);
	}
	ssize_t r = recv(stream->fd, p, n, 0);
	if (r < 0)
		return socket_state(STREAM_WANT_READ);
	*got = (size_t)r;
	return r == 0 ? STREAM_ENDED : STREAM_OK;
}

bool stream_has_pending(const struct stream *stream)
{
	return stream->ssl != NULL && SSL_has_pending(stream->ssl) == 1;
}

static struct bytes skipped(struct bytes bytes, size_t skip)
{
	return skip < bytes.n ? (struct bytes){ bytes.p + skip, bytes.n - skip } : BYTES_NONE;
}

static enum stream_state socket_write(struct stream *stream, struct bytes head, struct bytes body, size_t *skip)
{
	struct iovec parts[2] = {
		{ .iov_base = (void *)(uintptr_t)head.p, .iov_len = head.n },
		{ .iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = body.n > 0 ? 2 : 1 };

	if (head.n == 0) {
		message.msg_iov = &parts[1];
		message.msg_iovlen = 1;
	}
	ssize_t r = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
	if (r < 0)
		return socket_state(STREAM_WANT_WRITE);
	*skip += (size_t)r;
	return STREAM_OK;
}

/*
 * Head and body leave in one record where they fit in one. Built from the same
 * bytes in the same way each time, which is what SSL_write asks of a retry, and
 * wiped afterwards: a body may be a key that was made for the client.
 */
static enum stream_state tls_write(struct stream *stream, struct bytes head, struct bytes body, size_t *skip)
{
	static _Thread_local uint8_t record[RECORD_SIZE];
	struct bytes piece = body;
	size_t sent;

	if (head.n > 0) {
		size_t head_n = head.n < sizeof record ? head.n : sizeof record;
		size_t body_n = body.n < sizeof record - head_n ? body.n : sizeof record - head_n;
		memcpy(record, head.p, head_n);
		if (body_n > 0)
			memcpy(record + head_n, body.p, body_n);
		piece = (struct bytes){ record, head_n + body_n };
	}
	if (piece.n > RECORD_SIZE)
		piece.n = RECORD_SIZE;
	int r = SSL_write_ex(stream->ssl, piece.p, piece.n, &sent);
	if (piece.p == record)
		OPENSSL_cleanse(record, piece.n);
	if (r != 1)
		return tls_state(stream, r);
	*skip += sent;
	return STREAM_OK;
}

enum stream_state stream_write(struct stream *stream, struct bytes head, struct bytes body, size_t *skip)
{
	struct bytes body_left = *skip > head.n ? skipped(body, *skip - head.n) : body;
	struct bytes head_left = skipped(head, *skip);

	if (stream->ssl != NULL)
		return tls_write(stream, head_left, body_left, skip);
	return socket_write(stream, head_left, body_left, skip);
}

void stream_end_writing(struct stream *stream)
{
	if (stream->ssl != NULL && SSL_shutdown(stream->ssl) < 0)
		ERR_clear_error();
	shutdown(stream->fd, SHUT_WR);
}

enum stream_state stream_discard(struct stream *stream)
{
	uint8_t dropped[4096];

	/* A bounded number of turns: others of this loop want to be served too. */
	for (unsigned turn = 0; turn < 16; turn++) {
		ssize_t r = recv(stream->fd, dropped, sizeof dropped, 0);
		if (r == 0)
			return STREAM_ENDED;
		if (r < 0)
			return socket_state(STREAM_WANT_READ);
	}
	return STREAM_WANT_READ;
}

void stream_close(struct stream *stream)
{
	if (stream->ssl != NULL) {
		/* A parting close_notify where nothing went wrong before; no waiting for the other's. */
		if (SSL_is_init_finished(stream->ssl) && SSL_shutdown(stream->ssl) < 0)
			ERR_clear_error();
		SSL_free(stream->ssl);
		stream->ssl = NULL;
	}
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
}
