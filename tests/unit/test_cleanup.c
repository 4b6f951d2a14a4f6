/* Clean-up of ACME rows (F21): what goes, what stays, in which steps, and by several at once. */
#include "tests/unit/orders_fixture.h"

static int64_t count(struct place *place, const char *table)
{
	return place_number(place, place->db, arena_printf(place->op->arena, "SELECT COUNT(*) FROM %s", table));
}

static void expiry_spares_what_is_being_signed(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct order order;
	struct acme_authorization authorization;
	put_account(place, "acct1");
	put_authorization(place, "z1", 50);
	put_authorization(place, "z2", 50);
	put_authorization(place, "z3", 51);
	assert_ok(op, authorization_move(op, place->db, "z2", AUTHORIZATION_PENDING, AUTHORIZATION_VALID, 0));
	put_order(place, "o1", "acct1", 1, 50, "z1");
	put_order(place, "o2", "acct1", 1, 50, "z1");
	put_order(place, "o3", "acct1", 1, 50, "z1");
	put_order(place, "o4", "acct1", 1, 51, "z1");
	assert_ok(op, order_move(op, place->db, "o2", ORDER_PENDING, ORDER_READY));
	assert_ok(op, order_move(op, place->db, "o3", ORDER_PENDING, ORDER_PROCESSING));
	assert_int_equal(clean_up(place, CLEANUP_OPEN_ORDERS, 50, 1), 2);
	assert_int_equal(clean_up(place, CLEANUP_OPEN_AUTHORIZATIONS, 50, 10), 2);
	assert_int_equal(clean_up(place, CLEANUP_OPEN_ORDERS, 50, 1), 0);
	static const enum order_status orders[] = { ORDER_INVALID, ORDER_INVALID, ORDER_PROCESSING, ORDER_PENDING };
	for (unsigned i = 0; i < 4; i++) {
		assert_ok(op, order_load(op, place->db, arena_printf(op->arena, "o%u", i + 1), &order));
		assert_int_equal(order.status, orders[i]);
	}
	static const enum authorization_status states[] = { AUTHORIZATION_INVALID, AUTHORIZATION_EXPIRED,
							    AUTHORIZATION_PENDING };
	for (unsigned i = 0; i < 3; i++) {
		assert_ok(op, authorization_load(op, place->db, arena_printf(op->arena, "z%u", i + 1), &authorization));
		assert_int_equal(authorization.status, states[i]);
	}
}

/* A finished order with its certificate, one that is still being signed, and what hangs on them. */
static void put_life(struct place *place)
{
	struct op *op = place->op;
	static const char *const orders[] = { "o1", "o2" };
	put_account(place, "acct1");
	for (unsigned i = 0; i < 2; i++) {
		const char *authorization = i == 0 ? "z1" : "z2";
		put_authorization(place, authorization, 40);
		put_challenge(place, i == 0 ? "c1" : "c2", authorization);
		assert_ok(op, authorization_move(op, place->db, authorization, AUTHORIZATION_PENDING, AUTHORIZATION_VALID, 60));
		put_order(place, orders[i], "acct1", 1, 50, authorization);
		assert_ok(op, order_move(op, place->db, orders[i], ORDER_PENDING, ORDER_PROCESSING));
	}
	put_certificate(place, "0a");
	place_script(place, "INSERT INTO revocation (serial, ca, revoked_s, reason, not_after_s) VALUES ('0a', 'issuing', 1, 0, 2)");
	assert_ok(op, order_finish(op, place->db, "o1", "0a"));
}

static void what_ended_goes_and_the_rest_stays(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct order order;
	struct challenge challenge;
	struct acme_authorization authorization;
	put_life(place);
	assert_int_equal(clean_up(place, CLEANUP_ENDED_ORDERS, 49, 10), 0); /* not yet */
	assert_int_equal(clean_up(place, CLEANUP_ENDED_ORDERS, 50, 10), 2);  /* o1 and its link */
	assert_err(op, ERR_NOT_FOUND, order_load(op, place->db, "o1", &order));
	assert_ok(op, order_load(op, place->db, "o2", &order));
	assert_int_equal(order.n_authorizations, 1);
	assert_int_equal(clean_up(place, CLEANUP_ENDED_AUTHORIZATIONS, 99, 10), 0); /* they are valid: a right to revoke */
	assert_int_equal(clean_up(place, CLEANUP_OPEN_AUTHORIZATIONS, 60, 10), 2);
	assert_int_equal(clean_up(place, CLEANUP_ENDED_AUTHORIZATIONS, 59, 10), 0);
	assert_int_equal(clean_up(place, CLEANUP_ENDED_AUTHORIZATIONS, 60, 10), 2); /* z1, c1 */
	assert_err(op, ERR_NOT_FOUND, authorization_load(op, place->db, "z1", &authorization));
	assert_err(op, ERR_NOT_FOUND, challenge_load(op, place->db, "c1", &challenge));
	assert_ok(op, challenge_load(op, place->db, "c2", &challenge)); /* an order that stays has it */
	assert_int_equal(count(place, "certificate"), 1);
	assert_int_equal(count(place, "revocation"), 1);
	assert_int_equal(count(place, "acme_account"), 1);
}

