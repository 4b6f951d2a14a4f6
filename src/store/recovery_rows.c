/* Rows of certificates, revocations, CRL numbers and nonces, seen from a node that remembers more than the store. */
#include "store/recovery_rows.h"

#include "store/audit_event.h"
#include "store/row.h"

#define COLUMNS "r.serial, r.ca, r.revoked_s, r.reason, r.not_after_s, b.spki_hash"
#define JOINED " JOIN certificate c ON c.serial = r.serial LEFT JOIN blocked_key b ON b.spki_hash = c.spki_hash"

struct reader {
	recovery_each *each;
	void *arg;
};

static result pass_on(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	const struct reader *reader = arg;
	ASSERT(n == 6);
	const struct revocation revocation = {
		.serial = c[0].text,
		.ca = c[1].text,
		.revoked_s = c[2].integer,
		.reason = (int)c[3].integer,
		.not_after_s = c[4].integer,
	};
	return reader->each(op, reader->arg, &revocation, c[5].kind == DB_NULL ? BYTES_NONE : c[5].bytes);
}

/* CROSS JOIN: SQLite then goes along the log; it would rather look up the entries of all revocations. */
result recovery_read_logged(struct op *op, struct db *db, uint64_t from, uint64_t to, recovery_each *each, void *arg)
{
	struct reader reader = { each, arg };
	return DB_RUN(op, db,
		      "SELECT " COLUMNS " FROM audit_entry e CROSS JOIN revocation r" JOINED
		      " WHERE e.seq >= $1 AND e.seq < $2 AND e.type IN ($3, $4) AND r.serial = e.serial ORDER BY e.seq",
		      pass_on, &reader, NULL, DB_INT(from), DB_INT(to), DB_STR(audit_type_name(AUDIT_REVOKED)),
		      DB_STR(audit_type_name(AUDIT_ORPHANED)));
}

result recovery_read_all(struct op *op, struct db *db, int64_t since_s, recovery_each *each, void *arg)
{
	struct reader reader = { each, arg };
	return DB_RUN(op, db, "SELECT " COLUMNS " FROM revocation r" JOINED " WHERE r.not_after_s > $1", pass_on, &reader, NULL,
		      DB_INT(since_s));
}

struct number_reader {
	crl_number_each *each;
	void *arg;
};

static result pass_number_on(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	const struct number_reader *reader = arg;
	ASSERT(n == 2);
	return reader->each(op, reader->arg, c[0].text, (uint64_t)c[1].integer);
}

result crl_number_read(struct op *op, struct db *db, crl_number_each *each, void *arg)
{
	struct number_reader reader = { each, arg };
	return db_run(op, db, "SELECT ca, number FROM crl_number ORDER BY ca", NULL, 0, pass_number_on, &reader, NULL);
}

result crl_number_raise(struct op *op, struct db *db, const char *ca, uint64_t number)
{
	return DB_RUN(op, db,
		      "INSERT INTO crl_number (ca, number) VALUES ($1, $2) ON CONFLICT (ca) DO UPDATE SET number = excluded.number,"
		      " builder = NULL, builder_epoch = 0, builder_until_s = 0 WHERE crl_number.number < excluded.number",
		      NULL, NULL, NULL, DB_STR(ca), DB_INT(number));
}

result certificate_insert_lost(struct op *op, struct db *db, const struct revocation *revocation, struct bytes spki_hash,
			       const char *node)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "INSERT INTO certificate (serial, ca, profile, door, status, subject, names, spki_hash, requester,"
		   " claim_kind, node, not_before_s, not_after_s, intended_s, tbs)"
		   " VALUES ($1, $2, '', 'none', 'orphaned', 'lost with the store', '[]', $3, 'system', 'none', $4, $5, $6, $5, $7)"
		   " ON CONFLICT DO NOTHING",
		   NULL, NULL, &changes, DB_STR(revocation->serial), DB_STR(revocation->ca), DB_BLOB(spki_hash), DB_STR(node),
		   DB_INT(revocation->revoked_s), DB_INT(revocation->not_after_s), DB_BLOB(BYTES_NONE)));
	return row_expect_change(op, changes, "serial %s has a certificate", revocation->serial);
}

result recovery_end_single_uses(struct op *op, struct db *db, int64_t now_s)
{
	TRY(db_run(op, db, "DELETE FROM acme_nonce_key", NULL, 0, NULL, NULL, NULL));
	return DB_RUN(op, db, "UPDATE enrollment_token SET used_s = $1 WHERE used_s = 0", NULL, NULL, NULL, DB_INT(now_s));
}
