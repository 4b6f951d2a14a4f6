/* Who gets a certificate for which names, transactions, renewals, approval; on two nodes, too. */
#include "tests/unit/scep_scene.h"

#include <pthread.h>
#include <string.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "store/enrollments.h"
#include "tests/fake/x509_maker.h"

static const char *challenge_for(struct scep_house *h, const char *endpoint, const char *cn)
{
	return scep_house_challenge(h, endpoint, arena_printf(h->op->arena, "[\"cn:%s\"]", cn), false);
}

/* S1, SP9: for its names only, once, at its endpoint, in its time. */
static void test_one_time_challenges_S1_SP9(void **state)
{
	struct scep_house *h = *state;
	const char *one = scep_house_challenge(h, "default", "[\"cn:dev-1\",\"dns:dev-1.example\"]", false);
	ASSERT_REFUSED(h, .content = SCEP_CSR(h, .cn = "dev-2", .challenge = one));
	ASSERT_REFUSED(h, .content = SCEP_CSR(h, .cn = "dev-1", .challenge = one)); /* exactly these names */
	ASSERT_REFUSED(h, .content = SCEP_CSR(h, .cn = "dev-1", .dns = "dev-1.example,DNS:dev-2.example", .challenge = one));
	ASSERT_REFUSED(h, .endpoint = "other", .content = SCEP_CSR(h, .cn = "dev-1", .dns = "dev-1.example", .challenge = one));
	ASSERT_REFUSED(h, .content = SCEP_CSR(h, .cn = "dev-1", .dns = "dev-1.example", .challenge = "guess"));
	assert_int_equal(scep_house_count(h, "enrollment"), 0);
	ASSERT_SENT(h, SUCCESS, -1, .content = SCEP_CSR(h, .cn = "dev-1", .dns = "dev-1.example", .challenge = one));
	ASSERT_REFUSED(h, .transaction = "t-2", .content = SCEP_CSR(h, .cn = "dev-1", .dns = "dev-1.example", .challenge = one));
	ASSERT_REFUSED(h, .transaction = "t-3", .key = scep_key(1),
		       .content = SCEP_CSR(h, .key = scep_key(1), .cn = "dev-1", .dns = "dev-1.example", .challenge = one));
	const char *late = challenge_for(h, "default", "dev-3");
	advance(3601);
	ASSERT_REFUSED(h, .transaction = "t-4", .content = SCEP_CSR(h, .cn = "dev-3", .challenge = late));
	assert_int_equal(n_issued(h), 1);
}

/* A challenge by a pattern. */
static void test_challenges_by_pattern(void **state)
{
	struct scep_house *h = *state;
	const char *one = scep_house_challenge(h, "default", "[\"dns:*.phones.example\"]", true);
	ASSERT_REFUSED(h, .content = SCEP_CSR(h, .dns = "a.tablets.example", .challenge = one));
	ASSERT_SENT(h, SUCCESS, -1, .content = SCEP_CSR(h, .dns = "a.phones.example", .challenge = one));
	ASSERT_REFUSED(h, .transaction = "t-2", .content = SCEP_CSR(h, .dns = "b.phones.example", .challenge = one));
	const char *any = scep_house_challenge(h, "default", "[\"*\"]", true);
	ASSERT_SENT(h, SUCCESS, -1, .transaction = "t-3", .content = SCEP_CSR(h, .cn = "whatever", .challenge = any));
}

