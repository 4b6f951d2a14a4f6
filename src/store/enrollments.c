/* Rows of enrollments. */
#include "store/enrollments.h"

#include "store/row.h"

#define STATES 5
static const char *const states[STATES] = { "pending", "ready", "processing", "issued", "rejected" };

const char *enrollment_status_name(enum enrollment_status status)
{
	ASSERT((unsigned)status < STATES);
	return states[status];
}

#define COLUMNS                                                                                                \
	"id, door, endpoint, profile, requester, csr_hash, csr, names, status, decided_by, reason, serial, " \
	"created_s, changed_s, expires_s, profile_hash"
/* Written out, so that the partial indexes fit. */
#define IS_OPEN "status IN ('pending', 'ready', 'processing')"
#define SAME_REQUEST "door = $1 AND endpoint = $2 AND requester = $3 AND csr_hash = $4"

/* In place of a CSR that has done its duty: log and certificate have what counts, and it may hold a challenge. */
static const struct bytes no_csr = BYTES_LITERAL("");

/* One that nobody finished in its time makes room for the next. */
static result end_expired(struct op *op, struct db *db, const struct enrollment *key)
{
	return DB_RUN(op, db,
		      "UPDATE enrollment SET status = 'rejected', reason = 'it has expired', changed_s = $5, csr = $6"
		      " WHERE " SAME_REQUEST " AND status IN ('pending', 'ready') AND expires_s <= $5", NULL, NULL, NULL,
		      DB_STR(key->door), DB_STR(key->endpoint), DB_STR(key->requester), DB_BLOB(key->csr_hash),
		      DB_INT(key->created_s), DB_BLOB(no_csr));
}

result enrollment_insert(struct op *op, struct db *db, const struct enrollment *e)
{
	uint64_t changes;
	TRY(end_expired(op, db, e));
	TRY(DB_RUN(op, db,
		   "INSERT INTO enrollment (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13,"
		   " $14, $15) ON CONFLICT DO NOTHING", NULL, NULL, &changes, DB_STR(e->id), DB_STR(e->door), DB_STR(e->endpoint),
		   DB_STR(e->profile), DB_STR(e->requester), DB_BLOB(e->csr_hash), DB_BLOB(e->csr), DB_STR(e->names),
		   DB_STR(enrollment_status_name(e->status)), DB_STR(e->decided_by), DB_STR(e->reason), DB_STR(e->serial),
		   DB_INT(e->created_s), DB_INT(e->expires_s), DB_STR(e->profile_hash == NULL ? "" : e->profile_hash)));
	return row_expect_change(op, changes, "this request is known already, and under way");
}

struct loaded {
	struct enrollment *out;
	bool found;
};

static result read_enrollment(struct op *op, const struct db_value *c, struct enrollment *out)
{
	unsigned status;
	TRY(row_state(op, &c[8], states, STATES, &status));
	*out = (struct enrollment){
		.id = row_text(op, &c[0]),
		.door = row_text(op, &c[1]),
		.endpoint = row_text(op, &c[2]),
		.profile = row_text(op, &c[3]),
		.requester = row_text(op, &c[4]),
		.csr_hash = row_bytes(op, &c[5]),
		.csr = row_bytes(op, &c[6]),
		.names = row_text(op, &c[7]),
		.status = (enum enrollment_status)status,
		.decided_by = row_text(op, &c[9]),
		.reason = row_text(op, &c[10]),
		.serial = row_text(op, &c[11]),
		.created_s = c[12].integer,
		.changed_s = c[13].integer,
		.expires_s = c[14].integer,
		.profile_hash = c[15].text[0] == '\0' ? NULL : row_text(op, &c[15]),
	};
	return OK;
}

static result take_enrollment(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct loaded *loaded = arg;
	ASSERT(n == 16);
	loaded->found = true;
	return read_enrollment(op, c, loaded->out);
}

result enrollment_load(struct op *op, struct db *db, const char *id, struct enrollment *out)
{
	struct loaded loaded = { out, false };
	TRY(DB_RUN(op, db, "SELECT " COLUMNS " FROM enrollment WHERE id = $1", take_enrollment, &loaded, NULL, DB_STR(id)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "there is no request %s", id);
}

result enrollment_find(struct op *op, struct db *db, const struct enrollment *key, int64_t now_s, int64_t since_s,
		       struct enrollment *out)
{
	struct loaded loaded = { out, false };
	TRY(DB_RUN(op, db,
		   "SELECT " COLUMNS " FROM enrollment WHERE " SAME_REQUEST
		   " AND ((status IN ('pending', 'ready') AND expires_s > $5) OR status = 'processing'"
		   " OR (status IN ('issued', 'rejected') AND changed_s >= $6))"
		   " ORDER BY CASE WHEN " IS_OPEN " THEN 0 ELSE 1 END, created_s DESC, changed_s DESC, id DESC LIMIT 1",
		   take_enrollment, &loaded, NULL, DB_STR(key->door), DB_STR(key->endpoint), DB_STR(key->requester),
		   DB_BLOB(key->csr_hash), DB_INT(now_s), DB_INT(since_s)));
	return loaded.found ? OK : FAIL(op, ERR_NOT_FOUND, "this request was not made before");
}

result enrollment_move(struct op *op, struct db *db, const char *id, enum enrollment_status from,
		       enum enrollment_status to, int64_t now_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE enrollment SET status = $3, changed_s = $4, csr = CASE $3 WHEN 'rejected' THEN $5 ELSE csr END"
		   " WHERE id = $1 AND status = $2", NULL, NULL, &changes, DB_STR(id), DB_STR(enrollment_status_name(from)),
		   DB_STR(enrollment_status_name(to)), DB_INT(now_s), DB_BLOB(no_csr)));
	return row_expect_change(op, changes, "request %s is not %s any more", id, enrollment_status_name(from));
}

