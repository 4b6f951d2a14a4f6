/* V41, R9: answers of resolvers, honest and hostile, byte by byte. */
#include <arpa/inet.h>
#include <string.h>

#include "courier/dns_answer.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#define NAME "a.example"

/* Header (flags, questions, answers) and the question "a.example" A; records go behind it. */
#define HEAD(flags, answers) "\x12\x34" flags "\0\1\0" answers "\0\0\0\0"
#define QUESTION "\1a\7example\0\0\1\0\1"
#define OWNER "\xc0\x0c"                /* a pointer to the question's name */
#define A(owner, address) owner "\0\1\0\1\0\0\0\0\0\4" address
#define CNAME(owner, size, target) owner "\0\5\0\1\0\0\0\0\0" size target
#define B "\1b\xc0\x0e"                 /* b.example */
#define C "\1c\xc0\x0e"
#define GOOD "\x81\x80"

static struct dns_answer read_packet(struct op *op, struct bytes packet)
{
	struct dns_answer answer;

	dns_answer_read(op, packet, NAME, DNS_A, &answer);
	return answer;
}

#define READ(op, literal) read_packet((op), BYTES_LITERAL(literal))

static void expect_address(const struct dns_answer *answer, unsigned i, const char *text)
{
	struct in_addr expected;

	assert_int_equal(inet_pton(AF_INET, text, &expected), 1);
	assert_true(i < answer->n_addresses);
	assert_int_equal(answer->addresses[i].any.sa_family, AF_INET);
	assert_memory_equal(&answer->addresses[i].v4.sin_addr, &expected, 4);
}

static void reads_addresses(void **state)
{
	struct dns_answer answer = READ(*state, HEAD(GOOD, "\2") QUESTION A(OWNER, "\x7f\0\0\1") A(OWNER, "\x0a\0\0\5"));

	assert_int_equal(answer.kind, DNS_FOUND);
	assert_int_equal(answer.n_addresses, 2);
	expect_address(&answer, 0, "127.0.0.1");
	expect_address(&answer, 1, "10.0.0.5");
}

