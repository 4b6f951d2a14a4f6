/* The builder of certificates, read back by OpenSSL: rows C1-C16, N10, V15. */
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "ca/der.h"
#include "ca/tbs.h"
#include "check.h"
#include "fixture.h"
#include "tests/fake/x509_maker.h"

#define NOW 1795000000 /* 2026-11-18 */
#define DAY 86400

/* Fixed inputs: the generator of P-256 as a key, a CA that is a name and a key identifier. */
static const struct bytes p256_spki = BYTES_LITERAL(
	"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"
	"\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45"
	"\xd8\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce"
	"\xcb\xb6\x40\x68\x37\xbf\x51\xf5");
static const struct ca fixed_ca = {
	.name = "fixed",
	.subject = BYTES_LITERAL("\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02" "CA"),
	.key_identifier = BYTES_LITERAL("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"),
};
static const struct identifier common_name[] = { { IDENTIFIER_CN, "a.example" } };
static const struct identifier two_names[] = { { IDENTIFIER_DNS, "a.example" }, { IDENTIFIER_DNS, "*.b.example" } };

static struct tbs_plan leaf_plan(void)
{
	return (struct tbs_plan){
		.kind = TBS_LEAF,
		.serial = { { 0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } },
		.issuer = &fixed_ca,
		.spki = p256_spki,
		.signature_key = KEY_P256,
		.subject = common_name,
		.n_subject = 1,
		.identifiers = two_names,
		.n_identifiers = 2,
		.server_auth = true,
		.not_before_s = NOW,
		.not_after_s = NOW + 90 * DAY - 1,
		.path_length = -1,
		.ocsp_url = "http://h/ocsp/fixed",
		.ca_issuers_url = "http://h/ca/fixed.cer",
		.crl_url = "http://h/crl/fixed.crl",
	};
}

static const struct identifier ca_subject[] = { { IDENTIFIER_O, "Example Corp" }, { IDENTIFIER_CN, "Example CA" } };

static struct tbs_plan ca_plan(enum tbs_kind kind)
{
	struct tbs_plan plan = leaf_plan();
	plan.kind = kind;
	plan.issuer = kind == TBS_ROOT ? NULL : &fixed_ca;
	plan.subject = ca_subject;
	plan.n_subject = 2;
	plan.n_identifiers = 0;
	plan.path_length = kind == TBS_ROOT ? -1 : 0;
	plan.server_auth = false;
	plan.ocsp_url = NULL;
	return plan;
}

/* Built, wrapped with a signature of one zero octet, and parsed. Owned by the caller. */
static X509 *build(struct op *op, const struct tbs_plan *plan)
{
	struct bytes tbs;
	assert_ok(op, tbs_build(op, plan, &tbs));
	assert_true(der_is_strict(tbs));
	struct bytes der = tbs_assemble(op, tbs, plan->signature_key, BYTES_LITERAL("\0"));
	const uint8_t *p = der.p;
	X509 *certificate = d2i_X509(NULL, &p, (long)der.n);
	assert_non_null(certificate);
	assert_ptr_equal(p, der.p + der.n);
	return certificate;
}

/* All extensions in OpenSSL's words, one per line, critical ones marked with '!'. */
static const char *extensions_as_text(struct op *op, X509 *certificate)
{
	AUTO(BIO) *bio = BIO_new(BIO_s_mem());
	for (int i = 0; i < X509_get_ext_count(certificate); i++) {
		X509_EXTENSION *extension = X509_get_ext(certificate, i);
		BIO_printf(bio, "%s%s=", X509_EXTENSION_get_critical(extension) ? "!" : "",
			   OBJ_nid2sn(OBJ_obj2nid(X509_EXTENSION_get_object(extension))));
		assert_int_equal(X509V3_EXT_print(bio, extension, X509V3_EXT_ERROR_UNKNOWN, 0), 1);
		BIO_puts(bio, "\n");
	}
	char *text;
	long n = BIO_get_mem_data(bio, &text);
	/* OpenSSL 3.5 ends distribution points with a newline of its own: no empty lines. */
	char *kept = arena_alloc(op->arena, (size_t)n + 1), *to = kept;
	for (long i = 0; i < n; i++)
		if (text[i] != '\n' || i == 0 || text[i - 1] != '\n')
			*to++ = text[i];
	return kept;
}

