/*
 * The log as an auditor meets it: what was done to the store behind the log's
 * back is found and named (I9, P1, P4), proofs hold offline and only for what
 * they prove.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "ca/audit.h"
#include "ca/revoke.h"
#include "store/audit_rows.h"
#include "tests/fake/fake_authority.h"
#include "tests/fake/fake_token.h"
#include "tests/unit/fixture.h"

#define ENTRIES 600 /* over two tiles */

static result write_some(struct op *op, struct ledger_tx *tx, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 100; i++) {
		struct audit_event event = { .type = AUDIT_SERVER_STARTED, .outcome = "filler" };
		TRY(ledger_audit(op, tx, &event, NULL));
	}
	return OK;
}

static int setup(void **state)
{
	fake_token_reset();
	struct fake_authority *fake = fake_authority_new();
	char *checkpoint;
	for (unsigned i = 0; i < ENTRIES / 100; i++)
		assert_ok(fake->op, ledger_run(fake->op, fake->authority->ledger, write_some, NULL));
	assert_ok(fake->op, audit_checkpoint(fake->op, fake->authority, true, &checkpoint));
	*state = fake;
	return 0;
}

static int teardown(void **state)
{
	struct fake_authority *fake = *state;
	fake_authority_free(&fake);
	return 0;
}

/* As somebody who owns the database would: the triggers go first. */
static void drop_triggers(struct op *op, struct db *db)
{
	static const char *const tables[] = { "audit_entry", "audit_tile", "audit_head", "certificate", "revocation" };
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		const char *t = tables[i];
		const char *sql = test_store_is_postgresql() ?
			arena_printf(op->arena, "DROP TRIGGER %s_is_kept ON %s", t, t) :
			arena_printf(op->arena, "DROP TRIGGER IF EXISTS %s_no_UPDATE; DROP TRIGGER IF EXISTS %s_no_DELETE", t, t);
		assert_ok(op, db_run_script(op, db, sql));
	}
	if (test_store_is_postgresql())
		assert_ok(op, db_run_script(op, db,
					    "CREATE FUNCTION zeroblob(n integer) RETURNS bytea LANGUAGE sql AS"
					    " $$SELECT decode(repeat('00', n), 'hex')$$;"
					    "CREATE FUNCTION replace(entry bytea, a text, b text) RETURNS bytea LANGUAGE sql AS"
					    " $$SELECT convert_to(replace(convert_from(entry, 'UTF8'), a, b), 'UTF8')$$"));
}

static void tamper(struct fake_authority *fake, const char *sql)
{
	struct op *op = fake->op;
	struct db *db;
	assert_ok(op, db_open(op, fake->store.url, fake->dir, DB_WRITE, &db));
	drop_triggers(op, db);
	assert_ok(op, db_begin(op, db));
	assert_ok(op, db_run_script(op, db, sql));
	assert_true(db_total_changes(db) > 0);
	assert_ok(op, db_commit(op, db));
	db_close(&db);
}

static void verify(struct fake_authority *fake, struct audit_finding *finding)
{
	assert_ok(fake->op, audit_verify(fake->op, fake->authority, finding));
}

static void test_untouched_is_intact(void **state)
{
	struct fake_authority *fake = *state;
	struct audit_finding finding;
	verify(fake, &finding);
	if (!finding.is_intact)
		fail_msg("%s", finding.what);
	assert_true(finding.entries > ENTRIES);
	assert_true(finding.checkpoint_size >= ENTRIES);
}

static const struct tampering {
	const char *what, *sql;
	int first_bad; /* -1: cannot be narrowed down to one entry */
} tamperings[] = {
	{ "an entry is changed", "UPDATE audit_entry SET entry = replace(entry, 'filler', 'edited') WHERE seq = 300", 300 },
	{ "an entry in the middle is removed", "DELETE FROM audit_entry WHERE seq = 301", 301 },
	{ "several entries are removed", "DELETE FROM audit_entry WHERE seq BETWEEN 20 AND 400", 20 },
	{ "the first entry is removed", "DELETE FROM audit_entry WHERE seq = 0", 0 },
	{ "the end is cut off", "DELETE FROM audit_entry WHERE seq >= 500", 500 },
	{ "two entries are swapped",
	  "UPDATE audit_entry SET seq = -1 WHERE seq = 310; UPDATE audit_entry SET seq = 310 WHERE seq = 311;"
	  "UPDATE audit_entry SET seq = 311 WHERE seq = -1",
	  310 },
	{ "a stored hash is changed", "UPDATE audit_entry SET leaf = zeroblob(32) WHERE seq = 99", 99 },
	{ "a tile is changed", "UPDATE audit_tile SET hashes = zeroblob(8192) WHERE level = 0", 0 },
	{ "the head is changed", "UPDATE audit_head SET peaks = zeroblob(length(peaks))", -1 },
	{ "the root of a tile is changed", "UPDATE audit_tile SET root = zeroblob(32) WHERE tile = 1", -1 },
};

