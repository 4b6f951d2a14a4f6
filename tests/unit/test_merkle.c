/*
 * The Merkle tree against the vectors that the Certificate Transparency
 * implementations share, and against a model that follows the recursive
 * definitions of RFC 6962 section 2.1 word by word.
 */
#include "check.h"
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/merkle.h"

#define MODEL_MAX 130

struct model {
	struct merkle_hash leaves[MODEL_MAX];
	uint64_t n;
	unsigned reads;
};

static struct merkle_hash leaf_of(const char *text, size_t n)
{
	struct merkle_hash leaf;
	merkle_leaf((struct bytes){ (const uint8_t *)text, n }, &leaf);
	return leaf;
}

static const char *hex(struct op *op, const struct merkle_hash *hash)
{
	return bytes_to_hex(op->arena, BYTES_ARRAY(hash->b));
}

/* MTH(D[start:end]) as the RFC defines it. */
static struct merkle_hash model_root(const struct model *model, uint64_t start, uint64_t end)
{
	struct merkle_hash left, right, node;
	uint64_t k = 1;
	if (end == start) {
		bytes_sha256(BYTES_NONE, node.b);
		return node;
	}
	if (end - start == 1)
		return model->leaves[start];
	while (k * 2 < end - start)
		k *= 2;
	left = model_root(model, start, start + k);
	right = model_root(model, start + k, end);
	merkle_node(&left, &right, &node);
	return node;
}

/* PATH(m, D[start:end]) as the RFC defines it. */
static void model_path(const struct model *model, uint64_t m, uint64_t start, uint64_t end, struct merkle_proof *out)
{
	uint64_t k = 1;
	if (end - start == 1)
		return;
	while (k * 2 < end - start)
		k *= 2;
	if (m < k) {
		model_path(model, m, start, start + k, out);
		out->hashes[out->n++] = model_root(model, start + k, end);
	} else {
		model_path(model, m - k, start + k, end, out);
		out->hashes[out->n++] = model_root(model, start, start + k);
	}
}

static result read_model(struct op *op, void *from, unsigned level, uint64_t index, struct merkle_hash *out)
{
	struct model *model = from;
	uint64_t start = index << level;
	uint64_t end = start + (UINT64_C(1) << level);
	model->reads++;
	if (end > model->n)
		return FAIL(op, ERR_BUG, "read beyond the tree: level %u, index %u", level, (unsigned)index);
	*out = model_root(model, start, end);
	return OK;
}

