/*
 * ca/follow.c: two nodes on one store, one of which learns from the log what the
 * other one did. Reading is wrapped, so that the store can be away.
 */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <openssl/ocsp.h>
#include <semaphore.h>

#include "base/clock.h"
#include "ca/crl.h"
#include "ca/follow.h"
#include "ca/ocsp.h"
#include "ca/published.h"
#include "ca/revoke.h"
#include "tests/unit/ocsp_client.h"

#define DAY_S INT64_C(86400)

static struct fake_authority *house;
static struct authority *a, *b; /* a does things, b follows */
static struct fake_node *node;
static struct follower *follower;
static int64_t start_s;
static unsigned reads_to_go; /* so many reads succeed, then none; 0: all of them */
static sem_t poked;

result __real_store_read(struct op *op, struct store *store, struct store_lease *out);
result __wrap_store_read(struct op *op, struct store *store, struct store_lease *out);

result __wrap_store_read(struct op *op, struct store *store, struct store_lease *out)
{
	if (reads_to_go == 1)
		return FAIL(op, ERR_BUSY, "away, as the test wants");
	if (reads_to_go > 1)
		reads_to_go--;
	return __real_store_read(op, store, out);
}

static void poke(void *arg)
{
	sem_post(arg);
}

static unsigned pokes(void)
{
	int n;
	assert_int_equal(sem_getvalue(&poked, &n), 0);
	return (unsigned)n;
}

static int open_nodes(void **state)
{
	house = fake_authority_new();
	node = fake_node_open(house);
	a = house->authority;
	b = node->authority;
	assert_int_equal(sem_init(&poked, 0, 0), 0);
	b->crl_due = poke;
	b->crl_due_arg = &poked;
	assert_ok(house->op, ocsp_signers_open(house->op, b, &b->ocsp));
	assert_ok(house->op, follower_open(house->op, b, &follower));
	start_s = clock_now_s();
	return op_setup(state);
}

static int close_nodes(void **state)
{
	follower_free(&follower);
	reads_to_go = 0;
	fake_node_close(&node);
	fake_authority_free(&house);
	sem_destroy(&poked);
	return op_teardown(state);
}

#define NODES_TEST(function) cmocka_unit_test_setup_teardown(function, open_nodes, close_nodes)

static struct ocsp_question issued(void)
{
	const char *serial = fake_authority_certificate(house, house->issuing, CERTIFICATE_ISSUED, start_s + 90 * DAY_S);
	return (struct ocsp_question){ .ca = house->issuing, .serial = serial };
}

/* What b says of it now, V_OCSP_CERTSTATUS_…; it keeps the answer. */
static int status_at_b(struct op *op, const struct ocsp_question *question)
{
	struct ocsp_request request;
	struct ocsp_answer *answer;
	struct ocsp_verdict verdict;
	struct bytes der = ocsp_client_request(op, question, 1, 0);
	assert_int_equal(ocsp_request_parse(op, b->hierarchy, der, &request), OCSP_SUCCESSFUL);
	answer = ocsp_cached(b, &request);
	if (answer == NULL)
		assert_ok(op, ocsp_answer(op, b, &request, &answer));
	const char *wrong = ocsp_client_judge(house, der, answer->der, question, &verdict);
	if (wrong != NULL)
		fail_msg("%s", wrong);
	ocsp_answer_unpin(answer);
	return verdict.status;
}

static void revoke_at_a(struct op *op, const struct ocsp_question *question)
{
	struct revocation revocation;
	assert_ok(op, certificate_revoke(op, a, question->serial, REASON_KEY_COMPROMISE, true, &revocation));
}

static void look_to_the_end(struct op *op)
{
	bool is_at_end;
	assert_ok(op, follower_look(op, follower, &is_at_end));
	assert_true(is_at_end);
}

static uint64_t served_at_b(void)
{
	const struct published_object *object = published_pin(b->published, BYTES_LITERAL("/crl/issuing.crl"));
	uint64_t number = object != NULL ? object->number : 0;
	published_unpin((void *)(uintptr_t)object);
	return number;
}

static uint64_t publish_at(struct op *op, struct authority *authority)
{
	struct crl_row row;
	assert_ok(op, crl_publish(op, authority, hierarchy_find(authority->hierarchy, "issuing"), &row));
	return row.number;
}

