/*
 * Each phase has a step that does what can be done now and says whether to go on
 * at once. A step that waits has left an event behind, or a job in a lane.
 *
 * Reading is not switched off while a job runs, because most clients send nothing
 * then; the first event that proves otherwise switches it off until the reply.
 */
#include "server/connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "server/respond.h"

enum phase { PHASE_HANDSHAKE, PHASE_READ, PHASE_PARSE, PHASE_LANE, PHASE_WRITE, PHASE_LINGER };

struct connection {
	struct loop *loop;
	struct connection *next, **link; /* in loop->connections */
	struct visitor visitor;
	struct stream stream;
	struct event readable, writable;
	bool is_reading; /* `readable` is active */
	enum phase phase;
	int64_t deadline_ms;
	struct exchange *exchange; /* NULL: idle */
	unsigned n_requests;
};

/* Steps in one go before other connections get their turn. */
#define STEPS_AT_ONCE 256
/* How long a client may take to notice that we have ended (RFC 9112 section 9.6). */
#define LINGER_MS 2000
/* Slowest client that a large reply waits for: 64 KiB/s. */
#define SLOWEST_BYTES_PER_MS 64

static void close_connection(struct connection *c)
{
	struct loop *loop = c->loop;

	if (c->next != NULL)
		c->next->link = c->link;
	*c->link = c->next;
	event_del(&c->readable);
	event_del(&c->writable);
	stream_close(&c->stream);
	if (c->phase == PHASE_LANE)
		c->exchange->connection = NULL; /* the job goes on; its reply will find nobody */
	else
		loop_give_exchange(loop, &c->exchange);
	if (c->visitor.kind != ON_LOCAL)
		admission_leave(loop->shared->admission, c->visitor.key);
	free(c);
}

static void set_deadline(struct connection *c, int64_t from_ms, int64_t ms)
{
	c->deadline_ms = from_ms + ms;
}

static void keep_reading(struct connection *c)
{
	if (!c->is_reading)
		ASSERT(event_add(&c->readable, NULL) == 0);
	c->is_reading = true;
}

static void stop_reading(struct connection *c)
{
	event_del(&c->readable);
	c->is_reading = false;
}

/* Leaves an event behind for what the stream waits for; ends the connection when it waits for nothing. */
static bool wait_for(struct connection *c, enum stream_state state)
{
	switch (state) {
	case STREAM_WANT_READ:
		keep_reading(c);
		return false;
	case STREAM_WANT_WRITE:
		ASSERT(event_add(&c->writable, NULL) == 0);
		return false;
	case STREAM_OK:
	case STREAM_ENDED:
	case STREAM_BROKEN:
		break;
	}
	close_connection(c);
	return false;
}

static bool step_handshake(struct connection *c)
{
	enum stream_state state = stream_handshake(&c->stream);

	if (state != STREAM_OK)
		return wait_for(c, state);
	c->phase = PHASE_READ;
	set_deadline(c, c->loop->now_ms, c->loop->shared->config.idle_ms);
	return stream_has_pending(&c->stream);
}

static bool step_read(struct connection *c)
{
	if (c->exchange == NULL)
		c->exchange = loop_take_exchange(c->loop);
	struct exchange *x = c->exchange;
	size_t got = 0;

	exchange_make_room(x, 0);
	enum stream_state state = stream_read(&c->stream, x->buffer + x->n, x->capacity - x->n, &got);
	if (state != STREAM_OK) {
		if (x->n == 0)
			loop_give_exchange(c->loop, &c->exchange);
		return wait_for(c, state);
	}
	if (x->n == 0) {
		x->started_ms = c->loop->now_ms;
		set_deadline(c, x->started_ms, c->loop->shared->config.head_ms);
	}
	x->n += got;
	c->phase = PHASE_PARSE;
	return true;
}

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

	set_deadline(c, request_ends_ms > least_ms ? request_ends_ms : least_ms, due_ms);
}

/* The reply stands: decides whether the connection lives on, and begins to write. */
static bool begin_write(struct connection *c)
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

