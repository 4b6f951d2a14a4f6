/* See front_fixture.h. The routes come first, then the start and end, then the clients. */
#include "front_fixture.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "server/peer.h"

static uint8_t large_body[LARGE_BODY];

static result echo(struct op *op, const struct call *call, struct reply *reply)
{
	reply->status = 200;
	reply->content_type = "application/octet-stream";
	reply->body = call->body.n > 0 ? arena_bytes(op->arena, call->body) : call->query;
	return OK;
}

static result hold(struct op *op, const struct call *call, struct reply *reply)
{
	struct fixture *fixture = call->endpoint;

	sem_post(&fixture->held);
	while (sem_wait(&fixture->release) != 0)
		;
	reply_text(op, reply, 200, "released");
	return OK;
}

static result who(struct op *op, const struct call *call, struct reply *reply)
{
	reply_text(op, reply, 200,
		   arena_printf(op->arena, "%d %s %s tls=%d local=%d uid=%u", (int)op->actor.kind, op->actor.id,
				op->actor.remote, call->is_tls, call->is_local_operator, (unsigned)call->peer_uid));
	return OK;
}

/* Who the client is by its certificate, and what ties the answer to the connection. */
static result peer(struct op *op, const struct call *call, struct reply *reply)
{
	const struct tls_peer *p = call->peer;
	if (p == NULL) {
		reply_text(op, reply, 200, "not asked");
		return OK;
	}
	reply_text(op, reply, 200,
		   arena_printf(op->arena, "n=%u leaf=%zu unique=%s exporter=%s", p->n_chain, p->n_chain > 0 ? p->chain[0].n : 0,
				bytes_to_hex(op->arena, p->unique), bytes_to_hex(op->arena, p->exporter)));
	return OK;
}

/* GET /fail/KIND fails with that kind. */
static result fail_as_asked(struct op *op, const struct call *call, struct reply *reply)
{
	(void)reply;
	for (enum err err = ERR_MALFORMED; err <= ERR_BUG; err++)
		if (bytes_equal_text(call->params[0], err_name(err)))
			return FAIL(op, err, "this is %s", err_name(err));
	return OK; /* without a reply: a bug of the handler */
}

static result split_head(struct op *op, const struct call *call, struct reply *reply)
{
	(void)call;
	reply_header(reply, "Location", "/a\r\nX-Injected: yes");
	reply_header(reply, "Link", "</directory>;rel=\"index\"");
	reply_text(op, reply, 201, "made");
	return OK;
}

static result no_content(struct op *op, const struct call *call, struct reply *reply)
{
	(void)op;
	(void)call;
	reply->status = 204;
	return OK;
}

static void unpin(void *object)
{
	struct fixture *fixture = object;
	atomic_fetch_sub(&fixture->pins, 1);
}

static bool fast(struct op *op, const struct call *call, struct reply *reply, struct fast_pin *pin)
{
	struct fixture *fixture = call->endpoint;

	(void)op;
	if (bytes_equal_text(call->query, "slowly"))
		return false;
	atomic_fetch_add(&fixture->pins, 1);
	*pin = (struct fast_pin){ fixture, unpin };
	reply->status = 200;
	reply->content_type = "application/ocsp-response";
	reply->body = BYTES_LITERAL("fast answer");
	return true;
}

static bool large(struct op *op, const struct call *call, struct reply *reply, struct fast_pin *pin)
{
	(void)op;
	(void)call;
	(void)pin;
	reply->status = 200;
	reply->content_type = "application/pkix-crl";
	reply->body = BYTES_ARRAY(large_body);
	return true;
}

static void fail_as_problem(struct op *op, const struct call *call, struct reply *reply)
{
	(void)call;
	reply->status = 400;
	reply->content_type = "application/problem+json";
	reply->body = bytes_of_text(
		arena_printf(op->arena, "{\"type\":\"%s\",\"detail\":\"%s\"}", err_name(op->err), op->detail));
}

