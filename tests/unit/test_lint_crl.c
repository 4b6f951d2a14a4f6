/* The lint of CRLs: for each rule (L1-L9, L11, L15, C1-C5) a list that breaks it. */
#include <string.h>

#include "ca/der.h"
#include "ca/lint.h"
#include "check.h"
#include "fixture.h"
#include "tests/fake/x509_maker.h"

#define NOW 1795000000
#define DAY 86400

/* The parts of a CertificateList, each as whole DER; what a test does not replace is good. */
struct desk {
	struct op *op;
	struct ca *ca;
	struct bytes version, algorithm, issuer, this_update, next_update;
	struct bytes entries;    /* the whole list, or empty: left out */
	struct bytes extensions; /* one after the other */
	struct bytes outer_algorithm;
	bool has_no_next_update;
};

static struct bytes time_of(struct op *op, int64_t time_s)
{
	struct buf buf;
	buf_init(&buf, op->arena, 32);
	der_put_time(&buf, time_s);
	return buf_as_bytes(&buf);
}

static struct bytes number_of(struct op *op, uint64_t number)
{
	struct buf buf;
	buf_init(&buf, op->arena, 16);
	der_put_number(&buf, DER_INTEGER, number);
	return buf_as_bytes(&buf);
}

#define NUMBER BYTES_LITERAL("\x55\x1d\x14")
#define AKI BYTES_LITERAL("\x55\x1d\x23")
#define IDP BYTES_LITERAL("\x55\x1d\x1c")
#define DELTA BYTES_LITERAL("\x55\x1d\x1b")
#define REASON BYTES_LITERAL("\x55\x1d\x15")
#define INVALIDITY BYTES_LITERAL("\x55\x1d\x18")

static struct bytes number_extension(struct desk *desk, uint64_t number)
{
	return maker_extension(desk->op, NUMBER, false, number_of(desk->op, number));
}

static struct bytes aki_extension(struct desk *desk, struct bytes identifier)
{
	struct bytes value = MAKER_DER(desk->op, DER_SEQUENCE, MAKER_DER(desk->op, 0x80, identifier));
	return maker_extension(desk->op, AKI, false, value);
}

static struct bytes idp_extension(struct desk *desk, bool is_critical, struct bytes fields)
{
	return maker_extension(desk->op, IDP, is_critical, MAKER_DER(desk->op, DER_SEQUENCE, fields));
}

static struct bytes point_field(struct desk *desk)
{
	struct bytes uri = maker_text(desk->op, 0x86, "http://h/crl/maker.crl");
	return MAKER_DER(desk->op, 0xa0, MAKER_DER(desk->op, 0xa0, uri));
}

static void reset(struct desk *desk)
{
	struct op *op = desk->op;
	desk->version = BYTES_LITERAL("\x02\x01\x01");
	desk->algorithm = desk->outer_algorithm = tbs_signature_algorithm(KEY_P256);
	desk->issuer = desk->ca->subject;
	desk->this_update = time_of(op, NOW);
	desk->next_update = time_of(op, NOW + DAY);
	desk->has_no_next_update = false;
	desk->entries = BYTES_LITERAL("");
	desk->extensions = MAKER_JOIN(op, number_extension(desk, 8), aki_extension(desk, desk->ca->key_identifier),
				      idp_extension(desk, true, point_field(desk)));
}

static int desk_setup(void **state)
{
	struct desk *desk = test_calloc(1, sizeof *desk);
	desk->op = op_new();
	desk->ca = maker_ca(desk->op, KEY_P256, NOW - DAY, NOW + 1000 * DAY, -1);
	reset(desk);
	*state = desk;
	return 0;
}

static int desk_teardown(void **state)
{
	struct desk *desk = *state;
	maker_ca_free(desk->ca);
	op_free(&desk->op);
	test_free(desk);
	return 0;
}

#define DESK_TEST(function) cmocka_unit_test_setup_teardown(function, desk_setup, desk_teardown)

static struct bytes put_together(struct desk *desk)
{
	struct op *op = desk->op;
	struct bytes next_update = desk->has_no_next_update ? BYTES_LITERAL("") : desk->next_update;
	struct bytes extensions = MAKER_DER(op, 0xa0, MAKER_DER(op, DER_SEQUENCE, desk->extensions));
	struct bytes tbs = MAKER_DER(op, DER_SEQUENCE, desk->version, desk->algorithm, desk->issuer, desk->this_update,
				     next_update, desk->entries, extensions);
	return MAKER_DER(op, DER_SEQUENCE, tbs, desk->outer_algorithm, BYTES_LITERAL("\x03\x02\x00s"));
}

static result lint(struct desk *desk, struct bytes der)
{
	return lint_crl(desk->op, desk->ca, der, 7, NOW - 100);
}

