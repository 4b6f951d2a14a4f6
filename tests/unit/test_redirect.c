/* R4: where redirects may lead. R1: which names are looked up at all. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "courier/host_name.h"
#include "courier/redirect.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#define FIRST "http://a.example/.well-known/acme-challenge/token"

static const struct redirect_ports ports = { 80, 443 };

static result follow(struct op *op, const char *from, const char *location, struct target *out)
{
	const char *chain[] = { from };

	return redirect_follow(op, ports, chain, 1, bytes_of_text(location), out);
}

static void follows_what_is_harmless(void **state)
{
	static const struct {
		const char *location, *url, *host;
		unsigned port;
	} rows[] = {
		{ "http://b.example/x", "http://b.example/x", "b.example", 80 },
		{ "https://b.example/x?y=z", "https://b.example/x?y=z", "b.example", 443 },
		{ "https://b.example:443/", "https://b.example/", "b.example", 443 },
		{ "HTTPS://B.Example:443/X", "https://b.example/X", "b.example", 443 },
		{ "http://b.example", "http://b.example/", "b.example", 80 },
		{ "http://b.example/x#fragment", "http://b.example/x", "b.example", 80 },
		{ "//b.example/x", "http://b.example/x", "b.example", 80 },
		{ "/x", "http://a.example/x", "a.example", 80 },
		{ "x", "http://a.example/.well-known/acme-challenge/x", "a.example", 80 },
		{ "../x", "http://a.example/.well-known/x", "a.example", 80 },
		{ "?q", "http://a.example/.well-known/acme-challenge/token?q", "a.example", 80 },
		{ "http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80 },
		{ "http://intranet/", "http://intranet/", "intranet", 80 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct target target;

		assert_ok((struct op *)*state, follow(*state, FIRST, rows[i].location, &target));
		assert_string_equal(target.url, rows[i].url);
		assert_string_equal(target.host, rows[i].host);
		assert_int_equal(target.port, rows[i].port);
		assert_int_equal(target.is_https, rows[i].url[4] == 's');
	}
}

static void stays_on_https(void **state)
{
	struct target target;

	assert_ok((struct op *)*state, follow(*state, "https://a.example/x", "/y", &target));
	assert_string_equal(target.url, "https://a.example/y");
	assert_int_equal(target.port, 443);
}

static void refuses_the_rest(void **state)
{
	static const struct {
		const char *location, *detail;
	} rows[] = {
		{ "", "without a Location" },
		{ "file:///etc/passwd", "scheme" },
		{ "gopher://b.example/x", "scheme" },
		{ "ftp://b.example/x", "scheme" },
		{ "javascript:alert(1)", "redirect to" },
		{ "dict://b.example:80/x", "scheme" },
		{ "unix:///run/x", "redirect to" },
		{ "http://b.example:22/", "port 22" },
		{ "http://b.example:5432/", "port 5432" },
		{ "http://b.example:443/", "port 443" },
		{ "https://b.example:80/", "port 80" },
		{ "http://b.example:0/", "port" },
		{ "http://b.example:65616/", "redirect to" }, /* 80 + 65536 */
		{ "http://b.example:+80/", "redirect to" },
		{ "http://user@b.example/", "redirect to" },
		{ "http://user:password@b.example/", "redirect to" },
		{ "http://@b.example/", "redirect to" },
		{ "http://a.example\\@b.example/", "percent-encoded" },
		{ "http://a.example#@b.example/ ", "percent-encoded" },
		{ "http://127.0.0.1/", "an address" },
		{ "http://2130706433/", "an address" },
		{ "http://0x7f.1/", "an address" },
		{ "http://0x7f000001/", "an address" },
		{ "http://0177.0.0.01/", "an address" },
		{ "http://127.1/", "an address" },
		{ "http://a.example.1/", "an address" },
		{ "http://%31%32%37.0.0.1/", "an address" },
		{ "http://[::1]/", "an address" },
		{ "http://[fe80::1%25eth0]/", "an address" },
		{ "http://[::ffff:127.0.0.1]/", "an address" },
		{ "http://localhost/", "localhost" },
		{ "http://db.localhost/", "localhost" },
		{ "http://b.example./", "trailing dot" },
		{ "http://b..example/", "redirect to" },
		{ "http://-b.example/", "hyphen" },
		{ "http://b_.example/", "characters" },
		{ "http://b%2eexample%00/", "redirect to" },
		{ "http://b.example.well-known/acme-challenge/token", ".well-known" },
		{ "http://b.example/\r\nHost: c.example", "percent-encoded" },
		{ "http://b.example/\tx", "percent-encoded" },
		{ "http://b.example/ x", "percent-encoded" },
		{ "http://b\xc3\xbc.example/", "percent-encoded" },
		{ "http://b.example/\x7f", "percent-encoded" },
		{ FIRST, "loop" },
		{ "http://A.EXAMPLE:80/.well-known/acme-challenge/token#x", "loop" },
	};
	struct op *op = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct target target;
		result r = follow(op, FIRST, rows[i].location, &target);

		if (r.err != ERR_DENIED)
			fail_msg("\"%s\" was followed to %s", rows[i].location, target.url);
		if (strstr(op->detail, rows[i].detail) == NULL)
			fail_msg("\"%s\": %s", rows[i].location, op->detail);
		op_clear_failure(op);
	}
}

