/*
 * Requests of devices: subjects and subjectAltNames of every kind, challenge
 * passwords, hostile forms of each (N3, N4, N13, V9, V45, V48-V50), and the same
 * names read back from a certificate (E6).
 */
#include <string.h>

#include "ca/certificate_names.h"
#include "ca/csr.h"
#include "ca/der.h"
#include "ca/tbs.h"
#include "check.h"
#include "fixture.h"
#include "tests/fake/x509_maker.h"

#define DER_T61_STRING 0x14
#define DER_UNIVERSAL_STRING 0x1c
#define DER_BMP_STRING 0x1e

#define CN "\x55\x04\x03"
#define SERIAL_NUMBER "\x55\x04\x05"
#define COUNTRY "\x55\x04\x06"
#define ORGANIZATION "\x55\x04\x0a"
#define UNIT "\x55\x04\x0b"
#define LOCALITY "\x55\x04\x07"
#define STATE "\x55\x04\x08"
#define STREET "\x55\x04\x09"
#define EMAIL_ADDRESS "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"

static const struct csr_rules all = {
	.names = IDENTIFIER_BIT(IDENTIFIER_DNS) | IDENTIFIER_BIT(IDENTIFIER_IP) | IDENTIFIER_BIT(IDENTIFIER_EMAIL) |
		 IDENTIFIER_BIT(IDENTIFIER_URI) | IDENTIFIER_BIT(IDENTIFIER_UPN) | IDENTIFIER_BIT(IDENTIFIER_SID),
	.subject = IDENTIFIER_BIT(IDENTIFIER_C) | IDENTIFIER_BIT(IDENTIFIER_ST) | IDENTIFIER_BIT(IDENTIFIER_L) |
		   IDENTIFIER_BIT(IDENTIFIER_O) | IDENTIFIER_BIT(IDENTIFIER_OU) |
		   IDENTIFIER_BIT(IDENTIFIER_SERIAL_NUMBER) | IDENTIFIER_BIT(IDENTIFIER_CN),
	.challenge_password = true,
};

struct desk {
	struct op *op;
	EVP_PKEY *key;
};

static int desk_setup(void **state)
{
	struct desk *desk = test_calloc(1, sizeof *desk);
	desk->op = op_new();
	desk->key = maker_key(KEY_P256);
	*state = desk;
	return 0;
}

static int desk_teardown(void **state)
{
	struct desk *desk = *state;
	op_free(&desk->op);
	EVP_PKEY_free(desk->key);
	test_free(desk);
	return 0;
}

#define DESK_TEST(function) cmocka_unit_test_setup_teardown(function, desk_setup, desk_teardown)

/* AttributeTypeAndValue */
static struct bytes pair(struct op *op, const char *oid, int tag, struct bytes value)
{
	return MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, bytes_of_text(oid)), MAKER_DER(op, tag, value));
}

static struct bytes rdn(struct op *op, const char *oid, int tag, const char *value)
{
	return MAKER_DER(op, DER_SET, pair(op, oid, tag, bytes_of_text(value)));
}

static struct bytes utf8(struct op *op, const char *oid, const char *value)
{
	return rdn(op, oid, DER_UTF8_STRING, value);
}

static struct bytes request(struct desk *desk, struct bytes subject, struct bytes general_names, struct bytes attributes)
{
	struct op *op = desk->op;
	struct maker_request maker = { .key = desk->key, .subject = subject, .attributes = attributes };
	if (general_names.n > 0)
		maker.attributes = MAKER_JOIN(op, maker_extension_request(op, maker_san(op, general_names)),
					      attributes.n > 0 ? attributes : BYTES_LITERAL(""));
	return maker_request(op, &maker);
}

static struct bytes with_extensions(struct desk *desk, struct bytes subject, struct bytes extensions)
{
	return request(desk, subject, BYTES_NONE, maker_extension_request(desk->op, extensions));
}

#define UPN_TYPE BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03")
#define SID_TYPE BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x19\x02\x01")
#define SID "S-1-5-21-1004336348-1177238915-682003330-512"

/* GeneralName: an otherName of this type around a value. */
static struct bytes other_name(struct op *op, struct bytes type, struct bytes value)
{
	return MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), MAKER_DER(op, DER_OID, type),
			 MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), value));
}

static struct bytes upn(struct op *op, uint8_t tag, const char *name)
{
	return other_name(op, UPN_TYPE, maker_text(op, tag, name));
}

