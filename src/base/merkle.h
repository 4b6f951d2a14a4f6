/*
 * The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1), as arithmetic
 * on hashes: leaf = SHA-256(0x00 || entry), node = SHA-256(0x01 || left || right).
 * No storage here; the ledger keeps leaves and tiles.
 */
#pragma once

#include "base/op.h"

struct merkle_hash {
	uint8_t b[SHA256_SIZE];
};

void merkle_leaf(struct bytes entry, struct merkle_hash *out);
void merkle_node(const struct merkle_hash *left, const struct merkle_hash *right, struct merkle_hash *out);

/* The right edge of a tree: enough to append and to know the root. */
struct merkle_frontier {
	uint64_t size;
	struct merkle_hash peaks[64]; /* one per set bit of size, highest first; rest unused */
};

void merkle_append(struct merkle_frontier *frontier, const struct merkle_hash *leaf);
void merkle_root(const struct merkle_frontier *frontier, struct merkle_hash *out); /* size 0: SHA-256("") */

/*
 * Reads the hash of the perfect subtree of 2^level leaves that starts at leaf
 * index << level. The caller supplies it from tiles or leaves.
 */
typedef result merkle_read(struct op *op, void *from, unsigned level, uint64_t index, struct merkle_hash *out);

/* Inclusion proof of leaf `index` in the tree of `size` leaves (RFC 6962 2.1.1). */
#define MERKLE_PROOF_MAX 64
struct merkle_proof {
	size_t n;
	struct merkle_hash hashes[MERKLE_PROOF_MAX];
};
result merkle_prove_inclusion(struct op *op, merkle_read *read, void *from, uint64_t index, uint64_t size,
			      struct merkle_proof *out);
/* RFC 9162 section 2.1.3.2. False when the proof does not lead to `root`. */
bool merkle_verify_inclusion(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
			     const struct merkle_proof *proof, const struct merkle_hash *root);
