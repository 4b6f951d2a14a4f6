/* chancery.yaml: defaults, and for everything that can be wrong the line and the reason. */
#include "check.h"
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/text.h"

/* The least that is accepted, line by line; a test replaces lines by their number. */
static const char *const least[] = {
	/* 1 */ "organization: Example Corp",
	/* 2 */ "host: ca.example.internal",
	/* 3 */ "token:",
	/* 4 */ "  module: /usr/lib/softhsm/libsofthsm2.so",
	/* 5 */ "  label: chancery",
	/* 6 */ "  pin_file: token.pin",
	/* 7 */ "cas:",
	/* 8 */ "  - name: root",
	/* 9 */ "  - name: issuing",
	/* 10 */ "profiles:",
	/* 11 */ "  - name: server",
	/* 12 */ "    ca: issuing",
	/* 13 */ "  - name: front",
	/* 14 */ "    ca: issuing",
	/* 15 */ "acme:",
	/* 16 */ "  - name: default",
	/* 17 */ "    profile: server",
	/* 18 */ "internal:",
	/* 19 */ "  tls_profile: front",
};
#define N_LEAST (sizeof least / sizeof least[0])

/* The least file with `text` in place of one line; line 0: appended to the end. */
static struct bytes with_line(struct op *op, unsigned line, const char *text)
{
	struct buf buf;
	buf_init(&buf, op->arena, 1024);
	for (unsigned i = 0; i < N_LEAST; i++)
		buf_printf(&buf, "%s\n", i + 1 == line ? text : least[i]);
	if (line == 0)
		buf_printf(&buf, "%s\n", text);
	return buf_as_bytes(&buf);
}

static struct config *parsed(struct op *op, struct bytes yaml)
{
	struct config *config = NULL;
	assert_ok(op, config_parse(op, "/srv/ca", yaml, &config));
	return config;
}

static void test_least_file_has_all_defaults(void **state)
{
	struct op *op = *state;
	struct config *config = parsed(op, with_line(op, 1, least[0]));
	assert_string_equal(config->dir, "/srv/ca");
	assert_string_equal(config->log_level, "info");
	assert_string_equal(config->store, "sqlite:/srv/ca/chancery.db");
	assert_string_equal(config->ocsp_key, "memory");
	assert_int_equal(config->https_port, 8443);
	assert_int_equal(config->http_port, 8080);
	assert_string_equal(config->token.pin_file, "/srv/ca/token.pin");
	assert_int_equal(config->token.signers, 2);
	assert_int_equal(config->cas[1].crl_lifetime_s, 7 * 86400);
	assert_int_equal(config->cas[1].crl_refresh_s, 86400);
	assert_int_equal(config->cas[1].ocsp_lifetime_s, 43200);
	const struct config_profile *server = config_profile(config, "server");
	assert_int_equal(server->validity_s, 90 * 86400);
	assert_int_equal(server->backdate_s, 60);
	assert_int_equal(server->n_key_types, 5);
	assert_true(server->server_auth && !server->client_auth && !server->wildcards && server->common_name);
	assert_int_equal(server->permitted_names.n, 0);
	assert_int_equal(config->acme[0].order_lifetime_s, 7 * 86400);
	assert_int_equal(config->acme[0].authorization_lifetime_s, 30 * 86400);
	assert_null(config->acme[0].terms);
	assert_string_equal(config->tls_profile, "front");
	assert_int_equal(config->validation.attempts, 3);
	assert_true(config->validation.allow_private);
	assert_false(config->validation.allow_loopback);
	assert_int_equal(config->limits.connections, 4096);
	assert_int_equal(config->limits.connections_per_address, 256);
	assert_int_equal(config->limits.lane_sign, 16);
	assert_int_equal(config->limits.queue_batch, 256);
	assert_in_range(config->limits.loops, 1, 4);
	assert_int_equal(config->limits.ocsp_cache_bytes, 64 << 20);
	assert_int_equal(config->limits.orders_per_account, 300);
	assert_int_equal(config->limits.keep_finished_s, 30 * 86400);
	config_free(&config);
	assert_null(config);
	config_free(&config);
}

