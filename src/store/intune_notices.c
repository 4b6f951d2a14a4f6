/* Rows of notices. */
#include "store/intune_notices.h"

#include "store/row.h"

#define KINDS 4
static const char *const kinds[KINDS] = { "outcome", "refusal", "revocations", "download" };

const char *intune_notice_kind_name(enum intune_notice_kind kind)
{
	ASSERT((unsigned)kind < KINDS);
	return kinds[kind];
}

#define COLUMNS "id, endpoint, kind, enrollment_id, transaction_id, csr, code, detail, attempts, due_s, created_s"

static result insert(struct op *op, struct db *db, const struct intune_notice *notice, uint64_t *changes)
{
	return DB_RUN(op, db,
		      "INSERT INTO intune_notice (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)"
		      " ON CONFLICT DO NOTHING", NULL, NULL, changes, DB_STR(notice->id), DB_STR(notice->endpoint),
		      DB_STR(intune_notice_kind_name(notice->kind)), DB_STR(notice->enrollment_id),
		      DB_STR(notice->transaction_id), DB_BLOB(notice->csr), DB_INT(notice->code), DB_STR(notice->detail),
		      DB_INT(notice->due_s), DB_INT(notice->created_s));
}

result intune_notice_insert(struct op *op, struct db *db, const struct intune_notice *notice)
{
	uint64_t changes;
	TRY(insert(op, db, notice, &changes));
	return row_expect_change(op, changes, "there is a notice %s already", notice->id);
}

result intune_notice_want_download(struct op *op, struct db *db, const char *endpoint, int64_t now_s)
{
	const struct intune_notice row = { .id = arena_printf(op->arena, "download %s", endpoint),
					   .endpoint = endpoint,
					   .kind = NOTICE_DOWNLOAD,
					   .transaction_id = "",
					   .csr = BYTES_LITERAL(""),
					   .detail = "",
					   .due_s = now_s,
					   .created_s = now_s };
	uint64_t changes;
	return insert(op, db, &row, &changes);
}

static result add_notice(struct op *op, void *list, const struct db_value *c, unsigned n)
{
	static const char *const states[] = { "pending", "ready", "processing", "issued", "rejected" };
	struct intune_notice *notice = row_list_add(op, list);
	unsigned kind, status = ENROLLMENT_REJECTED;
	ASSERT(n == 14);
	TRY(row_state(op, &c[2], kinds, KINDS, &kind));
	if (c[11].kind != DB_NULL)
		TRY(row_state(op, &c[11], states, sizeof states / sizeof states[0], &status));
	*notice = (struct intune_notice){
		.id = row_text(op, &c[0]),
		.endpoint = row_text(op, &c[1]),
		.kind = (enum intune_notice_kind)kind,
		.enrollment_id = row_text(op, &c[3]),
		.transaction_id = row_text(op, &c[4]),
		.csr = row_bytes(op, &c[5]),
		.code = c[6].integer,
		.detail = row_text(op, &c[7]),
		.attempts = (unsigned)c[8].integer,
		.due_s = c[9].integer,
		.created_s = c[10].integer,
		.status = (enum enrollment_status)status,
		.serial = row_text(op, &c[12]),
		.reason = row_text(op, &c[13]),
	};
	return OK;
}

#define LAST_MOMENT_S 600 /* a signature that was begun just before a request expired is still to be made */

/* An outcome whose enrollment is not there any more tells of a request that came to nothing, like one that expired. */
result intune_notice_list_due(struct op *op, struct db *db, const char *endpoint, int64_t now_s, unsigned limit,
			      struct intune_notice **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct intune_notice);
	TRY(DB_RUN(op, db,
		   "SELECT n.id, n.endpoint, n.kind, n.enrollment_id, n.transaction_id, n.csr, n.code, n.detail, n.attempts,"
		   " n.due_s, n.created_s, e.status, e.serial, e.reason"
		   " FROM intune_notice n LEFT JOIN enrollment e ON e.id = n.enrollment_id"
		   " WHERE n.endpoint = $1 AND n.due_s <= $2"
		   " AND (e.id IS NULL OR e.status IN ('issued', 'rejected') OR (e.status IN ('pending', 'ready') AND"
		   " e.expires_s <= $3))"
		   " ORDER BY n.due_s, n.id LIMIT $4", add_notice, &list, NULL, DB_STR(endpoint), DB_INT(now_s),
		   DB_INT(now_s - LAST_MOMENT_S), DB_INT(limit)));
	*out = list.items;
	*n = list.n;
	return OK;
}

result intune_notice_claim(struct op *op, struct db *db, const struct intune_notice *notice, int64_t until_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE intune_notice SET attempts = attempts + 1, due_s = $3 WHERE id = $1 AND due_s = $2", NULL,
		   NULL, &changes, DB_STR(notice->id), DB_INT(notice->due_s), DB_INT(until_s)));
	return row_expect_change(op, changes, "another node sends notice %s, or has sent it", notice->id);
}

result intune_notice_put_off(struct op *op, struct db *db, const char *id, int64_t due_s, bool is_new_work)
{
	return DB_RUN(op, db,
		      "UPDATE intune_notice SET due_s = $2, attempts = CASE WHEN $3 = 1 THEN 0 ELSE attempts END WHERE id = $1",
		      NULL, NULL, NULL, DB_STR(id), DB_INT(due_s), DB_INT(is_new_work));
}

result intune_notice_remove(struct op *op, struct db *db, const char *id)
{
	return DB_RUN(op, db, "DELETE FROM intune_notice WHERE id = $1", NULL, NULL, NULL, DB_STR(id));
}

result intune_notice_clean(struct op *op, struct db *db, int64_t before_s, unsigned *n)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "DELETE FROM intune_notice WHERE due_s < $1", NULL, NULL, &changes, DB_INT(before_s)));
	*n = (unsigned)changes;
	return OK;
}
