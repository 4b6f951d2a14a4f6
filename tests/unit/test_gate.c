/*
 * The strict gate against tables of good and hostile requests (H1, H2, H4, H6).
 * Every row is fed whole, byte by byte, and cut at every point, with the bytes
 * moved in between: the verdict must be the same each time.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/gate.h"

#define LIMIT 64 /* of bodies, unless a test says otherwise */

/* What became of a request. */
struct verdict {
	enum gate_state state;
	int status;
	size_t consumed, body_n;
	unsigned n_headers;
	char body[256];
};

static void feed(struct gate *gate, uint8_t *p, size_t n)
{
	while (gate_feed(gate, p, n) == GATE_HEAD)
		gate_body_limit(gate, LIMIT);
}

static struct verdict verdict_of(const struct gate *gate, const uint8_t *p)
{
	struct verdict verdict;

	memset(&verdict, 0, sizeof verdict); /* padding too: verdicts are compared as bytes */
	verdict.state = gate->state;
	verdict.status = gate->status;
	if (gate->state != GATE_COMPLETE)
		return verdict;
	verdict.consumed = gate->consumed;
	verdict.body_n = gate->body_n;
	verdict.n_headers = gate->n_headers;
	assert_true(gate->body_n < sizeof verdict.body);
	memcpy(verdict.body, p + gate->head_n, gate->body_n);
	/* Views must point into the bytes where they are now. */
	assert_true(gate->target.p >= p && gate->target.p + gate->target.n <= p + gate->head_n);
	for (unsigned i = 0; i < gate->n_headers; i++)
		assert_true(gate->headers[i].name.p >= p &&
			    gate->headers[i].value.p + gate->headers[i].value.n <= p + gate->head_n);
	return verdict;
}

/* Buffers of exactly the bytes fed so far, so that a sanitizer sees any look beyond. */
static uint8_t *moved(uint8_t *own_before, size_t before_n, struct bytes request, size_t n)
{
	uint8_t *p = malloc(n + (n == 0));
	assert_non_null(p);
	memcpy(p, own_before, before_n);
	memcpy(p + before_n, request.p + before_n, n - before_n);
	free(own_before);
	return p;
}

/* Feeds the request in pieces that end at `cut`, `cut + step`, …; bytes move each time. */
static struct verdict run(struct bytes request, size_t cut, size_t step)
{
	struct gate gate;
	uint8_t *p = malloc(1);
	size_t fed = 0;

	gate_init(&gate);
	for (size_t n = cut; fed < request.n && gate.state < GATE_COMPLETE; n = n + step) {
		if (n > request.n)
			n = request.n;
		p = moved(p, fed, request, n);
		fed = n;
		feed(&gate, p, n);
	}
	struct verdict verdict = verdict_of(&gate, p);
	free(p);
	return verdict;
}

static void assert_same(struct bytes request, struct verdict expected, struct verdict got, const char *how)
{
	if (memcmp(&expected, &got, sizeof expected) != 0)
		fail_msg("%s gives state %d status %d instead of %d %d for: %.*s", how, got.state, got.status,
			 expected.state, expected.status, (int)request.n, (const char *)request.p);
}

/* Also without moving, a byte more each time. */
static struct verdict run_in_place(struct bytes request)
{
	struct gate gate;
	uint8_t *p = malloc(request.n);

	assert_non_null(p);
	memcpy(p, request.p, request.n);
	gate_init(&gate);
	for (size_t n = 1; n <= request.n && gate.state < GATE_COMPLETE; n++)
		feed(&gate, p, n);
	struct verdict verdict = verdict_of(&gate, p);
	free(p);
	return verdict;
}

static struct verdict verdict_any_way(struct bytes request)
{
	struct verdict whole = run(request, request.n, 1);

	assert_same(request, whole, run_in_place(request), "byte by byte");
	assert_same(request, whole, run(request, 1, 1), "byte by byte, moving,");
	for (size_t cut = 1; cut < request.n; cut++)
		assert_same(request, whole, run(request, cut, request.n), "a cut");
	return whole;
}

