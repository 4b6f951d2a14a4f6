/* Rows of the log as the ledger keeps them: entries, tiles of hashes, the head, checkpoints. */
#pragma once

#include "base/merkle.h"
#include "store/db.h"

/* Hashes per tile (C2SP tlog-tiles): 256 hashes of one level, kept when complete. */
#define AUDIT_TILE_WIDTH 256

struct audit_row {
	uint64_t seq; /* from 0 */
	struct bytes entry;
	struct merkle_hash leaf; /* as stored; verification computes its own */
	/* For finding entries; the entry itself says the same, and that is what counts. */
	int64_t time_ns;
	const char *type, *serial; /* serial: NULL if none */
};

result audit_rows_append(struct op *op, struct db *db, const struct audit_row *row);
/* Rows from `seq` on, at most `limit`, in order of seq. */
typedef result audit_rows_each(struct op *op, void *arg, const struct audit_row *row);
result audit_rows_read(struct op *op, struct db *db, uint64_t seq, uint64_t limit, audit_rows_each *each, void *arg);

/* Those of three types, from `seq` on and before `end`. */
result audit_rows_read_types(struct op *op, struct db *db, uint64_t seq, uint64_t end, const char *const types[3],
			     audit_rows_each *each, void *arg);

/* `root` may be NULL. An empty log has size 0. */
result audit_head_read(struct op *op, struct db *db, struct merkle_frontier *frontier, struct merkle_hash *root);
/* Compare-and-swap: ERR_CONFLICT when the stored head is not `old_size`. */
result audit_head_move(struct op *op, struct db *db, uint64_t old_size, const struct merkle_frontier *frontier);
/* Writes it as it is, for a COMMIT that has something to make durable. */
result audit_head_touch(struct op *op, struct db *db);

/* Refuses other than 256 hashes. */
result audit_tile_write(struct op *op, struct db *db, unsigned level, uint64_t index, struct bytes hashes);
/* ERR_NOT_FOUND: that tile is not complete. */
result audit_tile_read(struct op *op, struct db *db, unsigned level, uint64_t index, struct bytes *hashes);
/* Writes the tiles of every level that became complete when the log grew from `old_size` to `new_size`. */
result audit_tiles_complete(struct op *op, struct db *db, uint64_t old_size, uint64_t new_size);

/* merkle_read over tiles and leaves, for proofs (`from` is a struct db). */
result audit_hash_read(struct op *op, void *from, unsigned level, uint64_t index, struct merkle_hash *out);
/* Root of the first `size` entries, out of tiles and leaves; ERR_NOT_FOUND: the log is shorter. */
result audit_root_read(struct op *op, struct db *db, uint64_t size, struct merkle_hash *root);

/* Sequence number of the first entry of that type for a serial (hex); ERR_NOT_FOUND. */
result audit_seq_of_serial(struct op *op, struct db *db, const char *type, const char *serial, uint64_t *seq);

/* Signed checkpoints (C2SP tlog-checkpoint) as they were published, one per size. */
result audit_checkpoint_write(struct op *op, struct db *db, uint64_t size, struct bytes note); /* ERR_CONFLICT: has one */
result audit_checkpoint_read_latest(struct op *op, struct db *db, uint64_t *size, struct bytes *note); /* ERR_NOT_FOUND */
