/*
 * The front as clients see it: a real one on the loopback, asked through sockets.
 * What decides by itself (gate, routes, lanes) has tables of its own elsewhere;
 * here is what they do together.
 */
#include "front_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/admission.h"
#include "server/listener.h"

#define REQUEST(line) line " HTTP/1.1\r\nHost: x\r\n\r\n"

static struct fixture f;

static int start(void **state)
{
	(void)state;
	fixture_start(&f, (struct front_config){ 0 });
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fixture_stop(&f);
	return 0;
}

static void test_answers_from_memory_and_from_a_lane(void **state)
{
	struct answer answer;
	(void)state;

	fixture_ask(&f, REQUEST("GET /fast"), &answer);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body, "fast answer");
	fixture_ask(&f, REQUEST("GET /fast?slowly"), &answer);
	assert_string_equal(answer.body, "slowly");
	fixture_ask(&f, REQUEST("GET /only-fast?slowly"), &answer);
	assert_int_equal(answer.status, 500);
	fixture_ask(&f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", &answer);
	assert_string_equal(answer.body, "hello");
}

static void test_says_what_every_reply_says(void **state)
{
	struct answer answer;
	char value[256], other[256];
	(void)state;

	clock_fix(1795253400);
	fixture_ask(&f, REQUEST("GET /fast"), &answer);
	clock_fix(-1);
	assert_string_equal(answer_header(&answer, "Date", value), "Sat, 21 Nov 2026 09:30:00 GMT");
	assert_string_equal(answer_header(&answer, "X-Content-Type-Options", value), "nosniff");
	assert_string_equal(answer_header(&answer, "Content-Type", value), "application/ocsp-response");
	assert_string_equal(answer_header(&answer, "Content-Length", value), "11");
	assert_string_equal(answer_header(&answer, "Server", value), "");
	assert_string_equal(answer_header(&answer, "Connection", value), "");
	assert_int_equal(strlen(answer_header(&answer, "Request-Id", value)), REQUEST_ID_SIZE - 1);
	fixture_ask(&f, REQUEST("GET /fast"), &answer);
	assert_string_not_equal(answer_header(&answer, "Request-Id", other), value);
}

static void test_keeps_the_connection(void **state)
{
	struct client client;
	struct answer answer;
	(void)state;

	client_open(&client, f.http_port);
	for (int i = 0; i < 100; i++) {
		client_ask(&client, i % 2 == 0 ? REQUEST("GET /fast") : REQUEST("GET /echo?lane"), &answer);
		assert_string_equal(answer.body, i % 2 == 0 ? "fast answer" : "lane");
	}
	client_ask(&client, "GET /fast HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &answer);
	assert_non_null(strstr(answer.head, "Connection: close\r\n"));
	client_assert_closed(&client);
	client_close(&client);
}

static void test_answers_in_a_row_what_comes_in_a_row(void **state)
{
	struct client client;
	struct answer answer;
	char expected[16];
	(void)state;

	client_open(&client, f.http_port);
	for (int i = 0; i < 200; i++) {
		char request[128];
		const char *path = i % 3 == 0 ? "fast" : "echo";
		snprintf(request, sizeof request, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n%04d", i);
		if (i % 3 == 0)
			snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", path);
		client_send(&client, request);
	}
	for (int i = 0; i < 200; i++) {
		client_read(&client, false, &answer);
		snprintf(expected, sizeof expected, "%04d", i);
		assert_string_equal(answer.body, i % 3 == 0 ? "fast answer" : expected);
	}
	client_close(&client);
}

static void test_speaks_http10(void **state)
{
	struct client client;
	struct answer answer;
	(void)state;

	client_open(&client, f.http_port);
	client_ask(&client, "GET /fast HTTP/1.0\r\n\r\n", &answer);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.head, "Connection: close\r\n"));
	client_assert_closed(&client);
	client_close(&client);
}

static void test_answers_head_without_a_body(void **state)
{
	struct client client;
	struct answer answer;
	char value[256];
	(void)state;

	client_open(&client, f.http_port);
	client_ask(&client, REQUEST("HEAD /fast"), &answer);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer_header(&answer, "Content-Length", value), "11");
	/* The next answer follows at once: no body was in between. */
	client_ask(&client, REQUEST("GET /fast"), &answer);
	assert_string_equal(answer.body, "fast answer");
	client_ask(&client, REQUEST("GET /none"), &answer);
	assert_int_equal(answer.status, 204);
	assert_string_equal(answer_header(&answer, "Content-Length", value), "");
	client_ask(&client, REQUEST("HEAD /echo"), &answer);
	assert_int_equal(answer.status, 405);
	client_close(&client);
}

