/*
 * A small HTTP client over the UNIX socket, and the way in process. A server
 * that is starting holds the lock before its socket is there: both are tried
 * until one of them works.
 */
#include "command/operator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/files.h"
#include "ca/authority.h"
#include "command/lock.h"
#include "protocols/api/api.h"

#define ANSWER_LIMIT (64u * 1024 * 1024)
#define BUSY_LIMIT_MS 10000
#define BUSY_PAUSE_NS 50000000
#define SIGN_LIMIT_MS 60000

static result connect_server(struct op *op, const char *dir, int *out)
{
	struct sockaddr_un address;
	const char *path = files_join(op->arena, dir, "chancery.sock");
	int folder, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return FAIL(op, ERR_BACKEND, "no socket: %s", strerror(errno));
	int error = 0;
	result r = files_socket_address(op, path, &address, &folder);
	if (r.err == ERR_NONE && connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		error = errno;
	if (folder >= 0)
		close(folder);
	if (r.err == ERR_NONE && error == 0) {
		*out = fd;
		return OK;
	}
	close(fd);
	TRY(r);
	if (error == ENOENT || error == ECONNREFUSED)
		return FAIL(op, ERR_NOT_FOUND, "no server is running in %s", dir);
	return FAIL(op, ERR_BACKEND, "cannot reach the server at %s: %s", path, strerror(error));
}

static result send_all(struct op *op, int fd, struct bytes bytes)
{
	while (bytes.n > 0) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FAIL(op, ERR_BUSY, "the server hung up: %s", strerror(errno));
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
	return OK;
}

static result read_all(struct op *op, int fd, struct buf *out)
{
	uint8_t piece[16384];
	for (;;) {
		ssize_t n = read(fd, piece, sizeof piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL(op, ERR_BUSY, "the server hung up: %s", strerror(errno));
		if (n == 0)
			return OK;
		if (out->n + (size_t)n > ANSWER_LIMIT)
			return FAIL(op, ERR_LIMIT, "the server's answer is too large");
		buf_put(out, piece, (size_t)n);
	}
}

/* "HTTP/1.1 200 …" to the status; the body is what follows the empty line (the connection closes after it). */
static result split_answer(struct op *op, struct buf *raw, int *status, struct bytes *body)
{
	const char *text = buf_as_text(raw);
	const char *end = strstr(text, "\r\n\r\n");
	if (end == NULL || strncmp(text, "HTTP/1.1 ", 9) != 0)
		return FAIL(op, ERR_BUSY, "the server ended before it answered; see its log, and try again");
	*status = (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
	size_t head = (size_t)(end - text) + 4;
	*body = (struct bytes){ raw->p + head, raw->n - head };
	return OK;
}

static result ask(struct op *op, int fd, const struct operator_call *call, int *status, struct bytes *answer)
{
	struct buf request, raw;
	buf_init(&request, op->arena, 512 + call->body.n);
	buf_printf(&request, "%s %s%s%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
		   call->method == HTTP_POST ? "POST" : "GET", call->path, call->query != NULL ? "?" : "",
		   call->query != NULL ? call->query : "");
	if (call->method == HTTP_POST)
		buf_printf(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n", call->body.n);
	buf_text(&request, "\r\n");
	if (call->method == HTTP_POST)
		buf_bytes(&request, call->body);
	TRY(send_all(op, fd, buf_as_bytes(&request)));
	buf_init(&raw, op->arena, 4096);
	TRY(read_all(op, fd, &raw));
	return split_answer(op, &raw, status, answer);
}

/* A refusal in JSON back into a failure with its words and kind. */
static result read_refusal(struct op *op, int status, struct bytes body)
{
	AUTO(json_t) *json = NULL;
	const char *error = NULL;
	result r = json_parse_object(op, body, "answer", &json);
	if (r.err == ERR_NONE)
		r = json_need_text(op, json, "error", &error);
	if (r.err != ERR_NONE) {
		op_clear_failure(op);
		return FAIL(op, ERR_BACKEND, "the server answered %d: %.*s", status, (int)(body.n < 200 ? body.n : 200),
			    (const char *)body.p);
	}
	return FAIL(op, status == 404 ? ERR_NOT_FOUND : status == 503 ? ERR_BUSY : ERR_POLICY, "%s", error);
}

static result call_here(struct op *op, const struct operator_call *call, struct authority *authority,
			struct bytes *answer)
{
	struct routes *routes = routes_new();
	api_routes_add(routes, authority);
	struct call request = { .method = call->method,
				.path = bytes_of_text(call->path),
				.target = bytes_of_text(call->path),
				.query = bytes_of_text(call->query != NULL ? call->query : ""),
				.body = call->body,
				.is_local_operator = true,
				.peer_uid = (uint32_t)getuid() };
	struct reply reply = { .status = 200 };
	const struct route *route = routes_find(routes, ON_LOCAL, &request);
	result r = route != NULL ? route->handler(op, &request, &reply) :
				   FAIL(op, ERR_NOT_FOUND, "there is nothing at %s: an argument holds what no name has", call->path);
	routes_free(&routes);
	*answer = reply.body;
	return r;
}

/* The same in this process; the caller holds the lock where the handler writes. */
static result call_in_process(struct op *op, const struct operator_call *call, bool needs_token, struct bytes *answer)
{
	struct config *config = NULL;
	struct token *token = NULL;
	struct authority *authority = NULL;
	result r = config_load(op, call->dir, &config);
	if (r.err == ERR_NONE && needs_token)
		r = token_open_here(op, call->dir, &token);
	if (r.err == ERR_NONE)
		r = authority_open(op, config, token, NULL, &authority);
	if (r.err == ERR_NONE) {
		op->deadline_ms = clock_monotonic_ms() + SIGN_LIMIT_MS;
		r = call_here(op, call, authority, answer);
	}
	authority_free(&authority);
	config_free(&config);
	return r;
}

static result call_server(struct op *op, const struct operator_call *call, int fd, struct bytes *answer)
{
	int status;
	result r = ask(op, fd, call, &status, answer);
	close(fd);
	TRY(r);
	return status == 200 ? OK : read_refusal(op, status, *answer);
}

result operator_call(struct op *op, const struct operator_call *call, struct bytes *answer)
{
	bool needs_token = api_needs_token(call->method, bytes_of_text(call->path));
	int64_t give_up = clock_monotonic_ms() + BUSY_LIMIT_MS;
	for (;;) {
		int fd, lock = -1;
		result r = connect_server(op, call->dir, &fd);
		if (r.err == ERR_NONE)
			return call_server(op, call, fd, answer);
		if (r.err != ERR_NOT_FOUND)
			return r;
		op_clear_failure(op);
		r = needs_token ? lock_take(op, call->dir, &lock) : OK;
		if (r.err == ERR_NONE) {
			r = call_in_process(op, call, needs_token, answer);
			if (lock >= 0)
				close(lock);
			return r;
		}
		if (r.err != ERR_BUSY || clock_monotonic_ms() > give_up)
			return r;
		op_clear_failure(op); /* somebody else is at work, or a server is starting */
		nanosleep(&(struct timespec){ .tv_nsec = BUSY_PAUSE_NS }, NULL);
	}
}

result operator_ask_server(struct op *op, const char *dir, const char *path, int *status, struct bytes *answer)
{
	int fd;
	TRY(connect_server(op, dir, &fd));
	struct operator_call call = { .dir = dir, .method = HTTP_GET, .path = path };
	result r = ask(op, fd, &call, status, answer);
	close(fd);
	return r;
}