/* V44, SP9: none, an empty one, a wrong one, at each kind of endpoint. */
static void test_absent_empty_and_wrong_challenges_V44_SP9(void **state)
{
	struct scep_house *h = *state;
	static const char *const endpoints[] = { "default", "static", "manual", "old", "late", "closed" };
	for (unsigned i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
		ASSERT_REFUSED(h, .endpoint = endpoints[i], .content = SCEP_CSR(h, .cn = "dev-1"));
		ASSERT_REFUSED(h, .endpoint = endpoints[i], .content = SCEP_CSR(h, .cn = "dev-1", .challenge = ""));
		ASSERT_REFUSED(h, .endpoint = endpoints[i], .content = SCEP_CSR(h, .cn = "dev-1", .challenge = "wrong"));
	}
	/* A wrong one is no way round it: it does not count as none. */
	ASSERT_REFUSED(h, .endpoint = "mixed", .content = SCEP_CSR(h, .cn = "dev-1", .challenge = "wrong"));
	ASSERT_REFUSED(h, .endpoint = "desk", .content = SCEP_CSR(h, .cn = "dev-1", .challenge = "wrong"));
	assert_int_equal(scep_house_count(h, "enrollment"), 0);
	ASSERT_SENT(h, PENDING, -1, .endpoint = "mixed", .content = SCEP_CSR(h, .cn = "dev-1", .challenge = ""));
}

/* S1: the one for all is for the listed names. */
static void test_static_challenge_S1(void **state)
{
	struct scep_house *h = *state;
	ASSERT_REFUSED(h, .endpoint = "static", .content = SCEP_CSR(h, .dns = "www.bank.example", .challenge = SCEP_HOUSE_STATIC));
	ASSERT_REFUSED(h, .endpoint = "static", .content = SCEP_CSR(h, .cn = "root", .challenge = SCEP_HOUSE_STATIC));
	ASSERT_REFUSED(h, .endpoint = "static", .content = SCEP_CSR(h, .dns = "a.fleet.example", .challenge = SCEP_HOUSE_STATIC "x"));
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "static", .content = SCEP_CSR(h, .dns = "a.fleet.example", .challenge = SCEP_HOUSE_STATIC));
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "mixed", .content = SCEP_CSR(h, .dns = "a.fleet.example", .challenge = SCEP_HOUSE_STATIC));
}

/* Nobody is locked out of it, so it must not be guessed. */
static void test_a_short_static_challenge_is_refused(void **state)
{
	struct scep_house *h = *state;
	const char *path = config_scep(h->fake->config, "static")->static_challenge_file;
	assert_ok(h->op, files_write(h->op, path, 0600, BYTES_LITERAL("short\n")));
	assert_err(h->op, ERR_POLICY, scep_check(h->op, h->fake->config));
	assert_ok(h->op, files_write(h->op, path, 0600, BYTES_LITERAL("long enough for it\n")));
	assert_ok(h->op, scep_check(h->op, h->fake->config));
	/* It is read at each request. */
	ASSERT_REFUSED(h, .endpoint = "static", .content = SCEP_CSR(h, .dns = "a.fleet.example", .challenge = SCEP_HOUSE_STATIC));
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "static", .content = SCEP_CSR(h, .dns = "a.fleet.example", .challenge = "long enough for it"));
}

/* S4: the answer would be encrypted to who signed. */
static void test_another_key_signs_S4(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = SCEP_CSR(h, .cn = "dev-1", .challenge = challenge_for(h, "default", "dev-1"));
	ASSERT_REFUSED(h, .key = scep_key(1), .content = csr);
	assert_int_equal(n_issued(h), 0);
	ASSERT_SENT(h, SUCCESS, -1, .content = csr);
}

/* SP12, S2: the same again, as often as one likes; another request in the same transaction never. */
static void test_transactions_SP12_S2(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = SCEP_CSR(h, .cn = "dev-1", .challenge = challenge_for(h, "default", "dev-1"));
	struct scep_seen first = ASSERT_SENT(h, SUCCESS, -1, .content = csr);
	struct scep_node *node = scep_node_open(h);
	for (unsigned i = 0; i < 4; i++) {
		struct scep_seen again = ASSERT_SENT(h, SUCCESS, -1, .content = csr, .node = i % 2 == 0 ? node : NULL);
		assert_true(bytes_equal(again.certificate, first.certificate));
	}
	scep_node_close(&node);
	ASSERT_REFUSED(h, .content = SCEP_CSR(h, .cn = "dev-2", .challenge = challenge_for(h, "default", "dev-2")));
	/* SP5: the same identifier of another client is another transaction. */
	ASSERT_SENT(h, SUCCESS, -1, .key = scep_key(1),
		    .content = SCEP_CSR(h, .key = scep_key(1), .cn = "dev-3", .challenge = challenge_for(h, "default", "dev-3")));
	assert_int_equal(n_issued(h), 2);
	/* A day later it has ended, and is forgotten. */
	advance(LIMIT_SCEP_REPEAT_S + 1);
	ASSERT_REFUSED(h, .content = csr);
	assert_int_equal(scep_house_count(h, "scep_transaction"), 2);
	assert_ok(h->op, scep_clean_up(h->op, h->scep));
	assert_int_equal(scep_house_count(h, "scep_transaction"), 0);
	assert_int_equal(n_issued(h), 2);
}

