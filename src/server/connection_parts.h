/*
 * What the two halves of a connection share: connection.c moves bytes and keeps
 * time, connection_requests.c decides what becomes of a request.
 */
#pragma once

#include "server/connection.h"

enum phase { PHASE_HANDSHAKE, PHASE_READ, PHASE_PARSE, PHASE_LANE, PHASE_WRITE, PHASE_LINGER };

struct connection {
	struct loop *loop;
	struct connection *next, **link; /* in loop->connections */
	struct visitor visitor;
	struct stream stream;
	struct tls_peer *peer; /* ON_MUTUAL, after the handshake */
	struct event readable, writable;
	bool is_reading; /* `readable` is active */
	enum phase phase;
	int64_t deadline_ms;
	struct exchange *exchange; /* NULL: idle */
	unsigned n_requests;
};

/* How long a client may take to read our last words and go (RFC 9112 section 9.6). */
#define LINGER_MS 2000

/* Steps say whether to go on at once; after false the connection may be gone. */

/* Shows the gate what has arrived, and acts on its verdict. */
bool connection_parse(struct connection *c);
/* Answers with an error of the front's own; in the route's form where it is known. */
bool connection_refuse(struct connection *c, int status, const char *reason);
/* The reply stands: decides whether the connection lives on, and begins to write. */
bool connection_begin_write(struct connection *c);

void connection_set_deadline(struct connection *c, int64_t from_ms, int64_t ms);
void connection_close(struct connection *c);