struct refusal {
	const char *request;
	int status;
	bool is_problem, closes;
};

static void test_refuses_in_the_form_of_the_route(void **state)
{
	static const struct refusal rows[] = {
		{ REQUEST("GET /nothing"), 404, false, false },
		{ REQUEST("GET //fast"), 404, false, false },
		{ REQUEST("DELETE /text"), 405, false, false },
		{ REQUEST("DELETE /echo"), 405, true, false },
		{ REQUEST("POST /echo"), 411, true, false },
		{ "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n", 413, true, true },
		{ "POST /text HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n", 413, false, true },
		{ "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 413, true, true },
		{ "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n", 413, true, true },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 415, true, true },
		{ "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: x\r\nContent-Length: 1\r\n\r\nx", 417, true, true },
		{ "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 404, false, true },
		{ "GET /echo HTTP/1.1\r\n\r\n", 400, false, true },
		{ "GET http://x/echo HTTP/1.1\r\nHost: x\r\n\r\n", 400, false, true },
		{ "GET /echo HTTP/3.0\r\nHost: x\r\n\r\n", 505, false, true },
		{ "TRACE /echo HTTP/1.1\r\nHost: x\r\n\r\n", 501, false, true },
		{ "\x16\x03\x01\x02\x03", 400, false, true },
	};
	struct client client;
	struct answer answer;
	char value[256];
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		client_open(&client, f.http_port);
		client_ask(&client, rows[i].request, &answer);
		if (answer.status != rows[i].status)
			fail_msg("%d instead of %d for %s", answer.status, rows[i].status, rows[i].request);
		assert_string_equal(answer_header(&answer, "Content-Type", value),
				    rows[i].is_problem ? "application/problem+json" : "text/plain; charset=utf-8");
		assert_true(answer.body_n > 0 && answer.body_n < 200);
		if (rows[i].closes)
			client_assert_closed(&client);
		else
			client_ask(&client, REQUEST("GET /fast"), &answer);
		client_close(&client);
	}
}

static void test_says_what_is_allowed(void **state)
{
	struct answer answer;
	char value[256];
	(void)state;

	fixture_ask(&f, REQUEST("DELETE /fast"), &answer);
	assert_string_equal(answer_header(&answer, "Allow", value), "GET, HEAD");
	fixture_ask(&f, REQUEST("GET /small"), &answer);
	assert_string_equal(answer_header(&answer, "Allow", value), "POST");
}

static void test_refuses_long_requests(void **state) /* H2 */
{
	struct client client;
	struct answer answer;
	char *line = calloc(1, 70000);
	(void)state;

	assert_non_null(line);
	strcpy(line, "GET /");
	memset(line + 5, 'a', 16384);
	client_open(&client, f.http_port);
	client_ask(&client, line, &answer);
	assert_int_equal(answer.status, 414);
	client_close(&client);

	memset(line, 0, 70000);
	strcpy(line, "GET /fast HTTP/1.1\r\nHost: x\r\nX: ");
	memset(line + strlen(line), 'a', 65536);
	client_open(&client, f.http_port);
	client_ask(&client, line, &answer);
	assert_int_equal(answer.status, 431);
	client_assert_closed(&client);
	client_close(&client);
	free(line);
}

static void test_maps_failures(void **state)
{
	static const struct {
		const char *request;
		int status;
		bool tells;
	} rows[] = {
		{ REQUEST("GET /fail/malformed"), 400, true },   { REQUEST("GET /fail/unauthentic"), 401, true },
		{ REQUEST("GET /fail/denied"), 403, true },      { REQUEST("GET /fail/policy"), 403, true },
		{ REQUEST("GET /fail/conflict"), 409, true },    { REQUEST("GET /fail/limit"), 429, true },
		{ REQUEST("GET /fail/busy"), 503, true },        { REQUEST("GET /fail/backend"), 503, false },
		{ REQUEST("GET /fail/bug"), 500, false },        { REQUEST("GET /fail/silence"), 500, false },
	};
	struct answer answer;
	char value[256];
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fixture_ask(&f, rows[i].request, &answer);
		assert_int_equal(answer.status, rows[i].status);
		/* What broke inside is not the client's to know. */
		assert_int_equal(strncmp(answer.body, "this is", 7) == 0, rows[i].tells);
		bool may_come_back = answer.status == 503 || answer.status == 429;
		assert_string_equal(answer_header(&answer, "Retry-After", value), may_come_back ? "1" : "");
	}
}

