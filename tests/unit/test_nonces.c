/* Rows of nonces: what is spent stays spent for as long as its key is there. J8, F22. */
#include "store/nonces.h"
#include "tests/unit/store_fixture.h"

#define NOW 1800000000

static struct nonce_key make_key(uint8_t n, int64_t created_s)
{
	struct nonce_key key = { .created_s = created_s };
	memset(key.id, n, sizeof key.id);
	memset(key.secret, 0x80 + n, sizeof key.secret);
	return key;
}

static void add_key(struct place *place, uint8_t n, int64_t created_s)
{
	struct nonce_key key = make_key(n, created_s);
	assert_ok(place->op, nonce_key_insert(place->op, place->db, &key));
}

static bool spend(struct place *place, uint8_t key, uint8_t n)
{
	struct nonce_key of = make_key(key, 0);
	uint8_t nonce[20];
	bool is_mine;
	memset(nonce, n, sizeof nonce);
	memcpy(nonce, of.id, sizeof of.id);
	assert_ok(place->op, nonce_spend(place->op, place->db, of.id, (struct bytes)BYTES_ARRAY(nonce), &is_mine));
	return is_mine;
}

static unsigned clean(struct place *place, int64_t now_s, unsigned limit)
{
	unsigned n;
	assert_ok(place->op, nonce_clean(place->op, place->db, now_s, limit, &n));
	return n;
}

static void keys_are_listed_newest_first(void **state)
{
	struct place *place = *state;
	struct nonce_key keys[2], expected = make_key(3, NOW + 2), same = make_key(3, NOW + 9);
	unsigned n;
	assert_ok(place->op, nonce_key_list(place->op, place->db, keys, 2, &n));
	assert_int_equal(n, 0);
	add_key(place, 1, NOW + 1);
	add_key(place, 3, NOW + 2);
	add_key(place, 2, NOW);
	assert_ok(place->op, nonce_key_list(place->op, place->db, keys, 2, &n));
	assert_int_equal(n, 2);
	assert_memory_equal(keys[0].id, expected.id, sizeof expected.id);
	assert_memory_equal(keys[0].secret, expected.secret, sizeof expected.secret);
	assert_int_equal(keys[0].created_s, NOW + 2);
	assert_int_equal(keys[1].id[0], 1);
	assert_err(place->op, ERR_CONFLICT, nonce_key_insert(place->op, place->db, &same));
}

static void a_nonce_is_spent_once(void **state)
{
	struct place *place = *state;
	add_key(place, 1, NOW);
	add_key(place, 2, NOW);
	assert_true(spend(place, 1, 7));
	assert_false(spend(place, 1, 7));
	assert_true(spend(place, 2, 7));
	assert_true(spend(place, 1, 8));
	assert_false(spend(place, 3, 7)); /* no such key */
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM acme_nonce"), 3);
}

/* After a crash of PostgreSQL both tables are empty: what was spent is not good again. */
static void without_its_key_nothing_can_be_spent(void **state)
{
	struct place *place = *state;
	add_key(place, 1, NOW);
	assert_true(spend(place, 1, 7));
	place_script(place, "DELETE FROM acme_nonce; DELETE FROM acme_nonce_key");
	assert_false(spend(place, 1, 7));
	assert_false(spend(place, 1, 8));
	add_key(place, 2, NOW);
	assert_true(spend(place, 2, 7));
}

/* F22 */
static void nonces_are_removed_after_their_key(void **state)
{
	struct place *place = *state;
	add_key(place, 1, NOW);
	add_key(place, 2, NOW + 100);
	for (uint8_t i = 0; i < 5; i++)
		assert_true(spend(place, 1, i));
	assert_true(spend(place, 2, 0));
	assert_int_equal(clean(place, NOW + NONCE_KEY_LIFE_S - 1, 10), 0);
	assert_int_equal(clean(place, NOW + NONCE_KEY_LIFE_S, 10), 1);
	assert_false(spend(place, 1, 0)); /* the key is gone, and its nonces are still known */
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM acme_nonce"), 6);
	assert_int_equal(clean(place, NOW + NONCE_KEY_LIFE_S, 3), 3);
	assert_int_equal(clean(place, NOW + NONCE_KEY_LIFE_S, 3), 2);
	assert_int_equal(clean(place, NOW + NONCE_KEY_LIFE_S, 3), 0);
	assert_false(spend(place, 2, 0));
	assert_true(spend(place, 2, 1));
}

