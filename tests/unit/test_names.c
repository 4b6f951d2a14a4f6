/*
 * Names beyond DNS: canonical forms, texts and JSON of every kind, hostile values
 * (R1, N2, N3, C9, C16), and what a profile gives of them (N1, N4, N12, V2).
 */
#include <string.h>

#include "ca/authorization.h"
#include "check.h"
#include "fixture.h"

#define L10 "abcdefghij"
#define L64 L10 L10 L10 L10 L10 L10 "abcd"

static void test_accepted(void **state)
{
	struct op *op = *state;
	static const struct {
		const char *text, *canonical;
	} rows[] = {
		{ "dns:A.example", "dns:a.example" },
		{ "dns:*.a.example", "dns:*.a.example" },
		{ "ip:192.0.2.1", "ip:192.0.2.1" },
		{ "ip:2001:DB8:0:0::1", "ip:2001:db8::1" },
		{ "ip:2001:0db8::0001", "ip:2001:db8::1" },
		{ "email:Fleet.Ops+x@A.Example", "email:Fleet.Ops+x@a.example" },
		{ "email:a@xn--mnchen-3ya.example", "email:a@xn--mnchen-3ya.example" },
		{ "email:" L64 "@a.example", "email:" L64 "@a.example" },
		{ "uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6" },
		{ "uri:URN:x:Y", "uri:urn:x:Y" },
		{ "uri:HTTPS://A.Example:8443/P?q=%2F#F", "uri:https://a.example:8443/P?q=%2F#F" },
		{ "uri:spiffe://corp.example/ns/prod", "uri:spiffe://corp.example/ns/prod" },
		{ "uri:coaps://[2001:DB8::0:1]:5684", "uri:coaps://[2001:db8::1]:5684" },
		{ "uri:http://192.0.2.1/", "uri:http://192.0.2.1/" },
		{ "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1104", "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1104" },
		{ "upn:Alice@Corp.Example", "upn:Alice@corp.example" },
		{ "upn:Jürgen O'Neil #1@corp.example", "upn:Jürgen O'Neil #1@corp.example" },
		{ "sid:S-1-5-21-1004336348-1177238915-682003330-512", "sid:S-1-5-21-1004336348-1177238915-682003330-512" },
		{ "sid:S-1-0-0", "sid:S-1-0-0" },
		{ "sid:S-1-281474976710655-4294967295", "sid:S-1-281474976710655-4294967295" },
		{ "sid:S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15", "sid:S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15" },
		{ "cn:dev-17", "cn:dev-17" },
		{ "cn:  dev 17 ", "cn:dev 17" },
		{ "cn:Gerät №7 例", "cn:Gerät №7 例" },
		{ "cn:aa:bb:cc", "cn:aa:bb:cc" },
		{ "o:Example & Söhne, \"GmbH\" + Co.", "o:Example & Söhne, \"GmbH\" + Co." },
		{ "ou:" L64, "ou:" L64 },
		{ "serialNumber:A1234/5-6", "serialNumber:A1234/5-6" },
		{ "c:de", "c:DE" },
		{ "l: Frankfurt (Oder) ", "l:Frankfurt (Oder)" },
		{ "st:" L64 L64, "st:" L64 L64 },
		{ "l:" L64 L64, "l:" L64 L64 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct identifier first, again;
		assert_ok(op, identifier_parse_text(op, rows[i].text, &first));
		assert_string_equal(identifier_print(op->arena, &first), rows[i].canonical);
		assert_ok(op, identifier_parse_text(op, rows[i].canonical, &again));
		assert_true(identifier_equal(&first, &again));
	}
}

static void test_refused(void **state)
{
	struct op *op = *state;
	static const struct {
		enum identifier_kind kind;
		struct bytes text;
	} rows[] = {
		/* R1 as an IP address: other spellings, zones, what names no host, two names for one address. */
		{ IDENTIFIER_IP, BYTES_LITERAL("") }, { IDENTIFIER_IP, BYTES_LITERAL("1.2.3") },
		{ IDENTIFIER_IP, BYTES_LITERAL("0x7f.0.0.1") }, { IDENTIFIER_IP, BYTES_LITERAL("1.2.3.4.5") },
		{ IDENTIFIER_IP, BYTES_LITERAL("1.2.3.256") }, { IDENTIFIER_IP, BYTES_LITERAL("192.0.2.1/24") },
		{ IDENTIFIER_IP, BYTES_LITERAL(" 192.0.2.1") }, { IDENTIFIER_IP, BYTES_LITERAL("192.0.2.1\0") },
		{ IDENTIFIER_IP, BYTES_LITERAL("fe80::1%eth0") }, { IDENTIFIER_IP, BYTES_LITERAL("[2001:db8::1]") },
		{ IDENTIFIER_IP, BYTES_LITERAL("a.example") }, { IDENTIFIER_IP, BYTES_LITERAL("::ffff:192.0.2.1") },
		{ IDENTIFIER_IP, BYTES_LITERAL("0.0.0.0") }, { IDENTIFIER_IP, BYTES_LITERAL("0.1.2.3") },
		{ IDENTIFIER_IP, BYTES_LITERAL("127.0.0.1") }, { IDENTIFIER_IP, BYTES_LITERAL("::") },
		{ IDENTIFIER_IP, BYTES_LITERAL("::1") }, { IDENTIFIER_IP, BYTES_LITERAL("224.0.0.1") },
		{ IDENTIFIER_IP, BYTES_LITERAL("ff02::1") }, { IDENTIFIER_IP, BYTES_LITERAL("255.255.255.255") },
		/* E-mail: wildcards, quoting, two, none, IDN, other domains behind a NUL. */
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("") }, { IDENTIFIER_EMAIL, BYTES_LITERAL("a.example") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("@a.example") }, { IDENTIFIER_EMAIL, BYTES_LITERAL("a@") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("*@a.example") }, { IDENTIFIER_EMAIL, BYTES_LITERAL("a@*.a.example") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("a@b@a.example") }, { IDENTIFIER_EMAIL, BYTES_LITERAL("\"a b\"@a.example") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL(".a@a.example") }, { IDENTIFIER_EMAIL, BYTES_LITERAL("a.@a.example") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("a..b@a.example") }, { IDENTIFIER_EMAIL, BYTES_LITERAL("a b@a.example") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("a@localhost") }, { IDENTIFIER_EMAIL, BYTES_LITERAL("a@[192.0.2.1]") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("a@a.example\0.evil") }, { IDENTIFIER_EMAIL, BYTES_LITERAL("a\0@a.example") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("a@a.example\r\n") }, { IDENTIFIER_EMAIL, BYTES_LITERAL("A <a@a.example>") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("j\xc3\xbcrgen@a.example") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL("a@m\xc3\xbcnchen.example") },
		{ IDENTIFIER_EMAIL, BYTES_LITERAL(L64 "k@a.example") },
		/* URI: relative, users, hosts that are none, characters that are none. */
		{ IDENTIFIER_URI, BYTES_LITERAL("") }, { IDENTIFIER_URI, BYTES_LITERAL("a.example/x") },
		{ IDENTIFIER_URI, BYTES_LITERAL("/x") }, { IDENTIFIER_URI, BYTES_LITERAL("//a.example/x") },
		{ IDENTIFIER_URI, BYTES_LITERAL("urn:") }, { IDENTIFIER_URI, BYTES_LITERAL(":x") },
		{ IDENTIFIER_URI, BYTES_LITERAL("1a:x") }, { IDENTIFIER_URI, BYTES_LITERAL("https://") },
		{ IDENTIFIER_URI, BYTES_LITERAL("file:///etc/passwd") }, { IDENTIFIER_URI, BYTES_LITERAL("https://localhost/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://u@a.example/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a.example@evil.example/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://u:p@a.example/") }, { IDENTIFIER_URI, BYTES_LITERAL("https://*.a.example/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a.example:/") }, { IDENTIFIER_URI, BYTES_LITERAL("https://a.example:0/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a.example:65536/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a.example:80x/") }, { IDENTIFIER_URI, BYTES_LITERAL("https://a.example./") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://127.1/") }, { IDENTIFIER_URI, BYTES_LITERAL("https://[::1]/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://[2001:db8::1/") }, { IDENTIFIER_URI, BYTES_LITERAL("https://[a.example]/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://[192.0.2.1]/") }, { IDENTIFIER_URI, BYTES_LITERAL("https://2001:db8::1/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://[2001:db8::1]x/") }, { IDENTIFIER_URI, BYTES_LITERAL("https://a.example/[x]") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a.example/a b") }, { IDENTIFIER_URI, BYTES_LITERAL("https://a.example/%") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a.example/%4") }, { IDENTIFIER_URI, BYTES_LITERAL("https://a.example/%zz") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a%2eexample/") }, { IDENTIFIER_URI, BYTES_LITERAL("https://a.example\\x/") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a.example/\0") }, { IDENTIFIER_URI, BYTES_LITERAL("https://a.example/\r\n") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a.example/\xc3\xa4") },
		{ IDENTIFIER_URI, BYTES_LITERAL("https://a.example/<x>") },
		/* Subject: empty, controls, other directions, no width, bad UTF-8 (N3). */
		/* Accounts of Windows: two spellings, no account, everybody's. */
		{ IDENTIFIER_UPN, BYTES_LITERAL("") }, { IDENTIFIER_UPN, BYTES_LITERAL("alice") },
		{ IDENTIFIER_UPN, BYTES_LITERAL("@corp.example") }, { IDENTIFIER_UPN, BYTES_LITERAL("alice@") },
		{ IDENTIFIER_UPN, BYTES_LITERAL("a@b@corp.example") }, { IDENTIFIER_UPN, BYTES_LITERAL("alice@corp") },
		{ IDENTIFIER_UPN, BYTES_LITERAL("*@corp.example") }, { IDENTIFIER_UPN, BYTES_LITERAL("alice@*.corp.example") },
		{ IDENTIFIER_UPN, BYTES_LITERAL(" alice@corp.example") }, { IDENTIFIER_UPN, BYTES_LITERAL("alice @corp.example") },
		{ IDENTIFIER_UPN, BYTES_LITERAL("alice@ corp.example") }, { IDENTIFIER_UPN, BYTES_LITERAL("alice@corp.example.") },
		{ IDENTIFIER_UPN, BYTES_LITERAL("alice\0@corp.example") }, { IDENTIFIER_UPN, BYTES_LITERAL("alice@corp.example\0") },
		{ IDENTIFIER_UPN, BYTES_LITERAL("ali\nce@corp.example") }, { IDENTIFIER_UPN, BYTES_LITERAL("ali\xff" "ce@corp.example") },
		{ IDENTIFIER_UPN, BYTES_LITERAL("\xe2\x80\xae" "ecila@corp.example") },
		{ IDENTIFIER_UPN, BYTES_LITERAL("alice@192.0.2.1") },
		{ IDENTIFIER_SID, BYTES_LITERAL("") }, { IDENTIFIER_SID, BYTES_LITERAL("S-1-5") },
		{ IDENTIFIER_SID, BYTES_LITERAL("S-1-5-") }, { IDENTIFIER_SID, BYTES_LITERAL("S-1--5-21") },
		{ IDENTIFIER_SID, BYTES_LITERAL("S-2-5-21") }, { IDENTIFIER_SID, BYTES_LITERAL("s-1-5-21") },
		{ IDENTIFIER_SID, BYTES_LITERAL("S-1-05-21") }, { IDENTIFIER_SID, BYTES_LITERAL("S-1-5-021") },
		{ IDENTIFIER_SID, BYTES_LITERAL("S-1-5-4294967296") }, { IDENTIFIER_SID, BYTES_LITERAL("S-1-281474976710656-1") },
		{ IDENTIFIER_SID, BYTES_LITERAL("S-1-0x5-21") }, { IDENTIFIER_SID, BYTES_LITERAL("S-1-5-+21") },
		{ IDENTIFIER_SID, BYTES_LITERAL("S-1-5-21 ") }, { IDENTIFIER_SID, BYTES_LITERAL(" S-1-5-21") },
		{ IDENTIFIER_SID, BYTES_LITERAL("S-1-5-21\0") }, { IDENTIFIER_SID, BYTES_LITERAL("S-1-5-21-*") },
		{ IDENTIFIER_SID, BYTES_LITERAL("S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16") },
		{ IDENTIFIER_SID, BYTES_LITERAL("S-1-5-99999999999999999999999999") },
		{ IDENTIFIER_L, BYTES_LITERAL(L64 L64 "e") }, { IDENTIFIER_ST, BYTES_LITERAL(L64 L64 "e") },
		{ IDENTIFIER_L, BYTES_LITERAL("") }, { IDENTIFIER_ST, BYTES_LITERAL("a\tb") },
		{ IDENTIFIER_CN, BYTES_LITERAL("") }, { IDENTIFIER_CN, BYTES_LITERAL("   ") },
		{ IDENTIFIER_CN, BYTES_LITERAL("dev\0evil") }, { IDENTIFIER_CN, BYTES_LITERAL("dev\n17") },
		{ IDENTIFIER_CN, BYTES_LITERAL("dev\x7f") }, { IDENTIFIER_CN, BYTES_LITERAL("dev\xc2\x85") },
		{ IDENTIFIER_CN, BYTES_LITERAL("\xe2\x80\xae" "71-ved") }, { IDENTIFIER_CN, BYTES_LITERAL("dev\xe2\x81\xa6" "17") },
		{ IDENTIFIER_CN, BYTES_LITERAL("dev\xd8\x9c") }, { IDENTIFIER_CN, BYTES_LITERAL("dev\xe2\x80\x8b" "17") },
		{ IDENTIFIER_CN, BYTES_LITERAL("dev\xef\xbb\xbf") }, { IDENTIFIER_CN, BYTES_LITERAL("dev\xe2\x80\xa8") },
		{ IDENTIFIER_CN, BYTES_LITERAL("dev\xf3\xa0\x81\xa1") }, { IDENTIFIER_CN, BYTES_LITERAL("dev\xef\xbf\xbe") },
		{ IDENTIFIER_CN, BYTES_LITERAL("dev\xc3") }, { IDENTIFIER_CN, BYTES_LITERAL("\xc0\xae") },
		{ IDENTIFIER_CN, BYTES_LITERAL("\xe0\x80\xaf") }, { IDENTIFIER_CN, BYTES_LITERAL("\xed\xa0\x80") },
		{ IDENTIFIER_CN, BYTES_LITERAL("\xf4\x90\x80\x80") }, { IDENTIFIER_CN, BYTES_LITERAL("m\xfcnchen") },
		{ IDENTIFIER_CN, BYTES_LITERAL(L64 "e") }, { IDENTIFIER_O, BYTES_LITERAL(L64 "e") },
		{ IDENTIFIER_OU, BYTES_LITERAL(L64 "e") }, { IDENTIFIER_SERIAL_NUMBER, BYTES_LITERAL(L64 "e") },
		{ IDENTIFIER_SERIAL_NUMBER, BYTES_LITERAL("A_1") }, { IDENTIFIER_SERIAL_NUMBER, BYTES_LITERAL("A*") },
		{ IDENTIFIER_SERIAL_NUMBER, BYTES_LITERAL("A\xc3\xa4") }, { IDENTIFIER_C, BYTES_LITERAL("D") },
		{ IDENTIFIER_C, BYTES_LITERAL("DEU") }, { IDENTIFIER_C, BYTES_LITERAL("D1") },
		{ IDENTIFIER_C, BYTES_LITERAL("\xc3\x84") },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct identifier identifier;
		result r = identifier_make(op, rows[i].kind, rows[i].text, &identifier);
		if (r.err != ERR_POLICY)
			fail_msg("%s \"%.*s\": expected a refusal, got %s", identifier_kind_name(rows[i].kind), (int)rows[i].text.n,
				 (const char *)rows[i].text.p, err_name(r.err));
		op_clear_failure(op);
	}
}

/* C9: 4 or 16 octets. */
static void test_octets(void **state)
{
	struct op *op = *state;
	struct identifier address;
	uint8_t octets[IP_MAX_OCTETS];
	static const uint8_t six[17] = { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 };
	for (size_t n = 0; n <= sizeof six; n++) {
		if (n == 4 || n == 16)
			continue;
		assert_err(op, ERR_POLICY, identifier_ip_of_octets(op, (struct bytes){ six, n }, &address));
	}
	assert_ok(op, identifier_ip_of_octets(op, (struct bytes){ six, 16 }, &address));
	assert_string_equal(address.value, "2001:db8::7");
	assert_int_equal(identifier_ip_octets(&address, octets), 16);
	assert_memory_equal(octets, six, 16);
	assert_ok(op, identifier_ip_of_octets(op, BYTES_LITERAL("\xc0\0\2\1"), &address));
	assert_string_equal(address.value, "192.0.2.1");
	assert_int_equal(identifier_ip_octets(&address, octets), 4);
}

static void test_long_values(void **state)
{
	struct op *op = *state;
	struct identifier identifier;
	char *long_text = arena_alloc(op->arena, 100001);
	memset(long_text, 'a', 100000);
	for (unsigned kind = 0; kind < N_IDENTIFIER_KINDS; kind++)
		assert_err(op, ERR_POLICY, identifier_make(op, (enum identifier_kind)kind, bytes_of_text(long_text), &identifier));
	memcpy(long_text, "urn:", 4);
	long_text[1024] = '\0';
	assert_ok(op, identifier_uri(op, bytes_of_text(long_text), &identifier));
	long_text[1024] = 'a';
	long_text[1025] = '\0';
	assert_err(op, ERR_POLICY, identifier_uri(op, bytes_of_text(long_text), &identifier));
	/* A UPN of 1024 octets, and of one more. */
	memset(long_text, 'u', 1025);
	memcpy(long_text + 1025 - strlen("@corp.example"), "@corp.example", strlen("@corp.example"));
	assert_ok(op, identifier_upn(op, bytes_of_text(long_text + 1), &identifier));
	assert_err(op, ERR_POLICY, identifier_upn(op, bytes_of_text(long_text), &identifier));
}

static void test_texts_of_no_kind(void **state)
{
	struct op *op = *state;
	struct identifier identifier;
	static const char *const rows[] = { "", ":", "dns", ":a.example", "DNS:a.example", "dn:a", "serialnumber:A", "UPN:a@b.example", "locality:x", "emailAddress:a@b.c" };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_err(op, ERR_MALFORMED, identifier_parse_text(op, rows[i], &identifier));
}

/* One list, sorted: alternative names, then the subject in its order; to JSON and back (V48). */
static void test_lists(void **state)
{
	struct op *op = *state;
	static const char *const texts[] = { "cn:dev-17", "uri:urn:x:y", "o:Corp", "email:a@b.example", "serialNumber:A1",
					     "ip:192.0.2.1", "ou:Fleet", "dns:a.example", "c:DE", "ip:192.0.2.1",
					     "l:Frankfurt", "sid:S-1-5-21-1", "st:Hesse", "upn:a@b.example" };
	static const char *const sorted[] = { "dns:a.example", "ip:192.0.2.1", "email:a@b.example", "uri:urn:x:y", "upn:a@b.example",
					      "sid:S-1-5-21-1", "c:DE", "st:Hesse", "l:Frankfurt", "o:Corp", "ou:Fleet", "serialNumber:A1", "cn:dev-17" };
	struct identifier list[14], *back;
	unsigned n = 14, n_back;
	for (unsigned i = 0; i < n; i++)
		assert_ok(op, identifier_parse_text(op, texts[i], &list[i]));
	identifiers_sort(list, &n);
	assert_int_equal(n, 13);
	assert_int_equal(identifiers_count_san(list, n), 5);
	const char *const *names = identifiers_to_names(op, list, n);
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(names[i], sorted[i]);
	char *json = identifiers_to_json(op, list, n);
	assert_non_null(strstr(json, "{\"type\":\"serialNumber\",\"value\":\"A1\"}"));
	assert_ok(op, identifiers_from_json(op, json, &back, &n_back));
	assert_true(identifiers_equal(list, n, back, n_back));
	/* The same text as another kind is another name. */
	struct identifier cn = { IDENTIFIER_CN, "*.a.example" }, dns = { IDENTIFIER_DNS, "*.a.example" };
	assert_false(identifier_equal(&cn, &dns));
	assert_false(identifier_is_wildcard(&cn));
	static const char *const damaged[] = { "[{\"type\":\"ip\",\"value\":\"1.2.3\"}]", "[{\"type\":\"title\",\"value\":\"a\"}]",
					       "[{\"type\":\"cn\",\"value\":\"\"}]" };
	for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
		assert_err(op, ERR_BACKEND, identifiers_from_json(op, damaged[i], &back, &n_back));
}

#define SAN_ALL (IDENTIFIER_BIT(IDENTIFIER_DNS) | IDENTIFIER_BIT(IDENTIFIER_IP) | IDENTIFIER_BIT(IDENTIFIER_EMAIL) | IDENTIFIER_BIT(IDENTIFIER_URI) | \
		 IDENTIFIER_BIT(IDENTIFIER_UPN) | IDENTIFIER_BIT(IDENTIFIER_SID))
