/*
 * Both sides of the courier, joined by a socket pair, against a resolver and web
 * servers on loopback that misbehave in every way that the rows R1-R7, V41 and
 * F29 name. Nothing sleeps: a deadline is either far away or what is tested.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/config.h"
#include "base/files.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "courier/courier.h"
#include "courier/courier_process.h"
#include "ipc/role.h"
#include "tests/fake/courier_peers.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#define OPEN "127.0.0.1"
#define OTHER "127.0.0.2"
#define MUTE "127.0.0.3"
#define CLOSED "127.0.0.4" /* nobody listens */
#define TOKEN "dG9rZW4tdG9rZW4"
#define KEY_AUTHORIZATION TOKEN ".thumbprint"
#define OK_PAGE "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n" KEY_AUTHORIZATION

#define FAR_MS 60000
#define SOON_MS 1000 /* a deadline that is meant to pass, though not before a busy machine comes to the point of it */

static const struct fake_name names[] = {
	{ .name = "ok.example", .a = { OPEN } },
	{ .name = "six.example", .aaaa = { "::1" } },
	{ .name = "both.example", .a = { OPEN }, .aaaa = { "::1" } },
	{ .name = "alias.example", .a = { OPEN }, .cname = "target.example" },
	{ .name = "truncated.example", .kind = NAME_TRUNCATED, .a = { OPEN } },
	{ .name = "nodata.example" },
	{ .name = "servfail.example", .kind = NAME_SERVFAIL },
	{ .name = "fails-first.example", .kind = NAME_FAILS_FIRST, .a = { OPEN } },
	{ .name = "refused.example", .kind = NAME_REFUSED },
	{ .name = "silent.example", .kind = NAME_SILENT },
	{ .name = "cut.example", .kind = NAME_STILL_TRUNCATED },
	{ .name = "wrongid.example", .kind = NAME_WRONG_ID, .a = { OPEN } },
	{ .name = "other-question.example", .kind = NAME_OTHER_QUESTION, .a = { OPEN } },
	{ .name = "garbage.example", .kind = NAME_GARBAGE },
	{ .name = "huge.example", .kind = NAME_HUGE },
	{ .name = "loop.example", .cname = "loop.example" },

	{ .name = "zero.example", .a = { "0.0.0.0" } },
	{ .name = "metadata.example", .a = { "169.254.169.254" }, .aaaa = { "fd00:ec2::254", "fe80::1" } },
	{ .name = "carried.example", .aaaa = { "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1" } },
	{ .name = "denied.example", .a = { OTHER } },
	{ .name = "mapped.example", .aaaa = { "::ffff:127.0.0.2" } },
	{ .name = "private.example", .a = { "10.0.0.1" } },
	{ .name = "partly.example", .a = { OTHER, OPEN } },
	{ .name = "rebind.example", .kind = NAME_REBINDS, .a = { OPEN, OTHER } },

	{ .name = "closed.example", .a = { CLOSED } },
	{ .name = "falls-back.example", .a = { OPEN }, .aaaa = { "::ffff:" CLOSED } },
	{ .name = "mute.example", .a = { MUTE } },

	{ .name = "page.example", .a = { OPEN } },
	{ .name = "long.example", .a = { OPEN } },
	{ .name = "infinite.example", .a = { OPEN } },
	{ .name = "drips.example", .a = { OPEN } },
	{ .name = "stays.example", .a = { OPEN } },
	{ .name = "resets.example", .a = { OPEN } },
	{ .name = "empty.example", .a = { OPEN } },
	{ .name = "partial.example", .a = { OPEN } },
	{ .name = "missing.example", .a = { OPEN } },
	{ .name = "gzip.example", .a = { OPEN } },
	{ .name = "gzip-coding.example", .a = { OPEN } },
	{ .name = "chunked.example", .a = { OPEN } },
	{ .name = "headers.example", .a = { OPEN } },
	{ .name = "long-header.example", .a = { OPEN } },
	{ .name = "zero-nine.example", .a = { OPEN } },
	{ .name = "continue.example", .a = { OPEN } },
	{ .name = "continues.example", .a = { OPEN } },
	{ .name = "switching.example", .a = { OPEN } },
	{ .name = "created.example", .a = { OPEN } },
	{ .name = "not-modified.example", .a = { OPEN } },

	{ .name = "ten.example", .a = { OPEN } },
	{ .name = "eleven.example", .a = { OPEN } },
	{ .name = "to-ok.example", .a = { OPEN } },
	{ .name = "to-denied.example", .a = { OPEN } },
	{ .name = "to-rebind.example", .a = { OPEN } },
	{ .name = "to-nowhere.example", .a = { OPEN } },
	{ .name = "to-secret.example", .a = { OPEN } },
	{ .name = "secret.example", .a = { OPEN } },
	{ .name = "to-tls.example", .a = { OPEN } },
	{ .name = "tls.example", .a = { OPEN } },
	{ .name = "to-no-tls.example", .a = { OPEN } },
	{ .name = "to-itself.example", .a = { OPEN } },
	{ .name = "to-file.example", .a = { OPEN } },
	{ .name = "to-gopher.example", .a = { OPEN } },
	{ .name = "to-ssh.example", .a = { OPEN } },
	{ .name = "to-user.example", .a = { OPEN } },
	{ .name = "to-address.example", .a = { OPEN } },
	{ .name = "to-two.example", .a = { OPEN } },
	{ .name = "to-long.example", .a = { OPEN } },
	{ .name = "to-nothing.example", .a = { OPEN } },
	{ .name = "stays-redirect.example", .a = { OPEN } },
	{ .name = "choices.example", .a = { OPEN } },
};

