/* Rows of ACME challenges, and the queue of validations that they are (orders.h). */
#include "store/orders.h"
#include "store/row.h"

#define STATES 4
static const char *const states[STATES] = { "pending", "processing", "valid", "invalid" };

const char *challenge_status_name(enum challenge_status status)
{
	ASSERT((unsigned)status < STATES);
	return states[status];
}

#define SELECT_CHALLENGE                                                                                \
	"SELECT c.id, c.authorization_id, c.account_id, c.type, c.token, c.thumbprint, c.status,"      \
	" c.validated_s, c.error, a.identifier, c.attempts, c.due_s"                                    \
	" FROM acme_challenge c JOIN acme_authorization a ON a.id = c.authorization_id"

result challenge_insert(struct op *op, struct db *db, const struct challenge *challenge)
{
	return DB_RUN(op, db,
		      "INSERT INTO acme_challenge (id, authorization_id, account_id, type, token, thumbprint, status,"
		      " validated_s, error, attempts, due_s) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		      NULL, NULL, NULL, DB_STR(challenge->id), DB_STR(challenge->authorization), DB_STR(challenge->account),
		      DB_STR(challenge->type), DB_STR(challenge->token), DB_STR(challenge->thumbprint),
		      DB_STR(challenge_status_name(challenge->status)), DB_INT(challenge->validated_s),
		      DB_STR(challenge->error), DB_INT(challenge->attempts), DB_INT(challenge->due_s));
}

static result add_challenge(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	ASSERT(n == 12);
	unsigned status;
	TRY(row_state(op, &c[6], states, STATES, &status));
	struct challenge *challenge = row_list_add(op, arg);
	*challenge = (struct challenge){
		.id = row_text(op, &c[0]),
		.authorization = row_text(op, &c[1]),
		.account = row_text(op, &c[2]),
		.type = row_text(op, &c[3]),
		.token = row_text(op, &c[4]),
		.thumbprint = row_text(op, &c[5]),
		.status = (enum challenge_status)status,
		.validated_s = c[7].integer,
		.error = row_text(op, &c[8]),
		.identifier = row_text(op, &c[9]),
		.attempts = (unsigned)c[10].integer,
		.due_s = c[11].integer,
	};
	return OK;
}

result challenge_load(struct op *op, struct db *db, const char *id, struct challenge *out)
{
	struct row_list list = ROW_LIST(struct challenge);
	TRY(DB_RUN(op, db, SELECT_CHALLENGE " WHERE c.id = $1", add_challenge, &list, NULL, DB_STR(id)));
	if (list.n == 0)
		return FAIL(op, ERR_NOT_FOUND, "there is no challenge %s", id);
	*out = *(struct challenge *)list.items;
	return OK;
}

result challenge_list(struct op *op, struct db *db, const char *authorization, struct challenge **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct challenge);
	TRY(DB_RUN(op, db, SELECT_CHALLENGE " WHERE c.authorization_id = $1 ORDER BY c.type, c.id", add_challenge, &list,
		   NULL, DB_STR(authorization)));
	*out = list.items;
	*n = list.n;
	return OK;
}

result challenge_respond(struct op *op, struct db *db, const char *id, const char *thumbprint, int64_t due_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE acme_challenge SET status = 'processing', thumbprint = $2, due_s = $3"
		   " WHERE id = $1 AND status = 'pending'",
		   NULL, NULL, &changes, DB_STR(id), DB_STR(thumbprint), DB_INT(due_s)));
	return row_expect_change(op, changes, "challenge %s is not pending any more", id);
}

/*
 * Taking and retaking are one statement: a lease that ran out (its node died)
 * is due again, and of two nodes that try, one finds due_s moved.
 */
result challenge_claim(struct op *op, struct db *db, const char *id, int64_t now_s, int64_t lease_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE acme_challenge SET attempts = attempts + 1, due_s = $3"
		   " WHERE id = $1 AND status = 'processing' AND due_s <= $2",
		   NULL, NULL, &changes, DB_STR(id), DB_INT(now_s), DB_INT(now_s + lease_s)));
	return row_expect_change(op, changes, "challenge %s is not due any more", id);
}

result challenge_unclaim(struct op *op, struct db *db, const char *id, int64_t due_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE acme_challenge SET attempts = attempts - 1, due_s = $2"
		   " WHERE id = $1 AND status = 'processing' AND attempts > 0",
		   NULL, NULL, &changes, DB_STR(id), DB_INT(due_s)));
	return row_expect_change(op, changes, "challenge %s has no claim to give back", id);
}

result challenge_list_due(struct op *op, struct db *db, int64_t now_s, unsigned limit, struct challenge **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct challenge);
	TRY(DB_RUN(op, db, SELECT_CHALLENGE " WHERE c.status = 'processing' AND c.due_s <= $1 ORDER BY c.due_s LIMIT $2",
		   add_challenge, &list, NULL, DB_INT(now_s), DB_INT(limit)));
	*out = list.items;
	*n = list.n;
	return OK;
}

result challenge_finish(struct op *op, struct db *db, const char *id, enum challenge_status to, int64_t now_s,
			const char *error)
{
	ASSERT(to == CHALLENGE_VALID || to == CHALLENGE_INVALID);
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE acme_challenge SET status = $2, validated_s = $3, error = $4"
		   " WHERE id = $1 AND status = 'processing'",
		   NULL, NULL, &changes, DB_STR(id), DB_STR(challenge_status_name(to)),
		   DB_INT(to == CHALLENGE_VALID ? now_s : 0), DB_STR(error)));
	return row_expect_change(op, changes, "challenge %s is not processing any more", id);
}

result challenge_retry(struct op *op, struct db *db, const char *id, int64_t due_s, const char *error)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE acme_challenge SET due_s = $2, error = $3 WHERE id = $1 AND status = 'processing'", NULL,
		   NULL, &changes, DB_STR(id), DB_INT(due_s), DB_STR(error)));
	return row_expect_change(op, changes, "challenge %s is not processing any more", id);
}