static void accept(struct desk *desk)
{
	assert_ok(desk->op, lint(desk, put_together(desk)));
	reset(desk);
}

static void refuse(struct desk *desk, const char *rule)
{
	const char *expected = arena_printf(desk->op->arena, "lint %s:", rule);
	result r = lint(desk, put_together(desk));
	if (r.err != ERR_BUG)
		fail_msg("%s: expected a refusal, got %s", rule, err_name(r.err));
	if (strstr(desk->op->detail, expected) == NULL)
		fail_msg("expected rule %s: %s", rule, desk->op->detail);
	op_clear_failure(desk->op);
	reset(desk);
}

/* An entry; `extensions` one after the other, empty: none. */
static struct bytes entry(struct desk *desk, struct bytes serial, int64_t revoked_s, struct bytes extensions)
{
	struct op *op = desk->op;
	struct bytes list = extensions.n > 0 ? MAKER_DER(op, DER_SEQUENCE, extensions) : BYTES_LITERAL("");
	return MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_INTEGER, serial), time_of(op, revoked_s), list);
}

static struct bytes reason(struct desk *desk, uint8_t code)
{
	uint8_t value[] = { DER_ENUMERATED, 1, code };
	return maker_extension(desk->op, REASON, false, BYTES_ARRAY(value));
}

static void set_entries(struct desk *desk, struct bytes a, struct bytes b)
{
	desk->entries = MAKER_DER(desk->op, DER_SEQUENCE, a, b);
}

#define NOTHING BYTES_LITERAL("")

static void test_good(void **state)
{
	struct desk *desk = *state;
	accept(desk); /* L2: without entries */
	struct bytes date = maker_extension(desk->op, INVALIDITY, false, BYTES_LITERAL("\x18\x0f" "20200101000000Z"));
	set_entries(desk, entry(desk, BYTES_LITERAL("\x41\x01"), NOW - 5, MAKER_JOIN(desk->op, reason(desk, 1), date)),
		    entry(desk, BYTES_LITERAL("\x41\x02"), NOW, NOTHING));
	accept(desk);
	desk->extensions = MAKER_JOIN(desk->op, aki_extension(desk, desk->ca->key_identifier), number_extension(desk, 1000));
	accept(desk); /* a distribution point is no duty */
}

static void test_fields(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	desk->version = BYTES_LITERAL("\x02\x01\x00");
	refuse(desk, "L1");
	desk->version = NOTHING;
	refuse(desk, "L1");
	desk->has_no_next_update = true;
	refuse(desk, "L3");
	desk->next_update = time_of(op, NOW);
	refuse(desk, "L3");
	desk->entries = BYTES_LITERAL("\x30\x00");
	refuse(desk, "L2");
	desk->outer_algorithm = tbs_signature_algorithm(KEY_P384);
	refuse(desk, "C4");
	desk->algorithm = desk->outer_algorithm = tbs_signature_algorithm(KEY_P384);
	refuse(desk, "C4");
	desk->issuer = MAKER_DER(op, DER_SEQUENCE, maker_common_name(op, DER_UTF8_STRING, BYTES_LITERAL("Other CA")));
	refuse(desk, "C2");
	desk->this_update = MAKER_DER(op, DER_GENERALIZED_TIME, BYTES_LITERAL("20261118000000Z"));
	refuse(desk, "C3");
	assert_err(op, ERR_BUG, lint(desk, MAKER_JOIN(op, put_together(desk), BYTES_LITERAL("\0"))));
	assert_err(op, ERR_BUG, lint(desk, BYTES_NONE));
	assert_err(op, ERR_BUG, lint(desk, desk->ca->der)); /* a certificate */
}

/* L15: neither the same number again, nor a lower one, nor an earlier time. */
static void test_order_of_lists(void **state)
{
	struct desk *desk = *state;
	struct bytes crl = put_together(desk);
	assert_ok(desk->op, lint_crl(desk->op, desk->ca, crl, 7, NOW));
	assert_ok(desk->op, lint_crl(desk->op, desk->ca, crl, 0, 0));
	assert_err(desk->op, ERR_BUG, lint_crl(desk->op, desk->ca, crl, 8, NOW));
	assert_err(desk->op, ERR_BUG, lint_crl(desk->op, desk->ca, crl, 9, NOW));
	assert_err(desk->op, ERR_BUG, lint_crl(desk->op, desk->ca, crl, 7, NOW + 1));
}

