/* What Intune has to hear of, and what it asks for: notices and revocations. Rows IN3, IN4, F38. */
#include "tests/unit/intune_scene.h"

#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "ca/tbs.h"
#include "store/intune_notices.h"
#include "tests/fake/x509_maker.h"

/* --- IN3: notices --- */

struct story {
	struct scene *s;
	const char *id;              /* of the enrollment */
	enum enrollment_status status;
	struct certificate row;
	const char *why;
};

static result tell_beginning(struct op *op, struct ledger_tx *tx, void *arg)
{
	static const uint8_t hash[SHA256_SIZE];
	struct story *story = arg;
	struct db *db = ledger_db(tx);
	const struct enrollment e = { .id = story->id, .door = "scep", .endpoint = "devices", .profile = "device",
				      .requester = story->id, .csr_hash = BYTES_ARRAY(hash), .csr = CSR, .names = "[]",
				      .status = story->status, .created_s = clock_now_s(), .expires_s = clock_now_s() + 1000,
				      .profile_hash = "" };
	TRY(enrollment_insert(op, db, &e));
	return intune_notice_for(op, db, story->s->endpoint, story->id, "tx-1", CSR, clock_now_s());
}

static struct story begin_story(struct scene *s, const char *id, enum enrollment_status status)
{
	struct story story = { .s = s, .id = id, .status = status };
	assert_ok(s->op, ledger_run(s->op, s->fake->authority->ledger, tell_beginning, &story));
	return story;
}

static result make_certificate(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct story *story = arg;
	struct db *db = ledger_db(tx);
	TRY(certificate_intend(op, db, &story->row));
	return certificate_issue(op, db, story->row.serial, BYTES_LITERAL("certificate"), clock_now_s());
}

static const char *certificate_of(struct scene *s, const char *serial, const char *ca, const char *profile, const char *door)
{
	static const uint8_t hash[SHA256_SIZE];
	struct story story = { .row = { .serial = serial, .ca = ca, .profile = profile, .door = door, .subject = "", .names = "[]",
					.spki_hash = BYTES_ARRAY(hash), .tbs = BYTES_LITERAL("tbs"), .requester = "x",
					.node = "n", .not_before_s = NOW, .not_after_s = NOW + 86400, .intended_s = NOW } };
	assert_ok(s->op, ledger_run(s->op, s->fake->authority->ledger, make_certificate, &story));
	return serial;
}

static result tell_issue(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct story *story = arg;
	struct db *db = ledger_db(tx);
	TRY(enrollment_move(op, db, story->id, ENROLLMENT_READY, ENROLLMENT_PROCESSING, clock_now_s()));
	return enrollment_finish(op, db, story->id, story->row.serial, clock_now_s());
}

static void issue_story(struct story *story, const char *serial)
{
	struct scene *s = story->s;
	story->row.serial = certificate_of(s, serial, "issuing", "device", "scep");
	assert_ok(s->op, ledger_run(s->op, s->fake->authority->ledger, tell_issue, story));
}

static void sweep(struct scene *s)
{
	assert_ok(s->op, intune_sweep(s->op, s->intune));
}

static unsigned rows(struct scene *s)
{
	struct intune_notice *notices;
	unsigned n;
	STORE_LEASE(lease);
	assert_ok(s->op, store_read(s->op, s->fake->authority->store, &lease));
	assert_ok(s->op, intune_notice_list_due(s->op, lease.db, "devices", INT64_MAX, 1000, &notices, &n));
	return n;
}

#define SERIAL "4a0102030405060708090a0b0c0d0e0f"

static void tells_of_a_certificate(void **state)
{
	struct scene *s = *state;
	struct story story = begin_story(s, "r1", ENROLLMENT_READY);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 0); /* nothing is issued yet */
	issue_story(&story, SERIAL);
	sweep(s);
	assert_string_equal(s->microsoft.body[MICROSOFT_SUCCESS],
			    "{\"notification\":{\"transactionId\":\"tx-1\",\"certificateRequest\":\"" CSR_BASE64
			    "\",\"callerInfo\":\"Chancery " CHANCERY_VERSION
			    "\",\"certificateThumbprint\":\"735AD571C189D7BA84464BF4A9F1D2280175B128\""
			    ",\"certificateSerialNumber\":\"4A0102030405060708090A0B0C0D0E0F\""
			    ",\"certificateExpirationDateUtc\":\"2026-09-22T14:13:20.000Z\""
			    ",\"issuingCertificateAuthority\":\"CN=Example Corp Issuing CA,O=Example Corp\""
			    ",\"caConfiguration\":\"devices\",\"certificateAuthority\":\"issuing\"}}");
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 1);
	assert_int_equal(rows(s), 0);
}

static result reject(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct story *story = arg;
	return enrollment_decide(op, ledger_db(tx), story->id, false, "uid:0", story->why, clock_now_s());
}

