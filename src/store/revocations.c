/* Rows of revocations and blocked keys (certificates.h). */
#include "store/certificates.h"

#include "base/text.h"
#include "store/row.h"

/* RFC 5280 section 5.3.1; 7 is not used there. */
static const char *const reasons[] = {
	[REASON_UNSPECIFIED] = "unspecified",
	[REASON_KEY_COMPROMISE] = "keyCompromise",
	[REASON_CA_COMPROMISE] = "cACompromise",
	[REASON_AFFILIATION_CHANGED] = "affiliationChanged",
	[REASON_SUPERSEDED] = "superseded",
	[REASON_CESSATION_OF_OPERATION] = "cessationOfOperation",
	[REASON_CERTIFICATE_HOLD] = "certificateHold",
	[REASON_REMOVE_FROM_CRL] = "removeFromCRL",
	[REASON_PRIVILEGE_WITHDRAWN] = "privilegeWithdrawn",
	[REASON_AA_COMPROMISE] = "aACompromise",
};
#define REASONS ((int)(sizeof(reasons) / sizeof(reasons[0])))

const char *revocation_reason_name(int reason)
{
	return reason >= 0 && reason < REASONS ? reasons[reason] : NULL;
}

bool revocation_reason_parse(const char *name, int *out)
{
	for (int reason = 0; reason < REASONS; reason++) {
		if (reasons[reason] != NULL && text_equal(reasons[reason], name)) {
			*out = reason;
			return true;
		}
	}
	return false;
}

#define COLUMNS "serial, ca, revoked_s, reason, not_after_s"

result revocation_insert(struct op *op, struct db *db, const struct revocation *revocation)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "INSERT INTO revocation (" COLUMNS ") VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING", NULL,
		   NULL, &changes, DB_STR(revocation->serial), DB_STR(revocation->ca), DB_INT(revocation->revoked_s),
		   DB_INT(revocation->reason), DB_INT(revocation->not_after_s)));
	return row_expect_change(op, changes, "certificate %s is revoked already", revocation->serial);
}

/* Borrows from the row: of a million rows for a CRL none is copied. */
static struct revocation revocation_of(const struct db_value *c)
{
	return (struct revocation){
		.serial = c[0].text,
		.ca = c[1].text,
		.revoked_s = c[2].integer,
		.reason = (int)c[3].integer,
		.not_after_s = c[4].integer,
	};
}

struct loaded {
	struct revocation *out;
	bool found;
};

static result take_revocation(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct loaded *loaded = arg;
	ASSERT(n == 5);
	*loaded->out = revocation_of(c);
	loaded->out->serial = row_text(op, &c[0]);
	loaded->out->ca = row_text(op, &c[1]);
	loaded->found = true;
	return OK;
}

result revocation_load(struct op *op, struct db *db, const char *serial, struct revocation *out)
{
	struct loaded loaded = { out, false };
	TRY(DB_RUN(op, db, "SELECT " COLUMNS " FROM revocation WHERE serial = $1", take_revocation, &loaded, NULL,
		   DB_STR(serial)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "certificate %s is not revoked", serial);
}

struct reader {
	revocation_each *each;
	void *arg;
};

static result pass_on(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	const struct reader *reader = arg;
	ASSERT(n == 5);
	struct revocation revocation = revocation_of(c);
	return reader->each(op, reader->arg, &revocation);
}

result revocation_read(struct op *op, struct db *db, const char *ca, int64_t since_s, revocation_each *each, void *arg)
{
	struct reader reader = { each, arg };
	return DB_RUN(op, db, "SELECT " COLUMNS " FROM revocation WHERE ca = $1 AND not_after_s >= $2 ORDER BY serial", pass_on,
		      &reader, NULL, DB_STR(ca), DB_INT(since_s));
}

result blocked_key_insert(struct op *op, struct db *db, struct bytes spki_hash, const char *why, int64_t now_s)
{
	/* The first reason stays; blocking twice is no failure. */
	return DB_RUN(op, db,
		      "INSERT INTO blocked_key (spki_hash, why, blocked_s) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", NULL,
		      NULL, NULL, DB_BLOB(spki_hash), DB_STR(why), DB_INT(now_s));
}

result blocked_key_load(struct op *op, struct db *db, struct bytes spki_hash, const char **why)
{
	struct row_list list = ROW_LIST(const char *);
	TRY(DB_RUN(op, db, "SELECT why FROM blocked_key WHERE spki_hash = $1", row_add_text, &list, NULL,
		   DB_BLOB(spki_hash)));
	if (list.n == 0)
		return FAIL(op, ERR_NOT_FOUND, "that key is not blocked");
	*why = *(const char **)list.items;
	return OK;
}