#define PARALLEL 6

struct parallel {
	struct scep_house *house;
	const struct route *route;
	struct bytes message;
	int status;
};

static void *post(void *arg)
{
	struct parallel *p = arg;
	struct op *op = op_new();
	struct reply reply = { .status = 0 };
	struct call call = { .method = HTTP_POST, .query = BYTES_LITERAL("operation=PKIOperation"), .body = p->message,
			     .endpoint = p->route->endpoint };
	if (p->route->handler(op, &call, &reply).err == ERR_NONE)
		p->status = reply.status;
	op_free(&op);
	return NULL;
}

/* S1, S2: the same challenge in several transactions, and each of them several times, at the same moment, on two nodes. */
static void test_parallel_requests_S1_S2(void **state)
{
	struct scep_house *h = *state;
	struct scep_node *node = scep_node_open(h);
	struct bytes csr = SCEP_CSR(h, .cn = "dev-1", .challenge = challenge_for(h, "default", "dev-1"));
	pthread_t threads[PARALLEL];
	struct parallel all[PARALLEL];
	for (unsigned i = 0; i < PARALLEL; i++) {
		struct call call = { .path = BYTES_LITERAL("/scep/default") };
		const struct route *route = routes_find(i % 2 == 0 ? h->routes : node->routes, ON_HTTP, &call);
		all[i] = (struct parallel){ .house = h, .route = route, .message = scep_message(h, &(struct scep_send){
			.content = csr, .transaction = i < PARALLEL / 2 ? "t-a" : "t-b" }) };
	}
	for (unsigned i = 0; i < PARALLEL; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, post, &all[i]), 0);
	for (unsigned i = 0; i < PARALLEL; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(all[i].status, 200);
	}
	assert_int_equal(n_issued(h), 1);
	assert_int_equal(scep_house_count(h, "scep_transaction"), 1);
	scep_node_close(&node);
}

/* SP11: the poll has to be about the request, by who made it. */
static void test_approval_and_polling_SP11(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = SCEP_CSR(h, .cn = "dev-1"), other = SCEP_CSR(h, .cn = "dev-2"), about = scep_about(h, csr);
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .content = csr);
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .content = csr);
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = about);
	ASSERT_BAD_MESSAGE(h, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = scep_about(h, other));
	ASSERT_SENT(h, FAILURE, SCEP_BAD_CERT_ID, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = about, .key = scep_key(1));
	ASSERT_SENT(h, FAILURE, SCEP_BAD_CERT_ID, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = about, .transaction = "t-2");
	ASSERT_SENT(h, FAILURE, SCEP_BAD_CERT_ID, .endpoint = "mixed", .type = SCEP_CERT_POLL, .content = about);
	assert_int_equal(scep_house_count(h, "enrollment"), 1);
	scep_house_decide(h, true, NULL);
	assert_int_equal(n_issued(h), 0);
	struct scep_node *node = scep_node_open(h);
	struct scep_seen seen = ASSERT_SENT(h, SUCCESS, -1, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = about, .node = node);
	scep_node_close(&node);
	struct scep_seen again = ASSERT_SENT(h, SUCCESS, -1, .endpoint = "desk", .content = csr);
	assert_true(bytes_equal(again.certificate, seen.certificate));
	assert_int_equal(n_issued(h), 1);
}