static void tells_of_a_rejection(void **state)
{
	struct scene *s = *state;
	struct story story = begin_story(s, "r1", ENROLLMENT_PENDING);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_FAILURE], 0);
	story.why = "not \"ours\"";
	assert_ok(s->op, ledger_run(s->op, s->fake->authority->ledger, reject, &story));
	sweep(s);
	assert_string_equal(s->microsoft.body[MICROSOFT_FAILURE],
			    "{\"notification\":{\"transactionId\":\"tx-1\",\"certificateRequest\":\"" CSR_BASE64
			    "\",\"callerInfo\":\"Chancery " CHANCERY_VERSION
			    "\",\"hResult\":2684354562,\"errorDescription\":\"not \\\"ours\\\"\"}}");
	assert_int_equal(rows(s), 0);
}

static void tells_of_a_request_that_expired(void **state)
{
	struct scene *s = *state;
	begin_story(s, "r1", ENROLLMENT_PENDING);
	advance(1000);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_FAILURE], 0); /* a signature may be under way at the very end */
	advance(600);
	sweep(s);
	assert_non_null(strstr(s->microsoft.body[MICROSOFT_FAILURE], "\"hResult\":2684354563,"));
	assert_int_equal(rows(s), 0);
}

static result refuse(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct story *story = arg;
	return intune_notice_refused(op, ledger_db(tx), story->s->endpoint, INTUNE_REFUSED_POLICY, story->why, "tx-9", CSR,
				     clock_now_s());
}

static void tells_of_a_refusal_in_255_characters(void **state)
{
	struct scene *s = *state;
	char why[400];
	memset(why, 'y', sizeof why);
	why[sizeof why - 1] = '\0';
	struct story story = { .s = s, .why = why };
	assert_ok(s->op, ledger_run(s->op, s->fake->authority->ledger, refuse, &story));
	sweep(s);
	why[255] = '\0';
	assert_non_null(strstr(s->microsoft.body[MICROSOFT_FAILURE],
			       arena_printf(s->op->arena, "\"hResult\":2684354561,\"errorDescription\":\"%s\"}}", why)));
	assert_non_null(strstr(s->microsoft.body[MICROSOFT_FAILURE], "\"transactionId\":\"tx-9\""));
}

/* Microsoft was away when the certificate was issued, and for days: the news waits, ever more patiently. */
static void comes_again_until_it_is_heard(void **state)
{
	struct scene *s = *state;
	static const int64_t waits[] = { 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600 };
	struct story story = begin_story(s, "r1", ENROLLMENT_READY);
	issue_story(&story, SERIAL);
	s->microsoft.answers[MICROSOFT_SUCCESS].is_away = true;
	for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		sweep(s);
		assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], i + 1);
		advance(waits[i] - 1);
		sweep(s);
		assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], i + 1);
		advance(1);
	}
	be_well(s);
	sweep(s);
	assert_int_equal(rows(s), 0);
}

static void is_given_up_after_a_week(void **state)
{
	struct scene *s = *state;
	struct story story = begin_story(s, "r1", ENROLLMENT_READY);
	issue_story(&story, SERIAL);
	answer(s, MICROSOFT_SUCCESS, 200, "{\"code\":\"CertificateRequestDecodingFailed\",\"errorDescription\":\"\"}");
	int64_t began_s = clock_now_s();
	for (unsigned i = 0; rows(s) > 0; i++) {
		assert_true(i < 1000);
		sweep(s);
		if (rows(s) > 0)
			advance(3600);
	}
	assert_in_range((uint64_t)(clock_now_s() - began_s), 7 * 86400, 8 * 86400);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 175);
}

static void waits_as_long_as_microsoft_asks(void **state)
{
	struct scene *s = *state;
	struct story story = begin_story(s, "r1", ENROLLMENT_READY);
	issue_story(&story, SERIAL);
	s->microsoft.answers[MICROSOFT_SUCCESS] =
		(struct microsoft_answer){ .status = 429, .body = "{}", .retry_after = "700" };
	sweep(s);
	be_well(s);
	advance(699);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 1);
	advance(1);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 2);
	assert_int_equal(rows(s), 0);
}

/* An outage is noticed by one notice, and not by each of them. */
static void the_others_wait_in_an_outage(void **state)
{
	struct scene *s = *state;
	for (unsigned i = 0; i < 30; i++) {
		struct story story = begin_story(s, arena_printf(s->op->arena, "r%02u", i), ENROLLMENT_READY);
		issue_story(&story, arena_printf(s->op->arena, "4a0102030405060708090a0b0c0d0e%02x", i));
	}
	s->microsoft.answers[MICROSOFT_SUCCESS].is_away = true;
	sweep(s);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 1);
	be_well(s);
	advance(30);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 31);
	assert_int_equal(rows(s), 0);
}