#define SKI "subjectKeyIdentifier=69:8B:EA:63:DC:44:A3:44:66:3F:F1:42:9A:EA:10:84:2D:F2:7B:6B\n"
#define AKI "authorityKeyIdentifier=01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14\n"
#define CDP "crlDistributionPoints=Full Name:\n  URI:http://h/crl/fixed.crl\n"

static void expect_extensions(struct op *op, const struct tbs_plan *plan, const char *expected)
{
	AUTO(X509) *certificate = build(op, plan);
	assert_string_equal(extensions_as_text(op, certificate), expected);
}

static void test_leaf(void **state)
{
	struct tbs_plan plan = leaf_plan();
	expect_extensions(*state, &plan,
			  "!keyUsage=Digital Signature\n"
			  "extendedKeyUsage=TLS Web Server Authentication\n"
			  "!basicConstraints=CA:FALSE\n" SKI AKI
			  "authorityInfoAccess=OCSP - URI:http://h/ocsp/fixed\nCA Issuers - URI:http://h/ca/fixed.cer\n"
			  "subjectAltName=DNS:a.example, DNS:*.b.example\n" CDP);
}

/* C9: with nothing in the subject the SAN is critical; purposes as planned; addresses that are not there are left out. */
static void test_leaf_without_subject(void **state)
{
	struct tbs_plan plan = leaf_plan();
	plan.n_subject = 0;
	plan.client_auth = true;
	plan.ocsp_url = plan.ca_issuers_url = plan.crl_url = NULL;
	expect_extensions(*state, &plan,
			  "!keyUsage=Digital Signature\n"
			  "extendedKeyUsage=TLS Web Server Authentication, TLS Web Client Authentication\n"
			  "!basicConstraints=CA:FALSE\n" SKI AKI "!subjectAltName=DNS:a.example, DNS:*.b.example\n");
}

/* C10, C7 */
static void test_root(void **state)
{
	struct tbs_plan plan = ca_plan(TBS_ROOT);
	expect_extensions(*state, &plan,
			  "!keyUsage=Certificate Sign, CRL Sign\n"
			  "!basicConstraints=CA:TRUE\n" SKI);
	AUTO(X509) *certificate = build(*state, &plan);
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)), 0);
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(certificate)), 2);
}

static void test_intermediate(void **state)
{
	struct tbs_plan plan = ca_plan(TBS_INTERMEDIATE);
	expect_extensions(*state, &plan,
			  "!keyUsage=Certificate Sign, CRL Sign\n"
			  "!basicConstraints=CA:TRUE, pathlen:0\n" SKI AKI
			  "authorityInfoAccess=CA Issuers - URI:http://h/ca/fixed.cer\n" CDP);
}

/* O5, C13: no addresses, whatever the plan has. */
static void test_responder(void **state)
{
	struct tbs_plan plan = leaf_plan();
	plan.kind = TBS_OCSP_RESPONDER;
	tbs_plan_common_name(*state, "OCSP fixed", &plan);
	expect_extensions(*state, &plan,
			  "!keyUsage=Digital Signature\n"
			  "extendedKeyUsage=OCSP Signing\n"
			  "!basicConstraints=CA:FALSE\n" SKI AKI "noCheck=\n");
}

