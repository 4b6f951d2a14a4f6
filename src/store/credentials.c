/* Rows of users and one-time tokens. */
#include "store/credentials.h"

#include "store/row.h"

#define USER_COLUMNS \
	"name, door, endpoint, verifier, digest_ha1, names, is_registrar, is_enabled, failures, locked_until_s, created_s"

result user_insert(struct op *op, struct db *db, const struct user *u)
{
	uint64_t changes;
	struct db_value ha1 = u->digest_ha1.n > 0 ? DB_BLOB(u->digest_ha1) : DB_NIL;
	TRY(DB_RUN(op, db,
		   "INSERT INTO enrollment_user (" USER_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
		   " ON CONFLICT DO NOTHING", NULL, NULL, &changes, DB_STR(u->name), DB_STR(u->door), DB_STR(u->endpoint),
		   DB_STR(u->verifier), ha1, DB_STR(u->names), DB_INT(u->is_registrar), DB_INT(u->is_enabled),
		   DB_INT(u->failures), DB_INT(u->locked_until_s), DB_INT(u->created_s)));
	return row_expect_change(op, changes, "there is a user %s already", u->name);
}

static struct user user_of(struct op *op, const struct db_value *c)
{
	return (struct user){
		.name = row_text(op, &c[0]),
		.door = row_text(op, &c[1]),
		.endpoint = row_text(op, &c[2]),
		.verifier = row_text(op, &c[3]),
		.digest_ha1 = row_bytes(op, &c[4]),
		.names = row_text(op, &c[5]),
		.is_registrar = c[6].integer != 0,
		.is_enabled = c[7].integer != 0,
		.failures = (unsigned)c[8].integer,
		.locked_until_s = c[9].integer,
		.created_s = c[10].integer,
	};
}

static result add_user(struct op *op, void *list, const struct db_value *c, unsigned n)
{
	ASSERT(n == 11);
	struct user *user = row_list_add(op, list);
	*user = user_of(op, c);
	return OK;
}

result user_load(struct op *op, struct db *db, const char *door, const char *name, struct user *out)
{
	struct row_list list = ROW_LIST(struct user);
	TRY(DB_RUN(op, db, "SELECT " USER_COLUMNS " FROM enrollment_user WHERE door = $1 AND name = $2", add_user, &list, NULL,
		   DB_STR(door), DB_STR(name)));
	if (list.n == 0)
		return FAIL(op, ERR_NOT_FOUND, "there is no user %s", name);
	*out = *(const struct user *)list.items;
	return OK;
}

result user_has_digest(struct op *op, struct db *db, const char *door, const char *endpoint, bool *out)
{
	int64_t found = 0;
	TRY(DB_RUN(op, db,
		   "SELECT 1 FROM enrollment_user WHERE door = $1 AND endpoint = $2 AND digest_ha1 IS NOT NULL LIMIT 1",
		   row_take_integer, &found, NULL, DB_STR(door), DB_STR(endpoint)));
	*out = found != 0;
	return OK;
}

result user_list(struct op *op, struct db *db, const char *door, struct user **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct user);
	TRY(DB_RUN(op, db,
		   "SELECT name, door, endpoint, '', NULL, names, is_registrar, is_enabled, failures, locked_until_s, created_s"
		   " FROM enrollment_user WHERE door = $1 ORDER BY name", add_user, &list, NULL, DB_STR(door)));
	*out = list.items;
	*n = list.n;
	return OK;
}

/* A new password also ends a lock: whoever was guessing has to begin anew. */
result user_set_verifier(struct op *op, struct db *db, const char *door, const char *name, const char *verifier,
			 struct bytes digest_ha1)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE enrollment_user SET verifier = $3, digest_ha1 = $4, failures = 0, locked_until_s = 0"
		   " WHERE door = $1 AND name = $2", NULL, NULL, &changes, DB_STR(door), DB_STR(name), DB_STR(verifier),
		   digest_ha1.n > 0 ? DB_BLOB(digest_ha1) : DB_NIL));
	return changes > 0 ? OK : FAIL(op, ERR_NOT_FOUND, "there is no user %s", name);
}

result user_set_enabled(struct op *op, struct db *db, const char *door, const char *name, bool is_enabled)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE enrollment_user SET is_enabled = $3 WHERE door = $1 AND name = $2", NULL, NULL, &changes,
		   DB_STR(door), DB_STR(name), DB_INT(is_enabled)));
	return changes > 0 ? OK : FAIL(op, ERR_NOT_FOUND, "there is no user %s", name);
}

