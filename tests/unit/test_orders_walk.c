/*
 * A random walk of the moves of orders, authorizations and challenges against a
 * model that is as simple as can be. The seed is printed; $CHANCERY_TEST_SEED
 * repeats a walk.
 */
#include "tests/unit/orders_fixture.h"

#define OBJECTS 6 /* of each kind; order i has authorization i, and that has challenge i */
#define STEPS 4000

struct model {
	struct {
		enum order_status status;
		int64_t expires_s;
		unsigned serial; /* 0: none */
	} orders[OBJECTS];
	struct {
		enum authorization_status status;
		int64_t expires_s;
	} authorizations[OBJECTS];
	struct {
		enum challenge_status status;
		int64_t due_s, validated_s;
		unsigned attempts;
	} challenges[OBJECTS];
	int64_t now_s;
	uint64_t lot;
};

struct walk {
	struct place *place;
	struct op *op;
	struct db *db;
	struct model m;
	unsigned i;  /* the object of this step */
	char id[16]; /* its id, with the letter of its kind */
};

/* splitmix64: repeatable from the seed. */
static unsigned draw(struct walk *walk, unsigned n)
{
	uint64_t z = walk->m.lot += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (unsigned)((z ^ (z >> 31)) % n);
}

static const char *id_of(struct walk *walk, char kind)
{
	(void)snprintf(walk->id, sizeof(walk->id), "%c%u", kind, walk->i);
	return walk->id;
}

/* The call's outcome has to be the model's. */
static void expect(struct walk *walk, bool may, result r, const char *what)
{
	enum err expected = may ? ERR_NONE : ERR_CONFLICT;
	if (r.err != expected)
		fail_msg("%s %s: %s instead of %s: %s", what, walk->id, err_name(r.err), err_name(expected),
			 walk->op->detail);
	op_clear_failure(walk->op);
}

static bool is_open(enum order_status status)
{
	return status == ORDER_PENDING || status == ORDER_READY || status == ORDER_PROCESSING;
}

static void step_order_move(struct walk *walk)
{
	enum order_status *status = &walk->m.orders[walk->i].status;
	enum order_status from = (enum order_status)draw(walk, 3), to = (enum order_status)draw(walk, 3);
	bool may = *status == from;
	expect(walk, may, order_move(walk->op, walk->db, id_of(walk, 'o'), from, to), "order_move");
	if (may)
		*status = to;
}

static void step_order_finish(struct walk *walk)
{
	bool may = walk->m.orders[walk->i].status == ORDER_PROCESSING;
	unsigned serial = 1 + draw(walk, 3);
	char text[8];
	(void)snprintf(text, sizeof(text), "0%u", serial);
	expect(walk, may, order_finish(walk->op, walk->db, id_of(walk, 'o'), text), "order_finish");
	if (may) {
		walk->m.orders[walk->i].status = ORDER_VALID;
		walk->m.orders[walk->i].serial = serial;
	}
}

static void step_order_fail(struct walk *walk)
{
	bool may = is_open(walk->m.orders[walk->i].status);
	expect(walk, may, order_fail(walk->op, walk->db, id_of(walk, 'o'), "{}"), "order_fail");
	if (may)
		walk->m.orders[walk->i].status = ORDER_INVALID;
}

static void step_authorization_move(struct walk *walk)
{
	enum authorization_status *status = &walk->m.authorizations[walk->i].status;
	enum authorization_status from = (enum authorization_status)draw(walk, 3);
	enum authorization_status to = (enum authorization_status)draw(walk, 6);
	int64_t expires_s = draw(walk, 2) == 0 ? 0 : walk->m.now_s + 50;
	bool may = *status == from;
	expect(walk, may, authorization_move(walk->op, walk->db, id_of(walk, 'z'), from, to, expires_s), "authorization_move");
	if (!may)
		return;
	*status = to;
	if (expires_s != 0)
		walk->m.authorizations[walk->i].expires_s = expires_s;
}

static void step_respond(struct walk *walk)
{
	bool may = walk->m.challenges[walk->i].status == CHALLENGE_PENDING;
	int64_t due_s = walk->m.now_s + draw(walk, 5);
	expect(walk, may, challenge_respond(walk->op, walk->db, id_of(walk, 'c'), "thumb", due_s), "challenge_respond");
	if (may) {
		walk->m.challenges[walk->i].status = CHALLENGE_PROCESSING;
		walk->m.challenges[walk->i].due_s = due_s;
	}
}