/* C13: one purpose, and where to ask whether it was revoked. */
static void test_cmc_signer(void **state)
{
	struct tbs_plan plan = leaf_plan();
	plan.kind = TBS_CMC_SIGNER;
	tbs_plan_common_name(*state, "CMC fixed", &plan);
	expect_extensions(*state, &plan,
			  "!keyUsage=Digital Signature\n"
			  "extendedKeyUsage=CMC Certificate Authority\n"
			  "!basicConstraints=CA:FALSE\n" SKI AKI
			  "authorityInfoAccess=OCSP - URI:http://h/ocsp/fixed\n"
			  "CA Issuers - URI:http://h/ca/fixed.cer\n" CDP);
}

/* SP3: clients choose it by its usages, and no purpose is in their way. */
static void test_scep_ra(void **state)
{
	struct op *op = *state;
	struct tbs_plan plan = leaf_plan();
	AUTO(EVP_PKEY) *key = maker_key(KEY_RSA2048);
	plan.kind = TBS_SCEP_RA;
	plan.spki = maker_spki(op, key);
	tbs_plan_common_name(op, "SCEP fixed", &plan);
	AUTO(X509) *certificate = build(op, &plan);
	assert_int_equal(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_int_equal(X509_get_ext_by_NID(certificate, NID_ext_key_usage, -1), -1);
	assert_true(X509_get_ext_by_NID(certificate, NID_crl_distribution_points, -1) >= 0);
	assert_true(X509_get_ext_by_NID(certificate, NID_info_access, -1) >= 0);
	assert_int_equal(X509_check_ca(certificate), 0);
}

/* C8: keyEncipherment for RSA servers only. */
static void test_key_usage_by_key(void **state)
{
	struct op *op = *state;
	static const struct {
		enum key_type type;
		bool is_server;
		uint32_t usage;
	} rows[] = {
		{ KEY_P256, true, KU_DIGITAL_SIGNATURE },
		{ KEY_P384, true, KU_DIGITAL_SIGNATURE },
		{ KEY_ED25519, true, KU_DIGITAL_SIGNATURE },
		{ KEY_RSA2048, true, KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT },
		{ KEY_RSA2048, false, KU_DIGITAL_SIGNATURE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(EVP_PKEY) *key = maker_key(rows[i].type);
		struct tbs_plan plan = leaf_plan();
		plan.spki = maker_spki(op, key);
		plan.server_auth = rows[i].is_server;
		plan.client_auth = true;
		AUTO(X509) *certificate = build(op, &plan);
		assert_int_equal(X509_get_key_usage(certificate), rows[i].usage);
		assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), key), 1);
	}
}

/* C1, C2, C4, V38 in one certificate, to the byte. */
static void test_golden(void **state)
{
	struct op *op = *state;
	struct tbs_plan plan = leaf_plan();
	struct bytes tbs;
	assert_ok(op, tbs_build(op, &plan, &tbs));
	/* Encoded by another program, field by field, from RFC 5280 section 4.1. */
	static const char golden[] =
		"308201de" /* TBSCertificate */
		"a003020102" /* [0] version 3 */
		"0210400102030405060708090a0b0c0d0e0f" /* serial */
		"300a06082a8648ce3d040302" /* ecdsa-with-SHA256 */
		"300d310b300906035504030c024341" /* issuer CN=CA */
		"301e170d3236313131383131303634305a170d3237303231363131303633395a" /* validity, 90 days less one second */
		"30143112301006035504030c09612e6578616d706c65" /* subject CN=a.example */
		"3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33" /* subjectPublicKeyInfo */
		"a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
		"a382011730820113" /* [3] extensions */
		"300e0603551d0f0101ff040403020780" /* keyUsage */
		"30130603551d25040c300a06082b06010505070301" /* extendedKeyUsage */
		"300c0603551d130101ff04023000" /* basicConstraints */
		"301d0603551d0e04160414698bea63dc44a344663ff1429aea10842df27b6b" /* subjectKeyIdentifier */
		"301f0603551d230418301680140102030405060708090a0b0c0d0e0f1011121314" /* authorityKeyIdentifier */
		"305206082b0601050507010104463044301f06082b060105050730018613687474703a2f2f682f6f6373702f666978656430" /* authorityInfoAccess */
		"2106082b060105050730028615687474703a2f2f682f63612f66697865642e636572"
		"30210603551d11041a30188209612e6578616d706c65820b2a2e622e6578616d706c65" /* subjectAltName */
		"30270603551d1f0420301e301ca01aa0188616687474703a2f2f682f63726c2f66697865642e63726c" /* cRLDistributionPoints */;
	assert_string_equal(bytes_to_hex(op->arena, tbs), golden);
}

