/* Rows of orders, authorizations and challenges, and what may be claimed when. */
#include "store/orders.h"

#include "store/claims.h"
#include "store/ledger.h"
#include "tests/unit/orders_fixture.h"

static void an_order_comes_back(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	static const char *const authorizations[] = { "z2", "z1", "z3" };
	struct order found, order = {
		.id = "o1", .account = "acct1", .endpoint = "tls", .profile = "p", .status = ORDER_READY,
		.identifiers = IDENTIFIERS, .authorizations = authorizations, .n_authorizations = 3, .created_s = 10,
		.expires_s = 20, .not_before_s = 30, .not_after_s = 40, .error = "{\"type\":\"x\"}",
	};
	put_account(place, "acct1");
	for (unsigned i = 0; i < 3; i++)
		put_authorization(place, authorizations[i], 100);
	assert_ok(op, order_insert(op, place->db, &order));
	assert_ok(op, order_load(op, place->db, "o1", &found));
	assert_string_equal(found.account, "acct1");
	assert_string_equal(found.endpoint, "tls");
	assert_string_equal(found.profile, "p");
	assert_int_equal(found.status, ORDER_READY);
	assert_string_equal(found.identifiers, IDENTIFIERS);
	assert_int_equal(found.n_authorizations, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(found.authorizations[i], authorizations[i]); /* in the order of the identifiers */
	assert_int_equal(found.created_s, 10);
	assert_int_equal(found.expires_s, 20);
	assert_int_equal(found.not_before_s, 30);
	assert_int_equal(found.not_after_s, 40);
	assert_string_equal(found.error, "{\"type\":\"x\"}");
	assert_null(found.serial);
	assert_err(op, ERR_NOT_FOUND, order_load(op, place->db, "O1", &found));
	assert_err(op, ERR_NOT_FOUND, order_load(op, place->db, "%", &found)); /* V22 */
}

static void authorizations_and_challenges_come_back(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct acme_authorization wild, authorization = { .id = "z1", .account = "acct1", .endpoint = "tls",
							  .identifier = "a.example", .is_wildcard = true, .expires_s = 50 };
	struct challenge found, challenge = { .id = "c1", .authorization = "z1", .account = "acct1", .type = "http-01",
					      .token = "tok", .thumbprint = "th", .status = CHALLENGE_PROCESSING,
					      .validated_s = 3, .error = "{}", .attempts = 2, .due_s = 9 };
	put_account(place, "acct1");
	assert_ok(op, authorization_insert(op, place->db, &authorization));
	assert_ok(op, authorization_load(op, place->db, "z1", &wild));
	assert_string_equal(wild.account, "acct1");
	assert_string_equal(wild.endpoint, "tls");
	assert_string_equal(wild.identifier, "a.example");
	assert_true(wild.is_wildcard);
	assert_int_equal(wild.status, AUTHORIZATION_PENDING);
	assert_int_equal(wild.expires_s, 50);
	assert_ok(op, challenge_insert(op, place->db, &challenge));
	assert_ok(op, challenge_load(op, place->db, "c1", &found));
	assert_string_equal(found.authorization, "z1");
	assert_string_equal(found.account, "acct1");
	assert_string_equal(found.type, "http-01");
	assert_string_equal(found.token, "tok");
	assert_string_equal(found.thumbprint, "th");
	assert_int_equal(found.status, CHALLENGE_PROCESSING);
	assert_int_equal(found.validated_s, 3);
	assert_string_equal(found.error, "{}");
	assert_string_equal(found.identifier, "a.example");
	assert_int_equal(found.attempts, 2);
	assert_int_equal(found.due_s, 9);
	assert_err(op, ERR_NOT_FOUND, authorization_load(op, place->db, "c1", &wild));
	assert_err(op, ERR_NOT_FOUND, challenge_load(op, place->db, "z1", &found));
}

static void assert_page(struct place *place, const char *after, unsigned limit, const char *expected)
{
	const char **ids;
	unsigned n;
	struct buf text;
	buf_init(&text, place->op->arena, 64);
	assert_ok(place->op, order_list(place->op, place->db, "acct1", after, limit, &ids, &n));
	for (unsigned i = 0; i < n; i++)
		buf_printf(&text, "%s ", ids[i]);
	assert_string_equal(buf_as_text(&text), expected);
}

/* A14: pages have neither gaps nor doubles, even where orders are of one second. */
static void lists_are_paged(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	put_account(place, "acct1");
	put_account(place, "acct2");
	put_order(place, "o9", "acct1", 10, 99, NULL);
	put_order(place, "o5", "acct1", 20, 99, NULL);
	put_order(place, "o4", "acct1", 20, 99, NULL);
	put_order(place, "o6", "acct1", 20, 99, NULL);
	put_order(place, "o7", "acct2", 20, 99, NULL);
	put_order(place, "o1", "acct1", 30, 99, NULL);
	assert_page(place, NULL, 10, "o9 o4 o5 o6 o1 ");
	assert_page(place, NULL, 2, "o9 o4 ");
	assert_page(place, "o4", 2, "o5 o6 ");
	assert_page(place, "o6", 2, "o1 ");
	assert_page(place, "o1", 2, "");
	assert_ok(op, order_fail(op, place->db, "o5", "{}"));
	assert_page(place, NULL, 10, "o9 o4 o6 o1 "); /* RFC 8555 section 7.1.2.1: invalid ones are left out */
	assert_page(place, "o5", 1, "o6 ");           /* a page goes on where its last order has failed since */
	assert_page(place, "o7", 10, "");             /* another account's order is no place to go on from */
}

static void a_lease_ends(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct challenge *due, found;
	unsigned n;
	put_account(place, "acct1");
	put_authorization(place, "z1", 100);
	put_challenge(place, "c1", "z1");
	assert_ok(op, challenge_respond(op, place->db, "c1", "thumb", 10));
	assert_err(op, ERR_CONFLICT, challenge_respond(op, place->db, "c1", "other", 10)); /* A31: the first key counts */
	assert_ok(op, challenge_list_due(op, place->db, 9, 5, &due, &n));
	assert_int_equal(n, 0);
	assert_ok(op, challenge_list_due(op, place->db, 10, 5, &due, &n));
	assert_int_equal(n, 1);
	assert_string_equal(due[0].thumbprint, "thumb");
	assert_ok(op, challenge_claim(op, place->db, "c1", 10, 30));
	assert_err(op, ERR_CONFLICT, challenge_claim(op, place->db, "c1", 10, 30)); /* the second node */
	assert_ok(op, challenge_list_due(op, place->db, 39, 5, &due, &n));
	assert_int_equal(n, 0);
	assert_ok(op, challenge_claim(op, place->db, "c1", 40, 30)); /* the first one died */
	assert_ok(op, challenge_load(op, place->db, "c1", &found));
	assert_int_equal(found.attempts, 2);
	assert_ok(op, challenge_retry(op, place->db, "c1", 90, "{\"type\":\"dns\"}"));
	assert_ok(op, challenge_finish(op, place->db, "c1", CHALLENGE_VALID, 91, NULL));
	assert_err(op, ERR_CONFLICT, challenge_finish(op, place->db, "c1", CHALLENGE_INVALID, 92, "{}"));
	assert_err(op, ERR_CONFLICT, challenge_retry(op, place->db, "c1", 95, NULL));
	assert_ok(op, challenge_load(op, place->db, "c1", &found));
	assert_int_equal(found.status, CHALLENGE_VALID);
	assert_int_equal(found.validated_s, 91);
	assert_null(found.error);
}

struct t1 {
	const char *serial, *order;
};

/* T1 as issue() runs it: claim, intent, audit entry, all or nothing. */
static result run_t1(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct t1 *t1 = arg;
	struct certificate intent = intent_of(t1->serial, t1->order);
	struct audit_event event = { .type = AUDIT_ISSUANCE_INTENDED, .order = t1->order, .serial = t1->serial };
	TRY(claim_take(op, ledger_db(tx), CLAIM_ACME_ORDER, t1->order));
	TRY(certificate_intend(op, ledger_db(tx), &intent));
	return ledger_audit(op, tx, &event, NULL);
}

/* I7, N11 */
static void an_order_is_claimed_once(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct ledger *ledger = NULL;
	struct order order;
	struct ledger_head head;
	put_account(place, "acct1");
	put_order(place, "o1", "acct1", 1, 99, NULL);
	put_order(place, "o2", "acct1", 1, 99, NULL);
	assert_ok(op, ledger_open(op, place->store, "n1", &ledger));
	assert_err(op, ERR_CONFLICT, ledger_run(op, ledger, run_t1, &(struct t1){ "0a", "o1" })); /* not ready yet */
	assert_ok(op, order_move(op, place->db, "o1", ORDER_PENDING, ORDER_READY));
	assert_ok(op, order_move(op, place->db, "o2", ORDER_PENDING, ORDER_READY));
	assert_ok(op, ledger_run(op, ledger, run_t1, &(struct t1){ "0a", "o1" }));
	assert_err(op, ERR_CONFLICT, ledger_run(op, ledger, run_t1, &(struct t1){ "0b", "o1" }));
	/* A taken serial undoes the claim with the rest. */
	assert_err(op, ERR_CONFLICT, ledger_run(op, ledger, run_t1, &(struct t1){ "0a", "o2" }));
	assert_ok(op, order_load(op, place->db, "o2", &order));
	assert_int_equal(order.status, ORDER_READY);
	ledger_read_head(ledger, &head);
	assert_int_equal(head.size, 1);
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM certificate"), 1);
	ledger_free(&ledger);
}

static void claims_end_once(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct order order;
	put_account(place, "acct1");
	put_certificate(place, "0a");
	put_order(place, "o1", "acct1", 1, 99, NULL);
	assert_ok(op, order_move(op, place->db, "o1", ORDER_PENDING, ORDER_READY));
	assert_err(op, ERR_CONFLICT, claim_release(op, place->db, CLAIM_ACME_ORDER, "o1"));
	assert_ok(op, claim_take(op, place->db, CLAIM_ACME_ORDER, "o1"));
	assert_ok(op, claim_release(op, place->db, CLAIM_ACME_ORDER, "o1"));
	assert_err(op, ERR_CONFLICT, claim_finish(op, place->db, CLAIM_ACME_ORDER, "o1", "0a"));
	assert_ok(op, claim_take(op, place->db, CLAIM_ACME_ORDER, "o1"));
	assert_err(op, ERR_BACKEND, claim_finish(op, place->db, CLAIM_ACME_ORDER, "o1", "0b")); /* I3: no such row */
	assert_ok(op, claim_finish(op, place->db, CLAIM_ACME_ORDER, "o1", "0a"));
	assert_err(op, ERR_CONFLICT, claim_release(op, place->db, CLAIM_ACME_ORDER, "o1"));
	assert_err(op, ERR_CONFLICT, claim_take(op, place->db, CLAIM_ACME_ORDER, "o1"));
	assert_ok(op, order_load(op, place->db, "o1", &order));
	assert_int_equal(order.status, ORDER_VALID);
	assert_string_equal(order.serial, "0a");
	assert_ok(op, claim_take(op, place->db, CLAIM_NONE, NULL));
	assert_ok(op, claim_finish(op, place->db, CLAIM_NONE, NULL, "0a"));
	assert_ok(op, claim_release(op, place->db, CLAIM_NONE, NULL));
	assert_string_equal(claim_kind_name(CLAIM_ACME_ORDER), "acme-order");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(an_order_comes_back),
		STORE_TEST(authorizations_and_challenges_come_back),
		STORE_TEST(lists_are_paged),
		STORE_TEST(a_lease_ends),
		STORE_TEST(an_order_is_claimed_once),
		STORE_TEST(claims_end_once),
	};
	return RUN_TESTS(tests);
}