static void one_that_is_not_taken_holds_up_no_other(void **state)
{
	struct scene *s = *state;
	struct story refused = { .s = s, .why = "no" };
	struct story story = begin_story(s, "r1", ENROLLMENT_READY);
	issue_story(&story, SERIAL);
	assert_ok(s->op, ledger_run(s->op, s->fake->authority->ledger, refuse, &refused));
	answer(s, MICROSOFT_SUCCESS, 200, "{\"code\":\"Unknown\",\"errorDescription\":\"\"}");
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 1);
	assert_int_equal(s->microsoft.n[MICROSOFT_FAILURE], 1);
	assert_int_equal(rows(s), 1);
}

static void sweep_there(void *arg, enum microsoft_door door)
{
	struct scene *s = arg;
	struct op *op = op_new();
	s->microsoft.during = NULL;
	assert_int_equal(door, MICROSOFT_SUCCESS);
	assert_ok(op, intune_sweep(op, s->intune_there));
	op_free(&op);
}

/* While one node has a notice in its hands, another finds nothing to do. */
static void nodes_share_the_work(void **state)
{
	struct scene *s = *state;
	struct story story = begin_story(s, "r1", ENROLLMENT_READY);
	issue_story(&story, SERIAL);
	s->node = fake_node_open(s->fake);
	s->node->authority->courier = courier_new(NULL, NULL);
	s->intune_there = intune_new(s->node->authority, NULL);
	assert_ok(s->op, validate(s)); /* has its tokens */
	s->microsoft.during = sweep_there;
	s->microsoft.during_arg = s;
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 1);
	assert_int_equal(rows(s), 0);
}

/* A node that died with it in its hands. */
static void a_claim_ends_by_itself(void **state)
{
	struct scene *s = *state;
	struct intune_notice *notice;
	unsigned n;
	struct story story = begin_story(s, "r1", ENROLLMENT_READY);
	issue_story(&story, SERIAL);
	{
		STORE_LEASE(lease);
		assert_ok(s->op, store_read(s->op, s->fake->authority->store, &lease));
		assert_ok(s->op, intune_notice_list_due(s->op, lease.db, "devices", clock_now_s(), 1, &notice, &n));
		assert_int_equal(n, 1);
	}
	STORE_LEASE(single);
	assert_ok(s->op, store_single(s->op, s->fake->authority->store, &single));
	assert_ok(s->op, intune_notice_claim(s->op, single.db, notice, clock_now_s() + 600));
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 0);
	advance(600);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 1);
}

static void ends_when_the_server_does(void **state)
{
	struct scene *s = *state;
	struct story story = begin_story(s, "r1", ENROLLMENT_READY);
	issue_story(&story, SERIAL);
	intune_stop(s->intune);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_SUCCESS], 0);
	assert_int_equal(rows(s), 1); /* for the next start, or another node */
}

/* --- IN4: revocations --- */

#define WISH(context, serial, rest) "{\"requestContext\":\"" context "\",\"serialNumber\":\"" serial "\"" rest "}"
#define ISSUER ",\"issuerName\":\"CN=Example Corp Issuing CA,O=Example Corp\""
#define OTHER "4a0102030405060708090a0b0c0d0e10"
#define PRINTER "4a0102030405060708090a0b0c0d0e11"
#define OF_EST "4a0102030405060708090a0b0c0d0e12"

static bool is_revoked(struct scene *s, const char *serial)
{
	struct revocation revocation;
	STORE_LEASE(lease);
	assert_ok(s->op, store_read(s->op, s->fake->authority->store, &lease));
	result r = revocation_load(s->op, lease.db, serial, &revocation);
	op_clear_failure(s->op);
	if (r.err == ERR_NONE)
		assert_int_equal(revocation.reason, REASON_UNSPECIFIED);
	return r.err == ERR_NONE;
}

