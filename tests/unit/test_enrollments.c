/* Rows of enrollments, users and one-time tokens over the store (E8, E14, E17, S1). */
#include "store/claims.h"
#include "store/credentials.h"
#include "store/enrollments.h"

#include "tests/unit/store_fixture.h"

#define NOW 1700000000

static const uint8_t some_hash[32] = { 1 }, other_hash[32] = { 2 };

static struct enrollment sample(const char *id)
{
	return (struct enrollment){
		.id = id, .door = "est", .endpoint = "default", .profile = "device", .requester = "est-user:alice",
		.csr_hash = BYTES_ARRAY(some_hash), .csr = BYTES_LITERAL("csr"),
		.names = "[{\"type\":\"cn\",\"value\":\"dev-1\"}]", .status = ENROLLMENT_PENDING, .created_s = NOW,
		.expires_s = NOW + 100, .profile_hash = "abc",
	};
}

static void insert(struct place *place, const struct enrollment *e)
{
	assert_ok(place->op, enrollment_insert(place->op, place->db, e));
}

static void insert_certificate(struct place *place, const char *serial)
{
	assert_ok(place->op, DB_RUN(place->op, place->db,
				    "INSERT INTO certificate (serial, ca, profile, door, status, subject, names, spki_hash, requester,"
				    " claim_kind, node, not_before_s, not_after_s, intended_s, tbs)"
				    " VALUES ($1, 'issuing', 'device', 'est', 'issued', '', '[]', $2, 'x', 'none', 'n', 1, 2, 1, $2)",
				    NULL, NULL, NULL, DB_STR(serial), DB_BLOB((struct bytes)BYTES_ARRAY(some_hash))));
}

static void comes_back_as_it_was(void **state)
{
	struct place *place = *state;
	struct enrollment e = sample("r1"), found;
	insert(place, &e);
	assert_ok(place->op, enrollment_load(place->op, place->db, "r1", &found));
	assert_string_equal(found.requester, e.requester);
	assert_string_equal(found.names, e.names);
	assert_true(bytes_equal(found.csr, e.csr) && bytes_equal(found.csr_hash, e.csr_hash));
	assert_int_equal(found.status, ENROLLMENT_PENDING);
	assert_int_equal(found.changed_s, NOW);
	assert_null(found.serial);
	assert_string_equal(found.profile_hash, e.profile_hash);
	assert_err(place->op, ERR_NOT_FOUND, enrollment_load(place->op, place->db, "r2", &found));
}

/* E8: the same CSR finds the same request, another requester or CSR does not. */
static void the_same_request_is_one(void **state)
{
	struct place *place = *state;
	struct enrollment e = sample("r1"), again = sample("r2"), found;
	insert(place, &e);
	assert_err(place->op, ERR_CONFLICT, enrollment_insert(place->op, place->db, &again));
	assert_ok(place->op, enrollment_find(place->op, place->db, &again, NOW, NOW, &found));
	assert_string_equal(found.id, "r1");
	again.requester = "est-user:bob";
	assert_err(place->op, ERR_NOT_FOUND, enrollment_find(place->op, place->db, &again, NOW, 0, &found));
	insert(place, &again);
	again = sample("r3");
	again.csr_hash = (struct bytes)BYTES_ARRAY(other_hash);
	insert(place, &again);
	again = sample("r4");
	again.endpoint = "other";
	insert(place, &again);
}

static void an_expired_one_makes_room(void **state)
{
	struct place *place = *state;
	struct enrollment e = sample("r1"), later = sample("r2"), found;
	insert(place, &e);
	later.created_s = NOW + 100;
	later.expires_s = NOW + 200;
	assert_err(place->op, ERR_NOT_FOUND, enrollment_find(place->op, place->db, &later, NOW + 100, NOW + 100, &found));
	insert(place, &later);
	assert_ok(place->op, enrollment_load(place->op, place->db, "r1", &found));
	assert_int_equal(found.status, ENROLLMENT_REJECTED);
	assert_err(place->op, ERR_CONFLICT, enrollment_decide(place->op, place->db, "r2", true, "uid:0", NULL, NOW + 200));
}

