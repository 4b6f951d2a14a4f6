/* BER to DER: forms that senders use, forms that nobody should, and the way back from any of them. */
#include <string.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "ca/ber.h"
#include "ca/der.h"
#include "fixture.h"
#include "tests/fake/ber_maker.h"
#include "tests/fake/cms_maker.h"

static struct bytes rewritten(struct op *op, struct bytes ber)
{
	struct bytes der;
	assert_ok(op, ber_to_der(op, ber, &der));
	assert_true(der.n <= ber.n);
	return der;
}

static void assert_becomes(struct op *op, const char *what, struct bytes ber, struct bytes expected)
{
	struct bytes der = rewritten(op, ber);
	if (!bytes_equal(der, expected))
		fail_msg("%s: %s became %s", what, bytes_to_hex(op->arena, ber), bytes_to_hex(op->arena, der));
	if (!bytes_equal(rewritten(op, der), der))
		fail_msg("%s: it changes once more", what);
}

static void assert_refused(struct op *op, const char *what, struct bytes ber)
{
	struct bytes der;
	result r = ber_to_der(op, ber, &der);
	if (r.err != ERR_MALFORMED || der.n != 0)
		fail_msg("%s: expected a refusal, got %s: %s", what, err_name(r.err), bytes_to_hex(op->arena, der));
	op_clear_failure(op);
}

