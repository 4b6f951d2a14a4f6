/*
 * The door: what it refuses, and that nothing is lost or half done when the
 * n-th write or the signature fails (I1-I4, I7, F7, F11, N7, N9, V8, V38, V42).
 */
#include "base/clock.h"
#include "base/openssl_auto.h"
#include "ca/audit.h"
#include "ca/doubts.h"
#include "ca/issue.h"
#include "ca/revoke.h"
#include "store/accounts.h"
#include "store/orders.h"
#include "tests/fake/fake_authority.h"
#include "tests/fake/fake_token.h"
#include "tests/unit/fixture.h"

/* The n-th write fails, as if the store were gone, or all from there on (the linker puts these in between). */
static unsigned fail_write_at;
static bool fail_writes_after;
static bool write_fails(void)
{
	if (fail_write_at == 0)
		return false;
	bool is_it = fail_write_at == 1;
	if (!is_it || !fail_writes_after)
		fail_write_at--;
	return is_it;
}

result __real_ledger_run(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg);
result __wrap_ledger_run(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg);
result __wrap_ledger_run(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg)
{
	if (write_fails())
		return FAIL(op, ERR_BACKEND, "the store is gone");
	return __real_ledger_run(op, ledger, fn, arg);
}

result __real_ledger_settle(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg);
result __wrap_ledger_settle(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg);
result __wrap_ledger_settle(struct op *op, struct ledger *ledger, ledger_fn *fn, void *arg)
{
	if (write_fails())
		return FAIL(op, ERR_BACKEND, "the store is gone");
	return __real_ledger_settle(op, ledger, fn, arg);
}

static const char *device_domains[] = { "fleet.example" };
static struct config_profile profiles[] = {
	{ .name = "server",
	  .ca = "issuing",
	  .door = DOOR_ACME,
	  .validity_s = 90 * 86400,
	  .backdate_s = 60,
	  .key_types = { KEY_P256 },
	  .n_key_types = 1,
	  .server_auth = true,
	  .names = IDENTIFIER_BIT(IDENTIFIER_DNS),
	  .common_name = true },
	{ .name = "eternal",
	  .ca = "issuing",
	  .door = DOOR_OPERATOR,
	  .validity_s = 9999LL * 86400,
	  .key_types = { KEY_P256 },
	  .n_key_types = 1,
	  .server_auth = true,
	  .names = IDENTIFIER_BIT(IDENTIFIER_DNS) },
	{ .name = "device",
	  .ca = "issuing",
	  .door = DOOR_EST,
	  .validity_s = 30 * 86400,
	  .key_types = { KEY_P256 },
	  .n_key_types = 1,
	  .client_auth = true,
	  .names = IDENTIFIER_BIT(IDENTIFIER_DNS) | IDENTIFIER_BIT(IDENTIFIER_IP) | IDENTIFIER_BIT(IDENTIFIER_URI),
	  .subject = IDENTIFIER_BIT(IDENTIFIER_O) | IDENTIFIER_BIT(IDENTIFIER_SERIAL_NUMBER) | IDENTIFIER_BIT(IDENTIFIER_CN),
	  .permitted_names = { device_domains, 1 } },
};

static int setup(void **state)
{
	fake_token_reset();
	fail_write_at = 0;
	struct fake_authority *fake = fake_authority_prepare("memory");
	fake->config->profiles = profiles;
	fake->config->n_profiles = sizeof profiles / sizeof profiles[0];
	fake_authority_open(fake);
	*state = fake;
	return 0;
}

static int teardown(void **state)
{
	struct fake_authority *fake = *state;
	fake_token_set_faults(NULL);
	fail_write_at = 0;
	fake_authority_free(&fake);
	return 0;
}

static struct bytes make_spki(struct op *op)
{
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	assert_true(n > 0);
	struct bytes spki = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return spki;
}

/* An order in state ready, to be claimed. */
static result write_order(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct account account = { .id = "acc", .endpoint = "default", .thumbprint = "t", .jwk = "{}", .contact = "[]" };
	struct order order = { .id = arg,
			       .account = "acc",
			       .endpoint = "default",
			       .profile = "server",
			       .status = ORDER_READY,
			       .identifiers = "[]",
			       .created_s = clock_now_s(),
			       .expires_s = clock_now_s() + 3600 };
	struct account known;
	if (account_load(op, ledger_db(tx), "default", "acc", &known).err != ERR_NONE) {
		op_clear_failure(op);
		TRY(account_insert(op, ledger_db(tx), &account));
	}
	return order_insert(op, ledger_db(tx), &order);
}

