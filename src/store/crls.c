/* CRL numbers, whose turn it is to make a CRL with one, and CRLs (authorities.h). */
#include "base/text.h"
#include "store/authorities.h"
#include "store/row.h"

/* Old CRLs that stay, for who asks what was published. */
#define CRLS_KEPT 8

/* "until": when the turn ends by the clock, 0 as soon as its node is seen to be gone. A command has no epoch to lose. */
#define BUILDER_IS_THERE "(t.builder_epoch = 0 OR (n.epoch = t.builder_epoch AND n.seen_s > $2))"

static result take_turn(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	ASSERT(n == 3);
	*(struct crl_turn *)arg = (struct crl_turn){
		.number = (uint64_t)c[0].integer,
		.builder = row_text(op, &c[1]),
		.until_s = c[2].integer,
	};
	return OK;
}

result crl_turn_load(struct op *op, struct db *db, const char *ca, int64_t now_s, struct crl_turn *out)
{
	*out = (struct crl_turn){ .number = 0 };
	return DB_RUN(op, db,
		      "SELECT t.number, t.builder, CASE WHEN " BUILDER_IS_THERE " THEN t.builder_until_s ELSE 0 END"
		      " FROM crl_number t LEFT JOIN node n ON n.name = t.builder WHERE t.ca = $1",
		      take_turn, out, NULL, DB_STR(ca), DB_INT(now_s - CRL_BUILDER_UNSEEN_S));
}

/*
 * A turn that seems to last much longer than any was taken by a clock that is far
 * ahead, whose signs of life count for nothing either: should its node be dead,
 * nobody has to wait for CRLs until that time has come (F14).
 */
bool crl_turn_is_of_another(const struct crl_turn *turn, const char *node, int64_t now_s)
{
	return turn->builder != NULL && !text_equal(turn->builder, node) && now_s < turn->until_s &&
	       turn->until_s - now_s <= 2 * CRL_TURN_S;
}

/*
 * The counter is a row of its own and kept whatever happens to CRLs; a number
 * whose transaction is rolled back was never seen by anybody (I6).
 */
result crl_turn_take(struct op *op, struct db *db, const char *ca, const struct crl_builder *builder, int64_t now_s,
		     uint64_t *number)
{
	int64_t taken = 0;
	TRY(DB_RUN(op, db,
		   "INSERT INTO crl_number (ca, number, builder, builder_epoch, builder_until_s) VALUES ($1, 1, $2, $3, $4)"
		   " ON CONFLICT (ca) DO UPDATE SET number = crl_number.number + 1, builder = excluded.builder,"
		   " builder_epoch = excluded.builder_epoch, builder_until_s = excluded.builder_until_s RETURNING number",
		   row_take_integer, &taken, NULL, DB_STR(ca), DB_STR(builder->node), DB_INT(builder->epoch),
		   DB_INT(now_s + CRL_TURN_S)));
	*number = (uint64_t)taken;
	return OK;
}

result crl_turn_end(struct op *op, struct db *db, const char *ca, const struct crl_builder *builder, uint64_t number)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE crl_number SET builder = NULL, builder_epoch = 0, builder_until_s = 0"
		   " WHERE ca = $1 AND number = $2 AND builder = $3 AND builder_epoch = $4",
		   NULL, NULL, &changes, DB_STR(ca), DB_INT(number), DB_STR(builder->node), DB_INT(builder->epoch)));
	return row_expect_change(op, changes, "another has taken the turn of CRL %llu of %s", (unsigned long long)number, ca);
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