static void test_forms(void **state)
{
	struct op *op = *state;
	static const struct {
		const char *what;
		struct bytes ber, der;
	} rows[] = {
		{ "DER", BYTES_LITERAL("\x30\x05\x04\x03yes"), BYTES_LITERAL("\x30\x05\x04\x03yes") },
		{ "a primitive value alone", BYTES_LITERAL("\x05\x00"), BYTES_LITERAL("\x05\x00") },
		{ "an open length", BYTES_LITERAL("\x30\x80\x05\x00\x00\x00"), BYTES_LITERAL("\x30\x02\x05\x00") },
		{ "an open length, and nothing", BYTES_LITERAL("\x30\x80\x00\x00"), BYTES_LITERAL("\x30\x00") },
		{ "open in open", BYTES_LITERAL("\x30\x80\x31\x80\x05\x00\x00\x00\x00\x00"), BYTES_LITERAL("\x30\x04\x31\x02\x05\x00") },
		{ "open in definite", BYTES_LITERAL("\x30\x06\x31\x80\x05\x00\x00\x00"), BYTES_LITERAL("\x30\x04\x31\x02\x05\x00") },
		{ "definite in open", BYTES_LITERAL("\x30\x80\x31\x02\x05\x00\x00\x00"), BYTES_LITERAL("\x30\x04\x31\x02\x05\x00") },
		{ "a length in two octets", BYTES_LITERAL("\x04\x81\x03yes"), BYTES_LITERAL("\x04\x03yes") },
		{ "a length in five octets", BYTES_LITERAL("\x30\x84\x00\x00\x00\x02\x05\x00"), BYTES_LITERAL("\x30\x02\x05\x00") },
		{ "octets in pieces", BYTES_LITERAL("\x24\x80\x04\x02ye\x04\x01s\x00\x00"), BYTES_LITERAL("\x04\x03yes") },
		{ "octets in pieces, definite", BYTES_LITERAL("\x24\x07\x04\x02ye\x04\x01s"), BYTES_LITERAL("\x04\x03yes") },
		{ "octets in pieces of pieces", BYTES_LITERAL("\x24\x80\x24\x80\x04\x01y\x04\x00\x00\x00\x24\x04\x04\x02" "es\x00\x00"),
		  BYTES_LITERAL("\x04\x03yes") },
		{ "octets in no piece", BYTES_LITERAL("\x24\x80\x00\x00"), BYTES_LITERAL("\x04\x00") },
		{ "octets that look like an end", BYTES_LITERAL("\x30\x80\x04\x02\x00\x00\x00\x00"), BYTES_LITERAL("\x30\x04\x04\x02\x00\x00") },
		/* Not ours to judge or to mend: the gate behind refuses them. */
		{ "TRUE as 1", BYTES_LITERAL("\x01\x01\x01"), BYTES_LITERAL("\x01\x01\x01") },
		{ "a SET out of order", BYTES_LITERAL("\x31\x80\x02\x01\x02\x02\x01\x01\x00\x00"), BYTES_LITERAL("\x31\x06\x02\x01\x02\x02\x01\x01") },
		{ "text in pieces", BYTES_LITERAL("\x2c\x80\x0c\x01y\x00\x00"), BYTES_LITERAL("\x2c\x03\x0c\x01y") },
		{ "bits in pieces", BYTES_LITERAL("\x23\x80\x03\x02\x00y\x00\x00"), BYTES_LITERAL("\x23\x04\x03\x02\x00y") },
		/* What the tag stands for is known at one place only. */
		{ "[0] around octets", BYTES_LITERAL("\xa0\x80\x04\x01y\x04\x01n\x00\x00"), BYTES_LITERAL("\xa0\x06\x04\x01y\x04\x01n") },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_becomes(op, rows[i].what, rows[i].ber, rows[i].der);
}

/* S6 */
static void test_hostile_forms_S6(void **state)
{
	struct op *op = *state;
	static const struct {
		const char *what;
		struct bytes ber;
	} rows[] = {
		{ "nothing", BYTES_LITERAL("") },
		{ "a tag alone", BYTES_LITERAL("\x30") },
		{ "an open length without its end", BYTES_LITERAL("\x30\x80") },
		{ "half an end", BYTES_LITERAL("\x30\x80\x05\x00\x00") },
		{ "an end of one octet of content", BYTES_LITERAL("\x30\x80\x05\x00\x00\x01x") },
		{ "an end with a long length", BYTES_LITERAL("\x30\x80\x05\x00\x00\x81\x00") },
		{ "the inner end only", BYTES_LITERAL("\x30\x80\x31\x80\x05\x00\x00\x00") },
		{ "bytes behind the end", BYTES_LITERAL("\x30\x80\x05\x00\x00\x00\x00") },
		{ "an end too many", BYTES_LITERAL("\x30\x80\x05\x00\x00\x00\x00\x00") },
		{ "a value behind it", BYTES_LITERAL("\x05\x00\x05\x00") },
		{ "an end alone", BYTES_LITERAL("\x00\x00") },
		{ "an end in a definite length", BYTES_LITERAL("\x30\x04\x05\x00\x00\x00") },
		{ "an end that is behind the definite length around", BYTES_LITERAL("\x30\x04\x31\x80\x05\x00\x00\x00") },
		{ "an end in pieces of a definite length", BYTES_LITERAL("\x24\x05\x04\x01y\x00\x00") },
		{ "a primitive value with an open length", BYTES_LITERAL("\x04\x80\x00\x00") },
		{ "a piece with an open length", BYTES_LITERAL("\x24\x80\x04\x80\x00\x00\x00\x00") },
		{ "a piece that is none", BYTES_LITERAL("\x24\x80\x04\x01y\x02\x01\x01\x00\x00") },
		{ "a piece by another tag", BYTES_LITERAL("\x24\x80\x80\x01y\x00\x00") },
		{ "content beyond the end", BYTES_LITERAL("\x04\x04yes") },
		{ "content beyond the value around", BYTES_LITERAL("\x30\x04\x04\x03yes") },
		{ "a length near 2^32", BYTES_LITERAL("\x04\x84\xff\xff\xff\xffx") },
		{ "a length in five octets more", BYTES_LITERAL("\x04\x85\x00\x00\x00\x00\x01x") },
		{ "a length that wraps around", BYTES_LITERAL("\x04\x88\xff\xff\xff\xff\xff\xff\xff\xffx") },
		{ "the reserved length", BYTES_LITERAL("\x04\xff\x00") },
		{ "a length that is cut", BYTES_LITERAL("\x04\x82\x00") },
		{ "a tag of two octets", BYTES_LITERAL("\x3f\x21\x80\x00\x00") },
		{ "a tag of two octets inside", BYTES_LITERAL("\x30\x80\x1f\x21\x00\x00\x00") },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_refused(op, rows[i].what, rows[i].ber);
}

static struct bytes repeated(struct op *op, const char *text, size_t n_text, unsigned n)
{
	struct buf out;
	buf_init(&out, op->arena, n_text * n);
	for (unsigned i = 0; i < n; i++)
		buf_put(&out, text, n_text);
	return buf_as_bytes(&out);
}

static struct bytes nested(struct op *op, const char *tag_and_length, unsigned n)
{
	return MAKER_JOIN(op, repeated(op, tag_and_length, 2, n), repeated(op, "\x00\x00", 2, n));
}

/* S6: as deep as the gate lets it be, of any kind. */
static void test_depth_S6(void **state)
{
	struct op *op = *state;
	static const char *const kinds[] = { "\x30\x80", "\x31\x80", "\xa0\x80", "\x24\x80" };
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct bytes der = rewritten(op, nested(op, kinds[i], DER_DEPTH_MAX));
		assert_true(der_is_strict(der));
		assert_refused(op, kinds[i], nested(op, kinds[i], DER_DEPTH_MAX + 1));
		assert_refused(op, kinds[i], nested(op, kinds[i], LIMIT_BODY_SCEP / 4));
		assert_refused(op, kinds[i], repeated(op, kinds[i], 2, LIMIT_BODY_SCEP / 2));
	}
}

/* S6: what comes in bounds what is allocated, whatever it is made of. */
static void test_size_S6(void **state)
{
	struct op *op = *state;
	static const char *const values[] = { "\x04\x00", "\x05\x00", "\x24\x00" };
	unsigned n = LIMIT_BODY_SCEP / 2 - 2;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		struct bytes many = MAKER_JOIN(op, BYTES_LITERAL("\x30\x80"), repeated(op, values[i], 2, n), BYTES_LITERAL("\x00\x00"));
		size_t before = arena_used(op->arena);
		assert_int_equal(rewritten(op, many).n, 2 * n + 4);
		assert_true(arena_used(op->arena) - before <= 2 * LIMIT_BODY_SCEP);
		struct bytes pieces = MAKER_JOIN(op, BYTES_LITERAL("\x24\x80"), repeated(op, values[i], 2, n), BYTES_LITERAL("\x00\x00"));
		if (values[i][0] == '\x05')
			assert_refused(op, "NULL as a piece", pieces);
		else
			assert_becomes(op, "empty pieces", pieces, BYTES_LITERAL("\x04\x00"));
	}
	struct bytes content = { arena_alloc(op->arena, LIMIT_BODY_SCEP), LIMIT_BODY_SCEP - 4 };
	struct bytes largest = MAKER_DER(op, DER_OCTET_STRING, content);
	assert_int_equal(largest.n, LIMIT_BODY_SCEP);
	assert_becomes(op, "the largest", largest, largest);
	assert_refused(op, "larger", MAKER_JOIN(op, largest, BYTES_LITERAL("\x00")));
}