#define HOST "Host: ca.example\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST /x HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct refused {
	int status;
	struct bytes request;
	const char *why;
};
#define ROW(status, text, why) { status, { (const uint8_t *)(text), sizeof(text) - 1 }, why }

static const struct refused refused[] = {
	/* H1: framing that two readers may read in two ways */
	ROW(400, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "CL and TE"),
	ROW(400, POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", "TE and CL"),
	ROW(400, POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "two codings"),
	ROW(400, POST "Transfer-Encoding: chunked, identity\r\n\r\n", "chunked not last"),
	ROW(400, POST "Transfer-Encoding: identity\r\n\r\n", "identity"),
	ROW(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "two TE"),
	ROW(400, POST "Transfer-Encoding:\x0b" "chunked\r\n\r\n", "vertical tab before chunked"),
	ROW(400, POST "Transfer-Encoding: \"chunked\"\r\n\r\n", "quoted"),
	ROW(400, POST "Transfer-Encoding: xchunked\r\n\r\n", "xchunked"),
	ROW(400, POST "Transfer-Encoding:\r\n\r\n", "empty TE"),
	ROW(400, POST "Transfer-Encoding : chunked\r\n\r\n", "blank before the colon"),
	ROW(400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "two CL, the same"),
	ROW(400, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "two CL"),
	ROW(400, POST "Content-Length: 3, 3\r\n\r\nabc", "CL list"),
	ROW(400, POST "Content-Length: +5\r\n\r\nabcde", "CL with a sign"),
	ROW(400, POST "Content-Length: -1\r\n\r\n", "negative CL"),
	ROW(400, POST "Content-Length: 0x5\r\n\r\nabcde", "hexadecimal CL"),
	ROW(400, POST "Content-Length: 5 5\r\n\r\nabcde", "CL with a blank"),
	ROW(400, POST "Content-Length:\r\n\r\n", "empty CL"),
	ROW(400, POST "Content-Length: 5;\r\n\r\nabcde", "CL with a parameter"),
	ROW(413, POST "Content-Length: 18446744073709551621\r\n\r\nabcde", "CL of 2^64 + 5"),
	ROW(413, POST "Content-Length: 999999999999999999999999999999\r\n\r\n", "CL without end"),
	ROW(400, CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", "chunk size 0x"),
	ROW(400, CHUNKED "+3\r\nabc\r\n0\r\n\r\n", "chunk size +"),
	ROW(400, CHUNKED "-3\r\nabc\r\n0\r\n\r\n", "chunk size -"),
	ROW(400, CHUNKED " 3\r\nabc\r\n0\r\n\r\n", "blank before the chunk size"),
	ROW(400, CHUNKED "3 \r\nabc\r\n0\r\n\r\n", "blank behind the chunk size"),
	ROW(400, CHUNKED "\r\nabc\r\n0\r\n\r\n", "no chunk size"),
	ROW(400, CHUNKED "000000003\r\nabc\r\n0\r\n\r\n", "nine digits"),
	ROW(400, CHUNKED "3;a=b\r\nabc\r\n0\r\n\r\n", "chunk extension"),
	ROW(400, CHUNKED "3;a\nb\r\nabc\r\n0\r\n\r\n", "chunk extension with LF"),
	ROW(400, CHUNKED "3\nabc\r\n0\r\n\r\n", "bare LF behind the chunk size"),
	ROW(400, CHUNKED "3\rXabc\r\n0\r\n\r\n", "bare CR behind the chunk size"),
	ROW(400, CHUNKED "3\r\nabcd\r\n0\r\n\r\n", "chunk longer than its size"),
	ROW(400, CHUNKED "3\r\nabc\n0\r\n\r\n", "bare LF behind the chunk"),
	ROW(400, CHUNKED "3\r\nabc0\r\n\r\n", "nothing behind the chunk"),
	ROW(400, CHUNKED "0\r\nAuthorization: x\r\n\r\n", "trailer"),
	ROW(400, CHUNKED "0\r\nContent-Length: 7\r\n\r\n", "trailer with a length"),
	ROW(400, CHUNKED "0\r\n\n", "bare LF in the end"),
	ROW(413, CHUNKED "ffffffff\r\n", "chunk of 4 GiB"),
	ROW(413, CHUNKED "41\r\n", "chunk over the limit"),
	ROW(413, CHUNKED "20\r\n01234567890123456789012345678901\r\n21\r\n", "chunks over the limit together"),
	ROW(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "TE in HTTP/1.0"),
	/* H1: lines and names */
	ROW(400, GET "X: a\r\n b\r\n\r\n", "folding with a blank"),
	ROW(400, GET "X: a\r\n\tb\r\n\r\n", "folding with a tab"),
	ROW(400, "GET / HTTP/1.1\r\n " HOST "\r\n", "blank before the first name"),
	ROW(400, GET ": a\r\n\r\n", "empty name"),
	ROW(400, GET "X\r\n\r\n", "no colon"),
	ROW(400, GET "X Y: a\r\n\r\n", "blank in the name"),
	ROW(400, GET "X\x80: a\r\n\r\n", "name beyond ASCII"),
	ROW(400, GET "X(: a\r\n\r\n", "bracket in the name"),
	ROW(400, GET "X: a\0b\r\n\r\n", "NUL in the value"),
	ROW(400, GET "X\0: a\r\n\r\n", "NUL in the name"),
	ROW(400, GET "X: a\x7f\r\n\r\n", "DEL in the value"),
	ROW(400, GET "X: a\rb\r\n\r\n", "bare CR in the value"),
	ROW(400, GET "X: a\n\r\n", "bare LF behind a header"),
	ROW(400, GET "X: a\nContent-Length: 5\r\n\r\n", "bare LF between headers"),
	ROW(400, GET "\n", "bare LF in the end"),
	ROW(400, "GET / HTTP/1.1\n" HOST "\r\n", "bare LF behind the request line"),
	ROW(400, "\n" GET "\r\n", "bare LF in front"),
	ROW(400, "\r\n\r\n" GET "\r\n", "two empty lines in front"),
	/* request line */
	ROW(400, "GET  / HTTP/1.1\r\n" HOST "\r\n", "two blanks"),
	ROW(400, "GET /  HTTP/1.1\r\n" HOST "\r\n", "two blanks behind the target"),
	ROW(400, "GET / HTTP/1.1 \r\n" HOST "\r\n", "blank behind the version"),
	ROW(400, " GET / HTTP/1.1\r\n" HOST "\r\n", "blank in front"),
	ROW(400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n", "tab"),
	ROW(400, "GET /\r\n" HOST "\r\n", "HTTP/0.9"),
	ROW(400, "GET / http/1.1\r\n" HOST "\r\n", "version in small letters"),
	ROW(400, "GET / HTTP/1.10\r\n" HOST "\r\n", "version of two digits"),
	ROW(400, "GET / HTTP/1.\r\n" HOST "\r\n", "half a version"),
	ROW(400, "GET /\0 HTTP/1.1\r\n" HOST "\r\n", "NUL in the target"),
	ROW(400, "GET /a#b HTTP/1.1\r\n" HOST "\r\n", "fragment"),
	ROW(400, "GET /a\\b HTTP/1.1\r\n" HOST "\r\n", "backslash"),
	ROW(400, "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", "target beyond ASCII"),
	ROW(400, "GET /% HTTP/1.1\r\n" HOST "\r\n", "escape without digits"),
	ROW(400, "GET /%4 HTTP/1.1\r\n" HOST "\r\n", "half an escape"),
	ROW(400, "GET /%zz HTTP/1.1\r\n" HOST "\r\n", "escape without hexadecimal digits"),
	ROW(400, "GET x HTTP/1.1\r\n" HOST "\r\n", "target without a slash"),
	ROW(400, "G@T / HTTP/1.1\r\n" HOST "\r\n", "no method"),
	ROW(400, "\x16\x03\x01\x02", "TLS hello"),
	ROW(505, "GET / HTTP/2.0\r\n" HOST "\r\n", "HTTP/2.0"),
	ROW(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 preface"),
	ROW(505, "GET / HTTP/1.2\r\n" HOST "\r\n", "HTTP/1.2"),
	ROW(501, "CONNECT ca.example:443 HTTP/1.1\r\n" HOST "\r\n", "CONNECT"),
	ROW(501, "TRACE / HTTP/1.1\r\n" HOST "\r\n", "TRACE"),
	ROW(400, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "asterisk form"),
	/* H6: whose request it is */
	ROW(400, "GET http://ca.example/ HTTP/1.1\r\n" HOST "\r\n", "absolute form"),
	ROW(400, "GET / HTTP/1.1\r\nX: a\r\n\r\n", "no Host"),
	ROW(400, GET HOST "\r\n", "two Host"),
	ROW(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n", "empty Host"),
	ROW(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "Host with a blank"),
	ROW(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "Host with a slash"),
	ROW(400, "GET / HTTP/1.1\r\nHost: me@a\r\n\r\n", "Host with a user"),
	ROW(400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "Host with a list"),
	/* H4, and expectations */
	ROW(415, POST "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "gzip"),
	ROW(415, POST "Content-Encoding: identity, gzip\r\nContent-Length: 3\r\n\r\nabc", "identity, gzip"),
	ROW(415, POST "Content-Encoding:\r\nContent-Length: 3\r\n\r\nabc", "empty coding"),
	ROW(417, POST "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", "other expectation"),
	ROW(417, POST "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", "two of them"),
	/* H2: before it is read */
	ROW(413, POST "Content-Length: 65\r\n\r\n", "body over the limit"),
};

static void test_refuses_what_is_hostile(void **state) /* H1 H4 H6 */
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct verdict verdict = verdict_any_way(refused[i].request);
		if (verdict.state != GATE_REFUSED || verdict.status != refused[i].status)
			fail_msg("%s: state %d status %d instead of %d", refused[i].why, verdict.state, verdict.status,
				 refused[i].status);
	}
}

struct accepted {
	const char *body;
	size_t left; /* bytes behind it */
	struct bytes request;
};
#define GOOD(body, left, text) { body, left, { (const uint8_t *)(text), sizeof(text) - 1 } }

static const struct accepted accepted[] = {
	GOOD("", 0, GET "\r\n"),
	GOOD("", 0, "\r\n" GET "\r\n"),
	GOOD("", 0, "GET / HTTP/1.0\r\n\r\n"),
	GOOD("", 0, "GET / HTTP/1.1\r\nhOST:\t [::1]:8443 \t\r\n\r\n"),
	GOOD("", 5, GET "\r\nGET /"),
	GOOD("", 1, GET "\r\n\n"),
	GOOD("", 0, GET "X:\r\nY: \r\nZ: \xff\t(a, \"b\")\r\n\r\n"),
	GOOD("", 0, "GET /ocsp/x/MEow%2F+A=?a=/b?c&d=%00 HTTP/1.1\r\n" HOST "\r\n"),
	GOOD("", 0, "DELETE /a HTTP/1.1\r\n" HOST "\r\n"),
	GOOD("", 0, POST "\r\n"),
	GOOD("", 0, POST "Content-Length: 0\r\n\r\n"),
	GOOD("abc", 0, POST "Content-Length: 3\r\n\r\nabc"),
	GOOD("abc", 0, POST "content-length:003\r\n\r\nabc"),
	GOOD("abc", 4, POST "Content-Length: 3\r\n\r\nabcPOST"),
	GOOD("abc", 0, POST "Content-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc"),
	GOOD("abc", 0, POST "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc"),
	GOOD("", 0, CHUNKED "0\r\n\r\n"),
	GOOD("abc", 0, CHUNKED "3\r\nabc\r\n0\r\n\r\n"),
	GOOD("abc", 0, POST "TRANSFER-ENCODING:CHUNKED\r\n\r\n1\r\na\r\n00000002\r\nbc\r\n0\r\n\r\n"),
	GOOD("0123456789\r\n0\r\n\r\n", 3, CHUNKED "a\r\n0123456789\r\n7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\nGET"),
	GOOD("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 0,
	     CHUNKED "40\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n0\r\n\r\n"),
};

static void test_takes_what_is_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
		const struct accepted *row = &accepted[i];
		struct verdict verdict = verdict_any_way(row->request);
		if (verdict.state != GATE_COMPLETE || verdict.consumed != row->request.n - row->left)
			fail_msg("row %zu: state %d status %d, %zu bytes", i, verdict.state, verdict.status,
				 verdict.consumed);
		assert_int_equal(verdict.body_n, strlen(row->body));
		assert_memory_equal(verdict.body, row->body, verdict.body_n);
	}
}

static enum gate_state read_whole(struct gate *gate, const char *text)
{
	static uint8_t bytes[4096];
	size_t n = strlen(text);

	assert_true(n <= sizeof bytes);
	memcpy(bytes, text, n);
	gate_init(gate);
	feed(gate, bytes, n);
	return gate->state;
}

static void test_reads_the_head(void **state)
{
	struct gate gate;
	(void)state;

	assert_int_equal(read_whole(&gate, "POST /a/b?c=d HTTP/1.1\r\nHost: x:1\r\nAccept:  */* \r\n"
					   "Content-Length: 2\r\n\r\nhi"), GATE_COMPLETE);
	assert_true(bytes_equal_text(gate.method, "POST"));
	assert_true(bytes_equal_text(gate.target, "/a/b?c=d"));
	assert_true(bytes_equal_text(gate.host, "x:1"));
	assert_int_equal(gate.n_headers, 3);
	assert_true(bytes_equal_text(gate.headers[1].name, "Accept"));
	assert_true(bytes_equal_text(gate.headers[1].value, "*/*"));
}

static void test_knows_when_a_connection_ends(void **state)
{
	struct gate gate;
	(void)state;

	assert_int_equal(read_whole(&gate, GET "\r\n"), GATE_COMPLETE);
	assert_true(gate.keep_alive);
	assert_int_equal(read_whole(&gate, GET "Connection: upgrade ,\tClose\r\n\r\n"), GATE_COMPLETE);
	assert_false(gate.keep_alive);
	assert_int_equal(read_whole(&gate, GET "Connection: closed\r\n\r\n"), GATE_COMPLETE);
	assert_true(gate.keep_alive);
	assert_int_equal(read_whole(&gate, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), GATE_COMPLETE);
	assert_false(gate.keep_alive);
}

static void test_ignores_expectations_of_http10(void **state)
{
	struct gate gate;
	(void)state;

	assert_int_equal(read_whole(&gate, POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx"), GATE_COMPLETE);
	assert_true(gate.expects_continue);
	assert_int_equal(read_whole(&gate, "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"),
			 GATE_COMPLETE);
	assert_false(gate.expects_continue);
}

/* A request that is `fill` repeated between two texts. */
static uint8_t *long_request(const char *before, char fill, size_t count, const char *after, size_t *n)
{
	*n = strlen(before) + count + strlen(after);
	uint8_t *p = malloc(*n);
	assert_non_null(p);
	memcpy(p, before, strlen(before));
	memset(p + strlen(before), fill, count);
	memcpy(p + strlen(before) + count, after, strlen(after));
	return p;
}

/* Feeds in pieces of 1000; *looked_at is how much it took to refuse. */
static struct gate feed_long(uint8_t *own_p, size_t n, size_t *looked_at)
{
	struct gate gate;

	gate_init(&gate);
	*looked_at = 0;
	while (*looked_at < n && gate.state != GATE_REFUSED && gate.state != GATE_COMPLETE) {
		*looked_at = *looked_at + 1000 < n ? *looked_at + 1000 : n;
		feed(&gate, own_p, *looked_at);
	}
	free(own_p);
	return gate;
}

static void test_limits_the_request_line(void **state) /* H2: URI 16 KiB */
{
	size_t n, looked_at;
	(void)state;
	const char *after = " HTTP/1.1\r\n" HOST "\r\n";
	size_t fitting = LIMIT_REQUEST_LINE - strlen("GET / HTTP/1.1");

	uint8_t *p = long_request("GET /", 'a', fitting, after, &n);
	assert_int_equal(feed_long(p, n, &looked_at).state, GATE_COMPLETE);
	p = long_request("GET /", 'a', fitting + 1, after, &n);
	assert_int_equal(feed_long(p, n, &looked_at).status, 414);
	p = long_request("GET /", 'a', 10000000, after, &n); /* H5: 10 MB */
	assert_int_equal(feed_long(p, n, &looked_at).status, 414);
	assert_true(looked_at < LIMIT_REQUEST_LINE + 2000);
}

static void test_limits_the_headers(void **state) /* H2: 64 KiB */
{
	size_t n, looked_at;
	(void)state;
	size_t fitting = LIMIT_HEADER_BYTES - strlen(HOST "X: \r\n\r\n");

	uint8_t *p = long_request(GET "X: ", 'a', fitting, "\r\n\r\n", &n);
	assert_int_equal(feed_long(p, n, &looked_at).state, GATE_COMPLETE);
	p = long_request(GET "X: ", 'a', fitting + 1, "\r\n\r\n", &n);
	assert_int_equal(feed_long(p, n, &looked_at).status, 431);
	p = long_request(GET "X: ", 'a', 65536, "\r\n\r\n", &n);
	assert_int_equal(feed_long(p, n, &looked_at).status, 431);
	assert_true(looked_at < LIMIT_HEADER_BYTES + 2000);
}

/* As many header lines as `count`, Host included. */
static struct gate feed_headers(unsigned count)
{
	struct buf request;
	size_t looked_at;
	struct arena *arena = arena_new();

	buf_init(&request, arena, 1024);
	buf_text(&request, GET);
	for (unsigned i = 1; i < count; i++)
		buf_text(&request, "A: b\r\n");
	buf_text(&request, "\r\n");
	uint8_t *p = malloc(request.n);
	assert_non_null(p);
	memcpy(p, request.p, request.n);
	struct gate gate = feed_long(p, request.n, &looked_at);
	arena_free(&arena);
	return gate;
}

static void test_limits_the_number_of_headers(void **state) /* H2: 1e5 headers */
{
	(void)state;
	assert_int_equal(feed_headers(LIMIT_HEADER_COUNT).state, GATE_COMPLETE);
	assert_int_equal(feed_headers(LIMIT_HEADER_COUNT + 1).status, 431);
	assert_int_equal(feed_headers(100000).status, 431);
}

static void test_limits_the_framing_of_chunks(void **state) /* F20: endless, one byte each */
{
	struct buf request;
	size_t looked_at;
	struct arena *arena = arena_new();
	(void)state;

	buf_init(&request, arena, 65536);
	buf_text(&request, CHUNKED);
	for (unsigned i = 0; i < 10000; i++)
		buf_text(&request, "00000001\r\nx\r\n");
	uint8_t *p = malloc(request.n);
	assert_non_null(p);
	memcpy(p, request.p, request.n);
	assert_int_equal(feed_long(p, request.n, &looked_at).status, 413);
	assert_true(looked_at < 8192);
	arena_free(&arena);
}

static void test_refuses_bodies_that_nobody_allowed(void **state)
{
	uint8_t request[] = POST "Content-Length: 1\r\n\r\nx";
	struct gate gate;
	(void)state;

	gate_init(&gate);
	assert_int_equal(gate_feed(&gate, request, sizeof request - 1), GATE_HEAD);
	assert_true(gate_has_body(&gate));
	assert_int_equal(gate_feed(&gate, request, sizeof request - 1), GATE_REFUSED);
	assert_int_equal(gate.status, 413);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_what_is_hostile),
		cmocka_unit_test(test_takes_what_is_good),
		cmocka_unit_test(test_reads_the_head),
		cmocka_unit_test(test_knows_when_a_connection_ends),
		cmocka_unit_test(test_ignores_expectations_of_http10),
		cmocka_unit_test(test_limits_the_request_line),
		cmocka_unit_test(test_limits_the_headers),
		cmocka_unit_test(test_limits_the_number_of_headers),
		cmocka_unit_test(test_limits_the_framing_of_chunks),
		cmocka_unit_test(test_refuses_bodies_that_nobody_allowed),
	};
	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