/* An authorization goes with the last of the orders that have it. */
static void shared_authorizations_wait(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	put_account(place, "acct1");
	put_authorization(place, "z1", 10);
	put_order(place, "o1", "acct1", 1, 10, "z1");
	put_order(place, "o2", "acct1", 1, 20, "z1");
	assert_ok(op, order_fail(op, place->db, "o1", "{}"));
	assert_ok(op, order_fail(op, place->db, "o2", "{}"));
	assert_ok(op, authorization_move(op, place->db, "z1", AUTHORIZATION_PENDING, AUTHORIZATION_INVALID, 0));
	assert_int_equal(clean_up(place, CLEANUP_ENDED_ORDERS, 10, 10), 2);
	assert_int_equal(clean_up(place, CLEANUP_ENDED_AUTHORIZATIONS, 10, 10), 0);
	assert_int_equal(clean_up(place, CLEANUP_ENDED_ORDERS, 20, 10), 2);
	assert_int_equal(clean_up(place, CLEANUP_ENDED_AUTHORIZATIONS, 10, 10), 1);
	assert_int_equal(count(place, "order_authorization"), 0);
}

/* No more changes in a step than asked for, but one object at least, however much hangs on it. */
static void steps_are_small(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct cleanup_window window = { .n_rows = 0 };
	static const char *const many[] = { "z0", "z1", "z2", "z3", "z4", "z5" };
	put_account(place, "acct1");
	for (unsigned i = 0; i < 6; i++)
		put_authorization(place, many[i], 100);
	for (unsigned i = 0; i < 6; i++) {
		struct order order = { .id = arena_printf(op->arena, "o%u", i), .account = "acct1", .endpoint = "tls",
				       .profile = "tls", .status = ORDER_INVALID, .identifiers = IDENTIFIERS,
				       .authorizations = many, .n_authorizations = i == 2 ? 6 : 1, .expires_s = 5 };
		assert_ok(op, order_insert(op, place->db, &order));
	}
	static const unsigned expected[] = { 4, 7, 4, 2 }; /* o0 o1, o2 alone, o3 o4, o5 */
	for (unsigned i = 0; i < 4; i++) {
		struct cleanup_place after = window.last;
		assert_ok(op, cleanup_find(op, place->db, CLEANUP_ENDED_ORDERS, 5, &after, 5, &window));
		assert_int_equal(window.n_rows, expected[i]);
		assert_int_equal(window.is_end, i == 3);
	}
	assert_string_equal(window.last.id, "o5");
	assert_int_equal(count(place, "acme_order"), 6); /* looking changes nothing */
	assert_int_equal(clean_up(place, CLEANUP_ENDED_ORDERS, 5, 5), 17);
}

/* What a window shows is asked again when it is applied: another node was there, or an object went on with its life. */
static void several_at_once_do_no_harm(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct cleanup_window first, second, open;
	struct acme_authorization authorization;
	uint64_t changes;
	put_life(place);
	put_authorization(place, "z3", 40);
	assert_ok(op, cleanup_find(op, place->db, CLEANUP_ENDED_ORDERS, 50, &(struct cleanup_place){ 0 }, 10, &first));
	second = first;
	assert_ok(op, cleanup_apply(op, place->db, CLEANUP_ENDED_ORDERS, &first, &changes));
	assert_int_equal(changes, 2);
	assert_ok(op, cleanup_apply(op, place->db, CLEANUP_ENDED_ORDERS, &second, &changes));
	assert_int_equal(changes, 0);
	assert_ok(op, cleanup_find(op, place->db, CLEANUP_OPEN_AUTHORIZATIONS, 45, &(struct cleanup_place){ 0 }, 10, &open));
	assert_int_equal(open.n_rows, 1);
	assert_ok(op, authorization_move(op, place->db, "z3", AUTHORIZATION_PENDING, AUTHORIZATION_VALID, 90));
	assert_ok(op, cleanup_apply(op, place->db, CLEANUP_OPEN_AUTHORIZATIONS, &open, &changes));
	assert_int_equal(changes, 0);
	assert_ok(op, authorization_load(op, place->db, "z3", &authorization));
	assert_int_equal(authorization.status, AUTHORIZATION_VALID);
}