static void add_routes(struct fixture *fixture)
{
	const struct route rows[] = {
		{ .pattern = "/echo", .get = true, .post = true, .body_limit = 100000, .handler = echo,
		  .fail = fail_as_problem },
		{ .pattern = "/small", .post = true, .body_limit = 16, .handler = echo, .fail = fail_as_problem },
		{ .pattern = "/text", .get = true, .post = true, .body_limit = 16, .handler = echo },
		{ .pattern = "/hold", .get = true, .handler = hold, .fail = fail_as_problem },
		{ .pattern = "/who", .get = true, .handler = who },
		{ .pattern = "/peer", .get = true, .handler = peer, .listeners = ON_TLS },
		{ .pattern = "/fail/{kind}", .get = true, .handler = fail_as_asked },
		{ .pattern = "/split", .get = true, .handler = split_head },
		{ .pattern = "/none", .get = true, .head = true, .handler = no_content },
		{ .pattern = "/fast", .get = true, .head = true, .handler = echo, .fast = fast },
		{ .pattern = "/large", .get = true, .handler = echo, .fast = large },
		{ .pattern = "/only-fast", .get = true, .fast = fast },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct route row = rows[i];
		if (row.listeners == 0)
			row.listeners = ON_HTTP | ON_HTTPS | ON_LOCAL;
		row.endpoint = fixture;
		routes_add(fixture->routes, &row);
	}
}

static void set_names(X509 *certificate)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
						    0), 1);
	assert_int_equal(X509_set_issuer_name(certificate, name), 1);
}

