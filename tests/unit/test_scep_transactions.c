/* Rows of SCEP transactions, and challenges as they are counted, over the store (SP5, SP12, F21). */
#include "store/credentials.h"
#include "store/enrollments.h"
#include "store/scep_transactions.h"

#include "tests/unit/store_fixture.h"

#define NOW 1700000000
#define DAY 86400

static const uint8_t one[32] = { 1 }, two[32] = { 2 };

static struct scep_transaction sample(const char *id, const uint8_t *signer)
{
	return (struct scep_transaction){ .endpoint = "default", .transaction_id = id, .signer_hash = { signer, 32 },
					  .csr_hash = BYTES_ARRAY(one), .subject = BYTES_LITERAL("\x30\x00"),
					  .enrollment_id = id, .created_s = NOW };
}

static void put(struct place *place, const struct scep_transaction *t)
{
	assert_ok(place->op, scep_transaction_put(place->op, place->db, t));
}

static void enroll(struct place *place, const char *id, enum enrollment_status status, int64_t changed_s)
{
	uint8_t hash[32] = { 0 };
	memcpy(hash, id, strlen(id));
	struct enrollment e = { .id = id, .door = "scep", .endpoint = "default", .profile = "mobile", .requester = "x",
				.csr_hash = BYTES_ARRAY(hash), .csr = BYTES_LITERAL("csr"), .names = "[]", .status = status,
				.created_s = changed_s, .expires_s = changed_s + 7 * DAY };
	assert_ok(place->op, enrollment_insert(place->op, place->db, &e));
}

/* SP5: the same identifier of two signers, or at two endpoints, is two transactions. */
static void known_by_endpoint_identifier_and_signer(void **state)
{
	struct place *place = *state;
	struct scep_transaction first = sample("t", one), second = sample("t", two), other = sample("t", one), found;
	second.enrollment_id = "second";
	other.endpoint = "other";
	put(place, &first);
	assert_err(place->op, ERR_NOT_FOUND, scep_transaction_load(place->op, place->db, &second, &found));
	assert_err(place->op, ERR_NOT_FOUND, scep_transaction_load(place->op, place->db, &other, &found));
	put(place, &second);
	assert_ok(place->op, scep_transaction_load(place->op, place->db, &first, &found));
	assert_string_equal(found.enrollment_id, "t");
	assert_true(bytes_equal(found.csr_hash, first.csr_hash) && bytes_equal(found.subject, first.subject));
	assert_int_equal(found.created_s, NOW);
	assert_ok(place->op, scep_transaction_load(place->op, place->db, &second, &found));
	assert_string_equal(found.enrollment_id, "second");
}

/* After a rejection the next request takes its place. */
static void a_new_request_takes_the_place(void **state)
{
	struct place *place = *state;
	struct scep_transaction first = sample("t", one), next = sample("t", one), found;
	next.csr_hash = (struct bytes)BYTES_ARRAY(two);
	next.enrollment_id = "next";
	next.created_s = NOW + 1;
	put(place, &first);
	put(place, &next);
	assert_ok(place->op, scep_transaction_load(place->op, place->db, &first, &found));
	assert_string_equal(found.enrollment_id, "next");
	assert_true(bytes_equal(found.csr_hash, next.csr_hash));
	assert_int_equal(found.created_s, NOW + 1);
}

static bool is_there(struct place *place, const char *id)
{
	struct scep_transaction key = sample(id, one), found;
	bool is = scep_transaction_load(place->op, place->db, &key, &found).err == ERR_NONE;
	op_clear_failure(place->op);
	return is;
}

/* SP12: for a day after the end, and as long as somebody may decide. */
static void what_ended_long_ago_goes(void **state)
{
	struct place *place = *state;
	static const char *const ids[] = { "gone", "rejected", "lately", "waits", "expired" };
	unsigned n;
	for (unsigned i = 0; i < 5; i++) {
		struct scep_transaction t = sample(ids[i], one);
		put(place, &t);
	}
	enroll(place, "rejected", ENROLLMENT_REJECTED, NOW);
	enroll(place, "lately", ENROLLMENT_REJECTED, NOW + 2 * DAY);
	enroll(place, "waits", ENROLLMENT_PENDING, NOW);
	enroll(place, "expired", ENROLLMENT_READY, NOW - 7 * DAY);
	assert_ok(place->op, scep_transaction_clean(place->op, place->db, NOW, 10, &n));
	assert_int_equal(n, 0); /* none is older */
	assert_ok(place->op, scep_transaction_clean(place->op, place->db, NOW + DAY, 2, &n));
	assert_int_equal(n, 2); /* a part at a time */
	assert_ok(place->op, scep_transaction_clean(place->op, place->db, NOW + DAY, 2, &n));
	assert_int_equal(n, 1);
	assert_false(is_there(place, "gone") || is_there(place, "rejected") || is_there(place, "expired"));
	assert_true(is_there(place, "lately") && is_there(place, "waits"));
}

/* F21: what one maker has out, and nobody has used. */
static void open_challenges_are_counted(void **state)
{
	struct place *place = *state;
	unsigned n;
	for (uint8_t i = 0; i < 4; i++) {
		const uint8_t hash[32] = { i };
		const struct one_time_token token = { .hash = BYTES_ARRAY(hash), .door = "scep", .endpoint = "default",
						      .names = "[\"cn:a\"]", .are_patterns = i == 1,
						      .made_by = i == 3 ? "scep-user:other" : "scep-user:mdm", .created_s = NOW,
						      .expires_s = NOW + 60 + i };
		struct one_time_token found;
		assert_ok(place->op, one_time_token_insert(place->op, place->db, &token));
		assert_ok(place->op, one_time_token_load(place->op, place->db, token.hash, &found));
		assert_int_equal(found.are_patterns, i == 1);
	}
	assert_ok(place->op, one_time_token_count(place->op, place->db, "scep-user:mdm", NOW, &n));
	assert_int_equal(n, 3);
	const uint8_t first[32] = { 0 };
	assert_ok(place->op, one_time_token_spend(place->op, place->db, (struct bytes)BYTES_ARRAY(first), "e", NOW));
	assert_ok(place->op, one_time_token_count(place->op, place->db, "scep-user:mdm", NOW, &n));
	assert_int_equal(n, 2);
	assert_ok(place->op, one_time_token_count(place->op, place->db, "scep-user:mdm", NOW + 61, &n));
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(known_by_endpoint_identifier_and_signer),
		STORE_TEST(a_new_request_takes_the_place),
		STORE_TEST(what_ended_long_ago_goes),
		STORE_TEST(open_challenges_are_counted),
	};
	return RUN_TESTS(tests);
}
