/* The ledger: group commit, one by one after a failure, entries and checkpoints of the log. */
#include "store/ledger.h"

#include <pthread.h>
#include <sched.h>

#include "base/checkpoint.h"
#include "base/files.h"
#include "base/json.h"
#include "store/audit_rows.h"
#include "store/authorities.h"
#include "tests/unit/store_fixture.h"

static result append(struct op *op, struct ledger_tx *tx, void *seq)
{
	struct audit_event event = { .type = AUDIT_ORDER_CREATED, .order = "o" };
	return ledger_audit(op, tx, &event, seq);
}

static struct ledger *open_ledger(struct place *place)
{
	struct ledger *ledger = NULL;
	assert_ok(place->op, ledger_open(place->op, place->store, "node-1", &ledger));
	return ledger;
}

static void append_n(struct place *place, struct ledger *ledger, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_ok(place->op, ledger_run(place->op, ledger, append, NULL));
}

/* The whole log, read as an auditor does: numbers without gaps, leaf hashes, times, and the root of the head. */
struct audit {
	struct merkle_frontier frontier;
	char last_time[40];
};

static result audit_row_check(struct op *op, void *arg, const struct audit_row *row)
{
	struct audit *audit = arg;
	AUTO(json_t) *entry = NULL;
	struct merkle_hash leaf;
	const char *time, *type;
	int64_t seq;
	assert_int_equal(row->seq, audit->frontier.size);
	merkle_leaf(row->entry, &leaf);
	assert_memory_equal(leaf.b, row->leaf.b, sizeof(leaf.b));
	merkle_append(&audit->frontier, &leaf);
	TRY(json_parse_object(op, row->entry, "entry", &entry));
	TRY(json_maybe_integer(op, entry, "seq", -1, &seq));
	TRY(json_need_text(op, entry, "time", &time));
	TRY(json_need_text(op, entry, "type", &type));
	assert_int_equal(seq, row->seq);
	assert_string_equal(type, row->type);
	assert_true(strcmp(time, audit->last_time) >= 0); /* P8 */
	(void)snprintf(audit->last_time, sizeof(audit->last_time), "%s", time);
	return OK;
}

static uint64_t audit_log(struct place *place)
{
	struct audit audit = { .frontier.size = 0 };
	struct merkle_frontier stored;
	struct merkle_hash root, expected, from_tiles;
	assert_ok(place->op, audit_rows_read(place->op, place->db, 0, UINT64_MAX, audit_row_check, &audit));
	assert_ok(place->op, audit_head_read(place->op, place->db, &stored, &root));
	assert_int_equal(stored.size, audit.frontier.size);
	merkle_root(&audit.frontier, &expected);
	assert_memory_equal(root.b, expected.b, sizeof(root.b));
	assert_ok(place->op, audit_root_read(place->op, place->db, stored.size, &from_tiles));
	assert_memory_equal(from_tiles.b, expected.b, sizeof(root.b));
	return stored.size;
}

static void entries_make_a_log(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct ledger_head head;
	uint64_t seq = 99;
	ledger_read_head(ledger, &head);
	assert_int_equal(head.size, 0);
	assert_ok(place->op, ledger_run(place->op, ledger, append, &seq));
	assert_int_equal(seq, 0);
	assert_ok(place->op, ledger_run(place->op, ledger, append, &seq));
	assert_int_equal(seq, 1);
	ledger_read_head(ledger, &head);
	assert_int_equal(head.size, 2);
	assert_int_equal(audit_log(place), 2);
	ledger_free(&ledger);
	assert_null(ledger);
}

/* A closure that holds the ledger thread until the test lets it go. */
struct stopper {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_held, may_go;
};

static result hold(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct stopper *stopper = arg;
	(void)op;
	(void)tx;
	pthread_mutex_lock(&stopper->lock);
	stopper->is_held = true;
	pthread_cond_broadcast(&stopper->changed);
	while (!stopper->may_go)
		pthread_cond_wait(&stopper->changed, &stopper->lock);
	pthread_mutex_unlock(&stopper->lock);
	return OK;
}

struct holder {
	struct ledger *ledger;
	struct stopper *stopper;
};

