/* ca/ocsp.c, ocsp_response.c, ocsp_signers.c on a real store, judged by OpenSSL's OCSP client. */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "ca/ocsp_signers.h"
#include "ca/revoke.h"
#include "tests/fake/fake_token.h"
#include "tests/unit/ocsp_client.h"

#define DAY_S INT64_C(86400)
#define UNISSUED "4badc0de4badc0de4badc0de4badc0de"

static struct fake_authority *fake;
static int64_t start_s;

static int open_house(void **state)
{
	fake = fake_authority_new();
	assert_ok(fake->op, ocsp_signers_open(fake->op, fake->authority, &fake->authority->ocsp));
	start_s = clock_now_s();
	return op_setup(state);
}

static int close_house(void **state)
{
	clock_fix(-1);
	fake_token_set_faults(NULL);
	fake_authority_free(&fake);
	return op_teardown(state);
}

#define HOUSE_TEST(function) cmocka_unit_test_setup_teardown(function, open_house, close_house)

static void parse(struct op *op, struct bytes der, struct ocsp_request *out)
{
	assert_int_equal(ocsp_request_parse(op, fake->authority->hierarchy, der, out), OCSP_SUCCESSFUL);
}

/* Asks, judges, and gives back the answer, pinned, for those who look at it. */
static struct ocsp_answer *ask(struct op *op, const struct ocsp_question *question, unsigned nonce_n,
			       struct ocsp_verdict *verdict)
{
	struct ocsp_request request;
	struct ocsp_answer *answer;
	struct bytes der = ocsp_client_request(op, question, 1, nonce_n);
	parse(op, der, &request);
	assert_ok(op, ocsp_answer(op, fake->authority, &request, &answer));
	const char *wrong = ocsp_client_judge(fake, der, answer->der, question, verdict);
	if (wrong != NULL)
		fail_msg("%s", wrong);
	return answer;
}

static struct ocsp_verdict verdict_on(struct op *op, const struct ca *ca, const char *serial)
{
	const struct ocsp_question question = { .ca = ca, .serial = serial };
	struct ocsp_verdict verdict;
	ocsp_answer_unpin(ask(op, &question, 0, &verdict));
	return verdict;
}

static struct ocsp_answer *cached(struct op *op, const struct ocsp_question *question)
{
	struct ocsp_request request;
	parse(op, ocsp_client_request(op, question, 1, 0), &request);
	return ocsp_cached(fake->authority, &request);
}

static bool is_cached(struct op *op, const struct ocsp_question *question)
{
	struct ocsp_answer *answer = cached(op, question);
	ocsp_answer_unpin(answer);
	return answer != NULL;
}

static const char *issued(void)
{
	return fake_authority_certificate(fake, fake->issuing, CERTIFICATE_ISSUED, start_s + 90 * DAY_S);
}

static void test_good(void **state) /* O4, O5, O6, O7 */
{
	const char *serial = issued();
	for (int is_sha256 = 0; is_sha256 < 2; is_sha256++) {
		const struct ocsp_question question = { fake->issuing, serial, is_sha256 != 0 };
		struct ocsp_verdict verdict;
		ocsp_answer_unpin(ask(*state, &question, 0, &verdict));
		int64_t now = clock_now_s();
		assert_int_equal(verdict.status, V_OCSP_CERTSTATUS_GOOD);
		assert_in_range(verdict.this_update_s, start_s, now);
		assert_in_range(verdict.produced_s, start_s, now);
		assert_int_equal(verdict.next_update_s, verdict.this_update_s + fake->config->cas[1].ocsp_lifetime_s);
	}
}

/* The root answers for the issuing CA's certificate, by a responder of its own. */
static void test_root_answers(void **state) /* O5 */
{
	AUTO(BIGNUM) *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(fake->issuing->certificate), NULL);
	char *hex = BN_bn2hex(number);
	assert_int_equal(verdict_on(*state, fake->root, hex).status, V_OCSP_CERTSTATUS_GOOD);
	/* It is the root's: the issuing CA knows nothing of that serial. */
	assert_int_equal(verdict_on(*state, fake->issuing, hex).status, V_OCSP_CERTSTATUS_UNKNOWN);
	OPENSSL_free(hex);
}