static bool refuse(struct connection *c, int status, const char *reason)
{
	begin_op(c);
	exchange_refuse(c->exchange, status, reason);
	loop_count(status == 503 ? &c->loop->counts.busy : &c->loop->counts.bad_requests);
	return begin_write(c);
}

static void fill_call(struct connection *c)
{
	struct exchange *x = c->exchange;

	exchange_fill_call(x);
	x->call.is_tls = c->visitor.kind == ON_HTTPS;
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
	return refuse(c, x->gate.status, x->gate.reason);
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
		return refuse(c, 404, "there is nothing at this address");
	if (!allows(x->route, x->call.method))
		return refuse(c, 405, "this address does not take that method");
	if (x->call.method == HTTP_POST && !x->gate.has_length && !x->gate.is_chunked)
		return refuse(c, 411, "a POST needs Content-Length or a chunked body");
	gate_body_limit(&x->gate, x->call.method == HTTP_POST ? x->route->body_limit : 0);
	if (x->gate.state == GATE_REFUSED || !gate_has_body(&x->gate))
		return true;

	set_deadline(c, x->started_ms, c->loop->shared->config.request_ms);
	if (x->gate.has_length)
		exchange_make_room(x, x->gate.head_n + (size_t)x->gate.length);
	if (x->gate.expects_continue && x->n == x->gate.head_n && !send_continue(c)) {
		close_connection(c);
		return false;
	}
	return true;
}

static bool submit(struct connection *c)
{
	struct exchange *x = c->exchange;
	struct lane *lane = c->loop->shared->config.lanes[x->route->lane];

	memset(&x->reply, 0, sizeof x->reply);
	x->connection = c;
	x->mailbox = c->loop->mailbox;
	mailbox_hold(x->mailbox);
	c->phase = PHASE_LANE;
	set_deadline(c, x->started_ms, c->loop->shared->config.request_ms);
	if (lane_submit(lane, exchange_run, x))
		return false; /* from here on the worker owns it */
	mailbox_release(x->mailbox);
	return refuse(c, 503, "the server is busy; try again");
}

static bool serve(struct connection *c)
{
	struct exchange *x = c->exchange;

	/* The buffer may have moved while the body came in. */
	if (gate_has_body(&x->gate))
		fill_call(c);
	if (x->route->fast != NULL && x->route->fast(x->op, &x->call, &x->reply, &x->pin))
		return begin_write(c);
	return submit(c);
}

static bool step_parse(struct connection *c)
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

static bool step_lane(struct connection *c)
{
	stop_reading(c);
	return false;
}

/* Ends in a way that lets the client read our last words before a reset can reach it. */
static bool depart(struct connection *c)
{
	const struct gate *gate = &c->exchange->gate;

	if (gate->state == GATE_COMPLETE && !gate->keep_alive) {
		close_connection(c);
		return false;
	}
	loop_give_exchange(c->loop, &c->exchange);
	stream_end_writing(&c->stream);
	c->phase = PHASE_LINGER;
	set_deadline(c, c->loop->now_ms, LINGER_MS);
	return true;
}

static void log_access(const struct connection *c)
{
	const struct exchange *x = c->exchange;
	enum log_level level = x->reply.status >= 500 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	struct bytes method = x->call.method_name;
	struct bytes path = x->call.path;

	if (method.p == NULL)
		method = path = BYTES_LITERAL("-");
	log_line(level, x->op, "http.request", "%.*s %.*s %d %lldms", (int)method.n, (const char *)method.p,
		 (int)path.n, (const char *)path.p, x->reply.status, (long long)(c->loop->now_ms - x->started_ms));
}

static bool finish(struct connection *c)
{
	struct exchange *x = c->exchange;

	loop_count(&c->loop->counts.requests);
	log_access(c);
	if (!x->keep_alive)
		return depart(c);
	keep_reading(c);
	if (x->n > x->gate.consumed) {
		exchange_next(x);
		x->started_ms = c->loop->now_ms;
		set_deadline(c, x->started_ms, c->loop->shared->config.head_ms);
		c->phase = PHASE_PARSE;
		return true;
	}
	loop_give_exchange(c->loop, &c->exchange);
	c->phase = PHASE_READ;
	set_deadline(c, c->loop->now_ms, c->loop->shared->config.idle_ms);
	return stream_has_pending(&c->stream);
}