static struct bytes sid_extension(struct op *op, struct bytes value)
{
	return maker_extension(op, BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x19\x02"), false, value);
}
#define SID_LIST(op, sid) MAKER_DER((op), DER_SEQUENCE, other_name((op), SID_TYPE, maker_text((op), DER_OCTET_STRING, (sid))))

static void refuse_with(struct desk *desk, const struct csr_rules *rules, enum err kind, const char *word, struct bytes der)
{
	struct csr csr;
	result r = csr_parse(desk->op, der, rules, &csr);
	if (r.err != kind)
		fail_msg("expected %s because of \"%s\", got %s: %s", err_name(kind), word, err_name(r.err), desk->op->detail);
	if (strstr(desk->op->detail, word) == NULL)
		fail_msg("refused for another reason than \"%s\": %s", word, desk->op->detail);
	op_clear_failure(desk->op);
}

static void refuse(struct desk *desk, const char *word, struct bytes subject, struct bytes general_names)
{
	refuse_with(desk, &all, ERR_POLICY, word, request(desk, subject, general_names, BYTES_NONE));
}

static void expect_names(struct op *op, const struct identifier *identifiers, unsigned n, const char *expected)
{
	struct buf buf;
	buf_init(&buf, op->arena, 256);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&buf, "%s%s", i == 0 ? "" : ", ", identifier_print(op->arena, &identifiers[i]));
	assert_string_equal(buf_as_text(&buf), expected);
}

/* CN=dev-17, serialNumber=A1234, … in an order of the client's own. */
static struct bytes device_subject(struct op *op)
{
	return MAKER_JOIN(op, utf8(op, CN, "dev-17"), rdn(op, SERIAL_NUMBER, DER_PRINTABLE_STRING, "A1234"),
			  utf8(op, ORGANIZATION, "Example Corp"), utf8(op, UNIT, "Fleet"),
			  rdn(op, COUNTRY, DER_PRINTABLE_STRING, "DE"));
}

static struct bytes device_names(struct op *op)
{
	return MAKER_JOIN(op, maker_text(op, DER_CONTEXT(6), "urn:dev:17"),
			  MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x11")),
			  MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("\xc0\0\x02\x11")),
			  maker_text(op, DER_CONTEXT(1), "Dev-17@Fleet.Example"), maker_text(op, DER_CONTEXT(2), "dev-17.fleet.example"));
}

#define DEVICE                                                                                                         \
	"dns:dev-17.fleet.example, ip:192.0.2.17, ip:2001:db8::11, email:Dev-17@fleet.example, uri:urn:dev:17, c:DE, " \
	"o:Example Corp, ou:Fleet, serialNumber:A1234, cn:dev-17"

static void test_device(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct csr csr;
	struct bytes subject = device_subject(op), names = device_names(op);
	assert_ok(op, csr_parse(op, request(desk, subject, names, BYTES_NONE), &all, &csr));
	expect_names(op, csr.identifiers, csr.n_identifiers, DEVICE);
	assert_string_equal(csr.common_name, "dev-17");
	assert_true(bytes_equal(csr.subject, MAKER_DER(op, DER_SEQUENCE, subject)));
	assert_true(bytes_equal(csr.subject_alt_name, MAKER_DER(op, DER_SEQUENCE, names)));
	assert_int_equal(csr.challenge_password.n, 0);
	/* A name twice is a name once (V48); two attributes in one RDN are two attributes. */
	struct bytes twice = MAKER_JOIN(op, names, names);
	struct bytes one_rdn = MAKER_DER(op, DER_SET, pair(op, CN, DER_UTF8_STRING, BYTES_LITERAL("d")),
					 pair(op, SERIAL_NUMBER, DER_UTF8_STRING, BYTES_LITERAL("A1")));
	assert_ok(op, csr_parse(op, request(desk, subject, twice, BYTES_NONE), &all, &csr));
	expect_names(op, csr.identifiers, csr.n_identifiers, DEVICE);
	assert_ok(op, csr_parse(op, request(desk, one_rdn, BYTES_NONE, BYTES_NONE), &all, &csr));
	expect_names(op, csr.identifiers, csr.n_identifiers, "serialNumber:A1, cn:d");
	assert_int_equal(csr.subject_alt_name.n, 0);
	assert_ok(op, csr_parse(op, request(desk, BYTES_NONE, BYTES_NONE, BYTES_NONE), &all, &csr));
	assert_int_equal(csr.n_identifiers, 0);
	assert_null(csr.common_name);
}

