/* Rows of certificates from intent to issued or orphaned, and of revocations. */
#include "store/certificates.h"

#include "tests/unit/store_fixture.h"

static const uint8_t der[] = { 0x30, 0x00 };
static const uint8_t key_hash[32] = { 1 };

static struct certificate intent_of(const char *serial)
{
	return (struct certificate){
		.serial = serial, .ca = "issuing", .profile = "tls", .door = "acme", .subject = "CN=a.example",
		.names = "[{\"type\":\"dns\",\"value\":\"a.example\"},{\"type\":\"dns\",\"value\":\"*.b.example\"}]",
		.spki_hash = BYTES_ARRAY(key_hash), .tbs = BYTES_ARRAY(der), .requester = "acct1",
		.claim_kind = CLAIM_ACME_ORDER, .claim_id = "order1", .node = "n1",
		.not_before_s = 100, .not_after_s = 200, .intended_s = 110,
	};
}

static void intend(struct place *place, const char *serial)
{
	struct certificate intent = intent_of(serial);
	assert_ok(place->op, certificate_intend(place->op, place->db, &intent));
}

static void comes_back_as_it_was(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct certificate found, intent = intent_of("0a0b");
	intend(place, "0a0b");
	assert_ok(op, certificate_load(op, place->db, "0a0b", &found));
	assert_int_equal(found.status, CERTIFICATE_INTENDED);
	assert_string_equal(found.ca, intent.ca);
	assert_string_equal(found.profile, intent.profile);
	assert_string_equal(found.door, intent.door);
	assert_string_equal(found.subject, intent.subject);
	assert_string_equal(found.names, intent.names);
	assert_true(bytes_equal(found.spki_hash, intent.spki_hash));
	assert_true(bytes_equal(found.tbs, intent.tbs));
	assert_int_equal(found.der.n, 0);
	assert_string_equal(found.requester, intent.requester);
	assert_int_equal(found.claim_kind, CLAIM_ACME_ORDER);
	assert_string_equal(found.claim_id, "order1");
	assert_string_equal(found.node, "n1");
	assert_int_equal(found.not_before_s, 100);
	assert_int_equal(found.not_after_s, 200);
	assert_int_equal(found.intended_s, 110);
	assert_int_equal(found.issued_s, 0);
	assert_err(op, ERR_NOT_FOUND, certificate_load(op, place->db, "0A0B", &found)); /* V5 */
	assert_err(op, ERR_NOT_FOUND, certificate_load(op, place->db, "00a0b", &found));
}

/* V15, N11, I2: a serial is used once, and the first row stays as it was. */
static void serials_are_unique(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct certificate found, second = intent_of("0a");
	intend(place, "0a");
	second.profile = "other";
	second.names = "[{\"type\":\"dns\",\"value\":\"evil.example\"}]";
	assert_err(op, ERR_CONFLICT, certificate_intend(op, place->db, &second));
	second.ca = "root";
	assert_err(op, ERR_CONFLICT, certificate_intend(op, place->db, &second)); /* whichever CA asks */
	assert_ok(op, certificate_load(op, place->db, "0a", &found));
	assert_string_equal(found.profile, "tls");
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM certificate_name"), 2);
}

/* An intent ends once; a late T2 of an orphaned serial comes to nothing (F16). */
static void an_intent_ends_once(void **state)
{
	static const struct {
		const char *serial;
		enum certificate_status end;
	} ends[] = { { "01", CERTIFICATE_ISSUED }, { "02", CERTIFICATE_FAILED }, { "03", CERTIFICATE_ORPHANED } };
	struct place *place = *state;
	struct op *op = place->op;
	for (size_t i = 0; i < 3; i++) {
		const char *serial = ends[i].serial;
		struct certificate found;
		intend(place, serial);
		if (ends[i].end == CERTIFICATE_ISSUED)
			assert_ok(op, certificate_issue(op, place->db, serial, BYTES_ARRAY(der), 120));
		else if (ends[i].end == CERTIFICATE_FAILED)
			assert_ok(op, certificate_fail(op, place->db, serial));
		else
			assert_ok(op, certificate_orphan(op, place->db, serial));
		assert_err(op, ERR_CONFLICT, certificate_issue(op, place->db, serial, BYTES_ARRAY(key_hash), 130));
		assert_err(op, ERR_CONFLICT, certificate_fail(op, place->db, serial));
		assert_err(op, ERR_CONFLICT, certificate_orphan(op, place->db, serial));
		assert_ok(op, certificate_load(op, place->db, serial, &found));
		assert_int_equal(found.status, ends[i].end);
		assert_int_equal(found.issued_s, ends[i].end == CERTIFICATE_ISSUED ? 120 : 0);
	}
	assert_err(op, ERR_CONFLICT, certificate_issue(op, place->db, "ff", BYTES_ARRAY(der), 120));
}

