/* Rows of ACME authorizations (orders.h). */
#include "store/orders.h"
#include "store/row.h"

#define STATES 6
static const char *const states[STATES] = { "pending", "valid", "invalid", "deactivated", "expired", "revoked" };

const char *authorization_status_name(enum authorization_status status)
{
	ASSERT((unsigned)status < STATES);
	return states[status];
}

#define COLUMNS "id, account_id, endpoint, identifier, is_wildcard, status, expires_s"

result authorization_insert(struct op *op, struct db *db, const struct acme_authorization *authorization)
{
	return DB_RUN(op, db, "INSERT INTO acme_authorization (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)", NULL, NULL,
		      NULL, DB_STR(authorization->id), DB_STR(authorization->account), DB_STR(authorization->endpoint),
		      DB_STR(authorization->identifier), DB_INT(authorization->is_wildcard),
		      DB_STR(authorization_status_name(authorization->status)), DB_INT(authorization->expires_s));
}

struct loaded {
	struct acme_authorization *out;
	bool found;
};

static result take_authorization(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct loaded *loaded = arg;
	ASSERT(n == 7);
	unsigned status;
	TRY(row_state(op, &c[5], states, STATES, &status));
	*loaded->out = (struct acme_authorization){
		.id = row_text(op, &c[0]),
		.account = row_text(op, &c[1]),
		.endpoint = row_text(op, &c[2]),
		.identifier = row_text(op, &c[3]),
		.is_wildcard = c[4].integer != 0,
		.status = (enum authorization_status)status,
		.expires_s = c[6].integer,
	};
	loaded->found = true;
	return OK;
}

result authorization_load(struct op *op, struct db *db, const char *id, struct acme_authorization *out)
{
	struct loaded loaded = { out, false };
	TRY(DB_RUN(op, db, "SELECT " COLUMNS " FROM acme_authorization WHERE id = $1", take_authorization, &loaded, NULL,
		   DB_STR(id)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "there is no authorization %s", id);
}

result authorization_move(struct op *op, struct db *db, const char *id, enum authorization_status from,
			  enum authorization_status to, int64_t expires_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE acme_authorization SET status = $3, expires_s = CASE WHEN $4 = 0 THEN expires_s ELSE $4 END"
		   " WHERE id = $1 AND status = $2",
		   NULL, NULL, &changes, DB_STR(id), DB_STR(authorization_status_name(from)),
		   DB_STR(authorization_status_name(to)), DB_INT(expires_s)));
	return row_expect_change(op, changes, "authorization %s is not %s any more", id, authorization_status_name(from));
}

result authorization_is_held(struct op *op, struct db *db, const char *account, const char *identifier, bool is_wildcard,
			     int64_t now_s, bool *out)
{
	int64_t found = 0;
	TRY(DB_RUN(op, db,
		   "SELECT count(*) FROM (SELECT 1 FROM acme_authorization WHERE account_id = $1 AND identifier = $2"
		   " AND is_wildcard = $3 AND status = 'valid' AND expires_s > $4 LIMIT 1) AS held",
		   row_take_integer, &found, NULL, DB_STR(account), DB_STR(identifier), DB_INT(is_wildcard), DB_INT(now_s)));
	*out = found > 0;
	return OK;
}