/* The same request by ACME's rules: as ever, whatever else is allowed elsewhere (V45, V49). */
static void test_rules_of_acme(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct csr csr;
	struct bytes dns = maker_text(op, DER_CONTEXT(2), "a.example");
	struct bytes subject = MAKER_JOIN(op, utf8(op, CN, "a.example"), utf8(op, ORGANIZATION, "x"), utf8(op, ORGANIZATION, "y"),
					  rdn(op, EMAIL_ADDRESS, DER_IA5_STRING, "a@b.example"), utf8(op, SERIAL_NUMBER, "***"));
	assert_ok(op, csr_parse(op, request(desk, subject, dns, BYTES_NONE), &csr_rules_dns, &csr));
	expect_names(op, csr.identifiers, csr.n_identifiers, "dns:a.example");
	struct bytes der = request(desk, device_subject(op), dns, BYTES_NONE);
	refuse_with(desk, &csr_rules_dns, ERR_POLICY, "common name of the CSR", der);
	der = request(desk, BYTES_NONE, device_names(op), BYTES_NONE);
	refuse_with(desk, &csr_rules_dns, ERR_POLICY, "the CSR's SAN has a URI; only DNS names are issued here", der);
	struct csr_rules none = csr_rules_of(NULL);
	assert_memory_equal(&none, &csr_rules_dns, sizeof none);
}

/* Each attribute and each kind of name is refused by rules that list all but it. */
static void test_unlisted(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	static const struct {
		enum identifier_kind kind;
		const char *word;
	} rows[] = {
		{ IDENTIFIER_DNS, "a DNS name; names:" }, { IDENTIFIER_IP, "an IP address; names:" },
		{ IDENTIFIER_EMAIL, "an e-mail address; names:" }, { IDENTIFIER_URI, "a URI; names:" },
		{ IDENTIFIER_C, "country, which" }, { IDENTIFIER_O, "organization, which" },
		{ IDENTIFIER_OU, "organizational unit, which" }, { IDENTIFIER_SERIAL_NUMBER, "serialNumber, which" },
		{ IDENTIFIER_CN, "common name, which" }, { IDENTIFIER_L, "locality, which" }, { IDENTIFIER_ST, "state, which" },
		{ IDENTIFIER_UPN, "an otherName (a UPN); names:" }, { IDENTIFIER_SID, "asks for a SID" },
	};
	struct bytes subject = MAKER_JOIN(op, device_subject(op), utf8(op, LOCALITY, "Frankfurt"), utf8(op, STATE, "Hessen"));
	struct bytes san = maker_san(op, MAKER_JOIN(op, device_names(op), upn(op, DER_UTF8_STRING, "a@b.example")));
	struct bytes der = with_extensions(desk, subject, MAKER_JOIN(op, san, sid_extension(op, SID_LIST(op, SID))));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct csr_rules rules = all;
		rules.names &= ~IDENTIFIER_BIT(rows[i].kind);
		rules.subject &= ~IDENTIFIER_BIT(rows[i].kind);
		refuse_with(desk, &rules, ERR_POLICY, rows[i].word, der);
	}
}

/* What cannot stand in our subject is refused, not left out: the client would get another subject than it asked for. */
static void test_subjects_refused(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes cn = utf8(op, CN, "dev-17");
	const struct {
		const char *word;
		struct bytes attribute;
	} rows[] = {
		{ "emailAddress", rdn(op, EMAIL_ADDRESS, DER_IA5_STRING, "a@b.example") },
		{ "which stands in the SAN today", rdn(op, EMAIL_ADDRESS, DER_IA5_STRING, "a@b.example") },
		{ "subject has street,", utf8(op, STREET, "Main") },
		{ "two localities", MAKER_JOIN(op, utf8(op, LOCALITY, "1"), utf8(op, LOCALITY, "2")) },
		{ "two states", MAKER_JOIN(op, utf8(op, STATE, "1"), utf8(op, STATE, "2")) },
		{ "an unknown attribute", utf8(op, "\x2a\x03\x04", "x") },
		{ "two common names", utf8(op, CN, "dev-18") },
		{ "two common names", cn },
		{ "two serialNumbers", MAKER_JOIN(op, utf8(op, SERIAL_NUMBER, "1"), utf8(op, SERIAL_NUMBER, "2")) },
		{ "two organizations", MAKER_JOIN(op, utf8(op, ORGANIZATION, "1"), utf8(op, ORGANIZATION, "2")) },
		{ "two organizational units", MAKER_JOIN(op, utf8(op, UNIT, "1"), utf8(op, UNIT, "2")) },
		{ "not a UTF8String", rdn(op, ORGANIZATION, DER_T61_STRING, "Corp") },
		{ "not a UTF8String", rdn(op, ORGANIZATION, DER_IA5_STRING, "Corp") },
		{ "not a UTF8String", MAKER_DER(op, DER_SET, pair(op, ORGANIZATION, DER_BMP_STRING, BYTES_LITERAL("\0C\0o"))) },
		{ "not a UTF8String", MAKER_DER(op, DER_SET, pair(op, ORGANIZATION, DER_UNIVERSAL_STRING, BYTES_LITERAL("\0\0\0C"))) },
		{ "not a UTF8String", MAKER_DER(op, DER_SET, pair(op, ORGANIZATION, DER_OCTET_STRING, BYTES_LITERAL("Corp"))) },
		{ "not a UTF8String", rdn(op, ORGANIZATION, DER_PRINTABLE_STRING, "Corp_1") },
		{ "control", MAKER_DER(op, DER_SET, pair(op, ORGANIZATION, DER_UTF8_STRING, BYTES_LITERAL("Corp\0.evil"))) },
		{ "control", utf8(op, ORGANIZATION, "Corp\r\nX: y") },
		{ "U+202E", utf8(op, ORGANIZATION, "\xe2\x80\xaeproC") },
		{ "not UTF-8", utf8(op, ORGANIZATION, "\xc0\xae") },
		{ "not UTF-8", utf8(op, ORGANIZATION, "m\xfcnchen") },
		{ "0 characters", utf8(op, ORGANIZATION, "") },
		{ "65 characters", utf8(op, UNIT, "12345678901234567890123456789012345678901234567890123456789012345") },
		{ "the serialNumber has other", utf8(op, SERIAL_NUMBER, "A_1") },
		{ "two letters", utf8(op, COUNTRY, "Germany") },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		refuse(desk, rows[i].word, MAKER_JOIN(op, cn, rows[i].attribute), device_names(op));
		refuse(desk, rows[i].word, MAKER_JOIN(op, rows[i].attribute, cn), BYTES_NONE);
	}
}