static void test_values_of_the_file_win(void **state)
{
	struct op *op = *state;
	struct config *config = parsed(op, with_line(op, 0,
		"store: sqlite:/var/lib/ca.db\n"
		"https_port: 443\nhttp_port: 80\n"
		"listen:\n  https: ['[::1]:9443', 127.0.0.1:9443]\n"
		"operator:\n"
		"validation: {resolvers: ['[::1]:53'], deny: [10.0.0.0/8, 'fd00::/8'], allow_private: false}\n"
		"limits: {connections: 100, ocsp_cache: 1GiB}"));
	assert_string_equal(config->store, "sqlite:/var/lib/ca.db");
	assert_int_equal(config->listen.https.n, 2);
	assert_string_equal(config->listen.https.items[0], "[::1]:9443");
	assert_string_equal(config->listen.http.items[0], "0.0.0.0:8080");
	assert_false(config->validation.allow_private);
	assert_int_equal(config->limits.connections, 100);
	assert_int_equal(config->limits.connections_per_address, 100);
	assert_int_equal(config->limits.ocsp_cache_bytes, UINT64_C(1) << 30);
	assert_string_equal(config_https_base(op->arena, config), "https://ca.example.internal");
	assert_string_equal(config_http_base(op->arena, config), "http://ca.example.internal");
	config->https_port = 8443;
	assert_string_equal(config_https_base(op->arena, config), "https://ca.example.internal:8443");
	config_free(&config);
}

struct complaint {
	unsigned line;    /* that is replaced; 0: text is appended from line 20 on */
	const char *text;
	const char *expected; /* in the detail, after "chancery.yaml:" */
};

static void check_complaints(struct op *op, const struct complaint *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config *config = NULL;
		struct bytes yaml = with_line(op, rows[i].line, rows[i].text);
		const char *expected = arena_printf(op->arena, "chancery.yaml:%s", rows[i].expected);
		result r = config_parse(op, "/srv/ca", yaml, &config);
		if (r.err != ERR_MALFORMED || !text_has_prefix(op->detail, expected))
			fail_msg("%s\nexpected %s\n     got %s: %s", rows[i].text, expected, err_name(r.err), op->detail);
		assert_null(config);
		op_clear_failure(op);
	}
}

#define CHECK(op, rows) check_complaints((op), (rows), sizeof(rows) / sizeof(rows)[0])

static void test_wrong_shape_is_named_with_its_line(void **state)
{
	static const struct complaint rows[] = {
		{ 2, "hots: ca.example.internal", "2: \"hots\" is no key" },
		{ 0, "limits:\n  loops: 2\n  lops: 3", "22: \"lops\" is no key" },
		{ 12, "    ca: issuing\n    colour: red", "13: \"colour\" is no key" },
		{ 1, "", "1: \"organization\" is missing" },
		{ 6, "", "4: \"pin_file\" is missing" },
		{ 14, "", "13: \"ca\" is missing" },
		{ 18, "extra:", "18: \"extra\" is no key" },
		{ 2, "host:", "2: the value is empty" },
		{ 2, "host: [a, b]", "2: one plain value belongs here" },
		{ 2, "host: {a: b}", "2: one plain value belongs here" },
		{ 5, "  label: [chancery]", "5: one plain value belongs here" },
		{ 0, "limits: 3", "20: \"key: value\" pairs belong here" },
		{ 0, "listen:\n  https: 127.0.0.1:8443", "21: a list belongs here" },
		{ 0, "listen:\n  https: []", "21: the list is empty" },
		{ 12, "    ca: issuing\n    permitted_names: []", "13: the list is empty" },
		{ 12, "    ca: issuing\n    permitted_names:", "13: a list belongs here" },
		{ 12, "    ca: issuing\n    wildcards: flase", "13: \"flase\" is neither true nor false" },
		{ 12, "    ca: issuing\n    wildcards: 1", "13: \"1\" is neither true nor false" },
		{ 9, "  - issuing", "9: \"key: value\" pairs belong here" },
	};
	CHECK(*state, rows);
}

