/* Looking into a store takes a connection of its own: the store may be one that nobody is to open as theirs. */
#include "store/copies.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "store/audit_event.h"
#include "store/audit_rows.h"
#include "store/db.h"
#include "store/ledger_batch.h"
#include "store/row.h"
#include "store/sqlite_copy.h"

#define SQLITE_PREFIX "sqlite:"

result store_file(struct op *op, const char *url, const char *dir, const char **path)
{
	if (!text_has_prefix(url, SQLITE_PREFIX))
		return FAIL(op, ERR_POLICY,
			    "the store is PostgreSQL's, which has its own tools: pg_dump or pg_basebackup; docs/postgresql.md says how, "
			    "and what to do after a restore");
	*path = files_join(op->arena, dir, url + strlen(SQLITE_PREFIX));
	return OK;
}

const char *store_url_of_file(struct op *op, const char *path)
{
	return arena_printf(op->arena, SQLITE_PREFIX "%s", path);
}

/* Opens the store for one look; `look` sees one moment of it. */
typedef result look_fn(struct op *op, struct db *db, void *arg);

static result look_into(struct op *op, const char *url, const char *dir, look_fn *look, void *arg)
{
	struct db *db;
	TRY(db_open(op, url, dir, DB_READ, &db));
	result r = db_begin(op, db);
	if (r.err == ERR_NONE)
		r = look(op, db, arg);
	(void)op_explain(op, r, "%s", db_url_public(op, url));
	db_rollback(db);
	db_close(&db);
	return r;
}

static result count(struct op *op, struct db *db, const char *sql, uint64_t *out)
{
	int64_t n = 0;
	TRY(db_run(op, db, sql, NULL, 0, row_take_integer, &n, NULL));
	*out = (uint64_t)n;
	return OK;
}

/* Before anything is asked of tables that may not be there. */
static result check_schema(struct op *op, struct db *db)
{
	bool has;
	uint64_t newest;
	TRY(db_has_table(op, db, "schema_migration", &has));
	if (!has)
		return FAIL(op, ERR_MALFORMED, "that is no store of chancery");
	TRY(count(op, db, "SELECT MAX(number) FROM schema_migration", &newest));
	if (newest > store_schema_version())
		return FAIL(op, ERR_BACKEND, "its schema has number %llu, this program knows %u: a newer chancery wrote it; run that one",
			    (unsigned long long)newest, store_schema_version());
	return OK;
}

static result check_pages(struct op *op, struct db *db)
{
	struct row_list findings = ROW_LIST(const char *);
	TRY(db_run(op, db, "PRAGMA quick_check(1)", NULL, 0, row_add_text, &findings, NULL));
	const char *first = findings.n > 0 ? *(const char **)findings.items : "no answer";
	return text_equal(first, "ok") ? OK : FAIL(op, ERR_BACKEND, "the database is damaged: %s", first);
}

struct look {
	struct store_summary *out;
	bool is_file;
};

static result look_at_all(struct op *op, struct db *db, void *arg)
{
	const struct look *look = arg;
	struct ledger_log log = { .db = db };
	if (look->is_file)
		TRY(check_pages(op, db));
	TRY(check_schema(op, db));
	TRY(ledger_log_read(op, &log));
	*look->out = (struct store_summary){ .entries = log.frontier.size, .last_s = log.time_ns / 1000000000 };
	merkle_root(&log.frontier, &look->out->root);
	TRY(count(op, db, "SELECT COUNT(*) FROM certificate", &look->out->certificates));
	return count(op, db, "SELECT COUNT(*) FROM revocation", &look->out->revocations);
}

result store_examine(struct op *op, const char *url, const char *dir, struct store_summary *out)
{
	struct look look = { out, text_has_prefix(url, SQLITE_PREFIX) };
	return look_into(op, url, dir, look_at_all, &look);
}

struct comparison {
	uint64_t size;
	const struct merkle_hash *root;
	bool *has;
};