static void *holder_main(void *arg)
{
	struct holder *holder = arg;
	struct op *op = op_new();
	result r = ledger_run(op, holder->ledger, hold, holder->stopper);
	op_free(&op);
	return r.err == ERR_NONE ? NULL : arg;
}

enum deed { DEED_WRITES, DEED_REFUSES, DEED_WRITES_AND_FAILS, DEED_BREAKS_COMMIT, DEED_LOSES_TRANSACTION };
struct worker {
	struct ledger *ledger;
	unsigned number, rounds;
	const enum deed *sole; /* what it does, if not lots */
	unsigned wrote;
	const char *complaint;
};
struct job {
	enum deed deed;
	char name[32];
};

static result do_deed(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct job *job = arg;
	if (job->deed == DEED_REFUSES)
		return FAIL(op, ERR_POLICY, "refused %s", job->name);
	if (job->deed == DEED_LOSES_TRANSACTION)
		return meta_write(op, ledger_db(tx), "trap", "x");
	TRY(meta_write(op, ledger_db(tx), job->name, "x"));
	TRY(append(op, tx, NULL));
	if (job->deed == DEED_BREAKS_COMMIT) /* a reference that COMMIT checks */
		return db_run(op, ledger_db(tx), "INSERT INTO child VALUES ('absent')", NULL, 0, NULL, NULL, NULL);
	return job->deed == DEED_WRITES ? OK : FAIL(op, ERR_LIMIT, "failed %s", job->name);
}

static void worker_round(struct worker *worker, struct op *op, unsigned round)
{
	static const enum err expected[] = { ERR_NONE, ERR_POLICY, ERR_LIMIT, ERR_BACKEND, ERR_BACKEND };
	/* Nine in twenty write; the others fail, few of them after having written. */
	unsigned lot = (worker->number * 7 + round * 3) % 20;
	struct job job = { .deed = lot == 0 ? DEED_WRITES_AND_FAILS : lot < 11 ? DEED_REFUSES : DEED_WRITES };
	if (worker->sole != NULL)
		job.deed = *worker->sole;
	(void)snprintf(job.name, sizeof(job.name), "w%u.%u", worker->number, round);
	result r = ledger_run(op, worker->ledger, do_deed, &job);
	const char *words = job.deed == DEED_BREAKS_COMMIT	 ? "nothing was recorded" :
			    job.deed == DEED_LOSES_TRANSACTION ? "trap" :
								 job.name;
	if (r.err != expected[job.deed])
		worker->complaint = err_name(r.err);
	else if (r.err != ERR_NONE && strstr(op->detail, words) == NULL)
		worker->complaint = "a failure of another's closure";
	op_clear_failure(op);
	worker->wrote += r.err == ERR_NONE;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct op *op = op_new();
	for (unsigned round = 0; round < worker->rounds; round++)
		worker_round(worker, op, round);
	op_free(&op);
	return NULL;
}

#define WORKERS 32

static void wait_until_queued(struct ledger *ledger, unsigned n)
{
	struct ledger_state state;
	do {
		(void)sched_yield();
		ledger_read_state(ledger, &state);
	} while (state.waiting < n);
}

/* Worker 2 does `special`, all others write; NULL: lots. */
static const enum deed *sole_deed(unsigned number, const enum deed *special)
{
	static const enum deed writes = DEED_WRITES;
	return special == NULL || number == 2 ? special : &writes;
}

/* Starts the workers while the ledger thread is held, so that their first closures become one batch. */
static unsigned run_workers(struct ledger *ledger, unsigned rounds, const enum deed *special,
			    struct ledger_state *after)
{
	struct stopper stopper = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	struct holder holder = { ledger, &stopper };
	struct worker workers[WORKERS];
	pthread_t threads[WORKERS], holding;
	void *held;
	unsigned wrote = 0;
	assert_int_equal(pthread_create(&holding, NULL, holder_main, &holder), 0);
	pthread_mutex_lock(&stopper.lock);
	while (!stopper.is_held)
		pthread_cond_wait(&stopper.changed, &stopper.lock);
	pthread_mutex_unlock(&stopper.lock);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .ledger = ledger, .number = i, .rounds = rounds,
					      .sole = sole_deed(i, special) };
		assert_int_equal(pthread_create(&threads[i], NULL, worker_main, &workers[i]), 0);
	}
	wait_until_queued(ledger, WORKERS);
	pthread_mutex_lock(&stopper.lock);
	stopper.may_go = true;
	pthread_cond_broadcast(&stopper.changed);
	pthread_mutex_unlock(&stopper.lock);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		if (workers[i].complaint != NULL)
			fail_msg("worker %u: %s", i, workers[i].complaint);
		wrote += workers[i].wrote;
	}
	assert_int_equal(pthread_join(holding, &held), 0);
	assert_null(held);
	ledger_read_state(ledger, after);
	return wrote;
}