static void test_what_yaml_can_do_and_we_do_not_want(void **state)
{
	static const struct complaint rows[] = {
		{ 2, "host: &a ca.example.internal", "2: aliases, anchors and tags" },
		{ 2, "host: *a", "2: aliases, anchors and tags" },
		{ 2, "host: !!str ca.example.internal", "2: aliases, anchors and tags" },
		{ 2, "host: ca\nhost: cb", "3: \"host\" stands there already, in line 2" },
		{ 12, "    ca: issuing\n    name: twice", "13: \"name\" stands there already, in line 11" },
		{ 0, "---\nhost: b", "20: a second document" },
		{ 2, "host: \"a\\0b\"", "2: a value must be one line" },
		{ 2, "host: \"a\\nb\"", "2: a value must be one line" },
		{ 2, "? [a]\n: b", "2: a key must be a plain word" },
		{ 2, "host: a\n b: c", "3: not YAML: mapping values are not allowed" },
		{ 2, "host: \"open", "20: not YAML: " },
		{ 2, "host: \xff\xfe", "2: not YAML: " },
		{ 2, "host: [[[[[[[[[", "2: values are nested deeper than 8" },
		{ 2, "\thost: a", "2: not YAML: " },
	};
	CHECK(*state, rows);
}

static void test_wrong_values_are_named_with_their_line(void **state)
{
	static const struct complaint rows[] = {
		{ 1, "organization: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'", "1: organization: " },
		{ 2, "host: CA.example", "2: host: \"CA.example\" is not a DNS name" },
		{ 2, "host: a..b", "2: host: " },
		{ 2, "host: -a.b", "2: host: " },
		{ 2, "host: https://a", "2: host: " },
		{ 5, "  label: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "5: token.label: it is longer" },
		{ 6, "  pin_file: p\n  signers: 0", "7: token.signers: \"0\" is not a number from 1 to 64" },
		{ 6, "  pin_file: p\n  signers: -1", "7: token.signers: " },
		{ 6, "  pin_file: p\n  pin: '1234'", "7: \"pin\" is no key" },
		{ 8, "  - name: root\n    crl_lifetime: 7", "9: cas[0].crl_lifetime: \"7\" is not a duration" },
		{ 8, "  - name: root\n    crl_lifetime: 7 days", "9: cas[0].crl_lifetime: \"7 days\" is not a duration" },
		{ 8, "  - name: root\n    crl_refresh: 7d", "9: cas[0].crl_refresh: 7d is not between 1s and " },
		{ 8, "  - name: Root", "8: cas[0].name: \"Root\" cannot be a name" },
		{ 8, "  - name: roots", "8: cas[0].name: " },
		{ 8, "  - name: root-chain", "8: cas[0].name: " },
		{ 8, "  - name: ../root", "8: cas[0].name: " },
		{ 9, "  - name: root", "9: cas[1].name: another CA is called \"root\"" },
		{ 13, "  - name: server", "13: profiles[1].name: another profile is called \"server\"" },
		{ 12, "    ca: isuing", "12: profiles[0].ca: there is no CA called \"isuing\"" },
		{ 12, "    ca: issuing\n    validity: 90", "13: profiles[0].validity: \"90\" is not a duration" },
		{ 12, "    ca: issuing\n    validity: 9000d", "13: profiles[0].validity: 9000d is not between" },
		{ 12, "    ca: issuing\n    validity: 1h\n    backdate: 1h", "14: profiles[0].backdate: " },
		{ 12, "    ca: issuing\n    key_types: [P-256, P-257]", "13: profiles[0].key_types[1]: \"P-257\" is none of" },
		{ 12, "    ca: issuing\n    key_types:\n      - P-256\n      - P-256", "15: profiles[0].key_types[1]: P-256 stands" },
		{ 12, "    ca: issuing\n    key_types: [other]", "13: profiles[0].key_types[0]: " },
		{ 12, "    ca: issuing\n    usages: [code_signing]", "13: profiles[0].usages[0]: \"code_signing\" is none of" },
		{ 12, "    ca: issuing\n    permitted_names: [.a.b]", "13: profiles[0].permitted_names[0]: " },
		{ 12, "    ca: issuing\n    permitted_names: ['*.a.b']", "13: profiles[0].permitted_names[0]: " },
		{ 12, "    ca: issuing\n    names: [dns, rid]", "13: profiles[0].names[1]: \"rid\" is none of dns, ip, email, uri, upn, sid" },
		{ 12, "    ca: issuing\n    names: [dns, dns]", "13: profiles[0].names[1]: dns stands" },
		{ 12, "    ca: issuing\n    names: []", "13: the list is empty" },
		{ 12, "    ca: issuing\n    subject: [email]", "13: profiles[0].subject[0]: \"email\" is none of common_name, " },
		{ 12, "    ca: issuing\n    subject: [country, country]", "13: profiles[0].subject[1]: country stands" },
		{ 12, "    ca: issuing\n    subject: [common_name]\n    common_name: true", "14: profiles[0].common_name: with subject:" },
		{ 12, "    ca: issuing\n    common_name: true\n    subject: [common_name]", "13: profiles[0].common_name: with subject:" },
		{ 12, "    ca: issuing\n    permitted_networks: [10.0.0.0]", "13: profiles[0].permitted_networks[0]: " },
		{ 12, "    ca: issuing\n    permitted_networks: [a.example]", "13: profiles[0].permitted_networks[0]: " },
		{ 16, "  - name: directory", "16: acme[0].name: \"directory\" is an address" },
		{ 17, "    profile: server\n    terms: example.com", "18: acme[0].terms: \"example.com\" is not an http" },
		{ 17, "    profile: server\n    order_lifetime: 1s", "18: acme[0].order_lifetime: 1s is not between 1m and 90d" },
		{ 0, "log_level: loud", "20: log_level: \"loud\" is none of" },
		{ 0, "ocsp_key: disk", "20: ocsp_key: \"disk\" is neither" },
		{ 0, "store: mysql://a", "20: store: " },
		{ 0, "store: 'sqlite:'", "20: store: " },
		{ 0, "https_port: 65536", "20: https_port: \"65536\" is not a number from 1 to 65535" },
		{ 0, "https_port: 0x10", "20: https_port: " },
		{ 0, "listen: {https: ['[::1]']}", "20: listen.https[0]: \"[::1]\" is not an address and a port" },
		{ 0, "listen: {https: ['::1:8443']}", "20: listen.https[0]: " },
		{ 0, "listen: {https: ['[127.0.0.1]:8443']}", "20: listen.https[0]: " },
		{ 0, "listen: {http: [localhost:80]}", "20: listen.http[0]: " },
		{ 0, "listen: {http: ['127.0.0.1:0']}", "20: listen.http[0]: " },
		{ 0, "validation: {resolvers: [127.0.0.1]}", "20: validation.resolvers[0]: " },
		{ 0, "validation: {deny: [10.0.0.0/33]}", "20: validation.deny[0]: " },
		{ 0, "validation: {deny: [10.0.0.0]}", "20: validation.deny[0]: " },
		{ 0, "validation:\n  attempts: 0", "21: validation.attempts: " },
		{ 0, "limits:\n  ocsp_cache: 64MB", "21: limits.ocsp_cache: \"64MB\" is not a size" },
		{ 0, "limits:\n  ocsp_cache: 1KiB", "21: limits.ocsp_cache: 1KiB is not between" },
		{ 0, "limits: {keep_finished: 1m}", "20: limits.keep_finished: 1m is not between 1h and 3650d" },
		{ 0, "limits: {connections: 20, connections_per_address: 21}", "20: limits.connections_per_address: " },
	};
	CHECK(*state, rows);
}

/* V2: one profile answers through exactly one kind of door. */
static void test_two_doors_for_one_profile_are_refused_V2(void **state)
{
	static const struct complaint rows[] = {
		{ 19, "  tls_profile: server", "19: internal.tls_profile: profile \"server\" is answered through acme already" },
		{ 0, "operator:\n  profiles:\n    - server", "22: operator.profiles[0]: profile \"server\" is answered through acme" },
		{ 0, "operator: {profiles: [front]}", "19: internal.tls_profile: profile \"front\" is answered through operator" },
		{ 0, "operator: {profiles: [nobody]}", "20: operator.profiles[0]: there is no profile called \"nobody\"" },
		{ 17, "    profile: nobody", "17: acme[0].profile: there is no profile" },
		{ 17, "    profile: server\n  - name: default\n    profile: server", "18: acme[1].name: another ACME door" },
		{ 19, "  tls_profile: nobody", "19: internal.tls_profile: there is no profile" },
		{ 14, "    ca: issuing\n    usages: [client_auth]", "20: internal.tls_profile: profile \"front\" lacks" },
	};
	CHECK(*state, rows);
}

/* Nothing but DNS names can be shown to ACME, and the server itself has nothing else. */
static void test_doors_that_give_dns_names_only(void **state)
{
	static const struct complaint rows[] = {
		{ 12, "    ca: issuing\n    names: [dns, ip]", "18: acme[0].profile: profile \"server\" has names: or subject:" },
		{ 12, "    ca: issuing\n    names: [uri]", "18: acme[0].profile: profile \"server\" has names: or subject:" },
		{ 12, "    ca: issuing\n    subject: [organization]", "18: acme[0].profile: profile \"server\" has names: or subject:" },
		{ 12, "    ca: issuing\n    names: [dns, sid]", "18: acme[0].profile: profile \"server\" has names: or subject:" },
		{ 14, "    ca: issuing\n    names: [email]", "20: internal.tls_profile: profile \"front\" has names: or subject:" },
	};
	CHECK(*state, rows);
}

static void test_names_of_devices(void **state)
{
	struct op *op = *state;
	struct config *config = parsed(op, with_line(op, 14,
		"    ca: issuing\n"
		"  - name: device\n    ca: issuing\n    names: [uri, ip]\n    subject: [common_name, serial_number]\n"
		"    permitted_networks: [10.0.0.0/8, 'fd00::/8']\n"
		"  - name: laptop\n    ca: issuing\n    names: [upn, sid]\n    subject: [locality, state]\n"
		"  - name: quiet\n    ca: issuing\n    subject: [country]\n    common_name: false"));
	const struct config_profile *device = config_profile(config, "device"), *server = config_profile(config, "server");
	assert_int_equal(device->names, IDENTIFIER_BIT(IDENTIFIER_URI) | IDENTIFIER_BIT(IDENTIFIER_IP));
	assert_int_equal(device->subject, IDENTIFIER_BIT(IDENTIFIER_CN) | IDENTIFIER_BIT(IDENTIFIER_SERIAL_NUMBER));
	assert_int_equal(device->permitted_networks.n, 2);
	const struct config_profile *laptop = config_profile(config, "laptop");
	assert_int_equal(laptop->names, IDENTIFIER_BIT(IDENTIFIER_UPN) | IDENTIFIER_BIT(IDENTIFIER_SID));
	assert_int_equal(laptop->subject, IDENTIFIER_BIT(IDENTIFIER_L) | IDENTIFIER_BIT(IDENTIFIER_ST));
	assert_false(device->common_name); /* the default gives way to subject: */
	assert_int_equal(config_profile(config, "quiet")->subject, IDENTIFIER_BIT(IDENTIFIER_C));
	assert_int_equal(server->names, IDENTIFIER_BIT(IDENTIFIER_DNS));
	assert_int_equal(server->subject, 0);
	assert_true(server->common_name);
	config_free(&config);
}

/* A label at the end of the least file, with a profile of its own. */
#define EST "    ca: issuing\n  - name: device\n    ca: issuing\nest:\n  - label: default\n    profile: device\n"

static void test_est_has_defaults(void **state)
{
	struct op *op = *state;
	struct config *config = parsed(op, with_line(op, 14, EST "    authentication: [user, token]"));
	const struct config_est *est = config_est(config, "default");
	assert_non_null(est);
	assert_null(config_est(config, "other"));
	assert_int_equal(config_profile(config, "device")->door, DOOR_EST);
	assert_int_equal(est->ways, EST_USER | EST_TOKEN);
	assert_int_equal(est->anchors.n, 0);
	assert_false(est->has_any_anchored_names || est->needs_binding || est->is_manual || est->has_registrars);
	assert_int_equal(est->server_keys, EST_KEYS_OFF);
	assert_int_equal(est->request_lifetime_s, 7 * 86400);
	config_free(&config);

	config = parsed(op, with_line(op, 14, EST
		"    authentication: [certificate+user, certificate]\n    anchors: [maker.pem, /etc/maker.pem]\n    anchor_crls: [maker.crl]\n"
		"    anchored_names: any\n    channel_binding: required\n    approval: manual\n    registrars: true\n"
		"    server_keys: tls\n    request_lifetime: 1d\n"
		"listen:\n  mutual: [127.0.0.1:8444]\n  mutual_host: est.example.internal"));
	est = config_est(config, "default");
	assert_int_equal(est->ways, EST_CERTIFICATE | EST_CERTIFICATE_AND_USER);
	assert_string_equal(est->anchors.items[0], "/srv/ca/maker.pem");
	assert_string_equal(est->anchors.items[1], "/etc/maker.pem");
	assert_string_equal(est->anchor_crls.items[0], "/srv/ca/maker.crl");
	assert_true(est->has_any_anchored_names && est->needs_binding && est->is_manual && est->has_registrars);
	assert_int_equal(est->server_keys, EST_KEYS_TLS);
	assert_string_equal(config->listen.mutual_host, "est.example.internal");
	config_free(&config);
}

/* E1: a label is no operation. V2: its profile has no other door. What needs a client's certificate has a listener for it. */
static void test_est_that_cannot_be_E1_V2(void **state)
{
	static const struct complaint rows[] = {
		{ 14, EST "    authentication: [certificate]", "20: est[0].authentication: \"certificate\" needs a listener" },
		{ 14, EST "    authentication: [user]\n    channel_binding: required", "21: est[0].channel_binding: \"required\" needs" },
		{ 14, EST "    authentication: [anonymous, user]", "20: est[0].authentication: with \"anonymous\" nobody" },
		{ 14, EST "    authentication: [user, user]", "20: est[0].authentication[1]: user stands there twice" },
		{ 14, EST "    authentication: [password]", "20: est[0].authentication[0]: \"password\" is none of" },
		{ 14, EST "    authentication: [user]\n    anchors: [a.pem]", "21: est[0].anchors: no way of authentication" },
		{ 14, EST "    authentication: [user]\n    anchor_crls: [a.crl]", "21: est[0].anchor_crls: there are no anchors" },
		{ 14, EST "    authentication: [user]\n    approval: perhaps", "21: est[0].approval: \"perhaps\" is neither" },
		{ 14, EST "    authentication: [user]\n    server_keys: yes", "21: est[0].server_keys: \"yes\" is none of" },
		{ 14, EST "    authentication: [user]\n  - label: default\n    profile: device\n    authentication: [user]",
		  "21: est[1].label: another EST label" },
		{ 14, EST, "18: \"authentication\" is missing here" },
		{ 0, "est:\n  - label: cacerts\n    profile: server\n    authentication: [user]", "21: est[0].label: \"cacerts\" is an operation" },
		{ 0, "est:\n  - label: x\n    profile: server\n    authentication: [user]", "22: est[0].profile: profile \"server\" is answered through acme" },
		{ 0, "listen: {mutual_host: ca.example.internal}", "20: listen.mutual_host: it is the host itself" },
		{ 0, "listen: {mutual: [nowhere]}", "20: listen.mutual[0]: " },
	};
	CHECK(*state, rows);
}

/* An endpoint at the end of the least file, with a profile of its own. */
#define SCEP "    ca: issuing\n  - name: mobile\n    ca: issuing\nscep:\n  - name: default\n    profile: mobile\n"
#define INTUNE "    authentication: [intune]\n    intune:\n      tenant: contoso\n      client_id: id\n"

static void test_scep_has_defaults(void **state)
{
	struct op *op = *state;
	struct config *config = parsed(op, with_line(op, 14, SCEP "    authentication: [challenge, approval]"));
	const struct config_scep *scep = config_scep(config, "default");
	assert_non_null(scep);
	assert_null(config_scep(config, "other"));
	assert_int_equal(config_profile(config, "mobile")->door, DOOR_SCEP);
	assert_int_equal(scep->ways, SCEP_CHALLENGE | SCEP_APPROVAL);
	assert_true(scep->has_renewal && scep->serves_certificates && scep->serves_crl);
	assert_int_equal(scep->renewal_after_expiry_s, 0);
	assert_int_equal(scep->compatibility, 0);
	assert_int_equal(scep->ra_key, KEY_RSA2048);
	assert_int_equal(scep->request_lifetime_s, 7 * 86400);
	assert_null(scep->intune.tenant);
	assert_null(scep->next_ca);
	config_free(&config);

	config = parsed(op, with_line(op, 14, SCEP
		"    authentication: [static]\n    static_challenge_file: one\n    static_names: [\"dns:*.fleet.example\"]\n"
		"    renewal_after_expiry: 30d\n    approval: manual\n    compatibility: [sha1, ber, 3des]\n    ra_key: RSA-4096\n"
		"    get_cert: false\n    get_crl: false\n    next_ca: next.pem"));
	scep = config_scep(config, "default");
	assert_string_equal(scep->static_challenge_file, "/srv/ca/one");
	assert_string_equal(scep->next_ca, "/srv/ca/next.pem");
	assert_string_equal(scep->static_names.items[0], "dns:*.fleet.example");
	assert_int_equal(scep->renewal_after_expiry_s, 30 * 86400);
	assert_int_equal(scep->compatibility, SCEP_ACCEPTS_3DES | SCEP_ACCEPTS_SHA1 | SCEP_ACCEPTS_BER);
	assert_int_equal(scep->ra_key, KEY_RSA4096);
	assert_true(scep->is_manual && !scep->serves_certificates && !scep->serves_crl);
	config_free(&config);

	config = parsed(op, with_line(op, 14, SCEP INTUNE "      secret_file: /etc/secret\n      timeout: 20s\n      revocations: false"));
	const struct config_intune *intune = &config_scep(config, "default")->intune;
	assert_string_equal(intune->tenant, "contoso");
	assert_string_equal(intune->secret_file, "/etc/secret");
	assert_string_equal(intune->resource_url, "https://api.manage.microsoft.com/");
	assert_int_equal(intune->timeout_s, 20);
	assert_false(intune->downloads_revocations);
	config_free(&config);
}

/* S1: no challenge for everything. V44: no endpoint that asks nobody. */
static void test_scep_that_cannot_be_S1_V44(void **state)
{
	static const struct complaint rows[] = {
		{ 14, SCEP "    authentication: [static]\n    static_names: [dns:a.example]", "20: scep[0].authentication: \"static\" needs static_challenge_file" },
		{ 14, SCEP "    authentication: [static]\n    static_challenge_file: one", "20: scep[0].authentication: \"static\" needs static_names" },
		{ 14, SCEP "    authentication: [static]\n    static_challenge_file: one\n    static_names: [\"*\"]", "22: scep[0].static_names[0]: " },
		{ 14, SCEP "    authentication: [intune]", "20: scep[0].authentication: \"intune\" needs the section intune" },
		{ 14, SCEP INTUNE, "21: scep[0].intune: it needs secret_file" },
		{ 14, SCEP INTUNE "      key_file: a", "24: scep[0].intune.key_file: certificate_file and key_file go together" },
		{ 14, SCEP INTUNE "      secret_file: a\n      graph_url: graph", "25: scep[0].intune.graph_url: \"graph\" is not an http" },
		{ 14, SCEP "    authentication: [challenge, challenge]", "20: scep[0].authentication[1]: challenge stands there twice" },
		{ 14, SCEP "    authentication: [anybody]", "20: scep[0].authentication[0]: \"anybody\" is none of" },
		{ 14, SCEP "    renewal: false", "20: scep[0].renewal: without authentication and renewal nobody" },
		{ 14, SCEP "    authentication: [challenge]\n    renewal: false\n    renewal_after_expiry: 1d", "22: scep[0].renewal_after_expiry: renewal is off" },
		{ 14, SCEP "    compatibility: [md5]", "20: scep[0].compatibility[0]: \"md5\" is none of" },
		{ 14, SCEP "    ra_key: P-256", "20: scep[0].ra_key: \"P-256\" is none of" },
		{ 14, SCEP "    approval: perhaps", "20: scep[0].approval: \"perhaps\" is neither" },
		{ 14, SCEP "  - name: default\n    profile: mobile", "20: scep[1].name: another SCEP endpoint" },
		{ 14, "    ca: issuing\n  - name: mobile\n    ca: issuing\n    key_types: [P-256]\nscep:\n  - name: a\n    profile: mobile",
		  "20: scep[0].profile: profile \"mobile\" takes no RSA keys" },
		{ 0, "scep:\n  - name: x\n    profile: server", "22: scep[0].profile: profile \"server\" is answered through acme" },
	};
	CHECK(*state, rows);
}

static void test_profile_without_a_door_has_none(void **state)
{
	struct op *op = *state;
	struct config *config = parsed(op, with_line(op, 14, "    ca: issuing\n  - name: idle\n    ca: root"));
	assert_int_equal(config_profile(config, "idle")->door, DOOR_NONE);
	assert_int_equal(config_profile(config, "server")->door, DOOR_ACME);
	assert_null(config_profile(config, "nobody"));
	assert_null(config_ca(config, "nobody"));
	config_free(&config);
}

static void test_hostile_sizes(void **state)
{
	struct op *op = *state;
	struct config *config = NULL;
	struct buf buf;
	assert_err(op, ERR_MALFORMED, config_parse(op, "/", BYTES_NONE, &config));
	assert_err(op, ERR_MALFORMED, config_parse(op, "/", BYTES_LITERAL("[]"), &config));
	assert_err(op, ERR_MALFORMED, config_parse(op, "/", BYTES_LITERAL("x"), &config));
	assert_err(op, ERR_MALFORMED, config_parse(op, "/", BYTES_LITERAL("a: b\0"), &config));
	buf_init(&buf, op->arena, LIMIT_CONFIG_BYTES + 2);
	for (int i = 0; i <= LIMIT_CONFIG_BYTES; i++)
		buf_byte(&buf, ' ');
	assert_err(op, ERR_MALFORMED, config_parse(op, "/", buf_as_bytes(&buf), &config));
	buf_init(&buf, op->arena, 65536);
	for (int i = 0; i <= LIMIT_CONFIG_VALUES; i++)
		buf_printf(&buf, "k%d: v\n", i);
	result r = config_parse(op, "/", buf_as_bytes(&buf), &config);
	assert_int_equal(r.err, ERR_MALFORMED);
	assert_string_equal(op->detail, "chancery.yaml:4097: the file holds more than 4096 values");
	assert_null(config);
}

static void test_load_reads_the_folder(void **state)
{
	struct op *op = *state;
	char folder[] = "/tmp/chancery-test-XXXXXX";
	struct config *config = NULL;
	uint8_t hash[SHA256_SIZE];
	struct bytes yaml = with_line(op, 1, least[0]);
	assert_non_null(mkdtemp(folder));
	const char *path = files_join(op->arena, folder, CONFIG_FILE);
	result r = config_load(op, folder, &config);
	assert_int_equal(r.err, ERR_NOT_FOUND);
	assert_non_null(strstr(op->detail, "chancery init"));
	assert_ok(op, files_write(op, path, 0600, yaml));
	r = config_load(op, folder, &config);
	unlink(path);
	rmdir(folder);
	assert_ok(op, r);
	assert_string_equal(config->dir, folder);
	bytes_sha256(yaml, hash);
	assert_memory_equal(config->hash, hash, sizeof hash);
	config_free(&config);
	assert_ok(op, config_parse(op, "relative", yaml, &config));
	assert_int_equal(config->dir[0], '/');
	assert_true(text_has_suffix(config->dir, "/relative"));
	config_free(&config);
}

static void test_names_of_key_types_and_doors(void **state)
{
	(void)state;
	for (enum key_type type = KEY_P256; type < KEY_OTHER; type++) {
		enum key_type back = KEY_OTHER;
		assert_true(key_type_parse(key_type_name(type), &back));
		assert_int_equal(back, type);
	}
	enum key_type type;
	assert_false(key_type_parse("other", &type));
	assert_false(key_type_parse("p-256", &type));
	assert_string_equal(key_type_name(KEY_RSA3072), "RSA-3072");
	assert_string_equal(door_name(DOOR_INTERNAL), "internal");
	assert_string_equal(door_name(DOOR_EST), "est");
	assert_string_equal(door_name(DOOR_SCEP), "scep");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_least_file_has_all_defaults),
		TEST(test_values_of_the_file_win),
		TEST(test_wrong_shape_is_named_with_its_line),
		TEST(test_what_yaml_can_do_and_we_do_not_want),
		TEST(test_wrong_values_are_named_with_their_line),
		TEST(test_two_doors_for_one_profile_are_refused_V2),
		TEST(test_doors_that_give_dns_names_only),
		TEST(test_names_of_devices),
		TEST(test_est_has_defaults),
		TEST(test_est_that_cannot_be_E1_V2),
		TEST(test_scep_has_defaults),
		TEST(test_scep_that_cannot_be_S1_V44),
		TEST(test_profile_without_a_door_has_none),
		TEST(test_hostile_sizes),
		TEST(test_load_reads_the_folder),
		TEST(test_names_of_key_types_and_doors),
	};
	return RUN_TESTS(tests);
}
