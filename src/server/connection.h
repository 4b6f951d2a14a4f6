/*
 * The state machine of one connection: handshake, read, hand over, write, and
 * again. Requests that come in a row without waiting are answered in their order,
 * one at a time.
 *
 * Deadlines count from the beginning of their stage and no byte moves them
 * (F19): a client that sends one byte a second is as late as one that is silent.
 */
#pragma once

#include "server/loop.h"
#include "server/stream.h"

/* Who connected, as the listener found out. */
struct visitor {
	enum listener_kind kind;
	struct address_key key; /* entered in the admission, unless ON_LOCAL */
	uint32_t uid;           /* with ON_LOCAL */
	char remote[INET6_ADDRSTRLEN];
};

/* Takes the stream; the connection frees itself when it ends. */
void connection_open(struct loop *loop, struct stream own_stream, const struct visitor *visitor);

/* Its exchange has come back from a lane. */
void connection_answer(struct connection *connection);

/* Ends those of the loop whose deadline has passed. */
void connection_sweep(struct loop *loop);
/* Ends those that wait for a request; others end after their reply. */
void connection_end_idle(struct loop *loop);
void connection_end_all(struct loop *loop);
