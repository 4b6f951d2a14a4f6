/* Requests that wait for an operator: list, show, approve, reject. */
#include "protocols/api/api_handlers.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ca/identifier.h"
#include "store/enrollments.h"

#define LIST_LIMIT 100
#define LIST_LIMIT_MAX 1000
#define REASON_MOST 200

static void write_request(struct op *op, const struct enrollment *row, bool is_full, struct json_writer *w)
{
	bool is_open = row->status == ENROLLMENT_PENDING || row->status == ENROLLMENT_READY;
	bool is_over = is_open && row->expires_s <= clock_now_s();
	json_write_text(w, "id", row->id);
	json_write_text(w, "status", is_over ? "expired" : enrollment_status_name(row->status));
	json_write_text(w, "door", row->door);
	json_write_text(w, "label", row->endpoint);
	json_write_text(w, "profile", row->profile);
	json_write_text(w, "requester", row->requester);
	json_write_raw(w, "names", bytes_of_text(row->names));
	json_write_text(w, "created", clock_rfc3339(op->arena, row->created_s));
	json_write_text(w, "changed", clock_rfc3339(op->arena, row->changed_s));
	json_write_text(w, "expires", clock_rfc3339(op->arena, row->expires_s));
	json_write_text(w, "decided_by", row->decided_by);
	json_write_text(w, "reason", row->reason);
	json_write_text(w, "serial", row->serial);
	if (is_full && row->csr.n > 0)
		json_write_text(w, "csr", bytes_to_base64(op->arena, row->csr));
}

result api_request_list(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	const char *all, *after, *limit;
	struct enrollment *rows;
	unsigned n;
	uint64_t most = LIST_LIMIT;
	struct json_writer w;
	TRY(api_query_text(op, call, "all", &all));
	TRY(api_query_text(op, call, "after", &after));
	TRY(api_query_text(op, call, "limit", &limit));
	if (limit != NULL && !text_parse_u64(limit, 1, LIST_LIMIT_MAX, &most))
		return FAIL(op, ERR_MALFORMED, "limit takes a number from 1 to %d", LIST_LIMIT_MAX);
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(enrollment_list(op, lease.db, !text_equal(all, "true"), after, (unsigned)most, &rows, &n));
	json_write_init(&w, op->arena);
	json_write_array(&w, NULL);
	for (unsigned i = 0; i < n; i++) {
		json_write_object(&w, NULL);
		write_request(op, &rows[i], false, &w);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

static result load(struct op *op, struct authority *a, const char *id, struct enrollment *out)
{
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	result r = enrollment_load(op, lease.db, id, out);
	if (r.err == ERR_NOT_FOUND)
		return FAIL(op, ERR_NOT_FOUND, "there is no request %s; see: chancery request list", id);
	return r;
}

static const char *id_of(struct op *op, const struct call *call)
{
	return arena_text_n(op->arena, (const char *)call->params[0].p, call->params[0].n);
}

static result reply_request(struct op *op, const struct enrollment *row, struct reply *reply)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	write_request(op, row, true, &w);
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

result api_request_show(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	struct enrollment row;
	TRY(load(op, a, id_of(op, call), &row));
	return reply_request(op, &row, reply);
}

struct deciding {
	struct enrollment row;
	bool is_approved;
	const char *reason;
	struct audit_event event;
};

static result decide(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct deciding *d = arg;
	TRY(enrollment_decide(op, ledger_db(tx), d->row.id, d->is_approved, op->actor.id, d->reason, clock_now_s()));
	return ledger_audit(op, tx, &d->event, NULL);
}

static result describe(struct op *op, struct deciding *d)
{
	struct identifier *names;
	unsigned n;
	TRY(identifiers_from_json(op, d->row.names, &names, &n));
	d->event = (struct audit_event){ .type = AUDIT_ENROLLMENT_DECIDED,
					 .door = d->row.door,
					 .order = d->row.id,
					 .profile = d->row.profile,
					 .names = identifiers_to_names(op, names, n),
					 .n_names = n,
					 .reason = d->reason,
					 .outcome = d->is_approved ? "approved" : "rejected",
					 .facts = { { "label", d->row.endpoint }, { "requester", d->row.requester } } };
	return OK;
}

static result settle(struct op *op, struct authority *a, const struct call *call, bool is_approved, const char *reason,
		     struct reply *reply)
{
	struct deciding deciding = { .is_approved = is_approved, .reason = reason };
	TRY(load(op, a, id_of(op, call), &deciding.row));
	TRY(describe(op, &deciding));
	TRY(ledger_run(op, a->ledger, decide, &deciding));
	TRY(load(op, a, deciding.row.id, &deciding.row));
	return reply_request(op, &deciding.row, reply);
}

result api_request_approve(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	return settle(op, a, call, true, NULL, reply);
}

/* The reason goes to the client. */
result api_request_reject(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	AUTO(json_t) *body = NULL;
	const char *reason;
	TRY(json_parse_object(op, call->body, "request", &body));
	TRY(json_maybe_text(op, body, "reason", &reason));
	if (reason != NULL && strlen(reason) > REASON_MOST)
		return FAIL(op, ERR_LIMIT, "a reason has at most %d bytes", REASON_MOST);
	return settle(op, a, call, false, arena_text(op->arena, reason), reply);
}