static struct authorization *authorize(struct fake_authority *fake, const char *profile, enum door door, char *order)
{
	static const struct identifier names[] = { { IDENTIFIER_DNS, "a.example" }, { IDENTIFIER_DNS, "b.example" } };
	struct authorization_facts facts = { .door = door,
					     .profile = profile,
					     .identifiers = names,
					     .n_identifiers = 2,
					     .requester = "test",
					     .claim_kind = order != NULL ? CLAIM_ACME_ORDER : CLAIM_NONE,
					     .claim_id = order };
	struct authorization *authorization = NULL;
	if (order != NULL)
		assert_ok(fake->op, ledger_run(fake->op, fake->authority->ledger, write_order, order));
	assert_ok(fake->op, authorization_new(fake->op, fake->config, &facts, &authorization));
	return authorization;
}

static enum order_status order_status_of(struct fake_authority *fake, const char *id)
{
	STORE_LEASE(lease);
	struct order order;
	assert_ok(fake->op, store_read(fake->op, fake->authority->store, &lease));
	assert_ok(fake->op, order_load(fake->op, lease.db, id, &order));
	return order.status;
}

/* The rows of the issuing CA's leaves, by status. */
static unsigned count_rows(struct fake_authority *fake, enum certificate_status status)
{
	STORE_LEASE(lease);
	struct certificate_filter filter = { .profile = "server", .limit = 1000 };
	struct certificate *rows;
	unsigned n, found = 0;
	assert_ok(fake->op, store_read(fake->op, fake->authority->store, &lease));
	assert_ok(fake->op, certificate_list(fake->op, lease.db, &filter, &rows, &n));
	for (unsigned i = 0; i < n; i++)
		found += rows[i].status == status;
	return found;
}

static void assert_log_intact(struct fake_authority *fake)
{
	struct audit_finding finding;
	assert_ok(fake->op, audit_verify(fake->op, fake->authority, &finding));
	if (!finding.is_intact)
		fail_msg("%s", finding.what);
}

static void test_issues_what_was_authorized(void **state)
{
	struct fake_authority *fake = *state;
	struct issued issued;
	struct bytes spki = make_spki(fake->op);
	assert_ok(fake->op, issue(fake->op, fake->authority, authorize(fake, "server", DOOR_ACME, "o1"), spki, &issued));
	const uint8_t *p = issued.der.p;
	AUTO(X509) *certificate = d2i_X509(NULL, &p, (long)issued.der.n);
	assert_non_null(certificate);
	assert_int_equal(X509_verify(certificate, fake->issuing->public_key), 1);
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	assert_true(bytes_equal((struct bytes){ der, (size_t)n }, spki)); /* V42 */
	OPENSSL_free(der);
	assert_int_equal(issued.not_after_s - issued.not_before_s + 1, profiles[0].validity_s); /* V38 */
	assert_int_equal(order_status_of(fake, "o1"), ORDER_VALID);
	assert_int_equal(count_rows(fake, CERTIFICATE_ISSUED), 1);
	assert_log_intact(fake);
}

static result issue_device(struct fake_authority *fake, const struct identifier *names, unsigned n, struct issued *issued)
{
	struct authorization_facts facts = { .door = DOOR_EST, .profile = "device", .identifiers = names, .n_identifiers = n,
					     .requester = "test" };
	struct authorization *authorization;
	TRY(issue_authorize(fake->op, fake->authority, &facts, &authorization));
	return issue(fake->op, fake->authority, authorization, make_spki(fake->op), issued);
}

static unsigned count_named(struct fake_authority *fake, const char *name)
{
	STORE_LEASE(lease);
	struct certificate_filter filter = { .name = name, .limit = 10 };
	struct certificate *rows;
	unsigned n;
	assert_ok(fake->op, store_read(fake->op, fake->authority->store, &lease));
	assert_ok(fake->op, certificate_list(fake->op, lease.db, &filter, &rows, &n));
	for (unsigned i = 0; i < n; i++)
		assert_string_equal(rows[i].subject, "dev-17");
	return n;
}