/* S7: one commit for all that waited. */
static void waiting_closures_share_a_commit(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct ledger_state after;
	(void)run_workers(ledger, 1, NULL, &after);
	assert_int_equal(after.closures, WORKERS + 1);
	assert_int_equal(after.batches, 2); /* the held one, and all the others */
	assert_int_equal(after.waiting, 0);
	ledger_free(&ledger);
	(void)audit_log(place);
}

/* A closure that fails takes nothing of its neighbours with it, and leaves nothing behind. */
static void failing_closures_stand_alone(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct ledger_state after;
	unsigned wrote = run_workers(ledger, 20, NULL, &after);
	assert_int_equal(after.closures, WORKERS * 20 + 1);
	assert_true(after.batches < after.closures / 2);
	assert_true(after.rerun_batches > 0);
	ledger_free(&ledger);
	assert_int_equal(audit_log(place), wrote);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM meta"), wrote);
}

/* One closure of a full batch brings the whole batch down: it alone fails. */
static void assert_saved(struct place *place, struct ledger *ledger, enum deed special)
{
	struct ledger_state after;
	unsigned wrote = run_workers(ledger, 1, &special, &after);
	assert_int_equal(wrote, WORKERS - 1);
	assert_int_equal(after.batches, 2);
	assert_int_equal(after.rerun_batches, 1);
	ledger_free(&ledger);
	assert_int_equal(audit_log(place), wrote);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM meta"), wrote);
}

/* F5, F7 */
static void failed_commit_is_rerun(void **state)
{
	struct place *place = *state;
	assert_ok(place->op, db_run_script(place->op, place->db,
					   "CREATE TABLE child (a TEXT REFERENCES meta (name) DEFERRABLE INITIALLY DEFERRED)"));
	assert_saved(place, open_ledger(place), DEED_BREAKS_COMMIT);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM child"), 0);
}

/* The database gives the transaction up by itself, as on a full disk. */
static void lost_transaction_is_rerun(void **state)
{
	struct place *place = *state;
	place_script(place, test_store_sql("CREATE TRIGGER trap BEFORE INSERT ON meta WHEN NEW.name = 'trap' BEGIN"
					   " SELECT RAISE(ROLLBACK, 'trap'); END",
					   "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS"
					   " $$BEGIN RAISE EXCEPTION 'trap'; END$$;"
					   "CREATE TRIGGER trap BEFORE INSERT ON meta FOR EACH ROW WHEN (NEW.name = 'trap')"
					   " EXECUTE FUNCTION trap()"));
	assert_saved(place, open_ledger(place), DEED_LOSES_TRANSACTION);
}

static void reopening_goes_on(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct ledger_head before, after;
	append_n(place, ledger, 300); /* over the edge of a tile */
	ledger_read_head(ledger, &before);
	ledger_free(&ledger);
	place_close(place);
	place_open(place);
	ledger = open_ledger(place);
	ledger_read_head(ledger, &after);
	assert_int_equal(after.size, 300);
	assert_memory_equal(after.root.b, before.root.b, sizeof(before.root.b));
	append_n(place, ledger, 250);
	ledger_free(&ledger);
	assert_int_equal(audit_log(place), 550);
	struct bytes tile;
	assert_ok(place->op, audit_tile_read(place->op, place->db, 0, 1, &tile));
}

