/* The life of an exchange apart from sockets: buffers, the handler's turn, failures. */
#include "server/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/peer.h"

#define FIRST_ROOM 4096      /* nearly every request fits */
#define LARGEST_KEPT 8192    /* what an exchange at rest may hold */

struct exchange *exchange_new(void)
{
	struct exchange *exchange = calloc(1, sizeof *exchange);
	ASSERT(exchange != NULL);
	return exchange;
}

static void forget_request(struct exchange *exchange)
{
	if (exchange->pin.object != NULL)
		exchange->pin.unpin(exchange->pin.object);
	exchange->pin = (struct fast_pin){ NULL, NULL };
	op_free(&exchange->op);
	tls_peer_release(&exchange->peer);
	exchange->route = NULL;
	memset(&exchange->call, 0, sizeof exchange->call);
	memset(&exchange->reply, 0, sizeof exchange->reply);
	exchange->head = exchange->body = BYTES_NONE;
	exchange->sent = 0;
	gate_init(&exchange->gate);
}

void exchange_free(struct exchange **exchange)
{
	if (*exchange == NULL)
		return;
	forget_request(*exchange);
	free((*exchange)->buffer);
	free(*exchange);
	*exchange = NULL;
}

void exchange_make_room(struct exchange *exchange, size_t expected)
{
	size_t capacity = exchange->capacity;

	if (exchange->n == capacity)
		capacity = capacity == 0 ? FIRST_ROOM : capacity * 2;
	if (capacity < expected)
		capacity = expected;
	if (capacity == exchange->capacity)
		return;
	uint8_t *buffer = realloc(exchange->buffer, capacity);
	ASSERT(buffer != NULL);
	exchange->buffer = buffer;
	exchange->capacity = capacity;
}

void exchange_next(struct exchange *exchange)
{
	size_t left = exchange->n - exchange->gate.consumed;

	memmove(exchange->buffer, exchange->buffer + exchange->gate.consumed, left);
	exchange->n = left;
	forget_request(exchange);
}

void exchange_reset(struct exchange *exchange)
{
	forget_request(exchange);
	exchange->connection = NULL;
	exchange->n = 0;
	if (exchange->capacity <= LARGEST_KEPT)
		return;
	free(exchange->buffer);
	exchange->buffer = NULL;
	exchange->capacity = 0;
}

static enum http_method method_of(struct bytes name)
{
	if (bytes_equal(name, BYTES_LITERAL("GET")))
		return HTTP_GET;
	if (bytes_equal(name, BYTES_LITERAL("POST")))
		return HTTP_POST;
	if (bytes_equal(name, BYTES_LITERAL("HEAD")))
		return HTTP_HEAD;
	return HTTP_OTHER;
}

void exchange_fill_call(struct exchange *exchange)
{
	struct call *call = &exchange->call;
	const struct gate *gate = &exchange->gate;
	const uint8_t *question = memchr(gate->target.p, '?', gate->target.n);

	call->method = method_of(gate->method);
	call->method_name = gate->method;
	call->target = gate->target;
	call->path = gate->target;
	call->query = BYTES_NONE;
	if (question != NULL) {
		call->path.n = (size_t)(question - gate->target.p);
		call->query = (struct bytes){ question + 1, gate->target.n - call->path.n - 1 };
	}
	call->host = gate->host;
	call->headers = gate->headers;
	call->n_headers = gate->n_headers;
	call->body = (struct bytes){ exchange->buffer + gate->head_n, gate->body_n };
}

/* How a failure looks where no protocol has a form of its own for it. */
static int status_of(enum err err)
{
	switch (err) {
	case ERR_MALFORMED:
		return 400;
	case ERR_UNAUTHENTIC:
		return 401;
	case ERR_DENIED:
	case ERR_POLICY:
		return 403;
	case ERR_NOT_FOUND:
		return 404;
	case ERR_CONFLICT:
		return 409;
	case ERR_LIMIT:
		return 429;
	case ERR_BUSY:
	case ERR_BACKEND:
		return 503;
	case ERR_NONE:
	case ERR_BUG:
		break;
	}
	return 500;
}

/* What went wrong inside is for the log; the client gets the number to ask with. */
static void fail_as_text(struct op *op, struct reply *reply)
{
	if (op->err == ERR_BUG || op->err == ERR_BACKEND || op->err == ERR_NONE)
		reply_text(op, reply, status_of(op->err), "the server failed; its log has the reason under this Request-Id");
	else
		reply_text(op, reply, status_of(op->err), op->detail);
}

static void fail_with(struct exchange *exchange, int status)
{
	memset(&exchange->reply, 0, sizeof exchange->reply);
	exchange->reply.status = status;
	if (exchange->route != NULL && exchange->route->fail != NULL)
		exchange->route->fail(exchange->op, &exchange->call, &exchange->reply);
	else
		fail_as_text(exchange->op, &exchange->reply);
	if (exchange->reply.status == 0)
		reply_text(exchange->op, &exchange->reply, 500, "the server failed to say what went wrong");
}

void exchange_fail(struct exchange *exchange)
{
	fail_with(exchange, 0);
}

static enum err err_of(int status)
{
	switch (status) {
	case 404:
		return ERR_NOT_FOUND;
	case 503:
		return ERR_BUSY;
	case 500:
		return ERR_BUG;
	default:
		return ERR_MALFORMED;
	}
}

void exchange_refuse(struct exchange *exchange, int status, const char *reason)
{
	IGNORE(FAIL(exchange->op, err_of(status), "%s", reason)); /* told by the reply made of it */
	fail_with(exchange, status);
	exchange->reply.status = status;
}

void exchange_run(void *arg)
{
	struct exchange *exchange = arg;
	result r = exchange->route->handler(exchange->op, &exchange->call, &exchange->reply);

	if (r.err == ERR_NONE && exchange->reply.status == 0)
		r = FAIL(exchange->op, ERR_BUG, "the handler of %s made no reply", exchange->route->pattern);
	if (r.err == ERR_BUG || r.err == ERR_BACKEND)
		log_failure(exchange->op, "request.failed");
	if (r.err != ERR_NONE)
		exchange_fail(exchange);
	if (!mailbox_post(exchange->mailbox, &exchange->mail))
		exchange_free(&exchange);
}
