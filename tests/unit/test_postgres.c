/*
 * What only PostgreSQL can do to us: connections that end, transactions that it
 * rolls back, a COMMIT without an answer. Runs with $CHANCERY_TEST_STORE
 * (tests/tools/with_postgres). The linker puts the functions below in the place
 * of libpq's and of the C library's, to lose an answer and to skip waiting.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>

#include "store/audit_rows.h"
#include "store/authorities.h"
#include "store/ledger.h"
#include "tests/unit/store_fixture.h"

/* The ledger's thread reads these while the test waits for it. */
static _Atomic unsigned answers_to_lose, connects_to_fail, connects, commits, waits;

PGresult *__real_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn)
{
	PGresult *answer = __real_PQgetResult(conn);
	if (answer == NULL || strcmp(PQcmdStatus(answer), "COMMIT") != 0)
		return answer;
	commits++;
	if (answers_to_lose == 0)
		return answer;
	answers_to_lose--;
	PQclear(answer);
	(void)shutdown(PQsocket(conn), SHUT_RDWR);
	return PQmakeEmptyPGresult(conn, PGRES_FATAL_ERROR);
}

PGconn *__real_PQconnectdbParams(const char *const *names, const char *const *values, int expand);
PGconn *__wrap_PQconnectdbParams(const char *const *names, const char *const *values, int expand);
PGconn *__wrap_PQconnectdbParams(const char *const *names, const char *const *values, int expand)
{
	static const char *const nowhere[][2] = { { "host", NULL }, { "/nowhere", NULL } };
	connects++;
	if (connects_to_fail == 0)
		return __real_PQconnectdbParams(names, values, expand);
	connects_to_fail--;
	return __real_PQconnectdbParams(nowhere[0], nowhere[1], 0);
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)time;
	(void)left;
	waits++;
	return 0;
}

/* Connections carry the schema's name, so that those of this test can be found and ended. */
static int setup(void **state)
{
	answers_to_lose = connects_to_fail = connects = commits = waits = 0;
	(void)place_setup_bare(state);
	struct place *place = *state;
	size_t n = strlen(place->where.url);
	(void)snprintf(place->where.url + n, sizeof(place->where.url) - n, "&application_name=%s", place->where.schema);
	place_open(place);
	return 0;
}

static int teardown(void **state)
{
	answers_to_lose = connects_to_fail = 0; /* of a test that failed in the middle */
	return place_teardown(state);
}
#define POSTGRES_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* As an administrator does, or a restart. */
static void end_connections(struct place *place)
{
	char sql[256];
	(void)snprintf(sql, sizeof(sql),
		       "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '%s'",
		       place->where.schema);
	test_store_admin(sql);
	assert_ok(place->op, db_begin(place->op, place->db)); /* the test's own comes back by this */
	db_rollback(place->db);
}

static result append(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct audit_event event = { .type = AUDIT_ORDER_CREATED, .order = arg };
	return ledger_audit(op, tx, &event, NULL);
}

/* Row and entry; "trap" is what the triggers below look for. */
static result write_meta(struct op *op, struct ledger_tx *tx, void *name)
{
	TRY(meta_write(op, ledger_db(tx), name, "x"));
	return append(op, tx, name);
}

static result write_without_entry(struct op *op, struct ledger_tx *tx, void *name)
{
	return meta_write(op, ledger_db(tx), name, "x");
}

static struct ledger *open_ledger(struct place *place)
{
	struct ledger *ledger = NULL;
	assert_ok(place->op, ledger_open(place->op, place->store, "node-1", &ledger));
	return ledger;
}

static void assert_recorded(struct place *place, int64_t entries, int64_t rows)
{
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM audit_entry"), entries);
	assert_int_equal(place_number(place, place->db, "SELECT size FROM audit_head"), entries);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM meta"), rows);
}

static uint64_t repeats(struct ledger *ledger)
{
	struct ledger_state state;
	ledger_read_state(ledger, &state);
	return state.repeats;
}