/* F1: what a dead process had not committed is gone as if it had never been. */
static void uncommitted_entries_vanish(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct ledger *ledger = open_ledger(place);
	append_n(place, ledger, 3);
	ledger_free(&ledger);
	struct audit_row row = { .seq = 3, .entry = BYTES_LITERAL("{}"), .type = "order.created" };
	assert_ok(op, db_begin(op, place->db));
	assert_ok(op, audit_rows_append(op, place->db, &row));
	db_close(&place->db);
	place_close(place);
	place_open(place);
	ledger = open_ledger(place);
	append_n(place, ledger, 1);
	ledger_free(&ledger);
	assert_int_equal(audit_log(place), 4);
}

/* Two processes on one store: a command appends while the server runs. */
static void two_ledgers_take_turns(void **state)
{
	struct place *place = *state;
	struct ledger *one = open_ledger(place);
	struct ledger *two = open_ledger(place);
	for (unsigned i = 0; i < 5; i++) {
		append_n(place, one, 1);
		append_n(place, two, 2);
	}
	ledger_free(&one);
	ledger_free(&two);
	assert_int_equal(audit_log(place), 15);
}

/* F16: nodes that write at the same time make one log, and lose nothing of each other's. */
static void three_ledgers_race(void **state)
{
	struct place *place = *state;
	struct ledger *ledgers[3];
	struct worker workers[9];
	pthread_t threads[9];
	unsigned wrote = 0;
	/* SQLite's way to wait for a lock is to sleep and look again; its place is one node and a command. */
	unsigned rounds = test_store_is_postgresql() ? 40 : 3;
	for (int i = 0; i < 3; i++) {
		char node[16];
		(void)snprintf(node, sizeof(node), "node-%d", i);
		assert_ok(place->op, ledger_open(place->op, place->store, node, &ledgers[i]));
		assert_ok(place->op, ledger_take_epoch(place->op, ledgers[i]));
	}
	for (unsigned i = 0; i < 9; i++) {
		workers[i] = (struct worker){ .ledger = ledgers[i % 3], .number = i, .rounds = rounds };
		assert_int_equal(pthread_create(&threads[i], NULL, worker_main, &workers[i]), 0);
	}
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		if (workers[i].complaint != NULL)
			fail_msg("worker %u: %s", i, workers[i].complaint);
		wrote += workers[i].wrote;
	}
	for (int i = 0; i < 3; i++)
		ledger_free(&ledgers[i]);
	assert_int_equal(audit_log(place), wrote);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM meta"), wrote);
}

static void change_entry_behind(struct place *place, const char *value)
{
	place_script(place, arena_printf(place->op->arena, "%s; UPDATE audit_entry SET leaf = %s WHERE seq = 1",
					 test_store_sql("DROP TRIGGER IF EXISTS audit_entry_no_UPDATE",
							"ALTER TABLE audit_entry DISABLE TRIGGER ALL"),
					 value));
}

/* F4: another history of at least the same length, as on a promoted standby that lacked our last entries. */
static void other_history_stops_the_ledger(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	append_n(place, ledger, 2);
	struct ledger *other = open_ledger(place);
	append_n(place, other, 1);
	change_entry_behind(place, test_store_sql("zeroblob(32)", "decode(repeat('00', 32), 'hex')"));
	assert_err(place->op, ERR_BACKEND, ledger_run(place->op, ledger, append, NULL));
	append_n(place, other, 1); /* it has not seen what was there before */
	ledger_free(&ledger);
	ledger_free(&other);
}

/* P8, F14 */
static void time_never_goes_back(void **state)
{
	struct place *place = *state;
	clock_fix(2000000000);
	struct ledger *ledger = open_ledger(place);
	append_n(place, ledger, 1);
	clock_fix(1000000000);
	append_n(place, ledger, 1);
	ledger_free(&ledger);
	ledger = open_ledger(place); /* the new process asks the log, too */
	append_n(place, ledger, 1);
	ledger_free(&ledger);
	assert_int_equal(audit_log(place), 3);
	assert_int_equal(place_number(place, place->db, "SELECT MIN(time_ns) FROM audit_entry"),
			 INT64_C(2000000000) * 1000000000);
}

static result append_huge(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct audit_event event = { .type = AUDIT_ISSUANCE_REFUSED, .outcome = arg };
	return ledger_audit(op, tx, &event, NULL);
}

