/*
 * The process that touches foreign networks and holds nothing: no store, no
 * key, and after its set-up hardly a file. It reads requests from the socket
 * that it was started with, and ends when that closes.
 */
#include "courier/courier_process.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/limits.h"
#include "base/log.h"
#include "courier/service_call.h"
#include "ipc/channel.h"
#include "ipc/role.h"

#define SPARE_DESCRIPTORS 64 /* loop, log, our socket, what libraries open */

struct line {
	struct event_base *base;
	struct bufferevent *stream;
	struct probes *probes;
	struct service_calls *calls;
};

static void send_frame(void *arg, uint16_t type, uint64_t id, struct bytes payload)
{
	struct line *line = arg;
	struct arena *arena = arena_new();
	struct buf frame;

	buf_init(&frame, arena, payload.n + 32);
	frame_put(&frame, type, id, payload);
	ASSERT(bufferevent_write(line->stream, frame.p, frame.n) == 0);
	arena_free(&arena);
}

/* Takes the op, as those that it calls do. */
static void handle_http01(struct line *line, struct op *own_op, const struct frame *frame)
{
	struct probe_request request;

	if (probe_request_read(own_op, frame->payload, &request).err == ERR_NONE) {
		probe_start(line->probes, own_op, frame->id, &request);
		return;
	}
	probe_send_failure(line->probes, frame->id, own_op);
	op_free(&own_op);
}

static void handle_call(struct line *line, struct op *own_op, const struct frame *frame)
{
	struct courier_request request;

	if (courier_request_read(own_op, frame->payload, &request).err == ERR_NONE) {
		service_call_start(line->calls, own_op, frame->id, &request);
		return;
	}
	probe_send_failure(line->probes, frame->id, own_op);
	op_free(&own_op);
}

static void handle_frame(struct line *line, struct op *own_op, const struct frame *frame)
{
	switch (frame->type) {
	case COURIER_HTTP01:
		handle_http01(line, own_op, frame);
		break;
	case COURIER_CALL:
		handle_call(line, own_op, frame);
		break;
	default:
		IGNORE(FAIL(own_op, ERR_BUG, "the courier does not know frames of type %u", frame->type)); /* sent below */
		probe_send_failure(line->probes, frame->id, own_op);
		op_free(&own_op);
	}
}

/* One frame, if a whole one is there; each gets an op of its own, which the probe keeps. */
static bool read_frame(struct line *line)
{
	struct evbuffer *input = bufferevent_get_input(line->stream);
	struct bytes bytes = { evbuffer_pullup(input, -1), evbuffer_get_length(input) };
	struct op *op = op_new();
	struct frame frame;
	bool is_whole = false;
	size_t consumed = 0;

	if (frame_parse(op, bytes, &frame, &consumed, &is_whole).err != ERR_NONE) {
		log_failure(op, "courier.malformed");
		event_base_loopbreak(line->base);
		is_whole = false;
	}
	evbuffer_drain(input, consumed);
	if (is_whole)
		handle_frame(line, op, &frame);
	else
		op_free(&op);
	return is_whole;
}

static void on_input(struct bufferevent *stream UNUSED, void *arg)
{
	struct line *line = arg;

	while (read_frame(line))
		;
}

static void on_end(struct bufferevent *stream UNUSED, short what, void *arg)
{
	struct line *line = arg;

	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		event_base_loopbreak(line->base);
}

static result line_open(struct op *op, int own_fd, const struct config *config, const struct courier_tuning *tuning,
			struct line *line)
{
	line->base = event_base_new();
	ASSERT(line->base != NULL && evutil_make_socket_nonblocking(own_fd) == 0);
	line->stream = bufferevent_socket_new(line->base, own_fd, BEV_OPT_CLOSE_ON_FREE);
	ASSERT(line->stream != NULL);
	bufferevent_setcb(line->stream, on_input, NULL, on_end, line);
	TRY(probes_new(op, line->base, config, tuning, send_frame, line, &line->probes));
	return service_calls_new(op, line->base, config, send_frame, line, &line->calls);
}

static void line_run(struct line *line)
{
	bufferevent_enable(line->stream, EV_READ | EV_WRITE);
	event_base_dispatch(line->base);
}

static void line_close(struct line *line)
{
	service_calls_free(&line->calls);
	probes_free(&line->probes);
	bufferevent_free(line->stream);
	event_base_free(line->base);
}

result courier_serve(struct op *op, int own_fd, const struct config *config, const struct courier_tuning *tuning)
{
	struct line line = { 0 };
	result r = line_open(op, own_fd, config, tuning, &line);

	if (r.err == ERR_NONE)
		line_run(&line);
	line_close(&line);
	return r;
}

/* A probe or call holds a socket to each resolver, or one to a server. */
static void raise_descriptor_limit(unsigned n_resolvers)
{
	rlim_t wanted = (LIMIT_PROBES_AT_ONCE + LIMIT_CALLS_AT_ONCE) * (n_resolvers > 2 ? n_resolvers : 2) + SPARE_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
		log_warning(NULL, "courier.descriptors", "may open %llu files, of %llu that it can need",
			    (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

/* What reads files comes before the sandbox: configuration, resolvers, OpenSSL's settings. */
static result run(struct op *op, const struct config *config)
{
	struct line line = { 0 };
	result r = line_open(op, ROLE_FD, config, &courier_tuning_default, &line);

	if (r.err == ERR_NONE)
		r = sandbox_enter(op, SANDBOX_COURIER, NULL);
	if (r.err == ERR_NONE) {
		log_info(op, "courier.up", "probes go to port %u", config->validation.http_port);
		line_run(&line);
	}
	line_close(&line);
	return r;
}

int courier_main(const char *dir)
{
	struct op *op = op_new();
	struct config *config = NULL;
	enum log_level level = LOG_LEVEL_INFO;

	log_open("courier", level);
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets whose peer may be gone */
	result r = config_load(op, dir, &config);
	if (r.err == ERR_NONE) {
		if (log_parse_level(config->log_level, &level))
			log_set_level(level);
		raise_descriptor_limit(config->validation.resolvers.n);
		r = run(op, config);
		config_free(&config);
	}
	if (r.err != ERR_NONE)
		log_failure(op, "courier.failed");
	/* Only the configuration can be malformed here, and another start would find it the same. */
	int status = r.err == ERR_NONE ? 0 : r.err == ERR_MALFORMED ? ROLE_EXIT_FINAL : 1;
	op_free(&op);
	return status;
}