/* F3: a restart between two requests is not noticed by either. */
static void ended_connections_are_made_anew(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct store_lease lease;
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "a"));
	assert_ok(place->op, store_read(place->op, place->store, &lease));
	assert_int_equal(place_number(place, lease.db, "SELECT COUNT(*) FROM meta"), 1);
	store_release(&lease);
	end_connections(place);
	assert_ok(place->op, store_read(place->op, place->store, &lease));
	assert_int_equal(place_number(place, lease.db, "SELECT COUNT(*) FROM meta"), 1);
	store_release(&lease);
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "b"));
	ledger_free(&ledger);
	assert_recorded(place, 2, 2);
}

/* A lease that loses its connection fails to its end: another one would see another moment. */
static void a_broken_lease_stays_broken(void **state)
{
	struct place *place = *state;
	struct store_lease lease;
	assert_ok(place->op, store_read(place->op, place->store, &lease));
	assert_int_equal(place_number(place, lease.db, "SELECT COUNT(*) FROM meta"), 0);
	end_connections(place);
	for (int i = 0; i < 2; i++)
		assert_err(place->op, ERR_BUSY, db_run(place->op, lease.db, "SELECT 1", NULL, 0, NULL, NULL, NULL));
	store_release(&lease);
	assert_ok(place->op, store_read(place->op, place->store, &lease));
	assert_int_equal(place_number(place, lease.db, "SELECT COUNT(*) FROM meta"), 0);
	store_release(&lease);
}

/* The first so many writes of "trap" fail so; a sequence counts, since it is not rolled back. */
static void set_trap(struct place *place, unsigned times, const char *deed)
{
	place_script(place, arena_printf(place->op->arena,
					 "CREATE SEQUENCE IF NOT EXISTS traps;"
					 "CREATE OR REPLACE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
					 " IF nextval('traps') <= %u THEN %s; END IF; RETURN NULL; END$$;"
					 "DROP TRIGGER IF EXISTS trap ON meta; ALTER SEQUENCE traps RESTART;"
					 "CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON meta FOR EACH ROW"
					 " WHEN (NEW.name = 'trap') EXECUTE FUNCTION trap()",
					 times, deed));
}

static const char *raise(struct place *place, const char *sqlstate)
{
	return arena_printf(place->op->arena, "RAISE EXCEPTION 'trap' USING ERRCODE = '%s'", sqlstate);
}

/* F6: what the database rolled back for no fault of ours is run again, and recorded once. */
static void rolled_back_transactions_are_repeated(void **state)
{
	static const char *const states[] = { "40001", "40P01", "55P03", "57014", "25006" };
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct ledger *ledger = open_ledger(place);
		set_trap(place, 3, raise(place, states[i]));
		assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "trap"));
		assert_int_equal(repeats(ledger), 3);
		ledger_free(&ledger);
		assert_recorded(place, (int64_t)i + 1, 1);
		place_script(place, "DELETE FROM meta");
	}
	assert_int_equal(waits, 3 * sizeof(states) / sizeof(states[0]));
}

/* F6: but not for ever, and other failures not at all. */
static void repeats_are_bounded(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	set_trap(place, 1000, raise(place, "40001"));
	assert_err(place->op, ERR_BUSY, ledger_run(place->op, ledger, write_meta, "trap"));
	uint64_t n = repeats(ledger);
	assert_true(n >= 3 && n <= 10);
	set_trap(place, 1000, raise(place, "22012"));
	assert_err(place->op, ERR_BACKEND, ledger_run(place->op, ledger, write_meta, "trap"));
	assert_int_equal(repeats(ledger), n);
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "a"));
	ledger_free(&ledger);
	assert_recorded(place, 1, 1);
}

struct writer {
	struct ledger *ledger;
	char name[16];
	result outcome;
};

static void *writer_main(void *arg)
{
	struct writer *writer = arg;
	struct op *op = op_new();
	writer->outcome = ledger_run(op, writer->ledger, write_meta, writer->name);
	op_free(&op);
	return NULL;
}

/* F6: one that the database never lets through fails alone, whoever shares its batches. */
static void endless_collisions_hold_up_nobody(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct writer writers[9];
	pthread_t threads[9];
	set_trap(place, 1000, raise(place, "40001"));
	for (unsigned i = 0; i < 9; i++) {
		writers[i] = (struct writer){ .ledger = ledger };
		(void)snprintf(writers[i].name, sizeof(writers[i].name), i == 4 ? "trap" : "w%u", i);
		assert_int_equal(pthread_create(&threads[i], NULL, writer_main, &writers[i]), 0);
	}
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(writers[i].outcome.err, i == 4 ? ERR_BUSY : ERR_NONE);
	}
	ledger_free(&ledger);
	assert_recorded(place, 8, 8);
}

