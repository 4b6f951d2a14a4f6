/* Rows of certificates; revocations.c has the rest of certificates.h. */
#include "store/certificates.h"

#include "base/json.h"
#include "base/text.h"
#include "store/row.h"

#define STATES 4
static const char *const states[STATES] = { "intended", "issued", "failed", "orphaned" };
static const char *const claim_kinds[] = { "none", "acme-order", "enrollment" };

const char *certificate_status_name(enum certificate_status status)
{
	ASSERT((unsigned)status < STATES);
	return states[status];
}

#define COLUMNS                                                                                                \
	"c.serial, c.ca, c.profile, c.door, c.status, c.subject, c.names, c.spki_hash, c.tbs, c.der,"         \
	" c.requester, c.claim_kind, c.claim_id, c.node, c.not_before_s, c.not_after_s, c.intended_s, c.issued_s," \
	" c.profile_hash"

/* Organizations, their units and places are no names to look for: they would find a whole fleet. */
static bool is_looked_for(const char *type)
{
	static const char *const others[] = { "o", "ou", "l", "st", "c", NULL };
	return !text_is_one_of(type, others);
}

static result insert_names(struct op *op, struct db *db, const char *serial, const json_t *names)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name, *type;
		TRY(json_need_text(op, json_array_get(names, i), "value", &name));
		TRY(json_need_text(op, json_array_get(names, i), "type", &type));
		if (!is_looked_for(type))
			continue;
		TRY(DB_RUN(op, db, "INSERT INTO certificate_name (name, serial) VALUES ($1, $2) ON CONFLICT DO NOTHING", NULL,
			   NULL, NULL, DB_STR(name), DB_STR(serial)));
	}
	return OK;
}

result certificate_intend(struct op *op, struct db *db, const struct certificate *intent)
{
	AUTO(json_t) *names = NULL;
	uint64_t changes;
	TRY(json_parse(op, bytes_of_text(intent->names), "names of the certificate", &names));
	TRY(DB_RUN(op, db,
		   "INSERT INTO certificate (serial, ca, profile, door, status, subject, names, spki_hash, requester,"
		   " claim_kind, claim_id, node, not_before_s, not_after_s, intended_s, tbs, profile_hash)"
		   " VALUES ($1, $2, $3, $4, 'intended', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
		   " ON CONFLICT DO NOTHING",
		   NULL, NULL, &changes, DB_STR(intent->serial), DB_STR(intent->ca), DB_STR(intent->profile),
		   DB_STR(intent->door), DB_STR(intent->subject), DB_STR(intent->names), DB_BLOB(intent->spki_hash),
		   DB_STR(intent->requester), DB_STR(claim_kind_name(intent->claim_kind)), DB_STR(intent->claim_id),
		   DB_STR(intent->node), DB_INT(intent->not_before_s), DB_INT(intent->not_after_s),
		   DB_INT(intent->intended_s), DB_BLOB(intent->tbs),
		   DB_STR(intent->profile_hash == NULL ? "" : intent->profile_hash)));
	TRY(row_expect_change(op, changes, "serial number %s is taken", intent->serial));
	return insert_names(op, db, intent->serial, names);
}

result certificate_issue(struct op *op, struct db *db, const char *serial, struct bytes der, int64_t now_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db,
		   "UPDATE certificate SET status = 'issued', der = $2, issued_s = $3"
		   " WHERE serial = $1 AND status = 'intended'",
		   NULL, NULL, &changes, DB_STR(serial), DB_BLOB(der), DB_INT(now_s)));
	return row_expect_change(op, changes, "certificate %s is not intended any more", serial);
}

static result end_intent(struct op *op, struct db *db, const char *serial, enum certificate_status to)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE certificate SET status = $2 WHERE serial = $1 AND status = 'intended'", NULL, NULL,
		   &changes, DB_STR(serial), DB_STR(certificate_status_name(to))));
	return row_expect_change(op, changes, "certificate %s is not intended any more", serial);
}

result certificate_fail(struct op *op, struct db *db, const char *serial)
{
	return end_intent(op, db, serial, CERTIFICATE_FAILED);
}

result certificate_orphan(struct op *op, struct db *db, const char *serial)
{
	return end_intent(op, db, serial, CERTIFICATE_ORPHANED);
}

static result add_certificate(struct op *op, void *list, const struct db_value *c, unsigned n)
{
	ASSERT(n == 19);
	unsigned status, claim_kind;
	TRY(row_state(op, &c[4], states, STATES, &status));
	TRY(row_state(op, &c[11], claim_kinds, sizeof(claim_kinds) / sizeof(claim_kinds[0]), &claim_kind));
	struct certificate *certificate = row_list_add(op, list);
	*certificate = (struct certificate){
		.serial = row_text(op, &c[0]),
		.ca = row_text(op, &c[1]),
		.profile = row_text(op, &c[2]),
		.door = row_text(op, &c[3]),
		.status = (enum certificate_status)status,
		.subject = row_text(op, &c[5]),
		.names = row_text(op, &c[6]),
		.spki_hash = row_bytes(op, &c[7]),
		.tbs = row_bytes(op, &c[8]),
		.der = row_bytes(op, &c[9]),
		.requester = row_text(op, &c[10]),
		.claim_kind = (enum claim_kind)claim_kind,
		.claim_id = row_text(op, &c[12]),
		.node = row_text(op, &c[13]),
		.not_before_s = c[14].integer,
		.not_after_s = c[15].integer,
		.intended_s = c[16].integer,
		.issued_s = c[17].integer,
		.profile_hash = c[18].text[0] == '\0' ? NULL : row_text(op, &c[18]),
	};
	return OK;
}