/* F14: whatever a clock says, a nonce goes not before its key. */
static void a_wrong_clock_forgets_nothing_early(void **state)
{
	struct place *place = *state;
	add_key(place, 1, NOW);
	assert_true(spend(place, 1, 7));
	assert_int_equal(clean(place, NOW + 1000000, 10), 1);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM acme_nonce_key"), 0);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM acme_nonce"), 1);
	assert_false(spend(place, 1, 7));
	assert_int_equal(clean(place, NOW + 1000000, 10), 1);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM acme_nonce"), 0);
}

/* By the connection that it is meant for: no transaction, and others see it at once. */
static void single_statements_stand_alone(void **state)
{
	struct place *place = *state;
	struct nonce_key key = make_key(1, NOW);
	STORE_LEASE(lease);
	STORE_LEASE(second);
	assert_ok(place->op, store_single(place->op, place->store, &lease));
	assert_false(db_in_transaction(lease.db));
	assert_ok(place->op, nonce_key_insert(place->op, lease.db, &key));
	assert_ok(place->op, store_single(place->op, place->store, &second));
	assert_true(second.db != lease.db);
	assert_int_equal(place_number(place, second.db, "SELECT COUNT(*) FROM acme_nonce_key"), 1);
	assert_true(spend(place, 1, 7));
	struct db *kept = lease.db;
	store_release(&lease);
	assert_ok(place->op, store_single(place->op, place->store, &lease));
	assert_ptr_equal(lease.db, kept);
	assert_int_equal(store_is_shared(place->store), test_store_is_postgresql());
}

/* F3: a connection that ended at rest is made anew before anybody has to notice. */
static void an_ended_connection_is_made_anew(void **state)
{
	struct place *place = *state;
	STORE_LEASE(lease);
	if (!test_store_is_postgresql())
		skip();
	assert_ok(place->op, store_single(place->op, place->store, &lease));
	int64_t pid = place_number(place, lease.db, "SELECT pg_backend_pid()");
	store_release(&lease);
	const char *end = arena_printf(place->op->arena, "SELECT CAST(pg_terminate_backend(%lld, 60000) AS INT)", (long long)pid);
	assert_int_equal(place_number(place, place->db, end), 1);
	assert_ok(place->op, store_single(place->op, place->store, &lease));
	assert_true(place_number(place, lease.db, "SELECT pg_backend_pid()") != pid);
}

/* F5: one that ends in the middle says so; what came of the statement is asked by the next one. */
static void a_lost_answer_is_not_good(void **state)
{
	struct place *place = *state;
	struct nonce_key key = make_key(1, NOW);
	uint8_t nonce[20] = { 0 };
	bool is_mine = false;
	STORE_LEASE(lease);
	if (!test_store_is_postgresql())
		skip();
	add_key(place, 1, NOW);
	place_script(place, "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS"
			    " $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END$$;"
			    "CREATE TRIGGER trap BEFORE INSERT ON acme_nonce FOR EACH ROW EXECUTE FUNCTION trap()");
	assert_ok(place->op, store_single(place->op, place->store, &lease));
	assert_err(place->op, ERR_BUSY,
		   nonce_spend(place->op, lease.db, key.id, (struct bytes)BYTES_ARRAY(nonce), &is_mine));
	assert_false(is_mine);
	store_release(&lease);
	place_script(place, "DROP TRIGGER trap ON acme_nonce");
	assert_ok(place->op, store_single(place->op, place->store, &lease));
	assert_ok(place->op, nonce_spend(place->op, lease.db, key.id, (struct bytes)BYTES_ARRAY(nonce), &is_mine));
	assert_true(is_mine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(keys_are_listed_newest_first),
		STORE_TEST(a_nonce_is_spent_once),
		STORE_TEST(without_its_key_nothing_can_be_spent),
		STORE_TEST(nonces_are_removed_after_their_key),
		STORE_TEST(a_wrong_clock_forgets_nothing_early),
		STORE_TEST(single_statements_stand_alone),
		STORE_TEST(an_ended_connection_is_made_anew),
		STORE_TEST(a_lost_answer_is_not_good),
	};
	return RUN_TESTS(tests);
}