result enrollment_decide(struct op *op, struct db *db, const char *id, bool is_approved, const char *by,
			 const char *reason, int64_t now_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE enrollment SET status = $2, decided_by = $3, reason = $4, changed_s = $5,"
		   " csr = CASE $2 WHEN 'rejected' THEN $6 ELSE csr END"
		   " WHERE id = $1 AND status = 'pending' AND expires_s > $5", NULL, NULL, &changes, DB_STR(id),
		   DB_STR(enrollment_status_name(is_approved ? ENROLLMENT_READY : ENROLLMENT_REJECTED)), DB_STR(by),
		   DB_STR(reason), DB_INT(now_s), DB_BLOB(no_csr)));
	return row_expect_change(op, changes, "request %s does not wait for a decision any more", id);
}

result enrollment_finish(struct op *op, struct db *db, const char *id, const char *serial, int64_t now_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE enrollment SET status = 'issued', serial = $2, csr = $3, changed_s = $4"
		   " WHERE id = $1 AND status = 'processing'", NULL, NULL, &changes, DB_STR(id), DB_STR(serial),
		   DB_BLOB(no_csr), DB_INT(now_s)));
	return row_expect_change(op, changes, "request %s is not being issued any more", id);
}

static result add_enrollment(struct op *op, void *list, const struct db_value *c, unsigned n)
{
	ASSERT(n == 16);
	return read_enrollment(op, c, row_list_add(op, list));
}

/* By key (creation, id): where `after` is gone, its place is not known and the list begins anew. */
result enrollment_list(struct op *op, struct db *db, bool only_pending, const char *after, unsigned limit,
		       struct enrollment **out, unsigned *n)
{
	static const char waiting[] = "SELECT " COLUMNS " FROM enrollment WHERE status = 'pending' AND (created_s, id) >"
				      " (COALESCE((SELECT created_s FROM enrollment WHERE id = $1), -1), $1)"
				      " ORDER BY created_s, id LIMIT $2";
	static const char all[] = "SELECT " COLUMNS " FROM enrollment WHERE (created_s, id) >"
				  " (COALESCE((SELECT created_s FROM enrollment WHERE id = $1), -1), $1)"
				  " ORDER BY created_s, id LIMIT $2";
	struct row_list list = ROW_LIST(struct enrollment);
	TRY(DB_RUN(op, db, only_pending ? waiting : all, add_enrollment, &list, NULL, DB_STR(after != NULL ? after : ""),
		   DB_INT(limit)));
	*out = list.items;
	*n = list.n;
	return OK;
}

struct counts {
	unsigned *of_all, *of_requester;
};

static result take_counts(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct counts *counts = arg;
	(void)op;
	ASSERT(n == 2);
	*counts->of_all = (unsigned)c[0].integer;
	*counts->of_requester = (unsigned)c[1].integer;
	return OK;
}

result enrollment_count_pending(struct op *op, struct db *db, const struct enrollment *key, int64_t now_s, unsigned *of_all,
				unsigned *of_requester)
{
	struct counts counts = { of_all, of_requester };
	return DB_RUN(op, db,
		      "SELECT COUNT(*), COUNT(CASE WHEN requester = $3 THEN 1 END) FROM enrollment"
		      " WHERE status = 'pending' AND door = $1 AND endpoint = $2 AND expires_s > $4",
		      take_counts, &counts, NULL, DB_STR(key->door), DB_STR(key->endpoint), DB_STR(key->requester), DB_INT(now_s));
}

/* Somebody outside has still to be told how it ended (intune_notices.h). */
#define IS_TOLD "NOT EXISTS (SELECT 1 FROM intune_notice WHERE enrollment_id = enrollment.id)"

/* Two statements, each along an index of its own. */
result enrollment_clean(struct op *op, struct db *db, int64_t before_s, unsigned limit, unsigned *n)
{
	uint64_t ended, expired;
	TRY(DB_RUN(op, db,
		   "DELETE FROM enrollment WHERE id IN (SELECT id FROM enrollment WHERE status IN ('issued', 'rejected')"
		   " AND changed_s < $1 AND " IS_TOLD " ORDER BY changed_s LIMIT $2)", NULL, NULL, &ended, DB_INT(before_s), DB_INT(limit)));
	TRY(DB_RUN(op, db,
		   "DELETE FROM enrollment WHERE id IN (SELECT id FROM enrollment WHERE status IN ('pending', 'ready')"
		   " AND expires_s < $1 AND " IS_TOLD " ORDER BY expires_s LIMIT $2)", NULL, NULL, &expired, DB_INT(before_s),
		   DB_INT(limit)));
	*n = (unsigned)(ended + expired);
	return OK;
}
