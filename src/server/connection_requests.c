/*
 * What a connection does with bytes that have arrived: shows them to the gate,
 * says by the head alone what can be said by it, and lets the request be answered
 * from memory or by a job in a lane.
 */
#include "server/connection_parts.h"

#include <string.h>

#include "base/text.h"
#include "server/peer.h"
#include "server/respond.h"

/* Slowest client that a large reply waits for: 64 KiB/s. */
#define SLOWEST_BYTES_PER_MS 64

/* The op of a request, made when its head is complete or refused. */
static void begin_op(struct connection *c)
{
	struct exchange *x = c->exchange;
	int64_t request_ms = c->loop->shared->config.request_ms;

	if (x->op != NULL)
		return;
	x->op = op_new();
	/* A tenth of the time is left for the handler's own failure to be written. */
	x->op->deadline_ms = x->started_ms + request_ms - request_ms / 10;
	x->op->actor.kind = ACTOR_CLIENT;
	text_copy(x->op->actor.remote, sizeof x->op->actor.remote, c->visitor.remote);
	if (c->visitor.kind != ON_LOCAL)
		return;
	x->op->actor.kind = ACTOR_OPERATOR;
	text_copy(x->op->actor.id, sizeof x->op->actor.id,
		  arena_printf(x->op->arena, "uid:%u", (unsigned)c->visitor.uid));
}

/* What is left of the request's time, but enough for last words, and for a large reply its due. */
static void set_write_deadline(struct connection *c)
{
	int64_t due_ms = (int64_t)c->exchange->body.n / SLOWEST_BYTES_PER_MS;
	int64_t request_ends_ms = c->exchange->started_ms + c->loop->shared->config.request_ms;
	int64_t least_ms = c->loop->now_ms + LINGER_MS;

	connection_set_deadline(c, request_ends_ms > least_ms ? request_ends_ms : least_ms, due_ms);
}

bool connection_begin_write(struct connection *c)
{
	struct exchange *x = c->exchange;
	bool is_whole = x->gate.state == GATE_COMPLETE;

	/* What was refused by its head alone, without a body behind it, leaves nothing in doubt. */
	if (x->gate.state == GATE_HEAD && !gate_has_body(&x->gate)) {
		x->gate.consumed = x->gate.head_n;
		is_whole = true;
	}
	c->n_requests++;
	x->keep_alive = is_whole && x->gate.keep_alive && !x->reply.close && !c->loop->is_draining &&
			c->n_requests < LIMIT_REQUESTS_PER_CONNECTION;
	respond_prepare(x, loop_date(c->loop));
	c->phase = PHASE_WRITE;
	set_write_deadline(c);
	return true;
}

bool connection_refuse(struct connection *c, int status, const char *reason)
{
	begin_op(c);
	exchange_refuse(c->exchange, status, reason);
	loop_count(status == 503 ? &c->loop->counts.busy : &c->loop->counts.bad_requests);
	return connection_begin_write(c);
}

static void fill_call(struct connection *c)
{
	struct exchange *x = c->exchange;

	exchange_fill_call(x);
	x->call.is_tls = (c->visitor.kind & ON_TLS) != 0;
	if (x->peer == NULL && c->peer != NULL) {
		x->peer = c->peer;
		tls_peer_hold(x->peer);
	}
	x->call.peer = x->peer;
	x->call.is_local_operator = c->visitor.kind == ON_LOCAL;
	x->call.peer_uid = c->visitor.uid;
	x->route = routes_find(c->loop->shared->config.routes, c->visitor.kind, &x->call);
}

/* The protocol's own form where the head says whose it is; the gate's plain words otherwise. */
static bool refuse_at_gate(struct connection *c)
{
	struct exchange *x = c->exchange;

	x->route = NULL;
	memset(&x->call, 0, sizeof x->call);
	if (x->gate.target.p != NULL && (x->gate.status == 413 || x->gate.status == 415 || x->gate.status == 417))
		fill_call(c);
	return connection_refuse(c, x->gate.status, x->gate.reason);
}

static bool allows(const struct route *route, enum http_method method)
{
	switch (method) {
	case HTTP_GET:
		return route->get;
	case HTTP_HEAD:
		return route->head;
	case HTTP_POST:
		return route->post;
	case HTTP_OTHER:
		break;
	}
	return false;
}

/* A short line into a fresh socket: one that cannot take it is not worth waiting for. */
static bool send_continue(struct connection *c)
{
	static const struct bytes line = BYTES_LITERAL("HTTP/1.1 100 Continue\r\n\r\n");
	size_t sent = 0;

	return stream_write(&c->stream, line, BYTES_NONE, &sent) == STREAM_OK && sent == line.n;
}

/* All that can be said against a request by its head is said before its body is read. */
static bool take_head(struct connection *c)
{
	struct exchange *x = c->exchange;

	begin_op(c);
	fill_call(c);
	if (x->route == NULL)
		return connection_refuse(c, 404, "there is nothing at this address");
	if (!allows(x->route, x->call.method))
		return connection_refuse(c, 405, "this address does not take that method");
	if (x->call.method == HTTP_POST && !x->gate.has_length && !x->gate.is_chunked)
		return connection_refuse(c, 411, "a POST needs Content-Length or a chunked body");
	gate_body_limit(&x->gate, x->call.method == HTTP_POST ? x->route->body_limit : 0);
	if (x->gate.state == GATE_REFUSED || !gate_has_body(&x->gate))
		return true;

	connection_set_deadline(c, x->started_ms, c->loop->shared->config.request_ms);
	if (x->gate.has_length)
		exchange_make_room(x, x->gate.head_n + (size_t)x->gate.length);
	if (x->gate.expects_continue && x->n == x->gate.head_n && !send_continue(c)) {
		connection_close(c);
		return false;
	}
	return true;
}

static bool submit(struct connection *c)
{
	struct exchange *x = c->exchange;
	struct lane *lane = c->loop->shared->config.lanes[route_lane(x->route, &x->call)];

	memset(&x->reply, 0, sizeof x->reply);
	x->connection = c;
	x->mailbox = c->loop->mailbox;
	mailbox_hold(x->mailbox);
	c->phase = PHASE_LANE;
	connection_set_deadline(c, x->started_ms, c->loop->shared->config.request_ms);
	if (lane_submit(lane, exchange_run, x))
		return false; /* from here on the worker owns it */
	mailbox_release(x->mailbox);
	return connection_refuse(c, 503, "the server is busy; try again");
}

static bool serve(struct connection *c)
{
	struct exchange *x = c->exchange;

	/* The buffer may have moved while the body came in. */
	if (gate_has_body(&x->gate))
		fill_call(c);
	if (x->route->fast != NULL && x->route->fast(x->op, &x->call, &x->reply, &x->pin))
		return connection_begin_write(c);
	if (x->route->handler == NULL)
		return connection_refuse(c, 500, "the fast handler declined, and there is no other");
	return submit(c);
}

bool connection_parse(struct connection *c)
{
	struct exchange *x = c->exchange;

	switch (gate_feed(&x->gate, x->buffer, x->n)) {
	case GATE_MORE:
		c->phase = PHASE_READ;
		/* What the socket still holds comes with the next event. */
		return stream_has_pending(&c->stream);
	case GATE_HEAD:
		return take_head(c);
	case GATE_COMPLETE:
		return serve(c);
	case GATE_REFUSED:
		break;
	}
	return refuse_at_gate(c);
}