#define PIECES(...) MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), __VA_ARGS__)

/* What would be an EnvelopedData, as far as depths go, around this in the place of encryptedContent. */
static struct bytes around(struct op *op, struct bytes encrypted)
{
	struct bytes info = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_SEQUENCE, encrypted));
	return MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), info));
}

/* encryptedContent [0] IMPLICIT OCTET STRING is known by its place and its pieces. */
static void test_encrypted_content(void **state)
{
	struct op *op = *state;
	struct bytes one = BYTES_LITERAL("\x04\x02ye"), two = BYTES_LITERAL("\x04\x01s"), number = BYTES_LITERAL("\x02\x01\x01");
	struct bytes whole = around(op, MAKER_DER(op, DER_CONTEXT(0), BYTES_LITERAL("yes")));
	const struct {
		const char *what;
		struct bytes ber, der;
	} rows[] = {
		{ "in one", whole, whole },
		{ "two pieces", around(op, PIECES(one, two)), whole },
		{ "with an open length", around(op, MAKER_JOIN(op, BYTES_LITERAL("\xa0\x80"), one, two, BYTES_LITERAL("\x00\x00"))), whole },
		{ "pieces of pieces", around(op, PIECES(BYTES_LITERAL("\x24\x06\x04\x01y\x04\x01" "e"), two)), whole },
		{ "one piece", around(op, PIECES(one)), around(op, PIECES(one)) },
		{ "one piece in pieces", around(op, PIECES(BYTES_LITERAL("\x24\x06\x04\x01y\x04\x01" "e"))), around(op, PIECES(one)) },
		{ "no piece", around(op, BYTES_LITERAL("\xa0\x80\x00\x00")), around(op, BYTES_LITERAL("\xa0\x00")) },
		{ "among others", around(op, PIECES(one, number)), around(op, PIECES(one, number)) },
		{ "by another tag", around(op, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(1), one, two)),
		  around(op, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(1), one, two)) },
		{ "deeper", around(op, MAKER_DER(op, DER_SEQUENCE, PIECES(one, two))), around(op, MAKER_DER(op, DER_SEQUENCE, PIECES(one, two))) },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_becomes(op, rows[i].what, rows[i].ber, rows[i].der);
}

