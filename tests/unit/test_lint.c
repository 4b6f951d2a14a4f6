/*
 * The lint of certificates: what the builder makes passes; for each rule (C1-C16,
 * N9, N12, V38, V42, V49, O5) bytes that break it, and it alone, do not.
 */
#include <string.h>

#include "base/openssl_auto.h"
#include "ca/der.h"
#include "ca/lint.h"
#include "check.h"
#include "fixture.h"
#include "tests/fake/x509_maker.h"

#define NOW 1795000000
#define DAY 86400

/* A CA, a plan and its TBS taken apart, so that single parts can be replaced. */
enum { F_VERSION, F_SERIAL, F_ALGORITHM, F_ISSUER, F_VALIDITY, F_SUBJECT, F_SPKI, N_FIELDS };
enum { MAX_EXTENSIONS = 12 };

struct desk {
	struct op *op;
	struct ca *ca;
	EVP_PKEY *key;
	struct identifier names[3], subject[2], device[4];
	struct tbs_plan plan;
	struct bytes fields[N_FIELDS];
	struct bytes extensions[MAX_EXTENSIONS]; /* whole */
	unsigned n_extensions;
};

static int desk_setup(void **state)
{
	struct desk *desk = test_calloc(1, sizeof *desk);
	desk->op = op_new();
	desk->ca = maker_ca(desk->op, KEY_P256, NOW - DAY, NOW + 1000 * DAY, -1);
	desk->key = maker_key(KEY_P256);
	*state = desk;
	return 0;
}

static int desk_teardown(void **state)
{
	struct desk *desk = *state;
	maker_ca_free(desk->ca);
	EVP_PKEY_free(desk->key);
	op_free(&desk->op);
	test_free(desk);
	return 0;
}

#define DESK_TEST(function) cmocka_unit_test_setup_teardown(function, desk_setup, desk_teardown)

static void take_apart(struct desk *desk)
{
	struct bytes tbs, list;
	struct der_value value;
	assert_ok(desk->op, tbs_build(desk->op, &desk->plan, &tbs));
	assert_true(der_take(&tbs, DER_SEQUENCE, &tbs));
	for (unsigned i = 0; i < N_FIELDS; i++) {
		assert_true(der_next(&tbs, &value));
		desk->fields[i] = value.whole;
	}
	assert_true(der_take(&tbs, 0xa3, &tbs) && der_take(&tbs, DER_SEQUENCE, &list));
	for (desk->n_extensions = 0; list.n > 0; desk->n_extensions++) {
		assert_true(der_next(&list, &value));
		desk->extensions[desk->n_extensions] = value.whole;
	}
}

static struct bytes put_together(const struct desk *desk)
{
	struct op *op = desk->op;
	struct bytes fields = BYTES_LITERAL(""), list = BYTES_LITERAL("");
	for (unsigned i = 0; i < N_FIELDS; i++)
		fields = MAKER_JOIN(op, fields, desk->fields[i]);
	for (unsigned i = 0; i < desk->n_extensions; i++)
		list = MAKER_JOIN(op, list, desk->extensions[i]);
	return MAKER_DER(op, DER_SEQUENCE, fields, MAKER_DER(op, 0xa3, MAKER_DER(op, DER_SEQUENCE, list)));
}

static void plan_kind(struct desk *desk, enum tbs_kind kind)
{
	bool is_ca = kind == TBS_ROOT || kind == TBS_INTERMEDIATE;
	desk->names[0] = (struct identifier){ IDENTIFIER_DNS, "a.example" };
	desk->names[1] = (struct identifier){ IDENTIFIER_DNS, "*.b.example" };
	desk->names[2] = (struct identifier){ IDENTIFIER_DNS, "c.example" };
	desk->subject[0] = (struct identifier){ IDENTIFIER_O, "Example Corp" };
	desk->subject[1] = (struct identifier){ IDENTIFIER_CN, "a.example" };
	desk->plan = (struct tbs_plan){
		.kind = kind,
		.issuer = kind == TBS_ROOT ? NULL : desk->ca,
		.spki = maker_spki(desk->op, desk->key),
		.signature_key = KEY_P256,
		.subject = is_ca ? desk->subject : &desk->subject[1],
		.n_subject = is_ca ? 2 : 1,
		.identifiers = desk->names,
		.n_identifiers = kind == TBS_LEAF ? 3 : 0,
		.server_auth = kind == TBS_LEAF,
		.not_before_s = NOW,
		.not_after_s = NOW + 90 * DAY - 1,
		.path_length = kind == TBS_INTERMEDIATE ? 0 : -1,
		.ocsp_url = "http://h/ocsp/maker",
		.ca_issuers_url = "http://h/ca/maker.cer",
		.crl_url = "http://h/crl/maker.crl",
	};
	serial_draw(&desk->plan.serial);
	take_apart(desk);
}

static void accept(struct desk *desk)
{
	struct linted_tbs *linted;
	struct bytes tbs = put_together(desk);
	assert_ok(desk->op, lint_tbs(desk->op, &desk->plan, tbs, &linted));
	assert_true(bytes_equal(linted_tbs_bytes(linted), tbs));
}

static void refuse_bytes(struct desk *desk, const char *rule, struct bytes tbs)
{
	struct linted_tbs *linted = NULL;
	const char *expected = arena_printf(desk->op->arena, "lint %s:", rule);
	result r = lint_tbs(desk->op, &desk->plan, tbs, &linted);
	if (r.err != ERR_BUG)
		fail_msg("%s: expected a refusal, got %s", rule, err_name(r.err));
	if (strstr(desk->op->detail, expected) == NULL)
		fail_msg("expected rule %s: %s", rule, desk->op->detail);
	assert_null(linted);
	op_clear_failure(desk->op);
}