static void the_way_to_a_certificate(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct enrollment e = sample("r1"), found;
	insert_certificate(place, "0a");
	insert(place, &e);
	assert_err(op, ERR_CONFLICT, claim_take(op, place->db, CLAIM_ENROLLMENT, "r1"));
	assert_ok(op, enrollment_decide(op, place->db, "r1", true, "uid:0", NULL, NOW + 1));
	assert_err(op, ERR_CONFLICT, enrollment_decide(op, place->db, "r1", false, "uid:1", "no", NOW + 1));
	assert_ok(op, claim_take(op, place->db, CLAIM_ENROLLMENT, "r1"));
	assert_err(op, ERR_CONFLICT, claim_take(op, place->db, CLAIM_ENROLLMENT, "r1")); /* I7 */
	assert_ok(op, claim_release(op, place->db, CLAIM_ENROLLMENT, "r1"));
	assert_ok(op, claim_take(op, place->db, CLAIM_ENROLLMENT, "r1"));
	assert_ok(op, claim_finish(op, place->db, CLAIM_ENROLLMENT, "r1", "0a"));
	assert_err(op, ERR_CONFLICT, claim_finish(op, place->db, CLAIM_ENROLLMENT, "r1", "0a"));
	assert_ok(op, enrollment_load(op, place->db, "r1", &found));
	assert_int_equal(found.status, ENROLLMENT_ISSUED);
	assert_string_equal(found.serial, "0a");
	assert_string_equal(found.decided_by, "uid:0");
	assert_int_equal(found.csr.n, 0);
}

/* E14: a repeat finds the finished one for a while, and then a new one may begin. */
static void a_finished_one_is_found_for_a_while(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct enrollment e = sample("r1"), again = sample("r2"), found;
	insert(place, &e);
	assert_ok(op, enrollment_decide(op, place->db, "r1", false, "uid:0", "who are you?", NOW + 10));
	assert_ok(op, enrollment_find(op, place->db, &e, NOW + 20, NOW + 10, &found));
	assert_int_equal(found.status, ENROLLMENT_REJECTED);
	assert_string_equal(found.reason, "who are you?");
	assert_err(op, ERR_NOT_FOUND, enrollment_find(op, place->db, &e, NOW + 20, NOW + 11, &found));
	insert(place, &again);
	assert_ok(op, enrollment_find(op, place->db, &e, NOW + 20, NOW + 11, &found));
	assert_string_equal(found.id, "r2");
}

static void lists_page_by_key(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct enrollment *list;
	unsigned n;
	for (unsigned i = 0; i < 5; i++) {
		struct enrollment e = sample(arena_printf(op->arena, "r%u", 9 - i));
		e.requester = e.id;
		e.created_s = NOW + i / 2;
		insert(place, &e);
	}
	assert_ok(op, enrollment_decide(op, place->db, "r8", false, "uid:0", NULL, NOW + 1));
	assert_ok(op, enrollment_list(op, place->db, false, NULL, 2, &list, &n));
	assert_int_equal(n, 2);
	assert_string_equal(list[0].id, "r8");
	assert_string_equal(list[1].id, "r9");
	assert_ok(op, enrollment_list(op, place->db, false, "r9", 9, &list, &n));
	assert_int_equal(n, 3);
	assert_string_equal(list[0].id, "r6");
	assert_ok(op, enrollment_list(op, place->db, true, NULL, 9, &list, &n));
	assert_int_equal(n, 4);
}

/* The label's, and those of one requester among them: what has expired, was decided or is elsewhere does not wait. */
static void what_waits_is_counted(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	static const char *const requesters[] = { "est-user:alice", "est-user:alice", "est-user:bob", "est-user:alice", "est-user:alice" };
	unsigned of_all, of_requester;
	for (unsigned i = 0; i < 5; i++) {
		struct enrollment e = sample(arena_printf(op->arena, "r%u", i));
		uint8_t hash[32] = { (uint8_t)(10 + i) };
		e.csr_hash = (struct bytes)BYTES_ARRAY(hash);
		e.requester = requesters[i];
		e.expires_s = NOW + 100 + (i == 0);
		e.endpoint = i == 3 ? "other" : "default";
		insert(place, &e);
	}
	assert_ok(op, enrollment_decide(op, place->db, "r4", true, "uid:0", NULL, NOW + 1));
	struct enrollment key = sample("any");
	assert_ok(op, enrollment_count_pending(op, place->db, &key, NOW, &of_all, &of_requester));
	assert_int_equal(of_all, 3);
	assert_int_equal(of_requester, 2);
	assert_ok(op, enrollment_count_pending(op, place->db, &key, NOW + 100, &of_all, &of_requester));
	assert_int_equal(of_all, 1);
	assert_int_equal(of_requester, 1);
}

static void what_is_over_goes_in_steps(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	unsigned n;
	for (unsigned i = 0; i < 6; i++) {
		struct enrollment e = sample(arena_printf(op->arena, "r%u", i));
		e.requester = e.id;
		insert(place, &e);
		if (i < 3)
			assert_ok(op, enrollment_decide(op, place->db, e.id, false, "uid:0", NULL, NOW + 1));
	}
	assert_ok(op, enrollment_clean(op, place->db, NOW + 1, 2, &n));
	assert_int_equal(n, 0);
	assert_ok(op, enrollment_clean(op, place->db, NOW + 2, 2, &n));
	assert_int_equal(n, 2);
	assert_ok(op, enrollment_clean(op, place->db, NOW + 101, 10, &n));
	assert_int_equal(n, 4);
}

