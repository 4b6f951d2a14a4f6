#include "store/migrations.h"
#include "tests/unit/store_fixture.h"

static result migrate(struct place *place)
{
	return migrations_run(place->op, place->db, schema_migrations, schema_migrations_n);
}

static void running_again_changes_nothing(void **state)
{
	struct place *place = *state;
	struct store *second = NULL;
	int64_t applied = place_number(place, place->db, "SELECT COUNT(*) FROM schema_migration");
	assert_int_equal(applied, store_schema_version());
	int64_t before = place_number(place, place->db, "SELECT COUNT(*) FROM sqlite_schema");
	assert_ok(place->op, migrate(place));
	assert_ok(place->op, store_open(place->op, STORE_URL, place->dir, &second));
	store_free(&second);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM schema_migration"), applied);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM sqlite_schema"), before);
}

/* F31 */
static void newer_schema_is_refused(void **state)
{
	struct place *place = *state;
	assert_ok(place->op, db_run_script(place->op, place->db,
					   "INSERT INTO schema_migration VALUES (999, 'from the future', 1, 'x')"));
	result r = migrate(place);
	assert_int_equal(r.err, ERR_BACKEND);
	assert_non_null(strstr(place->op->detail, "a newer chancery wrote it"));
}

static void edited_step_is_refused(void **state)
{
	struct place *place = *state;
	struct migration other[8];
	assert_true(schema_migrations_n <= 8);
	memcpy(other, schema_migrations, schema_migrations_n * sizeof(other[0]));
	other[0].append_only = NULL; /* a dropped guard is an edit as well */
	result r = migrations_run(place->op, place->db, other, schema_migrations_n);
	assert_int_equal(r.err, ERR_BACKEND);
	assert_non_null(strstr(place->op->detail, "migration 1"));
}

static void failed_step_leaves_nothing(void **state)
{
	struct place *place = *state;
	const struct migration list[] = {
		{ .number = 1, .name = "good", .sql = "CREATE TABLE good (a BIGINT)" },
		{ .number = 2, .name = "bad", .sql = "CREATE TABLE half (a BIGINT); CREATE TABLE good (a BIGINT)" },
	};
	const struct migration mended[] = {
		list[0],
		{ .number = 2, .name = "mended", .sql = "CREATE TABLE half (a BIGINT)" },
	};
	assert_ok(place->op, db_open(place->op, STORE_URL, place->dir, DB_WRITE, &place->db));
	result r = migrations_run(place->op, place->db, list, 2);
	assert_int_equal(r.err, ERR_BACKEND);
	assert_non_null(strstr(place->op->detail, "migration 2 (bad)"));
	assert_int_equal(place_number(place, place->db, "SELECT MAX(number) FROM schema_migration"), 1);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'half'"), 0);
	assert_ok(place->op, migrations_run(place->op, place->db, mended, 2));
	assert_int_equal(place_number(place, place->db, "SELECT MAX(number) FROM schema_migration"), 2);
}

static void put_rows(struct place *place)
{
	static const char *const rows[] = {
		"INSERT INTO audit_entry VALUES (0, 1, 'certificate.issued', '0a', zeroblob(32), x'00')",
		"INSERT INTO audit_tile VALUES (0, 0, zeroblob(32), zeroblob(8192))",
		"INSERT INTO audit_head VALUES (1, 1, zeroblob(32))",
		"INSERT INTO audit_checkpoint VALUES (1, x'00')",
		"INSERT INTO token_key VALUES ('root', x'01', 'P-256', 'ca', x'02', 1)",
		"INSERT INTO crl_number VALUES ('root', 7)",
		"INSERT INTO certificate VALUES ('0a', 'root', 'p', 'operator', 'issued', '', '[]', x'00', 'uid:0', 'none',"
		" NULL, 'n', 1, 2, 1, 1, x'00', x'00')",
		"INSERT INTO certificate_name VALUES ('a.example', '0a')",
		"INSERT INTO revocation VALUES ('0a', 'root', 1, 1, 2)",
		"INSERT INTO blocked_key VALUES (x'00', 'keyCompromise', 1)",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_ok(place->op, db_run_script(place->op, place->db, rows[i]));
}

/* P4, and V27: what the log and the CRLs rest on is nobody's to change, not through SQL either. */
static void history_is_kept(void **state)
{
	static const char *const forbidden[] = {
		"UPDATE audit_entry SET entry = x'01'",
		"DELETE FROM audit_entry",
		"INSERT OR REPLACE INTO audit_entry VALUES (0, 1, 't', NULL, zeroblob(32), x'01')",
		"UPDATE audit_tile SET root = zeroblob(32)",
		"DELETE FROM audit_tile",
		"UPDATE audit_checkpoint SET note = x'01'",
		"DELETE FROM audit_checkpoint",
		"DELETE FROM audit_head",
		"UPDATE schema_migration SET name = 'x'",
		"DELETE FROM schema_migration",
		"DELETE FROM token_key",
		"DELETE FROM crl_number",
		"DELETE FROM certificate",
		"INSERT OR REPLACE INTO certificate SELECT * FROM certificate",
		"DELETE FROM certificate_name",
		"UPDATE certificate_name SET name = 'b.example'",
		"DELETE FROM revocation",
		"DELETE FROM blocked_key",
	};
	struct place *place = *state;
	put_rows(place);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		result r = db_run_script(place->op, place->db, forbidden[i]);
		if (r.err != ERR_BACKEND || strstr(place->op->detail, "is forbidden") == NULL)
			fail_msg("%s: %s: %s", forbidden[i], err_name(r.err), place->op->detail);
		op_clear_failure(place->op);
	}
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM audit_entry WHERE entry = x'00'"), 1);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM revocation"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(running_again_changes_nothing),
		STORE_TEST(newer_schema_is_refused),
		STORE_TEST(edited_step_is_refused),
		BARE_TEST(failed_step_leaves_nothing),
		STORE_TEST(history_is_kept),
	};
	return RUN_TESTS(tests);
}