/* What stands on the desk is refused by this rule; then the desk is as before. */
static void refuse(struct desk *desk, const char *rule)
{
	refuse_bytes(desk, rule, put_together(desk));
	take_apart(desk);
}

static void refuse_field(struct desk *desk, const char *rule, unsigned field, struct bytes value)
{
	desk->fields[field] = value;
	refuse(desk, rule);
}

static unsigned find(const struct desk *desk, const char *oid_last)
{
	for (unsigned i = 0; i < desk->n_extensions; i++) {
		struct bytes in = desk->extensions[i], oid;
		bool is_read = der_take(&in, DER_SEQUENCE, &in) && der_take(&in, DER_OID, &oid);
		if (is_read && bytes_equal_text(oid, oid_last))
			return i;
	}
	fail_msg("no such extension");
	return 0;
}

#define BASIC_CONSTRAINTS "\x55\x1d\x13"
#define KEY_USAGE "\x55\x1d\x0f"
#define EXTENDED_KEY_USAGE "\x55\x1d\x25"
#define SKI "\x55\x1d\x0e"
#define AKI "\x55\x1d\x23"
#define SAN "\x55\x1d\x11"
#define CDP "\x55\x1d\x1f"
#define AIA "\x2b\x06\x01\x05\x05\x07\x01\x01"
#define NOCHECK "\x2b\x06\x01\x05\x05\x07\x30\x01\x05"

static void refuse_extension(struct desk *desk, const char *rule, const char *oid, bool is_critical, struct bytes value)
{
	desk->extensions[find(desk, oid)] = maker_extension(desk->op, bytes_of_text(oid), is_critical, value);
	refuse(desk, rule);
}

static void refuse_added(struct desk *desk, const char *rule, struct bytes extension)
{
	desk->extensions[desk->n_extensions++] = extension;
	refuse(desk, rule);
}

static void refuse_without(struct desk *desk, const char *rule, const char *oid)
{
	unsigned at = find(desk, oid);
	desk->extensions[at] = desk->extensions[--desk->n_extensions];
	refuse(desk, rule);
}

static void test_good(void **state)
{
	struct desk *desk = *state;
	for (enum tbs_kind kind = TBS_ROOT; kind <= TBS_CMC_SIGNER; kind++) {
		plan_kind(desk, kind);
		accept(desk);
	}
}

static void plan_scep_ra(struct desk *desk)
{
	AUTO(EVP_PKEY) *key = maker_key(KEY_RSA2048);
	plan_kind(desk, TBS_SCEP_RA);
	desk->plan.spki = maker_spki(desk->op, key);
	take_apart(desk);
}

/* SP3, SP16: an RSA key, both usages, no purpose. */
static void test_scep_ra(void **state)
{
	struct desk *desk = *state;
	plan_scep_ra(desk);
	accept(desk);
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x02\x07\x80"));
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x02\x05\x20"));
	refuse_without(desk, "C14", CDP);
	refuse_without(desk, "C14", AIA);
	refuse_added(desk, "C5", maker_extension(desk->op, BYTES_LITERAL(EXTENDED_KEY_USAGE), false,
						 BYTES_LITERAL("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x1c")));
	plan_kind(desk, TBS_SCEP_RA);
	refuse(desk, "SP16");
}

/* Keys of all types in leaves, and every way to have names and purposes. */
static void test_good_variants(void **state)
{
	struct desk *desk = *state;
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_RSA2048, KEY_ED25519 };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		AUTO(EVP_PKEY) *key = maker_key(types[i]);
		for (unsigned bits = 0; bits < 8; bits++) {
			plan_kind(desk, TBS_LEAF);
			desk->plan.spki = maker_spki(desk->op, key);
			desk->subject[1].value = "c.example";
			desk->plan.n_subject = bits & 1;
			desk->plan.server_auth = (bits & 2) != 0;
			desk->plan.client_auth = !desk->plan.server_auth || (bits & 4) != 0;
			desk->plan.ocsp_url = bits & 4 ? "http://h/ocsp" : NULL;
			desk->plan.crl_url = bits & 2 ? "http://h/crl" : NULL;
			take_apart(desk);
			accept(desk);
		}
	}
}

/* C1, V15 */
static void test_numbers(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	plan_kind(desk, TBS_LEAF);
	refuse_field(desk, "C1", F_VERSION, BYTES_LITERAL("\xa0\x03\x02\x01\x01"));
	refuse_field(desk, "C1", F_SERIAL, BYTES_LITERAL("\x02\x01\x00"));
	refuse_field(desk, "C1", F_SERIAL, BYTES_LITERAL("\x02\x01\xff"));
	refuse_field(desk, "DER", F_SERIAL, BYTES_LITERAL("\x02\x02\x00\x01"));
	refuse_field(desk, "C1", F_SERIAL, BYTES_LITERAL("\x02\x01\x01")); /* not the plan's */
	desk->plan.serial.b[0] = 0x1f; /* the plan's, but of no fixed length */
	refuse_field(desk, "V15", F_SERIAL, MAKER_DER(op, DER_INTEGER, BYTES_ARRAY(desk->plan.serial.b)));
}

/* C4 */
static void test_algorithm(void **state)
{
	struct desk *desk = *state;
	plan_kind(desk, TBS_LEAF);
	refuse_field(desk, "C4", F_ALGORITHM, tbs_signature_algorithm(KEY_P384));
	refuse_field(desk, "C4", F_ALGORITHM, tbs_signature_algorithm(KEY_RSA2048));
	struct bytes with_null = BYTES_LITERAL("\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00");
	refuse_field(desk, "C4", F_ALGORITHM, with_null);
	desk->plan.signature_key = KEY_P384; /* another key than the issuer's */
	refuse(desk, "C4");
}