#define CN_AND_SERIAL (IDENTIFIER_BIT(IDENTIFIER_CN) | IDENTIFIER_BIT(IDENTIFIER_SERIAL_NUMBER))

/* May this profile's certificates have these names, written with blanks between them? */
static result ask(struct op *op, const struct config_profile *profile, const char *texts)
{
	struct config_profile own = *profile;
	struct config config = { .profiles = &own, .n_profiles = 1 };
	struct identifier list[8];
	struct authorization_facts facts = { .door = DOOR_EST, .profile = "p", .identifiers = list };
	struct authorization *authorization;
	own.name = "p";
	own.door = DOOR_EST;
	for (const char *at = texts; *at != '\0'; at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");
		assert_ok(op, identifier_parse_text(op, arena_text_n(op->arena, at, n), &list[facts.n_identifiers++]));
		at += n;
	}
	return authorization_new(op, &config, &facts, &authorization);
}

struct question {
	const char *names;
	bool is_given;
};

static void ask_all(struct op *op, const struct config_profile *profile, const struct question *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		result r = ask(op, profile, rows[i].names);
		if (r.err != (rows[i].is_given ? ERR_NONE : ERR_POLICY))
			fail_msg("%s: got %s: %s", rows[i].names, err_name(r.err), op->detail);
		op_clear_failure(op);
	}
}
#define ASK(op, profile, rows) ask_all((op), (profile), (rows), sizeof(rows) / sizeof *(rows))