/* A device's certificate: the subject that was authorized, found by its names but not by its organization. */
static void test_issues_to_devices(void **state)
{
	struct fake_authority *fake = *state;
	struct issued issued;
	static const struct identifier names[] = { { IDENTIFIER_CN, "dev-17" }, { IDENTIFIER_O, "Example Corp" },
						   { IDENTIFIER_SERIAL_NUMBER, "A1234" }, { IDENTIFIER_URI, "urn:dev:17" },
						   { IDENTIFIER_IP, "192.0.2.17" }, { IDENTIFIER_DNS, "dev-17.fleet.example" } };
	assert_ok(fake->op, issue_device(fake, names, 6, &issued));
	const uint8_t *p = issued.der.p;
	AUTO(X509) *certificate = d2i_X509(NULL, &p, (long)issued.der.n);
	assert_non_null(certificate);
	char *subject = X509_NAME_oneline(X509_get_subject_name(certificate), NULL, 0);
	assert_string_equal(subject, "/O=Example Corp/serialNumber=A1234/CN=dev-17");
	OPENSSL_free(subject);
	assert_int_equal(X509_check_ip_asc(certificate, "192.0.2.17", 0), 1);
	assert_int_equal(X509_check_host(certificate, "dev-17.fleet.example", 0, 0, NULL), 1);
	static const char *const found[] = { "dev-17", "A1234", "urn:dev:17", "192.0.2.17", "dev-17.fleet.example" };
	for (size_t i = 0; i < sizeof found / sizeof *found; i++)
		assert_int_equal(count_named(fake, found[i]), 1);
	assert_int_equal(count_named(fake, "Example Corp"), 0);
	/* Without a SAN; of a subject alone. */
	assert_ok(fake->op, issue_device(fake, names, 3, &issued));
	assert_ok(fake->op, issue_device(fake, names, 1, &issued));
	assert_int_equal(count_named(fake, "dev-17"), 3);
	assert_log_intact(fake);
}

/* C2: who is called like one of the CAs of the house gets nothing; nor does who goes around the bounds. */
static void test_refuses_subjects(void **state)
{
	struct fake_authority *fake = *state;
	struct issued issued;
	uint64_t signatures = fake_token_signatures();
	static const char *const texts[] = { "cn:www.evil.example", "cn:10.0.0.1x.evil.example", "cn:a@b.example", "ou:Fleet",
					     "uri:https://evil.example/" };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct identifier name;
		assert_ok(fake->op, identifier_parse_text(fake->op, texts[i], &name));
		assert_err(fake->op, ERR_POLICY, issue_device(fake, &name, 1, &issued));
	}
	for (unsigned i = 0; i < fake->authority->hierarchy->n; i++) {
		char cn[65], o[65];
		X509_NAME *name = X509_get_subject_name(fake->authority->hierarchy->cas[i].certificate);
		int n_cn = X509_NAME_get_text_by_NID(name, NID_commonName, cn, sizeof cn);
		int n_o = X509_NAME_get_text_by_NID(name, NID_organizationName, o, sizeof o);
		struct identifier subject[2] = { { IDENTIFIER_CN, cn }, { IDENTIFIER_O, o } };
		assert_true(n_cn > 0);
		assert_err(fake->op, ERR_POLICY, issue_device(fake, subject, n_o > 0 ? 2 : 1, &issued));
	}
	assert_int_equal(fake_token_signatures(), signatures);
	assert_log_intact(fake);
}

static void test_authorization_is_used_once(void **state)
{
	struct fake_authority *fake = *state;
	struct issued issued;
	struct authorization *authorization = authorize(fake, "server", DOOR_ACME, "o1");
	assert_ok(fake->op, issue(fake->op, fake->authority, authorization, make_spki(fake->op), &issued));
	assert_err(fake->op, ERR_BUG, issue(fake->op, fake->authority, authorization, make_spki(fake->op), &issued));
	assert_int_equal(count_rows(fake, CERTIFICATE_ISSUED), 1);
}