/* V49: the odd one at each of three positions (rule 5). */
static void test_names_refused(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes directory = MAKER_DER(op, DER_SEQUENCE, utf8(op, CN, "a.example"));
	const struct {
		const char *word;
		struct bytes name;
	} rows[] = {
		{ "needs at least two labels", upn(op, DER_UTF8_STRING, "admin@example") },
		{ "UPN has no @", upn(op, DER_UTF8_STRING, "admin") },
		{ "more than one @", upn(op, DER_UTF8_STRING, "admin@a.example@b.example") },
		{ "invisible character", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), MAKER_DER(op, DER_OID, UPN_TYPE),
						   BYTES_LITERAL("\xa0\x0e\x0c\x0c" "a\0@b.example")) },
		{ "otherName; names:", upn(op, DER_IA5_STRING, "a@b.example") },
		{ "otherName; names:", other_name(op, SID_TYPE, maker_text(op, DER_OCTET_STRING, SID)) },
		{ "otherName; names:", other_name(op, UPN_TYPE, MAKER_JOIN(op, maker_text(op, DER_UTF8_STRING, "a@b.example"),
									   maker_text(op, DER_UTF8_STRING, "c@b.example"))) },
		{ "otherName; names:", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), MAKER_DER(op, DER_OID, UPN_TYPE),
						 maker_text(op, DER_UTF8_STRING, "a@b.example")) },
		{ "an e-mail address", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(1), maker_text(op, DER_IA5_STRING, "a@b.example")) },
		{ "constructed", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(2), maker_text(op, DER_IA5_STRING, "a.example")) },
		{ "X.400", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(3), BYTES_LITERAL("\x30\x00")) },
		{ "directory name", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(4), directory) },
		{ "EDI", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(5), BYTES_LITERAL("\x81\x01x")) },
		{ "registered ID", MAKER_DER(op, DER_CONTEXT(8), BYTES_LITERAL("\x2a\x03\x04")) },
		{ "unknown kind", maker_text(op, DER_CONTEXT(9), "a.example") },
		{ "unknown kind", maker_text(op, DER_IA5_STRING, "a.example") },
		{ "has 5 octets", MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("\xc0\0\x02\x01\x01")) },
		{ "has 8 octets", MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("\xc0\0\x02\0\xff\xff\xff\0")) },
		{ "has 0 octets", MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("")) },
		{ "has 9 octets", MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("192.0.2.1")) },
		{ "loopback", MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("\x7f\0\0\1")) },
		{ "IPv4 address written as IPv6",
		  MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\1")) },
		{ "e-mail", maker_text(op, DER_CONTEXT(1), "*@a.example") },
		{ "e-mail", MAKER_DER(op, DER_CONTEXT(1), BYTES_LITERAL("a@a.example\0@b.example")) },
		{ "e-mail", maker_text(op, DER_CONTEXT(1), "") },
		{ "user name", maker_text(op, DER_CONTEXT(6), "https://a.example@evil.example/") },
		{ "not an absolute URI", maker_text(op, DER_CONTEXT(6), "a.example") },
		{ "RFC 3986", MAKER_DER(op, DER_CONTEXT(6), BYTES_LITERAL("https://a.example\0.evil/")) },
		{ "NUL", MAKER_DER(op, DER_CONTEXT(2), BYTES_LITERAL("a.example\0.evil")) },
		{ "A-labels", maker_text(op, DER_CONTEXT(2), "m\xc3\xbcnchen.example") },
		{ "IP address or ends like one", maker_text(op, DER_CONTEXT(2), "192.0.2.1") },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (unsigned at = 0; at < 3; at++) {
			struct bytes names[3] = { maker_text(op, DER_CONTEXT(2), "a.example"), maker_text(op, DER_CONTEXT(6), "urn:x:y"),
						  MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("\xc0\0\x02\1")) };
			names[at] = rows[i].name;
			refuse(desk, rows[i].word, device_subject(op), MAKER_JOIN(op, names[0], names[1], names[2]));
		}
	}
}