/* C2, C9, C16 */
static void test_names(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	plan_kind(desk, TBS_LEAF);
	refuse_field(desk, "C2", F_ISSUER, desk->fields[F_SUBJECT]);
	refuse_field(desk, "C2", F_ISSUER, BYTES_LITERAL("\x30\x00"));
	/* The same name in another string type is another name. */
	struct bytes printable = maker_common_name(op, DER_PRINTABLE_STRING, BYTES_LITERAL("Maker CA"));
	refuse_field(desk, "C2", F_ISSUER, MAKER_DER(op, DER_SEQUENCE, printable));

	struct bytes cn = maker_common_name(op, DER_UTF8_STRING, BYTES_LITERAL("a.example"));
	struct bytes other = maker_common_name(op, DER_UTF8_STRING, BYTES_LITERAL("b.example"));
	struct bytes email = BYTES_LITERAL("\x31\x15\x30\x13\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01\x16\x06" "a@b.de");
	refuse_field(desk, "C16", F_SUBJECT, MAKER_DER(op, DER_SEQUENCE, other));
	refuse_field(desk, "C16", F_SUBJECT, MAKER_DER(op, DER_SEQUENCE, cn, cn));
	refuse_field(desk, "C16", F_SUBJECT, MAKER_DER(op, DER_SEQUENCE, cn, email));
	refuse_field(desk, "C16", F_SUBJECT, BYTES_LITERAL("\x30\x00"));
	refuse_field(desk, "C16", F_SUBJECT,
		     MAKER_DER(op, DER_SEQUENCE, maker_common_name(op, DER_PRINTABLE_STRING, BYTES_LITERAL("a.example"))));
	desk->plan.subject = desk->subject; /* an organization is planned, and not there */
	desk->plan.n_subject = 2;
	refuse_bytes(desk, "C16", put_together(desk));
	plan_kind(desk, TBS_OCSP_RESPONDER);
	desk->plan.n_subject = 0;
	take_apart(desk);
	refuse(desk, "C9");
}

static struct bytes validity(struct op *op, struct bytes from, struct bytes to)
{
	return MAKER_DER(op, DER_SEQUENCE, from, to);
}

/* C3, V38 */
static void test_times(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	plan_kind(desk, TBS_LEAF);
	struct bytes in = desk->fields[F_VALIDITY];
	struct der_value from, to;
	assert_true(der_take(&in, DER_SEQUENCE, &in) && der_next(&in, &from) && der_next(&in, &to));
	/* One second more than planned: the fault of 2021. */
	struct buf later;
	buf_init(&later, op->arena, 32);
	der_put_time(&later, desk->plan.not_after_s + 1);
	refuse_field(desk, "V38", F_VALIDITY, validity(op, from.whole, buf_as_bytes(&later)));
	refuse_field(desk, "V38", F_VALIDITY, validity(op, to.whole, to.whole));
	struct bytes generalized = MAKER_DER(op, DER_GENERALIZED_TIME, BYTES_LITERAL("20"), to.content);
	refuse_field(desk, "C3", F_VALIDITY, validity(op, from.whole, generalized));
	struct bytes offset = MAKER_DER(op, DER_UTC_TIME, (struct bytes){ to.content.p, 12 }, BYTES_LITERAL("+0000"));
	refuse_field(desk, "C3", F_VALIDITY, validity(op, from.whole, offset));
	struct bytes no_seconds = MAKER_DER(op, DER_UTC_TIME, (struct bytes){ to.content.p, 10 }, BYTES_LITERAL("Z"));
	refuse_field(desk, "C3", F_VALIDITY, validity(op, from.whole, no_seconds));
	refuse_field(desk, "C3", F_VALIDITY, MAKER_DER(op, DER_SEQUENCE, from.whole, to.whole, to.whole));
}

/* N9, at both ends and to the second. */
static void test_issuer_life(void **state)
{
	struct desk *desk = *state;
	plan_kind(desk, TBS_LEAF);
	desk->plan.not_before_s = desk->ca->not_before_s;
	desk->plan.not_after_s = desk->ca->not_after_s;
	take_apart(desk);
	accept(desk);
	desk->plan.not_after_s++;
	take_apart(desk);
	refuse(desk, "N9");
	desk->plan.not_after_s--;
	desk->plan.not_before_s--;
	take_apart(desk);
	refuse(desk, "N9");
}

/* V42 */
static void test_key(void **state)
{
	struct desk *desk = *state;
	plan_kind(desk, TBS_LEAF);
	AUTO(EVP_PKEY) *other = maker_key(KEY_P256);
	refuse_field(desk, "V42", F_SPKI, maker_spki(desk->op, other));
	refuse_field(desk, "V42", F_SPKI, desk->ca->key.spki);
}

