/*
 * The hashes of the tree, in the form of C2SP tlog-tiles: tile (L, i) holds the
 * hashes of 256 perfect subtrees of 256^L leaves each, from the (256 i)-th on.
 * A complete tile is a row and never changes; its root is the hash that the
 * level above needs. Level 0 hashes outside of complete tiles are the leaves of
 * audit_entry, so that every hash can be had at any size of the log.
 */
#include <string.h>

#include "store/audit_rows.h"
#include "store/row.h"

#define TILE_BITS 8
#define TILE_BYTES (AUDIT_TILE_WIDTH * SHA256_SIZE)

/* Root of a perfect tree over `n` hashes, a power of two; uses up `hashes`. */
static void fold(struct merkle_hash *hashes, unsigned n, struct merkle_hash *root)
{
	for (; n > 1; n /= 2) {
		for (unsigned i = 0; i < n / 2; i++)
			merkle_node(&hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
	}
	*root = hashes[0];
}

result audit_tile_write(struct op *op, struct db *db, unsigned level, uint64_t index, struct bytes hashes)
{
	if (hashes.n != TILE_BYTES)
		return FAIL(op, ERR_BUG, "a tile of %zu bytes", hashes.n);
	struct merkle_hash copy[AUDIT_TILE_WIDTH], root;
	memcpy(copy, hashes.p, TILE_BYTES);
	fold(copy, AUDIT_TILE_WIDTH, &root);
	struct bytes root_bytes = BYTES_ARRAY(root.b);
	return DB_RUN(op, db, "INSERT INTO audit_tile (level, tile, root, hashes) VALUES ($1, $2, $3, $4)", NULL, NULL, NULL,
		      DB_INT(level), DB_INT(index), DB_BLOB(root_bytes), DB_BLOB(hashes));
}

static result take_bytes(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	ASSERT(n == 1);
	*(struct bytes *)arg = row_bytes(op, &c[0]);
	return OK;
}

result audit_tile_read(struct op *op, struct db *db, unsigned level, uint64_t index, struct bytes *hashes)
{
	struct bytes found = BYTES_NONE;
	TRY(DB_RUN(op, db, "SELECT hashes FROM audit_tile WHERE level = $1 AND tile = $2", take_bytes, &found, NULL,
		   DB_INT(level), DB_INT(index)));
	if (found.n != TILE_BYTES)
		return FAIL(op, ERR_NOT_FOUND, "tile %llu of level %u is not complete", (unsigned long long)index, level);
	*hashes = found;
	return OK;
}

/* Hashes of a level, in order, from whichever rows have them. */
struct run {
	struct merkle_hash *hashes;
	unsigned n, capacity;
};

static result add_hash(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct run *run = arg;
	ASSERT(n == 1 && run->n < run->capacity);
	if (c[0].bytes.n != SHA256_SIZE)
		return FAIL(op, ERR_BACKEND, "a hash of the log is damaged; restore a backup");
	memcpy(run->hashes[run->n++].b, c[0].bytes.p, SHA256_SIZE);
	return OK;
}

/* `n` hashes of a tile level from the `first` on, from the rows one level below. */
static result read_run(struct op *op, struct db *db, unsigned level, uint64_t first, unsigned n, struct merkle_hash *out)
{
	struct run run = { .hashes = out, .n = 0, .capacity = n };
	if (level == 0)
		TRY(DB_RUN(op, db, "SELECT leaf FROM audit_entry WHERE seq >= $1 AND seq < $2 ORDER BY seq", add_hash, &run,
			   NULL, DB_INT(first), DB_INT(first + n)));
	else
		TRY(DB_RUN(op, db,
			   "SELECT root FROM audit_tile WHERE level = $3 AND tile >= $1 AND tile < $2 ORDER BY tile", add_hash,
			   &run, NULL, DB_INT(first), DB_INT(first + n), DB_INT(level - 1)));
	if (run.n != n)
		return FAIL(op, ERR_NOT_FOUND, "the log does not reach that far: level %u lacks hash %llu", level,
			    (unsigned long long)(first + run.n));
	return OK;
}

result audit_tiles_complete(struct op *op, struct db *db, uint64_t old_size, uint64_t new_size)
{
	struct merkle_hash hashes[AUDIT_TILE_WIDTH];
	/* Sizes count leaves, then tiles of level 0, and so on: lower levels are written before they are read. */
	for (unsigned level = 0; new_size >= AUDIT_TILE_WIDTH; level++) {
		old_size /= AUDIT_TILE_WIDTH;
		new_size /= AUDIT_TILE_WIDTH;
		for (uint64_t tile = old_size; tile < new_size; tile++) {
			TRY(read_run(op, db, level, tile * AUDIT_TILE_WIDTH, AUDIT_TILE_WIDTH, hashes));
			TRY(audit_tile_write(op, db, level, tile, (struct bytes){ hashes[0].b, TILE_BYTES }));
		}
	}
	return OK;
}

result audit_hash_read(struct op *op, void *from, unsigned level, uint64_t index, struct merkle_hash *out)
{
	struct db *db = from;
	unsigned tile_level = level / TILE_BITS;
	unsigned n = 1U << (level % TILE_BITS);
	struct merkle_hash hashes[AUDIT_TILE_WIDTH / 2];
	TRY(read_run(op, db, tile_level, index * n, n, hashes));
	fold(hashes, n, out);
	return OK;
}

result audit_root_read(struct op *op, struct db *db, uint64_t size, struct merkle_hash *root)
{
	struct merkle_frontier frontier = { .size = size };
	unsigned n = 0;
	uint64_t start = 0;
	for (int level = 63; level >= 0; level--) {
		if ((size >> level & 1) == 0)
			continue;
		TRY(audit_hash_read(op, db, (unsigned)level, start >> level, &frontier.peaks[n++]));
		start += UINT64_C(1) << level;
	}
	merkle_root(&frontier, root);
	return OK;
}