/* What a Windows client asks for: its user, its SID in both forms, where it stands. */
static void test_account(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct csr csr;
	/* Written down from [MS-WCCE] section 2.2.2.7.7.4, as Microsoft's own CAs write it. */
	struct bytes golden = BYTES_LITERAL("\x30\x3e\xa0\x3c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x19\x02\x01\xa0\x2e\x04\x2c" SID);
	struct bytes subject = MAKER_JOIN(op, utf8(op, CN, "Alice@corp.example"), utf8(op, LOCALITY, "Frankfurt"),
					  rdn(op, STATE, DER_PRINTABLE_STRING, "Hessen"));
	struct bytes san = maker_san(op, MAKER_JOIN(op, upn(op, DER_UTF8_STRING, "Alice@Corp.Example"),
						    maker_text(op, DER_CONTEXT(6), "tag:microsoft.com,2022-09-14:sid:" SID)));
	assert_ok(op, csr_parse(op, with_extensions(desk, subject, MAKER_JOIN(op, san, sid_extension(op, golden))), &all, &csr));
	expect_names(op, csr.identifiers, csr.n_identifiers,
		     "uri:tag:microsoft.com,2022-09-14:sid:" SID ", upn:Alice@corp.example, sid:" SID
		     ", st:Hessen, l:Frankfurt, cn:Alice@corp.example");
	assert_true(bytes_equal(golden, SID_LIST(op, SID)));
}