static const struct identifier device_subject[] = { { IDENTIFIER_C, "DE" },
						     { IDENTIFIER_O, "Söhne" },
						     { IDENTIFIER_OU, "Fleet" },
						     { IDENTIFIER_SERIAL_NUMBER, "A1234" },
						     { IDENTIFIER_CN, "dev-17" } };
static const struct identifier device_names[] = { { IDENTIFIER_DNS, "dev-17.fleet.example" },
						   { IDENTIFIER_IP, "192.0.2.17" },
						   { IDENTIFIER_IP, "2001:db8::11" },
						   { IDENTIFIER_EMAIL, "Dev-17@fleet.example" },
						   { IDENTIFIER_URI, "urn:dev:17" } };

static struct tbs_plan device_plan(void)
{
	struct tbs_plan plan = leaf_plan();
	plan.has_own_subject = true;
	plan.subject = device_subject;
	plan.n_subject = 5;
	plan.identifiers = device_names;
	plan.n_identifiers = 5;
	return plan;
}

/* C9, C16: subject and SAN of a device to the byte; the SAN critical when it stands alone. */
static void test_golden_device(void **state)
{
	struct op *op = *state;
	struct tbs_plan plan = device_plan();
	struct bytes tbs;
	/* Encoded by another program, from RFC 5280 appendix A and X.520. */
	static const char subject[] =
		"304f310b3009060355040613024445310f300d060355040a0c0653c3b6686e65310e300c060355040b0c05466c656574310e"
		"300c060355040513054131323334310f300d06035504030c066465762d3137";
	static const char names[] =
		"30590603551d110452305082146465762d31372e666c6565742e6578616d706c658704c0000211871020010db80000000000"
		"0000000000001181144465762d313740666c6565742e6578616d706c65860a75726e3a6465763a3137";
	static const char critical_names[] =
		"305c0603551d110101ff0452305082146465762d31372e666c6565742e6578616d706c658704c0000211871020010db80000"
		"0000000000000000001181144465762d313740666c6565742e6578616d706c65860a75726e3a6465763a3137";
	assert_ok(op, tbs_build(op, &plan, &tbs));
	assert_non_null(strstr(bytes_to_hex(op->arena, tbs), subject));
	assert_non_null(strstr(bytes_to_hex(op->arena, tbs), names));
	plan.n_subject = 0;
	assert_ok(op, tbs_build(op, &plan, &tbs));
	assert_non_null(strstr(bytes_to_hex(op->arena, tbs), critical_names));
	/* And without a SAN. */
	plan = device_plan();
	plan.n_identifiers = 0;
	plan.ocsp_url = plan.ca_issuers_url = plan.crl_url = NULL;
	expect_extensions(op, &plan,
			  "!keyUsage=Digital Signature\n"
			  "extendedKeyUsage=TLS Web Server Authentication\n"
			  "!basicConstraints=CA:FALSE\n" SKI AKI);
}

/*
 * An account of Windows: subject in its order, UPN and SID to the byte. The form of
 * the SID's extension is the one that Microsoft's own CAs write (KB5014754, V45).
 */