static void reads_ipv6(void **state)
{
	struct dns_answer answer;

	dns_answer_read(*state,
			BYTES_LITERAL(HEAD(GOOD, "\2") "\1a\7example\0\0\x1c\0\1" A(OWNER, "\x7f\0\0\1") OWNER
				      "\0\x1c\0\1\0\0\0\0\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
			NAME, DNS_AAAA, &answer);
	assert_int_equal(answer.kind, DNS_FOUND);
	assert_int_equal(answer.n_addresses, 1); /* the A record was not asked for */
	assert_int_equal(answer.addresses[0].any.sa_family, AF_INET6);
	assert_string_equal(address_text(((struct op *)*state)->arena, &answer.addresses[0]), "2001:db8::1");
}

static void ignores_case(void **state)
{
	struct dns_answer answer = READ(*state, HEAD(GOOD, "\1") "\1A\7eXaMpLe\0\0\1\0\1" A(OWNER, "\x7f\0\0\1"));

	assert_int_equal(answer.kind, DNS_FOUND);
}

static void follows_cnames_in_any_order(void **state)
{
	struct dns_answer answer = READ(*state, HEAD(GOOD, "\4") QUESTION A(C, "\x0a\0\0\5") CNAME(B, "\4", C)
							 A(OWNER, "\x0a\0\0\6") CNAME(OWNER, "\4", B));

	assert_int_equal(answer.kind, DNS_FOUND);
	assert_int_equal(answer.n_addresses, 1); /* that of c.example, where the chain ends */
	expect_address(&answer, 0, "10.0.0.5");
}

static void has_no_address_of_other_names(void **state)
{
	assert_int_equal(READ(*state, HEAD(GOOD, "\1") QUESTION A(B, "\x0a\0\0\5")).kind, DNS_NO_DATA);
	assert_int_equal(READ(*state, HEAD(GOOD, "\1") QUESTION CNAME(OWNER, "\4", B)).kind, DNS_NO_DATA);
	assert_int_equal(READ(*state, HEAD(GOOD, "\0") QUESTION).kind, DNS_NO_DATA);
	/* An answer of OPT only, and one of another class. */
	assert_int_equal(READ(*state, HEAD(GOOD, "\1") QUESTION "\0\0\x29\4\xd0\0\0\0\0\0\0").kind, DNS_NO_DATA);
	assert_int_equal(READ(*state, HEAD(GOOD, "\1") QUESTION OWNER "\0\1\0\3\0\0\0\0\0\4\x0a\0\0\5").kind, DNS_NO_DATA);
}

static void tells_failures_apart(void **state)
{
	struct dns_answer answer = READ(*state, HEAD("\x81\x83", "\0") QUESTION);

	assert_int_equal(answer.kind, DNS_NO_NAME);
	assert_string_equal(dns_answer_name(&answer), "NXDOMAIN");
	answer = READ(*state, HEAD("\x81\x82", "\0") QUESTION);
	assert_int_equal(answer.kind, DNS_FAILED);
	assert_string_equal(dns_answer_name(&answer), "SERVFAIL");
	answer = READ(*state, HEAD("\x81\x85", "\0") QUESTION);
	assert_string_equal(dns_answer_name(&answer), "REFUSED");
	/* Records beside an error are nobody's. */
	assert_int_equal(READ(*state, HEAD("\x81\x83", "\1") QUESTION A(OWNER, "\x0a\0\0\5")).kind, DNS_NO_NAME);
}

static void refuses_loops(void **state)
{
	struct dns_answer answer = READ(*state, HEAD(GOOD, "\2") QUESTION CNAME(OWNER, "\4", B) CNAME(B, "\2", OWNER));

	assert_int_equal(answer.kind, DNS_MALFORMED);
	assert_string_equal(answer.why, "a CNAME loop");
	answer = READ(*state, HEAD(GOOD, "\1") QUESTION CNAME(OWNER, "\2", OWNER));
	assert_string_equal(answer.why, "a CNAME loop");
}

static void refuses_what_is_no_answer_to_the_question(void **state)
{
	static const struct bytes packets[] = {
		BYTES_LITERAL(""),
		BYTES_LITERAL("\x12\x34"),
		BYTES_LITERAL(HEAD("\x01\0", "\1") QUESTION A(OWNER, "\x0a\0\0\5")),     /* a query */
		BYTES_LITERAL(HEAD("\xa8\0", "\1") QUESTION A(OWNER, "\x0a\0\0\5")),     /* opcode 5 */
		BYTES_LITERAL(HEAD("\x83\x80", "\1") QUESTION A(OWNER, "\x0a\0\0\5")),   /* TC, over TCP */
		BYTES_LITERAL(HEAD(GOOD, "\1") "\1b\7example\0\0\1\0\1" A(OWNER, "\x0a\0\0\5")),
		BYTES_LITERAL(HEAD(GOOD, "\1") "\1a\7example\0\0\x1c\0\1" A(OWNER, "\x0a\0\0\5")),
		BYTES_LITERAL(HEAD(GOOD, "\1") "\1a\7example\0\0\1\0\3" A(OWNER, "\x0a\0\0\5")),
		BYTES_LITERAL("\x12\x34\x81\x80\0\2\0\0\0\0\0\0" QUESTION QUESTION),
		BYTES_LITERAL("\x12\x34\x81\x80\0\0\0\1\0\0\0\0" A("\1a\7example\0", "\x0a\0\0\5")),
		BYTES_LITERAL(HEAD(GOOD, "\2") QUESTION A(OWNER, "\x0a\0\0\5")),         /* one record short */
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION A(OWNER, "\x0a\0\0")),
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION OWNER "\0\1\0\1\0\0\0\0\0\5\x0a\0\0\5\6"), /* five bytes of IPv4 */
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION OWNER "\0\1\0\1\0\0\0\0\xff\xff\x0a\0\0\5"),
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION CNAME(OWNER, "\5", B "\0")),     /* more than the name */
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION CNAME(OWNER, "\2", B)),          /* less */
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION "\xc0\x1b" "\0\1\0\1\0\0\0\0\0\4\x0a\0\0\5"), /* to itself */
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION "\xc0\xff" "\0\1\0\1\0\0\0\0\0\4\x0a\0\0\5"), /* forward */
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION "\x80\x0c" "\0\1\0\1\0\0\0\0\0\4\x0a\0\0\5"), /* neither */
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION "\xc0"),
		BYTES_LITERAL(HEAD(GOOD, "\1") QUESTION "\x3f" "a"),
		BYTES_LITERAL(HEAD(GOOD, "\0") "\x09" "a.example\0\0\1\0\1"), /* one label with a dot in it */
	};

	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
		struct dns_answer answer = read_packet(*state, packets[i]);

		if (answer.kind != DNS_MALFORMED || answer.why == NULL)
			fail_msg("packet %zu: %s", i, dns_answer_name(&answer));
		assert_int_equal(answer.n_addresses, 0);
	}
}

