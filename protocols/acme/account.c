/*
 * Accounts (RFC 8555 sections 7.1.2 and 7.3): creation, lookup by key, new
 * contacts, deactivation, and the list of an account's orders.
 */
#include "base/json.h"
#include "base/random.h"
#include "base/text.h"
#include "protocols/acme/contact.h"
#include "protocols/acme/objects.h"
#include "protocols/acme/reply.h"
#include "protocols/acme/request.h"

#define ORDERS_PER_PAGE 100

static struct bytes account_json(struct op *op, const struct acme_request *request, const struct account *account)
{
	struct json_writer w;

	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "status", account_status_name(account->status));
	json_write_raw(&w, "contact", bytes_of_text(account->contact));
	if (account->terms_agreed)
		json_write_bool(&w, "termsOfServiceAgreed", true);
	json_write_text(&w, "orders", arena_printf(op->arena, "%s/orders", acme_url(op, request, "account", account->id)));
	json_write_object_end(&w);
	return json_write_done(&w);
}

static void reply_account(struct op *op, const struct acme_request *request, int status,
			  const struct account *account, struct reply *reply)
{
	acme_reply_json(op, request->call, status, account_json(op, request, account), reply);
	reply_header(reply, "Location", acme_url(op, request, "account", account->id));
}

/* Section 7.3.1; 7.3.6 for one that was given up. */
static result reply_existing(struct op *op, const struct acme_request *request, const struct account *account,
			     struct reply *reply)
{
	if (account->status != ACCOUNT_VALID)
		return FAIL_CODE(op, ERR_UNAUTHENTIC, ACME_UNAUTHORIZED, "the account with this key is %s",
				 account_status_name(account->status));
	reply_account(op, request, 200, account, reply);
	return OK;
}

static result find_existing(struct op *op, const struct acme_request *request, struct account *out)
{
	STORE_LEASE(lease);
	TRY(store_read(op, request->authority->store, &lease));
	return account_load_by_thumbprint(op, lease.db, request->settings->name, request->thumbprint, out);
}

static result insert_account(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct account *account = arg;
	struct audit_event event = {
		.type = AUDIT_ACCOUNT_CREATED,
		.account = account->id,
		.door = door_name(DOOR_ACME),
		/* No contacts: the log is for ever, and they are about people. */
		.facts = { { "endpoint", account->endpoint }, { "thumbprint", account->thumbprint } },
	};
	TRY(account_insert(op, ledger_db(tx), account));
	return ledger_audit(op, tx, &event, NULL);
}

/* What the client says about itself; status, orders and unknown members are not its business (A19). */
static result parse_new_account(struct op *op, const struct acme_request *request, const json_t *payload,
				struct account *out)
{
	const json_t *contacts;
	char *id = arena_alloc(op->arena, RANDOM_ID_SIZE);

	random_id(id);
	*out = (struct account){
		.id = id,
		.endpoint = request->settings->name,
		.status = ACCOUNT_VALID,
		.thumbprint = request->thumbprint,
		.jwk = request->jwk.json,
		.created_s = request->now_s,
	};
	TRY(json_maybe_array(op, payload, "contact", &contacts));
	TRY(json_maybe_bool(op, payload, "termsOfServiceAgreed", false, &out->terms_agreed));
	TRY(contacts_parse(op, contacts, &out->contact));
	if (request->settings->terms != NULL && !out->terms_agreed)
		return FAIL_CODE(op, ERR_DENIED, ACME_USER_ACTION_REQUIRED, "the terms of service must be agreed to: %s",
				 request->settings->terms);
	return OK;
}

result acme_new_account(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	AUTO(json_t) *payload = NULL;
	bool only_existing;
	struct account account;

	TRY(acme_request_open(op, call, ACME_BY_KEY, &request));
	TRY(acme_request_payload(op, &request, &payload));
	TRY(json_maybe_bool(op, payload, "onlyReturnExisting", false, &only_existing));
	result r = find_existing(op, &request, &account);
	if (r.err == ERR_NONE)
		return reply_existing(op, &request, &account, reply);
	if (r.err != ERR_NOT_FOUND)
		return r;
	if (only_existing)
		return FAIL_CODE(op, ERR_NOT_FOUND, ACME_ACCOUNT_DOES_NOT_EXIST, "there is no account with this key");
	op_clear_failure(op);

	TRY(parse_new_account(op, &request, payload, &account));
	r = ledger_run(op, request.authority->ledger, insert_account, &account);
	if (r.err == ERR_CONFLICT) { /* another request with this key came first: one account (A20) */
		op_clear_failure(op);
		TRY(find_existing(op, &request, &account));
		return reply_existing(op, &request, &account, reply);
	}
	TRY(r);
	reply_account(op, &request, 201, &account, reply);
	return OK;
}