/* C5, V45: twice, unknown, of another kind, FALSE written out, none at all. */
static void test_extension_list(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	plan_kind(desk, TBS_LEAF);
	refuse_added(desk, "C5", desk->extensions[find(desk, SAN)]);
	refuse_added(desk, "C5", desk->extensions[find(desk, KEY_USAGE)]);
	static const struct bytes foreign[] = {
		BYTES_LITERAL("\x55\x1d\x1e"),				/* name constraints (C11) */
		BYTES_LITERAL("\x55\x1d\x20"),				/* policies (C12) */
		BYTES_LITERAL("\x55\x1d\x38"),				/* noRevAvail (C15) */
		BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x19\x02"),	/* SID */
		BYTES_LITERAL(NOCHECK),
	};
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
		refuse_added(desk, "C5", maker_extension(op, foreign[i], i % 2 == 0, BYTES_LITERAL("\x05\x00")));
	struct bytes oid = BYTES_LITERAL("\x06\x03" EXTENDED_KEY_USAGE), value = BYTES_LITERAL("\x04\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01");
	desk->extensions[find(desk, EXTENDED_KEY_USAGE)] = MAKER_DER(op, DER_SEQUENCE, oid, BYTES_LITERAL("\x01\x01\x00"), value);
	refuse(desk, "C5");
	desk->n_extensions = 0;
	refuse(desk, "C5");
}

/* Each that has to be there, taken away. */
static void test_missing(void **state)
{
	struct desk *desk = *state;
	plan_kind(desk, TBS_LEAF);
	refuse_without(desk, "C10", BASIC_CONSTRAINTS);
	refuse_without(desk, "C8", KEY_USAGE);
	refuse_without(desk, "C13", EXTENDED_KEY_USAGE);
	refuse_without(desk, "C7", SKI);
	refuse_without(desk, "C6", AKI);
	refuse_without(desk, "C9", SAN);
	refuse_without(desk, "C14", AIA);
	refuse_without(desk, "C14", CDP);
	plan_kind(desk, TBS_OCSP_RESPONDER);
	refuse_without(desk, "O5", NOCHECK);
	plan_kind(desk, TBS_CMC_SIGNER);
	refuse_without(desk, "C13", EXTENDED_KEY_USAGE);
	refuse_without(desk, "C14", CDP);
	plan_kind(desk, TBS_INTERMEDIATE);
	refuse_without(desk, "C6", AKI);
	refuse_without(desk, "C7", SKI);
}

/* Each with the other criticality. */
static void test_criticality(void **state)
{
	struct desk *desk = *state;
	static const struct {
		const char *oid, *rule;
	} rows[] = { { BASIC_CONSTRAINTS, "C10" }, { KEY_USAGE, "C8" }, { EXTENDED_KEY_USAGE, "C13" }, { SKI, "C7" },
		     { AKI, "C6" },		   { SAN, "C9" },	{ AIA, "C14" },		       { CDP, "C14" } };
	plan_kind(desk, TBS_LEAF);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes in = desk->extensions[find(desk, rows[i].oid)], oid, critical, value;
		assert_true(der_take(&in, DER_SEQUENCE, &in) && der_take(&in, DER_OID, &oid));
		bool was_critical = der_take(&in, DER_BOOLEAN, &critical);
		assert_true(der_take(&in, DER_OCTET_STRING, &value));
		refuse_extension(desk, rows[i].rule, rows[i].oid, !was_critical, value);
	}
	/* C9: with an empty subject it is the other way round. */
	desk->plan.n_subject = 0;
	take_apart(desk);
	accept(desk);
	struct bytes names = BYTES_LITERAL("\x30\x23\x82\x09" "a.example" "\x82\x0b" "*.b.example" "\x82\x09" "c.example");
	refuse_extension(desk, "C9", SAN, false, names);
}

/* C8, C10 */
static void test_ca_powers(void **state)
{
	struct desk *desk = *state;
	plan_kind(desk, TBS_LEAF);
	refuse_extension(desk, "C10", BASIC_CONSTRAINTS, true, BYTES_LITERAL("\x30\x03\x01\x01\xff"));
	refuse_extension(desk, "C10", BASIC_CONSTRAINTS, true, BYTES_LITERAL("\x30\x03\x01\x01\x00")); /* FALSE written */
	refuse_extension(desk, "C10", BASIC_CONSTRAINTS, true, BYTES_LITERAL("\x30\x03\x02\x01\x00")); /* path length of none */
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x02\x01\x06"));
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x02\x02\x84")); /* and keyCertSign */
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x02\x05\xa0")); /* keyEncipherment for EC */
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x02\x00\x80")); /* trailing zeros */
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x03\x07\x80\x00"));
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x01\x00"));
	plan_kind(desk, TBS_INTERMEDIATE);
	refuse_extension(desk, "C10", BASIC_CONSTRAINTS, true, BYTES_LITERAL("\x30\x00"));
	refuse_extension(desk, "C10", BASIC_CONSTRAINTS, true, BYTES_LITERAL("\x30\x03\x01\x01\xff")); /* no path length */
	refuse_extension(desk, "C10", BASIC_CONSTRAINTS, true, BYTES_LITERAL("\x30\x06\x01\x01\xff\x02\x01\x01"));
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x02\x07\x80"));
}

/* C10: the issuer's own limits. */
static void test_path_length(void **state)
{
	struct desk *desk = *state;
	struct ca *no_room = maker_ca(desk->op, KEY_P256, NOW - DAY, NOW + 1000 * DAY, 0);
	struct ca *room = maker_ca(desk->op, KEY_P256, NOW - DAY, NOW + 1000 * DAY, 1);
	plan_kind(desk, TBS_INTERMEDIATE);
	desk->plan.issuer = no_room;
	take_apart(desk);
	refuse(desk, "C10");
	desk->plan.issuer = room;
	take_apart(desk);
	accept(desk);
	desk->plan.path_length = 1;
	take_apart(desk);
	refuse(desk, "C10");
	desk->plan.path_length = -1;
	take_apart(desk);
	refuse(desk, "C10");
	/* A leaf needs no room. */
	plan_kind(desk, TBS_LEAF);
	desk->plan.issuer = no_room;
	take_apart(desk);
	accept(desk);
	maker_ca_free(no_room);
	maker_ca_free(room);
}

