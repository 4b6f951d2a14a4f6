/* DNS names: rows R1, N1, N2, V6, V48. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "ca/identifier.h"
#include "ca/punycode.h"
#include "check.h"
#include "fixture.h"

#define L63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"
#define L61 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghija"

static void test_accepted(void **state)
{
	struct op *op = *state;
	static const struct {
		const char *text, *canonical;
	} rows[] = {
		{ "a.example", "a.example" },
		{ "WWW.Example.COM", "www.example.com" }, /* N2: case */
		{ "1.example", "1.example" },
		{ "0x7f.example", "0x7f.example" },
		{ "a-b.c--d.example", "a-b.c--d.example" }, /* "--" elsewhere than third and fourth */
		{ "xn--mnchen-3ya.example", "xn--mnchen-3ya.example" },
		{ "XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example" },
		{ "xn--p1ai.xn--p1ai", "xn--p1ai.xn--p1ai" },
		{ L63 ".example", L63 ".example" },
		{ L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61 }, /* 253 */
		{ "*.example.com", "*.example.com" }, /* N1 */
		{ "localhost.example", "localhost.example" },
		{ "arpa.example", "arpa.example" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct identifier identifier;
		assert_ok(op, identifier_dns(op, bytes_of_text(rows[i].text), true, &identifier));
		assert_string_equal(identifier.value, rows[i].canonical);
		/* Canonical already: a second pass changes nothing. */
		assert_ok(op, identifier_dns(op, bytes_of_text(identifier.value), true, &identifier));
		assert_string_equal(identifier.value, rows[i].canonical);
	}
}

static void test_refused(void **state)
{
	struct op *op = *state;
	static const struct bytes rows[] = {
		/* V6 */
		BYTES_LITERAL(""), BYTES_LITERAL("."), BYTES_LITERAL("*"), BYTES_LITERAL("*."), BYTES_LITERAL("a"),
		BYTES_LITERAL(".."), BYTES_LITERAL("-"), BYTES_LITERAL("*.*"),
		BYTES_LITERAL(L63 "." L63 "." L63 "." L61 "b"), /* 254 */
		/* R1 */
		BYTES_LITERAL("127.0.0.1"), BYTES_LITERAL("::1"), BYTES_LITERAL("[::1]"), BYTES_LITERAL("fe80::1%eth0"),
		BYTES_LITERAL("2130706433"), BYTES_LITERAL("0x7f.1"), BYTES_LITERAL("0177.0.0.1"), BYTES_LITERAL("127.1"),
		BYTES_LITERAL("0x7f000001"), BYTES_LITERAL("127.0.0.0x1"), BYTES_LITERAL("example.0x"),
		BYTES_LITERAL("localhost"), BYTES_LITERAL("LOCALHOST"), BYTES_LITERAL("a.example."),
		BYTES_LITERAL("user@a.example"), BYTES_LITERAL("a.example:80"), BYTES_LITERAL("http://a.example"),
		BYTES_LITERAL("1.0.0.127.in-addr.arpa"), BYTES_LITERAL("a.example.well-known"),
		/* N1 */
		BYTES_LITERAL("*.com"), BYTES_LITERAL("a*.example.com"), BYTES_LITERAL("*a.example.com"),
		BYTES_LITERAL("a.*.example.com"), BYTES_LITERAL("*.*.example.com"), BYTES_LITERAL("**.example.com"),
		BYTES_LITERAL("*example.com"), BYTES_LITERAL("*.127.0.0.1"),
		/* N2, N3 */
		BYTES_LITERAL(L63 "d.example"), BYTES_LITERAL("a..example"), BYTES_LITERAL(".a.example"),
		BYTES_LITERAL("-a.example"), BYTES_LITERAL("a-.example"), BYTES_LITERAL("a_b.example"),
		BYTES_LITERAL("_acme.example"), BYTES_LITERAL("ab--c.example"), BYTES_LITERAL("xn--.example"),
		BYTES_LITERAL("xn--abc-.example"), BYTES_LITERAL("xn--a.example"), BYTES_LITERAL("xn--99999999.example"),
		BYTES_LITERAL("xn---.example"), BYTES_LITERAL("m\xc3\xbcnchen.example"),
		BYTES_LITERAL("p\xd0\xb0ypal.example"),		  /* a Cyrillic a */
		BYTES_LITERAL("\xe2\x80\xae" "elpmaxe.a"),	  /* bidi override */
		BYTES_LITERAL("a\0.example"), BYTES_LITERAL("a.example\0.evil.example"), BYTES_LITERAL("a.example\r\n"),
		BYTES_LITERAL(" a.example"), BYTES_LITERAL("a.example "), BYTES_LITERAL("a b.example"),
		BYTES_LITERAL("a,b.example"), BYTES_LITERAL("a+b.example"), BYTES_LITERAL("a=b.example"),
		BYTES_LITERAL("\"a\".example"), BYTES_LITERAL("a/b.example"), BYTES_LITERAL("a%2e.example"),
		BYTES_LITERAL("\xff\xfe.example"), BYTES_LITERAL("a.example\x7f"),
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct identifier identifier;
		result r = identifier_dns(op, rows[i], true, &identifier);
		if (r.err != ERR_POLICY)
			fail_msg("\"%.*s\": expected a refusal, got %s", (int)rows[i].n, (const char *)rows[i].p,
				 err_name(r.err));
		op_clear_failure(op);
	}
}

