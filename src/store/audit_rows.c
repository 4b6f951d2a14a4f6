/* Entries, the head and checkpoints; audit_tiles.c has the hashes of the tree. */
#include "store/audit_rows.h"

#include <string.h>

#include "store/row.h"

result audit_rows_append(struct op *op, struct db *db, const struct audit_row *row)
{
	struct bytes leaf = BYTES_ARRAY(row->leaf.b);
	return DB_RUN(op, db,
		      "INSERT INTO audit_entry (seq, time_ns, type, serial, leaf, entry) VALUES ($1, $2, $3, $4, $5, $6)", NULL,
		      NULL, NULL, DB_INT(row->seq), DB_INT(row->time_ns), DB_STR(row->type), DB_STR(row->serial),
		      DB_BLOB(leaf), DB_BLOB(row->entry));
}

struct reader {
	audit_rows_each *each;
	void *arg;
};

/* Borrows from the row: verification passes over millions. */
static result pass_on(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	const struct reader *reader = arg;
	ASSERT(n == 6);
	struct audit_row row = {
		.seq = (uint64_t)c[0].integer,
		.entry = c[5].bytes,
		.time_ns = c[1].integer,
		.type = c[2].text,
		.serial = c[3].text,
	};
	if (c[4].bytes.n != SHA256_SIZE)
		return FAIL(op, ERR_BACKEND, "audit entry %llu has no leaf hash: the store is damaged",
			    (unsigned long long)row.seq);
	memcpy(row.leaf.b, c[4].bytes.p, SHA256_SIZE);
	return reader->each(op, reader->arg, &row);
}

result audit_rows_read(struct op *op, struct db *db, uint64_t seq, uint64_t limit, audit_rows_each *each, void *arg)
{
	struct reader reader = { each, arg };
	return DB_RUN(op, db,
		      "SELECT seq, time_ns, type, serial, leaf, entry FROM audit_entry WHERE seq >= $1 ORDER BY seq LIMIT $2",
		      pass_on, &reader, NULL, DB_INT(seq), DB_INT(limit > INT64_MAX ? INT64_MAX : limit));
}

result audit_rows_read_types(struct op *op, struct db *db, uint64_t seq, uint64_t end, const char *const types[3],
			     audit_rows_each *each, void *arg)
{
	struct reader reader = { each, arg };
	return DB_RUN(op, db,
		      "SELECT seq, time_ns, type, serial, leaf, entry FROM audit_entry"
		      " WHERE seq >= $1 AND seq < $2 AND type IN ($3, $4, $5) ORDER BY seq",
		      pass_on, &reader, NULL, DB_INT(seq), DB_INT(end), DB_STR(types[0]), DB_STR(types[1]), DB_STR(types[2]));
}

result audit_seq_of_serial(struct op *op, struct db *db, const char *type, const char *serial, uint64_t *seq)
{
	int64_t found = -1;
	TRY(DB_RUN(op, db, "SELECT seq FROM audit_entry WHERE serial = $1 AND type = $2 ORDER BY seq LIMIT 1",
		   row_take_integer, &found, NULL, DB_STR(serial), DB_STR(type)));
	if (found < 0)
		return FAIL(op, ERR_NOT_FOUND, "the log has no entry %s for the serial number %s", type, serial);
	*seq = (uint64_t)found;
	return OK;
}

static result take_head(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct merkle_frontier *frontier = arg;
	ASSERT(n == 2);
	frontier->size = (uint64_t)c[0].integer;
	size_t expected = (size_t)__builtin_popcountll(frontier->size) * SHA256_SIZE;
	if (c[1].bytes.n != expected)
		return FAIL(op, ERR_BACKEND, "the head of the log is damaged; restore a backup");
	if (expected > 0)
		memcpy(frontier->peaks, c[1].bytes.p, expected);
	return OK;
}

result audit_head_read(struct op *op, struct db *db, struct merkle_frontier *frontier, struct merkle_hash *root)
{
	memset(frontier, 0, sizeof(*frontier));
	TRY(db_run(op, db, "SELECT size, peaks FROM audit_head WHERE id = 1", NULL, 0, take_head, frontier, NULL));
	if (root != NULL)
		merkle_root(frontier, root);
	return OK;
}

result audit_head_move(struct op *op, struct db *db, uint64_t old_size, const struct merkle_frontier *frontier)
{
	struct bytes peaks = { frontier->peaks[0].b, (size_t)__builtin_popcountll(frontier->size) * SHA256_SIZE };
	const char *sql = old_size == 0 ?
				  "INSERT INTO audit_head (id, size, peaks) VALUES (1, $1, $2) ON CONFLICT DO NOTHING" :
				  "UPDATE audit_head SET size = $1, peaks = $2 WHERE id = 1 AND size = $3";
	const struct db_value values[] = { DB_INT(frontier->size), DB_BLOB(peaks), DB_INT(old_size) };
	uint64_t changes;
	TRY(db_run(op, db, sql, values, old_size == 0 ? 2 : 3, NULL, NULL, &changes));
	return row_expect_change(op, changes, "the head of the log is not at %llu any more", (unsigned long long)old_size);
}

result audit_head_touch(struct op *op, struct db *db)
{
	return db_run(op, db, "UPDATE audit_head SET size = size WHERE id = 1", NULL, 0, NULL, NULL, NULL);
}

result audit_checkpoint_write(struct op *op, struct db *db, uint64_t size, struct bytes note)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "INSERT INTO audit_checkpoint (size, note) VALUES ($1, $2) ON CONFLICT DO NOTHING", NULL, NULL,
		   &changes, DB_INT(size), DB_BLOB(note)));
	return row_expect_change(op, changes, "there is a checkpoint of %llu entries already", (unsigned long long)size);
}

struct latest {
	uint64_t size;
	struct bytes note;
	bool found;
};

static result take_checkpoint(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct latest *latest = arg;
	ASSERT(n == 2);
	*latest = (struct latest){ (uint64_t)c[0].integer, row_bytes(op, &c[1]), true };
	return OK;
}

result audit_checkpoint_read_latest(struct op *op, struct db *db, uint64_t *size, struct bytes *note)
{
	struct latest latest = { .found = false };
	TRY(db_run(op, db, "SELECT size, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1", NULL, 0, take_checkpoint,
		   &latest, NULL));
	if (!latest.found)
		return FAIL(op, ERR_NOT_FOUND, "no checkpoint has been signed yet");
	*size = latest.size;
	*note = latest.note;
	return OK;
}