result certificate_load(struct op *op, struct db *db, const char *serial, struct certificate *out)
{
	struct row_list list = ROW_LIST(struct certificate);
	TRY(DB_RUN(op, db, "SELECT " COLUMNS " FROM certificate c WHERE c.serial = $1", add_certificate, &list, NULL,
		   DB_STR(serial)));
	if (list.n == 0)
		return FAIL(op, ERR_NOT_FOUND, "there is no certificate %s", serial);
	*out = *(struct certificate *)list.items;
	return OK;
}

result certificate_list_in_doubt(struct op *op, struct db *db, const char *node, int64_t before_s, unsigned limit,
				 struct certificate **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct certificate);
	TRY(DB_RUN(op, db,
		   "SELECT " COLUMNS " FROM certificate c WHERE c.status = 'intended' AND c.node = $1 AND c.intended_s < $2"
		   " ORDER BY c.intended_s LIMIT $3",
		   add_certificate, &list, NULL, DB_STR(node), DB_INT(before_s), DB_INT(limit)));
	*out = list.items;
	*n = list.n;
	return OK;
}

result certificate_list_in_doubt_of_absent(struct op *op, struct db *db, int64_t seen_before_s, int64_t before_s,
					   unsigned limit, struct certificate **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct certificate);
	TRY(DB_RUN(op, db,
		   "SELECT " COLUMNS " FROM certificate c WHERE c.status = 'intended' AND c.intended_s < $1"
		   " AND NOT EXISTS (SELECT 1 FROM node o WHERE o.name = c.node AND o.seen_s >= $2)"
		   " ORDER BY c.intended_s LIMIT $3",
		   add_certificate, &list, NULL, DB_INT(before_s), DB_INT(seen_before_s), DB_INT(limit)));
	*out = list.items;
	*n = list.n;
	return OK;
}

struct query {
	struct buf sql;
	struct db_value values[8];
	unsigned n;
};

static void query_add(struct query *query, const char *text, struct db_value value)
{
	query->values[query->n++] = value;
	buf_printf(&query->sql, "%s$%u", text, query->n);
}

/* The table whose index narrows most leads, and the order is that of its index. */
struct guide {
	const char *from, *after, *after_end, *order;
};

static const struct guide *guide_of(const struct certificate_filter *filter)
{
	static const struct guide by_name = { "certificate_name f JOIN certificate c ON c.serial = f.serial",
					      " AND f.serial > ", "", " ORDER BY f.serial LIMIT " };
	static const struct guide by_revocation = { "revocation f JOIN certificate c ON c.serial = f.serial",
						    " AND f.serial > ", "", " ORDER BY f.serial LIMIT " };
	static const struct guide by_expiry = {
		"certificate c",
		" AND (c.not_after_s, c.serial) > (SELECT a.not_after_s, a.serial FROM certificate a WHERE a.serial = ",
		")", " ORDER BY c.not_after_s, c.serial LIMIT "
	};
	static const struct guide by_serial = { "certificate c", " AND c.serial > ", "", " ORDER BY c.serial LIMIT " };
	if (filter->name != NULL)
		return &by_name;
	if (filter->only_revoked)
		return &by_revocation;
	return filter->expires_before_s != 0 ? &by_expiry : &by_serial;
}

/*
 * The statement has the conditions that are asked for and no others, so that
 * each combination gets a plan of its own; values are parameters as always.
 */
static void write_query(struct query *query, const struct certificate_filter *filter)
{
	const struct guide *guide = guide_of(filter);
	buf_printf(&query->sql, "SELECT " COLUMNS " FROM %s WHERE 1 = 1", guide->from);
	if (filter->name != NULL)
		query_add(query, " AND f.name = ", DB_STR(filter->name));
	if (filter->after != NULL) {
		query_add(query, guide->after, DB_STR(filter->after));
		buf_text(&query->sql, guide->after_end);
	}
	if (filter->ca != NULL)
		query_add(query, " AND c.ca = ", DB_STR(filter->ca));
	if (filter->profile != NULL)
		query_add(query, " AND c.profile = ", DB_STR(filter->profile));
	if (filter->name != NULL && filter->only_revoked)
		buf_text(&query->sql, " AND EXISTS (SELECT 1 FROM revocation r WHERE r.serial = c.serial)");
	if (filter->expires_after_s != 0)
		query_add(query, " AND c.not_after_s >= ", DB_INT(filter->expires_after_s));
	if (filter->expires_before_s != 0)
		query_add(query, " AND c.not_after_s < ", DB_INT(filter->expires_before_s));
	query_add(query, guide->order, DB_INT(filter->limit));
}

result certificate_list(struct op *op, struct db *db, const struct certificate_filter *filter, struct certificate **out,
			unsigned *n)
{
	struct query query = { .n = 0 };
	struct row_list list = ROW_LIST(struct certificate);
	buf_init(&query.sql, op->arena, 1024);
	write_query(&query, filter);
	TRY(db_run(op, db, buf_as_text(&query.sql), query.values, query.n, add_certificate, &list, NULL));
	*out = list.items;
	*n = list.n;
	return OK;
}