/* N1 */
static void test_wildcards(void **state)
{
	struct op *op = *state;
	struct identifier wildcard, plain;
	assert_err(op, ERR_POLICY, identifier_dns(op, BYTES_LITERAL("*.a.example"), false, &wildcard));
	assert_ok(op, identifier_dns(op, BYTES_LITERAL("*.a.example"), true, &wildcard));
	assert_ok(op, identifier_dns(op, BYTES_LITERAL("a.example"), true, &plain));
	assert_true(identifier_is_wildcard(&wildcard));
	assert_false(identifier_is_wildcard(&plain));
	assert_false(identifier_equal(&wildcard, &plain));
}

/* RFC 3492 section 7.1, and what only looks like it. */
static void test_punycode(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool is_valid;
	} rows[] = {
		{ "egbpdaj6bu4bxfgehfvwxn", true },					/* Arabic */
		{ "ihqwcrb4cv8a8dqg056pqjye", true },				/* Chinese */
		{ "proprostnemluvesky-uyb24dma41a", true },			/* Czech */
		{ "n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa", true },		/* Japanese */
		{ "989aomsvi5e83db1d2a355cv1e0vak1dwrv93d5xbh15a0dt30a5jpsd879ccm6fea98c", true }, /* Korean */
		{ "3b-ww4c5e180e575a65lsy2b", true },				/* mixed */
		{ "", false },
		{ "-", false },
		{ "abc", false },	   /* ends inside a number */
		{ "abc-", false },	   /* ASCII only */
		{ "-3ya", false },	   /* delimiter with nothing before it */
		{ "a-\x80", false },
		{ "99999b", false },	   /* beyond U+10FFFF */
		{ "zzzzzzzzzzzzzzzzzzzzzzzz", false },
		{ "mnchen-3Ya", false },   /* upper case is not canonical */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (punycode_is_valid(bytes_of_text(rows[i].text)) != rows[i].is_valid)
			fail_msg("\"%s\": expected %s", rows[i].text, rows[i].is_valid ? "valid" : "refused");
	}
}

static struct identifier dns(struct op *op, unsigned number)
{
	return (struct identifier){ IDENTIFIER_DNS, arena_printf(op->arena, "n%u.example", number) };
}