#define REDIRECT(location) "HTTP/1.1 302 Found\r\nLocation: " location "\r\nContent-Length: 0\r\n\r\n"
#define TEN(text) text text text text text text text text text text
#define KIB TEN(TEN("xxxxxxxxxx")) "xxxxxxxxxxxxxxxxxxxxxxxx"
#define CHUNK_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct fake_page pages[] = {
	{ .host = "ok.example", .text = OK_PAGE },
	{ .host = "six.example", .text = OK_PAGE },
	{ .host = "both.example", .text = OK_PAGE },
	{ .host = "alias.example", .text = OK_PAGE },
	{ .host = "truncated.example", .text = OK_PAGE },
	{ .host = "partly.example", .text = OK_PAGE },
	{ .host = "fails-first.example", .text = OK_PAGE },
	{ .host = "rebind.example", .text = REDIRECT("http://rebind.example:{http}/again") },
	{ .host = "falls-back.example", .text = OK_PAGE },

	{ .host = "page.example", .text = "HTTP/1.1 200 OK\r\n\r\n" KEY_AUTHORIZATION "\r\n \n" },
	{ .host = "long.example", .text = "HTTP/1.1 200 OK\r\n\r\n" KIB "y" },
	{ .host = "infinite.example", .kind = PAGE_FLOODS, .text = "HTTP/1.1 200 OK\r\n\r\n", .more = KIB },
	{ .host = "drips.example", .kind = PAGE_DRIPS, .text = "HTTP/1.1 200 OK\r\nContent-Length: 26000\r\n\r\n" },
	{ .host = "stays.example", .kind = PAGE_STAYS, .text = "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n" },
	{ .host = "resets.example", .kind = PAGE_RESETS, .text = "" },
	{ .host = "empty.example", .text = "" },
	{ .host = "partial.example", .text = "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nhalf" },
	{ .host = "gzip.example", .text = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8bzz" },
	{ .host = "gzip-coding.example",
	  .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\n\x1f\x8bzz\r\n0\r\n\r\n" },
	{ .host = "chunked.example",
	  .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n" KEY_AUTHORIZATION "\r\n0\r\n\r\n" },
	{ .host = "headers.example", .kind = PAGE_FLOODS, .text = "HTTP/1.1 200 OK\r\n", .more = "X-More: " CHUNK_64 "\r\n" },
	{ .host = "long-header.example", .kind = PAGE_FLOODS, .text = "HTTP/1.1 200 OK\r\nX-More: ", .more = CHUNK_64 },
	{ .host = "zero-nine.example", .text = KEY_AUTHORIZATION },
	{ .host = "continue.example", .text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
					      "Location: http://denied.example:{http}/\r\n\r\n" OK_PAGE },
	{ .host = "continues.example", .kind = PAGE_FLOODS, .text = "", .more = "HTTP/1.1 100 Continue\r\n\r\n" },
	{ .host = "switching.example", .kind = PAGE_STAYS,
	  .text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n" },
	{ .host = "created.example", .kind = PAGE_STAYS, .text = "HTTP/1.1 201 Created\r\n\r\n" KEY_AUTHORIZATION },
	{ .host = "not-modified.example", .text = "HTTP/1.1 304 Not Modified\r\n\r\n" },

	{ .host = "ten.example", .kind = PAGE_COUNTS, .text = OK_PAGE, .until = 10 },
	{ .host = "eleven.example", .kind = PAGE_COUNTS, .text = OK_PAGE, .until = 11 },
	{ .host = "to-ok.example", .text = REDIRECT("http://ok.example:{http}/elsewhere?x=y#z") },
	{ .host = "to-denied.example", .text = REDIRECT("http://denied.example:{http}/") },
	{ .host = "to-rebind.example", .text = REDIRECT("http://rebind.example:{http}/") },
	{ .host = "to-nowhere.example", .text = REDIRECT("http://nowhere.example:{http}/") },
	{ .host = "to-secret.example", .text = REDIRECT("http://secret.example:{http}/") },
	{ .host = "secret.example", .text = "HTTP/1.1 500 secret-reason\r\nX-Secret: secret-header\r\n\r\nsecret-body" },
	{ .host = "to-tls.example", .text = REDIRECT("https://tls.example:{https}/") },
	{ .host = "tls.example", .text = OK_PAGE },
	{ .host = "to-no-tls.example", .text = REDIRECT("https://denied.example:{https}/") },
	{ .host = "to-itself.example", .text = REDIRECT("/.well-known/acme-challenge/" TOKEN) },
	{ .host = "to-file.example", .text = REDIRECT("file:///etc/passwd") },
	{ .host = "to-gopher.example", .text = REDIRECT("gopher://ok.example:{http}/") },
	{ .host = "to-ssh.example", .text = REDIRECT("http://ok.example:22/") },
	{ .host = "to-user.example", .text = REDIRECT("http://user:secret@ok.example:{http}/") },
	{ .host = "to-address.example", .text = REDIRECT("http://127.0.0.1:{http}/") },
	{ .host = "to-two.example",
	  .text = "HTTP/1.1 302 Found\r\nLocation: /a\r\nlocation: http://denied.example:{http}/\r\n\r\n" },
	{ .host = "to-long.example", .text = REDIRECT("http://ok.example:{http}/" KIB KIB) },
	{ .host = "to-nothing.example", .text = "HTTP/1.1 302 Found\r\n\r\n" },
	{ .host = "stays-redirect.example", .kind = PAGE_STAYS,
	  .text = "HTTP/1.1 302 Found\r\nLocation: http://ok.example:{http}/\r\nContent-Length: 99999\r\n\r\nx" },
	{ .host = "choices.example", .text = "HTTP/1.1 300 Multiple Choices\r\nLocation: http://ok.example:{http}/\r\n\r\n" },
};

/* --- the courier under test --- */

struct bench {
	struct op *op;
	struct peers *peers;
	struct config config;
	struct courier_tuning tuning;
	struct courier *courier;
	pthread_t thread;
	int courier_fd;
	result served;
};

static void *serve(void *arg)
{
	struct bench *bench = arg;
	struct op *op = op_new();

	bench->served = courier_serve(op, bench->courier_fd, &bench->config, &bench->tuning);
	op_free(&op);
	return NULL;
}

static struct config bench_config(struct op *op, const struct peers *peers)
{
	static const char *deny[] = { OTHER };
	const char **resolvers = arena_alloc(op->arena, sizeof(*resolvers));
	struct config config = { .validation = { .allow_loopback = true, .deny = { deny, 1 } } };

	resolvers[0] = arena_printf(op->arena, "127.0.0.1:%u", peers_dns_port(peers));
	config.validation.resolvers = (struct config_texts){ resolvers, 1 };
	config.validation.http_port = peers_http_port(peers);
	return config;
}

/* Everything but the courier's own side, so that a test can change the configuration before. */
static struct bench *bench_new(int64_t probe_ms, unsigned at_once)
{
	struct op *op = op_new();
	struct bench *bench = arena_alloc(op->arena, sizeof(*bench));

	bench->op = op;
	bench->peers = peers_start(names, sizeof(names) / sizeof(names[0]), pages, sizeof(pages) / sizeof(pages[0]));
	bench->config = bench_config(op, bench->peers);
	bench->tuning = (struct courier_tuning){ probe_ms, peers_https_port(bench->peers), at_once };
	bench->courier = courier_new(NULL, NULL);
	return bench;
}

static void bench_serve(struct bench *bench)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	bench->courier_fd = fds[1];
	assert_int_equal(pthread_create(&bench->thread, NULL, serve, bench), 0);
	courier_attach(bench->courier, fds[0]);
}

static struct bench *bench_start(int64_t probe_ms, unsigned at_once)
{
	struct bench *bench = bench_new(probe_ms, at_once);

	bench_serve(bench);
	return bench;
}

static void bench_stop(struct bench *bench)
{
	struct op *op = bench->op;

	courier_free(&bench->courier); /* closes the socket, and the courier ends */
	pthread_join(bench->thread, NULL);
	peers_stop(&bench->peers);
	assert_int_equal(bench->served.err, ERR_NONE);
	op_free(&op);
}

static int setup_far(void **state)
{
	*state = bench_start(FAR_MS, LIMIT_PROBES_AT_ONCE);
	return 0;
}

static int setup_soon(void **state)
{
	*state = bench_start(SOON_MS, LIMIT_PROBES_AT_ONCE);
	return 0;
}

static int teardown(void **state)
{
	bench_stop(*state);
	return 0;
}

/* What a probe told, copied. */
struct seen {
	pthread_mutex_t mutex;
	pthread_cond_t over;
	bool is_over;
	struct arena *arena;
	struct probe_reply reply;
	const char *failed;
};

static void seen_init(struct seen *seen, struct arena *arena)
{
	*seen = (struct seen){ .arena = arena };
	pthread_mutex_init(&seen->mutex, NULL);
	pthread_cond_init(&seen->over, NULL);
}

static void on_done(void *arg, const struct probe_reply *reply, const char *failed)
{
	struct seen *seen = arg;

	pthread_mutex_lock(&seen->mutex);
	if (reply != NULL) {
		seen->reply = *reply;
		seen->reply.detail = arena_text(seen->arena, reply->detail);
		seen->reply.evidence = arena_text(seen->arena, reply->evidence);
		seen->reply.body = arena_bytes(seen->arena, reply->body);
	}
	seen->failed = arena_text(seen->arena, failed);
	seen->is_over = true;
	pthread_cond_signal(&seen->over);
	pthread_mutex_unlock(&seen->mutex);
}

static void seen_wait(struct seen *seen)
{
	pthread_mutex_lock(&seen->mutex);
	while (!seen->is_over)
		pthread_cond_wait(&seen->over, &seen->mutex);
	pthread_mutex_unlock(&seen->mutex);
}

static struct probe_reply probe(struct bench *bench, const char *host)
{
	struct seen seen;

	seen_init(&seen, bench->op->arena);
	assert_ok(bench->op, courier_http01(bench->op, bench->courier, host, TOKEN, on_done, &seen));
	seen_wait(&seen);
	if (seen.failed != NULL)
		fail_msg("%s: %s", host, seen.failed);
	return seen.reply;
}

/* --- checks --- */

/* `parts`: the detail holds this text, or one of several between bars (libraries differ by version). */
static bool holds_one_of(const char *detail, const char *parts)
{
	char text[256];
	assert_true(text_copy(text, sizeof text, parts));
	for (char *rest = NULL, *part = strtok_r(text, "|", &rest); part != NULL; part = strtok_r(NULL, "|", &rest))
		if (strstr(detail, part) != NULL)
			return true;
	return false;
}

static void expect_detail(const char *host, const struct probe_reply *reply, enum probe_outcome outcome, const char *part)
{
	if (reply->outcome != outcome || !holds_one_of(reply->detail, part))
		fail_msg("%s: outcome %d, \"%s\"; expected %d, \"%s\"", host, reply->outcome, reply->detail, outcome, part);
	for (const char *c = reply->detail; *c != '\0'; c++)
		assert_true(*c >= ' ' && *c <= '~');
	if (outcome != PROBE_ANSWERED)
		assert_int_equal(reply->body.n, 0);
}

static struct probe_reply expect(struct bench *bench, const char *host, enum probe_outcome outcome, const char *part)
{
	struct probe_reply reply = probe(bench, host);

	expect_detail(host, &reply, outcome, part);
	return reply;
}

static struct probe_reply expect_ok(struct bench *bench, const char *host)
{
	struct probe_reply reply = expect(bench, host, PROBE_ANSWERED, "answered 200");

	assert_int_equal(reply.status, 200);
	assert_true(bytes_equal_text(reply.body, KEY_AUTHORIZATION));
	assert_false(reply.is_body_cut);
	return reply;
}

/* "hops.0.address", "resolvers.0": a text of the evidence, or NULL. */
static const json_t *evidence_at(const json_t *value, const char *path)
{
	while (value != NULL && *path != '\0') {
		size_t n = strcspn(path, ".");
		char step[32] = "";

		memcpy(step, path, n < sizeof(step) ? n : sizeof(step) - 1);
		value = json_is_array(value) ? json_array_get(value, (size_t)strtoul(step, NULL, 10)) :
					       json_object_get(value, step);
		path += n + (path[n] == '.');
	}
	return value;
}

static void expect_evidence(struct bench *bench, const struct probe_reply *reply, const char *path, const char *text)
{
	AUTO(json_t) *evidence = NULL;

	assert_ok(bench->op, json_parse_object(bench->op, bytes_of_text(reply->evidence), "evidence", &evidence));
	const char *got = json_string_value(evidence_at(evidence, path));
	if (!text_equal(got, text))
		fail_msg("%s of %s: %s, expected %s", path, reply->evidence, got == NULL ? "null" : got,
			 text == NULL ? "null" : text);
}

/* --- what succeeds --- */

static void fetches_the_challenge(void **state)
{
	struct bench *bench = *state;
	struct op *op = bench->op;
	struct probe_reply reply = expect_ok(bench, "ok.example");
	const char *port = arena_printf(op->arena, "%u", peers_http_port(bench->peers));

	/* A32, R6: this request to the byte. */
	assert_string_equal(peers_last_request(bench->peers),
			    arena_printf(op->arena,
					 "GET /.well-known/acme-challenge/" TOKEN " HTTP/1.1\r\n"
					 "Host: ok.example:%s\r\n"
					 "User-Agent: chancery/0.1 (+http-01 validation)\r\n"
					 "Accept: */*\r\n"
					 "Accept-Encoding: identity\r\n\r\n",
					 port));
	assert_false(reply.is_redirected);
	expect_evidence(bench, &reply, "outcome", "answered");
	expect_evidence(bench, &reply, "resolvers.0", bench->config.validation.resolvers.items[0]);
	expect_evidence(bench, &reply, "hops.0.address", arena_printf(op->arena, "127.0.0.1:%s", port));
	expect_evidence(bench, &reply, "hops.0.addresses.0", "127.0.0.1");
	expect_evidence(bench, &reply, "hops.0.dns.A", "found");
	expect_evidence(bench, &reply, "hops.0.dns.AAAA", "no data");
	expect_evidence(bench, &reply, "hops.0.url",
			arena_printf(op->arena, "http://ok.example:%s/.well-known/acme-challenge/%.8s", port, TOKEN)); /* V14 */
}

static void writes_canonical_evidence(void **state)
{
	struct bench *bench = *state;
	struct probe_reply reply = probe(bench, "to-denied.example");
	AUTO(json_t) *evidence = NULL;

	assert_ok(bench->op, json_parse_object(bench->op, bytes_of_text(reply.evidence), "evidence", &evidence));
	char *canonical = json_dumps(evidence, JSON_SORT_KEYS | JSON_COMPACT);
	assert_string_equal(reply.evidence, canonical);
	free(canonical);
}

static void finds_addresses_by_every_honest_way(void **state)
{
	struct bench *bench = *state;

	expect_ok(bench, "alias.example");
	expect_ok(bench, "truncated.example"); /* V41: TC, then TCP */
	expect_ok(bench, "OK.Example");
	if (!peers_has_ipv6(bench->peers))
		return;
	expect_ok(bench, "six.example");
	unsigned before = peers_visits(bench->peers, PEER_SIX);
	expect_ok(bench, "both.example");
	assert_int_equal(peers_visits(bench->peers, PEER_SIX), before + 1); /* IPv6 first */
}

static void tries_ipv4_when_ipv6_cannot_be_connected(void **state)
{
	struct bench *bench = *state;
	struct probe_reply reply = expect_ok(bench, "falls-back.example");

	expect_evidence(bench, &reply, "hops.0.failed.0.address", "::ffff:127.0.0.4");
	if (peers_has_ipv6(bench->peers))
		expect_evidence(bench, &reply, "hops.0.failed.0.reason", "refused");
}

static void takes_bodies_as_they_are(void **state)
{
	struct bench *bench = *state;
	struct probe_reply reply = expect(bench, "page.example", PROBE_ANSWERED, "answered 200");

	assert_true(bytes_equal_text(reply.body, KEY_AUTHORIZATION "\r\n \n"));
	expect_ok(bench, "chunked.example");
	expect_ok(bench, "continue.example"); /* R6: 1xx, whose Location counts for nothing */
	reply = expect(bench, "gzip.example", PROBE_ANSWERED, "answered 200"); /* R6: never decompressed */
	assert_true(bytes_equal_text(reply.body, "\x1f\x8bzz"));
}

/* --- DNS --- */

static void tells_what_dns_said(void **state)
{
	struct bench *bench = *state;
	const char *resolver = bench->config.validation.resolvers.items[0];
	struct probe_reply reply = expect(bench, "a.nowhere.example", PROBE_DNS, "no A or AAAA record for a.nowhere.example");

	assert_non_null(strstr(reply.detail, arena_printf(bench->op->arena, "(NXDOMAIN from %s)", resolver)));
	expect(bench, "nodata.example", PROBE_DNS, "(no data from");
	unsigned before = peers_visits(bench->peers, PEER_RESOLVER);
	expect(bench, "servfail.example", PROBE_DNS, "SERVFAIL for servfail.example"); /* F29 */
	assert_int_equal(peers_visits(bench->peers, PEER_RESOLVER), before + 2);       /* asked once */
	expect(bench, "refused.example", PROBE_DNS, "REFUSED for refused.example");
	expect(bench, "loop.example", PROBE_DNS, "a CNAME loop");                      /* V41 */
	expect(bench, "cut.example", PROBE_DNS, "truncated over TCP too");
	expect(bench, "huge.example", PROBE_DNS, "more records than a host has");
}

/* F29, R9: no answer, and answers that are not to our question, are the same: none. */
static void gives_up_on_a_resolver_that_is_silent_or_lies(void **state)
{
	struct bench *bench = *state;

	expect(bench, "silent.example", PROBE_DNS, "DNS: no answer for silent.example from 127.0.0.1:");
	expect(bench, "wrongid.example", PROBE_DNS, "DNS: no answer for wrongid.example");
	expect(bench, "other-question.example", PROBE_DNS, "DNS: no answer for other-question.example");
	expect(bench, "garbage.example", PROBE_DNS, "DNS: no answer for garbage.example|DNS: unusable answer for garbage.example");
	assert_int_equal(peers_visits(bench->peers, PEER_OPEN), 0);
}

/* F29 */
static void asks_the_next_resolver_after_a_failure(void **state)
{
	struct bench *bench = bench_new(FAR_MS, LIMIT_PROBES_AT_ONCE);
	const char *same = bench->config.validation.resolvers.items[0];
	const char *other = arena_printf(bench->op->arena, "127.0.0.2:%u", peers_dns_port(bench->peers));
	const char *both[] = { same, other };

	(void)state;
	bench->config.validation.resolvers = (struct config_texts){ both, 2 };
	bench_serve(bench);
	expect_ok(bench, "fails-first.example");
	assert_int_equal(peers_visits(bench->peers, PEER_RESOLVER), 4);
	expect(bench, "servfail.example", PROBE_DNS, arena_printf(bench->op->arena, "from %s, %s", same, other));
	assert_int_equal(peers_visits(bench->peers, PEER_RESOLVER), 8);
	bench_stop(bench);
}

/* --- R2, R3: addresses --- */

static void connects_to_no_denied_address(void **state)
{
	struct bench *bench = *state;
	struct probe_reply reply;

	expect(bench, "zero.example", PROBE_DENIED, "0.0.0.0, which is not connected to: this network");
	expect(bench, "metadata.example", PROBE_DENIED, "cloud metadata");
	expect(bench, "carried.example", PROBE_DENIED, "cloud metadata");
	expect(bench, "denied.example", PROBE_DENIED, "127.0.0.2, which is not connected to: denied by configuration");
	expect(bench, "mapped.example", PROBE_DENIED, "denied by configuration");
	expect(bench, "private.example", PROBE_DENIED, "private");
	reply = expect_ok(bench, "partly.example"); /* the allowed one of two */
	expect_evidence(bench, &reply, "hops.0.denied.0.address", "127.0.0.2");
	expect_evidence(bench, &reply, "hops.0.denied.0.reason", "denied by configuration");
	assert_int_equal(peers_visits(bench->peers, PEER_OTHER), 0);
}

/* R3: one lookup per hop, and it decides: the second answer is vetted like the first. */
static void resolves_once_and_connects_to_that(void **state)
{
	struct bench *bench = *state;

	expect(bench, "rebind.example", PROBE_DENIED, "redirected to rebind.example: rebind.example has the address 127.0.0.2");
	assert_int_equal(peers_visits(bench->peers, PEER_OPEN), 1);
	assert_int_equal(peers_visits(bench->peers, PEER_OTHER), 0);
	assert_int_equal(peers_visits(bench->peers, PEER_RESOLVER), 4); /* A and AAAA, twice */
}

static void connects_to_no_listener_of_ours(void **state)
{
	struct bench *bench = bench_new(FAR_MS, LIMIT_PROBES_AT_ONCE);
	const char *own[] = { arena_printf(bench->op->arena, "127.0.0.1:%u", peers_http_port(bench->peers)) };

	(void)state;
	bench->config.listen.http = (struct config_texts){ own, 1 };
	bench_serve(bench);
	expect(bench, "ok.example", PROBE_DENIED, "our own listener");
	assert_int_equal(peers_visits(bench->peers, PEER_OPEN), 0);
	bench_stop(bench);
}

/* R1 */
static void asks_for_dns_names_only(void **state)
{
	struct bench *bench = *state;
	static const char *const hosts[] = { "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "ok.example.",
					     "user@ok.example", "ok.example:80", "", "ok.example/x", "a\r\nb" };

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		assert_err(bench->op, ERR_MALFORMED,
			   courier_http01(bench->op, bench->courier, hosts[i], TOKEN, on_done, NULL));
	assert_err(bench->op, ERR_MALFORMED, courier_http01(bench->op, bench->courier, "ok.example", "", on_done, NULL));
	assert_err(bench->op, ERR_MALFORMED, courier_http01(bench->op, bench->courier, "ok.example", "../x", on_done, NULL));
	assert_int_equal(peers_visits(bench->peers, PEER_RESOLVER), 0);
}

/* --- connections and answers --- */

static void tells_how_a_connection_ended(void **state)
{
	struct bench *bench = *state;
	const char *port = arena_printf(bench->op->arena, "%u", peers_http_port(bench->peers));

	expect(bench, "closed.example", PROBE_CONNECTION,
	       arena_printf(bench->op->arena, "connection to 127.0.0.4:%s refused", port));
	expect(bench, "resets.example", PROBE_CONNECTION, "broke the connection off");
	expect(bench, "empty.example", PROBE_CONNECTION, "closed the connection without an answer");
	expect(bench, "partial.example", PROBE_RESPONSE, "in the middle of its answer");
}

static void needs_a_200(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(expect(bench, "missing.example", PROBE_RESPONSE, "answered 404 instead of 200").status, 404);
	assert_int_equal(expect(bench, "created.example", PROBE_RESPONSE, "answered 201 instead of 200").status, 201);
	expect(bench, "not-modified.example", PROBE_RESPONSE, "answered 304 instead of 200");
	expect(bench, "choices.example", PROBE_RESPONSE, "answered 300 instead of 200"); /* R4: not one of the five */
}

/* R6: whatever comes, memory is bounded and what is kept is capped. */
static void caps_what_servers_send(void **state)
{
	struct bench *bench = *state;
	struct probe_reply reply = expect(bench, "long.example", PROBE_ANSWERED, "answered 200");

	assert_int_equal(reply.body.n, LIMIT_PROBE_BODY);
	assert_true(reply.is_body_cut);
	reply = expect(bench, "infinite.example", PROBE_ANSWERED, "answered 200");
	assert_int_equal(reply.body.n, LIMIT_PROBE_BODY);
	assert_true(reply.is_body_cut);
	expect(bench, "headers.example", PROBE_RESPONSE, "more header than any answer needs");
	expect(bench, "long-header.example", PROBE_RESPONSE, "more header than any answer needs");
	expect(bench, "continues.example", PROBE_RESPONSE, "more header than any answer needs");
	expect(bench, "zero-nine.example", PROBE_RESPONSE, "did not answer in HTTP/1");
	expect(bench, "gzip-coding.example", PROBE_RESPONSE, 
	       "transfer coding that was not offered|did not answer in HTTP/1"); /* newer libcurl refuses it itself */
}

/* R6, R7: one deadline for the whole probe, which nothing extends. */
static void ends_at_the_deadline(void **state)
{
	struct bench *bench = *state;

	expect(bench, "drips.example", PROBE_CONNECTION, "did not answer in full within 1000 ms");
	expect(bench, "stays.example", PROBE_CONNECTION, "did not answer in full within 1000 ms");
	expect(bench, "switching.example", PROBE_CONNECTION, "did not answer in full within 1000 ms");
	expect(bench, "mute.example", PROBE_CONNECTION, "did not answer in full within 1000 ms");
	assert_true(peers_visits(bench->peers, PEER_MUTE) > 0);
}

/* --- R4: redirects --- */

static void follows_redirects(void **state)
{
	struct bench *bench = *state;
	struct probe_reply reply = expect_ok(bench, "to-ok.example");

	assert_true(reply.is_redirected);
	assert_true(text_has_prefix(peers_last_request(bench->peers), "GET /elsewhere?x=y HTTP/1.1\r\nHost: ok.example:"));
	expect_evidence(bench, &reply, "hops.1.url",
			arena_printf(bench->op->arena, "http://ok.example:%u/elsewhere", peers_http_port(bench->peers)));
	expect_ok(bench, "stays-redirect.example"); /* the body of a redirect is not waited for */
	expect_ok(bench, "ten.example");
	expect(bench, "eleven.example", PROBE_RESPONSE, "more than 10 redirects");
}

/* RFC 8555 section 8.3 does not ask for a valid certificate; that the key authorization matches is for others to check. */
static void follows_redirects_to_https_with_any_certificate(void **state)
{
	struct bench *bench = *state;

	expect_ok(bench, "to-tls.example");
	assert_int_equal(peers_visits(bench->peers, PEER_TLS), 1);
	expect(bench, "to-no-tls.example", PROBE_DENIED, "denied by configuration");
	assert_int_equal(peers_visits(bench->peers, PEER_TLS), 1);
}

static void does_not_follow_the_rest(void **state)
{
	struct bench *bench = *state;

	expect(bench, "to-itself.example", PROBE_RESPONSE, "redirect loop");
	expect(bench, "to-file.example", PROBE_RESPONSE, "scheme");
	expect(bench, "to-gopher.example", PROBE_RESPONSE, "scheme");
	expect(bench, "to-ssh.example", PROBE_RESPONSE, "port 22");
	expect(bench, "to-address.example", PROBE_RESPONSE, "an address");
	expect(bench, "to-two.example", PROBE_RESPONSE, "two Locations");
	expect(bench, "to-long.example", PROBE_RESPONSE, "longer than 2000 bytes");
	expect(bench, "to-nothing.example", PROBE_RESPONSE, "without a Location");
	expect(bench, "to-nowhere.example", PROBE_DNS, "redirected to nowhere.example: DNS: no A or AAAA record");
	expect(bench, "to-denied.example", PROBE_DENIED, "redirected to denied.example");
	assert_null(strstr(expect(bench, "to-user.example", PROBE_RESPONSE, "redirect to").detail, "secret"));
	assert_int_equal(peers_visits(bench->peers, PEER_OTHER), 0);
	assert_int_equal(peers_visits(bench->peers, PEER_OPEN), 11); /* each first request, and no second one */
}

/* R5: from a redirect's target nothing but its status comes back. */
static void shows_nothing_of_what_a_redirect_reached(void **state)
{
	struct bench *bench = *state;
	struct probe_reply reply = expect(bench, "to-secret.example", PROBE_RESPONSE, "answered 500 instead of 200");

	assert_null(strstr(reply.detail, "secret-"));
	assert_null(strstr(reply.evidence, "secret-"));
	assert_true(reply.is_redirected);
}

/* --- R7: many at once --- */

#define PENDING 400

static void answers_others_while_many_wait(void **state)
{
	struct bench *bench = bench_start(FAR_MS, PENDING + 1);
	struct op *op = bench->op;
	static struct seen pending[PENDING];
	struct seen one_more, too_many;

	(void)state;
	for (unsigned i = 0; i < PENDING; i++) {
		/* An arena of its own: all are told at once when the courier goes, on another thread than this. */
		seen_init(&pending[i], arena_new());
		assert_ok(op, courier_http01(op, bench->courier, "mute.example", TOKEN, on_done, &pending[i]));
	}
	for (unsigned i = 0; i < 20; i++)
		expect_ok(bench, "ok.example");

	/* The last free place, and then none: an answer at once. */
	seen_init(&one_more, arena_new());
	seen_init(&too_many, arena_new());
	assert_ok(op, courier_http01(op, bench->courier, "silent.example", TOKEN, on_done, &one_more));
	assert_ok(op, courier_http01(op, bench->courier, "ok.example", TOKEN, on_done, &too_many));
	seen_wait(&too_many);
	assert_non_null(strstr(too_many.failed, "401 probes are under way already"));

	for (unsigned i = 0; i < PENDING; i++) {
		pthread_mutex_lock(&pending[i].mutex);
		bool is_over = pending[i].is_over;
		pthread_mutex_unlock(&pending[i].mutex);
		assert_false(is_over);
	}
	bench_stop(bench);
	for (unsigned i = 0; i < PENDING; i++) {
		assert_true(pending[i].is_over);
		assert_non_null(pending[i].failed);
		arena_free(&pending[i].arena);
	}
	arena_free(&one_more.arena);
	arena_free(&too_many.arena);
}

/* --- when the courier is not there --- */

static void says_when_there_is_no_courier(void **state)
{
	struct bench *bench = *state;
	struct seen seen;

	seen_init(&seen, bench->op->arena);
	assert_true(courier_is_up(bench->courier));
	assert_ok(bench->op, courier_http01(bench->op, bench->courier, "silent.example", TOKEN, on_done, &seen));
	courier_attach(bench->courier, -1);
	seen_wait(&seen);
	assert_non_null(seen.failed);
	assert_false(courier_is_up(bench->courier));
	assert_err(bench->op, ERR_BUSY, courier_http01(bench->op, bench->courier, "ok.example", TOKEN, on_done, &seen));
}

static void count(void *arg)
{
	atomic_fetch_add((atomic_uint *)arg, 1);
}

static void gives_up_a_courier_that_hangs(void **state)
{
	struct op *op = *state;
	atomic_uint recycled = 0;
	struct courier *courier = courier_new(count, &recycled);
	struct seen seen[2];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	courier_attach(courier, fds[0]); /* nobody reads from the other end */
	courier_fix_limit(courier, 500);
	for (size_t i = 0; i < 2; i++) {
		seen_init(&seen[i], arena_new());
		assert_ok(op, courier_http01(op, courier, "ok.example", TOKEN, on_done, &seen[i]));
	}
	for (size_t i = 0; i < 2; i++) {
		seen_wait(&seen[i]);
		assert_non_null(strstr(seen[i].failed, "did not answer in time"));
		arena_free(&seen[i].arena);
	}
	courier_free(&courier);
	assert_int_equal(atomic_load(&recycled), 1);
	close(fds[1]);
}

static void does_not_start_with_a_wrong_configuration(void **state)
{
	struct op *op = *state;
	struct config wrong[3] = { 0 };
	const char *deny[] = { "10.0.0.0/33" }, *resolvers[] = { "resolver.example:53" }, *listen[] = { "everywhere" };

	wrong[0].validation.deny = (struct config_texts){ deny, 1 };
	wrong[1].validation.resolvers = (struct config_texts){ resolvers, 1 };
	wrong[2].listen.https = (struct config_texts){ listen, 1 };
	for (size_t i = 0; i < 3; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		assert_err(op, ERR_MALFORMED, courier_serve(op, fds[1], &wrong[i], &courier_tuning_default));
		close(fds[0]);
	}
}

/* --- the process itself, sandbox and all --- */

#define AS_COURIER "--courier"

/* This program again, as the courier of `dir`. */
static pid_t start_process(const char *dir, int own_fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (own_fd == ROLE_FD ? fcntl(own_fd, F_SETFD, 0) < 0 : dup2(own_fd, ROLE_FD) < 0)
			_exit(99);
		execl("/proc/self/exe", "test_courier", AS_COURIER, dir, (char *)NULL);
		_exit(99);
	}
	assert_true(pid > 0);
	close(own_fd);
	return pid;
}

static int end_of_process(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void write_config(struct op *op, const char *dir, const struct peers *peers, const char *more)
{
	const struct config_seed seed = {
		.organization = "Example Corp",
		.host = "ca.example.internal",
		.store = "sqlite:chancery.db",
		.module = "/usr/lib/softhsm/libsofthsm2.so",
		.token_label = "chancery",
		.pin_file = "pin",
		.https_port = 8443,
		.http_port = 8080, .mutual_port = 8444,
		.listen_address = "127.0.0.1",
		.demo = true,
		.validation_http_port = peers_http_port(peers),
		.resolver = arena_printf(op->arena, "127.0.0.1:%u", peers_dns_port(peers)),
	};
	const char *text = arena_printf(op->arena, "%s%s", config_template(op->arena, &seed), more);

	assert_ok(op, files_write(op, files_join(op->arena, dir, "chancery.yaml"), 0600, bytes_of_text(text)));
}

static void remove_config(struct op *op, const char *dir)
{
	unlink(files_join(op->arena, dir, "chancery.yaml"));
	rmdir(dir);
}

static void runs_as_a_process_until_its_socket_closes(void **state)
{
	struct bench *bench = bench_new(FAR_MS, LIMIT_PROBES_AT_ONCE);
	char dir[] = "/tmp/test_courier-XXXXXX";
	int fds[2];

	(void)state;
	assert_non_null(mkdtemp(dir));
	write_config(bench->op, dir, bench->peers, "");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pid_t pid = start_process(dir, fds[1]);
	courier_attach(bench->courier, fds[0]);
	expect_ok(bench, "to-ok.example");
	expect(bench, "to-ssh.example", PROBE_RESPONSE, "port 22");
	expect(bench, "a.nowhere.example", PROBE_DNS, "NXDOMAIN");
	courier_attach(bench->courier, -1);
	assert_int_equal(end_of_process(pid), 0);
	remove_config(bench->op, dir);

	struct op *op = bench->op;
	courier_free(&bench->courier);
	peers_stop(&bench->peers);
	op_free(&op);
}

static void ends_for_good_with_a_wrong_configuration(void **state)
{
	struct op *op = *state;
	char dir[] = "/tmp/test_courier-XXXXXX";
	int fds[2];

	assert_non_null(mkdtemp(dir));
	assert_ok(op, files_write(op, files_join(op->arena, dir, "chancery.yaml"), 0600, BYTES_LITERAL("nonsense: [1")));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(end_of_process(start_process(dir, fds[1])), ROLE_EXIT_FINAL);
	close(fds[0]);
	remove_config(op, dir);
}

#define TEST_FAR(function) cmocka_unit_test_setup_teardown(function, setup_far, teardown)
#define TEST_SOON(function) cmocka_unit_test_setup_teardown(function, setup_soon, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_FAR(fetches_the_challenge),
		TEST_FAR(writes_canonical_evidence),
		TEST_FAR(finds_addresses_by_every_honest_way),
		TEST_FAR(tries_ipv4_when_ipv6_cannot_be_connected),
		TEST_FAR(takes_bodies_as_they_are),
		TEST_FAR(tells_what_dns_said),
		cmocka_unit_test(asks_the_next_resolver_after_a_failure),
		TEST_SOON(gives_up_on_a_resolver_that_is_silent_or_lies),
		TEST_FAR(connects_to_no_denied_address),
		TEST_FAR(resolves_once_and_connects_to_that),
		cmocka_unit_test(connects_to_no_listener_of_ours),
		TEST_FAR(asks_for_dns_names_only),
		TEST_FAR(tells_how_a_connection_ended),
		TEST_FAR(needs_a_200),
		TEST_FAR(caps_what_servers_send),
		TEST_SOON(ends_at_the_deadline),
		TEST_FAR(follows_redirects),
		TEST_FAR(follows_redirects_to_https_with_any_certificate),
		TEST_FAR(does_not_follow_the_rest),
		TEST_FAR(shows_nothing_of_what_a_redirect_reached),
		cmocka_unit_test(answers_others_while_many_wait),
		TEST_FAR(says_when_there_is_no_courier),
		TEST(gives_up_a_courier_that_hangs),
		TEST(does_not_start_with_a_wrong_configuration),
		cmocka_unit_test(runs_as_a_process_until_its_socket_closes),
		TEST(ends_for_good_with_a_wrong_configuration),
	};
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && text_equal(argv[1], AS_COURIER))
		return courier_main(argv[2]);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	return RUN_TESTS(tests);
}