static void revokes_what_microsoft_asks_for(void **state)
{
	struct scene *s = *state;
	s->endpoint->intune.downloads_revocations = true;
	certificate_of(s, SERIAL, "issuing", "device", "scep");
	certificate_of(s, OTHER, "issuing", "device", "scep");
	certificate_of(s, PRINTER, "issuing", "printer", "scep");
	certificate_of(s, OF_EST, "issuing", "device", "est");
	answer(s, MICROSOFT_DOWNLOAD, 200,
	       "{\"value\":[" WISH("c-1", "4A0102030405060708090A0B0C0D0E0F", ISSUER ",\"caConfiguration\":\"devices\"") ","
	       WISH("c-2", PRINTER, "") "," WISH("c-3", OF_EST, "") "," WISH("c-4", "4a", "") "," WISH("c-5", "no serial", "") ","
	       WISH("c-6", OTHER, ",\"issuerName\":\"CN=Another\"") "," WISH("c-7", OTHER, ",\"caConfiguration\":\"printers\"") ","
	       "{\"serialNumber\":\"" OTHER "\"},{\"requestContext\":\"c-8\"},17]}");
	sweep(s);
	assert_string_equal(s->microsoft.body[MICROSOFT_DOWNLOAD],
			    "{\"downloadParameters\":{\"maxRequests\":100,"
			    "\"issuerName\":\"CN=Example Corp Issuing CA,O=Example Corp\"}}");
	assert_true(is_revoked(s, SERIAL));
	assert_false(is_revoked(s, OTHER));
	assert_false(is_revoked(s, PRINTER));
	assert_false(is_revoked(s, OF_EST));
	be_well(s);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_UPLOAD], 1);
	const char *told = s->microsoft.body[MICROSOFT_UPLOAD];
	assert_true(text_has_prefix(told, "{\"results\":[{\"requestContext\":\"c-1\",\"succeeded\":true,\"errorCode\":\"None\","
					  "\"errorMessage\":null},{\"requestContext\":\"c-2\",\"succeeded\":false,"
					  "\"errorCode\":\"CertificateNotFoundError\",\"errorMessage\":\""));
	assert_non_null(strstr(told, "c-5"));
	assert_null(strstr(told, "c-6")); /* another CA's, another endpoint's: not ours to answer */
	assert_null(strstr(told, "c-7"));
	assert_null(strstr(told, "c-8"));
	assert_int_equal(s->microsoft.n[MICROSOFT_DOWNLOAD], 1);
	advance(300);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_DOWNLOAD], 2);
	assert_int_equal(s->microsoft.n[MICROSOFT_UPLOAD], 1);
}

/* The results were lost, Microsoft asks again: it is done, whoever did it. */
static void to_revoke_again_is_no_failure(void **state)
{
	struct scene *s = *state;
	s->endpoint->intune.downloads_revocations = true;
	certificate_of(s, SERIAL, "issuing", "device", "scep");
	answer(s, MICROSOFT_DOWNLOAD, 200, "{\"value\":[" WISH("c-1", SERIAL, "") "]}");
	for (unsigned i = 0; i < 2; i++) {
		s->microsoft.answers[MICROSOFT_UPLOAD] = (struct microsoft_answer){ .status = 200, .body = "{\"value\":false}" };
		sweep(s);
		sweep(s);
		advance(300);
	}
	assert_int_equal(s->microsoft.n[MICROSOFT_DOWNLOAD], 2);
	be_well(s);
	sweep(s);
	assert_non_null(strstr(s->microsoft.body[MICROSOFT_UPLOAD], "{\"requestContext\":\"c-1\",\"succeeded\":true,"));
	assert_int_equal(rows(s), 1); /* when to ask next */
}

static void without_a_list_nothing_is_revoked(void **state)
{
	static const char *const bodies[] = { "{}", "{\"value\":null}", "{\"value\":{}}", "{\"value\":[]}", "[]", "nonsense" };
	struct scene *s = *state;
	s->endpoint->intune.downloads_revocations = true;
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		answer(s, MICROSOFT_DOWNLOAD, 200, bodies[i]);
		sweep(s);
		assert_int_equal(s->microsoft.n[MICROSOFT_DOWNLOAD], i + 1);
		advance(3600);
	}
	assert_int_equal(s->microsoft.n[MICROSOFT_UPLOAD], 0);
}

static void asks_for_none_where_that_is_off(void **state)
{
	struct scene *s = *state;
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_DOWNLOAD], 0);
	s->endpoint->intune.downloads_revocations = true;
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_DOWNLOAD], 1);
	s->endpoint->intune.downloads_revocations = false;
	advance(300);
	sweep(s);
	assert_int_equal(s->microsoft.n[MICROSOFT_DOWNLOAD], 1);
	assert_int_equal(rows(s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(tells_of_a_certificate),
		SCENE(tells_of_a_rejection),
		SCENE(tells_of_a_request_that_expired),
		SCENE(tells_of_a_refusal_in_255_characters),
		SCENE(comes_again_until_it_is_heard),
		SCENE(is_given_up_after_a_week),
		SCENE(waits_as_long_as_microsoft_asks),
		SCENE(the_others_wait_in_an_outage),
		SCENE(one_that_is_not_taken_holds_up_no_other),
		SCENE(nodes_share_the_work),
		SCENE(a_claim_ends_by_itself),
		SCENE(ends_when_the_server_does),
		SCENE(revokes_what_microsoft_asks_for),
		SCENE(to_revoke_again_is_no_failure),
		SCENE(without_a_list_nothing_is_revoked),
		SCENE(asks_for_none_where_that_is_off),
	};
	return RUN_SCENES(tests);
}