/* V45, V49: a SID's extension that is not one SID. */
static void test_sids_refused(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes good = other_name(op, SID_TYPE, maker_text(op, DER_OCTET_STRING, SID));
	const struct {
		enum err err;
		const char *word;
		struct bytes value;
	} rows[] = {
		{ ERR_MALFORMED, "one SID", BYTES_LITERAL("") },
		{ ERR_MALFORMED, "one SID", BYTES_LITERAL("\x30\x00") },
		{ ERR_MALFORMED, "one SID", good },
		{ ERR_MALFORMED, "one SID", MAKER_DER(op, DER_SEQUENCE, good, good) },
		{ ERR_MALFORMED, "one SID", MAKER_JOIN(op, MAKER_DER(op, DER_SEQUENCE, good), BYTES_LITERAL("\x05\x00")) },
		{ ERR_MALFORMED, "one SID", MAKER_DER(op, DER_SEQUENCE, good, maker_text(op, DER_CONTEXT(2), "a.example")) },
		{ ERR_MALFORMED, "one SID", MAKER_DER(op, DER_SEQUENCE, other_name(op, SID_TYPE, maker_text(op, DER_UTF8_STRING, SID))) },
		{ ERR_MALFORMED, "one SID", MAKER_DER(op, DER_SEQUENCE, other_name(op, UPN_TYPE, maker_text(op, DER_OCTET_STRING, SID))) },
		{ ERR_MALFORMED, "one SID", BYTES_LITERAL("\x30\x80\xa0\x00\x00\x00") },
		{ ERR_POLICY, "that is no SID", SID_LIST(op, "") },
		{ ERR_POLICY, "that is no SID", SID_LIST(op, "S-1-5-21-") },
		{ ERR_POLICY, "that is no SID", SID_LIST(op, "S-1-5-21-0500") },
		{ ERR_POLICY, "that is no SID", SID_LIST(op, "s-1-5-21-500") },
		{ ERR_POLICY, "that is no SID", /* binary, as directories store it */
		  MAKER_DER(op, DER_SEQUENCE, other_name(op, SID_TYPE, MAKER_DER(op, DER_OCTET_STRING, BYTES_LITERAL(
			"\x01\x02\0\0\0\0\0\x05\x20\0\0\0\x20\x02\0\0")))) },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		refuse_with(desk, &all, rows[i].err, rows[i].word,
			    with_extensions(desk, device_subject(op), sid_extension(op, rows[i].value)));
	struct bytes two = MAKER_JOIN(op, sid_extension(op, SID_LIST(op, SID)), sid_extension(op, SID_LIST(op, "S-1-5-21-500")));
	refuse_with(desk, &all, ERR_MALFORMED, "extension twice", with_extensions(desk, BYTES_NONE, two));
	struct bytes one = with_extensions(desk, BYTES_NONE, sid_extension(op, SID_LIST(op, SID)));
	refuse_with(desk, &csr_rules_dns, ERR_POLICY, "asks for a SID (extension 1.3.6.1.4.1.311.25.2); only DNS names", one);
}

static struct bytes challenge(struct op *op, struct bytes values)
{
	struct bytes type = BYTES_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07");
	return MAKER_DER(op, DER_SEQUENCE, type, MAKER_DER(op, DER_SET, values));
}

static void test_challenge_passwords(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct csr csr;
	char *longest = arena_alloc(op->arena, 257);
	memset(longest, 'x', 255);
	const struct bytes good[] = { maker_text(op, DER_PRINTABLE_STRING, "secret 1"), maker_text(op, DER_UTF8_STRING, "geheimnis_ä"),
				      maker_text(op, DER_IA5_STRING, "a_b*"), maker_text(op, DER_T61_STRING, "a_b*"),
				      maker_text(op, DER_UTF8_STRING, longest) };
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct bytes value = good[i], content;
		struct bytes der = request(desk, device_subject(op), device_names(op), challenge(op, good[i]));
		struct der_value password;
		assert_true(der_next(&value, &password));
		content = password.content;
		assert_ok(op, csr_parse(op, der, &all, &csr));
		assert_true(bytes_equal(csr.challenge_password, content));
		assert_true(csr.challenge_password.p > der.p && csr.challenge_password.p < der.p + der.n); /* no copy of a secret */
	}
	longest[255] = 'x';
	const struct bytes bad[] = { BYTES_LITERAL(""), maker_text(op, DER_PRINTABLE_STRING, ""),
				     maker_text(op, DER_PRINTABLE_STRING, "a_b"), maker_text(op, DER_UTF8_STRING, longest),
				     MAKER_DER(op, DER_UTF8_STRING, BYTES_LITERAL("a\0b")), maker_text(op, DER_UTF8_STRING, "a\nb"),
				     maker_text(op, DER_T61_STRING, "\xe4"), maker_text(op, DER_IA5_STRING, "\xe4"),
				     MAKER_DER(op, DER_BMP_STRING, BYTES_LITERAL("\0a")), maker_text(op, DER_OCTET_STRING, "secret"),
				     MAKER_JOIN(op, maker_text(op, DER_UTF8_STRING, "a"), maker_text(op, DER_UTF8_STRING, "b")) };
	struct csr_rules without = all;
	without.challenge_password = false;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct bytes der = request(desk, device_subject(op), BYTES_NONE, challenge(op, bad[i]));
		refuse_with(desk, &all, ERR_MALFORMED, "challengePassword", der);
		/* Who has no use for it passes it over, whatever it is. */
		assert_ok(op, csr_parse(op, der, &without, &csr));
		assert_int_equal(csr.challenge_password.n, 0);
	}
	struct bytes twice = MAKER_JOIN(op, challenge(op, good[0]), challenge(op, good[0]));
	refuse_with(desk, &all, ERR_MALFORMED, "attribute twice", request(desk, BYTES_NONE, device_names(op), twice));
	/* EST's profiles hand it out, the operator's do not. */
	struct config_profile profile = { .door = DOOR_EST, .names = all.names, .subject = all.subject };
	assert_true(csr_rules_of(&profile).challenge_password);
	profile.door = DOOR_OPERATOR;
	assert_false(csr_rules_of(&profile).challenge_password);
}

/* Attribute with one value. */
static struct bytes attribute(struct op *op, struct bytes oid, struct bytes value)
{
	return MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_OID, oid), MAKER_DER(op, DER_SET, value));
}

#define MICROSOFT "\x2b\x06\x01\x04\x01\x82\x37"