static void doubt_is_found_by_node(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct certificate *list, other = intent_of("04"), late = intent_of("03"), early = intent_of("02");
	unsigned n;
	intend(place, "01");
	assert_ok(op, certificate_issue(op, place->db, "01", BYTES_ARRAY(der), 120));
	early.intended_s = 105;
	assert_ok(op, certificate_intend(op, place->db, &early));
	assert_ok(op, certificate_intend(op, place->db, &late));
	other.node = "n2";
	assert_ok(op, certificate_intend(op, place->db, &other));
	assert_ok(op, certificate_list_in_doubt(op, place->db, "n1", 111, 10, &list, &n));
	assert_int_equal(n, 2);
	assert_string_equal(list[0].serial, "02");
	assert_string_equal(list[1].serial, "03");
	assert_ok(op, certificate_list_in_doubt(op, place->db, "n1", 110, 10, &list, &n));
	assert_int_equal(n, 1);
	assert_ok(op, certificate_list_in_doubt(op, place->db, "n1", 111, 1, &list, &n));
	assert_int_equal(n, 1);
}

static void put_revocation(struct place *place, const char *serial, int64_t not_after_s)
{
	struct revocation revocation = { .serial = serial, .ca = "issuing", .revoked_s = 150,
					 .reason = REASON_SUPERSEDED, .not_after_s = not_after_s };
	assert_ok(place->op, revocation_insert(place->op, place->db, &revocation));
}

static void assert_listed(struct place *place, const struct certificate_filter *filter, const char *expected)
{
	struct certificate *list;
	unsigned n;
	struct buf serials;
	buf_init(&serials, place->op->arena, 64);
	assert_ok(place->op, certificate_list(place->op, place->db, filter, &list, &n));
	for (unsigned i = 0; i < n; i++)
		buf_printf(&serials, "%s ", list[i].serial);
	assert_string_equal(buf_as_text(&serials), expected);
}

static void lists_are_filtered_and_paged(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	static const char *const serials[] = { "05", "03", "01", "04", "02" };
	for (unsigned i = 0; i < 5; i++) {
		struct certificate intent = intent_of(serials[i]);
		intent.not_after_s = 200 + i;
		if (i == 4) {
			intent.ca = "root";
			intent.profile = "ca";
			intent.names = "[]";
		}
		assert_ok(op, certificate_intend(op, place->db, &intent));
	}
	put_revocation(place, "03", 201);
	put_revocation(place, "02", 204);
	assert_listed(place, &(struct certificate_filter){ .limit = 9 }, "01 02 03 04 05 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 2 }, "01 02 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 2, .after = "02" }, "03 04 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .ca = "root" }, "02 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .profile = "tls" }, "01 03 04 05 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .only_revoked = true }, "02 03 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .only_revoked = true, .after = "02" }, "03 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .expires_before_s = 203 }, "05 03 01 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .expires_before_s = 203, .after = "05" }, "03 01 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .expires_after_s = 201, .expires_before_s = 203 },
		      "03 01 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .expires_after_s = 203 }, "02 04 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .name = "a.example", .after = "03" }, "04 05 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .name = "*.b.example", .only_revoked = true }, "03 ");
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .name = "*" }, ""); /* V22 */
	assert_listed(place, &(struct certificate_filter){ .limit = 9, .ca = "%" }, "");
}