static void test_forgets_what_another_revoked(void **state) /* I5, F26 */
{
	struct op *op = *state;
	const struct ocsp_question one = issued(), other = issued();
	assert_int_equal(status_at_b(op, &one), V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(status_at_b(op, &other), V_OCSP_CERTSTATUS_GOOD);
	look_to_the_end(op);
	assert_int_equal(pokes(), 0); /* an issuance is nobody's work */
	revoke_at_a(op, &one);
	assert_int_equal(status_at_b(op, &one), V_OCSP_CERTSTATUS_GOOD); /* kept: that is why it has to follow */
	look_to_the_end(op);
	assert_int_equal(status_at_b(op, &one), V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(status_at_b(op, &other), V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(pokes(), 1); /* should a die before its CRL */
	look_to_the_end(op);
	assert_int_equal(pokes(), 1);
}

static result revoke_unseen(struct op *op, struct ledger_tx *tx, void *serial)
{
	const struct revocation revocation = { serial, "issuing", start_s, REASON_SUPERSEDED, start_s + 90 * DAY_S };
	const struct audit_event event = { .type = AUDIT_REVOKED, .ca = "issuing", .serial = serial };
	TRY(revocation_insert(op, ledger_db(tx), &revocation));
	return ledger_audit(op, tx, &event, NULL);
}

/* What this node revoked is not news to its steward; OCSP forgets it once more, should the commit have got lost (F5). */
static void test_own_entries(void **state)
{
	struct op *op = *state;
	struct revocation revocation;
	const struct ocsp_question one = issued(), lost = issued();
	assert_ok(op, certificate_revoke(op, b, one.serial, REASON_SUPERSEDED, true, &revocation));
	assert_int_equal(status_at_b(op, &lost), V_OCSP_CERTSTATUS_GOOD);
	assert_ok(op, ledger_run(op, b->ledger, revoke_unseen, (char *)(uintptr_t)lost.serial));
	look_to_the_end(op);
	assert_int_equal(status_at_b(op, &lost), V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(pokes(), 0);
}

/* F26: a serial that b said it does not know is good at b as soon as a has issued it, with nothing to follow. */
static void test_unknown_is_not_kept(void **state)
{
	struct op *op = *state;
	const char *serial = fake_authority_certificate(house, house->issuing, CERTIFICATE_INTENDED, start_s + 90 * DAY_S);
	const struct ocsp_question question = { .ca = house->issuing, .serial = serial };
	assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_UNKNOWN);
	fake_authority_finish(house, serial);
	assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_GOOD);
}

static void test_publishes_what_another_signed(void **state) /* I6 */
{
	struct op *op = *state;
	uint64_t first = publish_at(op, a);
	assert_int_equal(served_at_b(), 0);
	look_to_the_end(op);
	assert_int_equal(served_at_b(), first);
	publish_at(op, a);
	uint64_t own = publish_at(op, b);
	look_to_the_end(op); /* news of an older one, and of its own */
	assert_int_equal(served_at_b(), own);
}

static void test_catches_up_when_the_store_is_back(void **state) /* F3, F25 */
{
	struct op *op = *state;
	bool is_at_end;
	const struct ocsp_question question = issued();
	assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_GOOD);
	revoke_at_a(op, &question);
	uint64_t number = publish_at(op, a);
	reads_to_go = 1;
	assert_err(op, ERR_BUSY, follower_look(op, follower, &is_at_end));
	assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_GOOD); /* from memory: the store is away */
	reads_to_go = 2; /* the log can be read, then nothing any more */
	assert_err(op, ERR_BUSY, follower_look(op, follower, &is_at_end));
	assert_int_equal(served_at_b(), 0);
	reads_to_go = 0;
	assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_REVOKED);
	look_to_the_end(op); /* no news, but a CRL that is still to be taken over */
	assert_int_equal(served_at_b(), number);
}

static result fill(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct audit_event event = { .type = AUDIT_ORDER_CREATED };
	for (unsigned i = 0; i < *(const unsigned *)arg; i++)
		TRY(ledger_audit(op, tx, &event, NULL));
	return OK;
}

static void test_reads_on_from_where_it_was(void **state) /* more than one look takes */
{
	struct op *op = *state;
	unsigned n = 5000, looks = 0;
	const struct ocsp_question early = issued(), late = issued();
	assert_int_equal(status_at_b(op, &early), V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(status_at_b(op, &late), V_OCSP_CERTSTATUS_GOOD);
	look_to_the_end(op);
	revoke_at_a(op, &early);
	assert_ok(op, ledger_run(op, a->ledger, fill, &n));
	revoke_at_a(op, &late);
	for (bool is_at_end = false; !is_at_end; looks++) {
		assert_ok(op, follower_look(op, follower, &is_at_end));
		assert_int_equal(status_at_b(op, &early), V_OCSP_CERTSTATUS_REVOKED);
	}
	assert_true(looks > 1);
	assert_int_equal(status_at_b(op, &late), V_OCSP_CERTSTATUS_REVOKED);
}

static void test_far_behind_forgets_all(void **state)
{
	struct op *op = *state;
	unsigned n = 10001;
	const struct ocsp_question question = issued();
	assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_GOOD);
	revoke_at_a(op, &question);
	uint64_t number = publish_at(op, a);
	assert_ok(op, ledger_run(op, a->ledger, fill, &n));
	assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_GOOD);
	look_to_the_end(op); /* in one */
	assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(served_at_b(), number);
	assert_int_equal(pokes(), 1);
}

static void wait_for_poke(void)
{
	while (sem_wait(&poked) != 0)
		continue;
}

static void test_thread(void **state) /* I5: nobody asks it to look */
{
	struct op *op = *state;
	follower_start(follower);
	for (unsigned i = 0; i < 3; i++) {
		const struct ocsp_question question = issued();
		assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_GOOD);
		revoke_at_a(op, &question);
		wait_for_poke();
		assert_int_equal(status_at_b(op, &question), V_OCSP_CERTSTATUS_REVOKED);
	}
	follower_stop(follower);
	assert_true(follower_behind_ms(follower) >= 0);
	follower_stop(follower);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODES_TEST(test_forgets_what_another_revoked),
		NODES_TEST(test_own_entries),
		NODES_TEST(test_unknown_is_not_kept),
		NODES_TEST(test_publishes_what_another_signed),
		NODES_TEST(test_catches_up_when_the_store_is_back),
		NODES_TEST(test_reads_on_from_where_it_was),
		NODES_TEST(test_far_behind_forgets_all),
		NODES_TEST(test_thread),
	};
	return RUN_TESTS(tests);
}