/* Each kind alone is given by a profile that lists it, and by no other. */
static void test_kinds_are_listed(void **state)
{
	struct op *op = *state;
	static const char *const texts[N_IDENTIFIER_KINDS] = { "dns:a.example", "ip:192.0.2.1", "email:a@b.example", "uri:urn:x:y",
							       "upn:a@b.example", "cn:x sid:S-1-5-21-1", "c:DE", "st:Hesse", "l:Frankfurt", "o:Corp", "ou:Fleet", "serialNumber:A1", "cn:dev-17" };
	for (unsigned kind = 0; kind < N_IDENTIFIER_KINDS; kind++) {
		for (unsigned listed = 0; listed < N_IDENTIFIER_KINDS; listed++) {
			bool is_attribute = identifier_is_attribute((enum identifier_kind)listed);
			struct config_profile profile = { .names = is_attribute ? 0 : IDENTIFIER_BIT(listed),
							  .subject = is_attribute ? IDENTIFIER_BIT(listed) : 0 };
			if (kind == IDENTIFIER_SID) /* never alone */
				profile.subject |= IDENTIFIER_BIT(IDENTIFIER_CN);
			if (ask(op, &profile, texts[kind]).err != (kind == listed ? ERR_NONE : ERR_POLICY))
				fail_msg("%s with only %s listed", texts[kind], texts[listed]);
			op_clear_failure(op);
		}
	}
}

