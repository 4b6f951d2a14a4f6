/*
 * Each phase has a step that does what can be done now and says whether to go on
 * at once. A step that waits has left an event behind, or a job in a lane.
 *
 * Reading is not switched off while a job runs, because most clients send nothing
 * then; the first event that proves otherwise switches it off until the reply.
 */
#include "server/connection_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/peer.h"

/* Steps in one go before other connections get their turn. */
#define STEPS_AT_ONCE 256

void connection_close(struct connection *c)
{
	struct loop *loop = c->loop;

	if (c->next != NULL)
		c->next->link = c->link;
	*c->link = c->next;
	event_del(&c->readable);
	event_del(&c->writable);
	stream_close(&c->stream);
	tls_peer_release(&c->peer);
	if (c->phase == PHASE_LANE)
		c->exchange->connection = NULL; /* the job goes on; its reply will find nobody */
	else
		loop_give_exchange(loop, &c->exchange);
	if (c->visitor.kind != ON_LOCAL)
		admission_leave(loop->shared->admission, c->visitor.key);
	free(c);
}

void connection_set_deadline(struct connection *c, int64_t from_ms, int64_t ms)
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
	connection_close(c);
	return false;
}

static bool step_handshake(struct connection *c)
{
	enum stream_state state = stream_handshake(&c->stream);

	if (state != STREAM_OK)
		return wait_for(c, state);
	if (tls_is_mutual(c->stream.ssl)) {
		c->visitor.kind = ON_MUTUAL; /* a name of its own on the common port says so only now */
		c->peer = tls_peer_new(c->stream.ssl);
	}
	c->phase = PHASE_READ;
	connection_set_deadline(c, c->loop->now_ms, c->loop->shared->config.idle_ms);
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
		connection_set_deadline(c, x->started_ms, c->loop->shared->config.head_ms);
	}
	x->n += got;
	c->phase = PHASE_PARSE;
	return true;
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
		connection_close(c);
		return false;
	}
	loop_give_exchange(c->loop, &c->exchange);
	stream_end_writing(&c->stream);
	c->phase = PHASE_LINGER;
	connection_set_deadline(c, c->loop->now_ms, LINGER_MS);
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
		connection_set_deadline(c, x->started_ms, c->loop->shared->config.head_ms);
		c->phase = PHASE_PARSE;
		return true;
	}
	loop_give_exchange(c->loop, &c->exchange);
	c->phase = PHASE_READ;
	connection_set_deadline(c, c->loop->now_ms, c->loop->shared->config.idle_ms);
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
	[PHASE_PARSE] = connection_parse,
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
	const struct front_config *config = &loop->shared->config;
	connection_set_deadline(c, loop->now_ms, own_stream.ssl != NULL ? config->handshake_ms : config->idle_ms);
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
	if (connection_begin_write(c))
		run(c);
}

/* Whoever has begun a request is told that it took too long; the others know. */
static void expire(struct connection *c)
{
	bool is_in_request = (c->phase == PHASE_READ || c->phase == PHASE_PARSE) && c->exchange != NULL;

	if (!is_in_request) {
		connection_close(c);
		return;
	}
	/* What was read so far may have moved since it was parsed: none of it is used. */
	c->exchange->route = NULL;
	memset(&c->exchange->call, 0, sizeof c->exchange->call);
	gate_init(&c->exchange->gate);
	if (connection_refuse(c, 408, "the request did not arrive in time"))
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
			connection_close(c);
	}
}

void connection_end_all(struct loop *loop)
{
	while (loop->connections != NULL)
		connection_close(loop->connections);
}