static void test_golden_account(void **state)
{
	struct op *op = *state;
	struct tbs_plan plan = device_plan();
	struct bytes tbs;
	static const struct identifier subject_of_account[] = {
		{ IDENTIFIER_C, "DE" }, { IDENTIFIER_ST, "Hessen" }, { IDENTIFIER_L, "Frankfurt" },
		{ IDENTIFIER_O, "Söhne" }, { IDENTIFIER_CN, "pc-17" },
	};
	static const struct identifier names_of_account[] = {
		{ IDENTIFIER_DNS, "pc-17.corp.example" },
		{ IDENTIFIER_URI, "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1104" },
		{ IDENTIFIER_UPN, "Jürgen@corp.example" },
	};
	/* Encoded by another program. */
	static const char subject[] =
		"3053310b3009060355040613024445310f300d06035504080c0648657373656e3112301006035504070c094672616e6b6675"
		"7274310f300d060355040a0c0653c3b6686e65310e300c06035504030c0570632d3137";
	static const char names[] =
		"30790603551d1104723070821270632d31372e636f72702e6578616d706c6586347461673a6d6963726f736f66742e636f6d"
		"2c323032322d30392d31343a7369643a532d312d352d32312d312d322d332d31313034a024060a2b060104018237140203a0"
		"160c144ac3bc7267656e40636f72702e6578616d706c65";
	static const char sid[] =
		"304d06092b06010401823719020440303ea03c060a2b060104018237190201a02e042c532d312d352d32312d313030343333"
		"363334382d313137373233383931352d3638323030333333302d353132";
	plan.subject = subject_of_account;
	plan.n_subject = 5;
	plan.identifiers = names_of_account;
	plan.n_identifiers = 3;
	plan.sid = "S-1-5-21-1004336348-1177238915-682003330-512";
	assert_ok(op, tbs_build(op, &plan, &tbs));
	assert_non_null(strstr(bytes_to_hex(op->arena, tbs), subject));
	assert_non_null(strstr(bytes_to_hex(op->arena, tbs), names));
	assert_non_null(strstr(bytes_to_hex(op->arena, tbs), sid));
	/* No plan, no extension; and never one of another kind of certificate, or of no form. */
	plan.sid = NULL;
	assert_ok(op, tbs_build(op, &plan, &tbs));
	assert_null(strstr(bytes_to_hex(op->arena, tbs), "2b060104018237190201"));
	plan.sid = "S-1-5-021";
	assert_err(op, ERR_POLICY, tbs_build(op, &plan, &tbs));
	plan = ca_plan(TBS_ROOT);
	plan.sid = "S-1-5-21-1";
	assert_ok(op, tbs_build(op, &plan, &tbs));
	assert_null(strstr(bytes_to_hex(op->arena, tbs), "2b060104018237190201"));
}

/* The words for lists: the common name, else what there is. */
static void test_titles(void **state UNUSED)
{
	struct tbs_plan plan = device_plan();
	assert_string_equal(tbs_plan_title(&plan), "dev-17");
	plan.n_subject = 4;
	assert_string_equal(tbs_plan_title(&plan), "A1234");
	plan.n_subject = 0;
	assert_string_equal(tbs_plan_title(&plan), "");
}

/* What is not canonical, or stands in the wrong list, is in no certificate. */
static void test_refused_attributes(void **state)
{
	struct op *op = *state;
	struct bytes tbs;
	static const struct {
		struct identifier attribute;
		enum err err;
	} rows[] = {
		{ { IDENTIFIER_C, "de" }, ERR_POLICY },	     { { IDENTIFIER_C, "DEU" }, ERR_POLICY },
		{ { IDENTIFIER_CN, " dev-17" }, ERR_POLICY }, { { IDENTIFIER_SERIAL_NUMBER, "A_1" }, ERR_POLICY },
		{ { IDENTIFIER_SID, "S-1-5-21-1" }, ERR_BUG }, { { IDENTIFIER_UPN, "a@b.example" }, ERR_BUG },
		{ { IDENTIFIER_DNS, "a.example" }, ERR_BUG }, { { IDENTIFIER_IP, "192.0.2.1" }, ERR_BUG },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tbs_plan plan = device_plan();
		plan.subject = &rows[i].attribute;
		plan.n_subject = 1;
		assert_err(op, rows[i].err, tbs_build(op, &plan, &tbs));
	}
	struct tbs_plan plan = device_plan();
	plan.identifiers = device_subject;
	assert_err(op, ERR_BUG, tbs_build(op, &plan, &tbs));
	static const struct identifier sid = { IDENTIFIER_SID, "S-1-5-21-1" };
	plan.identifiers = &sid; /* it has an extension of its own */
	plan.n_identifiers = 1;
	assert_err(op, ERR_BUG, tbs_build(op, &plan, &tbs));
}