static void test_bounds(void **state)
{
	struct op *op = *state;
	static const char *suffixes[] = { "corp.example" }, *networks[] = { "10.1.0.0/16", "2001:db8::/33", "192.0.2.7/32" };
	struct config_profile profile = { .names = SAN_ALL,
					  .permitted_names = { suffixes, 1 },
					  .permitted_networks = { networks, 3 } };
	static const struct question rows[] = {
		{ "dns:corp.example", true }, { "dns:a.corp.example", true }, { "dns:xcorp.example", false },
		{ "dns:*.corp.example", false }, { "ip:10.1.255.1", true }, { "ip:10.2.0.1", false }, { "ip:192.0.2.7", true },
		{ "ip:192.0.2.6", false }, { "ip:2001:db8:7fff::1", true }, { "ip:2001:db8:8000::1", false },
		{ "email:a@corp.example", true }, { "email:a@b.corp.example", true }, { "email:corp.example@evil.example", false },
		{ "upn:a@corp.example", true }, { "upn:a@b.corp.example", true }, { "upn:a@evil.example", false },
		{ "upn:corp.example@evil.example", false }, { "dns:corp.example sid:S-1-5-21-1", true }, { "sid:S-1-5-21-1", false },
		{ "dns:corp.example sid:S-1-5-21-1 sid:S-1-5-21-2", false },
		{ "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1", true }, { "uri:tag:microsoft.com,2022-09-15:sid:S-1-5-21-1", false },
		{ "uri:https://b.corp.example/x", true }, { "uri:https://evil.example/corp.example", false },
		{ "uri:https://10.1.2.3/", true }, { "uri:https://10.2.2.3/", false }, { "uri:urn:x:y", true },
		{ "uri:sip:a@evil.example", false }, { "uri:mailto:a@corp.example", false },
		{ "dns:corp.example ip:10.1.0.1 uri:urn:x:y", true }, { "dns:corp.example ip:10.2.0.1 uri:urn:x:y", false },
		{ "dns:evil.example ip:10.1.0.1 uri:urn:x:y", false }, { "dns:corp.example ip:10.1.0.1 uri:tag:x", false },
		{ "", false },
	};
	ASK(op, &profile, rows);
	profile.permitted_networks.n = 0;
	static const struct question without_networks[] = { { "ip:10.2.0.1", true }, { "uri:https://10.1.2.3/", false } };
	ASK(op, &profile, without_networks);
	profile.permitted_names.n = 0;
	static const struct question unbounded[] = { { "uri:https://10.1.2.3/", true }, { "uri:sip:a@evil.example", true },
						     { "dns:evil.example", true }, { "upn:a@evil.example", true } };
	ASK(op, &profile, unbounded);
	/* Intune's form of a SID is a URI, and given where SIDs are. */
	static const struct question sid_tag[] = { { "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1", true },
						   { "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-01", false },
						   { "uri:tag:microsoft.com,2022-09-14:sid:", false } };
	ASK(op, &profile, sid_tag);
	static const struct question no_sid_tag[] = { { "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1", false },
						      { "uri:tag:Microsoft.COM,2022-09-14:SID:S-1-5-21-1", false },
						      { "uri:tag:microsoft.com,2022-09-14:x", true } };
	profile.names &= ~IDENTIFIER_BIT(IDENTIFIER_SID);
	ASK(op, &profile, no_sid_tag);
	static const struct question bounded_tag[] = { { "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1", false },
						       { "uri:urn:x:y", true }, { "dns:a.corp.example sid:S-1-5-21-1", false } };
	profile.permitted_names.n = 1;
	ASK(op, &profile, bounded_tag);
	profile.permitted_names.n = 0;
	static const char *odd[] = { "0.0.0.0/0", "::/0" };
	profile.permitted_networks = (struct config_texts){ odd, 1 };
	static const struct question any_ipv4[] = { { "ip:10.2.0.1", true }, { "ip:2001:db8::1", false } };
	ASK(op, &profile, any_ipv4);
}