/* Of its own accord a Windows client says which one it is, how it made its key, and what it renews. */
static struct bytes windows_attributes(struct desk *desk)
{
	struct op *op = desk->op;
	struct bytes provider = MAKER_DER(op, DER_BMP_STRING, BYTES_LITERAL("\0T\0P\0M"));
	struct bytes earlier = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_SEQUENCE, BYTES_LITERAL("\xa0\x03\x02\x01\x02\x02\x01\x01")));
	struct bytes client = MAKER_DER(op, DER_SEQUENCE, BYTES_LITERAL("\x02\x01\x09"), maker_text(op, DER_UTF8_STRING, "pc-17.corp.example"),
					maker_text(op, DER_UTF8_STRING, "CORP\\PC-17$"), maker_text(op, DER_UTF8_STRING, "taskhostw.exe"));
	struct bytes pair = MAKER_DER(op, DER_SEQUENCE, MAKER_DER(op, DER_BMP_STRING, BYTES_LITERAL("\0k")), MAKER_DER(op, DER_BMP_STRING, BYTES_LITERAL("\0v")));
	return MAKER_JOIN(op, attribute(op, BYTES_LITERAL(MICROSOFT "\x0d\x02\x03"), maker_text(op, DER_IA5_STRING, "10.0.22631.2")),
			  attribute(op, BYTES_LITERAL(MICROSOFT "\x15\x14"), client),
			  attribute(op, BYTES_LITERAL(MICROSOFT "\x0d\x02\x02"),
				    MAKER_DER(op, DER_SEQUENCE, BYTES_LITERAL("\x02\x01\x00"), provider, BYTES_LITERAL("\x03\x01\x00"))),
			  attribute(op, BYTES_LITERAL(MICROSOFT "\x0d\x02\x01"), pair), attribute(op, BYTES_LITERAL(MICROSOFT "\x0d\x01"), earlier));
}