/* N10, C3: the second before and the first of 2050, 2038, the last second that can be said. */
static void test_times(void **state)
{
	struct op *op = *state;
	static const struct {
		int64_t time_s;
		int type;
		const char *text;
	} rows[] = {
		{ 2147483648, V_ASN1_UTCTIME, "380119031408Z" },
		{ 2524607999, V_ASN1_UTCTIME, "491231235959Z" },
		{ 2524608000, V_ASN1_GENERALIZEDTIME, "20500101000000Z" },
		{ 253402300799, V_ASN1_GENERALIZEDTIME, "99991231235959Z" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tbs_plan plan = leaf_plan();
		plan.not_after_s = rows[i].time_s;
		AUTO(X509) *certificate = build(op, &plan);
		const ASN1_TIME *time = X509_get0_notAfter(certificate);
		assert_int_equal(ASN1_STRING_type(time), rows[i].type);
		assert_string_equal((const char *)ASN1_STRING_get0_data(time), rows[i].text);
	}
}

/* C4: each kind of issuing key. */
static void test_algorithms(void **state)
{
	struct op *op = *state;
	static const struct {
		enum key_type type;
		int nid;
	} rows[] = {
		{ KEY_P256, NID_ecdsa_with_SHA256 },	     { KEY_P384, NID_ecdsa_with_SHA384 },
		{ KEY_RSA2048, NID_sha256WithRSAEncryption }, { KEY_RSA3072, NID_sha256WithRSAEncryption },
		{ KEY_RSA4096, NID_sha256WithRSAEncryption }, { KEY_ED25519, NID_ED25519 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tbs_plan plan = leaf_plan();
		plan.signature_key = rows[i].type;
		AUTO(X509) *certificate = build(op, &plan);
		assert_int_equal(X509_get_signature_nid(certificate), rows[i].nid);
		const X509_ALGOR *outer;
		X509_get0_signature(NULL, &outer, certificate);
		assert_int_equal(X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(certificate)), 0);
	}
}

/* C16: 64 characters, not octets; UTF-8 or nothing. */
static void test_names(void **state)
{
	struct op *op = *state;
	struct bytes tbs;
	static const struct {
		const char *organization;
		bool is_accepted;
	} rows[] = {
		{ "Example & Söhne, \"GmbH\" + Co.", true },
		{ "例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例例", true }, /* 64 */
		{ "𝄞", true },
		{ "", false },
		{ "12345678901234567890123456789012345678901234567890123456789012345", false }, /* 65 */
		{ "line\nbreak", false },
		{ "\x7f", false },
		{ "\xc3", false },	       /* cut off */
		{ "\xc0\xaf", false },	       /* overlong */
		{ "\xe0\x80\xaf", false },
		{ "\xed\xa0\x80", false },     /* a surrogate */
		{ "\xf4\x90\x80\x80", false }, /* beyond U+10FFFF */
		{ "\xff", false },
		{ "\xc2\x85", false },	       /* NEL, a control */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tbs_plan plan = ca_plan(TBS_ROOT);
		struct identifier subject[] = { { IDENTIFIER_O, rows[i].organization }, { IDENTIFIER_CN, "Example CA" } };
		plan.subject = subject;
		result r = tbs_build(op, &plan, &tbs);
		if (r.err != (rows[i].is_accepted ? ERR_NONE : ERR_POLICY))
			fail_msg("row %zu: %s", i, err_name(r.err));
		op_clear_failure(op);
	}
}

static void test_refused_plans(void **state)
{
	struct op *op = *state;
	struct bytes tbs;
	struct tbs_plan no_names = leaf_plan(), no_purpose = leaf_plan(), no_time = leaf_plan(), late = leaf_plan();
	no_names.n_identifiers = no_names.n_subject = 0; /* N12 */
	assert_err(op, ERR_POLICY, tbs_build(op, &no_names, &tbs));
	no_purpose.server_auth = false; /* C13 */
	assert_err(op, ERR_POLICY, tbs_build(op, &no_purpose, &tbs));
	no_time.not_after_s = no_time.not_before_s;
	assert_err(op, ERR_POLICY, tbs_build(op, &no_time, &tbs));
	late.not_after_s = 253402300800; /* year 10000 */
	assert_err(op, ERR_POLICY, tbs_build(op, &late, &tbs));
	struct tbs_plan nameless = ca_plan(TBS_ROOT), orphan = leaf_plan(), adopted = ca_plan(TBS_ROOT), no_key = leaf_plan();
	nameless.n_subject = 0; /* C2 */
	assert_err(op, ERR_POLICY, tbs_build(op, &nameless, &tbs));
	orphan.issuer = NULL;
	assert_err(op, ERR_BUG, tbs_build(op, &orphan, &tbs));
	adopted.issuer = &fixed_ca;
	assert_err(op, ERR_BUG, tbs_build(op, &adopted, &tbs));
	no_key.spki = BYTES_LITERAL("rubbish");
	assert_err(op, ERR_BUG, tbs_build(op, &no_key, &tbs));
}

static int compare_serials(const void *a, const void *b)
{
	return memcmp(a, b, SERIAL_SIZE);
}

/* V15: 100,000 serials, all different, 01 on top, each other bit about as often 0 as 1, no order in them. */
static void test_serials(void **state)
{
	enum { N = 100000 };
	struct op *op = *state;
	struct serial *serials = arena_alloc_array(op->arena, N, sizeof *serials);
	unsigned ones[8 * SERIAL_SIZE] = { 0 }, rises = 0;
	for (unsigned i = 0; i < N; i++) {
		serial_draw(&serials[i]);
		assert_int_equal(serials[i].b[0] >> 6, 1);
		for (unsigned bit = 0; bit < 8 * SERIAL_SIZE; bit++)
			ones[bit] += serials[i].b[bit / 8] >> (7 - bit % 8) & 1;
		rises += i > 0 && compare_serials(&serials[i - 1], &serials[i]) < 0;
	}
	/* Ten standard deviations of a fair coin. */
	for (unsigned bit = 2; bit < 8 * SERIAL_SIZE; bit++)
		assert_in_range(ones[bit], N / 2 - 1600, N / 2 + 1600);
	assert_in_range(rises, N / 2 - 1600, N / 2 + 1600);
	qsort(serials, N, sizeof *serials, compare_serials);
	for (unsigned i = 1; i < N; i++)
		assert_int_not_equal(compare_serials(&serials[i - 1], &serials[i]), 0);
	assert_int_equal(strlen(serial_to_hex(op->arena, &serials[0])), 2 * SERIAL_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_leaf),	 TEST(test_leaf_without_subject), TEST(test_root),  TEST(test_intermediate),
		TEST(test_responder), TEST(test_cmc_signer), TEST(test_scep_ra), TEST(test_key_usage_by_key),	  TEST(test_golden), TEST(test_times),
		TEST(test_golden_device), TEST(test_golden_account), TEST(test_titles), TEST(test_refused_attributes),
		TEST(test_algorithms), TEST(test_names),		  TEST(test_refused_plans), TEST(test_serials),
	};
	return RUN_TESTS(tests);
}