/* C13, O5 */
static void test_purposes(void **state)
{
	struct desk *desk = *state;
	plan_kind(desk, TBS_LEAF);
#define PURPOSE(n) "\x06\x08\x2b\x06\x01\x05\x05\x07\x03" n
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x0a" PURPOSE("\x02")));
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x14" PURPOSE("\x01") PURPOSE("\x02")));
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x14" PURPOSE("\x01") PURPOSE("\x01")));
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x14" PURPOSE("\x01") PURPOSE("\x09")));
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x14" PURPOSE("\x01") PURPOSE("\x63")));
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x06\x06\x04\x55\x1d\x25\x00")); /* any */
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x00")); /* V4's empty list */
	plan_kind(desk, TBS_OCSP_RESPONDER);
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x14" PURPOSE("\x09") PURPOSE("\x01")));
	refuse_extension(desk, "O5", NOCHECK, false, BYTES_LITERAL("\x30\x00"));
	refuse_added(desk, "C5", maker_extension(desk->op, BYTES_LITERAL(CDP), false, BYTES_LITERAL("\x30\x00")));
	plan_kind(desk, TBS_CMC_SIGNER);
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x14" PURPOSE("\x1b") PURPOSE("\x02")));
	refuse_extension(desk, "C13", EXTENDED_KEY_USAGE, false, BYTES_LITERAL("\x30\x0a" PURPOSE("\x1c")));
}

/* C6, C7 */
static void test_key_identifiers(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	plan_kind(desk, TBS_LEAF);
	struct bytes wrong = BYTES_LITERAL("01234567890123456789");
	refuse_extension(desk, "C7", SKI, false, MAKER_DER(op, DER_OCTET_STRING, wrong));
	refuse_extension(desk, "C7", SKI, false, BYTES_LITERAL("\x04\x00"));
	refuse_extension(desk, "C6", AKI, false, MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, 0x80, wrong)));
	refuse_extension(desk, "C6", AKI, false, BYTES_LITERAL("\x30\x00"));
	struct bytes right = MAKER_DER(op, 0x80, desk->ca->key_identifier);
	refuse_extension(desk, "C6", AKI, false, MAKER_DER(op, DER_SEQUENCE, right, BYTES_LITERAL("\x82\x01\x05")));
	plan_kind(desk, TBS_ROOT);
	refuse_added(desk, "C5", maker_extension(op, BYTES_LITERAL(AKI), false, MAKER_DER(op, DER_SEQUENCE, right)));
}

/* C9, N4, V49: one name missing, another, one more, another kind, at each of three positions. */
static void test_subject_alt_names(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	plan_kind(desk, TBS_LEAF);
	struct bytes good[3];
	for (unsigned i = 0; i < 3; i++)
		good[i] = maker_text(op, 0x82, desk->names[i].value);
	for (unsigned at = 0; at < 3; at++) {
		struct bytes names[3] = { good[0], good[1], good[2] };
		names[at] = maker_text(op, 0x82, "evil.example");
		refuse_extension(desk, "V49", SAN, false, MAKER_DER(op, DER_SEQUENCE, names[0], names[1], names[2]));
		names[at] = maker_text(op, 0x81, desk->names[at].value);
		refuse_extension(desk, "C9", SAN, false, MAKER_DER(op, DER_SEQUENCE, names[0], names[1], names[2]));
		names[at] = BYTES_LITERAL("");
		refuse_extension(desk, "V49", SAN, false, MAKER_DER(op, DER_SEQUENCE, names[0], names[1], names[2]));
	}
	struct bytes one_more = MAKER_DER(op, DER_SEQUENCE, good[0], good[1], good[2], good[2]);
	refuse_extension(desk, "V49", SAN, false, one_more);
	refuse_extension(desk, "C9", SAN, false, BYTES_LITERAL("\x30\x00"));
	/* Names that the plan has, but that no check of names let through. */
	static const char *const bad[] = { "A.example", "a b.example", "a..example", " ", "", "a.example.", "a.*.example", "-a.example" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		desk->names[1].value = bad[i];
		take_apart(desk);
		refuse(desk, "C9");
	}
	desk->names[1].value = "b.example";
	desk->subject[1].value = "other.example";
	take_apart(desk);
	refuse(desk, "N4");
}

/* A device: a subject of its own, and every kind of name. */
static void plan_device(struct desk *desk)
{
	static const struct identifier subject[] = { { IDENTIFIER_C, "DE" }, { IDENTIFIER_O, "Corp" },
						      { IDENTIFIER_OU, "Fleet" }, { IDENTIFIER_SERIAL_NUMBER, "A1" },
						      { IDENTIFIER_CN, "dev-17" } };
	plan_kind(desk, TBS_LEAF);
	desk->device[0] = (struct identifier){ IDENTIFIER_DNS, "a.example" };
	desk->device[1] = (struct identifier){ IDENTIFIER_IP, "192.0.2.17" };
	desk->device[2] = (struct identifier){ IDENTIFIER_EMAIL, "a@b.example" };
	desk->device[3] = (struct identifier){ IDENTIFIER_URI, "urn:dev:17" };
	desk->plan.has_own_subject = true;
	desk->plan.subject = subject;
	desk->plan.n_subject = 5;
	desk->plan.identifiers = desk->device;
	desk->plan.n_identifiers = 4;
	take_apart(desk);
}

static struct bytes rdn(struct op *op, const char *oid, int tag, const char *value)
{
	struct bytes type = MAKER_DER(op, DER_OID, bytes_of_text(oid));
	return MAKER_DER(op, DER_SET, MAKER_DER(op, DER_SEQUENCE, type, MAKER_DER(op, tag, bytes_of_text(value))));
}