/* N4: what the SAN would not get does not come in as a common name either. */
static void test_common_name_is_no_way_around(void **state)
{
	struct op *op = *state;
	static const char *suffixes[] = { "corp.example" }, *networks[] = { "10.1.0.0/16" };
	struct config_profile profile = { .names = IDENTIFIER_BIT(IDENTIFIER_DNS) | IDENTIFIER_BIT(IDENTIFIER_IP),
					  .subject = CN_AND_SERIAL,
					  .permitted_names = { suffixes, 1 },
					  .permitted_networks = { networks, 1 } };
	static const struct question rows[] = {
		{ "cn:dev-17", true }, { "cn:aa:bb:cc:dd:ee:ff", true }, { "cn:dev-17 serialNumber:A1 dns:a.corp.example", true },
		{ "cn:a.corp.example", true }, { "cn:A.Corp.Example", true }, { "cn:www.evil.example", false },
		{ "cn:www.evil.example.", false }, { "cn:a_b.evil.example", false }, { "cn:WWW.EVIL.EXAMPLE", false },
		{ "cn:*.corp.example", false }, { "cn:a.*.corp.example", false }, { "cn:10.1.0.1", true }, { "cn:10.2.0.1", false },
		{ "cn:127.0.0.1", false }, { "cn:::1", false }, { "cn:2001:db8::1", false }, { "cn:a@corp.example", false },
		{ "cn:dev-17 cn:dev-18", false }, { "cn:dev-17 cn:dev-17", true }, { "serialNumber:A1", true },
		{ "o:Corp cn:dev-17", false },
	};
	ASK(op, &profile, rows);
	profile.wildcards = true;
	static const struct question wildcards[] = { { "cn:*.corp.example", true }, { "cn:a.*.corp.example", false },
						     { "cn:**.corp.example", false }, { "cn:*a.corp.example", false } };
	ASK(op, &profile, wildcards);
	profile.names = IDENTIFIER_BIT(IDENTIFIER_EMAIL);
	static const struct question mailboxes[] = { { "cn:a@corp.example", true }, { "cn:a@evil.example", false },
						     { "cn:a.corp.example", false }, { "cn:10.1.0.1", false }, { "cn:dev-17", true },
						     { "cn:ä@evil.example", false }, { "cn:a@b", true } };
	ASK(op, &profile, mailboxes);
	/* Intune's subject of a user is CN={{UserPrincipalName}}. */
	profile.names = IDENTIFIER_BIT(IDENTIFIER_UPN);
	ASK(op, &profile, mailboxes);
}

