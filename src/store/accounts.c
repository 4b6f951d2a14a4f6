/* Rows of ACME accounts. */
#include "store/accounts.h"

#include "store/row.h"

#define STATES 3
static const char *const states[STATES] = { "valid", "deactivated", "revoked" };

const char *account_status_name(enum account_status status)
{
	ASSERT((unsigned)status < STATES);
	return states[status];
}

#define COLUMNS "id, endpoint, status, thumbprint, jwk, contact, terms_agreed, created_s"

result account_insert(struct op *op, struct db *db, const struct account *account)
{
	uint64_t changes;
	/* DO NOTHING keeps the transaction whole for the batch's other closures. */
	TRY(DB_RUN(op, db,
		   "INSERT INTO acme_account (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
		   NULL, NULL, &changes, DB_STR(account->id), DB_STR(account->endpoint),
		   DB_STR(account_status_name(account->status)), DB_STR(account->thumbprint), DB_STR(account->jwk),
		   DB_STR(account->contact), DB_INT(account->terms_agreed), DB_INT(account->created_s)));
	return row_expect_change(op, changes, "there is an account with this key at %s already", account->endpoint);
}

struct loaded {
	struct account *out;
	bool found;
};

static result take_account(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct loaded *loaded = arg;
	ASSERT(n == 8);
	unsigned status;
	TRY(row_state(op, &c[2], states, STATES, &status));
	*loaded->out = (struct account){
		.id = row_text(op, &c[0]),
		.endpoint = row_text(op, &c[1]),
		.status = (enum account_status)status,
		.thumbprint = row_text(op, &c[3]),
		.jwk = row_text(op, &c[4]),
		.contact = row_text(op, &c[5]),
		.terms_agreed = c[6].integer != 0,
		.created_s = c[7].integer,
	};
	loaded->found = true;
	return OK;
}

result account_load(struct op *op, struct db *db, const char *endpoint, const char *id, struct account *out)
{
	struct loaded loaded = { out, false };
	TRY(DB_RUN(op, db, "SELECT " COLUMNS " FROM acme_account WHERE id = $1 AND endpoint = $2", take_account, &loaded,
		   NULL, DB_STR(id), DB_STR(endpoint)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "%s has no account %s", endpoint, id);
}

result account_load_by_thumbprint(struct op *op, struct db *db, const char *endpoint, const char *thumbprint,
				  struct account *out)
{
	struct loaded loaded = { out, false };
	TRY(DB_RUN(op, db, "SELECT " COLUMNS " FROM acme_account WHERE thumbprint = $1 AND endpoint = $2", take_account,
		   &loaded, NULL, DB_STR(thumbprint), DB_STR(endpoint)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "%s has no account with the key %s", endpoint, thumbprint);
}

result account_update_contact(struct op *op, struct db *db, const char *id, const char *contact)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE acme_account SET contact = $2 WHERE id = $1 AND status = 'valid'", NULL, NULL, &changes,
		   DB_STR(id), DB_STR(contact)));
	return row_expect_change(op, changes, "account %s is not valid any more", id);
}

result account_update_status(struct op *op, struct db *db, const char *id, enum account_status status)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE acme_account SET status = $2 WHERE id = $1 AND status = 'valid'", NULL, NULL, &changes,
		   DB_STR(id), DB_STR(account_status_name(status))));
	return row_expect_change(op, changes, "account %s is not valid any more", id);
}

result account_has_key(struct op *op, struct db *db, const char *thumbprint, bool *out)
{
	int64_t count = 0;
	TRY(DB_RUN(op, db, "SELECT COUNT(*) FROM acme_account WHERE thumbprint = $1", row_take_integer, &count, NULL,
		   DB_STR(thumbprint)));
	*out = count > 0;
	return OK;
}