/* An operator says no, with a reason; then what was wrong may be mended in the same transaction. */
static void test_rejection(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = SCEP_CSR(h, .cn = "dev-1"), mended = SCEP_CSR(h, .cn = "dev-2");
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .content = csr);
	ASSERT_REFUSED(h, .endpoint = "desk", .content = mended); /* SP12: it waits still */
	scep_house_decide(h, false, "who is that?");
	struct scep_seen seen = ASSERT_REFUSED(h, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = scep_about(h, csr));
	assert_non_null(strstr(seen.text, "who is that?"));
	ASSERT_REFUSED(h, .endpoint = "desk", .content = csr);
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .content = mended);
	assert_int_equal(n_issued(h), 0);
}

/* F21: who needs no challenge fills neither the endpoint nor the list of the operator. */
static void test_requests_that_wait_are_bounded_F21(void **state)
{
	struct scep_house *h = *state;
	for (unsigned i = 0; i < LIMIT_SCEP_PENDING_OF_ONE; i++) {
		const char *cn = arena_printf(h->op->arena, "dev-%u", i);
		ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .transaction = cn, .content = SCEP_CSR(h, .cn = cn));
	}
	ASSERT_REFUSED(h, .endpoint = "desk", .transaction = "more", .content = SCEP_CSR(h, .cn = "more"));
	assert_int_equal(scep_house_count(h, "enrollment"), LIMIT_SCEP_PENDING_OF_ONE);
	/* They end by themselves. */
	advance(7 * 86400 + 1);
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .transaction = "more", .content = SCEP_CSR(h, .cn = "more"));
}

/* An operator besides the challenge, which is spent when the request is made. */
static void test_challenge_and_approval(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = SCEP_CSR(h, .cn = "dev-1", .challenge = challenge_for(h, "manual", "dev-1"));
	ASSERT_SENT(h, PENDING, -1, .endpoint = "manual", .content = csr);
	ASSERT_REFUSED(h, .endpoint = "manual", .content = csr, .transaction = "t-2");
	scep_house_decide(h, true, NULL);
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "manual", .content = csr);
}

/* SP10, S3: by RenewalReq, and by PKCSReq as older clients do; the same names, the same or another key. */
static void test_renewal_SP10_S3(void **state)
{
	struct scep_house *h = *state;
	struct bytes first = enrolled(h, "default", "dev-1", scep_key(0));
	struct bytes csr = SCEP_CSR(h, .key = scep_key(1), .cn = "dev-1");
	ASSERT_REFUSED(h, .type = SCEP_RENEWAL_REQ, .certificate = first, .content = SCEP_CSR(h, .key = scep_key(1), .cn = "dev-2"));
	ASSERT_REFUSED(h, .type = SCEP_RENEWAL_REQ, .certificate = first, .transaction = "t-2",
		       .content = SCEP_CSR(h, .key = scep_key(1), .cn = "dev-1", .dns = "dev-1.example"));
	ASSERT_REFUSED(h, .type = SCEP_RENEWAL_REQ, .content = csr, .key = scep_key(1)); /* signed by itself */
	struct scep_seen second = ASSERT_SENT(h, SUCCESS, -1, .type = SCEP_RENEWAL_REQ, .certificate = first, .content = csr);
	struct scep_seen again = ASSERT_SENT(h, SUCCESS, -1, .type = SCEP_RENEWAL_REQ, .certificate = first, .content = csr);
	assert_true(bytes_equal(second.certificate, again.certificate));
	/* The transaction identifier of many clients is the hash of their key, and so that of the first request. */
	ASSERT_SENT(h, SUCCESS, -1, .type = SCEP_PKCS_REQ, .certificate = first, .transaction = "first-dev-1",
		    .content = SCEP_CSR(h, .cn = "dev-1"));
	assert_int_equal(n_issued(h), 3);
	ASSERT_SENT(h, SUCCESS, -1, .type = SCEP_RENEWAL_REQ, .certificate = second.certificate, .key = scep_key(1), .transaction = "t-3",
		    .content = SCEP_CSR(h, .key = scep_key(2), .cn = "dev-1"));
}