static void step_claim(struct walk *walk)
{
	bool may = walk->m.challenges[walk->i].status == CHALLENGE_PROCESSING &&
		   walk->m.challenges[walk->i].due_s <= walk->m.now_s;
	expect(walk, may, challenge_claim(walk->op, walk->db, id_of(walk, 'c'), walk->m.now_s, 7), "challenge_claim");
	if (may) {
		walk->m.challenges[walk->i].due_s = walk->m.now_s + 7;
		walk->m.challenges[walk->i].attempts++;
	}
}

static void step_retry(struct walk *walk)
{
	bool may = walk->m.challenges[walk->i].status == CHALLENGE_PROCESSING;
	int64_t due_s = walk->m.now_s + draw(walk, 9);
	expect(walk, may, challenge_retry(walk->op, walk->db, id_of(walk, 'c'), due_s, "{}"), "challenge_retry");
	if (may)
		walk->m.challenges[walk->i].due_s = due_s;
}

static void step_challenge_finish(struct walk *walk)
{
	bool may = walk->m.challenges[walk->i].status == CHALLENGE_PROCESSING;
	enum challenge_status to = draw(walk, 2) == 0 ? CHALLENGE_VALID : CHALLENGE_INVALID;
	expect(walk, may, challenge_finish(walk->op, walk->db, id_of(walk, 'c'), to, walk->m.now_s, NULL),
	       "challenge_finish");
	if (may) {
		walk->m.challenges[walk->i].status = to;
		walk->m.challenges[walk->i].validated_s = to == CHALLENGE_VALID ? walk->m.now_s : 0;
	}
}

static void step_expire(struct walk *walk)
{
	unsigned expected = 0;
	uint64_t n = clean_up(walk->place, CLEANUP_OPEN_ORDERS, walk->m.now_s, 2) +
		     clean_up(walk->place, CLEANUP_OPEN_AUTHORIZATIONS, walk->m.now_s, 2);
	for (unsigned i = 0; i < OBJECTS; i++) {
		enum order_status *order = &walk->m.orders[i].status;
		if ((*order == ORDER_PENDING || *order == ORDER_READY) && walk->m.orders[i].expires_s <= walk->m.now_s) {
			*order = ORDER_INVALID;
			expected++;
		}
		enum authorization_status *authorization = &walk->m.authorizations[i].status;
		if (walk->m.authorizations[i].expires_s > walk->m.now_s)
			continue;
		if (*authorization == AUTHORIZATION_PENDING || *authorization == AUTHORIZATION_VALID) {
			*authorization = *authorization == AUTHORIZATION_PENDING ? AUTHORIZATION_INVALID :
										   AUTHORIZATION_EXPIRED;
			expected++;
		}
	}
	assert_int_equal(n, expected);
}

static void compare_objects(struct walk *walk)
{
	struct order order;
	struct acme_authorization authorization;
	struct challenge challenge;
	unsigned i = walk->i;
	assert_ok(walk->op, order_load(walk->op, walk->db, id_of(walk, 'o'), &order));
	assert_int_equal(order.status, walk->m.orders[i].status);
	assert_int_equal(order.serial == NULL ? '0' : order.serial[1], '0' + (int)walk->m.orders[i].serial);
	assert_ok(walk->op, authorization_load(walk->op, walk->db, id_of(walk, 'z'), &authorization));
	assert_int_equal(authorization.status, walk->m.authorizations[i].status);
	assert_int_equal(authorization.expires_s, walk->m.authorizations[i].expires_s);
	assert_ok(walk->op, challenge_load(walk->op, walk->db, id_of(walk, 'c'), &challenge));
	assert_int_equal(challenge.status, walk->m.challenges[i].status);
	assert_int_equal(challenge.attempts, walk->m.challenges[i].attempts);
	assert_int_equal(challenge.validated_s, walk->m.challenges[i].validated_s);
}