/* Usages, Microsoft's templates and policies, the identifier of its key: what MDM clients, strongSwan and certmonger ask for. */
static struct bytes usual_extensions(struct op *op)
{
	return MAKER_JOIN(op, maker_extension(op, BYTES_LITERAL("\x55\x1d\x0f"), true, BYTES_LITERAL("\x03\x02\x05\xa0")),
			  maker_extension(op, BYTES_LITERAL("\x55\x1d\x25"), false, BYTES_LITERAL("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02")),
			  maker_extension(op, BYTES_LITERAL("\x55\x1d\x13"), true, BYTES_LITERAL("\x30\x00")),
			  maker_extension(op, BYTES_LITERAL("\x55\x1d\x0e"), false, BYTES_LITERAL("\x04\x04" "1234")),
			  maker_extension(op, BYTES_LITERAL(MICROSOFT "\x14\x02"), false, BYTES_LITERAL("\x1e\x06\0U\0s\0r")),
			  maker_extension(op, BYTES_LITERAL(MICROSOFT "\x15\x07"), false,
					  BYTES_LITERAL("\x30\x0b\x06\x03\x2a\x03\x04\x02\x01\x64\x02\x01\x05")),
			  maker_extension(op, BYTES_LITERAL(MICROSOFT "\x15\x0a"), false,
					  BYTES_LITERAL("\x30\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02")),
			  maker_extension(op, BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0f"), false, BYTES_LITERAL("\x30\x00")));
}

/* V45: such requests are answered, in both forms of the attribute, and only their names and the password count. */
static void test_real_clients(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	static const struct bytes forms[] = { BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"), BYTES_LITERAL(MICROSOFT "\x02\x01\x0e") };
	struct bytes san = maker_san(op, MAKER_JOIN(op, device_names(op), upn(op, DER_UTF8_STRING, "alice@corp.example")));
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct csr csr;
		struct bytes list = MAKER_DER(op, DER_SEQUENCE, usual_extensions(op), san);
		struct bytes attributes = MAKER_JOIN(op, windows_attributes(desk), challenge(op, maker_text(op, DER_PRINTABLE_STRING, "secret")),
						     attribute(op, forms[i], list));
		assert_ok(op, csr_parse(op, request(desk, utf8(op, CN, "pc-17"), BYTES_NONE, attributes), &all, &csr));
		expect_names(op, csr.identifiers, csr.n_identifiers,
			     "dns:dev-17.fleet.example, ip:192.0.2.17, ip:2001:db8::11, email:Dev-17@fleet.example, uri:urn:dev:17, "
			     "upn:alice@corp.example, cn:pc-17");
		assert_true(bytes_equal_text(csr.challenge_password, "secret"));
	}
}

/* A certificate of ours around this plan, signed by nobody: only its names are read. */
static struct bytes certificate(struct desk *desk, struct ca *ca, const struct identifier *subject, unsigned n_subject,
				const struct identifier *names, unsigned n_names, const char *sid)
{
	struct tbs_plan plan = { .kind = TBS_LEAF,
				 .issuer = ca,
				 .spki = maker_spki(desk->op, desk->key),
				 .signature_key = KEY_P256,
				 .subject = subject,
				 .n_subject = n_subject,
				 .identifiers = names,
				 .n_identifiers = n_names,
				 .sid = sid,
				 .client_auth = true,
				 .not_before_s = 1,
				 .not_after_s = 100,
				 .path_length = -1 };
	struct bytes tbs;
	serial_draw(&plan.serial);
	assert_ok(desk->op, tbs_build(desk->op, &plan, &tbs));
	return tbs_assemble(desk->op, tbs, KEY_P256, BYTES_LITERAL("\0"));
}

/* E6: what was issued for a request has the request's names, by the same rules; each one changed is seen. */
static void test_certificate_has_names_of_request(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct ca *ca = maker_ca(op, KEY_P256, 0, 1000, -1);
	struct csr csr;
	struct identifier *back;
	unsigned n;
	assert_ok(op, csr_parse(op, request(desk, device_subject(op), device_names(op), BYTES_NONE), &all, &csr));
	unsigned n_san = identifiers_count_san(csr.identifiers, csr.n_identifiers);
	struct bytes der = certificate(desk, ca, csr.identifiers + n_san, csr.n_identifiers - n_san, csr.identifiers, n_san, NULL);
	assert_ok(op, certificate_names(op, der, &all, &back, &n));
	assert_true(identifiers_equal(csr.identifiers, csr.n_identifiers, back, n));
	for (unsigned i = 0; i < n; i++) {
		struct identifier other = back[i];
		back[i].value = "x";
		assert_false(identifiers_equal(csr.identifiers, csr.n_identifiers, back, n));
		back[i] = other;
	}
	/* So does an account's: its UPN and its SID are read back, and held against rules without them. */
	struct identifier account[] = { { IDENTIFIER_UPN, "Alice@corp.example" } }, alice = { IDENTIFIER_CN, "alice" };
	der = certificate(desk, ca, &alice, 1, account, 1, SID);
	assert_ok(op, certificate_names(op, der, &all, &back, &n));
	expect_names(op, back, n, "upn:Alice@corp.example, sid:" SID ", cn:alice");
	struct csr_rules no_sid = all;
	no_sid.names &= ~IDENTIFIER_BIT(IDENTIFIER_SID);
	assert_err(op, ERR_POLICY, certificate_names(op, der, &no_sid, &back, &n));
	/* A common name that is a copy of a DNS name is that name. */
	struct identifier dns[] = { { IDENTIFIER_DNS, "a.example" }, { IDENTIFIER_DNS, "b.example" } };
	struct identifier cn = { IDENTIFIER_CN, "b.example" };
	der = certificate(desk, ca, &cn, 1, dns, 2, NULL);
	assert_ok(op, certificate_names(op, der, &csr_rules_dns, &back, &n));
	assert_true(identifiers_equal(dns, 2, back, n));
	/* Without a SAN, and what is no certificate. */
	der = certificate(desk, ca, &cn, 1, NULL, 0, NULL);
	assert_ok(op, certificate_names(op, der, &all, &back, &n));
	expect_names(op, back, n, "cn:b.example");
	assert_err(op, ERR_POLICY, certificate_names(op, der, &(struct csr_rules){ .subject = IDENTIFIER_BIT(IDENTIFIER_O) }, &back, &n));
	assert_err(op, ERR_MALFORMED, certificate_names(op, (struct bytes){ der.p, der.n - 1 }, &all, &back, &n));
	assert_err(op, ERR_MALFORMED, certificate_names(op, BYTES_NONE, &all, &back, &n));
	assert_err(op, ERR_MALFORMED, certificate_names(op, BYTES_LITERAL("\x30\x02\x30\x00"), &all, &back, &n));
	/* One that OpenSSL made: v3, its own order. */
	assert_ok(op, certificate_names(op, ca->der, &all, &back, &n));
	expect_names(op, back, n, "cn:Maker CA");
	maker_ca_free(ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESK_TEST(test_device),		DESK_TEST(test_rules_of_acme), DESK_TEST(test_unlisted),
		DESK_TEST(test_subjects_refused), DESK_TEST(test_names_refused), DESK_TEST(test_challenge_passwords),
		DESK_TEST(test_certificate_has_names_of_request), DESK_TEST(test_account), DESK_TEST(test_sids_refused),
		DESK_TEST(test_real_clients),
	};
	return RUN_TESTS(tests);
}