/* V26: one that only looks like it, of another profile, another endpoint's, revoked, over. */
static void test_certificates_that_renew_nothing_V26(void **state)
{
	struct scep_house *h = *state;
	struct op *op = h->op;
	struct bytes csr = SCEP_CSR(h, .key = scep_key(2), .cn = "dev-1");
	struct bytes own = enrolled(h, "default", "dev-1", scep_key(0)), other = enrolled(h, "other", "dev-1", scep_key(0));
	struct ca *stranger = maker_ca(op, KEY_P256, clock_now_s() - 60, clock_now_s() + 86400, -1);
	struct bytes alike = scep_look_alike(op, stranger, scep_key(0), own);
	maker_ca_free(stranger);
	ASSERT_REFUSED(h, .type = SCEP_RENEWAL_REQ, .certificate = alike, .content = csr);
	ASSERT_REFUSED(h, .type = SCEP_PKCS_REQ, .certificate = alike, .content = csr);
	ASSERT_REFUSED(h, .type = SCEP_RENEWAL_REQ, .certificate = other, .content = csr);
	struct bytes closed = enrolled(h, "closed", "dev-2", scep_key(0));
	ASSERT_REFUSED(h, .type = SCEP_RENEWAL_REQ, .endpoint = "closed", .certificate = closed, .content = SCEP_CSR(h, .cn = "dev-2"));
	advance(91 * 86400);
	assert_ok(op, scep_refresh(op, h->scep));
	ASSERT_REFUSED(h, .type = SCEP_RENEWAL_REQ, .certificate = own, .content = csr);
	ASSERT_SENT(h, SUCCESS, -1, .type = SCEP_RENEWAL_REQ, .endpoint = "late", .certificate = own, .content = csr);
	advance(7 * 86400);
	ASSERT_REFUSED(h, .type = SCEP_RENEWAL_REQ, .endpoint = "late", .certificate = own, .transaction = "t-9", .content = csr);
	assert_int_equal(n_issued(h), 4);
}

/* N6: the profile's keys; what is refused in the end has spent no challenge. */
static void test_what_the_profile_does_not_give(void **state)
{
	struct scep_house *h = *state;
	const char *challenge = scep_house_challenge(h, "default", "[\"cn:dev-1\"]", false);
	AUTO(EVP_PKEY) *large = EVP_RSA_gen(3072);
	struct scep_seen seen = ASSERT_REFUSED(h, .key = large, .content = SCEP_CSR(h, .key = large, .cn = "dev-1", .challenge = challenge));
	assert_non_null(strstr(seen.text, "RSA-3072"));
	assert_int_equal(scep_house_count(h, "enrollment"), 0);
	ASSERT_SENT(h, SUCCESS, -1, .content = SCEP_CSR(h, .cn = "dev-1", .challenge = challenge));
	assert_int_equal(scep_house_entries(h, "enrollment.requested"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_one_time_challenges_S1_SP9),
		SCENE(test_challenges_by_pattern),
		SCENE(test_absent_empty_and_wrong_challenges_V44_SP9),
		SCENE(test_static_challenge_S1),
		SCENE(test_a_short_static_challenge_is_refused),
		SCENE(test_another_key_signs_S4),
		SCENE(test_transactions_SP12_S2),
		SCENE(test_parallel_requests_S1_S2),
		SCENE(test_approval_and_polling_SP11),
		SCENE(test_rejection),
		SCENE(test_requests_that_wait_are_bounded_F21),
		SCENE(test_challenge_and_approval),
		SCENE(test_renewal_SP10_S3),
		SCENE(test_certificates_that_renew_nothing_V26),
		SCENE(test_what_the_profile_does_not_give),
	};
	return RUN_SCENES(tests);
}