/* A lock begins a new count: after its end there are as many tries as before. */
result user_note_failure(struct op *op, struct db *db, const char *door, const char *name, unsigned most, int64_t until_s,
			 bool *is_locked)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE enrollment_user SET failures = 0, locked_until_s = $4"
		   " WHERE door = $1 AND name = $2 AND failures >= $3", NULL, NULL, &changes, DB_STR(door), DB_STR(name),
		   DB_INT(most - 1), DB_INT(until_s)));
	*is_locked = changes > 0;
	if (*is_locked)
		return OK;
	return DB_RUN(op, db, "UPDATE enrollment_user SET failures = failures + 1 WHERE door = $1 AND name = $2", NULL, NULL,
		      NULL, DB_STR(door), DB_STR(name));
}

result user_note_success(struct op *op, struct db *db, const char *door, const char *name)
{
	return DB_RUN(op, db, "UPDATE enrollment_user SET failures = 0 WHERE door = $1 AND name = $2 AND failures > 0", NULL,
		      NULL, NULL, DB_STR(door), DB_STR(name));
}

#define TOKEN_COLUMNS "hash, door, endpoint, names, are_patterns, made_by, created_s, expires_s, used_s, used_for"

result one_time_token_insert(struct op *op, struct db *db, const struct one_time_token *t)
{
	return DB_RUN(op, db, "INSERT INTO enrollment_token (" TOKEN_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, NULL)",
		      NULL, NULL, NULL, DB_BLOB(t->hash), DB_STR(t->door), DB_STR(t->endpoint), DB_STR(t->names),
		      DB_INT(t->are_patterns), DB_STR(t->made_by), DB_INT(t->created_s), DB_INT(t->expires_s));
}

static result add_token(struct op *op, void *list, const struct db_value *c, unsigned n)
{
	ASSERT(n == 10);
	struct one_time_token *token = row_list_add(op, list);
	*token = (struct one_time_token){
		.hash = row_bytes(op, &c[0]),
		.door = row_text(op, &c[1]),
		.endpoint = row_text(op, &c[2]),
		.names = row_text(op, &c[3]),
		.are_patterns = c[4].integer != 0,
		.made_by = row_text(op, &c[5]),
		.created_s = c[6].integer,
		.expires_s = c[7].integer,
		.used_s = c[8].integer,
		.used_for = row_text(op, &c[9]),
	};
	return OK;
}

result one_time_token_load(struct op *op, struct db *db, struct bytes hash, struct one_time_token *out)
{
	struct row_list list = ROW_LIST(struct one_time_token);
	TRY(DB_RUN(op, db, "SELECT " TOKEN_COLUMNS " FROM enrollment_token WHERE hash = $1", add_token, &list, NULL,
		   DB_BLOB(hash)));
	if (list.n == 0)
		return FAIL(op, ERR_NOT_FOUND, "that token is not known");
	*out = *(const struct one_time_token *)list.items;
	return OK;
}

result one_time_token_spend(struct op *op, struct db *db, struct bytes hash, const char *enrollment, int64_t now_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE enrollment_token SET used_s = $3, used_for = $2 WHERE hash = $1 AND used_s = 0 AND expires_s > $3",
		   NULL, NULL, &changes, DB_BLOB(hash), DB_STR(enrollment), DB_INT(now_s)));
	return row_expect_change(op, changes, "that token was used, or has expired");
}

result one_time_token_list(struct op *op, struct db *db, const char *door, struct one_time_token **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct one_time_token);
	TRY(DB_RUN(op, db,
		   "SELECT " TOKEN_COLUMNS " FROM enrollment_token WHERE door = $1 AND used_s = 0 ORDER BY expires_s, hash",
		   add_token, &list, NULL, DB_STR(door)));
	*out = list.items;
	*n = list.n;
	return OK;
}

result one_time_token_count(struct op *op, struct db *db, const char *made_by, int64_t now_s, unsigned *n)
{
	int64_t count = 0;
	TRY(DB_RUN(op, db, "SELECT COUNT(*) FROM enrollment_token WHERE made_by = $1 AND used_s = 0 AND expires_s > $2",
		   row_take_integer, &count, NULL, DB_STR(made_by), DB_INT(now_s)));
	*n = (unsigned)count;
	return OK;
}

result one_time_token_clean(struct op *op, struct db *db, int64_t before_s, unsigned limit, unsigned *n)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "DELETE FROM enrollment_token WHERE hash IN (SELECT hash FROM enrollment_token WHERE expires_s < $1"
		   " ORDER BY expires_s LIMIT $2)", NULL, NULL, &changes, DB_INT(before_s), DB_INT(limit)));
	*n = (unsigned)changes;
	return OK;
}