/* V48: sorting and comparing against sets kept as bits, 2000 times. The seed is printed by cmocka's failure. */
static void test_sets_against_bits(void **state)
{
	struct op *op = *state;
	uint32_t seed;
	random_bytes((uint8_t *)&seed, sizeof seed);
	uint32_t chance = seed | 1;
	for (unsigned round = 0; round < 2000; round++) {
		struct identifier lists[2][12];
		unsigned n[2], sets[2] = { 0, 0 };
		for (unsigned which = 0; which < 2; which++) {
			chance = chance * 1664525u + 1013904223u;
			n[which] = chance >> 16 & 7;
			for (unsigned i = 0; i < n[which]; i++) {
				chance = chance * 1664525u + 1013904223u;
				unsigned number = chance >> 16 & 3;
				lists[which][i] = dns(op, number);
				sets[which] |= 1u << number;
			}
			identifiers_sort(lists[which], &n[which]);
			if (n[which] != (unsigned)__builtin_popcount(sets[which]))
				fail_msg("seed %u: %u names left of a set of %d", seed, n[which], __builtin_popcount(sets[which]));
		}
		if (identifiers_equal(lists[0], n[0], lists[1], n[1]) != (sets[0] == sets[1]))
			fail_msg("seed %u: sets %x and %x compare wrongly", seed, sets[0], sets[1]);
	}
}

/* V48, rule 5: the odd one at each position of three. */
static void test_sets_differ_at_each_position(void **state)
{
	struct op *op = *state;
	for (unsigned odd = 0; odd < 3; odd++) {
		struct identifier a[3], b[3];
		unsigned n_a = 3, n_b = 3;
		for (unsigned i = 0; i < 3; i++) {
			a[i] = dns(op, i);
			b[i] = dns(op, i == odd ? 9 : i);
		}
		identifiers_sort(a, &n_a);
		identifiers_sort(b, &n_b);
		assert_false(identifiers_equal(a, n_a, b, n_b));
		assert_false(identifiers_equal(a, n_a, a, 2));
		assert_true(identifiers_equal(a, n_a, a, n_a));
	}
	struct identifier doubled[] = { dns(op, 1), dns(op, 1) }, both[] = { dns(op, 1), dns(op, 2) };
	unsigned n = 2;
	identifiers_sort(doubled, &n);
	assert_int_equal(n, 1);
	assert_false(identifiers_equal(doubled, n, both, 2));
}

static void test_json_round_trip(void **state)
{
	struct op *op = *state;
	struct identifier list[] = { { IDENTIFIER_DNS, "*.a.example" }, { IDENTIFIER_DNS, "b.example" } }, *back;
	unsigned n;
	char *json = identifiers_to_json(op, list, 2);
	assert_string_equal(json, "[{\"type\":\"dns\",\"value\":\"*.a.example\"},{\"type\":\"dns\",\"value\":\"b.example\"}]");
	assert_ok(op, identifiers_from_json(op, json, &back, &n));
	assert_true(identifiers_equal(list, 2, back, n));
	assert_ok(op, identifiers_from_json(op, "[]", &back, &n));
	assert_int_equal(n, 0);
	assert_err(op, ERR_BACKEND, identifiers_from_json(op, "{}", &back, &n));
	assert_err(op, ERR_BACKEND, identifiers_from_json(op, "[{\"type\":\"ip\",\"value\":\"a.example\"}]", &back, &n));
	assert_err(op, ERR_BACKEND, identifiers_from_json(op, "[{\"type\":\"dns\",\"value\":\"A B\"}]", &back, &n));
	const char *const *names = identifiers_to_names(op, list, 2);
	assert_string_equal(names[0], "dns:*.a.example");
	assert_string_equal(names[1], "dns:b.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_accepted),
		TEST(test_refused),
		TEST(test_wildcards),
		TEST(test_punycode),
		TEST(test_sets_against_bits),
		TEST(test_sets_differ_at_each_position),
		TEST(test_json_round_trip),
	};
	return RUN_TESTS(tests);
}