/* I7: the claim is compare-and-swap; the second issuance for one order finds it taken. */
static void test_one_order_one_certificate(void **state)
{
	struct fake_authority *fake = *state;
	struct issued issued;
	struct authorization *first = authorize(fake, "server", DOOR_ACME, "o1"), *second;
	assert_ok(fake->op, authorization_new(fake->op, fake->config, authorization_read(first), &second));
	assert_ok(fake->op, issue(fake->op, fake->authority, first, make_spki(fake->op), &issued));
	uint64_t signatures = fake_token_signatures();
	assert_err(fake->op, ERR_CONFLICT, issue(fake->op, fake->authority, second, make_spki(fake->op), &issued));
	assert_int_equal(fake_token_signatures(), signatures);
	assert_int_equal(count_rows(fake, CERTIFICATE_ISSUED), 1);
	assert_int_equal(count_rows(fake, CERTIFICATE_INTENDED), 0);
}

static void test_wrong_door_and_profile(void **state) /* V2 */
{
	struct fake_authority *fake = *state;
	static const struct identifier name = { IDENTIFIER_DNS, "a.example" };
	struct authorization_facts facts = { .door = DOOR_OPERATOR, .profile = "server", .identifiers = &name, .n_identifiers = 1 };
	struct authorization *authorization;
	assert_err(fake->op, ERR_POLICY, authorization_new(fake->op, fake->config, &facts, &authorization));
	facts.profile = "nobody";
	assert_err(fake->op, ERR_POLICY, authorization_new(fake->op, fake->config, &facts, &authorization));
	facts = (struct authorization_facts){ .door = DOOR_NONE, .profile = "server", .identifiers = &name, .n_identifiers = 1 };
	assert_err(fake->op, ERR_POLICY, authorization_new(fake->op, fake->config, &facts, &authorization));
}

static void test_refuses_keys(void **state) /* N6, N7 */
{
	struct fake_authority *fake = *state;
	struct issued issued;
	uint64_t signatures = fake_token_signatures();
	assert_err(fake->op, ERR_POLICY,
		   issue(fake->op, fake->authority, authorize(fake, "server", DOOR_ACME, "o1"), fake->issuing->key.spki, &issued));
	assert_err(fake->op, ERR_MALFORMED,
		   issue(fake->op, fake->authority, authorize(fake, "server", DOOR_ACME, "o2"),
			 (struct bytes)BYTES_LITERAL("\x30\x00"), &issued));
	AUTO(EVP_PKEY) *rsa = EVP_RSA_gen(2048);
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(rsa, &der);
	assert_err(fake->op, ERR_POLICY,
		   issue(fake->op, fake->authority, authorize(fake, "server", DOOR_ACME, "o3"),
			 (struct bytes){ der, (size_t)n }, &issued));
	OPENSSL_free(der);
	assert_int_equal(fake_token_signatures(), signatures);
	assert_int_equal(count_rows(fake, CERTIFICATE_INTENDED), 0);
	assert_int_equal(order_status_of(fake, "o1"), ORDER_READY);
}

/* N8's first half: a key revoked as compromised comes in no more. */
static void test_compromised_key_is_blocked(void **state)
{
	struct fake_authority *fake = *state;
	struct issued issued;
	struct revocation revocation;
	struct bytes spki = make_spki(fake->op);
	assert_ok(fake->op, issue(fake->op, fake->authority, authorize(fake, "server", DOOR_ACME, "o1"), spki, &issued));
	assert_ok(fake->op, certificate_revoke(fake->op, fake->authority, issued.serial, REASON_KEY_COMPROMISE, true, &revocation));
	assert_err(fake->op, ERR_POLICY,
		   issue(fake->op, fake->authority, authorize(fake, "server", DOOR_ACME, "o2"), spki, &issued));
	assert_err(fake->op, ERR_CONFLICT, certificate_revoke(fake->op, fake->authority, revocation.serial, REASON_SUPERSEDED, true, &revocation));
	assert_log_intact(fake);
}