static void test_never_good_before_issue(void **state) /* O3, V46 */
{
	int64_t end_s = start_s + DAY_S;
	const char *intended = fake_authority_certificate(fake, fake->issuing, CERTIFICATE_INTENDED, end_s);
	const char *failed = fake_authority_certificate(fake, fake->issuing, CERTIFICATE_FAILED, end_s);
	const char *orphaned = fake_authority_certificate(fake, fake->issuing, CERTIFICATE_ORPHANED, end_s);
	assert_int_equal(verdict_on(*state, fake->issuing, UNISSUED).status, V_OCSP_CERTSTATUS_UNKNOWN);
	assert_int_equal(verdict_on(*state, fake->issuing, intended).status, V_OCSP_CERTSTATUS_UNKNOWN);
	assert_int_equal(verdict_on(*state, fake->issuing, failed).status, V_OCSP_CERTSTATUS_UNKNOWN);
	fake_authority_revoke(fake, fake->issuing, orphaned, REASON_SUPERSEDED, start_s, end_s);
	assert_int_equal(verdict_on(*state, fake->issuing, orphaned).status, V_OCSP_CERTSTATUS_REVOKED);
}

/* What may be good in a moment is not kept by us, and not for long by anybody. */
static void test_unknown_is_not_kept(void **state) /* O15 */
{
	const struct ocsp_question question = { .ca = fake->issuing, .serial = UNISSUED };
	struct ocsp_verdict verdict;
	struct ocsp_answer *answer = ask(*state, &question, 0, &verdict);
	assert_int_equal(answer->fresh_until_s, 0);
	assert_in_range(verdict.next_update_s - verdict.this_update_s, 1, 900);
	assert_false(is_cached(*state, &question));
	ocsp_answer_unpin(answer);
}