/* Octets that no message would have, of any size around the pieces'. */
static struct bytes noise(struct op *op, unsigned *seed)
{
	size_t n = (size_t)rand_r(seed) % (3 * MAKER_PIECE) + 1;
	uint8_t *p = arena_alloc(op->arena, n);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)rand_r(seed);
	return (struct bytes){ p, n };
}

/* Whole messages in whatever form come back as they were, certificate and attributes among them. */
static void test_messages_round_trip(void **state)
{
	struct op *op = *state;
	unsigned seed = test_seed();
	AUTO(EVP_PKEY) *key = maker_key(KEY_RSA2048);
	struct bytes certificate = maker_self_signed(op, key, "device");
	for (unsigned i = 0; i < 200; i++) {
		struct bytes content = noise(op, &seed);
		struct bytes encrypted = MAKER_DER(op, DER_CONTEXT(0), noise(op, &seed));
		struct bytes outside = MAKER_SIGNED(op, .key = key, .certificate = certificate, .content = content,
						    .attributes = maker_two_attributes(op, content, "SHA256"),
						    .signature = MAKER_DER(op, DER_OCTET_STRING, noise(op, &seed)));
		struct bytes inside = MAKER_ENVELOPED(op, .certificate = certificate, .encrypted = encrypted);
		assert_becomes(op, "SignedData", maker_ber(op, outside, NULL), outside);
		assert_becomes(op, "EnvelopedData", maker_ber(op, inside, NULL), inside);
		assert_becomes(op, "SignedData", maker_ber(op, outside, &seed), outside);
		assert_becomes(op, "EnvelopedData", maker_ber(op, inside, &seed), inside);
	}
}

/* One octet changed, or the end cut off: refused, or something that changes no more. */
static void test_damage(void **state)
{
	struct op *op = *state;
	unsigned seed = test_seed();
	AUTO(EVP_PKEY) *key = maker_key(KEY_RSA2048);
	struct bytes der = MAKER_ENVELOPED(op, .certificate = maker_self_signed(op, key, "device"));
	struct bytes ber = maker_ber(op, der, &seed);
	uint8_t *copy = arena_alloc(op->arena, ber.n);
	for (size_t n = 0; n < ber.n; n++)
		assert_refused(op, "cut", (struct bytes){ ber.p, n });
	for (unsigned i = 0; i < 5000; i++) {
		struct bytes out;
		memcpy(copy, ber.p, ber.n);
		copy[(size_t)rand_r(&seed) % ber.n] = (uint8_t)rand_r(&seed);
		if (ber_to_der(op, (struct bytes){ copy, ber.n }, &out).err == ERR_NONE)
			assert_true(bytes_equal(rewritten(op, out), out));
		op_clear_failure(op);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_forms),	      TEST(test_hostile_forms_S6),    TEST(test_depth_S6), TEST(test_size_S6),
		TEST(test_encrypted_content), TEST(test_messages_round_trip), TEST(test_damage),
	};
	return RUN_TESTS(tests);
}
