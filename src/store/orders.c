/* Rows of ACME orders; authorizations.c and challenges.c have the rest of orders.h. */
#include "store/orders.h"

#include "store/row.h"

#define STATES 5
static const char *const states[STATES] = { "pending", "ready", "processing", "valid", "invalid" };

const char *order_status_name(enum order_status status)
{
	ASSERT((unsigned)status < STATES);
	return states[status];
}

/* Written out, so that the partial indexes fit. */
#define IS_OPEN "status IN ('pending', 'ready', 'processing')"
#define COLUMNS                                                                                           \
	"id, account_id, endpoint, profile, status, identifiers, created_s, expires_s, not_before_s, " \
	"not_after_s, error, serial, profile_hash"

result order_insert(struct op *op, struct db *db, const struct order *order)
{
	TRY(DB_RUN(op, db,
		   "INSERT INTO acme_order (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)", NULL,
		   NULL, NULL, DB_STR(order->id), DB_STR(order->account), DB_STR(order->endpoint), DB_STR(order->profile),
		   DB_STR(order_status_name(order->status)), DB_STR(order->identifiers), DB_INT(order->created_s),
		   DB_INT(order->expires_s), DB_INT(order->not_before_s), DB_INT(order->not_after_s), DB_STR(order->error),
		   DB_STR(order->serial), DB_STR(order->profile_hash == NULL ? "" : order->profile_hash)));
	for (unsigned i = 0; i < order->n_authorizations; i++)
		TRY(DB_RUN(op, db,
			   "INSERT INTO order_authorization (order_id, place, authorization_id) VALUES ($1, $2, $3)", NULL,
			   NULL, NULL, DB_STR(order->id), DB_INT(i), DB_STR(order->authorizations[i])));
	return OK;
}

struct loaded {
	struct order *out;
	bool found;
};

static result take_order(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct loaded *loaded = arg;
	ASSERT(n == 13);
	unsigned status;
	TRY(row_state(op, &c[4], states, STATES, &status));
	*loaded->out = (struct order){
		.id = row_text(op, &c[0]),
		.account = row_text(op, &c[1]),
		.endpoint = row_text(op, &c[2]),
		.profile = row_text(op, &c[3]),
		.status = (enum order_status)status,
		.identifiers = row_text(op, &c[5]),
		.created_s = c[6].integer,
		.expires_s = c[7].integer,
		.not_before_s = c[8].integer,
		.not_after_s = c[9].integer,
		.error = row_text(op, &c[10]),
		.serial = row_text(op, &c[11]),
		.profile_hash = c[12].text[0] == '\0' ? NULL : row_text(op, &c[12]),
	};
	loaded->found = true;
	return OK;
}

result order_load(struct op *op, struct db *db, const char *id, struct order *out)
{
	struct loaded loaded = { out, false };
	TRY(DB_RUN(op, db, "SELECT " COLUMNS " FROM acme_order WHERE id = $1", take_order, &loaded, NULL, DB_STR(id)));
	if (!loaded.found)
		return FAIL(op, ERR_NOT_FOUND, "there is no order %s", id);
	struct row_list authorizations = ROW_LIST(const char *);
	TRY(DB_RUN(op, db, "SELECT authorization_id FROM order_authorization WHERE order_id = $1 ORDER BY place",
		   row_add_text, &authorizations, NULL, DB_STR(id)));
	out->authorizations = authorizations.items;
	out->n_authorizations = authorizations.n;
	return OK;
}

result order_move(struct op *op, struct db *db, const char *id, enum order_status from, enum order_status to)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE acme_order SET status = $3 WHERE id = $1 AND status = $2", NULL, NULL, &changes,
		   DB_STR(id), DB_STR(order_status_name(from)), DB_STR(order_status_name(to))));
	return row_expect_change(op, changes, "order %s is not %s any more", id, order_status_name(from));
}

result order_finish(struct op *op, struct db *db, const char *id, const char *serial)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE acme_order SET status = 'valid', serial = $2 WHERE id = $1 AND status = 'processing'",
		   NULL, NULL, &changes, DB_STR(id), DB_STR(serial)));
	return row_expect_change(op, changes, "order %s is not processing any more", id);
}

result order_fail(struct op *op, struct db *db, const char *id, const char *error)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE acme_order SET status = 'invalid', error = $2 WHERE id = $1 AND " IS_OPEN, NULL, NULL,
		   &changes, DB_STR(id), DB_STR(error)));
	return row_expect_change(op, changes, "order %s is not open any more", id);
}

result order_count_open(struct op *op, struct db *db, const char *account, int64_t now_s, unsigned *out)
{
	int64_t count = 0;
	TRY(DB_RUN(op, db, "SELECT COUNT(*) FROM acme_order WHERE account_id = $1 AND expires_s > $2 AND " IS_OPEN,
		   row_take_integer, &count, NULL, DB_STR(account), DB_INT(now_s)));
	*out = (unsigned)count;
	return OK;
}

result order_list(struct op *op, struct db *db, const char *account, const char *after, unsigned limit, const char ***ids,
		  unsigned *n)
{
	struct row_list list = ROW_LIST(const char *);
	if (after == NULL)
		TRY(DB_RUN(op, db,
			   "SELECT id FROM acme_order WHERE account_id = $1 AND status <> 'invalid'"
			   " ORDER BY created_s, id LIMIT $2",
			   row_add_text, &list, NULL, DB_STR(account), DB_INT(limit)));
	else
		TRY(DB_RUN(op, db,
			   "SELECT id FROM acme_order WHERE account_id = $1 AND status <> 'invalid' AND (created_s, id) >"
			   " ((SELECT created_s FROM acme_order WHERE id = $3 AND account_id = $1), $3)"
			   " ORDER BY created_s, id LIMIT $2",
			   row_add_text, &list, NULL, DB_STR(account), DB_INT(limit), DB_STR(after)));
	*ids = list.items;
	*n = list.n;
	return OK;
}

result order_list_by_authorization(struct op *op, struct db *db, const char *authorization, const char ***ids, unsigned *n)
{
	struct row_list list = ROW_LIST(const char *);
	/* DISTINCT: nothing stops an order from naming an authorization twice. */
	TRY(DB_RUN(op, db,
		   "SELECT DISTINCT o.id FROM order_authorization a JOIN acme_order o ON o.id = a.order_id"
		   " WHERE a.authorization_id = $1 AND o." IS_OPEN " ORDER BY o.id",
		   row_add_text, &list, NULL, DB_STR(authorization)));
	*ids = list.items;
	*n = list.n;
	return OK;
}