/* F18: of two revocations one is told that it came second; the first stands. */
static void revoked_once(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct revocation found, second = { .serial = "0a", .ca = "issuing", .revoked_s = 160,
					    .reason = REASON_KEY_COMPROMISE, .not_after_s = 200 };
	assert_err(op, ERR_BACKEND, revocation_insert(op, place->db, &second)); /* no such certificate */
	intend(place, "0a");
	assert_err(op, ERR_NOT_FOUND, revocation_load(op, place->db, "0a", &found));
	put_revocation(place, "0a", 200);
	assert_err(op, ERR_CONFLICT, revocation_insert(op, place->db, &second));
	assert_ok(op, revocation_load(op, place->db, "0a", &found));
	assert_string_equal(found.ca, "issuing");
	assert_int_equal(found.revoked_s, 150);
	assert_int_equal(found.reason, REASON_SUPERSEDED);
	assert_int_equal(found.not_after_s, 200);
}

static result add_serial(struct op *op, void *arg, const struct revocation *revocation)
{
	(void)op;
	assert_string_equal(revocation->ca, "issuing");
	buf_printf(arg, "%s ", revocation->serial);
	return OK;
}

/* V27, L10: an entry stays until its certificate has expired. */
static void crl_entries_stay_until_expiry(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct certificate foreign = intent_of("02");
	foreign.ca = "root";
	assert_ok(op, certificate_intend(op, place->db, &foreign));
	assert_ok(op, revocation_insert(op, place->db, &(struct revocation){ .serial = "02", .ca = "root" }));
	intend(place, "03");
	put_revocation(place, "03", 200);
	intend(place, "01");
	put_revocation(place, "01", 300);
	static const struct {
		int64_t since_s;
		const char *expected;
	} moments[] = { { 0, "01 03 " }, { 200, "01 03 " }, { 201, "01 " }, { 301, "" } };
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		struct buf serials;
		buf_init(&serials, op->arena, 64);
		assert_ok(op, revocation_read(op, place->db, "issuing", moments[i].since_s, add_serial, &serials));
		assert_string_equal(buf_as_text(&serials), moments[i].expected);
	}
}

/* RFC 5280 section 5.3.1 */
static void reasons_have_names(void **state)
{
	(void)state;
	int reason = -1;
	for (int i = -1; i <= 11; i++) {
		const char *name = revocation_reason_name(i);
		assert_true((name == NULL) == (i < 0 || i == 7 || i == 11));
		if (name != NULL) {
			assert_true(revocation_reason_parse(name, &reason));
			assert_int_equal(reason, i);
		}
	}
	assert_string_equal(revocation_reason_name(REASON_KEY_COMPROMISE), "keyCompromise");
	assert_false(revocation_reason_parse("KeyCompromise", &reason));
	assert_false(revocation_reason_parse("", &reason));
}

/* N8 */
static void blocked_keys_stay_blocked(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	const char *why;
	struct bytes hash = BYTES_ARRAY(key_hash);
	assert_err(op, ERR_NOT_FOUND, blocked_key_load(op, place->db, hash, &why));
	assert_ok(op, blocked_key_insert(op, place->db, hash, "keyCompromise", 1));
	assert_ok(op, blocked_key_insert(op, place->db, hash, "again", 2));
	assert_ok(op, blocked_key_load(op, place->db, hash, &why));
	assert_string_equal(why, "keyCompromise");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(comes_back_as_it_was),
		STORE_TEST(serials_are_unique),
		STORE_TEST(an_intent_ends_once),
		STORE_TEST(doubt_is_found_by_node),
		STORE_TEST(lists_are_filtered_and_paged),
		STORE_TEST(revoked_once),
		STORE_TEST(crl_entries_stay_until_expiry),
		STORE_TEST(reasons_have_names),
		STORE_TEST(blocked_keys_stay_blocked),
	};
	return RUN_TESTS(tests);
}
