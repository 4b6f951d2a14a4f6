/*
 * The strict gate: bytes of one HTTP/1.0 or 1.1 request to struct gate
 * (RFC 9112), refusing whatever proxies and servers have been known to read in
 * two ways: both Content-Length and Transfer-Encoding, any coding but exactly
 * "chunked", bare LF, NUL, folding, blanks before the colon, empty names, chunk
 * extensions, trailers (H1). A pure function of its input: the verdict does not
 * depend on the pieces in which the bytes arrive. Fuzzed.
 */
#pragma once

#include "base/limits.h"
#include "server/call.h"

enum gate_state {
	GATE_MORE,     /* incomplete: feed more bytes */
	GATE_HEAD,     /* the head is complete; body framing is known */
	GATE_COMPLETE, /* head and body */
	GATE_REFUSED   /* answer `status` and close */
};

struct gate {
	enum gate_state state;
	int status;          /* with GATE_REFUSED: 400, 413, 414, 415, 417, 431, 501, 505 */
	const char *reason;  /* one sentence for the client and the log */

	unsigned n_headers; /* of `headers` below */
	struct bytes method, target, host;
	bool is_http10, keep_alive, expects_continue, is_chunked, has_length;
	uint64_t length;     /* of the body when has_length */
	size_t head_n;       /* bytes of the head, blank line included; 0 until it is complete */
	size_t body_n, consumed;

	/* Internal to gate.c: where lines begin and how far the bytes were looked at. */
	uintptr_t base;
	size_t line_at, fields_at, scanned;
	bool has_expectation;
	size_t limit;
	/* Internal to gate_chunks.c. */
	unsigned chunk_state, chunk_digits;
	uint64_t chunk_left;

	struct http_header headers[LIMIT_HEADER_COUNT]; /* last: gate_init has no need to clear it */
};

void gate_init(struct gate *gate);

/*
 * Looks at all bytes received so far of this request (`p` may move between
 * calls, the first `n` bytes never change, but that a chunked body is decoded in
 * place behind the head). Stops at GATE_HEAD once, so that the caller can match
 * a route; call gate_body_limit, then go on calling.
 * On GATE_COMPLETE `consumed` bytes belong to the request, the body is the
 * `body_n` bytes from head_n, and header views point into `p`.
 */
enum gate_state gate_feed(struct gate *gate, uint8_t *p, size_t n);

/*
 * After GATE_HEAD: bodies beyond `limit` are refused with 413, before they are
 * read where a length is known. Without this call no body is allowed at all.
 */
void gate_body_limit(struct gate *gate, size_t limit);

/* Whether the head announces a body. */
bool gate_has_body(const struct gate *gate);
