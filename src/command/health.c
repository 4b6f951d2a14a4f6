/*
 * /healthz: the process answers. /readyz: it can do its work; what cannot be
 * done is named, so that a person reading the probe knows where to look.
 */
#include "command/server_role.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/authorities.h"

static bool serve_health(struct op *op, const struct call *call, struct reply *reply, struct fast_pin *pin)
{
	(void)call;
	(void)pin;
	reply_text(op, reply, 200, "ok\n");
	return true;
}

static void check(struct json_writer *w, bool *is_ready, const char *name, bool is_good, const char *otherwise)
{
	json_write_text(w, name, is_good ? "ok" : otherwise);
	*is_ready = *is_ready && is_good;
}

/* So long without a look at the log, revocations of other nodes are missed that clients count on (I5). */
#define BEHIND_MAX_MS 10000

static const char *crl_trouble(struct op *op, struct authority *a)
{
	STORE_LEASE(lease);
	if (store_read(op, a->store, &lease).err != ERR_NONE)
		return "the store cannot be reached; it is looked for, and see the log for store events";
	for (unsigned i = 0; i < a->hierarchy->n; i++) {
		struct crl_row crl;
		if (crl_load_latest_times(op, lease.db, a->hierarchy->cas[i].name, &crl).err != ERR_NONE)
			return "a CA has no CRL; try: chancery crl publish";
		if (crl.next_update_s < clock_now_s())
			return "a CRL is past its nextUpdate; try: chancery crl publish, and see the log for crl events";
	}
	return NULL;
}

/* F3, F4: what stands in the way of writing, and of promising that it stays written. */
static void check_store(struct op *op, struct authority *a, struct json_writer *w, bool *is_ready)
{
	struct ledger_state ledger;
	const char *trouble = crl_trouble(op, a);
	check(w, is_ready, "store_and_crls", trouble == NULL, trouble);
	ledger_read_state(a->ledger, &ledger);
	check(w, is_ready, "store_writes", !ledger.is_away, "the store cannot be written just now; see the log for store events");
	check(w, is_ready, "store_failover", store_may_promise(op, a->store).err == ERR_NONE, op->detail);
	op_clear_failure(op);
}

static result serve_ready(struct op *op, const struct call *call, struct reply *reply)
{
	const struct server *server = call->endpoint;
	struct authority *a = server->authority;
	bool is_ready = true;
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	check(&w, &is_ready, "token", token_is_up(a->token), "no signer is running; see the log for signer events");
	check(&w, &is_ready, "courier", courier_is_up(a->courier), "the courier is not running; validation waits");
	check_store(op, a, &w, &is_ready);
	if (server->follower != NULL)
		check(&w, &is_ready, "other_nodes", follower_behind_ms(server->follower) <= BEHIND_MAX_MS,
		      "revocations by other nodes are not known here; see the log for follow events");
	json_write_bool(&w, "ready", is_ready);
	json_write_object_end(&w);
	reply->status = is_ready ? 200 : 503;
	reply->content_type = "application/json";
	reply->body = json_write_done(&w);
	reply_header(reply, "Cache-Control", "no-store");
	return OK;
}

void health_routes_add(struct server *server)
{
	const unsigned everywhere = ON_HTTP | ON_TLS | ON_LOCAL;
	const struct route health = { .pattern = "/healthz",
				      .listeners = everywhere,
				      .get = true,
				      .head = true,
				      .lane = LANE_READ,
				      .fast = serve_health };
	const struct route ready = { .pattern = "/readyz",
				     .listeners = everywhere,
				     .get = true,
				     .head = true,
				     .lane = LANE_READ,
				     .handler = serve_ready,
				     .endpoint = server };
	routes_add(server->routes, &health);
	routes_add(server->routes, &ready);
}
