/* Rows of entries, tiles and the tree head: what is written is read again, and what is missing is said. */
#include "store/audit_rows.h"

#include "tests/unit/store_fixture.h"

static void leaf_of(uint64_t seq, struct merkle_hash *leaf)
{
	uint8_t entry[8];
	for (int i = 0; i < 8; i++)
		entry[i] = (uint8_t)(seq >> (8 * i));
	merkle_leaf(BYTES_ARRAY(entry), leaf);
}

/* Appends up to `size` in one transaction, as a batch of the ledger does. */
static void grow(struct place *place, struct merkle_frontier *frontier, uint64_t size)
{
	struct op *op = place->op;
	uint64_t old_size = frontier->size;
	assert_ok(op, db_begin(op, place->db));
	while (frontier->size < size) {
		struct audit_row row = { .seq = frontier->size, .entry = BYTES_LITERAL("{}"), .type = "server.started" };
		leaf_of(row.seq, &row.leaf);
		merkle_append(frontier, &row.leaf);
		assert_ok(op, audit_rows_append(op, place->db, &row));
	}
	assert_ok(op, audit_tiles_complete(op, place->db, old_size, size));
	assert_ok(op, audit_head_move(op, place->db, old_size, frontier));
	assert_ok(op, db_commit(op, place->db));
}

static void assert_proof(struct place *place, uint64_t index, uint64_t size, const struct merkle_hash *root)
{
	struct merkle_proof proof;
	struct merkle_hash leaf;
	leaf_of(index, &leaf);
	assert_ok(place->op, merkle_prove_inclusion(place->op, audit_hash_read, place->db, index, size, &proof));
	assert_true(merkle_verify_inclusion(&leaf, index, size, &proof, root));
}

static void assert_root(struct place *place, const struct merkle_frontier *frontier)
{
	struct merkle_hash expected, root;
	merkle_root(frontier, &expected);
	assert_ok(place->op, audit_root_read(place->op, place->db, frontier->size, &root));
	assert_memory_equal(root.b, expected.b, sizeof(root.b));
}

/* P1, S12: every entry of a log that grew in uneven steps over the edges of tiles can be proven. */
static void every_proof_verifies(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 255, 256, 257, 511, 513, 1000 };
	struct place *place = *state;
	struct merkle_frontier frontier = { .size = 0 };
	struct merkle_hash root;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		grow(place, &frontier, sizes[i]);
		assert_root(place, &frontier);
	}
	merkle_root(&frontier, &root);
	for (uint64_t index = 0; index < frontier.size; index++)
		assert_proof(place, index, frontier.size, &root);
	/* An older size has its own root and proofs. */
	assert_ok(place->op, audit_root_read(place->op, place->db, 300, &root));
	assert_proof(place, 0, 300, &root);
	assert_proof(place, 299, 300, &root);
}

/* Tiles of level 1 are made of the roots of tiles of level 0. */
static void second_level_tiles(void **state)
{
	struct place *place = *state;
	struct merkle_frontier frontier = { .size = 0 };
	struct merkle_hash root;
	struct bytes tile;
	grow(place, &frontier, 65000);
	assert_err(place->op, ERR_NOT_FOUND, audit_tile_read(place->op, place->db, 1, 0, &tile));
	grow(place, &frontier, 65536 + 300);
	assert_ok(place->op, audit_tile_read(place->op, place->db, 1, 0, &tile));
	assert_root(place, &frontier);
	merkle_root(&frontier, &root);
	for (uint64_t index = 0; index < frontier.size; index += 2999)
		assert_proof(place, index, frontier.size, &root);
	assert_proof(place, frontier.size - 1, frontier.size, &root);
	/* The first hash of the tile covers leaves 0 to 255. */
	struct merkle_hash first;
	assert_ok(place->op, audit_root_read(place->op, place->db, 256, &first));
	assert_memory_equal(tile.p, first.b, sizeof(first.b));
}

static void tiles_hold_the_leaves(void **state)
{
	struct place *place = *state;
	struct merkle_frontier frontier = { .size = 0 };
	struct bytes tile;
	struct merkle_hash leaf;
	grow(place, &frontier, 255);
	assert_err(place->op, ERR_NOT_FOUND, audit_tile_read(place->op, place->db, 0, 0, &tile));
	grow(place, &frontier, 256);
	assert_ok(place->op, audit_tile_read(place->op, place->db, 0, 0, &tile));
	assert_int_equal(tile.n, 8192);
	for (unsigned i = 0; i < 256; i++) {
		leaf_of(i, &leaf);
		assert_memory_equal(tile.p + 32 * i, leaf.b, 32);
	}
	assert_err(place->op, ERR_NOT_FOUND, audit_tile_read(place->op, place->db, 1, 0, &tile));
	assert_err(place->op, ERR_BUG, audit_tile_write(place->op, place->db, 0, 1, BYTES_LITERAL("short")));
}