static void set_certificate(struct fixture *fixture)
{
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	AUTO(X509) *certificate = X509_new();
	STACK_OF(X509) *chain = sk_X509_new_null();

	assert_non_null(key);
	set_names(certificate);
	X509_set_version(certificate, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	sk_X509_push(chain, certificate);
	assert_ok(fixture->op, front_set_certificate(fixture->op, fixture->front, chain, key));
	sk_X509_free(chain);
}

void fixture_start(struct fixture *fixture, struct front_config config)
{
	memset(fixture, 0, sizeof *fixture);
	log_set_level(LOG_LEVEL_ERROR);
	sem_init(&fixture->held, 0, 0);
	sem_init(&fixture->release, 0, 0);
	fixture->op = op_new();
	fixture->routes = routes_new();
	add_routes(fixture);
	fixture->lane = lane_new("test", 1, 1);
	for (unsigned i = 0; i < LANE_COUNT; i++)
		config.lanes[i] = fixture->lane;
	config.routes = fixture->routes;
	config.loops = config.loops != 0 ? config.loops : 1;
	config.connections = config.connections != 0 ? config.connections : 1000;
	config.connections_per_address = config.connections_per_address != 0 ? config.connections_per_address : 1000;
	fixture->front = front_new(&config);
	front_set_mutual_host(fixture->front, MUTUAL_HOST);
	set_certificate(fixture);
	assert_ok(fixture->op, front_listen(fixture->op, fixture->front, ON_HTTP, "127.0.0.1:0", &fixture->http_port));
	assert_ok(fixture->op,
		  front_listen(fixture->op, fixture->front, ON_HTTPS, "127.0.0.1:0", &fixture->https_port));
	assert_ok(fixture->op,
		  front_listen(fixture->op, fixture->front, ON_MUTUAL, "127.0.0.1:0", &fixture->mutual_port));
	strcpy(fixture->folder, "/tmp/test-front-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->local_path, sizeof fixture->local_path, "%s/socket", fixture->folder);
	assert_ok(fixture->op, front_listen_local(fixture->op, fixture->front, fixture->local_path));
	assert_ok(fixture->op, front_start(fixture->op, fixture->front));
}

void fixture_free_front(struct fixture *fixture)
{
	front_free(&fixture->front);
	assert_null(fixture->front);
	assert_int_equal(rmdir(fixture->folder), 0); /* the socket has gone */
}

void fixture_free_rest(struct fixture *fixture)
{
	lane_free(&fixture->lane);
	routes_free(&fixture->routes);
	op_free(&fixture->op);
	assert_int_equal(atomic_load(&fixture->pins), 0);
}

void fixture_stop(struct fixture *fixture)
{
	fixture_free_front(fixture);
	fixture_free_rest(fixture);
}

void fixture_wait_held(struct fixture *fixture)
{
	while (sem_wait(&fixture->held) != 0)
		;
}

/* For what only the server can see; gives up like a client does. */
#define WAIT_UNTIL(condition)                                              \
	do {                                                               \
		int64_t until_ms_ = clock_monotonic_ms() + 20000;          \
		while (!(condition)) {                                     \
			if (clock_monotonic_ms() > until_ms_)              \
				fail_msg("%s never came true", #condition); \
			sched_yield();                                     \
		}                                                          \
	} while (0)

static unsigned queued_now(struct fixture *fixture)
{
	struct lane_state state;
	lane_read_state(fixture->lane, &state);
	return state.queued;
}

static unsigned open_now(struct fixture *fixture)
{
	struct front_state state;
	front_read_state(fixture->front, &state);
	return state.open_connections;
}

void fixture_wait_queued(struct fixture *fixture, unsigned queued)
{
	WAIT_UNTIL(queued_now(fixture) == queued);
}

void fixture_wait_open(struct fixture *fixture, unsigned connections)
{
	WAIT_UNTIL(open_now(fixture) == connections);
}

static void set_patience(int fd)
{
	struct timeval patience = { .tv_sec = 20 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
}

void client_open(struct client *client, unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	*client = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(client->fd >= 0);
	set_patience(client->fd);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof to), 0);
}

void client_open_local(struct client *client, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	*client = (struct client){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_true(strlen(path) < sizeof to.sun_path);
	strcpy(to.sun_path, path);
	set_patience(client->fd);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof to), 0);
}

bool client_start_tls(struct client *client, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	/* Level 0: old versions are to be refused by the server and not by us. */
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	client->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(client->ssl, client->fd);
	return SSL_connect(client->ssl) == 1;
}

void client_send_bytes(struct client *client, const void *p, size_t n)
{
	if (client->ssl != NULL) {
		assert_int_equal(SSL_write(client->ssl, p, (int)n), (int)n);
		return;
	}
	/* A server that has refused already may have gone. */
	for (size_t sent = 0; sent < n;) {
		ssize_t r = send(client->fd, (const char *)p + sent, n - sent, MSG_NOSIGNAL);
		if (r < 0)
			return;
		sent += (size_t)r;
	}
}

void client_send(struct client *client, const char *text)
{
	client_send_bytes(client, text, strlen(text));
}

/* Appends what comes next. False: the connection has ended. */
static bool receive(struct client *client)
{
	if (client->capacity - client->n < 65536) {
		client->capacity = client->n + 131072;
		client->bytes = realloc(client->bytes, client->capacity);
		assert_non_null(client->bytes);
	}
	uint8_t *to = client->bytes + client->n;
	ssize_t r = client->ssl != NULL ? SSL_read(client->ssl, to, 65536) : recv(client->fd, to, 65536, 0);
	if (r <= 0)
		return false;
	client->n += (size_t)r;
	return true;
}

const char *answer_header(const struct answer *answer, const char *name, char value[256])
{
	char line[64];
	snprintf(line, sizeof line, "\r\n%s: ", name);
	const char *at = strcasestr(answer->head, line);

	value[0] = '\0';
	if (at == NULL)
		return value;
	at += strlen(line);
	size_t n = strcspn(at, "\r\n");
	assert_true(n < 256);
	memcpy(value, at, n);
	value[n] = '\0';
	return value;
}

static size_t head_end(const struct client *client)
{
	const uint8_t *end = client->n == 0 ? NULL : memmem(client->bytes, client->n, "\r\n\r\n", 4);
	return end == NULL ? 0 : (size_t)(end - client->bytes) + 4;
}

static void read_head(struct client *client, struct answer *answer)
{
	while (head_end(client) == 0)
		if (!receive(client))
			fail_msg("the connection ended after %zu bytes of an answer", client->n);
	size_t n = head_end(client);
	assert_true(n < sizeof answer->head);
	memcpy(answer->head, client->bytes, n);
	answer->head[n] = '\0';
	assert_int_equal(sscanf(answer->head, "HTTP/1.1 %d ", &answer->status), 1);
	client->n -= n;
	memmove(client->bytes, client->bytes + n, client->n);
}

void client_read(struct client *client, bool to_head, struct answer *answer)
{
	char length[256];

	memset(answer, 0, sizeof *answer);
	read_head(client, answer);
	answer->body_n = to_head ? 0 : (size_t)atol(answer_header(answer, "Content-Length", length));
	while (client->n < answer->body_n)
		assert_true(receive(client));
	size_t kept = answer->body_n < sizeof answer->body ? answer->body_n : sizeof answer->body - 1;
	memcpy(answer->body, client->bytes, kept);
	client->n -= answer->body_n;
	memmove(client->bytes, client->bytes + answer->body_n, client->n);
}

void client_assert_closed(struct client *client)
{
	if (client->n > 0 || receive(client))
		fail_msg("the server went on: %.*s", (int)client->n, (const char *)client->bytes);
}

void client_close(struct client *client)
{
	SSL_free(client->ssl);
	ERR_clear_error();
	close(client->fd);
	free(client->bytes);
	*client = (struct client){ .fd = -1 };
}

void client_ask(struct client *client, const char *request, struct answer *answer)
{
	client_send(client, request);
	client_read(client, strncmp(request, "HEAD ", 5) == 0, answer);
}

void fixture_ask(struct fixture *fixture, const char *request, struct answer *answer)
{
	struct client client;

	client_open(&client, fixture->http_port);
	client_ask(&client, request, answer);
	client_close(&client);
}