static void test_revocation_reasons(void **state)
{
	struct fake_authority *fake = *state;
	struct issued issued;
	struct revocation revocation;
	static const int refused[] = { REASON_CERTIFICATE_HOLD, REASON_REMOVE_FROM_CRL, REASON_CA_COMPROMISE,
				       REASON_AA_COMPROMISE, 7, 11, -1 };
	assert_ok(fake->op, issue(fake->op, fake->authority, authorize(fake, "server", DOOR_ACME, "o1"), make_spki(fake->op), &issued));
	for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_err(fake->op, ERR_MALFORMED, certificate_revoke(fake->op, fake->authority, issued.serial, refused[i], true, &revocation));
	assert_err(fake->op, ERR_NOT_FOUND, certificate_revoke(fake->op, fake->authority, "00ff", REASON_SUPERSEDED, true, &revocation));
	assert_ok(fake->op, certificate_revoke(fake->op, fake->authority, issued.serial, REASON_UNSPECIFIED, true, &revocation));
}

static void test_outlives_no_ca(void **state) /* N9 */
{
	struct fake_authority *fake = *state;
	struct issued issued;
	assert_err(fake->op, ERR_POLICY,
		   issue(fake->op, fake->authority, authorize(fake, "eternal", DOOR_OPERATOR, NULL), make_spki(fake->op), &issued));
}

/* F11 and F8: whatever the token does, no certificate leaves, and the serial is orphaned and revoked. */
static void test_token_failures_orphan(void **state)
{
	struct fake_authority *fake = *state;
	static const struct fake_token_faults faults[] = {
		{ .is_signature_wrong = true },
		{ .is_key_wrong = true },
		{ .fail = ERR_BUSY },
		{ .fail = ERR_BACKEND },
	};
	static char orders[4][8] = { "w1", "w2", "w3", "w4" };
	struct issued issued;
	for (unsigned i = 0; i < 4; i++) {
		struct authorization *authorization = authorize(fake, "server", DOOR_ACME, orders[i]);
		fake_token_set_faults(&faults[i]);
		result r = issue(fake->op, fake->authority, authorization, make_spki(fake->op), &issued);
		fake_token_set_faults(NULL);
		assert_int_not_equal(r.err, ERR_NONE);
		op_clear_failure(fake->op);
		assert_int_equal(order_status_of(fake, orders[i]), ORDER_READY);
		assert_int_equal(count_rows(fake, CERTIFICATE_ORPHANED), i + 1);
	}
	assert_int_equal(count_rows(fake, CERTIFICATE_ISSUED), 0);
	assert_int_equal(count_rows(fake, CERTIFICATE_INTENDED), 0);
	assert_log_intact(fake);
}

/*
 * F7 and the n-th write: T1 fails, T2 fails, T2 and the orphaning fail. The
 * client never has a certificate that is not durable; an intent in doubt is
 * ended by recovery; the order is ready again and then gives one certificate.
 */
static void test_nth_write_fails(void **state)
{
	struct fake_authority *fake = *state;
	static char orders[3][8] = { "f1", "f2", "f3" };
	for (unsigned n = 1; n <= 2; n++) {
		struct issued issued;
		unsigned recovered;
		struct authorization *authorization = authorize(fake, "server", DOOR_ACME, orders[n]);
		uint64_t signatures = fake_token_signatures();
		fail_write_at = n;
		assert_err(fake->op, ERR_BACKEND, issue(fake->op, fake->authority, authorization, make_spki(fake->op), &issued));
		fail_write_at = 0;
		assert_int_equal(fake_token_signatures() - signatures, n - 1); /* P2: no signature without an intent */
		assert_ok(fake->op, issue_recover(fake->op, fake->authority, true, &recovered));
		assert_int_equal(order_status_of(fake, orders[n]), ORDER_READY);
		assert_int_equal(count_rows(fake, CERTIFICATE_INTENDED), 0);
	}
	assert_int_equal(count_rows(fake, CERTIFICATE_ISSUED), 0);
	assert_log_intact(fake);
}