/* splitmix64: repeatable from the seed. */
static unsigned draw(uint64_t *lot, unsigned n)
{
	uint64_t z = *lot += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((z ^ (z >> 31)) % n);
}

#define OBJECTS 60

struct crowd {
	bool order_goes[OBJECTS], authorization_goes[OBJECTS];
};

/* Orders and authorizations in all states, of few different seconds, each order with up to three of the authorizations. */
static void put_crowd(struct place *place, struct crowd *crowd, uint64_t *lot, int64_t before_s)
{
	struct op *op = place->op;
	put_account(place, "acct1");
	for (unsigned i = 0; i < OBJECTS; i++) {
		const char *id = arena_printf(op->arena, "z%u", i);
		int64_t expires_s = 1 + draw(lot, 6);
		put_authorization(place, id, expires_s);
		put_challenge(place, arena_printf(op->arena, "c%u", i), id);
		enum authorization_status status = (enum authorization_status)draw(lot, 6);
		assert_ok(op, authorization_move(op, place->db, id, AUTHORIZATION_PENDING, status, 0));
		crowd->authorization_goes[i] = status > AUTHORIZATION_VALID && expires_s <= before_s;
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		const char *authorizations[3];
		struct order order = { .id = arena_printf(op->arena, "o%u", i), .account = "acct1", .endpoint = "tls",
				       .profile = "tls", .status = (enum order_status)draw(lot, 5), .identifiers = IDENTIFIERS,
				       .authorizations = authorizations, .n_authorizations = draw(lot, 4),
				       .expires_s = 1 + draw(lot, 6) };
		crowd->order_goes[i] = order.status >= ORDER_VALID && order.expires_s <= before_s;
		for (unsigned j = 0; j < order.n_authorizations; j++) {
			unsigned which = draw(lot, OBJECTS);
			authorizations[j] = arena_printf(op->arena, "z%u", which);
			crowd->authorization_goes[which] &= crowd->order_goes[i];
		}
		assert_ok(op, order_insert(op, place->db, &order));
	}
}

static void a_crowd_is_cleaned_as_the_model_says(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	const char *given = getenv("CHANCERY_TEST_SEED");
	uint64_t lot = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)clock_now_ns();
	print_message("# CHANCERY_TEST_SEED=%llu\n", (unsigned long long)lot);
	static struct crowd crowd;
	const int64_t before_s = 4;
	assert_ok(op, db_begin(op, place->db));
	put_crowd(place, &crowd, &lot, before_s);
	clean_up(place, CLEANUP_ENDED_ORDERS, before_s, 1 + draw(&lot, 9));
	clean_up(place, CLEANUP_ENDED_AUTHORIZATIONS, before_s, 1 + draw(&lot, 9));
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct order order;
		struct acme_authorization authorization;
		struct challenge challenge;
		bool has_order = order_load(op, place->db, arena_printf(op->arena, "o%u", i), &order).err == ERR_NONE;
		bool has_authorization =
			authorization_load(op, place->db, arena_printf(op->arena, "z%u", i), &authorization).err == ERR_NONE;
		bool has_challenge = challenge_load(op, place->db, arena_printf(op->arena, "c%u", i), &challenge).err == ERR_NONE;
		op_clear_failure(op);
		assert_int_equal(has_order, !crowd.order_goes[i]);
		assert_int_equal(has_authorization, !crowd.authorization_goes[i]);
		assert_int_equal(has_challenge, has_authorization);
	}
	assert_ok(op, db_commit(op, place->db));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(expiry_spares_what_is_being_signed),
		STORE_TEST(what_ended_goes_and_the_rest_stays),
		STORE_TEST(shared_authorizations_wait),
		STORE_TEST(steps_are_small),
		STORE_TEST(several_at_once_do_no_harm),
		STORE_TEST(a_crowd_is_cleaned_as_the_model_says),
	};
	return RUN_TESTS(tests);
}
