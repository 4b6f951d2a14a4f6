/* R2: every block that is refused, at its first and last address and one beyond either end. */
#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"
#include "courier/address.h"
#include "courier/address_policy.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

static const char *refusal(const struct address_policy *policy, const char *text)
{
	union address address;

	if (!address_parse(text, 80, &address))
		fail_msg("\"%s\" is not an address", text);
	return address_policy_refusal(policy, &address.any);
}

static void expect(const struct address_policy *policy, const char *text, const char *reason)
{
	const char *got = refusal(policy, text);

	if (!text_equal(got, reason))
		fail_msg("%s: %s, expected %s", text, got == NULL ? "allowed" : got, reason == NULL ? "allowed" : reason);
}

static struct address_policy *policy_with(struct op *op, bool allow_private, bool allow_loopback)
{
	struct config_validation config = { .allow_private = allow_private, .allow_loopback = allow_loopback };
	struct address_policy *policy;

	assert_ok(op, address_policy_new(op, &config, &policy));
	return policy;
}

/* The neighbours: NULL is allowed, "" is not looked at (there is none). */
static const struct {
	const char *before, *first, *last, *after;
	const char *reason, *reason_before, *reason_after;
} blocks[] = {
	{ "", "0.0.0.0", "0.255.255.255", "1.0.0.0", "this network", NULL, NULL },
	{ "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "private", NULL, NULL },
	{ "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", "shared address space", NULL, NULL },
	{ "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", "loopback", NULL, NULL },
	{ "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", "link-local", NULL, NULL },
	{ "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", "private", NULL, NULL },
	{ "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", "protocol assignments", NULL, NULL },
	{ "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", "documentation", NULL, NULL },
	{ "192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0", "AS112", NULL, NULL },
	{ "192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0", "AMT", NULL, NULL },
	{ "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", "6to4 relay", NULL, NULL },
	{ "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", "private", NULL, NULL },
	{ "192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0", "AS112", NULL, NULL },
	{ "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", "benchmarking", NULL, NULL },
	{ "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", "documentation", NULL, NULL },
	{ "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", "documentation", NULL, NULL },
	{ "223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "multicast", NULL, "reserved" },
	{ "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255", "reserved", "multicast", "broadcast" },

	{ "", "::", "::", "::2", "unspecified", NULL, "not global unicast" },
	{ "::", "::1", "::1", "::2", "loopback", "unspecified", "not global unicast" },
	{ "64:ff9b:0:ffff:ffff:ffff:ffff:ffff", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b:2::",
	  "local translation", "not global unicast", "not global unicast" },
	{ "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:2::", "discard",
	  "not global unicast", "not global unicast" },
	{ "100::ffff:ffff:ffff:ffff", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "100:0:0:2::", "dummy prefix",
	  "discard", "not global unicast" },
	{ "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::",
	  "protocol assignments", NULL, NULL },
	{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
	  "2001:db9::", "documentation", NULL, NULL },
	{ "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
	  "2620:4f:8001::", "AS112", NULL, NULL },
	{ "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "3fff:1000::", "documentation", NULL, NULL },
	{ "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::",
	  "not global unicast", "not global unicast", "segment routing" },
	{ "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "5f01::", "segment routing", "not global unicast", "not global unicast" },
	{ "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::",
	  "private", "not global unicast", "not global unicast" },
	{ "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::",
	  "link-local", "not global unicast", "site-local" },
	{ "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::",
	  "site-local", "link-local", "multicast" },
	{ "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "",
	  "multicast", "site-local", NULL },
};

static void refuses_each_block_and_nothing_beside_it(void **state)
{
	struct address_policy *policy = policy_with(*state, false, false);

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		expect(policy, blocks[i].first, blocks[i].reason);
		expect(policy, blocks[i].last, blocks[i].reason);
		if (blocks[i].before[0] != '\0')
			expect(policy, blocks[i].before, blocks[i].reason_before);
		if (blocks[i].after[0] != '\0')
			expect(policy, blocks[i].after, blocks[i].reason_after);
	}
	expect(policy, "8.8.8.8", NULL);
	expect(policy, "2606:4700::1111", NULL);
	address_policy_free(&policy);
	assert_null(policy);
}

static void refuses_metadata_whatever_is_allowed(void **state)
{
	struct address_policy *policy = policy_with(*state, true, true);
	static const char *const metadata[] = { "169.254.169.254",    "100.100.100.200", "168.63.129.16",
						"192.0.0.192",	      "fd00:ec2::254",	 "fd20:ce::254",
						"::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
						"2002:a9fe:a9fe::1" };

	for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++)
		expect(policy, metadata[i], "cloud metadata");
	expect(policy, "168.63.129.15", NULL);
	expect(policy, "168.63.129.17", NULL);
	expect(policy, "fd00:ec1:ffff:ffff:ffff:ffff:ffff:ffff", NULL);
	expect(policy, "fd00:ec3::", NULL);
	expect(policy, "fd20:ce::253", NULL);
	expect(policy, "fd20:ce::255", NULL);
	address_policy_free(&policy);
}

static void opens_private_ranges_and_nothing_else(void **state)
{
	struct address_policy *policy = policy_with(*state, true, false);
	static const char *const open[] = { "10.0.0.0", "10.255.255.255", "172.16.0.0",	 "172.31.255.255",
					    "192.168.0.0", "192.168.255.255", "fc00::", "::ffff:10.0.0.1",
					    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		expect(policy, open[i], NULL);
	expect(policy, "127.0.0.1", "loopback");
	expect(policy, "::1", "loopback");
	expect(policy, "100.64.0.1", "shared address space");
	expect(policy, "169.254.0.1", "link-local");
	expect(policy, "fe80::1", "link-local");
	address_policy_free(&policy);
}

static void opens_loopback_and_nothing_else(void **state)
{
	struct address_policy *policy = policy_with(*state, false, true);

	expect(policy, "127.0.0.0", NULL);
	expect(policy, "127.255.255.255", NULL);
	expect(policy, "::1", NULL);
	expect(policy, "0.0.0.0", "this network");
	expect(policy, "::", "unspecified");
	expect(policy, "10.0.0.1", "private");
	expect(policy, "fc00::1", "private");
	address_policy_free(&policy);
}

static void judges_ipv6_by_the_ipv4_that_it_carries(void **state)
{
	struct address_policy *policy = policy_with(*state, false, false);

	expect(policy, "::ffff:127.0.0.1", "loopback");
	expect(policy, "::ffff:0.0.0.0", "this network");
	expect(policy, "::ffff:8.8.8.8", NULL);
	expect(policy, "::127.0.0.1", "not global unicast"); /* IPv4-compatible, deprecated */
	expect(policy, "::fffe:8.8.8.8", "not global unicast");
	expect(policy, "64:ff9b::7f00:1", "loopback");
	expect(policy, "64:ff9b::808:808", NULL);
	expect(policy, "2002:7f00:1::", "loopback");
	expect(policy, "2002:a00:1:ffff::1", "private");
	expect(policy, "2002:808:808::1", NULL);
	/* Teredo: the server's address, and the client's with its bits turned (80ff:fffe is 127.0.0.1). */
	expect(policy, "2001:0:7f00:1::f7f7:f7f7", "loopback");
	expect(policy, "2001:0:808:808::80ff:fffe", "loopback");
	expect(policy, "2001:0:808:808::f7f7:f7f7", NULL);
	address_policy_free(&policy);
}

static void configured_networks_come_before_everything(void **state)
{
	const char *networks[] = { "10.1.0.0/16", "127.0.0.2", "8.8.8.8/32", "2606:4700::/32", "203.0.112.128/25",
				   "2002:808::/32" };
	struct config_validation config = { .allow_private = true, .allow_loopback = true,
					    .deny = { networks, sizeof(networks) / sizeof(networks[0]) } };
	static const char denied[] = "denied by configuration";
	struct address_policy *policy;
	struct op *op = *state;

	assert_ok(op, address_policy_new(op, &config, &policy));
	expect(policy, "10.0.255.255", NULL);
	expect(policy, "10.1.0.0", denied);
	expect(policy, "10.1.255.255", denied);
	expect(policy, "10.2.0.0", NULL);
	expect(policy, "127.0.0.1", NULL);
	expect(policy, "127.0.0.2", denied);
	expect(policy, "::ffff:8.8.8.8", denied);
	expect(policy, "8.8.8.9", NULL);
	expect(policy, "2606:4700:ffff::", denied);
	expect(policy, "2606:4701::", NULL);
	expect(policy, "203.0.112.127", NULL);
	expect(policy, "203.0.112.128", denied);
	expect(policy, "2002:808:1::", denied); /* the 6to4 form itself, though 8.8.0.1 is allowed */
	address_policy_free(&policy);
}

static void refuses_networks_that_are_none(void **state)
{
	static const char *const wrong[] = { "", "/", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8 ",
					     "10.1.0.0/8", /* bits beyond the prefix */
					     "010.0.0.0/8", "10.0.0/8", "0x7f.1", "2130706433", "example.com",
					     "2001:db8::/129", "fe80::1%eth0", "[::1]",
					     "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct config_validation config = { .deny = { (const char *[]){ wrong[i] }, 1 } };
		struct address_policy *policy = NULL;

		assert_err((struct op *)*state, ERR_MALFORMED, address_policy_new(*state, &config, &policy));
		assert_null(policy);
	}
}

static void refuses_our_own_listeners(void **state)
{
	struct config_texts listen = { (const char *[]){ "127.0.0.1:80", "[::1]:443", "0.0.0.0:8080" }, 3 };
	struct config_texts wrong = { (const char *[]){ "localhost:80" }, 1 };
	struct address_policy *policy = policy_with(*state, true, true);
	struct op *op = *state;
	static const struct {
		const char *address;
		const char *refusal;
	} rows[] = {
		{ "127.0.0.1:80", "our own listener" }, { "127.0.0.1:443", NULL },
		{ "127.0.0.2:80", NULL },		{ "[::1]:443", "our own listener" },
		{ "[::1]:80", NULL },			{ "127.0.0.1:8080", "our own listener" }, /* an address of this machine */
		{ "8.8.8.8:8080", NULL },
	};

	assert_ok(op, address_policy_deny_listeners(op, policy, &listen));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union address address;

		assert_true(address_parse_with_port(rows[i].address, &address));
		const char *got = address_policy_refusal(policy, &address.any);
		if (!text_equal(got, rows[i].refusal))
			fail_msg("%s: %s", rows[i].address, got == NULL ? "allowed" : got);
	}
	assert_err(op, ERR_MALFORMED, address_policy_deny_listeners(op, policy, &wrong));
	address_policy_free(&policy);
}

static void reads_addresses_with_ports(void **state)
{
	struct op *op = *state;
	static const char *const wrong[] = { "127.0.0.1",	"127.0.0.1:",	 "127.0.0.1:0", "127.0.0.1:65536",
					     "::1:80",		"[127.0.0.1]:1", "[::1]",	"[::1:80",
					     "::1]:80",		":80",		 "127.1:80",	"[fe80::1%lo]:80",
					     "127.0.0.1:80 " };
	static const char *const right[] = { "127.0.0.1:1", "10.0.0.5:65535", "[::1]:53", "[2001:db8::5]:80" };
	union address address;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (address_parse_with_port(wrong[i], &address))
			fail_msg("\"%s\" was taken", wrong[i]);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_true(address_parse_with_port(right[i], &address));
		assert_string_equal(address_text_with_port(op->arena, &address), right[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_each_block_and_nothing_beside_it),
		TEST(refuses_metadata_whatever_is_allowed),
		TEST(opens_private_ranges_and_nothing_else),
		TEST(opens_loopback_and_nothing_else),
		TEST(judges_ipv6_by_the_ipv4_that_it_carries),
		TEST(configured_networks_come_before_everything),
		TEST(refuses_networks_that_are_none),
		TEST(refuses_our_own_listeners),
		TEST(reads_addresses_with_ports),
	};

	return RUN_TESTS(tests);
}