static struct user alice(void)
{
	return (struct user){ .name = "alice", .door = "est", .endpoint = "default", .verifier = "scrypt$…", .names = "[\"cn:alice\"]",
			      .is_enabled = true, .created_s = NOW };
}

static void users_come_back(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct user user = alice(), found, *list;
	unsigned n;
	assert_ok(op, user_insert(op, place->db, &user));
	assert_err(op, ERR_CONFLICT, user_insert(op, place->db, &user));
	assert_ok(op, user_load(op, place->db, "est", "alice", &found));
	assert_string_equal(found.verifier, user.verifier);
	assert_int_equal(found.digest_ha1.n, 0);
	assert_true(found.is_enabled && !found.is_registrar);
	assert_err(op, ERR_NOT_FOUND, user_load(op, place->db, "est", "Alice", &found));
	assert_ok(op, user_set_enabled(op, place->db, "est", "alice", false));
	assert_ok(op, user_set_verifier(op, place->db, "est", "alice", "scrypt$2", (struct bytes)BYTES_ARRAY(some_hash)));
	assert_ok(op, user_load(op, place->db, "est", "alice", &found));
	assert_false(found.is_enabled);
	assert_int_equal(found.digest_ha1.n, 32);
	assert_ok(op, user_list(op, place->db, "est", &list, &n));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].verifier, "");
}

/* E17: the third failure in a row locks; a success in between begins a new count. */
static void failures_lock(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct user user = alice(), found;
	bool is_locked;
	assert_ok(op, user_insert(op, place->db, &user));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 2; i++) {
			assert_ok(op, user_note_failure(op, place->db, "est", "alice", 3, NOW + 900, &is_locked));
			assert_false(is_locked);
		}
		if (round == 0)
			assert_ok(op, user_note_success(op, place->db, "est", "alice"));
	}
	assert_ok(op, user_note_failure(op, place->db, "est", "alice", 3, NOW + 900, &is_locked));
	assert_true(is_locked);
	assert_ok(op, user_load(op, place->db, "est", "alice", &found));
	assert_int_equal(found.locked_until_s, NOW + 900);
	assert_int_equal(found.failures, 0);
}

/* S1: a token is good once, and not after its time. */
static void a_token_is_spent_once(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct one_time_token token = { .hash = BYTES_ARRAY(some_hash), .door = "est", .endpoint = "default",
					.names = "[\"cn:dev-1\"]", .made_by = "uid:0", .created_s = NOW, .expires_s = NOW + 10 };
	struct one_time_token found, *list;
	unsigned n;
	assert_ok(op, one_time_token_insert(op, place->db, &token));
	token.hash = (struct bytes)BYTES_ARRAY(other_hash);
	assert_ok(op, one_time_token_insert(op, place->db, &token));
	assert_err(op, ERR_CONFLICT, one_time_token_spend(op, place->db, BYTES_ARRAY(some_hash), "r1", NOW + 10));
	assert_ok(op, one_time_token_spend(op, place->db, BYTES_ARRAY(some_hash), "r1", NOW + 9));
	assert_err(op, ERR_CONFLICT, one_time_token_spend(op, place->db, BYTES_ARRAY(some_hash), "r2", NOW + 9));
	assert_ok(op, one_time_token_load(op, place->db, BYTES_ARRAY(some_hash), &found));
	assert_string_equal(found.used_for, "r1");
	assert_ok(op, one_time_token_list(op, place->db, "est", &list, &n));
	assert_int_equal(n, 1);
	assert_ok(op, one_time_token_clean(op, place->db, NOW + 11, 9, &n));
	assert_int_equal(n, 2);
	assert_err(op, ERR_NOT_FOUND, one_time_token_load(op, place->db, BYTES_ARRAY(some_hash), &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(comes_back_as_it_was),
		STORE_TEST(the_same_request_is_one),
		STORE_TEST(an_expired_one_makes_room),
		STORE_TEST(the_way_to_a_certificate),
		STORE_TEST(a_finished_one_is_found_for_a_while),
		STORE_TEST(lists_page_by_key),
		STORE_TEST(what_waits_is_counted),
		STORE_TEST(what_is_over_goes_in_steps),
		STORE_TEST(users_come_back),
		STORE_TEST(failures_lock),
		STORE_TEST(a_token_is_spent_once),
	};
	return RUN_TESTS(tests);
}