static void head_moves_by_compare_and_swap(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct merkle_frontier frontier = { .size = 0 }, stored;
	struct merkle_hash root, expected;
	assert_ok(op, audit_head_read(op, place->db, &stored, &root));
	assert_int_equal(stored.size, 0);
	grow(place, &frontier, 5);
	assert_ok(op, audit_head_read(op, place->db, &stored, &root));
	assert_int_equal(stored.size, 5);
	merkle_root(&frontier, &expected);
	assert_memory_equal(root.b, expected.b, sizeof(root.b));
	assert_err(op, ERR_CONFLICT, audit_head_move(op, place->db, 4, &frontier));
	assert_err(op, ERR_CONFLICT, audit_head_move(op, place->db, 0, &frontier));
	assert_err(op, ERR_NOT_FOUND, audit_root_read(op, place->db, 6, &root));
}

static result check_row(struct op *op, void *arg, const struct audit_row *row)
{
	(void)op;
	struct merkle_hash leaf;
	uint64_t *next = arg;
	assert_int_equal(row->seq, *next);
	leaf_of(row->seq, &leaf);
	assert_memory_equal(row->leaf.b, leaf.b, sizeof(leaf.b));
	assert_true(bytes_equal_text(row->entry, "{}"));
	(*next)++;
	return OK;
}

static void rows_come_in_order(void **state)
{
	struct place *place = *state;
	struct merkle_frontier frontier = { .size = 0 };
	uint64_t next = 10;
	grow(place, &frontier, 30);
	assert_ok(place->op, audit_rows_read(place->op, place->db, 10, 15, check_row, &next));
	assert_int_equal(next, 25);
	assert_ok(place->op, audit_rows_read(place->op, place->db, 25, UINT64_MAX, check_row, &next));
	assert_int_equal(next, 30);
	/* A number is used once. */
	struct audit_row again = { .seq = 29, .entry = BYTES_LITERAL("{}"), .type = "server.started" };
	assert_err(place->op, ERR_CONFLICT, audit_rows_append(place->op, place->db, &again));
}

static void serials_are_found(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	static const char *const types[] = { "issuance.intended", "certificate.issued", "certificate.issued" };
	uint64_t seq;
	for (unsigned i = 0; i < 3; i++) {
		struct audit_row row = { .seq = i, .entry = BYTES_LITERAL("{}"), .type = types[i], .serial = "0a" };
		assert_ok(op, audit_rows_append(op, place->db, &row));
	}
	assert_ok(op, audit_seq_of_serial(op, place->db, "certificate.issued", "0a", &seq));
	assert_int_equal(seq, 1);
	assert_err(op, ERR_NOT_FOUND, audit_seq_of_serial(op, place->db, "certificate.revoked", "0a", &seq));
	assert_err(op, ERR_NOT_FOUND, audit_seq_of_serial(op, place->db, "certificate.issued", "0A", &seq)); /* V5 */
}

struct heard {
	char text[256];
};

static result hear(struct op *op, void *arg, const struct audit_row *row)
{
	(void)op;
	struct heard *heard = arg;
	size_t n = strlen(heard->text);
	(void)snprintf(heard->text + n, sizeof(heard->text) - n, "%d %s %s;", (int)row->seq, row->type,
		       row->serial != NULL ? row->serial : "-");
	return OK;
}

static void some_types_are_read(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	static const char *const types[3] = { "certificate.revoked", "certificate.orphaned", "crl.signed" };
	static const char *const rows[][2] = { { "certificate.revoked", "01" }, { "certificate.issued", "02" },
					       { "crl.signed", NULL },		{ "certificate.orphaned", "03" },
					       { "certificate.revoked", "04" } };
	struct heard heard = { "" };
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct audit_row row = { .seq = i, .entry = BYTES_LITERAL("{}"), .type = rows[i][0], .serial = rows[i][1] };
		assert_ok(op, audit_rows_append(op, place->db, &row));
	}
	assert_ok(op, audit_rows_read_types(op, place->db, 1, 4, types, hear, &heard));
	assert_string_equal(heard.text, "2 crl.signed -;3 certificate.orphaned 03;");
	assert_ok(op, audit_rows_read_types(op, place->db, 4, 4, types, hear, &heard));
	assert_ok(op, audit_rows_read_types(op, place->db, 5, 9, types, hear, &heard));
	assert_string_equal(heard.text, "2 crl.signed -;3 certificate.orphaned 03;");
}

static void checkpoints_are_kept(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	uint64_t size;
	struct bytes note;
	assert_err(op, ERR_NOT_FOUND, audit_checkpoint_read_latest(op, place->db, &size, &note));
	assert_ok(op, audit_checkpoint_write(op, place->db, 9, BYTES_LITERAL("nine")));
	assert_ok(op, audit_checkpoint_write(op, place->db, 10, BYTES_LITERAL("ten")));
	assert_err(op, ERR_CONFLICT, audit_checkpoint_write(op, place->db, 10, BYTES_LITERAL("other")));
	assert_ok(op, audit_checkpoint_read_latest(op, place->db, &size, &note));
	assert_int_equal(size, 10);
	assert_true(bytes_equal_text(note, "ten"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(every_proof_verifies),
		STORE_TEST(second_level_tiles),
		STORE_TEST(tiles_hold_the_leaves),
		STORE_TEST(head_moves_by_compare_and_swap),
		STORE_TEST(rows_come_in_order),
		STORE_TEST(serials_are_found),
		STORE_TEST(some_types_are_read),
		STORE_TEST(checkpoints_are_kept),
	};
	return RUN_TESTS(tests);
}
