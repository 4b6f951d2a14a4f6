/* Requests from outside, hostile ones above all: rows V9, V45, V48, V49, N3, N4, N12, N13. */
#include <openssl/pem.h>
#include <string.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "ca/csr.h"
#include "ca/der.h"
#include "check.h"
#include "fixture.h"
#include "tests/fake/x509_maker.h"

/* One op and one key for each test: keys are dear, and no row changes them. */
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

static struct bytes dns(struct op *op, const char *name)
{
	return maker_text(op, DER_CONTEXT(2), name);
}

static struct bytes common_name(struct op *op, const char *name)
{
	return maker_common_name(op, DER_UTF8_STRING, bytes_of_text(name));
}

/* A request with this subject and, unless empty, these GeneralNames. */
static struct bytes request(struct desk *desk, struct bytes subject, struct bytes general_names)
{
	struct maker_request maker = { .key = desk->key, .subject = subject };
	if (general_names.n > 0)
		maker.attributes = maker_extension_request(desk->op, maker_san(desk->op, general_names));
	return maker_request(desk->op, &maker);
}

static struct bytes with_names(struct desk *desk, struct bytes general_names)
{
	return request(desk, BYTES_NONE, general_names);
}

static struct bytes with_attributes(struct desk *desk, struct bytes attributes)
{
	struct maker_request maker = { .key = desk->key, .attributes = attributes };
	return maker_request(desk->op, &maker);
}

static struct bytes with_extensions(struct desk *desk, struct bytes extensions)
{
	return with_attributes(desk, maker_extension_request(desk->op, extensions));
}

static void refuse(struct desk *desk, enum err kind, const char *word, struct bytes der)
{
	struct csr csr;
	result r = csr_parse(desk->op, der, &csr_rules_dns, &csr);
	if (r.err != kind)
		fail_msg("expected %s because of \"%s\", got %s: %s", err_name(kind), word, err_name(r.err), desk->op->detail);
	if (strstr(desk->op->detail, word) == NULL)
		fail_msg("refused for another reason than \"%s\": %s", word, desk->op->detail);
	op_clear_failure(desk->op);
}

static void test_good(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct csr csr;
	uint8_t hash[SHA256_SIZE];
	struct bytes names = MAKER_JOIN(op, dns(op, "b.example"), dns(op, "A.example"), dns(op, "*.a.example"), dns(op, "b.example"));
	struct bytes der = request(desk, common_name(op, "a.example"), names);
	assert_ok(op, csr_parse(op, der, &csr_rules_dns, &csr));
	/* CN and SAN together, canonical, sorted, no doubles (V48). */
	assert_int_equal(csr.n_identifiers, 3);
	assert_string_equal(csr.identifiers[0].value, "*.a.example");
	assert_string_equal(csr.identifiers[1].value, "a.example");
	assert_string_equal(csr.identifiers[2].value, "b.example");
	assert_string_equal(csr.common_name, "a.example");
	assert_int_equal(csr.key_type, KEY_P256);
	assert_true(bytes_equal(csr.spki, maker_spki(op, desk->key)));
	bytes_sha256(der, hash);
	assert_true(bytes_equal(csr.hash, BYTES_ARRAY(hash)));
}

static void test_good_without_names(void **state)
{
	struct desk *desk = *state;
	struct csr csr;
	assert_ok(desk->op, csr_parse(desk->op, with_names(desk, BYTES_NONE), &csr_rules_dns, &csr));
	assert_int_equal(csr.n_identifiers, 0);
	assert_null(csr.common_name);
}

/* N4: a name in CN only is one of the names asked for, so that comparing with the order sees it (V9). */
static void test_common_name_counts(void **state)
{
	struct desk *desk = *state;
	struct csr csr;
	struct bytes der = request(desk, common_name(desk->op, "cn.example"), dns(desk->op, "san.example"));
	assert_ok(desk->op, csr_parse(desk->op, der, &csr_rules_dns, &csr));
	assert_int_equal(csr.n_identifiers, 2);
	assert_string_equal(csr.identifiers[0].value, "cn.example");
}

