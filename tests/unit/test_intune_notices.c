/* Rows of the outbox to Microsoft Intune over the store (IN3, IN4). */
#include "store/intune_notices.h"

#include "tests/unit/store_fixture.h"

#define NOW 1700000000

static const uint8_t some_hash[32] = { 1 };

static struct intune_notice sample(const char *id, const char *enrollment_id)
{
	return (struct intune_notice){ .id = id,
				       .endpoint = "devices",
				       .kind = enrollment_id != NULL ? NOTICE_OUTCOME : NOTICE_REFUSAL,
				       .enrollment_id = enrollment_id,
				       .transaction_id = "tx-1",
				       .csr = BYTES_LITERAL("csr"),
				       .code = 2,
				       .detail = "why",
				       .due_s = NOW,
				       .created_s = NOW };
}

static void insert(struct place *place, const struct intune_notice *notice)
{
	assert_ok(place->op, intune_notice_insert(place->op, place->db, notice));
}

static void enroll(struct place *place, const char *id, enum enrollment_status status)
{
	const struct enrollment e = { .id = id, .door = "scep", .endpoint = "devices", .profile = "device", .requester = id,
				      .csr_hash = BYTES_ARRAY(some_hash), .csr = BYTES_LITERAL("csr"), .names = "[]",
				      .status = status, .created_s = NOW, .expires_s = NOW + 100, .profile_hash = "abc" };
	assert_ok(place->op, enrollment_insert(place->op, place->db, &e));
}

static unsigned list(struct place *place, int64_t now_s, struct intune_notice **out)
{
	unsigned n = 0;
	assert_ok(place->op, intune_notice_list_due(place->op, place->db, "devices", now_s, 10, out, &n));
	return n;
}

static void comes_back_as_it_was(void **state)
{
	struct place *place = *state;
	struct intune_notice notice = sample("a", NULL), *found;
	insert(place, &notice);
	assert_err(place->op, ERR_CONFLICT, intune_notice_insert(place->op, place->db, &notice));
	assert_int_equal(list(place, NOW - 1, &found), 0);
	assert_int_equal(list(place, NOW, &found), 1);
	assert_string_equal(found->id, "a");
	assert_int_equal(found->kind, NOTICE_REFUSAL);
	assert_string_equal(found->transaction_id, "tx-1");
	assert_true(bytes_equal(found->csr, notice.csr));
	assert_int_equal(found->code, 2);
	assert_string_equal(found->detail, "why");
	assert_int_equal(found->attempts, 0);
	assert_null(found->enrollment_id);
}

/* An outcome waits until there is one. */
static void an_outcome_is_due_when_its_enrollment_has_ended(void **state)
{
	struct place *place = *state;
	struct intune_notice notice = sample("a", "r1"), *found;
	enroll(place, "r1", ENROLLMENT_PENDING);
	insert(place, &notice);
	assert_int_equal(list(place, NOW, &found), 0);
	assert_int_equal(list(place, NOW + 100, &found), 0);
	assert_int_equal(list(place, NOW + 100 + 600, &found), 1); /* expired, and no signature is under way */
	assert_int_equal(found->status, ENROLLMENT_PENDING);
	assert_ok(place->op, enrollment_decide(place->op, place->db, "r1", false, "operator", "not ours", NOW));
	assert_int_equal(list(place, NOW, &found), 1);
	assert_int_equal(found->status, ENROLLMENT_REJECTED);
	assert_string_equal(found->reason, "not ours");
}

static void one_that_is_being_issued_is_waited_for(void **state)
{
	struct place *place = *state;
	struct intune_notice notice = sample("a", "r1"), *found;
	enroll(place, "r1", ENROLLMENT_READY);
	insert(place, &notice);
	assert_ok(place->op, enrollment_move(place->op, place->db, "r1", ENROLLMENT_READY, ENROLLMENT_PROCESSING, NOW));
	assert_int_equal(list(place, NOW + 100000, &found), 0);
}