static void test_lets_no_value_split_the_head(void **state)
{
	struct answer answer;
	char value[256];
	(void)state;

	fixture_ask(&f, REQUEST("GET /split"), &answer);
	assert_int_equal(answer.status, 201);
	assert_string_equal(answer_header(&answer, "X-Injected", value), "");
	assert_string_equal(answer_header(&answer, "Location", value), "/a  X-Injected: yes");
	assert_string_equal(answer_header(&answer, "Link", value), "</directory>;rel=\"index\"");
}

static void test_takes_bodies_of_either_framing(void **state)
{
	struct client client;
	struct answer answer;
	char *body = calloc(1, 100001);
	char head[128];
	(void)state;

	assert_non_null(body);
	memset(body, 'b', 100000);
	client_open(&client, f.http_port);
	snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
	client_send(&client, head);
	client_ask(&client, body, &answer);
	assert_int_equal(answer.body_n, 100000);
	client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		client_send(&client, "2710\r\n");
		client_send_bytes(&client, body, 10000);
		client_send(&client, "\r\n");
	}
	client_ask(&client, "0\r\n\r\n", &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.body_n, 100000);
	client_ask(&client, REQUEST("GET /fast"), &answer);
	assert_string_equal(answer.body, "fast answer");
	client_close(&client);
	free(body);
}

static void test_continues_only_what_it_would_take(void **state)
{
	struct client client;
	struct answer answer;
	(void)state;

	client_open(&client, f.http_port);
	client_send(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	client_read(&client, false, &answer);
	assert_string_equal(answer.head, "HTTP/1.1 100 Continue\r\n\r\n");
	client_ask(&client, "hi", &answer);
	assert_string_equal(answer.body, "hi");
	client_send(&client, "POST /small HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 17\r\n\r\n");
	client_read(&client, false, &answer);
	assert_int_equal(answer.status, 413);
	client_assert_closed(&client);
	client_close(&client);
}

static void test_sends_large_bodies(void **state)
{
	struct client client;
	struct answer answer;
	(void)state;

	for (int tls = 0; tls < 2; tls++) {
		client_open(&client, tls == 1 ? f.https_port : f.http_port);
		assert_true(tls == 0 || client_start_tls(&client, 0));
		client_ask(&client, REQUEST("GET /large"), &answer);
		assert_int_equal(answer.body_n, LARGE_BODY);
		client_ask(&client, REQUEST("GET /fast"), &answer);
		assert_string_equal(answer.body, "fast answer");
		client_close(&client);
	}
}

static void test_speaks_tls(void **state) /* H3 */
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct client client;
	struct answer answer;
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		client_open(&client, f.https_port);
		assert_true(client_start_tls(&client, versions[i]));
		assert_int_equal(SSL_version(client.ssl), versions[i]);
		client_ask(&client, REQUEST("GET /who"), &answer);
		assert_string_equal(answer.body, "2  127.0.0.1 tls=1 local=0 uid=0\n");
		client_ask(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", &answer);
		assert_string_equal(answer.body, "hello");
		client_close(&client);
	}
}

static void test_refuses_old_tls(void **state) /* H3 */
{
	static const int versions[] = { TLS1_VERSION, TLS1_1_VERSION };
	struct client client;
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		client_open(&client, f.https_port);
		assert_false(client_start_tls(&client, versions[i]));
		client_close(&client);
	}
}

static void test_refuses_renegotiation(void **state) /* H3 */
{
	struct client client;
	struct answer answer;
	(void)state;

	client_open(&client, f.https_port);
	assert_true(client_start_tls(&client, TLS1_2_VERSION));
	client_ask(&client, REQUEST("GET /fast"), &answer);
	assert_int_equal(SSL_renegotiate(client.ssl), 1);
	assert_int_not_equal(SSL_do_handshake(client.ssl), 1);
	client_close(&client);
}