/* C16: each attribute missing, of another string type, another value; two in one RDN; another order. */
static void test_device_subjects(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	static const struct {
		const char *oid, *value;
		int tag, other_tag;
	} parts[] = { { "\x55\x04\x06", "DE", DER_PRINTABLE_STRING, DER_UTF8_STRING },
		      { "\x55\x04\x0a", "Corp", DER_UTF8_STRING, DER_PRINTABLE_STRING },
		      { "\x55\x04\x0b", "Fleet", DER_UTF8_STRING, DER_PRINTABLE_STRING },
		      { "\x55\x04\x05", "A1", DER_PRINTABLE_STRING, DER_UTF8_STRING },
		      { "\x55\x04\x03", "dev-17", DER_UTF8_STRING, DER_PRINTABLE_STRING } };
	plan_device(desk);
	accept(desk);
	struct bytes good[5];
	for (unsigned i = 0; i < 5; i++)
		good[i] = rdn(op, parts[i].oid, parts[i].tag, parts[i].value);
	for (unsigned at = 0; at < 5; at++) {
		struct bytes odd[] = { BYTES_LITERAL(""), rdn(op, parts[at].oid, parts[at].other_tag, parts[at].value),
				       rdn(op, parts[at].oid, parts[at].tag, "XX"), rdn(op, "\x55\x04\x07", parts[at].tag, parts[at].value),
				       MAKER_JOIN(op, good[at], good[at]) };
		for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
			struct bytes p[5] = { good[0], good[1], good[2], good[3], good[4] };
			p[at] = odd[i];
			refuse_field(desk, "C16", F_SUBJECT, MAKER_DER(op, DER_SEQUENCE, p[0], p[1], p[2], p[3], p[4]));
		}
	}
	refuse_field(desk, "C16", F_SUBJECT, MAKER_DER(op, DER_SEQUENCE, good[1], good[0], good[2], good[3], good[4]));
	struct bytes first = good[0], second = good[1];
	assert_true(der_take(&first, DER_SET, &first) && der_take(&second, DER_SET, &second));
	struct bytes one_rdn = MAKER_DER(op, DER_SET, first, second);
	refuse_field(desk, "C16", F_SUBJECT, MAKER_DER(op, DER_SEQUENCE, one_rdn, good[2], good[3], good[4]));
	/* A plan that has one twice, or in another order than theirs. */
	static const struct identifier twice[] = { { IDENTIFIER_CN, "a" }, { IDENTIFIER_CN, "b" } },
				       turned[] = { { IDENTIFIER_CN, "a" }, { IDENTIFIER_O, "Corp" } };
	desk->plan.n_subject = 2;
	desk->plan.subject = twice;
	take_apart(desk);
	refuse(desk, "C16");
	desk->plan.subject = turned;
	take_apart(desk);
	refuse(desk, "C16");
}

/* C2: a leaf that is called like its CA, in another string type and case, too. */
static void test_subject_of_ca(void **state)
{
	struct desk *desk = *state;
	static const char *const names[] = { "Maker CA", "maker  ca" };
	plan_device(desk);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct identifier cn = { IDENTIFIER_CN, names[i] };
		desk->plan.subject = &cn;
		desk->plan.n_subject = 1;
		take_apart(desk);
		refuse(desk, "C2");
	}
}

/* C9, V49: each kind with another value, another tag, another form. */
static void test_device_names(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	plan_device(desk);
	const struct bytes good[4] = { maker_text(op, 0x82, "a.example"), MAKER_DER(op, 0x87, BYTES_LITERAL("\xc0\0\2\x11")),
				       maker_text(op, 0x81, "a@b.example"), maker_text(op, 0x86, "urn:dev:17") };
	const struct {
		unsigned at;
		const char *rule;
		struct bytes name;
	} rows[] = {
		{ 0, "V49", maker_text(op, 0x82, "b.example") },
		{ 1, "C9", MAKER_DER(op, 0x87, BYTES_LITERAL("\xc0\0\2\x12")) },
		{ 1, "C9", MAKER_DER(op, 0x87, BYTES_LITERAL("\xc0\0\2\x11\0")) },
		{ 1, "C9", MAKER_DER(op, 0x87, BYTES_LITERAL("\xc0\0\2\x11\xff\xff\xff\xff")) },
		{ 1, "C9", maker_text(op, 0x87, "192.0.2.17") },
		{ 1, "C9", maker_text(op, 0x82, "192.0.2.17") },
		{ 2, "V49", maker_text(op, 0x81, "b@b.example") },
		{ 2, "V49", maker_text(op, 0x81, "b.example") },
		{ 2, "C9", maker_text(op, 0x82, "a@b.example") },
		{ 3, "V49", maker_text(op, 0x86, "urn:dev:18") },
		{ 3, "V49", maker_text(op, 0x86, "dev") },
		{ 3, "C9", maker_text(op, 0x81, "urn:dev:17") },
		{ 3, "C9", maker_text(op, 0x88, "urn:dev:17") },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes names[4] = { good[0], good[1], good[2], good[3] };
		names[rows[i].at] = rows[i].name;
		refuse_extension(desk, rows[i].rule, SAN, false,
				 MAKER_DER(op, DER_SEQUENCE, names[0], names[1], names[2], names[3]));
	}
	/* In the plan, and yet not what may stand in a certificate. */
	static const struct {
		unsigned at;
		const char *value;
	} bad[] = { { 2, "@b.example" }, { 2, "a@" }, { 2, "a@*.b.example" }, { 2, "a@b@b.example" }, { 2, "a b@b.example" },
		    { 3, "urn:" }, { 3, "/x" }, { 3, "urn:x y" }, { 3, "urn:\xc3\xa4" } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		plan_device(desk);
		desk->device[bad[i].at].value = bad[i].value;
		take_apart(desk);
		refuse(desk, "C9");
	}
	/* Without a SAN: fine beside a subject of its own, and only there. */
	plan_device(desk);
	desk->plan.n_identifiers = 0;
	take_apart(desk);
	accept(desk);
	desk->plan.has_own_subject = false;
	refuse(desk, "C9");
	/* N4: a subject that was not authorized for itself is a copy of a DNS name. */
	plan_device(desk);
	desk->plan.has_own_subject = false;
	refuse(desk, "N4");
}