/* Of all nodes one gets it, and gives it back by time. */
static void is_claimed_once(void **state)
{
	struct place *place = *state;
	struct intune_notice notice = sample("a", NULL), *found, *later;
	insert(place, &notice);
	assert_int_equal(list(place, NOW, &found), 1);
	assert_ok(place->op, intune_notice_claim(place->op, place->db, found, NOW + 600));
	assert_err(place->op, ERR_CONFLICT, intune_notice_claim(place->op, place->db, found, NOW + 600));
	assert_int_equal(list(place, NOW + 599, &later), 0);
	assert_int_equal(list(place, NOW + 600, &later), 1);
	assert_int_equal(later->attempts, 1);
	assert_ok(place->op, intune_notice_put_off(place->op, place->db, "a", NOW + 30, false));
	assert_int_equal(list(place, NOW + 30, &later), 1);
	assert_int_equal(later->attempts, 1);
	assert_ok(place->op, intune_notice_put_off(place->op, place->db, "a", NOW + 30, true));
	assert_int_equal(list(place, NOW + 30, &later), 1);
	assert_int_equal(later->attempts, 0);
	assert_ok(place->op, intune_notice_remove(place->op, place->db, "a"));
	assert_int_equal(list(place, NOW + 600, &later), 0);
}

static void the_longest_due_comes_first(void **state)
{
	struct place *place = *state;
	struct intune_notice late = sample("a", NULL), early = sample("b", NULL), other = sample("c", NULL), *found;
	early.due_s = NOW - 5;
	other.endpoint = "others";
	insert(place, &late);
	insert(place, &early);
	insert(place, &other);
	assert_int_equal(list(place, NOW, &found), 2);
	assert_string_equal(found[0].id, "b");
	assert_string_equal(found[1].id, "a");
}

static void there_is_one_download_for_each_endpoint(void **state)
{
	struct place *place = *state;
	struct intune_notice *found;
	for (unsigned i = 0; i < 2; i++)
		assert_ok(place->op, intune_notice_want_download(place->op, place->db, "devices", NOW + i));
	assert_ok(place->op, intune_notice_want_download(place->op, place->db, "others", NOW));
	assert_int_equal(list(place, NOW + 1, &found), 1);
	assert_int_equal(found->kind, NOTICE_DOWNLOAD);
	assert_int_equal(found->due_s, NOW);
}

/* IN3: the enrollment stays for as long as somebody has to hear of it. */
static void keeps_its_enrollment(void **state)
{
	struct place *place = *state;
	struct intune_notice notice = sample("a", "r1");
	unsigned n;
	enroll(place, "r1", ENROLLMENT_PENDING);
	insert(place, &notice);
	assert_ok(place->op, enrollment_clean(place->op, place->db, NOW + 1000, 10, &n));
	assert_int_equal(n, 0);
	assert_ok(place->op, intune_notice_remove(place->op, place->db, "a"));
	assert_ok(place->op, enrollment_clean(place->op, place->db, NOW + 1000, 10, &n));
	assert_int_equal(n, 1);
}

static void what_nobody_serves_is_cleaned_up(void **state)
{
	struct place *place = *state;
	struct intune_notice notice = sample("a", NULL), *found;
	unsigned n;
	insert(place, &notice);
	assert_ok(place->op, intune_notice_clean(place->op, place->db, NOW, &n));
	assert_int_equal(n, 0);
	assert_ok(place->op, intune_notice_clean(place->op, place->db, NOW + 1, &n));
	assert_int_equal(n, 1);
	assert_int_equal(list(place, NOW, &found), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(comes_back_as_it_was),
		STORE_TEST(an_outcome_is_due_when_its_enrollment_has_ended),
		STORE_TEST(one_that_is_being_issued_is_waited_for),
		STORE_TEST(is_claimed_once),
		STORE_TEST(the_longest_due_comes_first),
		STORE_TEST(there_is_one_download_for_each_endpoint),
		STORE_TEST(keeps_its_enrollment),
		STORE_TEST(what_nobody_serves_is_cleaned_up),
	};
	return RUN_TESTS(tests);
}