/* The eight entries and roots of the Certificate Transparency test vectors. */
static const char *const vector_entries[] = {
	"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
};
static const char *const vector_roots[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static struct model *vector_model(struct op *op)
{
	struct model *model = arena_alloc(op->arena, sizeof *model);
	for (size_t i = 0; i < 8; i++) {
		struct bytes entry;
		assert_ok(op, bytes_from_hex(op, vector_entries[i], &entry));
		merkle_leaf(entry, &model->leaves[model->n++]);
	}
	return model;
}

static void test_roots_of_the_ct_vectors(void **state)
{
	struct op *op = *state;
	const struct model *model = vector_model(op);
	struct merkle_frontier frontier = { .size = 0 };
	for (size_t size = 0; size <= 8; size++) {
		struct merkle_hash root;
		merkle_root(&frontier, &root);
		assert_string_equal(hex(op, &root), vector_roots[size]);
		if (size < 8)
			merkle_append(&frontier, &model->leaves[size]);
	}
}

/* Leaf index and tree size, then the proof. */
static const struct {
	uint64_t index, size;
	size_t n;
	const char *hashes[3];
} vector_proofs[] = {
	{ 0, 1, 0, { NULL } },
	{ 0, 8, 3, { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
		     "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		     "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
	{ 5, 8, 3, { "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
		     "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
		     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
	{ 2, 3, 1, { "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" } },
	{ 1, 5, 3, { "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		     "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		     "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
};

static void test_proofs_of_the_ct_vectors(void **state)
{
	struct op *op = *state;
	struct model *model = vector_model(op);
	for (size_t i = 0; i < sizeof vector_proofs / sizeof vector_proofs[0]; i++) {
		struct merkle_proof proof;
		model->n = vector_proofs[i].size;
		assert_ok(op, merkle_prove_inclusion(op, read_model, model, vector_proofs[i].index, model->n, &proof));
		assert_int_equal(proof.n, vector_proofs[i].n);
		for (size_t k = 0; k < proof.n; k++)
			assert_string_equal(hex(op, &proof.hashes[k]), vector_proofs[i].hashes[k]);
	}
}

static struct model *random_model(struct op *op)
{
	unsigned seed = test_seed();
	struct model *model = arena_alloc(op->arena, sizeof *model);
	for (model->n = 0; model->n < MODEL_MAX; model->n++) {
		int entry = rand_r(&seed);
		model->leaves[model->n] = leaf_of((const char *)&entry, sizeof entry);
	}
	return model;
}

static void test_frontier_agrees_with_the_definition(void **state)
{
	struct op *op = *state;
	const struct model *model = random_model(op);
	struct merkle_frontier frontier = { .size = 0 };
	for (uint64_t n = 0; n < MODEL_MAX; n++) {
		struct merkle_hash root;
		merkle_append(&frontier, &model->leaves[n]);
		merkle_root(&frontier, &root);
		struct merkle_hash expected = model_root(model, 0, n + 1);
		assert_int_equal(frontier.size, n + 1);
		assert_memory_equal(root.b, expected.b, SHA256_SIZE);
	}
}

static bool is_fooled(struct op *op, const struct model *model, uint64_t index, const struct merkle_proof *proof,
		      const struct merkle_hash *root)
{
	(void)op;
	const struct merkle_hash *leaf = &model->leaves[index];
	struct merkle_proof forged = *proof;
	if (index > 0 && merkle_verify_inclusion(&model->leaves[index - 1], index, model->n, proof, root))
		return true;
	if (merkle_verify_inclusion(leaf, index, index, proof, root))
		return true;
	for (size_t i = 0; i < proof->n; i++) {
		forged.hashes[i].b[i % SHA256_SIZE] ^= 1;
		if (merkle_verify_inclusion(leaf, index, model->n, &forged, root))
			return true;
		forged.hashes[i] = proof->hashes[i];
	}
	forged.n = proof->n + 1; /* one hash too many */
	if (merkle_verify_inclusion(leaf, index, model->n, &forged, root))
		return true;
	forged.n = proof->n - 1; /* one too few */
	return proof->n > 0 && merkle_verify_inclusion(leaf, index, model->n, &forged, root);
}

static void test_proofs_of_all_sizes_agree_with_the_definition(void **state)
{
	struct op *op = *state;
	struct model *model = random_model(op);
	for (uint64_t size = 1; size <= MODEL_MAX; size++) {
		model->n = size;
		struct merkle_hash root = model_root(model, 0, size);
		for (uint64_t index = 0; index < size; index++) {
			struct merkle_proof proof = { .n = 0 };
			struct merkle_proof expected = { .n = 0 };
			model->reads = 0;
			assert_ok(op, merkle_prove_inclusion(op, read_model, model, index, size, &proof));
			assert_in_range(model->reads, 0, 14); /* O(log n), not O(n) */
			model_path(model, index, 0, size, &expected);
			assert_int_equal(proof.n, expected.n);
			assert_memory_equal(proof.hashes, expected.hashes, proof.n * SHA256_SIZE);
			assert_true(merkle_verify_inclusion(&model->leaves[index], index, size, &proof, &root));
			assert_false(is_fooled(op, model, index, &proof, &root));
		}
	}
}

static result read_fails(struct op *op, void *from, unsigned level, uint64_t index, struct merkle_hash *out)
{
	(void)from;
	(void)level;
	(void)index;
	(void)out;
	return FAIL(op, ERR_BACKEND, "tile is gone");
}

static result read_zero(struct op *op, void *from, unsigned level, uint64_t index, struct merkle_hash *out)
{
	(void)op;
	(void)from;
	(void)level;
	(void)index;
	*out = (struct merkle_hash){ { 0 } };
	return OK;
}

static void test_bounds(void **state)
{
	struct op *op = *state;
	struct merkle_proof proof = { .n = 0 };
	struct merkle_hash leaf = leaf_of("x", 1);
	assert_err(op, ERR_NOT_FOUND, merkle_prove_inclusion(op, read_zero, NULL, 0, 0, &proof));
	assert_err(op, ERR_NOT_FOUND, merkle_prove_inclusion(op, read_zero, NULL, 8, 8, &proof));
	assert_err(op, ERR_BACKEND, merkle_prove_inclusion(op, read_fails, NULL, 0, 8, &proof));
	/* The largest tree that there can be: no overflow, and a proof that fits. */
	assert_ok(op, merkle_prove_inclusion(op, read_zero, NULL, 0, UINT64_MAX, &proof));
	assert_int_equal(proof.n, 64);
	assert_ok(op, merkle_prove_inclusion(op, read_zero, NULL, UINT64_MAX - 1, UINT64_MAX, &proof));
	assert_int_equal(proof.n, 63);
	assert_false(merkle_verify_inclusion(&leaf, 0, 0, &proof, &leaf));
	proof.n = 0;
	assert_true(merkle_verify_inclusion(&leaf, 0, 1, &proof, &leaf));
	proof.n = SIZE_MAX;
	assert_false(merkle_verify_inclusion(&leaf, 0, 1, &proof, &leaf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_roots_of_the_ct_vectors),
		TEST(test_proofs_of_the_ct_vectors),
		TEST(test_frontier_agrees_with_the_definition),
		TEST(test_proofs_of_all_sizes_agree_with_the_definition),
		TEST(test_bounds),
	};
	return RUN_TESTS(tests);
}
