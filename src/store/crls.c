/* CRL numbers and CRLs (authorities.h). */
#include "store/authorities.h"
#include "store/row.h"

/* Old CRLs that stay, for who asks what was published. */
#define CRLS_KEPT 8

/*
 * The counter is a row of its own and kept whatever happens to CRLs; a number
 * whose transaction is rolled back was never seen by anybody (I6).
 */
result crl_take_number(struct op *op, struct db *db, const char *ca, uint64_t *number)
{
	int64_t taken = 0;
	TRY(DB_RUN(op, db,
		   "INSERT INTO crl_number (ca, number) VALUES ($1, 1)"
		   " ON CONFLICT (ca) DO UPDATE SET number = crl_number.number + 1 RETURNING number",
		   row_take_integer, &taken, NULL, DB_STR(ca)));
	*number = (uint64_t)taken;
	return OK;
}

result crl_insert(struct op *op, struct db *db, const struct crl_row *row)
{
	uint64_t changes;
	/* A number taken without a CRL may get its CRL later; one that has it keeps it. */
	TRY(DB_RUN(op, db,
		   "INSERT INTO crl (ca, number, this_update_s, next_update_s, der) VALUES ($1, $2, $3, $4, $5)"
		   " ON CONFLICT (ca, number) DO UPDATE SET this_update_s = excluded.this_update_s,"
		   " next_update_s = excluded.next_update_s, der = excluded.der WHERE length(crl.der) = 0",
		   NULL, NULL, &changes, DB_STR(row->ca), DB_INT(row->number), DB_INT(row->this_update_s),
		   DB_INT(row->next_update_s), DB_BLOB(row->der)));
	TRY(row_expect_change(op, changes, "CRL %llu of %s exists already", (unsigned long long)row->number, row->ca));
	if (row->der.n == 0)
		return OK; /* must not push out what is published */
	return DB_RUN(op, db, "DELETE FROM crl WHERE ca = $1 AND number <= $2 - $3", NULL, NULL, NULL, DB_STR(row->ca),
		      DB_INT(row->number), DB_INT(CRLS_KEPT + 1));
}

struct loaded_crl {
	struct crl_row *out;
	bool found;
};

static result take_crl(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct loaded_crl *loaded = arg;
	ASSERT(n == 5);
	*loaded->out = (struct crl_row){
		.ca = row_text(op, &c[0]),
		.number = (uint64_t)c[1].integer,
		.this_update_s = c[2].integer,
		.next_update_s = c[3].integer,
		.der = row_bytes(op, &c[4]),
	};
	loaded->found = true;
	return OK;
}

static result load_latest(struct op *op, struct db *db, const char *sql, const char *ca, struct crl_row *out)
{
	struct loaded_crl loaded = { out, false };
	TRY(DB_RUN(op, db, sql, take_crl, &loaded, NULL, DB_STR(ca)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "the CA %s has no CRL yet", ca);
}

#define LATEST_OF_CA " FROM crl WHERE ca = $1 AND length(der) > 0 ORDER BY number DESC LIMIT 1"

result crl_load_latest_times(struct op *op, struct db *db, const char *ca, struct crl_row *out)
{
	return load_latest(op, db, "SELECT ca, number, this_update_s, next_update_s, NULL" LATEST_OF_CA, ca, out);
}

result crl_load_latest(struct op *op, struct db *db, const char *ca, struct crl_row *out)
{
	return load_latest(op, db, "SELECT ca, number, this_update_s, next_update_s, der" LATEST_OF_CA, ca, out);
}