static void compare_lists(struct walk *walk)
{
	unsigned n, open = 0, listed = 0, due = 0;
	struct challenge *challenges;
	const char **ids;
	for (unsigned i = 0; i < OBJECTS; i++) {
		open += is_open(walk->m.orders[i].status) && walk->m.orders[i].expires_s > walk->m.now_s;
		listed += walk->m.orders[i].status != ORDER_INVALID;
		due += walk->m.challenges[i].status == CHALLENGE_PROCESSING && walk->m.challenges[i].due_s <= walk->m.now_s;
	}
	assert_ok(walk->op, order_count_open(walk->op, walk->db, "acct1", walk->m.now_s, &n));
	assert_int_equal(n, open);
	assert_ok(walk->op, order_list(walk->op, walk->db, "acct1", NULL, 100, &ids, &n));
	assert_int_equal(n, listed);
	assert_ok(walk->op, challenge_list_due(walk->op, walk->db, walk->m.now_s, 100, &challenges, &n));
	assert_int_equal(n, due);
	for (unsigned i = 1; i < n; i++)
		assert_true(challenges[i - 1].due_s <= challenges[i].due_s);
	assert_ok(walk->op, order_list_by_authorization(walk->op, walk->db, id_of(walk, 'z'), &ids, &n));
	assert_int_equal(n, is_open(walk->m.orders[walk->i].status));
}

/* New objects under the old ids: the walk would end in final states otherwise. */
static void refresh(struct walk *walk)
{
	static const char *const resets[] = {
		"UPDATE acme_order SET status = 'pending', serial = NULL, expires_s = $2 WHERE id = $1",
		"UPDATE acme_authorization SET status = 'pending', expires_s = $2 WHERE id = $1",
		"UPDATE acme_challenge SET status = 'pending', attempts = 0, validated_s = 0, due_s = 0 WHERE id = $1",
	};
	int64_t expires_s = walk->m.now_s + 20 + draw(walk, 60);
	for (size_t k = 0; k < 3; k++)
		assert_ok(walk->op, DB_RUN(walk->op, walk->db, resets[k], NULL, NULL, NULL, DB_STR(id_of(walk, "ozc"[k])),
					   DB_INT(expires_s)));
	unsigned i = walk->i;
	walk->m.orders[i].status = ORDER_PENDING;
	walk->m.orders[i].expires_s = expires_s;
	walk->m.orders[i].serial = 0;
	walk->m.authorizations[i].status = AUTHORIZATION_PENDING;
	walk->m.authorizations[i].expires_s = expires_s;
	walk->m.challenges[i].status = CHALLENGE_PENDING;
	walk->m.challenges[i].attempts = 0;
	walk->m.challenges[i].due_s = 0;
	walk->m.challenges[i].validated_s = 0;
}

static void put_objects(struct walk *walk)
{
	char authorization[16];
	put_account(walk->place, "acct1");
	put_certificate(walk->place, "01");
	put_certificate(walk->place, "02");
	put_certificate(walk->place, "03");
	for (walk->i = 0; walk->i < OBJECTS; walk->i++) {
		(void)snprintf(authorization, sizeof(authorization), "z%u", walk->i);
		put_authorization(walk->place, authorization, 0);
		put_challenge(walk->place, id_of(walk, 'c'), authorization);
		put_order(walk->place, id_of(walk, 'o'), "acct1", walk->i, 0, authorization);
		refresh(walk);
	}
}

static void store_agrees_with_model(void **state)
{
	static void (*const steps[])(struct walk *) = {
		step_order_move, step_order_move, step_order_finish, step_order_fail, step_authorization_move, step_respond,
		step_claim, step_claim, step_retry, step_challenge_finish, step_expire, refresh,
	};
	struct place *place = *state;
	struct walk walk = { .place = place, .op = place->op, .db = place->db };
	walk.m.now_s = 1000;
	walk.m.lot = test_seed();
	assert_ok(place->op, db_begin(place->op, place->db));
	put_objects(&walk);
	for (unsigned step = 0; step < STEPS; step++) {
		walk.i = draw(&walk, OBJECTS);
		walk.m.now_s += draw(&walk, 3);
		steps[draw(&walk, sizeof(steps) / sizeof(steps[0]))](&walk);
		compare_objects(&walk);
		compare_lists(&walk);
	}
	assert_ok(place->op, db_commit(place->op, place->db));
}

int main(void)
{
	const struct CMUnitTest tests[] = { STORE_TEST(store_agrees_with_model) };
	return RUN_TESTS(tests);
}