static void test_offers_no_early_data(void **state) /* H3 */
{
	struct client client;
	struct answer answer;
	(void)state;

	client_open(&client, f.https_port);
	assert_true(client_start_tls(&client, TLS1_3_VERSION));
	client_ask(&client, REQUEST("GET /fast"), &answer);
	assert_int_equal(SSL_SESSION_get_max_early_data(SSL_get_session(client.ssl)), 0);
	client_close(&client);
}

static void test_knows_the_operator(void **state)
{
	struct client client;
	struct answer answer;
	struct stat status;
	char expected[128];
	(void)state;

	assert_int_equal(stat(f.local_path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	client_open_local(&client, f.local_path);
	client_ask(&client, REQUEST("GET /who"), &answer);
	snprintf(expected, sizeof expected, "1 uid:%u local tls=0 local=1 uid=%u\n", geteuid(), geteuid());
	assert_string_equal(answer.body, expected);
	client_close(&client);
	assert_true(listener_may_operate(0));
	assert_true(listener_may_operate(geteuid()));
	assert_false(listener_may_operate(geteuid() + 1));
}

/* In a child, another user: 0 when the server ended the connection without a word. */
static int visit_as_nobody(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char byte;

	strcpy(to.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (setgid(65534) != 0 || setuid(65534) != 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		return 2;
	if (send(fd, REQUEST("GET /who"), strlen(REQUEST("GET /who")), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return 3;
	return recv(fd, &byte, 1, 0) > 0 ? 1 : 0;
}

static void test_refuses_other_users(void **state)
{
	int status;
	(void)state;

	if (geteuid() != 0)
		skip(); /* only root can become somebody else */
	assert_int_equal(chmod(f.folder, 0711), 0);
	assert_int_equal(chmod(f.local_path, 0666), 0); /* even past the file's own mode */
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(visit_as_nobody(f.local_path));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_survives_clients_that_leave(void **state)
{
	struct client client;
	struct answer answer;
	(void)state;

	client_open(&client, f.http_port);
	client_send(&client, REQUEST("GET /hold"));
	fixture_wait_held(&f);
	/* With a reset, so that the loop is sure to notice when it writes. */
	struct linger linger = { .l_onoff = 1 };
	assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
	client_close(&client);
	sem_post(&f.release);
	fixture_wait_open(&f, 0);
	fixture_ask(&f, REQUEST("GET /echo?alive"), &answer);
	assert_string_equal(answer.body, "alive");
}

static void test_answers_503_when_the_lane_is_full(void **state)
{
	struct client running, waiting;
	struct answer answer;
	char value[256];
	struct front_state counts;
	(void)state;

	client_open(&running, f.http_port);
	client_send(&running, REQUEST("GET /hold"));
	fixture_wait_held(&f);
	client_open(&waiting, f.http_port);
	client_send(&waiting, REQUEST("GET /hold"));
	fixture_wait_queued(&f, 1);

	fixture_ask(&f, REQUEST("GET /hold"), &answer);
	assert_int_equal(answer.status, 503);
	assert_string_equal(answer_header(&answer, "Retry-After", value), "1");
	assert_string_equal(answer_header(&answer, "Content-Type", value), "application/problem+json");
	front_read_state(f.front, &counts);
	assert_int_equal(counts.busy, 1);
	/* What the loop has in memory needs no lane. */
	fixture_ask(&f, REQUEST("GET /fast"), &answer);
	assert_int_equal(answer.status, 200);

	sem_post(&f.release);
	sem_post(&f.release);
	client_read(&running, false, &answer);
	assert_string_equal(answer.body, "released\n");
	client_read(&waiting, false, &answer);
	assert_string_equal(answer.body, "released\n");
	client_close(&running);
	client_close(&waiting);
}

/* What a test waits for is short; what a busy machine must not exceed meanwhile is not. */
static int start_hurried(void **state)
{
	(void)state;
	fixture_start(&f, (struct front_config){ .head_ms = 100, .request_ms = 1000 });
	return 0;
}

static int start_impatient(void **state)
{
	(void)state;
	fixture_start(&f, (struct front_config){ .idle_ms = 1000, .handshake_ms = 100 });
	return 0;
}

/* A byte every few milliseconds, until the server has something to say. */
static void trickle(struct client *client, const char *first, char byte)
{
	struct pollfd answered = { .fd = client->fd, .events = POLLIN };

	client_send(client, first);
	for (int i = 0; i < 4000; i++) {
		if (poll(&answered, 1, 5) > 0)
			return;
		client_send_bytes(client, &byte, 1);
	}
	fail_msg("%s goes on for ever", first);
}

static void test_ends_slow_requests(void **state) /* H3 F19: slowloris, head and body */
{
	struct client client;
	struct answer answer;
	(void)state;

	client_open(&client, f.http_port);
	trickle(&client, "GET /fast HTTP/1.1\r\nHost: x\r\nX: ", 'a');
	client_read(&client, false, &answer);
	assert_int_equal(answer.status, 408);
	client_assert_closed(&client);
	client_close(&client);

	client_open(&client, f.http_port);
	trickle(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n", 'a');
	client_read(&client, false, &answer);
	assert_int_equal(answer.status, 408);
	client_close(&client);
}

static void test_ends_idle_connections(void **state) /* H3 */
{
	struct client client;
	struct answer answer;
	(void)state;

	client_open(&client, f.http_port);
	client_assert_closed(&client);
	client_close(&client);
	client_open(&client, f.http_port);
	client_ask(&client, REQUEST("GET /fast"), &answer);
	client_assert_closed(&client);
	client_close(&client);
	/* A handshake that never begins, and one that stops. */
	client_open(&client, f.https_port);
	client_assert_closed(&client);
	client_close(&client);
	client_open(&client, f.https_port);
	trickle(&client, "\x16\x03\x01\x02\x10\x01", '\x01');
	client_close(&client);
	fixture_wait_open(&f, 0);
}

static void test_ends_requests_that_take_too_long(void **state)
{
	struct client client;
	(void)state;

	client_open(&client, f.http_port);
	client_send(&client, REQUEST("GET /hold"));
	fixture_wait_held(&f);
	client_assert_closed(&client);
	sem_post(&f.release);
	client_close(&client);
	fixture_wait_open(&f, 0);
}

static void test_ends_slow_readers(void **state) /* H3: slow read of the response */
{
	struct client client;
	int small = 4096;
	(void)state;

	client_open(&client, f.http_port);
	setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	for (int i = 0; i < 8; i++)
		client_send(&client, REQUEST("GET /large"));
	client_send(&client, "GET ");
	/* Never read; 3 MB are due within 46 s, so it is the drain that ends it here. */
	front_drain(f.front, 50);
	struct front_state counts;
	front_read_state(f.front, &counts);
	assert_int_equal(counts.open_connections, 0);
	client_close(&client);
}

static int start_capped(void **state)
{
	(void)state;
	fixture_start(&f, (struct front_config){ .connections = 4, .connections_per_address = 2 });
	return 0;
}

static void test_caps_connections_per_address(void **state) /* F19 */
{
	struct client clients[3];
	struct answer answer;
	(void)state;

	for (int i = 0; i < 2; i++) {
		client_open(&clients[i], f.http_port);
		client_ask(&clients[i], REQUEST("GET /fast"), &answer);
		assert_int_equal(answer.status, 200);
	}
	client_open(&clients[2], f.http_port);
	client_read(&clients[2], false, &answer);
	assert_int_equal(answer.status, 429);
	client_assert_closed(&clients[2]);
	client_close(&clients[2]);
	client_close(&clients[0]);
	fixture_wait_open(&f, 1);
	fixture_ask(&f, REQUEST("GET /fast"), &answer);
	assert_int_equal(answer.status, 200);
	client_close(&clients[1]);
}

static struct address_key key_of(const char *text)
{
	struct sockaddr_storage from = { .ss_family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET };
	void *address = from.ss_family == AF_INET6 ? (void *)&((struct sockaddr_in6 *)&from)->sin6_addr
						   : (void *)&((struct sockaddr_in *)&from)->sin_addr;

	assert_int_equal(inet_pton(from.ss_family, text, address), 1);
	struct address_key key = address_key(&from), of_text = address_key_of_text(text);
	assert_true(key.high == of_text.high && key.low == of_text.low);
	return key;
}

static void test_counts_by_address(void **state)
{
	struct admission *admission = admission_new(4, 2);
	(void)state;

	assert_int_equal(admission_enter(admission, key_of("2001:db8::1")), ADMITTED);
	assert_int_equal(admission_enter(admission, key_of("2001:db8::ffff:1")), ADMITTED);
	assert_int_equal(admission_enter(admission, key_of("2001:db8::2")), REFUSED_FOR_ADDRESS);
	assert_int_equal(admission_enter(admission, key_of("2001:db8:0:1::1")), ADMITTED);
	assert_int_equal(admission_enter(admission, key_of("192.0.2.1")), ADMITTED);
	assert_int_equal(admission_enter(admission, key_of("192.0.2.2")), REFUSED_IN_ALL);
	admission_leave(admission, key_of("2001:db8::9"));
	assert_int_equal(admission_enter(admission, key_of("192.0.2.2")), ADMITTED);
	assert_int_equal(admission_count(admission), 4);
	admission_free(&admission);
}

static void test_goes_on_without_descriptors(void **state) /* F19 F34: EMFILE */
{
	struct rlimit before, low;
	struct client client = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)f.http_port) };
	struct answer answer;
	(void)state;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	int lowest = dup(0);
	low.rlim_cur = (rlim_t)lowest;
	close(lowest);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(connect(client.fd, (struct sockaddr *)&to, sizeof to), 0);
	client_assert_closed(&client);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	client_close(&client);
	fixture_ask(&f, REQUEST("GET /fast"), &answer);
	assert_int_equal(answer.status, 200);
}

struct asker {
	unsigned port;
	unsigned whole;
};

/* Asks on and on; an answer comes whole or not at all. */
static void *ask_until_closed(void *arg)
{
	struct asker *asker = arg;
	struct client client;
	char bytes[4096];
	static const char request[] = REQUEST("GET /fast");

	client_open(&client, asker->port);
	for (;;) {
		if (send(client.fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
			break;
		ssize_t n = recv(client.fd, bytes, sizeof bytes, 0);
		if (n <= 0)
			break;
		assert_true(n > 11 && memcmp(bytes + n - 11, "fast answer", 11) == 0);
		asker->whole++;
	}
	client_close(&client);
	return NULL;
}

static void *drain(void *arg)
{
	front_drain(arg, 20000);
	return NULL;
}

static void test_drains_under_load(void **state) /* F35 */
{
	struct asker askers[4];
	pthread_t threads[4], drainer;
	struct client client;
	struct answer answer;
	(void)state;

	client_open(&client, f.http_port);
	client_send(&client, REQUEST("GET /hold"));
	fixture_wait_held(&f);
	for (int i = 0; i < 4; i++) {
		askers[i] = (struct asker){ .port = f.http_port };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_until_closed, &askers[i]), 0);
	}
	fixture_wait_open(&f, 5);
	assert_int_equal(pthread_create(&drainer, NULL, drain, f.front), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	/* All others have gone; what is under way is finished. */
	sem_post(&f.release);
	client_read(&client, false, &answer);
	assert_string_equal(answer.body, "released\n");
	assert_non_null(strstr(answer.head, "Connection: close\r\n"));
	client_assert_closed(&client);
	client_close(&client);
	assert_int_equal(pthread_join(drainer, NULL), 0);

	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)f.http_port) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_not_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	close(fd);
}

static void test_lets_jobs_outlast_the_front(void **state)
{
	struct client client;
	(void)state;

	fixture_start(&f, (struct front_config){ 0 });
	client_open(&client, f.http_port);
	client_send(&client, REQUEST("GET /hold"));
	fixture_wait_held(&f);
	fixture_free_front(&f);
	client_assert_closed(&client);
	sem_post(&f.release);
	fixture_free_rest(&f);
	client_close(&client);
}

static void test_shares_ports_between_loops_only(void **state)
{
	struct answer answer;
	struct op *op = op_new();
	char address[64];
	unsigned port;
	(void)state;

	fixture_start(&f, (struct front_config){ .loops = 2 });
	for (int i = 0; i < 50; i++) {
		fixture_ask(&f, REQUEST("GET /echo?two"), &answer);
		assert_string_equal(answer.body, "two");
	}
	struct front_config config = { .loops = 2, .connections = 1, .connections_per_address = 1, .routes = f.routes };
	struct front *second = front_new(&config);
	snprintf(address, sizeof address, "127.0.0.1:%u", f.http_port);
	assert_err(op, ERR_CONFLICT, front_listen(op, second, ON_HTTP, address, &port));
	assert_err(op, ERR_CONFLICT, front_listen_local(op, second, f.local_path));
	static const char *const wrong[] = { "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "localhost:80",
					     "::1:80", "[::1]", "[::1:80", "127.0.0.1:+1", "256.0.0.1:80" };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_err(op, ERR_MALFORMED, front_listen(op, second, ON_HTTP, wrong[i], &port));
	front_free(&second);
	op_free(&op);
	fixture_stop(&f);
}

static void test_refuses_a_foreign_key(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	(void)state;

	assert_err(f.op, ERR_MALFORMED, front_set_certificate(f.op, f.front, chain, key));
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	sk_X509_push(chain, certificate);
	assert_err(f.op, ERR_CONFLICT, front_set_certificate(f.op, f.front, chain, other));
	sk_X509_free(chain);
	X509_free(certificate);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	struct client client; /* the one from before is still shown */
	client_open(&client, f.https_port);
	assert_true(client_start_tls(&client, 0));
	client_close(&client);
}

/* Random bytes, and every other time a good request with a few bytes changed. */
static size_t random_request(uint8_t bytes[256])
{
	static const char good[] = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
	size_t n = (size_t)rand() % 255 + 1;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)rand();
	if (rand() % 2 == 0)
		return n;
	memcpy(bytes, good, sizeof good - 1);
	for (int i = rand() % 3; i >= 0; i--)
		bytes[(size_t)rand() % (sizeof good - 1)] = (uint8_t)rand();
	return sizeof good - 1;
}

static void test_survives_random_bytes(void **state)
{
	struct client client;
	struct answer answer;
	uint8_t bytes[256];
	const unsigned seed = 20261121;
	(void)state;

	print_message("seed %u\n", seed);
	srand(seed);
	for (int i = 0; i < 10000; i++) {
		client_open(&client, i % 4 == 0 ? f.https_port : f.http_port);
		client_send_bytes(&client, bytes, random_request(bytes));
		shutdown(client.fd, SHUT_WR);
		while (recv(client.fd, bytes, sizeof bytes, 0) > 0)
			;
		client_close(&client);
	}
	fixture_wait_open(&f, 0);
	fixture_ask(&f, REQUEST("GET /fast"), &answer);
	assert_int_equal(answer.status, 200);
	client_open(&client, f.https_port);
	assert_true(client_start_tls(&client, 0));
	client_ask(&client, REQUEST("GET /fast"), &answer);
	assert_int_equal(answer.status, 200);
	client_close(&client);
}

#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(start, test_answers_from_memory_and_from_a_lane),
		WITH(start, test_says_what_every_reply_says),
		WITH(start, test_keeps_the_connection),
		WITH(start, test_answers_in_a_row_what_comes_in_a_row),
		WITH(start, test_speaks_http10),
		WITH(start, test_answers_head_without_a_body),
		WITH(start, test_refuses_in_the_form_of_the_route),
		WITH(start, test_says_what_is_allowed),
		WITH(start, test_refuses_long_requests),
		WITH(start, test_maps_failures),
		WITH(start, test_lets_no_value_split_the_head),
		WITH(start, test_takes_bodies_of_either_framing),
		WITH(start, test_continues_only_what_it_would_take),
		WITH(start, test_sends_large_bodies),
		WITH(start, test_speaks_tls),
		WITH(start, test_refuses_old_tls),
		WITH(start, test_refuses_renegotiation),
		WITH(start, test_offers_no_early_data),
		WITH(start, test_knows_the_operator),
		WITH(start, test_refuses_other_users),
		WITH(start, test_survives_clients_that_leave),
		WITH(start, test_answers_503_when_the_lane_is_full),
		WITH(start_hurried, test_ends_slow_requests),
		WITH(start_impatient, test_ends_idle_connections),
		WITH(start_hurried, test_ends_requests_that_take_too_long),
		WITH(start_hurried, test_ends_slow_readers),
		WITH(start_capped, test_caps_connections_per_address),
		cmocka_unit_test(test_counts_by_address),
		WITH(start, test_goes_on_without_descriptors),
		WITH(start, test_drains_under_load),
		cmocka_unit_test(test_lets_jobs_outlast_the_front),
		cmocka_unit_test(test_shares_ports_between_loops_only),
		WITH(start, test_refuses_a_foreign_key),
		WITH(start, test_survives_random_bytes),
	};
	return cmocka_run_group_tests_name("front", tests, NULL, NULL);
}