static void test_tampering_is_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof tamperings / sizeof tamperings[0]; i++) {
		const struct tampering *t = &tamperings[i];
		void *fresh;
		struct audit_finding finding;
		setup(&fresh);
		struct fake_authority *fake = fresh;
		tamper(fake, t->sql);
		verify(fake, &finding);
		if (finding.is_intact)
			fail_msg("not seen: %s", t->what);
		if (t->first_bad >= 0 && finding.first_bad_seq != (uint64_t)t->first_bad)
			fail_msg("%s: expected entry %d, found: %s", t->what, t->first_bad, finding.what);
		teardown(&fresh);
	}
}

/* What stands beside the log: rows without entries, entries without rows. */
static void test_rows_beside_the_log(void **state)
{
	struct fake_authority *fake = *state;
	struct audit_finding finding;
	struct revocation revocation;
	const char *serial = fake_authority_certificate(fake, fake->issuing, CERTIFICATE_ISSUED, clock_now_s() + 86400);
	verify(fake, &finding);
	assert_false(finding.is_intact);
	assert_non_null(strstr(finding.what, serial));
	assert_ok(fake->op, certificate_revoke(fake->op, fake->authority, serial, REASON_SUPERSEDED, true, &revocation));
	tamper(fake, "DELETE FROM revocation");
	verify(fake, &finding);
	assert_false(finding.is_intact);
	assert_non_null(strstr(finding.what, "revocation"));
}

/* An old file put back: the checkpoint outside of the store covers more (F37). */
static void test_checkpoint_file_is_outside(void **state)
{
	struct fake_authority *fake = *state;
	struct audit_finding finding;
	tamper(fake, "DELETE FROM audit_entry WHERE seq >= 256; DELETE FROM audit_tile WHERE tile >= 1;");
	verify(fake, &finding);
	assert_false(finding.is_intact);
}

/* The serial of the issuing CA's certificate, whose issuance is in the log. */
static const char *issuing_serial(struct fake_authority *fake)
{
	STORE_LEASE(lease);
	struct certificate_filter filter = { .ca = "root", .profile = "ca", .limit = 10 };
	struct certificate *rows;
	unsigned n;
	assert_ok(fake->op, store_read(fake->op, fake->authority->store, &lease));
	assert_ok(fake->op, certificate_list(fake->op, lease.db, &filter, &rows, &n));
	assert_true(n > 0);
	return rows[0].serial;
}

static void test_proof_holds_offline(void **state)
{
	struct fake_authority *fake = *state;
	char *json, *summary;
	const struct bytes key = fake->authority->hierarchy->audit_key.spki;
	assert_ok(fake->op, audit_prove(fake->op, fake->authority, issuing_serial(fake), &json));
	assert_ok(fake->op, audit_verify_proof(fake->op, bytes_of_text(json), key, &summary));
	assert_non_null(strstr(summary, issuing_serial(fake)));
	assert_err(fake->op, ERR_UNAUTHENTIC,
		   audit_verify_proof(fake->op, bytes_of_text(json), fake->issuing->key.spki, &summary));
	assert_err(fake->op, ERR_NOT_FOUND, audit_prove(fake->op, fake->authority, "abcd", &json));
}

/* Every character of the proof matters: one changed digit or letter, and it does not hold. */
static void test_changed_proof_fails(void **state)
{
	struct fake_authority *fake = *state;
	char *json, *summary;
	const struct bytes key = fake->authority->hierarchy->audit_key.spki;
	assert_ok(fake->op, audit_prove(fake->op, fake->authority, issuing_serial(fake), &json));
	const char *end = strstr(json, "\"audit_key\""); /* for people; the auditor brings a key of their own */
	const char *kind = strstr(json, "\"seq\"");
	for (size_t i = (size_t)(kind - json); i < (size_t)(end - json); i += 3) {
		char *copy = arena_text(fake->op->arena, json);
		copy[i] = copy[i] == 'A' ? 'B' : copy[i] == '1' ? '2' : copy[i] == 'a' ? 'b' : 'A';
		if (audit_verify_proof(fake->op, bytes_of_text(copy), key, &summary).err == ERR_NONE)
			fail_msg("a change at %zu was not noticed: %.20s", i, copy + i);
		op_clear_failure(fake->op);
	}
}

static void test_checkpoint_only_for_news(void **state)
{
	struct fake_authority *fake = *state;
	char *first, *second;
	uint64_t signatures = fake_token_signatures();
	assert_ok(fake->op, audit_checkpoint(fake->op, fake->authority, false, &first));
	assert_ok(fake->op, audit_checkpoint(fake->op, fake->authority, false, &second));
	assert_string_equal(first, second);
	assert_int_equal(fake_token_signatures(), signatures);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_untouched_is_intact),
		cmocka_unit_test(test_tampering_is_named),
		CASE(test_rows_beside_the_log),
		CASE(test_checkpoint_file_is_outside),
		CASE(test_proof_holds_offline),
		CASE(test_changed_proof_fails),
		CASE(test_checkpoint_only_for_news),
	};
	return RUN_TESTS(tests);
}