#define SID "\x2b\x06\x01\x04\x01\x82\x37\x19\x02"
#define UPN_TYPE BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03")
#define SID_TYPE BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x19\x02\x01")

/* GeneralName: an otherName of this type, its value a string of this tag. */
static struct bytes other_name(struct op *op, struct bytes type, uint8_t tag, const char *text)
{
	return MAKER_DER(op, 0xa0, MAKER_DER(op, DER_OID, type), MAKER_DER(op, 0xa0, maker_text(op, tag, text)));
}

/* An account of Windows: one UPN, and a SID in its own extension. */
static void plan_account(struct desk *desk)
{
	plan_device(desk);
	desk->device[0] = (struct identifier){ IDENTIFIER_UPN, "ä@b.example" };
	desk->plan.n_identifiers = 1;
	desk->plan.sid = "S-1-5-21-1-2-3-1104";
	take_apart(desk);
}

/* C9, V49: another user, another type, another string, beside another name; a user that is none. */
static void test_principals(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	static const char upn[] = "ä@b.example";
	plan_account(desk);
	accept(desk);
	const struct {
		const char *rule;
		struct bytes name;
	} rows[] = {
		{ "V49", other_name(op, UPN_TYPE, DER_UTF8_STRING, "b@b.example") },
		{ "V49", other_name(op, UPN_TYPE, DER_UTF8_STRING, "") },
		{ "C9", other_name(op, UPN_TYPE, DER_IA5_STRING, upn) },
		{ "C9", other_name(op, UPN_TYPE, DER_OCTET_STRING, upn) },
		{ "C9", other_name(op, SID_TYPE, DER_UTF8_STRING, upn) },
		{ "C9", maker_text(op, 0x81, upn) },
		{ "C9", MAKER_DER(op, 0xa0, MAKER_DER(op, DER_OID, UPN_TYPE), maker_text(op, DER_UTF8_STRING, upn)) },
		{ "V49", MAKER_JOIN(op, other_name(op, UPN_TYPE, DER_UTF8_STRING, upn), other_name(op, UPN_TYPE, DER_UTF8_STRING, upn)) },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		refuse_extension(desk, rows[i].rule, SAN, false, MAKER_DER(op, DER_SEQUENCE, rows[i].name));
	static const char *const bad[] = { "@b.example", "a@", "a@B.example", "a@*.example", "*@b.example", "a@b@b.example", "a\n@b.example", "a" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		desk->device[0].value = bad[i];
		take_apart(desk);
		refuse(desk, "C9");
	}
	/* A planned mailbox is no UPN. */
	plan_account(desk);
	desk->device[0] = (struct identifier){ IDENTIFIER_EMAIL, "a@b.example" };
	refuse(desk, "C9");
}

/* V45: another account, another form, critical, missing, twice, or without a plan for it. */
static void test_sids(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	static const char sid[] = "S-1-5-21-1-2-3-1104";
	plan_account(desk);
	struct bytes good = other_name(op, SID_TYPE, DER_OCTET_STRING, sid);
	const struct bytes rows[] = {
		other_name(op, SID_TYPE, DER_OCTET_STRING, "S-1-5-21-1-2-3-500"),
		other_name(op, SID_TYPE, DER_OCTET_STRING, "S-1-5-21-1-2-3-11040"),
		other_name(op, SID_TYPE, DER_UTF8_STRING, sid),
		other_name(op, UPN_TYPE, DER_OCTET_STRING, sid),
		maker_text(op, 0x82, sid),
		MAKER_JOIN(op, good, good),
		BYTES_LITERAL(""),
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		refuse_extension(desk, "V45", SID, false, MAKER_DER(op, DER_SEQUENCE, rows[i]));
	refuse_extension(desk, "V45", SID, false, good);
	refuse_extension(desk, "V45", SID, true, MAKER_DER(op, DER_SEQUENCE, good));
	refuse_without(desk, "V45", SID);
	refuse_added(desk, "C5", desk->extensions[find(desk, SID)]);
	desk->plan.sid = NULL;
	refuse(desk, "C5");
	plan_kind(desk, TBS_ROOT);
	desk->plan.sid = sid;
	refuse_added(desk, "C5", maker_extension(op, BYTES_LITERAL(SID), false, MAKER_DER(op, DER_SEQUENCE, good)));
}

/* C14: other addresses than planned, https, another form of name. */
static void test_addresses(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	plan_kind(desk, TBS_LEAF);
	struct bytes uri = maker_text(op, 0x86, "http://h/crl/other.crl");
	struct bytes point = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, 0xa0, MAKER_DER(op, 0xa0, uri)));
	refuse_extension(desk, "C14", CDP, false, MAKER_DER(op, DER_SEQUENCE, point));
	uri = maker_text(op, 0x86, desk->plan.crl_url);
	point = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, 0xa0, MAKER_DER(op, 0xa0, uri)));
	refuse_extension(desk, "C14", CDP, false, MAKER_DER(op, DER_SEQUENCE, point, point));
	struct bytes reasons = BYTES_LITERAL("\x81\x02\x01\x06");
	point = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, 0xa0, MAKER_DER(op, 0xa0, uri)), reasons);
	refuse_extension(desk, "C14", CDP, false, MAKER_DER(op, DER_SEQUENCE, point));
	struct bytes ocsp = BYTES_LITERAL("\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01");
	struct bytes access = MAKER_DER(op, DER_SEQUENCE, ocsp, maker_text(op, 0x86, desk->plan.ocsp_url));
	refuse_extension(desk, "C14", AIA, false, MAKER_DER(op, DER_SEQUENCE, access));
	refuse_extension(desk, "C14", AIA, false, MAKER_DER(op, DER_SEQUENCE, access, access));
	const char **urls[] = { &desk->plan.ocsp_url, &desk->plan.ca_issuers_url, &desk->plan.crl_url };
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		plan_kind(desk, TBS_LEAF);
		*urls[i] = "https://h/";
		take_apart(desk);
		refuse(desk, "C14");
	}
}

