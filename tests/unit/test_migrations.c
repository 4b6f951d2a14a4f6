/* Migrations: from nothing, again, several at once, a newer schema; the triggers that keep history. */
#include "store/migrations.h"

#include <pthread.h>

#include "tests/unit/store_fixture.h"

static result migrate(struct place *place)
{
	return migrations_run(place->op, place->db, schema_migrations, schema_migrations_n);
}

#define RELATIONS                                                     \
	test_store_sql("SELECT COUNT(*) FROM sqlite_schema",          \
		       "SELECT COUNT(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace")

static void running_again_changes_nothing(void **state)
{
	struct place *place = *state;
	struct store *second = NULL;
	int64_t applied = place_number(place, place->db, "SELECT COUNT(*) FROM schema_migration");
	assert_int_equal(applied, store_schema_version());
	int64_t before = place_number(place, place->db, RELATIONS);
	assert_ok(place->op, migrate(place));
	assert_ok(place->op, store_open(place->op, place->url, place->dir, &second));
	store_free(&second);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM schema_migration"), applied);
	assert_int_equal(place_number(place, place->db, RELATIONS), before);
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
	assert_ok(place->op, db_open(place->op, place->url, place->dir, DB_WRITE, &place->db));
	result r = migrations_run(place->op, place->db, list, 2);
	assert_int_equal(r.err, ERR_BACKEND);
	assert_non_null(strstr(place->op->detail, "migration 2 (bad)"));
	assert_int_equal(place_number(place, place->db, "SELECT MAX(number) FROM schema_migration"), 1);
	assert_int_equal(place_number(place, place->db, 
				      test_store_sql("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'half'",
						     "SELECT COUNT(*) FROM pg_class WHERE relname = 'half' AND"
						     " relnamespace = current_schema()::regnamespace")),
			 0);
	assert_ok(place->op, migrations_run(place->op, place->db, mended, 2));
	assert_int_equal(place_number(place, place->db, "SELECT MAX(number) FROM schema_migration"), 2);
}

static void put_rows(struct place *place)
{
	static const char *const rows[] = {
		"INSERT INTO audit_entry VALUES (0, 1, 'certificate.issued', '0a', $1, $3)",
		"INSERT INTO audit_tile VALUES (0, 0, $1, $2)",
		"INSERT INTO audit_head VALUES (1, 1, $1)",
		"INSERT INTO audit_checkpoint VALUES (1, $3)",
		"INSERT INTO token_key VALUES ('root', $3, 'P-256', 'ca', $3, 1)",
		"INSERT INTO crl_number (ca, number) VALUES ('root', 7)",
		("INSERT INTO certificate VALUES ('0a', 'root', 'p', 'operator', 'issued', '', '[]', $3, 'uid:0', 'none',"
		 " NULL, 'n', 1, 2, 1, 1, $3, $3, '')"),
		"INSERT INTO certificate_name VALUES ('a.example', '0a')",
		"INSERT INTO revocation VALUES ('0a', 'root', 1, 1, 2)",
		"INSERT INTO blocked_key VALUES ($3, 'keyCompromise', 1)",
		"INSERT INTO node VALUES ('n', 1, 1)",
	};
	static const uint8_t hash[32], tile[8192], one[1];
	const struct db_value values[] = { DB_BLOB(BYTES_ARRAY(hash)), DB_BLOB(BYTES_ARRAY(tile)), DB_BLOB(BYTES_ARRAY(one)) };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_ok(place->op, db_run(place->op, place->db, rows[i], values, 3, NULL, NULL, NULL));
}

static void assert_forbidden(struct place *place, const char *sql)
{
	result r = db_run_script(place->op, place->db, sql);
	if (r.err != ERR_BACKEND || strstr(place->op->detail, "is forbidden") == NULL)
		fail_msg("%s: %s: %s", sql, err_name(r.err), place->op->detail);
	op_clear_failure(place->op);
}

/* P4, and V27: what the log and the CRLs rest on is nobody's to change, not through SQL either. */
static void history_is_kept(void **state)
{
	static const char *const forbidden[] = {
		"UPDATE audit_entry SET type = 'x'",
		"DELETE FROM audit_entry",
		"UPDATE audit_tile SET level = 7",
		"DELETE FROM audit_tile",
		"UPDATE audit_checkpoint SET size = 7",
		"DELETE FROM audit_checkpoint",
		"DELETE FROM audit_head",
		"UPDATE schema_migration SET name = 'x'",
		"DELETE FROM schema_migration",
		"DELETE FROM token_key",
		"DELETE FROM crl_number",
		"DELETE FROM certificate",
		"DELETE FROM certificate_name",
		"UPDATE certificate_name SET name = 'b.example'",
		"DELETE FROM revocation",
		"DELETE FROM blocked_key",
		"DELETE FROM node",
	};
	static const char *const forbidden_sqlite[] = {
		"INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry",
		"INSERT OR REPLACE INTO certificate SELECT * FROM certificate",
	};
	static const char *const forbidden_postgresql[] = {
		"TRUNCATE audit_entry",
		"TRUNCATE audit_tile, audit_head, audit_checkpoint",
		"TRUNCATE certificate CASCADE",
		"TRUNCATE crl_number",
		"SET session_replication_role = replica; DELETE FROM audit_entry",
		"INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (seq) DO UPDATE SET type = 'x'",
	};
	struct place *place = *state;
	put_rows(place);
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		assert_forbidden(place, forbidden[i]);
	if (test_store_is_postgresql())
		for (size_t i = 0; i < sizeof(forbidden_postgresql) / sizeof(forbidden_postgresql[0]); i++)
			assert_forbidden(place, forbidden_postgresql[i]);
	else
		for (size_t i = 0; i < sizeof(forbidden_sqlite) / sizeof(forbidden_sqlite[0]); i++)
			assert_forbidden(place, forbidden_sqlite[i]);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM audit_entry WHERE type = 'certificate.issued'"), 1);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM revocation"), 1);
}

struct migrator {
	struct place *place;
	const char *complaint;
};

static void *migrator_main(void *arg)
{
	struct migrator *migrator = arg;
	struct op *op = op_new();
	struct store *store = NULL;
	if (store_open(op, migrator->place->url, migrator->place->dir, &store).err != ERR_NONE)
		migrator->complaint = strdup(op->detail);
	store_free(&store);
	op_free(&op);
	return NULL;
}

/* Several nodes start at once on an empty database. */
static void migrating_at_once_is_fine(void **state)
{
	struct place *place = *state;
	struct migrator migrators[6];
	pthread_t threads[6];
	for (int i = 0; i < 6; i++) {
		migrators[i] = (struct migrator){ .place = place };
		assert_int_equal(pthread_create(&threads[i], NULL, migrator_main, &migrators[i]), 0);
	}
	for (int i = 0; i < 6; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		if (migrators[i].complaint != NULL)
			fail_msg("%s", migrators[i].complaint);
	}
	place_open(place);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM schema_migration"), store_schema_version());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(running_again_changes_nothing),
		STORE_TEST(newer_schema_is_refused),
		STORE_TEST(edited_step_is_refused),
		BARE_TEST(failed_step_leaves_nothing),
		STORE_TEST(history_is_kept),
		BARE_TEST(migrating_at_once_is_fine),
	};
	return RUN_TESTS(tests);
}