static void test_signatures(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	static const struct {
		enum key_type type;
		const char *digest;
		bool is_accepted;
	} rows[] = {
		{ KEY_P256, "SHA256", true },	 { KEY_P256, "SHA384", true },	  { KEY_P256, "SHA512", true },
		{ KEY_P384, "SHA384", true },	 { KEY_ED25519, "", true },	  { KEY_RSA2048, "SHA256", true },
		{ KEY_RSA2048, "SHA512", true }, { KEY_P256, "SHA1", false },	  { KEY_P256, "SHA224", false },
		{ KEY_RSA2048, "SHA1", false },	 { KEY_RSA2048, "MD5", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(EVP_PKEY) *key = maker_key(rows[i].type);
		struct maker_request maker = { .key = key, .digest = rows[i].digest };
		struct bytes der = maker_request(op, &maker);
		struct csr csr;
		if (!rows[i].is_accepted) {
			refuse(desk, ERR_POLICY, "signed with", der); /* N13 */
			continue;
		}
		assert_ok(op, csr_parse(op, der, &csr_rules_dns, &csr));
		assert_int_equal(csr.key_type, rows[i].type);
	}
}

/* N13: a bit of the signature, of the names, and another key than the one that signed. */
static void test_possession(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes good = with_names(desk, dns(op, "a.example"));
	uint8_t *flipped = arena_alloc(op->arena, good.n);
	memcpy(flipped, good.p, good.n);
	flipped[good.n - 1] ^= 1;
	refuse(desk, ERR_MALFORMED, "does not verify", (struct bytes){ flipped, good.n });
	memcpy(flipped, good.p, good.n);
	uint8_t *name = memmem(flipped, good.n, "a.example", 9);
	assert_non_null(name);
	*name = 'b';
	refuse(desk, ERR_MALFORMED, "does not verify", (struct bytes){ flipped, good.n });

	AUTO(EVP_PKEY) *other = maker_key(KEY_P256);
	struct maker_request maker = { .key = desk->key, .spki = maker_spki(op, other) };
	refuse(desk, ERR_MALFORMED, "does not verify", maker_request(op, &maker));
}

/* S8: by rules for old devices, and by them only as far as that. */
static void test_sha1_for_old_devices(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct csr_rules old = csr_rules_dns;
	old.takes_sha1 = true;
	AUTO(EVP_PKEY) *rsa = maker_key(KEY_RSA2048);
	struct maker_request maker = { .key = rsa, .digest = "SHA1" };
	struct csr csr;
	assert_ok(op, csr_parse(op, maker_request(op, &maker), &old, &csr));
	assert_true(csr.is_sha1);
	maker.digest = "MD5";
	assert_err(op, ERR_POLICY, csr_parse(op, maker_request(op, &maker), &old, &csr));
	maker = (struct maker_request){ .key = desk->key, .digest = "SHA1" };
	assert_err(op, ERR_POLICY, csr_parse(op, maker_request(op, &maker), &old, &csr));
	maker.digest = "SHA256";
	assert_ok(op, csr_parse(op, maker_request(op, &maker), &old, &csr));
	assert_false(csr.is_sha1);
}

/* S5: what nobody has changed is whole, whatever it asks for; what somebody has changed is not, wherever that was. */
static void test_whole(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct csr csr;
	struct bytes asks_for_too_much = with_names(desk, maker_text(op, DER_CONTEXT(1), "ann@example.com"));
	assert_err(op, ERR_POLICY, csr_parse(op, asks_for_too_much, &csr_rules_dns, &csr));
	struct bytes spki;
	assert_true(csr_is_whole(op, asks_for_too_much, &csr_rules_dns, &spki));
	for (size_t i = 0; i < asks_for_too_much.n; i++) {
		uint8_t *changed = arena_alloc(op->arena, asks_for_too_much.n);
		memcpy(changed, asks_for_too_much.p, asks_for_too_much.n);
		changed[i] ^= 1;
		if (csr_is_whole(op, (struct bytes){ changed, asks_for_too_much.n }, &csr_rules_dns, &spki))
			fail_msg("octet %zu was changed, and it is whole", i);
	}
}

/* N13 */
static void test_form(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes good = with_names(desk, dns(op, "a.example"));
	refuse(desk, ERR_MALFORMED, "strict DER", MAKER_JOIN(op, good, BYTES_LITERAL("\0")));
	refuse(desk, ERR_MALFORMED, "strict DER", MAKER_JOIN(op, good, good));
	refuse(desk, ERR_MALFORMED, "strict DER", (struct bytes){ good.p, good.n - 1 });
	refuse(desk, ERR_MALFORMED, "strict DER", BYTES_NONE);
	/* The same content in BER: outermost length indefinite. */
	struct bytes content = { good.p + 3, good.n - 3 };
	assert_true(good.p[1] == 0x81 || good.p[1] == 0x82);
	content = (struct bytes){ good.p + 2 + (good.p[1] & 0x7f), good.n - 2 - (good.p[1] & 0x7f) };
	refuse(desk, ERR_MALFORMED, "strict DER", MAKER_JOIN(op, BYTES_LITERAL("\x30\x80"), content, BYTES_LITERAL("\0\0")));
	refuse(desk, ERR_MALFORMED, "not a PKCS #10", MAKER_DER(op, DER_SEQUENCE, content, BYTES_LITERAL("\x05\x00")));
	refuse(desk, ERR_MALFORMED, "not a PKCS #10", BYTES_LITERAL("\x30\x00"));

	struct maker_request version = { .key = desk->key, .version = BYTES_LITERAL("\x02\x01\x01") };
	refuse(desk, ERR_MALFORMED, "version", maker_request(op, &version));
	struct maker_request bare = { .key = desk->key, .no_attributes = true };
	refuse(desk, ERR_MALFORMED, "not a PKCS #10", maker_request(op, &bare));

	uint8_t *huge = arena_alloc(op->arena, 1048576);
	memset(huge, 'x', 1048576);
	refuse(desk, ERR_MALFORMED, "allowed", (struct bytes){ huge, 1048576 });
	refuse(desk, ERR_MALFORMED, "strict DER", (struct bytes){ huge, LIMIT_CSR_BYTES });
}

static struct bytes nested(struct op *op, unsigned levels)
{
	struct bytes inner = BYTES_LITERAL("\x05\x00");
	for (unsigned i = 0; i < levels; i++)
		inner = MAKER_DER(op, DER_SEQUENCE, inner);
	return inner;
}

/* S6's nesting, in an attribute nobody reads. */
static void test_depth(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes type = BYTES_LITERAL("\x06\x03\x2a\x03\x04");
	struct csr csr;
	struct bytes shallow = MAKER_DER(op, DER_SEQUENCE, type, MAKER_DER(op, DER_SET, nested(op, 5)));
	assert_ok(op, csr_parse(op, with_attributes(desk, shallow), &csr_rules_dns, &csr));
	struct bytes deep = MAKER_DER(op, DER_SEQUENCE, type, MAKER_DER(op, DER_SET, nested(op, 50)));
	refuse(desk, ERR_MALFORMED, "strict DER", with_attributes(desk, deep));
}

/* V49: each kind of GeneralName but dNSName, alone and beside good names at each of three positions (rule 5). */
static void test_general_names(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes directory = MAKER_DER(op, DER_SEQUENCE, common_name(op, "a.example"));
	const struct {
		const char *word;
		struct bytes name;
	} rows[] = {
		{ "otherName", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), BYTES_LITERAL("\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03"),
					 BYTES_LITERAL("\xa0\x0f\x0c\x0d" "admin@example")) },
		{ "e-mail", maker_text(op, DER_CONTEXT(1), "root@a.example") },
		{ "constructed", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(2), maker_text(op, DER_IA5_STRING, "a.example")) },
		{ "X.400", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(3), BYTES_LITERAL("\x30\x00")) },
		{ "directory name", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(4), directory) },
		{ "EDI", MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(5), BYTES_LITERAL("\x81\x01x")) },
		{ "URI", maker_text(op, DER_CONTEXT(6), "https://a.example/") },
		{ "IP address", MAKER_DER(op, DER_CONTEXT(7), BYTES_LITERAL("\x0a\x00\x00\x01")) },
		{ "registered ID", MAKER_DER(op, DER_CONTEXT(8), BYTES_LITERAL("\x2a\x03\x04")) },
		{ "unknown kind", maker_text(op, DER_CONTEXT(9), "a.example") },
		{ "unknown kind", maker_text(op, DER_CONTEXT(30), "a.example") },
		{ "unknown kind", maker_text(op, DER_IA5_STRING, "a.example") },
		{ "unknown kind", maker_text(op, 0xc2, "a.example") },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		refuse(desk, ERR_POLICY, rows[i].word, with_names(desk, rows[i].name));
		for (unsigned at = 0; at < 3; at++) {
			struct bytes names[3] = { dns(op, "a.example"), dns(op, "b.example"), dns(op, "c.example") };
			names[at] = rows[i].name;
			refuse(desk, ERR_POLICY, rows[i].word, with_names(desk, MAKER_JOIN(op, names[0], names[1], names[2])));
		}
	}
	/* A tag number in two octets is none that DER needs here. */
	refuse(desk, ERR_MALFORMED, "not a list", with_names(desk, BYTES_LITERAL("\x9f\x22\x01x")));
}

