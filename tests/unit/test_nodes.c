/* Nodes: their epochs, the fencing that ends one, signs of life, and the intents that those who are gone left. */
#include "store/nodes.h"

#include "store/certificates.h"
#include "store/ledger.h"
#include "tests/unit/store_fixture.h"

static struct ledger *open_ledger(struct place *place, const char *node)
{
	struct ledger *ledger = NULL;
	assert_ok(place->op, ledger_open(place->op, place->store, node, &ledger));
	return ledger;
}

static result append(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct audit_event event = { .type = AUDIT_ORDER_CREATED, .order = arg };
	return ledger_audit(op, tx, &event, NULL);
}

static result write_once(struct place *place, struct ledger *ledger)
{
	return ledger_run(place->op, ledger, append, NULL);
}

static int64_t entries(struct place *place)
{
	return place_number(place, place->db, "SELECT COUNT(*) FROM audit_entry");
}

static void assert_fenced(struct ledger *ledger, bool is_fenced)
{
	struct ledger_state state;
	ledger_read_state(ledger, &state);
	assert_int_equal(state.is_fenced, is_fenced);
}

/* F16: the process that was paused finds its place taken, and writes nothing. */
static void a_stale_epoch_writes_nothing(void **state)
{
	struct place *place = *state;
	struct ledger *paused = open_ledger(place, "node-1");
	assert_ok(place->op, ledger_take_epoch(place->op, paused));
	assert_ok(place->op, write_once(place, paused));
	struct ledger *other = open_ledger(place, "node-2");
	assert_ok(place->op, ledger_take_epoch(place->op, other));
	struct ledger *heir = open_ledger(place, "node-1");
	assert_ok(place->op, ledger_take_epoch(place->op, heir));
	result r = write_once(place, paused);
	assert_int_equal(r.err, ERR_BUSY);
	assert_non_null(strstr(place->op->detail, "another process has taken the place of node node-1"));
	op_clear_failure(place->op);
	assert_err(place->op, ERR_BUSY, ledger_seen(place->op, paused));
	assert_fenced(paused, true);
	assert_int_equal(entries(place), 1);
	assert_ok(place->op, write_once(place, heir));
	assert_ok(place->op, write_once(place, other));
	assert_fenced(heir, false);
	assert_ok(place->op, ledger_take_epoch(place->op, paused)); /* as a new start does */
	assert_fenced(paused, false);
	assert_ok(place->op, write_once(place, paused));
	assert_err(place->op, ERR_BUSY, write_once(place, heir));
	assert_int_equal(entries(place), 4);
	ledger_free(&paused);
	ledger_free(&other);
	ledger_free(&heir);
}

/* Commands beside the server take no epoch: neither are they refused, nor do they end the server's. */
static void commands_take_none(void **state)
{
	struct place *place = *state;
	struct ledger *server = open_ledger(place, "node-1");
	assert_ok(place->op, ledger_take_epoch(place->op, server));
	struct ledger *command = open_ledger(place, "node-1");
	assert_ok(place->op, write_once(place, command));
	assert_ok(place->op, write_once(place, server));
	ledger_free(&command);
	ledger_free(&server);
}

static void signs_of_life_are_left(void **state)
{
	static const char seen[] = "SELECT seen_s FROM node WHERE name = 'node-1'";
	struct place *place = *state;
	clock_fix(1000000);
	struct ledger *ledger = open_ledger(place, "node-1");
	assert_ok(place->op, ledger_take_epoch(place->op, ledger));
	assert_int_equal(place_number(place, place->db, seen), 1000000);
	assert_ok(place->op, write_once(place, ledger));
	clock_fix(1000002);
	assert_ok(place->op, write_once(place, ledger));
	assert_int_equal(place_number(place, place->db, seen), 1000000); /* not with each batch */
	clock_fix(1000007);
	assert_ok(place->op, write_once(place, ledger));
	assert_int_equal(place_number(place, place->db, seen), 1000007);
	clock_fix(1000020);
	assert_ok(place->op, ledger_seen(place->op, ledger));
	assert_int_equal(place_number(place, place->db, seen), 1000020);
	clock_fix(900000); /* F14: a clock that went back still leaves signs */
	assert_ok(place->op, ledger_seen(place->op, ledger));
	assert_int_equal(place_number(place, place->db, seen), 900000);
	ledger_free(&ledger);
}

static void insert_intent(struct place *place, const char *serial, const char *node, int64_t intended_s)
{
	static const uint8_t hash[SHA256_SIZE];
	const struct certificate intent = { .serial = serial, .ca = "issuing", .profile = "p", .door = "acme", .subject = "",
					    .names = "[]", .spki_hash = BYTES_ARRAY(hash), .tbs = BYTES_LITERAL("tbs"),
					    .requester = "system", .node = node, .not_before_s = 1, .not_after_s = 2,
					    .intended_s = intended_s };
	assert_ok(place->op, certificate_intend(place->op, place->db, &intent));
}

/* I4: what a dead node left is found by the others, and what a live one is working on is not. */
static void intents_of_absent_nodes_are_found(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct certificate *list;
	uint64_t epoch;
	unsigned n;
	assert_ok(op, node_start(op, place->db, "dead", 1000, &epoch));
	assert_ok(op, node_start(op, place->db, "alive", 2000, &epoch));
	insert_intent(place, "0a", "dead", 900);
	insert_intent(place, "0b", "alive", 900);
	insert_intent(place, "0c", "never-seen", 901);
	insert_intent(place, "0d", "dead", 1990); /* too young to be in doubt */
	insert_intent(place, "0e", "dead", 902);
	assert_ok(op, certificate_issue(op, place->db, "0e", BYTES_LITERAL("x"), 903));
	assert_ok(op, certificate_list_in_doubt_of_absent(op, place->db, 1900, 1880, 10, &list, &n));
	assert_int_equal(n, 2);
	assert_string_equal(list[0].serial, "0a");
	assert_string_equal(list[1].serial, "0c");
	assert_ok(op, certificate_list_in_doubt_of_absent(op, place->db, 1900, 1880, 1, &list, &n));
	assert_int_equal(n, 1);
	assert_ok(op, certificate_list_in_doubt_of_absent(op, place->db, 1000, 1880, 10, &list, &n));
	assert_int_equal(n, 1); /* seen in that very second */
}

/* F16: who recovers a node's intents ends its epoch first; one that was seen is left alone. */
static void fencing_ends_the_epoch(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	clock_fix(1000);
	struct ledger *ledger = open_ledger(place, "node-1");
	assert_ok(op, ledger_take_epoch(op, ledger));
	assert_err(op, ERR_CONFLICT, node_fence(op, place->db, "node-1", 1000));
	assert_ok(op, write_once(place, ledger));
	assert_ok(op, node_fence(op, place->db, "node-1", 1001));
	assert_err(op, ERR_BUSY, write_once(place, ledger));
	assert_fenced(ledger, true);
	assert_ok(op, node_fence(op, place->db, "never-started", 1001));
	ledger_free(&ledger);
	struct node_row *nodes;
	unsigned n;
	assert_ok(op, node_list(op, place->db, &nodes, &n));
	assert_int_equal(n, 1);
	assert_string_equal(nodes[0].name, "node-1");
	assert_int_equal(nodes[0].epoch, 2);
	assert_int_equal(nodes[0].seen_s, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_stale_epoch_writes_nothing),
		STORE_TEST(commands_take_none),
		STORE_TEST(signs_of_life_are_left),
		STORE_TEST(intents_of_absent_nodes_are_found),
		STORE_TEST(fencing_ends_the_epoch),
	};
	return RUN_TESTS(tests);
}