static result compare_root(struct op *op, struct db *db, void *arg)
{
	const struct comparison *c = arg;
	struct merkle_frontier head;
	struct merkle_hash root;
	*c->has = false;
	TRY(audit_head_read(op, db, &head, NULL));
	if (head.size < c->size)
		return OK;
	TRY(audit_root_read(op, db, c->size, &root));
	*c->has = memcmp(root.b, c->root->b, sizeof root.b) == 0;
	return OK;
}

result store_has_log(struct op *op, const char *url, const char *dir, uint64_t size, const struct merkle_hash *root, bool *has)
{
	struct comparison comparison = { size, root, has };
	return look_into(op, url, dir, compare_root, &comparison);
}

struct counting {
	uint64_t seq, *n;
};

static result count_issued(struct op *op, struct db *db, void *arg)
{
	const struct counting *counting = arg;
	int64_t n = 0;
	TRY(DB_RUN(op, db, "SELECT COUNT(*) FROM audit_entry WHERE seq >= $1 AND type = $2", row_take_integer, &n, NULL,
		   DB_INT(counting->seq), DB_STR(audit_type_name(AUDIT_ISSUED))));
	*counting->n = (uint64_t)n;
	return OK;
}

result store_count_issued(struct op *op, const char *url, const char *dir, uint64_t seq, uint64_t *n)
{
	struct counting counting = { seq, n };
	return look_into(op, url, dir, count_issued, &counting);
}

result store_copy(struct op *op, const char *url, const char *dir, const char *to, struct store_summary *out)
{
	const char *from = NULL;
	TRY(store_file(op, url, dir, &from));
	TRY(sqlite_copy(op, from, to));
	result r = store_examine(op, store_url_of_file(op, to), dir, out);
	if (r.err != ERR_NONE)
		(void)unlink(to);
	return r;
}

/* "20261121T050000Z": colons in names of files are in the way of scp and tar. */
static const char *time_of_name(struct op *op)
{
	char *text = clock_rfc3339(op->arena, clock_now_s()), *to = text;
	for (const char *from = text; *from != '\0'; from++)
		if (*from != ':' && *from != '-')
			*to++ = *from;
	*to = '\0';
	return text;
}

static const char *const companions[] = { "-wal", "-shm" };
#define COMPANIONS (sizeof companions / sizeof companions[0])

void store_file_remove(struct op *op, const char *path)
{
	(void)unlink(path);
	for (size_t i = 0; i < COMPANIONS; i++)
		(void)unlink(arena_printf(op->arena, "%s%s", path, companions[i]));
}

/* A missing file is no failure: there is no WAL after an orderly end. */
static result move_if_there(struct op *op, const char *from, const char *to)
{
	if (rename(from, to) == 0 || errno == ENOENT)
		return OK;
	return FAIL(op, ERR_BACKEND, "cannot rename %s: %s", from, strerrordesc_np(errno));
}

/*
 * The old file gets a second name, then its WAL follows it: beside another
 * database it would be played into that one. Then the copy takes over the first name.
 */
result store_put_in_place(struct op *op, const char *url, const char *dir, const char *own_copy, const char **aside)
{
	const char *path = NULL;
	TRY(store_file(op, url, dir, &path));
	*aside = NULL;
	if (files_exists(arena_printf(op->arena, "%s-wal", own_copy)))
		return FAIL(op, ERR_BUG, "%s has not been closed", own_copy);
	if (files_exists(path)) {
		*aside = arena_printf(op->arena, "%s.before-restore-%s", path, time_of_name(op));
		if (link(path, *aside) != 0)
			return FAIL(op, ERR_BACKEND, "cannot keep %s as %s: %s", path, *aside, strerrordesc_np(errno));
		for (size_t i = 0; i < COMPANIONS; i++)
			TRY(move_if_there(op, arena_printf(op->arena, "%s%s", path, companions[i]),
					  arena_printf(op->arena, "%s%s", *aside, companions[i])));
	}
	return files_move(op, own_copy, path);
}