/* Encodings that OpenSSL would forgive. */
static void test_encoding(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	plan_kind(desk, TBS_LEAF);
	struct bytes good = put_together(desk), in = good, content;
	assert_true(der_take(&in, DER_SEQUENCE, &content));
	refuse_bytes(desk, "DER", MAKER_JOIN(op, good, BYTES_LITERAL("\0")));
	refuse_bytes(desk, "DER", (struct bytes){ good.p, good.n - 1 });
	refuse_bytes(desk, "DER", MAKER_JOIN(op, BYTES_LITERAL("\x30\x80"), content, BYTES_LITERAL("\0\0")));
	refuse_bytes(desk, "DER", MAKER_DER(op, DER_SEQUENCE, content, BYTES_LITERAL("\x05\x00")));
	refuse_bytes(desk, "DER", BYTES_NONE);
	/* Unique identifiers, which stand between key and extensions (section 4.1.2.8). */
	refuse_field(desk, "DER", F_SPKI, MAKER_JOIN(op, desk->plan.spki, BYTES_LITERAL("\x81\x02\x00\x05")));
	refuse_extension(desk, "C10", BASIC_CONSTRAINTS, true, BYTES_LITERAL("\x30\x80\x00\x00"));
	refuse_extension(desk, "C8", KEY_USAGE, true, BYTES_LITERAL("\x03\x02\x07\x81"));
}

/* N12: 100 names pass, 101 do not, nor does a certificate beyond the size limit. */
static void test_sizes(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	static struct identifier names[400];
	plan_kind(desk, TBS_LEAF);
	for (unsigned i = 0; i < 400; i++)
		names[i] = (struct identifier){ IDENTIFIER_DNS, arena_printf(op->arena, "n%u.example", i) };
	desk->plan.n_subject = 0;
	desk->plan.identifiers = names;
	desk->plan.n_identifiers = 100;
	take_apart(desk);
	accept(desk);
	desk->plan.n_identifiers = 101;
	take_apart(desk);
	refuse(desk, "N12");
	char *url = arena_alloc(op->arena, 70000);
	memset(url, 'x', 69999);
	memcpy(url, "http://", 7);
	desk->plan.n_identifiers = 1;
	desk->plan.crl_url = url;
	take_apart(desk);
	refuse(desk, "N12");
}

/* The token of one lint is good for one signature, with one key. */
static void test_single_use(void **state)
{
	struct desk *desk = *state;
	struct linted_tbs *linted;
	plan_kind(desk, TBS_LEAF);
	struct bytes tbs = put_together(desk);
	assert_ok(desk->op, lint_tbs(desk->op, &desk->plan, tbs, &linted));
	assert_true(linted_tbs_is_for(linted, &desk->ca->key));
	struct token_key other = desk->ca->key;
	other.type = KEY_P384;
	assert_false(linted_tbs_is_for(linted, &other));
	other = desk->ca->key;
	other.spki = desk->plan.spki;
	assert_false(linted_tbs_is_for(linted, &other));
	/* What is changed behind its back is not what will be signed. */
	uint8_t first = linted_tbs_bytes(linted).p[0];
	memset((uint8_t *)tbs.p, 'x', tbs.n);
	assert_int_equal(linted_tbs_bytes(linted).p[0], first);
	assert_ok(desk->op, linted_tbs_consume(desk->op, linted));
	assert_err(desk->op, ERR_BUG, linted_tbs_consume(desk->op, linted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESK_TEST(test_good),		DESK_TEST(test_good_variants), DESK_TEST(test_scep_ra),  DESK_TEST(test_numbers),
		DESK_TEST(test_algorithm),	DESK_TEST(test_names),	       DESK_TEST(test_times),
		DESK_TEST(test_issuer_life),	DESK_TEST(test_key),	       DESK_TEST(test_extension_list),
		DESK_TEST(test_missing),	DESK_TEST(test_criticality),   DESK_TEST(test_ca_powers),
		DESK_TEST(test_path_length),	DESK_TEST(test_purposes),      DESK_TEST(test_key_identifiers),
		DESK_TEST(test_subject_alt_names), DESK_TEST(test_device_subjects), DESK_TEST(test_subject_of_ca), DESK_TEST(test_device_names), DESK_TEST(test_principals), DESK_TEST(test_sids),
		DESK_TEST(test_addresses),  DESK_TEST(test_encoding),
		DESK_TEST(test_sizes),		DESK_TEST(test_single_use),
	};
	return RUN_TESTS(tests);
}
