/* Rows of CAs and their keys; crls.c has the rest of authorities.h. */
#include "store/authorities.h"

#include "store/row.h"

#define STATES 4
static const char *const states[STATES] = { "created", "active", "retiring", "retired" };

const char *authority_status_name(enum authority_status status)
{
	ASSERT((unsigned)status < STATES);
	return states[status];
}

#define KEY_COLUMNS "label, id, type, purpose, spki, created_s"

result key_insert(struct op *op, struct db *db, const struct key_row *key)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "INSERT INTO token_key (" KEY_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		   NULL, NULL, &changes, DB_STR(key->label), DB_BLOB(key->id), DB_STR(key->type), DB_STR(key->purpose),
		   DB_BLOB(key->spki), DB_INT(key->created_s)));
	return row_expect_change(op, changes, "there is a key with the label %s already", key->label);
}

struct loaded_key {
	struct key_row *out;
	bool found;
};

static result take_key(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct loaded_key *loaded = arg;
	ASSERT(n == 6);
	*loaded->out = (struct key_row){
		.label = row_text(op, &c[0]),
		.id = row_bytes(op, &c[1]),
		.type = row_text(op, &c[2]),
		.purpose = row_text(op, &c[3]),
		.spki = row_bytes(op, &c[4]),
		.created_s = c[5].integer,
	};
	loaded->found = true;
	return OK;
}

result key_load(struct op *op, struct db *db, const char *label, struct key_row *out)
{
	struct loaded_key loaded = { out, false };
	TRY(DB_RUN(op, db, "SELECT " KEY_COLUMNS " FROM token_key WHERE label = $1", take_key, &loaded, NULL, DB_STR(label)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "the store knows no key with the label %s", label);
}

result key_load_by_purpose(struct op *op, struct db *db, const char *purpose, struct key_row *out)
{
	struct loaded_key loaded = { out, false };
	TRY(DB_RUN(op, db,
		   "SELECT " KEY_COLUMNS " FROM token_key WHERE purpose = $1 ORDER BY created_s DESC, label DESC LIMIT 1",
		   take_key, &loaded, NULL, DB_STR(purpose)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "the store knows no key for %s", purpose);
}

result key_has_spki(struct op *op, struct db *db, struct bytes spki, bool *out)
{
	int64_t count = 0;
	TRY(DB_RUN(op, db, "SELECT COUNT(*) FROM token_key WHERE spki = $1", row_take_integer, &count, NULL, DB_BLOB(spki)));
	*out = count > 0;
	return OK;
}

#define COLUMNS "name, generation, parent, status, key_label, certificate, created_s"

result authority_insert(struct op *op, struct db *db, const struct authority_row *row)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "INSERT INTO authority (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
		   NULL, NULL, &changes, DB_STR(row->name), DB_INT(row->generation), DB_STR(row->parent),
		   DB_STR(authority_status_name(row->status)), DB_STR(row->key_label), DB_BLOB(row->certificate),
		   DB_INT(row->created_s)));
	return row_expect_change(op, changes, "generation %u of the CA %s exists already", row->generation, row->name);
}

static result add_authority(struct op *op, void *list, const struct db_value *c, unsigned n)
{
	ASSERT(n == 7);
	unsigned status;
	TRY(row_state(op, &c[3], states, STATES, &status));
	struct authority_row *row = row_list_add(op, list);
	*row = (struct authority_row){
		.name = row_text(op, &c[0]),
		.generation = (unsigned)c[1].integer,
		.parent = row_text(op, &c[2]),
		.status = (enum authority_status)status,
		.key_label = row_text(op, &c[4]),
		.certificate = row_bytes(op, &c[5]),
		.created_s = c[6].integer,
	};
	return OK;
}

result authority_list(struct op *op, struct db *db, struct authority_row **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct authority_row);
	TRY(db_run(op, db,
		   "SELECT " COLUMNS " FROM authority"
		   " ORDER BY CASE WHEN parent IS NULL THEN 0 ELSE 1 END, created_s, name, generation",
		   NULL, 0, add_authority, &list, NULL));
	*out = list.items;
	*n = list.n;
	return OK;
}

result meta_read(struct op *op, struct db *db, const char *name, const char **value)
{
	struct row_list list = ROW_LIST(const char *);
	TRY(DB_RUN(op, db, "SELECT value FROM meta WHERE name = $1", row_add_text, &list, NULL, DB_STR(name)));
	if (list.n == 0)
		return FAIL(op, ERR_NOT_FOUND, "the store has no %s", name);
	*value = *(const char **)list.items;
	return OK;
}

result meta_write(struct op *op, struct db *db, const char *name, const char *value)
{
	return DB_RUN(op, db,
		      "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		      NULL, NULL, NULL, DB_STR(name), DB_STR(value));
}