/* N2, N3: bad text in the SAN, at each of three positions. */
static void test_san_texts(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	static const struct bytes rows[] = {
		BYTES_LITERAL(""),	 BYTES_LITERAL(" "),	   BYTES_LITERAL("a.example\0.evil"), BYTES_LITERAL("a.example\r\n"),
		BYTES_LITERAL("a,b.example"), BYTES_LITERAL("CN=a.example"), BYTES_LITERAL("10.0.0.1"), BYTES_LITERAL("localhost"),
		BYTES_LITERAL("a.example."), BYTES_LITERAL("m\xfcnchen.example"),
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (unsigned at = 0; at < 3; at++) {
			struct bytes names[3] = { dns(op, "a.example"), dns(op, "b.example"), dns(op, "c.example") };
			names[at] = MAKER_DER(op, DER_CONTEXT(2), rows[i]);
			refuse(desk, ERR_POLICY, "SAN of the CSR", with_names(desk, MAKER_JOIN(op, names[0], names[1], names[2])));
		}
	}
}

static struct bytes many_names(struct op *op, unsigned n)
{
	struct bytes all = BYTES_LITERAL("");
	for (unsigned i = 0; i < n; i++)
		all = MAKER_JOIN(op, all, dns(op, arena_printf(op->arena, "n%u.example", i)));
	return all;
}

