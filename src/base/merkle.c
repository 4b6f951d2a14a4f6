/*
 * The hash tree of RFC 6962 section 2.1 and its inclusion proofs. A tree of n
 * leaves is a run of perfect subtrees, one for each set bit of n, the largest
 * first; everything here is built from their roots.
 */
#include "base/merkle.h"

#include <string.h>

#define HASH_BYTES(hash) ((struct bytes){ (hash)->b, SHA256_SIZE })

void merkle_leaf(struct bytes entry, struct merkle_hash *out)
{
	bytes_sha256_parts((struct bytes[]){ BYTES_LITERAL("\x00"), entry }, 2, out->b);
}

void merkle_node(const struct merkle_hash *left, const struct merkle_hash *right, struct merkle_hash *out)
{
	uint8_t both[1 + 2 * SHA256_SIZE] = { 0x01 };
	memcpy(both + 1, left->b, SHA256_SIZE);
	memcpy(both + 1 + SHA256_SIZE, right->b, SHA256_SIZE);
	bytes_sha256(BYTES_ARRAY(both), out->b);
}

static unsigned n_peaks(uint64_t size)
{
	return (unsigned)__builtin_popcountll(size);
}

void merkle_append(struct merkle_frontier *frontier, const struct merkle_hash *leaf)
{
	ASSERT(frontier->size < UINT64_MAX);
	/* As in binary addition: every trailing one is a peak that the carry takes in. */
	unsigned n = n_peaks(frontier->size);
	struct merkle_hash carry = *leaf;
	for (uint64_t bits = frontier->size; (bits & 1) != 0; bits >>= 1) {
		n--;
		merkle_node(&frontier->peaks[n], &carry, &carry);
	}
	frontier->peaks[n] = carry;
	frontier->size++;
}

void merkle_root(const struct merkle_frontier *frontier, struct merkle_hash *out)
{
	unsigned n = n_peaks(frontier->size);
	if (n == 0) {
		bytes_sha256(BYTES_NONE, out->b);
		return;
	}
	struct merkle_hash root = frontier->peaks[n - 1];
	for (unsigned i = n - 1; i > 0; i--)
		merkle_node(&frontier->peaks[i - 1], &root, &root);
	*out = root;
}

/* The largest power of two that is smaller than n; n is at least 2. */
static unsigned split_level(uint64_t n)
{
	return 63 - (unsigned)__builtin_clzll(n - 1);
}

/* MTH(D[start:start + n]), where start is a multiple of a power of two not below n. */
static result hash_of_range(struct op *op, merkle_read *read, void *from, uint64_t start, uint64_t n,
			    struct merkle_hash *out)
{
	if (n_peaks(n) == 1) {
		unsigned level = (unsigned)__builtin_ctzll(n);
		return read(op, from, level, start >> level, out);
	}
	unsigned level = split_level(n);
	uint64_t k = UINT64_C(1) << level;
	struct merkle_hash left, right;
	TRY(read(op, from, level, start >> level, &left));
	TRY(hash_of_range(op, read, from, start + k, n - k, &right));
	merkle_node(&left, &right, out);
	return OK;
}

/*
 * PATH(m, D[n]) of RFC 6962 section 2.1.1, walked from the root down; the
 * siblings come out in the reverse of the order in which a proof lists them.
 */
result merkle_prove_inclusion(struct op *op, merkle_read *read, void *from, uint64_t index, uint64_t size,
			      struct merkle_proof *out)
{
	if (index >= size)
		return FAIL(op, ERR_NOT_FOUND, "the log has no entry %llu: it holds %llu", (unsigned long long)index,
			    (unsigned long long)size);
	struct merkle_hash down[MERKLE_PROOF_MAX];
	size_t depth = 0;
	uint64_t start = 0;
	for (uint64_t n = size; n > 1; depth++) {
		ASSERT(depth < MERKLE_PROOF_MAX);
		uint64_t k = UINT64_C(1) << split_level(n);
		if (index - start < k) {
			TRY(hash_of_range(op, read, from, start + k, n - k, &down[depth]));
			n = k;
		} else {
			TRY(hash_of_range(op, read, from, start, k, &down[depth]));
			start += k;
			n -= k;
		}
	}
	out->n = depth;
	for (size_t i = 0; i < depth; i++)
		out->hashes[i] = down[depth - 1 - i];
	return OK;
}

bool merkle_verify_inclusion(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
			     const struct merkle_proof *proof, const struct merkle_hash *root)
{
	if (index >= size || proof->n > MERKLE_PROOF_MAX)
		return false;
	/* fn, sn and r are the names of RFC 9162 section 2.1.3.2. */
	uint64_t fn = index;
	uint64_t sn = size - 1;
	struct merkle_hash r = *leaf;
	for (size_t i = 0; i < proof->n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn) {
			merkle_node(&proof->hashes[i], &r, &r);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			merkle_node(&r, &proof->hashes[i], &r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(r.b, root->b, SHA256_SIZE) == 0;
}
