/*
 * A nonblocking run of bytes to and from one client: plain TCP, a UNIX socket,
 * or TLS on top of either. Nothing here knows HTTP or waits: what would block
 * says what it waits for.
 *
 * One loop thread owns a stream.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/bytes.h"

struct stream {
	int fd;
	SSL *ssl; /* NULL: plain */
};

enum stream_state {
	STREAM_OK,
	STREAM_WANT_READ,
	STREAM_WANT_WRITE,
	STREAM_ENDED, /* by the client, in order or not: HTTP's own lengths tell what is whole */
	STREAM_BROKEN
};

/* Goes on with the TLS handshake; STREAM_OK: done. */
enum stream_state stream_handshake(struct stream *stream);

/* At most `n` bytes; *got is at least 1 with STREAM_OK. */
enum stream_state stream_read(struct stream *stream, uint8_t *p, size_t n, size_t *got);

/* True: bytes have left the socket but were not read yet, so no event will tell of them. */
bool stream_has_pending(const struct stream *stream);

/*
 * Sends from two runs of bytes as if they were one, `skip` bytes of which went
 * out before, and adds to *skip what went out now. STREAM_OK: something went.
 * After a WANT_… the same bytes must be offered again.
 */
enum stream_state stream_write(struct stream *stream, struct bytes head, struct bytes body, size_t *skip);

/* Says that nothing more will be sent; what the client still sends can be discarded. */
void stream_end_writing(struct stream *stream);
/* Reads and drops; STREAM_WANT_READ, or ENDED or BROKEN when there is nothing left to wait for. */
enum stream_state stream_discard(struct stream *stream);

void stream_close(struct stream *stream);