/* L4, L5, L6 */
static void test_extensions(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes number = number_extension(desk, 8), aki = aki_extension(desk, desk->ca->key_identifier);
	desk->extensions = aki;
	refuse(desk, "L4");
	desk->extensions = number;
	refuse(desk, "L4");
	desk->extensions = MAKER_JOIN(op, number, aki, number);
	refuse(desk, "C5");
	desk->extensions = MAKER_JOIN(op, number, aki_extension(desk, BYTES_LITERAL("other")));
	refuse(desk, "L4");
	desk->extensions = MAKER_JOIN(op, aki, maker_extension(op, NUMBER, true, number_of(op, 8)));
	refuse(desk, "L4");
	desk->extensions = MAKER_JOIN(op, aki, maker_extension(op, NUMBER, false, BYTES_LITERAL("\x02\x01\xff")));
	refuse(desk, "L4");
	desk->extensions = MAKER_JOIN(op, number, aki, maker_extension(op, DELTA, true, number_of(op, 3)));
	refuse(desk, "L5");
	const struct {
		bool is_critical;
		struct bytes fields;
	} rows[] = {
		{ false, point_field(desk) },
		{ true, NOTHING },					      /* V7: all defaults */
		{ true, BYTES_LITERAL("\x81\x01\xff\x82\x01\xff") },	      /* users only and CAs only */
		{ true, BYTES_LITERAL("\x81\x01\x00") },		      /* FALSE */
		{ true, BYTES_LITERAL("\x84\x01\xff") },		      /* indirect */
		{ true, BYTES_LITERAL("\x83\x02\x01\x06") },		      /* some reasons */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		desk->extensions = MAKER_JOIN(op, number, aki, idp_extension(desk, rows[i].is_critical, rows[i].fields));
		refuse(desk, "L6");
	}
	desk->extensions = MAKER_JOIN(op, number, aki, idp_extension(desk, true, BYTES_LITERAL("\x81\x01\xff")));
	accept(desk);
}

/* C1, L9, L15 */
static void test_entries(void **state)
{
	struct desk *desk = *state;
	struct bytes one = BYTES_LITERAL("\x41\x01"), two = BYTES_LITERAL("\x41\x02");
	set_entries(desk, entry(desk, two, NOW, NOTHING), entry(desk, one, NOW, NOTHING));
	refuse(desk, "L15");
	set_entries(desk, entry(desk, one, NOW, NOTHING), entry(desk, one, NOW, NOTHING));
	refuse(desk, "L15");
	set_entries(desk, entry(desk, one, NOW, NOTHING), entry(desk, two, NOW + 1, NOTHING));
	refuse(desk, "L9");
	set_entries(desk, entry(desk, BYTES_LITERAL("\x00"), NOW, NOTHING), NOTHING);
	refuse(desk, "C1");
	set_entries(desk, entry(desk, BYTES_LITERAL("\x80\x01"), NOW, NOTHING), NOTHING);
	refuse(desk, "C1");
	set_entries(desk, entry(desk, BYTES_LITERAL("\x00\x41"), NOW, NOTHING), NOTHING);
	refuse(desk, "C1");
	set_entries(desk, BYTES_LITERAL("\x05\x00"), NOTHING);
	refuse(desk, "DER");
}

/* L7, L8: every reason that there is, at each of two places. */
static void test_reasons(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes one = BYTES_LITERAL("\x41\x01"), two = BYTES_LITERAL("\x41\x02");
	for (uint8_t code = 0; code < 128; code++) {
		bool is_allowed = code >= 1 && code <= 10 && code != 7 && code != 8;
		set_entries(desk, entry(desk, one, NOW, reason(desk, code)), entry(desk, two, NOW, NOTHING));
		is_allowed ? accept(desk) : refuse(desk, "L7");
		set_entries(desk, entry(desk, one, NOW, NOTHING), entry(desk, two, NOW, reason(desk, code)));
		is_allowed ? accept(desk) : refuse(desk, "L7");
	}
	struct bytes twice = MAKER_JOIN(op, reason(desk, 1), reason(desk, 1));
	set_entries(desk, entry(desk, one, NOW, twice), NOTHING);
	refuse(desk, "L7");
	struct bytes critical = maker_extension(op, REASON, true, BYTES_LITERAL("\x0a\x01\x01"));
	set_entries(desk, entry(desk, one, NOW, critical), NOTHING);
	refuse(desk, "L7");
	struct bytes utc = maker_extension(op, INVALIDITY, false, BYTES_LITERAL("\x17\x0d" "200101000000Z"));
	set_entries(desk, entry(desk, one, NOW, utc), NOTHING);
	refuse(desk, "L8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESK_TEST(test_good),	    DESK_TEST(test_fields),  DESK_TEST(test_order_of_lists),
		DESK_TEST(test_extensions), DESK_TEST(test_entries), DESK_TEST(test_reasons),
	};
	return RUN_TESTS(tests);
}