static void test_revoked(void **state) /* O13 */
{
	const char *with_reason = issued(), *without = issued();
	fake_authority_revoke(fake, fake->issuing, with_reason, REASON_KEY_COMPROMISE, start_s - 100, start_s + DAY_S);
	fake_authority_revoke(fake, fake->issuing, without, REASON_UNSPECIFIED, start_s - 200, start_s + DAY_S);
	struct ocsp_verdict verdict = verdict_on(*state, fake->issuing, with_reason);
	assert_int_equal(verdict.status, V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(verdict.reason, OCSP_REVOKED_STATUS_KEYCOMPROMISE);
	assert_int_equal(verdict.revoked_s, start_s - 100);
	verdict = verdict_on(*state, fake->issuing, without);
	assert_int_equal(verdict.status, V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(verdict.reason, -1);
	assert_int_equal(verdict.revoked_s, start_s - 200);
}

static void test_nonce(void **state) /* O8: the judge compares it */
{
	static const unsigned lengths[] = { 1, 16, 23, 32, 128 };
	const struct ocsp_question question = { .ca = fake->issuing, .serial = issued() };
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct ocsp_verdict verdict;
		struct ocsp_answer *answer = ask(*state, &question, lengths[i], &verdict);
		assert_int_equal(verdict.status, V_OCSP_CERTSTATUS_GOOD);
		assert_int_equal(answer->fresh_until_s, 0);
		ocsp_answer_unpin(answer);
	}
	assert_false(is_cached(*state, &question));
}

static void test_several(void **state) /* O10: all of them, in order, as asked */
{
	struct op *op = *state;
	const struct ocsp_question questions[] = {
		{ fake->issuing, issued(), false }, { fake->issuing, UNISSUED, true }, { fake->issuing, issued(), true }
	};
	const int expected[] = { V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_UNKNOWN, V_OCSP_CERTSTATUS_REVOKED };
	struct ocsp_request request;
	struct ocsp_answer *answer;
	fake_authority_revoke(fake, fake->issuing, questions[2].serial, REASON_SUPERSEDED, start_s, start_s + DAY_S);
	struct bytes der = ocsp_client_request(op, questions, 3, 0);
	parse(op, der, &request);
	assert_ok(op, ocsp_answer(op, fake->authority, &request, &answer));
	const uint8_t *last = answer->der.p;
	for (unsigned i = 0; i < 3; i++) {
		struct ocsp_verdict verdict;
		assert_null(ocsp_client_judge(fake, der, answer->der, &questions[i], &verdict));
		assert_int_equal(verdict.status, expected[i]);
		/* Byte for byte, one behind the other. */
		const uint8_t *at = memmem(last, answer->der.n - (size_t)(last - answer->der.p), request.ids[i].der.p,
					   request.ids[i].der.n);
		assert_non_null(at);
		last = at;
	}
	assert_int_equal(answer->fresh_until_s, 0);
	ocsp_answer_unpin(answer);
}

static void test_cache(void **state) /* O12: handed out only while fresh; I5: gone when revoked */
{
	struct op *op = *state;
	const char *serial = issued();
	const struct ocsp_question sha1 = { fake->issuing, serial, false }, sha256 = { fake->issuing, serial, true };
	struct ocsp_verdict verdict;
	struct ocsp_answer *answer = ask(op, &sha1, 0, &verdict);
	ocsp_answer_unpin(ask(op, &sha256, 0, &verdict));

	struct ocsp_answer *again = cached(op, &sha1);
	assert_ptr_equal(again, answer);
	assert_true(again->fresh_until_s < again->next_update_s && again->fresh_until_s > again->this_update_s);
	ocsp_answer_unpin(again);

	clock_fix(answer->fresh_until_s - 1);
	assert_true(is_cached(op, &sha1));
	clock_fix(answer->fresh_until_s);
	assert_false(is_cached(op, &sha1));
	clock_fix(answer->this_update_s - 1); /* never an answer of the future (O6) */
	assert_false(is_cached(op, &sha1));
	clock_fix(-1);

	assert_true(is_cached(op, &sha256));
	ocsp_forget(fake->authority, serial);
	assert_false(is_cached(op, &sha1));
	assert_false(is_cached(op, &sha256));
	ocsp_answer_unpin(answer);
}

/* certificate_revoke() comes back: nobody gets the old answer any more. */
static void test_revocation_replaces(void **state) /* I5, O13 */
{
	struct op *op = *state;
	const struct ocsp_question question = { .ca = fake->issuing, .serial = issued() };
	struct ocsp_verdict verdict;
	struct revocation revocation;
	ocsp_answer_unpin(ask(op, &question, 0, &verdict));
	assert_true(is_cached(op, &question));
	assert_ok(op, certificate_revoke(op, fake->authority, question.serial, REASON_SUPERSEDED, true, &revocation));
	assert_false(is_cached(op, &question));
	verdict = verdict_on(op, fake->issuing, question.serial);
	assert_int_equal(verdict.status, V_OCSP_CERTSTATUS_REVOKED);
	assert_int_equal(verdict.revoked_s, revocation.revoked_s);
	assert_true(is_cached(op, &question));
}

static void test_renewal(void **state) /* O5: before its end, and answers never outlive it */
{
	struct op *op = *state;
	const char *serial = issued();
	struct responder *first = responder_pin(fake->authority->ocsp, fake->issuing, clock_now_s());
	assert_non_null(first);
	assert_ok(op, ocsp_signers_renew(op, fake->authority)); /* not due: nothing happens */
	struct responder *same = responder_pin(fake->authority->ocsp, fake->issuing, clock_now_s());
	assert_ptr_equal(same, first);
	responder_unpin(&same);

	clock_fix(first->not_after_s - 1000);
	assert_int_equal(verdict_on(op, fake->issuing, serial).next_update_s, first->not_after_s);
	assert_ok(op, ocsp_signers_renew(op, fake->authority));
	struct responder *second = responder_pin(fake->authority->ocsp, fake->issuing, clock_now_s());
	assert_ptr_not_equal(second, first);
	assert_true(second->not_after_s > first->not_after_s);
	assert_int_equal(verdict_on(op, fake->issuing, serial).status, V_OCSP_CERTSTATUS_GOOD);
	clock_fix(second->not_after_s);
	assert_null(responder_pin(fake->authority->ocsp, fake->issuing, clock_now_s()));
	responder_unpin(&second);
	responder_unpin(&first);
}

/* F14, O16: a responder that was certified in the future is replaced when the clock is back. */
static void test_clock_was_ahead(void **state)
{
	struct op *op = *state;
	const char *serial = issued();
	clock_fix(start_s + 300 * DAY_S);
	assert_ok(op, ocsp_signers_renew(op, fake->authority));
	clock_fix(start_s);
	assert_null(responder_pin(fake->authority->ocsp, fake->issuing, start_s));
	assert_ok(op, ocsp_signers_renew(op, fake->authority));
	struct responder *responder = responder_pin(fake->authority->ocsp, fake->issuing, start_s);
	assert_non_null(responder);
	assert_true(responder->not_before_s <= start_s);
	responder_unpin(&responder);
	assert_int_equal(verdict_on(op, fake->issuing, serial).status, V_OCSP_CERTSTATUS_GOOD);
}

/* O16: no answer, and no certificate after the other, until the clock is right. */
static void test_clock_before_house(void **state)
{
	struct op *op = *state;
	const struct ocsp_question question = { .ca = fake->issuing, .serial = issued() };
	struct ocsp_request request;
	struct ocsp_answer *answer;
	uint64_t before = fake_token_signatures();
	clock_fix(fake->issuing->not_before_s - DAY_S);
	assert_ok(op, ocsp_signers_renew(op, fake->authority));
	assert_int_equal(fake_token_signatures(), before);
	parse(op, ocsp_client_request(op, &question, 1, 0), &request);
	assert_err(op, ERR_BUSY, ocsp_answer(op, fake->authority, &request, &answer));
}

static void test_token_away(void **state) /* F25: tryLater is what BUSY becomes, and it heals */
{
	struct op *op = *state;
	const struct ocsp_question question = { .ca = fake->issuing, .serial = issued() };
	struct ocsp_request request;
	struct ocsp_answer *answer;
	ocsp_signers_free(&fake->authority->ocsp);
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BACKEND });
	assert_ok(op, ocsp_signers_open(op, fake->authority, &fake->authority->ocsp));
	parse(op, ocsp_client_request(op, &question, 1, 0), &request);
	assert_err(op, ERR_BUSY, ocsp_answer(op, fake->authority, &request, &answer));
	fake_token_set_faults(NULL);
	assert_ok(op, ocsp_signers_renew(op, fake->authority));
	assert_int_equal(verdict_on(op, fake->issuing, question.serial).status, V_OCSP_CERTSTATUS_GOOD);
}

