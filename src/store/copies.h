/*
 * Copies of the store: making one while the servers write, looking into one,
 * putting one into the store's place. For stores that are a file (SQLite);
 * PostgreSQL has tools of its own for this, and only looking works there.
 */
#pragma once

#include "base/merkle.h"
#include "store/store.h"

/* The file of the store. ERR_POLICY, with what to use instead: it has none. */
result store_file(struct op *op, const char *url, const char *dir, const char **path);
/* The URL of the store in that file. */
const char *store_url_of_file(struct op *op, const char *path);

struct store_summary {
	uint64_t entries; /* of the log */
	struct merkle_hash root;
	int64_t last_s;   /* when the last entry was written; 0: there is none */
	uint64_t certificates, revocations;
};
/*
 * Reads a store without changing it, and proves what can be proven without the
 * entries: the database's own check (SQLite), a schema that this program knows,
 * a log whose hashes lead to its head.
 */
result store_examine(struct op *op, const char *url, const char *dir, struct store_summary *out);
/* Whether the first `size` entries of the log in the store have this root. */
result store_has_log(struct op *op, const char *url, const char *dir, uint64_t size, const struct merkle_hash *root, bool *has);
/* Certificates that were issued by entries of the log from `seq` on. */
result store_count_issued(struct op *op, const char *url, const char *dir, uint64_t seq, uint64_t *n);

/* A copy as of one moment in the new file `to` (sqlite_copy.h), examined. */
result store_copy(struct op *op, const char *url, const char *dir, const char *to, struct store_summary *out);
/* Removes such a file with what SQLite keeps beside it; none is fine. */
void store_file_remove(struct op *op, const char *path);
/*
 * The file `own_copy` becomes the store; the old one is kept beside it, with its
 * WAL, as *aside (NULL: there was none). Nobody may have the store open. At any
 * moment there is one or the other.
 */
result store_put_in_place(struct op *op, const char *url, const char *dir, const char *own_copy, const char **aside);
