/*
 * Calls to configured services: both sides of the courier joined by a socket
 * pair, against a service with TLS, a proxy and a resolver on loopback.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "courier/courier.h"
#include "courier/courier_process.h"
#include "tests/fake/courier_peers.h"
#include "tests/fake/tls_service.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#define FAR_MS 60000
#define SOON_MS 1000 /* a deadline that is meant to pass */

static const struct fake_name names[] = {
	{ .name = "svc.example", .a = { "127.0.0.1" } },
	{ .name = "second.example", .a = { "127.0.0.4", "127.0.0.1" } }, /* nobody listens at the first */
	{ .name = "wrong.example", .a = { "127.0.0.1" } },               /* not in the certificate */
	{ .name = "proxy.example", .a = { "127.0.0.1" } },
	{ .name = "nodata.example" },
	{ .name = "silent.example", .kind = NAME_SILENT },
};

#define KIB_16 "xxxxxxxxxxxxxxxx"
#define KIB_256 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16 KIB_16

static const struct service_page pages[] = {
	{ "/json", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", NULL },
	{ "/busy", "HTTP/1.1 429 Too Many\r\nretry-after:  17 \r\nContent-Length: 4\r\n\r\nwait", NULL },
	{ "/twice", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n", NULL },
	{ "/moved", "HTTP/1.1 307 Moved\r\nLocation: /json\r\nContent-Length: 0\r\n\r\n", NULL },
	{ "/early", "HTTP/1.1 103 Early\r\nRetry-After: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL },
	{ "/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", NULL },
	{ "/gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", NULL },
	{ "/silent", NULL, NULL },
	{ "/stays", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "" },
	{ "/endless", "HTTP/1.1 200 OK\r\n\r\n", KIB_256 },
	{ "/headers", "HTTP/1.1 200 OK\r\n", "X-More: " KIB_256 "\r\n" },
	{ "/cut", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", NULL },
	{ "/garbage", "what do you want?\r\n\r\n", NULL },
	{ "/nothing", "", NULL },
	{ NULL, NULL, NULL },
};

struct bench {
	struct op *op;
	struct peers *peers;
	struct tls_service *service;
	struct config config;
	struct courier *courier;
	pthread_t thread;
	int courier_fd;
	result served;
};

static void *serve(void *arg)
{
	struct bench *bench = arg;
	struct op *op = op_new();
	bench->served = courier_serve(op, bench->courier_fd, &bench->config, &courier_tuning_default);
	op_free(&op);
	return NULL;
}

static int setup(void **state)
{
	struct op *op = op_new();
	struct bench *bench = arena_alloc(op->arena, sizeof *bench);
	const char **resolvers = arena_alloc(op->arena, sizeof *resolvers);
	int fds[2];
	bench->op = op;
	bench->peers = peers_start(names, sizeof names / sizeof names[0], NULL, 0);
	bench->service = tls_service_start(pages);
	resolvers[0] = arena_printf(op->arena, "127.0.0.1:%u", peers_dns_port(bench->peers));
	bench->config.validation.resolvers = (struct config_texts){ resolvers, 1 };
	bench->config.validation.http_port = 80; /* loopback is allowed to calls, though not to probes */
	bench->courier = courier_new(NULL, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	bench->courier_fd = fds[1];
	assert_int_equal(pthread_create(&bench->thread, NULL, serve, bench), 0);
	courier_attach(bench->courier, fds[0]);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;
	struct op *op = bench->op;
	courier_free(&bench->courier);
	pthread_join(bench->thread, NULL);
	tls_service_stop(&bench->service);
	peers_stop(&bench->peers);
	assert_int_equal(bench->served.err, ERR_NONE);
	op_free(&op);
	return 0;
}

static struct courier_request request_to(struct bench *bench, const char *host, const char *path)
{
	return (struct courier_request){
		.method = "GET",
		.url = arena_printf(bench->op->arena, "https://%s:%u%s", host, tls_service_port(bench->service), path),
		.trust = tls_service_trust(bench->service),
		.timeout_ms = FAR_MS,
		.body_limit = 65536,
	};
}

static struct courier_response call(struct bench *bench, const struct courier_request *request)
{
	struct courier_response response;
	assert_ok(bench->op, courier_call(bench->op, bench->courier, request, &response));
	return response;
}

static struct courier_response get(struct bench *bench, const char *path)
{
	const struct courier_request request = request_to(bench, "svc.example", path);
	return call(bench, &request);
}

static const char *body_text(struct bench *bench, const struct courier_response *response)
{
	return arena_text_n(bench->op->arena, (const char *)response->body.p, response->body.n);
}

static void assert_fails(struct bench *bench, const struct courier_request *request, enum err err, const char *words)
{
	struct courier_response response;
	result r = courier_call(bench->op, bench->courier, request, &response);
	if (r.err != err || strstr(bench->op->detail, words) == NULL)
		fail_msg("%s: expected %s with \"%s\", got %s: %s", request->url, err_name(err), words, err_name(r.err), bench->op->detail);
	op_clear_failure(bench->op);
}

static void brings_the_answer(void **state)
{
	struct bench *bench = *state;
	struct courier_response r = get(bench, "/json");
	assert_int_equal(r.status, 200);
	assert_string_equal(r.content_type, "application/json");
	assert_null(r.retry_after);
	assert_true(bytes_equal_text(r.body, "{}"));
	r = get(bench, "/busy");
	assert_int_equal(r.status, 429);
	assert_string_equal(r.retry_after, "17");
	assert_true(bytes_equal_text(r.body, "wait"));
	r = get(bench, "/twice");
	assert_null(r.content_type);
	r = get(bench, "/early");
	assert_null(r.retry_after);
	r = get(bench, "/chunked");
	assert_true(bytes_equal_text(r.body, "abc"));
	r = get(bench, "/gzip");
	assert_int_equal(r.body.n, 2);
	assert_int_equal(get(bench, "/unknown").status, 404);
}

static void sends_what_it_is_given(void **state)
{
	static const struct courier_header headers[] = { { "Authorization", "Bearer abc" }, { "Content-Type", "application/json" } };
	struct bench *bench = *state;
	struct courier_request request = request_to(bench, "svc.example", "/echo");
	request.method = "POST";
	request.headers = headers;
	request.n_headers = 2;
	request.body = BYTES_LITERAL("{\"a\":1}");
	struct courier_response r = call(bench, &request);
	const char *echo = body_text(bench, &r);
	assert_true(text_has_prefix(echo, "POST /echo HTTP/1.1\r\n"));
	assert_non_null(strstr(echo, "\r\nAuthorization: Bearer abc\r\n"));
	assert_non_null(strstr(echo, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(echo, "\r\nUser-Agent: chancery/"));
	assert_non_null(strstr(echo, "\r\nContent-Length: 7\r\n"));
	assert_null(strstr(echo, "Expect:"));
	assert_null(strstr(echo, "Cookie"));
	assert_null(strstr(echo, "Accept-Encoding"));
	assert_true(text_has_suffix(echo, "\r\n\r\n{\"a\":1}"));
}

static void posts_a_long_body(void **state)
{
	struct bench *bench = *state;
	struct courier_request request = request_to(bench, "svc.example", "/echo");
	uint8_t *body = arena_alloc(bench->op->arena, 100000);
	memset(body, 'b', 100000);
	request.method = "POST";
	request.body = (struct bytes){ body, 100000 };
	request.body_limit = LIMIT_CALL_BODY;
	struct courier_response r = call(bench, &request);
	assert_true(r.body.n > 100000);
}

/* One call, one answer: a redirect is an answer like any other. */
static void follows_nothing(void **state)
{
	struct bench *bench = *state;
	struct courier_response r = get(bench, "/moved");
	assert_int_equal(r.status, 307);
	assert_int_equal(tls_service_requests(bench->service), 1);
}

static void tries_every_address(void **state)
{
	struct bench *bench = *state;
	/* The name is not in the certificate: that this is seen means that the second address was reached. */
	struct courier_request request = request_to(bench, "second.example", "/json");
	assert_fails(bench, &request, ERR_BACKEND, "second.example: SSL");
	request = request_to(bench, "127.0.0.1", "/json");
	assert_int_equal(call(bench, &request).status, 200);
}

static void verifies_who_answers(void **state)
{
	struct bench *bench = *state;
	struct courier_request request = request_to(bench, "wrong.example", "/json");
	assert_fails(bench, &request, ERR_BACKEND, "SSL");
	request = request_to(bench, "svc.example", "/json");
	request.trust = BYTES_NONE; /* the system knows no such CA */
	assert_fails(bench, &request, ERR_BACKEND, "SSL certificate");
	request.trust = BYTES_LITERAL("no PEM");
	assert_fails(bench, &request, ERR_BACKEND, "svc.example: ");
	assert_int_equal(tls_service_requests(bench->service), 0);
}

static void goes_by_proxy(void **state)
{
	struct bench *bench = *state;
	static const struct courier_header headers[] = { { "Authorization", "Bearer abc" } };
	struct courier_request request = request_to(bench, "svc.example", "/json");
	request.headers = headers;
	request.n_headers = 1;
	request.proxy = arena_printf(bench->op->arena, "http://proxy.example:%u", tls_service_proxy_port(bench->service));
	struct courier_response r = call(bench, &request);
	assert_int_equal(r.status, 200);
	assert_null(r.retry_after); /* the proxy's own */
	assert_int_equal(tls_service_connects(bench->service), 1);
	assert_true(text_has_prefix(tls_service_last_connect(bench->service), "CONNECT svc.example:"));
	assert_null(strstr(tls_service_last_connect(bench->service), "Bearer"));
	/* A name that only the proxy can look up. */
	request.url = arena_printf(bench->op->arena, "https://unknown.example:%u/json", tls_service_port(bench->service));
	assert_fails(bench, &request, ERR_BACKEND, "SSL");
	assert_int_equal(tls_service_connects(bench->service), 2);
	request.proxy = arena_printf(bench->op->arena, "http://127.0.0.1:%u", tls_service_port(bench->service));
	assert_fails(bench, &request, ERR_BACKEND, "127.0.0.1: "); /* that is no proxy */
}

static void says_what_dns_said(void **state)
{
	struct bench *bench = *state;
	struct courier_request request = request_to(bench, "nowhere.example", "/json");
	assert_fails(bench, &request, ERR_BACKEND, "DNS has no address for nowhere.example (A: NXDOMAIN");
	request = request_to(bench, "nodata.example", "/json");
	assert_fails(bench, &request, ERR_BACKEND, "no data");
	request = request_to(bench, "silent.example", "/json");
	request.timeout_ms = SOON_MS;
	assert_fails(bench, &request, ERR_BACKEND, "DNS gave no answer within 1000 ms");
}

static void caps_what_it_takes(void **state)
{
	struct bench *bench = *state;
	struct courier_request request = request_to(bench, "svc.example", "/json");
	request.body_limit = 2;
	assert_int_equal(call(bench, &request).body.n, 2);
	request.body_limit = 1;
	assert_fails(bench, &request, ERR_BACKEND, "longer answer");
	request = request_to(bench, "svc.example", "/endless");
	request.body_limit = LIMIT_CALL_BODY;
	assert_fails(bench, &request, ERR_BACKEND, "longer answer");
	request = request_to(bench, "svc.example", "/headers");
	assert_fails(bench, &request, ERR_BACKEND, "svc.example: ");
}

static void takes_no_half_answers(void **state)
{
	static const char *const paths[] = { "/cut", "/garbage", "/nothing" };
	struct bench *bench = *state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		const struct courier_request request = request_to(bench, "svc.example", paths[i]);
		assert_fails(bench, &request, ERR_BACKEND, "svc.example: ");
	}
}

static void ends_at_the_deadline(void **state)
{
	static const char *const paths[] = { "/silent", "/stays" };
	struct bench *bench = *state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct courier_request request = request_to(bench, "svc.example", paths[i]);
		request.timeout_ms = SOON_MS;
		assert_fails(bench, &request, ERR_BACKEND, "no whole answer within 1000 ms");
	}
	struct courier_request request = request_to(bench, "svc.example", "/silent");
	bench->op->deadline_ms = clock_monotonic_ms() + SOON_MS;
	assert_fails(bench, &request, ERR_BUSY, "courier");
	bench->op->deadline_ms = 0;
	assert_int_equal(get(bench, "/json").status, 200);
}

static void refuses_what_cannot_be_called(void **state)
{
	static const struct {
		const char *method, *url, *proxy;
	} cases[] = {
		{ "GET", "http://svc.example/", NULL },
		{ "GET", "ftp://svc.example/", NULL },
		{ "GET", "file:///etc/passwd", NULL },
		{ "GET", "svc.example", NULL },
		{ "GET", "https://", NULL },
		{ "GET", "https://user:pw@svc.example/", NULL },
		{ "GET", "https://svc.example/#x", NULL },
		{ "GET", "https://svc.example:0/", NULL },
		{ "GET", "https://svc.example:70000/", NULL },
		{ "GET", "https://svc.example/a b", NULL },
		{ "GET", "https://svc.example/a\r\nX: y", NULL },
		{ "GET", "https://localhost/", NULL },
		{ "GET", "https://2130706433x/", "socks5://proxy.example:1080" },
		{ "DELETE", "https://svc.example/", NULL },
		{ NULL, "https://svc.example/", NULL },
		{ "GET", NULL, NULL },
		{ "GET", "https://svc.example/", "https://proxy.example:3128" },
		{ "GET", "https://svc.example/", "http://proxy.example" },
		{ "GET", "https://svc.example/", "http://user:pw@proxy.example:3128" },
		{ "GET", "https://svc.example/", "socks5://proxy.example:1080" },
	};
	struct bench *bench = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct courier_request request = { .method = cases[i].method, .url = cases[i].url, .proxy = cases[i].proxy,
							 .timeout_ms = FAR_MS, .body_limit = 1 };
		struct courier_response response;
		result r = courier_call(bench->op, bench->courier, &request, &response);
		if (r.err != ERR_MALFORMED)
			fail_msg("%s: %s", cases[i].url, err_name(r.err));
		op_clear_failure(bench->op);
	}
}

static void refuses_headers_that_break_out(void **state)
{
	static const struct courier_header cases[] = { { "X", "a\r\nY: b" }, { "X", "a\nb" },   { "X", "\x7f" }, { "X\r\nY", "a" },
						       { "X: Y", "a" },       { "", "a" },      { "X", NULL },   { NULL, "a" },
						       { "X", "\xc3\xa4" } };
	struct bench *bench = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct courier_request request = request_to(bench, "svc.example", "/json");
		request.headers = &cases[i];
		request.n_headers = 1;
		assert_fails(bench, &request, ERR_MALFORMED, "header 1");
	}
	struct courier_request request = request_to(bench, "svc.example", "/json");
	request.body = BYTES_LITERAL("x");
	assert_fails(bench, &request, ERR_MALFORMED, "body");
	request = request_to(bench, "svc.example", "/json");
	request.body_limit = LIMIT_CALL_BODY + 1;
	assert_fails(bench, &request, ERR_MALFORMED, "beyond the limits");
}

static void says_when_there_is_no_courier(void **state)
{
	struct bench *bench = *state;
	const struct courier_request request = request_to(bench, "svc.example", "/json");
	courier_attach(bench->courier, -1);
	assert_fails(bench, &request, ERR_BUSY, "");
}

/* Waits on its own thread for an answer that does not come; the end of the courier wakes it. */
struct waiting {
	struct bench *bench;
	result r;
};

static void *wait_for_answer(void *arg)
{
	struct waiting *waiting = arg;
	struct op *op = op_new();
	struct courier_request request = { .method = "GET", .trust = tls_service_trust(waiting->bench->service),
					   .timeout_ms = FAR_MS, .body_limit = 1 };
	struct courier_response response;
	request.url = arena_printf(op->arena, "https://svc.example:%u/silent", tls_service_port(waiting->bench->service));
	waiting->r = courier_call(op, waiting->bench->courier, &request, &response);
	op_free(&op);
	return NULL;
}

static void many_wait_and_others_are_answered(void **state)
{
	struct bench *bench = *state;
	struct waiting waiting[20];
	pthread_t threads[20];
	for (unsigned i = 0; i < 20; i++) {
		waiting[i] = (struct waiting){ bench, OK };
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_answer, &waiting[i]), 0);
	}
	while (tls_service_requests(bench->service) < 20)
		sched_yield();
	assert_int_equal(get(bench, "/json").status, 200);
	courier_attach(bench->courier, -1);
	for (unsigned i = 0; i < 20; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(waiting[i].r.err, ERR_BUSY);
	}
}

#define BENCH(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(brings_the_answer),
		BENCH(sends_what_it_is_given),
		BENCH(posts_a_long_body),
		BENCH(follows_nothing),
		BENCH(tries_every_address),
		BENCH(verifies_who_answers),
		BENCH(goes_by_proxy),
		BENCH(says_what_dns_said),
		BENCH(caps_what_it_takes),
		BENCH(takes_no_half_answers),
		BENCH(ends_at_the_deadline),
		BENCH(refuses_what_cannot_be_called),
		BENCH(refuses_headers_that_break_out),
		BENCH(says_when_there_is_no_courier),
		BENCH(many_wait_and_others_are_answered),
	};
	signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