/* N12: a hundred alternative names, and the subject beside them. */
static void test_count(void **state)
{
	struct op *op = *state;
	struct config_profile profile = { .name = "p", .door = DOOR_EST, .names = SAN_ALL, .subject = CN_AND_SERIAL };
	struct config config = { .profiles = &profile, .n_profiles = 1 };
	struct identifier list[102];
	struct authorization *authorization;
	for (unsigned i = 0; i < 101; i++)
		list[i] = (struct identifier){ IDENTIFIER_DNS, arena_printf(op->arena, "n%u.example", i) };
	list[101] = (struct identifier){ IDENTIFIER_CN, "dev-17" };
	struct authorization_facts facts = { .door = DOOR_EST, .profile = "p", .identifiers = list + 1, .n_identifiers = 101 };
	assert_ok(op, authorization_new(op, &config, &facts, &authorization));
	facts.identifiers = list;
	facts.n_identifiers = 102;
	assert_err(op, ERR_POLICY, authorization_new(op, &config, &facts, &authorization));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_accepted),	   TEST(test_refused), TEST(test_octets), TEST(test_long_values), TEST(test_texts_of_no_kind),
		TEST(test_lists),	   TEST(test_kinds_are_listed), TEST(test_bounds),
		TEST(test_common_name_is_no_way_around), TEST(test_count),
	};
	return RUN_TESTS(tests);
}
