/*
 * One exchange: the bytes of a request, what was read from them, the reply, and
 * the op that it is all done under. A connection has at most one. While a job of
 * a lane runs, the job alone owns it but for `connection`, which belongs to the
 * loop at all times: a client that leaves meanwhile only clears it.
 */
#pragma once

#include "server/gate.h"
#include "server/mailbox.h"
#include "server/route.h"

struct connection;

struct exchange {
	struct mail mail;              /* first: how it comes back from a lane */
	struct mailbox *mailbox;       /* of the loop; held while a lane has it */
	struct connection *connection; /* NULL: the client has gone */

	uint8_t *buffer; /* all bytes received: this request, and what came after it */
	size_t n, capacity;
	int64_t started_ms; /* when the first byte came */
	struct gate gate;

	struct op *op; /* NULL until the head is complete */
	const struct route *route;
	struct call call;
	struct reply reply;
	struct fast_pin pin;
	struct tls_peer *peer; /* held; NULL: the client was not asked for a certificate */

	bool keep_alive; /* decided with the reply */
	struct bytes head, body; /* of the reply, as sent */
	size_t sent;
};

struct exchange *exchange_new(void);
void exchange_free(struct exchange **exchange);

/*
 * Room for more bytes: at least one, `expected` in all where that is known. The
 * caller's limits bound it: a gate that is fed refuses before it grows far.
 */
void exchange_make_room(struct exchange *exchange, size_t expected);

/* After its reply: forgets the request and moves what came after it to the front. */
void exchange_next(struct exchange *exchange);

/* Forgets everything, so that another connection can have it. */
void exchange_reset(struct exchange *exchange);

/* Fills `call` from the head that the gate has read. Views point into the buffer. */
void exchange_fill_call(struct exchange *exchange);

/* Replaces the reply by the error form of what failed in op: the route's own, or text. */
void exchange_fail(struct exchange *exchange);
/* The same for what the front itself refuses, with the HTTP status that says so. */
void exchange_refuse(struct exchange *exchange, int status, const char *reason);

/* lane_job: calls the route's handler, then posts the exchange to its loop. */
void exchange_run(void *exchange);