static void test_memory_key_spares_token(void **state) /* one signature of the CA, then none */
{
	const struct ocsp_question question = { .ca = fake->issuing, .serial = issued() };
	uint64_t before = fake_token_signatures();
	struct ocsp_verdict verdict;
	for (unsigned i = 0; i < 5; i++)
		ocsp_answer_unpin(ask(*state, &question, 16, &verdict));
	assert_int_equal(fake_token_signatures(), before);
}

static void test_responder_certificate(void **state UNUSED) /* O5: EKU alone, nocheck, no AIA, no CDP */
{
	struct responder *responder = responder_pin(fake->authority->ocsp, fake->issuing, clock_now_s());
	const unsigned char *p = responder->certificate.p;
	AUTO(X509) *certificate = d2i_X509(NULL, &p, (long)responder->certificate.n);
	assert_non_null(certificate);
	assert_int_equal(X509_get_extended_key_usage(certificate), XKU_OCSP_SIGN);
	assert_true(X509_get_ext_by_NID(certificate, NID_id_pkix_OCSP_noCheck, -1) >= 0);
	assert_int_equal(X509_get_ext_by_NID(certificate, NID_info_access, -1), -1);
	assert_int_equal(X509_get_ext_by_NID(certificate, NID_crl_distribution_points, -1), -1);
	responder_unpin(&responder);
}

static void test_token_key(void **state UNUSED) /* the same with keys in the token */
{
	struct fake_authority *memory = fake;
	fake = fake_authority_prepare("token");
	fake_authority_open(fake);
	assert_ok(fake->op, ocsp_signers_open(fake->op, fake->authority, &fake->authority->ocsp));
	const struct ocsp_question question = { .ca = fake->issuing, .serial = issued() };
	struct ocsp_verdict verdict;
	uint64_t before = fake_token_signatures();
	ocsp_answer_unpin(ask(fake->op, &question, 16, &verdict));
	assert_int_equal(verdict.status, V_OCSP_CERTSTATUS_GOOD);
	assert_int_equal(fake_token_signatures(), before + 1);
	fake_authority_free(&fake);
	fake = memory;
}