/* F1, F3: the connection ends in the middle of a transaction. */
static void lost_transactions_are_repeated(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	set_trap(place, 2, "PERFORM pg_terminate_backend(pg_backend_pid())");
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "trap"));
	assert_int_equal(repeats(ledger), 2);
	ledger_free(&ledger);
	assert_recorded(place, 1, 1);
}

/* F5: the connection ends in COMMIT, which did not happen. */
static void lost_commit_that_failed_is_repeated(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	set_trap(place, 2, "PERFORM pg_terminate_backend(pg_backend_pid())");
	place_script(place, "DROP TRIGGER trap ON meta;"
			    "CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON meta DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
			    " EXECUTE FUNCTION trap()");
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "trap"));
	assert_int_equal(repeats(ledger), 2);
	ledger_free(&ledger);
	assert_recorded(place, 1, 1);
}

/* F5: the connection ends in COMMIT, which happened: found by reading back, and not repeated. */
static void lost_commit_that_happened_counts(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct ledger_head head;
	answers_to_lose = 1;
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "a"));
	assert_int_equal(answers_to_lose, 0);
	assert_int_equal(repeats(ledger), 0);
	ledger_read_head(ledger, &head);
	assert_int_equal(head.size, 1);
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "b"));
	ledger_free(&ledger);
	assert_recorded(place, 2, 2);
}

/* F5: the same, with a database that is not back at the first look. */
static void reading_back_waits_for_the_database(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	answers_to_lose = 1;
	connects_to_fail = 4;
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "a"));
	assert_int_equal(connects_to_fail, 0);
	assert_true(waits >= 1);
	ledger_free(&ledger);
	assert_recorded(place, 1, 1);
}

/* F4: a COMMIT with a warning, as when a wait for the standby was cancelled, is read back, by a COMMIT without one. */
static void warned_commit_is_read_back(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	set_trap(place, 1, "RAISE WARNING 'trap'");
	place_script(place, "DROP TRIGGER trap ON meta;"
			    "CREATE CONSTRAINT TRIGGER trap AFTER INSERT ON meta DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
			    " EXECUTE FUNCTION trap()");
	commits = 0;
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "a"));
	assert_int_equal(commits, 2);
	assert_int_equal(repeats(ledger), 0);
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "b"));
	assert_int_equal(commits, 3);
	ledger_free(&ledger);
	assert_recorded(place, 2, 2);
}

/* F5: without an entry there is nothing to look for, so it is said, and not repeated. */
static void unknown_outcomes_are_not_repeated(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	answers_to_lose = 1;
	result r = ledger_run(place->op, ledger, write_without_entry, "a");
	assert_int_equal(r.err, ERR_BUSY);
	assert_non_null(strstr(place->op->detail, "it is not known what was recorded"));
	assert_int_equal(repeats(ledger), 0);
	ledger_free(&ledger);
}

/* PostgreSQL answers COMMIT after a failed statement by ROLLBACK and no error. */
static void commit_of_a_failed_transaction_fails(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	assert_ok(op, db_begin(op, place->db));
	assert_ok(op, meta_write(op, place->db, "a", "x"));
	assert_err(op, ERR_BACKEND, db_run(op, place->db, "SELECT absent FROM meta", NULL, 0, NULL, NULL, NULL));
	assert_false(db_in_transaction(place->db));
	assert_err(op, ERR_BACKEND, db_commit(op, place->db));
	db_rollback(place->db);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM meta"), 0);
}