static void entries_have_a_limit(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	char *text = arena_alloc(place->op->arena, 70000);
	memset(text, 'a', 69999);
	assert_err(place->op, ERR_LIMIT, ledger_run(place->op, ledger, append_huge, text));
	append_n(place, ledger, 1);
	ledger_free(&ledger);
	assert_int_equal(audit_log(place), 1);
}

static void write_checkpoint(struct place *place, const struct ledger_head *head)
{
	struct op *op = place->op;
	static const uint8_t signature[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const char *origin = "ca.example/log";
	char *text = checkpoint_text(op->arena, origin, head->size, &head->root);
	char *note = checkpoint_note(op->arena, text, origin, (struct bytes){ signature, 4 }, BYTES_ARRAY(signature));
	assert_ok(op, files_write(op, files_join(op->arena, place->dir, "checkpoint"), 0644, bytes_of_text(note)));
}

static void assert_refused(struct place *place, const char *words)
{
	struct ledger *ledger = NULL;
	result r = ledger_open(place->op, place->store, "node-1", &ledger);
	assert_int_equal(r.err, ERR_UNAUTHENTIC);
	if (strstr(place->op->detail, words) == NULL)
		fail_msg("expected \"%s\" in: %s", words, place->op->detail);
	assert_null(ledger);
	op_clear_failure(place->op);
}

static void copy_file(struct place *place, const char *from, const char *to)
{
	struct op *op = place->op;
	struct bytes content;
	assert_ok(op, files_read(op, files_join(op->arena, place->dir, from), 64U << 20, &content));
	assert_ok(op, files_write(op, files_join(op->arena, place->dir, to), 0600, content));
}

/* Makes a copy of the closed store, as a backup does. */
static void store_save(struct place *place)
{
	place_close(place); /* the last connection leaves no -wal behind */
	if (test_store_is_postgresql()) {
		place_open(place);
		place_script(place, "CREATE TABLE saved_entry AS TABLE audit_entry; CREATE TABLE saved_tile AS TABLE audit_tile;"
				    "CREATE TABLE saved_head AS TABLE audit_head");
	} else {
		copy_file(place, "chancery.db", "copy.db");
		place_open(place);
	}
}

/* Puts it back in the store's place. */
static void store_restore(struct place *place)
{
	static const char *const names[] = { "entry", "tile", "head" };
	place_close(place);
	if (!test_store_is_postgresql())
		copy_file(place, "copy.db", "chancery.db");
	place_open(place);
	for (size_t i = 0; test_store_is_postgresql() && i < sizeof(names) / sizeof(names[0]); i++)
		place_script(place, arena_printf(place->op->arena,
						 "ALTER TABLE audit_%s DISABLE TRIGGER ALL; DELETE FROM audit_%s;"
						 "INSERT INTO audit_%s SELECT * FROM saved_%s; ALTER TABLE audit_%s ENABLE TRIGGER ALL",
						 names[i], names[i], names[i], names[i], names[i]));
}

/* F37: a copy of the store from before the checkpoint does not start. */
static void restored_copy_is_refused(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct ledger_head head;
	append_n(place, ledger, 5);
	ledger_free(&ledger);
	store_save(place);
	ledger = open_ledger(place);
	append_n(place, ledger, 3);
	ledger_read_head(ledger, &head);
	write_checkpoint(place, &head);
	append_n(place, ledger, 1); /* the log may be ahead of its checkpoint */
	ledger_free(&ledger);
	ledger = open_ledger(place);
	ledger_free(&ledger);
	store_restore(place);
	assert_refused(place, "has 5 entries, the checkpoint");
}

/* F37: as long as it was, but with another history. */
static void other_history_is_refused(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct ledger_head head;
	append_n(place, ledger, 5);
	ledger_free(&ledger);
	store_save(place);
	ledger = open_ledger(place);
	append_n(place, ledger, 3);
	ledger_read_head(ledger, &head);
	write_checkpoint(place, &head);
	ledger_free(&ledger);
	store_restore(place);
	/* An operator hides the checkpoint, goes on, and puts it back. */
	const char *file = files_join(place->op->arena, place->dir, "checkpoint");
	const char *aside = files_join(place->op->arena, place->dir, "aside");
	assert_int_equal(rename(file, aside), 0);
	ledger = open_ledger(place);
	append_n(place, ledger, 9);
	ledger_free(&ledger);
	assert_int_equal(rename(aside, file), 0);
	assert_refused(place, "are not those of the checkpoint");
}

static void damaged_checkpoint_is_refused(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct ledger *ledger = NULL;
	assert_ok(op, files_write(op, files_join(op->arena, place->dir, "checkpoint"), 0644,
				  BYTES_LITERAL("ca.example/log\nmany\n")));
	result r = ledger_open(op, place->store, "node-1", &ledger);
	assert_int_not_equal(r.err, ERR_NONE);
	assert_non_null(strstr(op->detail, "is damaged"));
	assert_null(ledger);
}

/* P1: an entry that was taken out or changed behind the triggers shows at the next start. */
static void changed_leaf_is_noticed(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	append_n(place, ledger, 7);
	ledger_free(&ledger);
	place_script(place, test_store_sql("DROP TRIGGER audit_entry_no_UPDATE;"
					   "UPDATE audit_entry SET leaf = zeroblob(32) WHERE seq = 3",
					   "ALTER TABLE audit_entry DISABLE TRIGGER ALL;"
					   "UPDATE audit_entry SET leaf = decode(repeat('00', 32), 'hex') WHERE seq = 3"));
	assert_refused(place, "does not fit its head");
}

/* The store is put back to an earlier state while the server runs: nothing more is recorded. */
static void lost_entries_stop_the_ledger(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	struct merkle_frontier frontier;
	append_n(place, ledger, 2);
	assert_ok(place->op, audit_head_read(place->op, place->db, &frontier, NULL));
	append_n(place, ledger, 2);
	assert_ok(place->op, audit_head_move(place->op, place->db, 4, &frontier));
	assert_err(place->op, ERR_BACKEND, ledger_run(place->op, ledger, append, NULL));
	ledger_free(&ledger);
}

/* F6, F7: a failing statement inside the batch's own work reaches the worker, and nothing is recorded. */
static void failed_seal_records_nothing(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = open_ledger(place);
	append_n(place, ledger, 2);
	place_script(place, test_store_sql("CREATE TRIGGER trap BEFORE UPDATE ON audit_head BEGIN"
					   " SELECT RAISE(ABORT, 'trap'); END",
					   "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS"
					   " $$BEGIN RAISE EXCEPTION 'trap'; END$$;"
					   "CREATE TRIGGER trap BEFORE UPDATE ON audit_head EXECUTE FUNCTION trap()"));
	result r = ledger_run(place->op, ledger, append, NULL);
	assert_int_equal(r.err, ERR_BACKEND);
	assert_non_null(strstr(place->op->detail, "nothing was recorded"));
	op_clear_failure(place->op);
	place_script(place, test_store_sql("DROP TRIGGER trap", "DROP TRIGGER trap ON audit_head"));
	append_n(place, ledger, 1);
	ledger_free(&ledger);
	assert_int_equal(audit_log(place), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(entries_make_a_log),
		STORE_TEST(waiting_closures_share_a_commit),
		STORE_TEST(failing_closures_stand_alone),
		STORE_TEST(failed_commit_is_rerun),
		STORE_TEST(lost_transaction_is_rerun),
		STORE_TEST(reopening_goes_on),
		STORE_TEST(uncommitted_entries_vanish),
		STORE_TEST(two_ledgers_take_turns),
		STORE_TEST(three_ledgers_race),
		STORE_TEST(other_history_stops_the_ledger),
		STORE_TEST(time_never_goes_back),
		STORE_TEST(entries_have_a_limit),
		STORE_TEST(restored_copy_is_refused),
		STORE_TEST(other_history_is_refused),
		STORE_TEST(damaged_checkpoint_is_refused),
		STORE_TEST(changed_leaf_is_noticed),
		STORE_TEST(lost_entries_stop_the_ledger),
		STORE_TEST(failed_seal_records_nothing),
	};
	return RUN_TESTS(tests);
}
