/* Rows of SCEP transactions. */
#include "store/scep_transactions.h"

#include "store/row.h"

#define COLUMNS "endpoint, transaction_id, signer_hash, csr_hash, subject, enrollment_id, created_s"

result scep_transaction_put(struct op *op, struct db *db, const struct scep_transaction *t)
{
	TRY(DB_RUN(op, db, "DELETE FROM scep_transaction WHERE endpoint = $1 AND transaction_id = $2 AND signer_hash = $3", NULL,
		   NULL, NULL, DB_STR(t->endpoint), DB_STR(t->transaction_id), DB_BLOB(t->signer_hash)));
	return DB_RUN(op, db, "INSERT INTO scep_transaction (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)", NULL, NULL, NULL,
		      DB_STR(t->endpoint), DB_STR(t->transaction_id), DB_BLOB(t->signer_hash), DB_BLOB(t->csr_hash),
		      DB_BLOB(t->subject), DB_STR(t->enrollment_id), DB_INT(t->created_s));
}

struct loaded {
	struct scep_transaction *out;
	bool found;
};

static result take_transaction(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct loaded *loaded = arg;
	ASSERT(n == 7);
	loaded->found = true;
	*loaded->out = (struct scep_transaction){
		.endpoint = row_text(op, &c[0]),
		.transaction_id = row_text(op, &c[1]),
		.signer_hash = row_bytes(op, &c[2]),
		.csr_hash = row_bytes(op, &c[3]),
		.subject = row_bytes(op, &c[4]),
		.enrollment_id = row_text(op, &c[5]),
		.created_s = c[6].integer,
	};
	return OK;
}

result scep_transaction_load(struct op *op, struct db *db, const struct scep_transaction *key, struct scep_transaction *out)
{
	struct loaded loaded = { out, false };
	TRY(DB_RUN(op, db,
		   "SELECT " COLUMNS " FROM scep_transaction WHERE endpoint = $1 AND transaction_id = $2 AND signer_hash = $3",
		   take_transaction, &loaded, NULL, DB_STR(key->endpoint), DB_STR(key->transaction_id),
		   DB_BLOB(key->signer_hash)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "this transaction is not known here");
}

/* Along the index of their creation: what is younger than `before_s` has not ended before it. */
result scep_transaction_clean(struct op *op, struct db *db, int64_t before_s, unsigned limit, unsigned *n)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "DELETE FROM scep_transaction WHERE (endpoint, transaction_id, signer_hash) IN"
		   " (SELECT t.endpoint, t.transaction_id, t.signer_hash FROM scep_transaction t"
		   " WHERE t.created_s < $1 AND NOT EXISTS (SELECT 1 FROM enrollment e WHERE e.id = t.enrollment_id"
		   " AND (e.status = 'processing' OR (e.status IN ('pending', 'ready') AND e.expires_s >= $1)"
		   " OR (e.status IN ('issued', 'rejected') AND e.changed_s >= $1)))"
		   " ORDER BY t.created_s LIMIT $2)", NULL, NULL, &changes, DB_INT(before_s), DB_INT(limit)));
	*n = (unsigned)changes;
	return OK;
}