/* F16: a writer that stands still in its transaction holds up the others for a bounded time, and is put out. */
static void a_paused_writer_is_put_out(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct db *paused, *other;
	assert_ok(op, db_open(op, place->url, place->dir, DB_WRITE, &paused));
	assert_ok(op, db_open(op, place->url, place->dir, DB_WRITE, &other));
	assert_ok(op, db_begin(op, paused));
	assert_ok(op, meta_write(op, paused, "paused", "x"));
	assert_ok(op, db_run_script(op, other, "SET lock_timeout = '20ms'"));
	assert_err(op, ERR_BUSY, db_begin(op, other));
	assert_int_equal(db_trouble(other), DB_RETRY);
	assert_ok(op, db_run_script(op, paused, "SET LOCAL idle_in_transaction_session_timeout = '20ms'"));
	assert_ok(op, db_run_script(op, other, "SET lock_timeout = '5s'"));
	assert_ok(op, db_begin(op, other)); /* waits until the paused one is put out */
	assert_err(op, ERR_BUSY, meta_write(op, paused, "woken", "x"));
	assert_int_equal(db_trouble(paused), DB_LOST);
	assert_err(op, ERR_BUSY, db_commit(op, paused));
	db_rollback(paused);
	assert_ok(op, db_commit(op, other));
	assert_ok(op, db_begin(op, paused));
	assert_int_equal(place_number(place, paused, "SELECT COUNT(*) FROM meta"), 0);
	db_rollback(paused);
	db_close(&paused);
	db_close(&other);
}

/* F3: while the database is away, readers hear so without each of them trying; afterwards it heals itself. */
static void readers_fail_fast_while_it_is_away(void **state)
{
	struct place *place = *state;
	struct store_lease lease;
	connects = 0;
	connects_to_fail = 1000000;
	for (int i = 0; i < 200; i++)
		assert_err(place->op, ERR_BUSY, store_read(place->op, place->store, &lease));
	assert_in_range(connects, 1, 50);
	connects_to_fail = 0;
	while (store_read(place->op, place->store, &lease).err != ERR_NONE) {
		op_clear_failure(place->op);
		(void)sched_yield();
	}
	store_release(&lease);
}

/* F3: the same for who writes, but for one at a time that looks; what is signed already stays with it for longer. */
static void writers_fail_fast_while_it_is_away(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct ledger_state ledger_state;
	end_connections(place);
	connects = 0;
	connects_to_fail = 1000000;
	for (int i = 0; i < 200; i++)
		assert_err(place->op, ERR_BUSY, ledger_run(place->op, ledger, write_meta, "a"));
	assert_in_range(connects, 2, 60);
	ledger_read_state(ledger, &ledger_state);
	assert_true(ledger_state.is_away);
	connects = 0;
	connects_to_fail = 20;
	assert_ok(place->op, ledger_settle(place->op, ledger, write_meta, "a"));
	assert_int_equal(connects, 21);
	ledger_read_state(ledger, &ledger_state);
	assert_false(ledger_state.is_away);
	assert_ok(place->op, ledger_run(place->op, ledger, write_meta, "b"));
	ledger_free(&ledger);
	assert_recorded(place, 2, 2);
}

/* F3: who starts waits for a database that is away, but not for one that does not take us. */
static void a_refusal_is_told_from_an_absence(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	char url[512];
	assert_ok(op, store_reach(op, place->url, place->dir));
	connects_to_fail = 1; /* it came between two looks */
	assert_ok(op, store_reach(op, place->url, place->dir));
	assert_err(op, ERR_BUSY, store_reach(op, "postgresql://chancery@/postgres?host=/nowhere", place->dir));
	(void)snprintf(url, sizeof(url), "%s&dbname=absent", place->url);
	assert_err(op, ERR_POLICY, store_reach(op, url, place->dir));
	(void)snprintf(url, sizeof(url), "%s&user=absent", place->url);
	assert_err(op, ERR_POLICY, store_reach(op, url, place->dir));
	assert_err(op, ERR_POLICY, store_reach(op, "postgresql://chancery@/postgres?absent=1", place->dir));
}

/* F4: several servers and no synchronous standby: nothing is promised. */
static void several_servers_need_a_synchronous_standby(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct store *store;
	char url[1024];
	assert_ok(op, store_look_at_failover(op, place->store));
	assert_ok(op, store_may_promise(op, place->store)); /* one server, and nobody who follows it */
	const char *host = strstr(place->url, "host=");
	assert_non_null(host);
	host += strlen("host=");
	(void)snprintf(url, sizeof(url), "%s&host=/nowhere,%.*s", place->url, (int)strcspn(host, "&"), host);
	assert_ok(op, store_open(op, url, place->dir, &store));
	assert_ok(op, store_may_promise(op, store));
	assert_ok(op, store_look_at_failover(op, store));
	result r = store_may_promise(op, store);
	assert_int_equal(r.err, ERR_BUSY);
	assert_non_null(strstr(op->detail, "synchronous_standby_names"));
	store_free(&store);
}