/* What repeats `record` n times behind the question. */
static struct bytes repeated(struct op *op, struct bytes record, unsigned n)
{
	struct buf buf;
	uint8_t head[] = { 0x12, 0x34, 0x81, 0x80, 0, 1, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 0 };

	buf_init(&buf, op->arena, 65536);
	buf_put(&buf, head, sizeof(head));
	buf_bytes(&buf, BYTES_LITERAL(QUESTION));
	for (unsigned i = 0; i < n; i++)
		buf_bytes(&buf, record);
	return buf_as_bytes(&buf);
}

static void looks_at_so_many_records_and_no_more(void **state)
{
	struct bytes address = BYTES_LITERAL(A(OWNER, "\x0a\0\0\5"));
	struct bytes cname = BYTES_LITERAL(CNAME(B, "\4", C));
	struct dns_answer answer = read_packet(*state, repeated(*state, address, 128));

	assert_int_equal(answer.kind, DNS_FOUND);
	assert_int_equal(answer.n_addresses, 16);
	assert_int_equal(read_packet(*state, repeated(*state, address, 129)).kind, DNS_MALFORMED);
	assert_int_equal(read_packet(*state, repeated(*state, address, 4000)).kind, DNS_MALFORMED);
	assert_int_equal(read_packet(*state, repeated(*state, cname, 16)).kind, DNS_NO_DATA);
	assert_int_equal(read_packet(*state, repeated(*state, cname, 17)).kind, DNS_MALFORMED);
}

/* Each label a pointer further back than the one before: long, and it ends. */
static void reads_names_of_many_pointers(void **state)
{
	struct op *op = *state;
	uint8_t packet[600] = "\x12\x34\x81\x80\0\1\0\1\0\0\0\0" QUESTION;
	size_t n = 12 + sizeof(QUESTION) - 1;

	/* An unknown record whose data are pointers, each to the one before, and one whose owner is the last of them. */
	uint8_t record[] = { 0xc0, 0x0c, 0xff, 0x00, 0, 1, 0, 0, 0, 0, 0, 200 };
	memcpy(packet + n, record, sizeof(record));
	n += sizeof(record);
	for (unsigned i = 0, to = 12; i < 100; i++, n += 2) {
		packet[n] = (uint8_t)(0xc0 | to >> 8);
		packet[n + 1] = (uint8_t)to;
		to = (unsigned)n;
	}
	packet[7] = 2;
	uint8_t last[] = { (uint8_t)(0xc0 | (n - 2) >> 8), (uint8_t)(n - 2), 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 0, 5 };
	memcpy(packet + n, last, sizeof(last));
	n += sizeof(last);
	struct dns_answer answer = read_packet(op, (struct bytes){ packet, n });
	assert_int_equal(answer.kind, DNS_FOUND);
	expect_address(&answer, 0, "10.0.0.5");
}

static void survives_every_cut_and_every_changed_byte(void **state)
{
	static const char whole[] = HEAD(GOOD, "\3") QUESTION CNAME(OWNER, "\4", B) CNAME(B, "\4", C) A(C, "\x0a\0\0\5");
	uint8_t packet[sizeof(whole) - 1];
	struct op *op = *state;

	for (size_t n = 0; n < sizeof(packet); n++)
		assert_int_equal(read_packet(op, (struct bytes){ (const uint8_t *)whole, n }).kind, DNS_MALFORMED);
	for (size_t i = 0; i < sizeof(packet); i++)
		for (unsigned value = 0; value < 256; value++) {
			memcpy(packet, whole, sizeof(packet));
			packet[i] = (uint8_t)value;
			struct dns_answer answer = read_packet(op, BYTES_ARRAY(packet));
			/* Whatever it was: addresses exactly when it says so, a reason exactly when malformed. */
			assert_int_equal(answer.kind == DNS_FOUND, answer.n_addresses == 1);
			assert_int_equal(answer.kind == DNS_MALFORMED, answer.why != NULL);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_addresses),
		TEST(reads_ipv6),
		TEST(ignores_case),
		TEST(follows_cnames_in_any_order),
		TEST(has_no_address_of_other_names),
		TEST(tells_failures_apart),
		TEST(refuses_loops),
		TEST(refuses_what_is_no_answer_to_the_question),
		TEST(looks_at_so_many_records_and_no_more),
		TEST(reads_names_of_many_pointers),
		TEST(survives_every_cut_and_every_changed_byte),
	};

	return RUN_TESTS(tests);
}