struct account_change {
	const char *id;
	const char *contact; /* NULL: as it is */
	bool deactivate;
};

/*
 * Section 7.3.6: what is under way ends with the account. Orders in processing
 * are left: a signature is being made for them, and it must be recorded.
 */
static result cancel_orders(struct op *op, struct db *db, const char *account)
{
	const char *after = NULL;
	const char **ids;
	unsigned n;

	do {
		TRY(order_list(op, db, account, after, ORDERS_PER_PAGE, &ids, &n));
		for (unsigned i = 0; i < n; i++)
			TRY(acme_order_cancel(op, db, ids[i], "the account was deactivated"));
		after = n > 0 ? ids[n - 1] : NULL;
	} while (n == ORDERS_PER_PAGE);
	return OK;
}

static result change_account(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct account_change *change = arg;
	struct db *db = ledger_db(tx);
	struct audit_event event = {
		.type = AUDIT_ACCOUNT_CHANGED,
		.account = change->id,
		.door = door_name(DOOR_ACME),
		.outcome = change->deactivate ? "deactivated" : "contact changed",
	};

	if (change->contact != NULL)
		TRY(account_update_contact(op, db, change->id, change->contact));
	if (change->deactivate) {
		TRY(account_update_status(op, db, change->id, ACCOUNT_DEACTIVATED));
		TRY(cancel_orders(op, db, change->id));
	}
	return ledger_audit(op, tx, &event, NULL);
}

/* Sections 7.3.2 and 7.3.6: contact and status may be changed, status only to "deactivated". */
static result parse_change(struct op *op, const struct acme_request *request, struct account_change *out)
{
	AUTO(json_t) *payload = NULL;
	const json_t *contacts;
	const char *status;

	TRY(acme_request_payload(op, request, &payload));
	TRY(json_maybe_array(op, payload, "contact", &contacts));
	TRY(json_maybe_text(op, payload, "status", &status));
	if (contacts != NULL)
		TRY(contacts_parse(op, contacts, &out->contact));
	if (status != NULL && !text_equal(status, "deactivated") && !text_equal(status, "valid"))
		return FAIL(op, ERR_MALFORMED, "the status of an account can only be changed to \"deactivated\"");
	out->deactivate = text_equal(status, "deactivated");
	return OK;
}

result acme_account(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	const char *id;

	TRY(acme_request_id(op, call, &id));
	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(acme_request_need_owner(op, &request, id, request.settings->name));
	if (request.payload.n > 0) {
		struct account_change change = { .id = id };
		TRY(parse_change(op, &request, &change));
		if (change.contact != NULL || change.deactivate)
			TRY(ledger_run(op, request.authority->ledger, change_account, &change));
		if (change.contact != NULL)
			request.account.contact = change.contact;
		if (change.deactivate)
			request.account.status = ACCOUNT_DEACTIVATED;
	}
	reply_account(op, &request, 200, &request.account, reply);
	return OK;
}

/* "cursor=ID", which our own Link header gave; anything else is the first page. */
static const char *cursor_of(struct op *op, const struct call *call)
{
	static const char name[] = "cursor=";

	if (!bytes_has_prefix(call->query, name))
		return NULL;
	return arena_text_n(op->arena, (const char *)call->query.p + sizeof name - 1, call->query.n - (sizeof name - 1));
}

/* Section 7.1.2.1 (A14). */
result acme_account_orders(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	const char *id;
	const char **orders;
	unsigned n;
	struct json_writer w;

	TRY(acme_request_id(op, call, &id));
	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(acme_request_need_owner(op, &request, id, request.settings->name));
	TRY(acme_request_need_empty(op, &request));
	STORE_LEASE(lease);
	TRY(store_read(op, request.authority->store, &lease));
	TRY(order_list(op, lease.db, id, cursor_of(op, call), ORDERS_PER_PAGE + 1, &orders, &n));

	unsigned shown = n > ORDERS_PER_PAGE ? ORDERS_PER_PAGE : n;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_array(&w, "orders");
	for (unsigned i = 0; i < shown; i++)
		json_write_text(&w, NULL, acme_url(op, &request, "order", orders[i]));
	json_write_array_end(&w);
	json_write_object_end(&w);
	acme_reply_json(op, call, 200, json_write_done(&w), reply);
	if (n > shown)
		acme_reply_link(op, reply,
				arena_printf(op->arena, "%s/orders?cursor=%s", acme_url(op, &request, "account", id),
					     orders[shown - 1]),
				"next");
	return OK;
}