/* N12 */
static void test_name_count(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct csr csr;
	assert_ok(op, csr_parse(op, request(desk, common_name(op, "cn.example"), many_names(op, 100)), &csr_rules_dns, &csr));
	assert_int_equal(csr.n_identifiers, 101); /* the order's comparison refuses it */
	refuse(desk, ERR_POLICY, "more than 100", with_names(desk, many_names(op, 101)));
	refuse(desk, ERR_POLICY, "more than 100", request(desk, common_name(op, "cn.example"), many_names(op, 101)));
	struct bytes empty = maker_extension(op, BYTES_LITERAL("\x55\x1d\x11"), false, BYTES_LITERAL("\x30\x00"));
	refuse(desk, ERR_MALFORMED, "not a list", with_extensions(desk, empty));
}

/* N3, N4 */
static void test_common_names(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes long_name = bytes_of_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbb.example");
	assert_int_equal(long_name.n, 65);
	const struct {
		const char *word;
		struct bytes subject;
	} rows[] = {
		{ "two common names", MAKER_JOIN(op, common_name(op, "a.example"), common_name(op, "b.example")) },
		{ "two common names", MAKER_JOIN(op, common_name(op, "a.example"), common_name(op, "a.example")) },
		{ "longer than 64", maker_common_name(op, DER_UTF8_STRING, long_name) },
		{ "UTF8String", maker_common_name(op, 0x14, BYTES_LITERAL("a.example")) },			/* T61 */
		{ "UTF8String", maker_common_name(op, 0x1e, BYTES_LITERAL("\0a\0.\0b\0c")) },			/* BMP */
		{ "UTF8String", maker_common_name(op, 0x1c, BYTES_LITERAL("\0\0\0a")) },			/* Universal */
		{ "UTF8String", maker_common_name(op, DER_IA5_STRING, BYTES_LITERAL("a.example")) },
		{ "UTF8String", maker_common_name(op, DER_PRINTABLE_STRING, BYTES_LITERAL("*.a.example")) },	/* no '*' in it */
		{ "UTF8String", maker_common_name(op, DER_PRINTABLE_STRING, BYTES_LITERAL("a@example")) },
		{ "common name of the CSR", common_name(op, "") },
		{ "common name of the CSR", common_name(op, "10.0.0.1") },
		{ "common name of the CSR", common_name(op, "Example Issuing CA") },
		{ "common name of the CSR", common_name(op, "OCSP") },
		{ "common name of the CSR", common_name(op, "a.example, O=x") },
		{ "common name of the CSR", common_name(op, "a.example\r\nX: y") },
		{ "common name of the CSR", maker_common_name(op, DER_UTF8_STRING, BYTES_LITERAL("a.example\0.evil")) },
		{ "common name of the CSR", maker_common_name(op, DER_UTF8_STRING, BYTES_LITERAL("\xc0\xae")) },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		refuse(desk, ERR_POLICY, rows[i].word, request(desk, rows[i].subject, dns(op, "a.example")));

	struct bytes exact = { long_name.p + 1, 64 };
	struct csr csr;
	assert_ok(op, csr_parse(op, request(desk, maker_common_name(op, DER_PRINTABLE_STRING, exact), BYTES_NONE), &csr_rules_dns, &csr));
}

/* Two attributes in one RDN, in the order of DER and the other way round (N3), a second CN hidden in one. */
static void test_multi_valued_rdn(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes cn = BYTES_LITERAL("\x30\x10\x06\x03\x55\x04\x03\x0c\x09" "a.example");
	struct bytes organization = BYTES_LITERAL("\x30\x10\x06\x03\x55\x04\x0a\x0c\x09" "Big Corp.");
	struct csr csr;
	assert_ok(op, csr_parse(op, request(desk, MAKER_DER(op, DER_SET, cn, organization), BYTES_NONE), &csr_rules_dns, &csr));
	assert_string_equal(csr.common_name, "a.example");
	refuse(desk, ERR_MALFORMED, "strict DER", request(desk, MAKER_DER(op, DER_SET, organization, cn), BYTES_NONE));
	refuse(desk, ERR_POLICY, "two common names", request(desk, MAKER_DER(op, DER_SET, cn, cn), BYTES_NONE));
	refuse(desk, ERR_MALFORMED, "not a Name", request(desk, BYTES_LITERAL("\x31\x00"), BYTES_NONE));
	refuse(desk, ERR_MALFORMED, "not a Name", request(desk, BYTES_LITERAL("\x30\x00"), BYTES_NONE));
	/* Other attributes, twice or not, are nobody's business: nothing of them is used. */
	struct bytes rdn = MAKER_DER(op, DER_SET, organization);
	assert_ok(op, csr_parse(op, request(desk, MAKER_JOIN(op, rdn, rdn), BYTES_NONE), &csr_rules_dns, &csr));
	assert_int_equal(csr.n_identifiers, 0);
}

/* V9, N13 */
static void test_attributes_twice(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes one = maker_extension_request(op, maker_san(op, dns(op, "a.example")));
	struct bytes two = maker_extension_request(op, maker_san(op, dns(op, "b.example")));
	refuse(desk, ERR_MALFORMED, "attribute twice", with_attributes(desk, MAKER_JOIN(op, one, two)));
	refuse(desk, ERR_MALFORMED, "attribute twice", with_attributes(desk, MAKER_JOIN(op, one, one)));

	/* Two lists of extensions in the one attribute. */
	struct bytes list_a = MAKER_DER(op, DER_SEQUENCE, maker_san(op, dns(op, "a.example")));
	struct bytes list_b = MAKER_DER(op, DER_SEQUENCE, maker_san(op, dns(op, "b.example")));
	struct bytes type = BYTES_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e");
	struct bytes both = MAKER_DER(op, DER_SEQUENCE, type, MAKER_DER(op, DER_SET, list_a, list_b));
	refuse(desk, ERR_MALFORMED, "one list", with_attributes(desk, both));
	struct bytes none = MAKER_DER(op, DER_SEQUENCE, type, BYTES_LITERAL("\x31\x00"));
	refuse(desk, ERR_MALFORMED, "one list", with_attributes(desk, none));

	/* Microsoft's attribute beside the standard one; alone it is one like any. */
	struct bytes ms_type = BYTES_LITERAL("\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0e");
	struct bytes ms = MAKER_DER(op, DER_SEQUENCE, ms_type, MAKER_DER(op, DER_SET, list_b));
	refuse(desk, ERR_MALFORMED, "two attributes", with_attributes(desk, MAKER_JOIN(op, one, ms)));
	refuse(desk, ERR_MALFORMED, "two attributes", with_attributes(desk, MAKER_JOIN(op, ms, one)));
	struct csr csr;
	assert_ok(op, csr_parse(op, with_attributes(desk, ms), &csr_rules_dns, &csr));
	assert_int_equal(csr.n_identifiers, 1);
	assert_string_equal(csr.identifiers[0].value, "b.example");
}

/* V9, C5 */
static void test_extensions_twice(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes san = maker_san(op, dns(op, "a.example")), other = maker_san(op, dns(op, "b.example"));
	refuse(desk, ERR_MALFORMED, "extension twice", with_extensions(desk, MAKER_JOIN(op, san, other)));
	struct bytes usage = maker_extension(op, BYTES_LITERAL("\x55\x1d\x0f"), true, BYTES_LITERAL("\x03\x02\x07\x80"));
	refuse(desk, ERR_MALFORMED, "extension twice", with_extensions(desk, MAKER_JOIN(op, usage, san, usage)));
	/* critical FALSE, written out; critical as 1; rubbish behind the value. */
	struct bytes oid = BYTES_LITERAL("\x06\x03\x55\x1d\x11"), value = BYTES_LITERAL("\x04\x04\x30\x02\x82\x00");
	struct bytes is_false = MAKER_DER(op, DER_SEQUENCE, oid, BYTES_LITERAL("\x01\x01\x00"), value);
	refuse(desk, ERR_MALFORMED, "not in DER", with_extensions(desk, is_false));
	refuse(desk, ERR_MALFORMED, "not in DER", with_extensions(desk, MAKER_DER(op, DER_SEQUENCE, oid, value, value)));
	refuse(desk, ERR_MALFORMED, "not in DER", with_extensions(desk, MAKER_DER(op, DER_SEQUENCE, value, oid)));
	struct bytes ber = maker_extension(op, BYTES_LITERAL("\x55\x1d\x11"), false, BYTES_LITERAL("\x30\x80\x82\x01" "a\0\0"));
	refuse(desk, ERR_MALFORMED, "not a list", with_extensions(desk, ber));
}

/* V45: what a requester must not decide is passed over, whatever it says; the names are all that is left. */
static void test_privileged_extensions_ignored(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	static const struct {
		struct bytes oid, value;
	} rows[] = {
		{ BYTES_LITERAL("\x55\x1d\x13"), BYTES_LITERAL("\x30\x03\x01\x01\xff") },		 /* cA TRUE */
		{ BYTES_LITERAL("\x55\x1d\x0f"), BYTES_LITERAL("\x03\x02\x01\x06") },		 /* keyCertSign, cRLSign */
		{ BYTES_LITERAL("\x55\x1d\x25"), BYTES_LITERAL("\x30\x06\x06\x04\x55\x1d\x25\x00") }, /* anyExtendedKeyUsage */
		{ BYTES_LITERAL("\x55\x1d\x20"), BYTES_LITERAL("\x30\x00") },			 /* policies */
		{ BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x15\x0a"), BYTES_LITERAL("\x30\x00") },  /* application policies */
	};
	struct bytes all = maker_san(op, dns(op, "a.example"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		all = MAKER_JOIN(op, all, maker_extension(op, rows[i].oid, true, rows[i].value));
	struct csr csr;
	assert_ok(op, csr_parse(op, with_extensions(desk, all), &csr_rules_dns, &csr));
	assert_int_equal(csr.n_identifiers, 1);
	assert_string_equal(csr.identifiers[0].value, "a.example");
	/* A SID is a name: left out silently, somebody would log in as nobody. */
	struct bytes sid = maker_extension(op, BYTES_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x19\x02"), false, BYTES_LITERAL("\x30\x00"));
	refuse(desk, ERR_POLICY, "asks for a SID", with_extensions(desk, MAKER_JOIN(op, all, sid)));
}

/* A list that is walked again for each of its items stays short. */
static void test_long_lists(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes extensions = BYTES_LITERAL(""), attributes = BYTES_LITERAL("");
	for (uint8_t i = 0; i < 33; i++) {
		uint8_t oid[] = { 0x2a, i };
		struct bytes type = MAKER_DER(op, DER_OID, BYTES_ARRAY(oid));
		extensions = MAKER_JOIN(op, extensions, maker_extension(op, BYTES_ARRAY(oid), false, BYTES_LITERAL("\x05\x00")));
		attributes = MAKER_JOIN(op, attributes, MAKER_DER(op, DER_SEQUENCE, type, BYTES_LITERAL("\x31\x00")));
	}
	refuse(desk, ERR_MALFORMED, "more than 32 extensions", with_extensions(desk, extensions));
	refuse(desk, ERR_MALFORMED, "more than 32 attributes", with_attributes(desk, attributes));
}

/* N6, through the same door. */
static void test_weak_key(void **state)
{
	struct desk *desk = *state;
	AUTO(EVP_PKEY) *weak = EVP_RSA_gen(1024), *curve = EVP_EC_gen("secp256k1");
	struct maker_request short_rsa = { .key = weak }, other_curve = { .key = curve };
	refuse(desk, ERR_POLICY, "RSA key of 1024 bits", maker_request(desk->op, &short_rsa));
	refuse(desk, ERR_POLICY, "not accepted", maker_request(desk->op, &other_curve));
}

static struct bytes pem_of(struct op *op, const char *name, struct bytes der)
{
	AUTO(BIO) *bio = BIO_new(BIO_s_mem());
	char *text;
	assert_true(PEM_write_bio(bio, name, "", der.p, (long)der.n) > 0);
	long n = BIO_get_mem_data(bio, &text);
	return arena_bytes(op->arena, (struct bytes){ (const uint8_t *)text, (size_t)n });
}

static void test_files(void **state)
{
	struct desk *desk = *state;
	struct op *op = desk->op;
	struct bytes der = with_names(desk, dns(op, "a.example"));
	struct csr csr;
	assert_ok(op, csr_parse_file(op, der, &csr_rules_dns, &csr));
	assert_ok(op, csr_parse_file(op, pem_of(op, "CERTIFICATE REQUEST", der), &csr_rules_dns, &csr));
	assert_ok(op, csr_parse_file(op, pem_of(op, "NEW CERTIFICATE REQUEST", der), &csr_rules_dns, &csr));
	struct bytes with_text = MAKER_JOIN(op, BYTES_LITERAL("Certificate Request:\n"), pem_of(op, "CERTIFICATE REQUEST", der));
	assert_ok(op, csr_parse_file(op, with_text, &csr_rules_dns, &csr));
	assert_string_equal(csr.identifiers[0].value, "a.example");
	assert_err(op, ERR_MALFORMED, csr_parse_file(op, pem_of(op, "PRIVATE KEY", der), &csr_rules_dns, &csr));
	assert_err(op, ERR_MALFORMED, csr_parse_file(op, BYTES_LITERAL("hello"), &csr_rules_dns, &csr));
	assert_err(op, ERR_MALFORMED, csr_parse_file(op, BYTES_NONE, &csr_rules_dns, &csr));
	assert_err(op, ERR_MALFORMED, csr_parse_file(op, (struct bytes){ der.p, der.n - 2 }, &csr_rules_dns, &csr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESK_TEST(test_good),
		DESK_TEST(test_good_without_names),
		DESK_TEST(test_common_name_counts),
		DESK_TEST(test_signatures),
		DESK_TEST(test_sha1_for_old_devices),
		DESK_TEST(test_whole),
		DESK_TEST(test_possession),
		DESK_TEST(test_form),
		DESK_TEST(test_depth),
		DESK_TEST(test_general_names),
		DESK_TEST(test_san_texts),
		DESK_TEST(test_name_count),
		DESK_TEST(test_common_names),
		DESK_TEST(test_multi_valued_rdn),
		DESK_TEST(test_attributes_twice),
		DESK_TEST(test_extensions_twice),
		DESK_TEST(test_privileged_extensions_ignored),
		DESK_TEST(test_long_lists),
		DESK_TEST(test_weak_key),
		DESK_TEST(test_files),
	};
	return RUN_TESTS(tests);
}