/* A NUL is an end for some and a character for others. */
static void refuses_a_nul_in_the_location(void **state)
{
	static const char location[] = "http://b.example\0.c.example/";
	const char *chain[] = { FIRST };
	struct target target;

	assert_err((struct op *)*state, ERR_DENIED,
		   redirect_follow(*state, ports, chain, 1, BYTES_LITERAL(location), &target));
}

static void refuses_long_urls(void **state)
{
	struct op *op = *state;
	const char *chain[] = { FIRST };
	size_t n = 65536;
	char *location = arena_alloc(op->arena, n + 1);
	struct target target;

	memset(location, 'x', n);
	memcpy(location, "http://b.example/", 17);
	assert_err(op, ERR_DENIED, redirect_follow(op, ports, chain, 1, (struct bytes){ (uint8_t *)location, n }, &target));
	assert_err(op, ERR_DENIED,
		   redirect_follow(op, ports, chain, 1, (struct bytes){ (uint8_t *)location, LIMIT_PROBE_URL + 1 }, &target));
	assert_ok(op, redirect_follow(op, ports, chain, 1, (struct bytes){ (uint8_t *)location, LIMIT_PROBE_URL }, &target));
	/* Short as a Location, long once it is resolved. */
	chain[0] = target.url;
	location[1000] = '\0';
	assert_err(op, ERR_DENIED, follow(op, target.url, arena_printf(op->arena, "?%s", location + 18), &target));
}

static void follows_ten_and_no_more(void **state)
{
	struct op *op = *state;
	const char *chain[LIMIT_PROBE_REDIRECTS + 1] = { FIRST };
	struct target target;

	for (unsigned n = 1; n <= LIMIT_PROBE_REDIRECTS; n++) {
		assert_ok(op, redirect_follow(op, ports, chain, n, bytes_of_text(arena_printf(op->arena, "/%u", n)), &target));
		chain[n] = target.url;
	}
	assert_err(op, ERR_DENIED, redirect_follow(op, ports, chain, LIMIT_PROBE_REDIRECTS + 1, bytes_of_text("/11"), &target));
	/* Back to the middle of the chain. */
	assert_err(op, ERR_DENIED, redirect_follow(op, ports, chain, 5, bytes_of_text("/2"), &target));
}

/* The validation's port may be another for tests; a scheme without port still means 80. */
static void keeps_to_the_configured_port(void **state)
{
	struct op *op = *state;
	const char *chain[] = { "http://a.example:5002/x" };
	struct redirect_ports other = { 5002, 5003 };
	struct target target;

	assert_ok(op, redirect_follow(op, other, chain, 1, bytes_of_text("http://b.example:5002/"), &target));
	assert_string_equal(target.url, "http://b.example:5002/");
	assert_ok(op, redirect_follow(op, other, chain, 1, bytes_of_text("/y"), &target));
	assert_int_equal(target.port, 5002);
	assert_ok(op, redirect_follow(op, other, chain, 1, bytes_of_text("https://b.example:5003/"), &target));
	assert_err(op, ERR_DENIED, redirect_follow(op, other, chain, 1, bytes_of_text("http://b.example/"), &target));
	assert_err(op, ERR_DENIED, redirect_follow(op, other, chain, 1, bytes_of_text("https://b.example/"), &target));
}

static void knows_the_redirect_statuses(void **state)
{
	(void)state;
	for (unsigned status = 0; status < 600; status++) {
		bool is_one = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;

		assert_int_equal(redirect_is_status(status), is_one);
	}
}

/* R1 */
static void takes_dns_names_only(void **state)
{
	static const char *const right[] = { "a.example", "A.Example", "intranet", "xn--bcher-kva.example", "1and1.example",
					     "3com", "a-b.c", "localhost.example", "0xg" };
	static const char *const wrong[] = { "",	   ".",		 "a.",	       ".a",	      "a..b",	      "-a.example",
					     "a-.example", "a_b.example", "*.example", "a b",	      "127.0.0.1",    "2130706433",
					     "0x7f.1",	   "0x7f000001", "a.0x1",      "1",	      "a.123",	      "0x",
					     "::1",	   "[::1]",	 "fe80::1%lo", "user@a.example", "a.example:80", "localhost",
					     "LOCALHOST",  "a.localhost", "a/b",       "\xc3\xbc.example" };
	struct op *op = *state;
	char *label = arena_alloc(op->arena, 65);

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		if (host_name_refusal(right[i]) != NULL)
			fail_msg("%s: %s", right[i], host_name_refusal(right[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (host_name_refusal(wrong[i]) == NULL)
			fail_msg("\"%s\" was taken", wrong[i]);
	memset(label, 'a', 64);
	assert_non_null(host_name_refusal(label));
	label[63] = '\0';
	assert_null(host_name_refusal(label));
	label[61] = '\0'; /* four times 61 and dots are 247, and 253 the most */
	assert_null(host_name_refusal(arena_printf(op->arena, "%s.%s.%s.%s.aaaaa", label, label, label, label)));
	assert_non_null(host_name_refusal(arena_printf(op->arena, "%s.%s.%s.%s.aaaaaa", label, label, label, label)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(follows_what_is_harmless),	     TEST(stays_on_https),
		TEST(refuses_the_rest),		     TEST(refuses_a_nul_in_the_location),
		TEST(refuses_long_urls),	     TEST(follows_ten_and_no_more),
		TEST(keeps_to_the_configured_port),  TEST(knows_the_redirect_statuses),
		TEST(takes_dns_names_only),
	};

	return RUN_TESTS(tests);
}