/* The store goes away after T1, while the process lives: when it is back, the intent ends without waiting for its age (I4). */
static void test_doubt_ends_when_the_store_is_back(void **state)
{
	struct fake_authority *fake = *state;
	static char order[] = "d1";
	struct issued issued;
	struct authorization *authorization = authorize(fake, "server", DOOR_ACME, order);
	fail_write_at = 2;
	fail_writes_after = true;
	assert_err(fake->op, ERR_BACKEND, issue(fake->op, fake->authority, authorization, make_spki(fake->op), &issued));
	fail_write_at = 1;
	assert_err(fake->op, ERR_BACKEND, doubts_end(fake->op, fake->authority));
	assert_int_equal(count_rows(fake, CERTIFICATE_INTENDED), 1);
	fail_write_at = 0;
	fail_writes_after = false;
	assert_ok(fake->op, doubts_end(fake->op, fake->authority));
	assert_int_equal(count_rows(fake, CERTIFICATE_INTENDED), 0);
	assert_int_equal(count_rows(fake, CERTIFICATE_ORPHANED), 1);
	assert_int_equal(order_status_of(fake, order), ORDER_READY);
	assert_ok(fake->op, doubts_end(fake->op, fake->authority)); /* nothing is left to do */
	assert_log_intact(fake);
}

/* What a crash between T1 and T2 leaves behind: a claimed order and an intent of this node. */
struct crash {
	const char *serial, *node;
};

static result write_intent(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct crash *crash = arg;
	struct certificate row = { .serial = crash->serial,
				   .ca = "issuing",
				   .profile = "server",
				   .door = "acme",
				   .subject = "",
				   .names = "[]",
				   .spki_hash = BYTES_LITERAL("01234567890123456789012345678901"),
				   .tbs = BYTES_LITERAL("tbs"),
				   .requester = "test",
				   .claim_kind = CLAIM_ACME_ORDER,
				   .claim_id = "c1",
				   .node = crash->node,
				   .not_after_s = clock_now_s() + 3600,
				   .intended_s = clock_now_s() };
	struct audit_event event = { .type = AUDIT_ISSUANCE_INTENDED, .serial = crash->serial };
	TRY(claim_take(op, ledger_db(tx), CLAIM_ACME_ORDER, "c1"));
	TRY(certificate_intend(op, ledger_db(tx), &row));
	return ledger_audit(op, tx, &event, NULL);
}

/* The next start orphans and revokes it, and never signs that serial again (I4, rule 10). */
static void test_recovery_after_a_crash(void **state)
{
	struct fake_authority *fake = *state;
	struct crash crash = { "40112233445566778899aabbccddeeff", fake->authority->node };
	unsigned recovered;
	assert_ok(fake->op, ledger_run(fake->op, fake->authority->ledger, write_order, "c1"));
	assert_ok(fake->op, ledger_run(fake->op, fake->authority->ledger, write_intent, &crash));
	assert_int_equal(order_status_of(fake, "c1"), ORDER_PROCESSING);

	assert_ok(fake->op, issue_recover(fake->op, fake->authority, false, &recovered));
	assert_int_equal(recovered, 0); /* too young: a thread may be at it */
	uint64_t signatures = fake_token_signatures();
	assert_ok(fake->op, issue_recover(fake->op, fake->authority, true, &recovered));
	assert_int_equal(recovered, 1);
	assert_int_equal(fake_token_signatures(), signatures);
	assert_int_equal(order_status_of(fake, "c1"), ORDER_READY);
	assert_int_equal(count_rows(fake, CERTIFICATE_ORPHANED), 1);
	STORE_LEASE(lease);
	struct revocation revocation;
	assert_ok(fake->op, store_read(fake->op, fake->authority->store, &lease));
	assert_ok(fake->op, revocation_load(fake->op, lease.db, crash.serial, &revocation));
	assert_int_not_equal(revocation.reason, REASON_CERTIFICATE_HOLD); /* V18 */
	assert_log_intact(fake);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_issues_what_was_authorized),
		CASE(test_issues_to_devices), CASE(test_refuses_subjects), CASE(test_authorization_is_used_once),
		CASE(test_one_order_one_certificate),
		CASE(test_wrong_door_and_profile),
		CASE(test_refuses_keys),
		CASE(test_compromised_key_is_blocked),
		CASE(test_revocation_reasons),
		CASE(test_outlives_no_ca),
		CASE(test_token_failures_orphan),
		CASE(test_nth_write_fails),
		CASE(test_doubt_ends_when_the_store_is_back),
		CASE(test_recovery_after_a_crash),
	};
	return RUN_TESTS(tests);
}
