/* Rows of scep_ra. A row without a serial is a turn. */
#include "store/scep_ras.h"

#include "store/row.h"

static result add_row(struct op *op, void *list, const struct db_value *c, unsigned n)
{
	ASSERT(n == 13);
	struct scep_ra_row *row = row_list_add(op, list);
	*row = (struct scep_ra_row){
		.generation = c[0].integer,
		.key = { .label = row_text(op, &c[1]),
			 .id = row_bytes(op, &c[2]),
			 .type = row_text(op, &c[3]),
			 .purpose = row_text(op, &c[4]),
			 .spki = row_bytes(op, &c[5]),
			 .created_s = c[6].integer },
		.serial = row_text(op, &c[7]),
		.ca = row_text(op, &c[8]),
		.certificate = row_bytes(op, &c[9]),
		.not_before_s = c[10].integer,
		.not_after_s = c[11].integer,
		.is_revoked = c[12].integer != 0,
	};
	return OK;
}

result scep_ra_list(struct op *op, struct db *db, const char *endpoint, unsigned limit, struct scep_ra_row **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct scep_ra_row);
	TRY(DB_RUN(op, db,
		   "SELECT a.generation, k.label, k.id, k.type, k.purpose, k.spki, k.created_s,"
		   " a.serial, c.ca, c.der, c.not_before_s, c.not_after_s,"
		   " CASE WHEN r.serial IS NULL AND b.spki_hash IS NULL THEN 0 ELSE 1 END"
		   " FROM scep_ra a JOIN token_key k ON k.label = a.key_label JOIN certificate c ON c.serial = a.serial"
		   " LEFT JOIN revocation r ON r.serial = a.serial LEFT JOIN blocked_key b ON b.spki_hash = c.spki_hash"
		   " WHERE a.endpoint = $1 ORDER BY a.generation DESC LIMIT $2",
		   add_row, &list, NULL, DB_STR(endpoint), DB_INT(limit)));
	*out = list.items;
	*n = list.n;
	return OK;
}

/* A turn that seems to last much longer than any was taken by a clock that is far ahead: nobody waits for that. */
result scep_ra_take_turn(struct op *op, struct db *db, const char *endpoint, int64_t generation, const char *node,
			 int64_t now_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "INSERT INTO scep_ra (endpoint, generation, maker, maker_until_s) VALUES ($1, $2, $3, $4)"
		   " ON CONFLICT (endpoint, generation) DO UPDATE SET maker = excluded.maker,"
		   " maker_until_s = excluded.maker_until_s WHERE scep_ra.serial IS NULL"
		   " AND (scep_ra.maker_until_s <= $5 OR scep_ra.maker_until_s > $6)",
		   NULL, NULL, &changes, DB_STR(endpoint), DB_INT(generation), DB_STR(node), DB_INT(now_s + SCEP_RA_TURN_S),
		   DB_INT(now_s), DB_INT(now_s + 2 * SCEP_RA_TURN_S)));
	return row_expect_change(op, changes, "generation %lld of the RA of SCEP endpoint %s is being made",
				 (long long)generation, endpoint);
}

result scep_ra_end_turn(struct op *op, struct db *db, const char *endpoint, int64_t generation, const char *node)
{
	return DB_RUN(op, db,
		      "UPDATE scep_ra SET maker_until_s = 0 WHERE endpoint = $1 AND generation = $2 AND maker = $3 AND serial IS NULL",
		      NULL, NULL, NULL, DB_STR(endpoint), DB_INT(generation), DB_STR(node));
}

result scep_ra_record(struct op *op, struct db *db, const char *endpoint, int64_t generation, const char *node,
		      const char *key_label, const char *serial)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE scep_ra SET key_label = $1, serial = $2"
		   " WHERE endpoint = $3 AND generation = $4 AND maker = $5 AND serial IS NULL",
		   NULL, NULL, &changes, DB_STR(key_label), DB_STR(serial), DB_STR(endpoint), DB_INT(generation), DB_STR(node)));
	return row_expect_change(op, changes, "another node has made generation %lld of the RA of SCEP endpoint %s",
				 (long long)generation, endpoint);
}