/* What is kept is used to its nextUpdate where nothing new can be signed or looked up, and not a second longer. */
static void test_kept_while_away(void **state UNUSED) /* F25 */
{
	struct fake_authority *memory = fake;
	fake = fake_authority_prepare("token");
	fake_authority_open(fake);
	struct op *op = fake->op;
	assert_ok(op, ocsp_signers_open(op, fake->authority, &fake->authority->ocsp));
	const struct ocsp_question question = { .ca = fake->issuing, .serial = issued() };
	struct ocsp_verdict verdict;
	struct ocsp_request request;
	struct ocsp_answer *again, *kept = ask(op, &question, 0, &verdict);
	parse(op, ocsp_client_request(op, &question, 1, 0), &request);
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BACKEND });
	clock_fix(kept->next_update_s - 1);
	assert_false(is_cached(op, &question));
	assert_ok(op, ocsp_answer(op, fake->authority, &request, &again));
	assert_ptr_equal(again, kept);
	ocsp_answer_unpin(again);
	clock_fix(kept->next_update_s);
	assert_err(op, ERR_BACKEND, ocsp_answer(op, fake->authority, &request, &again));
	clock_fix(kept->next_update_s - 1);
	ocsp_forget(fake->authority, question.serial); /* a revocation is never hidden by it */
	assert_err(op, ERR_BACKEND, ocsp_answer(op, fake->authority, &request, &again));
	clock_fix(-1);
	ocsp_answer_unpin(kept);
	fake_token_set_faults(NULL);
	fake_authority_free(&fake);
	fake = memory;
}

static int status_by(struct op *op, struct authority *authority, const struct ocsp_question *question, struct ocsp_answer **out)
{
	struct ocsp_request request;
	struct ocsp_verdict verdict;
	struct bytes der = ocsp_client_request(op, question, 1, 16);
	assert_int_equal(ocsp_request_parse(op, authority->hierarchy, der, &request), OCSP_SUCCESSFUL);
	assert_ok(op, ocsp_answer(op, authority, &request, out));
	const char *wrong = ocsp_client_judge(fake, der, (*out)->der, question, &verdict);
	if (wrong != NULL)
		fail_msg("%s", wrong);
	return verdict.status;
}

/* Each node certifies its responder for itself: also for the one key in the token that they share. */
static void test_responders_of_two_nodes(void **state)
{
	static const char *const kinds[] = { "token", "memory" };
	struct fake_authority *house = fake;
	for (unsigned i = 0; i < 2; i++) {
		fake = fake_authority_prepare(kinds[i]);
		fake_authority_open(fake);
		struct fake_node *node = fake_node_open(fake);
		assert_ok(fake->op, ocsp_signers_open(fake->op, fake->authority, &fake->authority->ocsp));
		assert_ok(fake->op, ocsp_signers_open(fake->op, node->authority, &node->authority->ocsp));
		struct responder *one = responder_pin(fake->authority->ocsp, fake->issuing, clock_now_s());
		struct responder *other = responder_pin(node->authority->ocsp, node->issuing, clock_now_s());
		assert_false(bytes_equal(one->certificate, other->certificate));
		assert_int_equal(memcmp(one->key_hash, other->key_hash, sizeof one->key_hash) == 0, i == 0);
		const struct ocsp_question question = { .ca = fake->issuing, .serial = issued() };
		struct ocsp_answer *answers[2];
		assert_int_equal(status_by(*state, fake->authority, &question, &answers[0]), V_OCSP_CERTSTATUS_GOOD);
		assert_int_equal(status_by(*state, node->authority, &question, &answers[1]), V_OCSP_CERTSTATUS_GOOD);
		ocsp_answer_unpin(answers[0]);
		ocsp_answer_unpin(answers[1]);
		responder_unpin(&one);
		responder_unpin(&other);
		fake_node_close(&node);
		fake_authority_free(&fake);
	}
	fake = house;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_good),
		HOUSE_TEST(test_root_answers),
		HOUSE_TEST(test_never_good_before_issue),
		HOUSE_TEST(test_unknown_is_not_kept),
		HOUSE_TEST(test_revoked),
		HOUSE_TEST(test_nonce),
		HOUSE_TEST(test_several),
		HOUSE_TEST(test_cache),
		HOUSE_TEST(test_revocation_replaces),
		HOUSE_TEST(test_renewal),
		HOUSE_TEST(test_clock_was_ahead),
		HOUSE_TEST(test_clock_before_house),
		HOUSE_TEST(test_token_away),
		HOUSE_TEST(test_memory_key_spares_token),
		HOUSE_TEST(test_responder_certificate),
		HOUSE_TEST(test_token_key),
		HOUSE_TEST(test_kept_while_away),
		HOUSE_TEST(test_responders_of_two_nodes),
	};
	return RUN_TESTS(tests);
}