static result take_text(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	(void)n;
	*(const char **)arg = arena_text(op->arena, c[0].text);
	return OK;
}

/* F4: a COMMIT waits for the disk, whatever the role, the database or the URL say by default. */
static void commits_are_durable(void **state)
{
	static const char *const cases[][2] = { { "off", "on" }, { "local", "on" }, { "remote_apply", "remote_apply" } };
	struct place *place = *state;
	struct op *op = place->op;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct db *db;
		char url[1024];
		const char *set = "";
		(void)snprintf(url, sizeof(url), "%s&options=-csynchronous_commit%%3D%s", getenv("CHANCERY_TEST_STORE"), cases[i][0]);
		assert_ok(op, db_open(op, url, place->dir, DB_WRITE, &db));
		assert_ok(op, db_run(op, db, "SELECT current_setting('synchronous_commit')", NULL, 0, take_text, &set, NULL));
		assert_string_equal(set, cases[i][1]);
		db_close(&db);
	}
}

static result take_kinds(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	(void)op;
	(void)n;
	assert_true(c[0].kind == DB_INTEGER && c[0].integer == -7);
	assert_true(c[1].kind == DB_INTEGER && c[1].integer == 1);
	assert_true(c[2].kind == DB_INTEGER && c[2].integer == -2);
	assert_true(c[3].kind == DB_TEXT);
	*(bool *)arg = true;
	return OK;
}

static void other_types_are_read_or_refused(void **state)
{
	struct place *place = *state;
	bool seen = false;
	assert_ok(place->op, db_run(place->op, place->db, "SELECT -7, true, CAST(-2 AS smallint), current_schema()", NULL, 0,
				    take_kinds, &seen, NULL));
	assert_true(seen);
	assert_err(place->op, ERR_BUG, db_run(place->op, place->db, "SELECT 1.5", NULL, 0, take_kinds, &seen, NULL));
	assert_err(place->op, ERR_MALFORMED, DB_RUN(place->op, place->db, "SELECT $1", NULL, NULL, NULL, DB_STR("\xc0\xaf")));
}

/* The order of serials and ids is that of bytes, whatever the database's locale. */
static void texts_are_ordered_as_bytes(void **state)
{
	struct place *place = *state;
	assert_int_equal(place_number(place, place->db,
				      "SELECT COUNT(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
				      " JOIN pg_collation o ON o.oid = a.attcollation"
				      " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
				      " AND a.attnum > 0 AND o.collname <> 'C'"),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		POSTGRES_TEST(ended_connections_are_made_anew),
		POSTGRES_TEST(a_broken_lease_stays_broken),
		POSTGRES_TEST(rolled_back_transactions_are_repeated),
		POSTGRES_TEST(repeats_are_bounded),
		POSTGRES_TEST(endless_collisions_hold_up_nobody),
		POSTGRES_TEST(lost_transactions_are_repeated),
		POSTGRES_TEST(lost_commit_that_failed_is_repeated),
		POSTGRES_TEST(lost_commit_that_happened_counts),
		POSTGRES_TEST(reading_back_waits_for_the_database),
		POSTGRES_TEST(warned_commit_is_read_back),
		POSTGRES_TEST(unknown_outcomes_are_not_repeated),
		POSTGRES_TEST(commit_of_a_failed_transaction_fails),
		POSTGRES_TEST(a_paused_writer_is_put_out),
		POSTGRES_TEST(readers_fail_fast_while_it_is_away),
		POSTGRES_TEST(writers_fail_fast_while_it_is_away),
		POSTGRES_TEST(a_refusal_is_told_from_an_absence),
		POSTGRES_TEST(several_servers_need_a_synchronous_standby),
		POSTGRES_TEST(commits_are_durable),
		POSTGRES_TEST(other_types_are_read_or_refused),
		POSTGRES_TEST(texts_are_ordered_as_bytes),
	};
	if (!test_store_is_postgresql()) {
		puts("1..0 # SKIP CHANCERY_TEST_STORE names no PostgreSQL");
		return 0;
	}
	return RUN_TESTS(tests);
}