static bool step_write(struct connection *c)
{
	struct exchange *x = c->exchange;
	enum stream_state state = stream_write(&c->stream, x->head, x->body, &x->sent);

	if (x->sent == x->head.n + x->body.n)
		return finish(c);
	if (state == STREAM_OK)
		return true;
	/* Renegotiation is off and TLS 1.3 key updates need no answer here: reading cannot help. */
	return wait_for(c, state == STREAM_WANT_READ ? STREAM_BROKEN : state);
}

static bool step_linger(struct connection *c)
{
	return wait_for(c, stream_discard(&c->stream));
}

static bool (*const steps[])(struct connection *c) = {
	[PHASE_HANDSHAKE] = step_handshake,
	[PHASE_READ] = step_read,
	[PHASE_PARSE] = step_parse,
	[PHASE_LANE] = step_lane,
	[PHASE_WRITE] = step_write,
	[PHASE_LINGER] = step_linger,
};

/* A step that returns false may have freed the connection. */
static void run(struct connection *c)
{
	for (unsigned i = 0; i < STEPS_AT_ONCE; i++)
		if (!steps[c->phase](c))
			return;
	event_active(&c->writable, EV_WRITE, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	loop_notice_time(c->loop);
	/* A reply under way is first; the client's next bytes wait in the socket. */
	if (c->phase == PHASE_WRITE)
		stop_reading(c);
	else
		run(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	loop_notice_time(c->loop);
	run(c);
}

void connection_open(struct loop *loop, struct stream own_stream, const struct visitor *visitor)
{
	struct connection *c = calloc(1, sizeof *c);

	ASSERT(c != NULL);
	c->loop = loop;
	c->visitor = *visitor;
	c->stream = own_stream;
	c->phase = own_stream.ssl != NULL ? PHASE_HANDSHAKE : PHASE_READ;
	set_deadline(c, loop->now_ms,
		     own_stream.ssl != NULL ? loop->shared->config.handshake_ms : loop->shared->config.idle_ms);
	c->next = loop->connections;
	c->link = &loop->connections;
	if (c->next != NULL)
		c->next->link = &c->next;
	loop->connections = c;
	ASSERT(event_assign(&c->readable, loop->base, own_stream.fd, EV_READ | EV_PERSIST, on_readable, c) == 0);
	ASSERT(event_assign(&c->writable, loop->base, own_stream.fd, EV_WRITE, on_writable, c) == 0);
	keep_reading(c);
}

void connection_answer(struct connection *c)
{
	if (begin_write(c))
		run(c);
}

/* Whoever has begun a request is told that it took too long; the others know. */
static void expire(struct connection *c)
{
	bool is_in_request = (c->phase == PHASE_READ || c->phase == PHASE_PARSE) && c->exchange != NULL;

	if (!is_in_request) {
		close_connection(c);
		return;
	}
	/* What was read so far may have moved since it was parsed: none of it is used. */
	c->exchange->route = NULL;
	memset(&c->exchange->call, 0, sizeof c->exchange->call);
	gate_init(&c->exchange->gate);
	if (refuse(c, 408, "the request did not arrive in time"))
		run(c);
}

void connection_sweep(struct loop *loop)
{
	struct connection *next;

	for (struct connection *c = loop->connections; c != NULL; c = next) {
		next = c->next;
		if (c->deadline_ms <= loop->now_ms)
			expire(c);
	}
}

static bool is_idle(const struct connection *c)
{
	return c->phase == PHASE_HANDSHAKE || (c->phase == PHASE_READ && c->exchange == NULL);
}

void connection_end_idle(struct loop *loop)
{
	struct connection *next;

	for (struct connection *c = loop->connections; c != NULL; c = next) {
		next = c->next;
		if (is_idle(c))
			close_connection(c);
	}
}

void connection_end_all(struct loop *loop)
{
	while (loop->connections != NULL)
		close_connection(loop->connections);
}
