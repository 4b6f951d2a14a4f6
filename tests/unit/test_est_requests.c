/* Requests as rows: repeats, approval, two that come at once, faults in between, clean-up. */
#include "tests/unit/est_scene.h"

#include <pthread.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/profile_hash.h"
#include "store/audit_rows.h"
#include "tests/fake/fake_token.h"

#define DAY_S 86400

/* E14: who lost the answer gets the same one for ten minutes; then it is a new request. */
static void test_a_repeat_gets_the_same_certificate_E14(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	struct est_answer first = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = csr);
	advance(600);
	struct est_answer again = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = csr);
	assert_true(bytes_equal(first.certificate, again.certificate));
	advance(1);
	again = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = csr);
	assert_false(bytes_equal(first.certificate, again.certificate));
	/* Another label, another requester: another request. */
	est_house_add_user(h, &(struct user){ .name = "dev-1" }, NULL);
	struct est_answer other = ASSERT_SENT(h, 200, .user = "dev-1", .csr = csr);
	assert_false(bytes_equal(again.certificate, other.certificate));
	assert_int_equal(n_issued(h), 3);
}

/* E8: the same request is found again, and there is one; when it was approved the next poll has the certificate. */
static void test_approval_E8(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "manual/simpleenroll";
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	est_house_add_user(h, &(struct user){ .name = "dev-1" }, NULL);
	struct est_answer a = ASSERT_SENT(h, 202, .path = path, .user = "dev-1", .csr = csr);
	assert_string_equal(a.retry_after, "30");
	advance(3600);
	a = ASSERT_SENT(h, 202, .path = path, .user = "dev-1", .csr = csr);
	assert_string_equal(a.retry_after, "900");
	advance(3 * DAY_S);
	a = ASSERT_SENT(h, 202, .path = path, .user = "dev-1", .csr = csr);
	assert_string_equal(a.retry_after, "3600");
	assert_int_equal(est_house_count(h, "enrollment"), 1);
	assert_int_equal(est_house_entries(h, "enrollment.requested"), 1);
	assert_int_equal(n_issued(h), 0);
	est_house_decide(h, true, NULL);
	a = ASSERT_SENT(h, 200, .path = path, .user = "dev-1", .csr = csr);
	struct est_answer again = ASSERT_SENT(h, 200, .path = path, .user = "dev-1", .csr = csr);
	assert_true(bytes_equal(a.certificate, again.certificate));
	assert_int_equal(est_house_count(h, "certificate WHERE claim_kind = 'enrollment' AND requester = 'est-user:dev-1'"), 1);
}

static void test_rejection(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "manual/simpleenroll";
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	est_house_add_user(h, &(struct user){ .name = "dev-1" }, NULL);
	ASSERT_SENT(h, 202, .path = path, .user = "dev-1", .csr = csr);
	est_house_decide(h, false, "ask the second floor");
	struct est_answer a = ASSERT_SENT(h, 403, .path = path, .user = "dev-1", .csr = csr);
	assert_non_null(strstr(a.body, "ask the second floor"));
	advance(3600); /* a client that polls once an hour has to hear it */
	ASSERT_SENT(h, 403, .path = path, .user = "dev-1", .csr = csr);
	advance(7 * DAY_S);
	ASSERT_SENT(h, 202, .path = path, .user = "dev-1", .csr = csr);
	assert_int_equal(n_issued(h), 0);
}

/* E8: one requester fills no label; what waits of it is found again, and others still come in. */
static void test_nobody_fills_a_label_alone(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "manual/simpleenroll";
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	struct bytes first = BYTES_NONE;
	est_house_add_user(h, &(struct user){ .name = "robot", .is_registrar = true }, NULL);
	est_house_add_user(h, &(struct user){ .name = "dev-1" }, NULL);
	for (unsigned i = 0; i < LIMIT_EST_PENDING_OF_ONE; i++) {
		struct bytes csr = EST_CSR(h, .cn = arena_printf(h->op->arena, "unit-%u", i), .key = key);
		first = i == 0 ? csr : first;
		ASSERT_SENT(h, 202, .path = path, .user = "robot", .csr = csr);
	}
	struct bytes more = EST_CSR(h, .cn = "unit-more", .key = key);
	struct est_answer a = ASSERT_SENT(h, 429, .path = path, .user = "robot", .csr = more);
	assert_string_equal(a.retry_after, "60");
	assert_non_null(strstr(a.body, "est-user:robot"));
	ASSERT_SENT(h, 202, .path = path, .user = "robot", .csr = first);
	advance(1);
	ASSERT_SENT(h, 202, .path = path, .user = "dev-1", .csr = EST_CSR(h, .cn = "dev-1"));
	est_house_decide(h, false, NULL); /* the oldest: it makes room for one */
	ASSERT_SENT(h, 202, .path = path, .user = "robot", .csr = more);
	assert_int_equal(est_house_count(h, "enrollment WHERE status = 'pending'"), LIMIT_EST_PENDING_OF_ONE + 1);
}

static result keep_intent(struct op *op, void *arg, const struct audit_row *row)
{
	json_t **last = arg;
	if (strcmp(row->type, "issuance.intended") != 0)
		return OK;
	json_decref(*last);
	return json_parse_object(op, row->entry, "entry", last);
}

/* The last intent in the log; the caller frees it. */
static json_t *last_intent(struct est_house *h)
{
	json_t *last = NULL;
	STORE_LEASE(lease);
	assert_ok(h->op, store_read(h->op, h->fake->authority->store, &lease));
	assert_ok(h->op, audit_rows_read(h->op, lease.db, 0, UINT32_MAX, keep_intent, &last));
	assert_non_null(last);
	return last;
}

/* F32: a profile that changes while a request waits. It is issued by that of now, and the log has the earlier one. */
static void test_the_log_has_the_profile_of_then_and_of_now(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "manual/simpleenroll";
	struct arena *arena = h->fake->arena; /* a configuration lives as long as the house */
	struct config *config = arena_alloc(arena, sizeof *config);
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	est_house_add_user(h, &(struct user){ .name = "dev-1" }, NULL);
	ASSERT_SENT(h, 202, .path = path, .user = "dev-1", .csr = csr);
	const struct config *before = h->fake->config;
	*config = *before;
	config->profiles = arena_alloc_array(arena, config->n_profiles, sizeof *config->profiles);
	memcpy(config->profiles, before->profiles, config->n_profiles * sizeof *config->profiles);
	for (unsigned i = 0; i < config->n_profiles; i++)
		config->profiles[i].validity_s = 2 * DAY_S;
	assert_ok(h->op, authority_reload(h->op, h->fake->authority, config));
	est_house_decide(h, true, NULL);
	ASSERT_SENT(h, 200, .path = path, .user = "dev-1", .csr = csr);
	const char *then = profile_hash(h->op->arena, config_profile(before, "device"));
	const char *now = profile_hash(h->op->arena, config_profile(config, "device"));
	assert_string_not_equal(then, now);
	AUTO(json_t) *entry = last_intent(h);
	assert_string_equal(json_string_value(json_object_get(entry, "profile_hash")), now);
	const json_t *ordered = json_object_get(json_object_get(entry, "facts"), "ordered_profile_hash");
	assert_string_equal(json_string_value(ordered), then);
}

/* One that nobody decided makes room for the next, also in the second in which that one is found. */
static void test_expiry(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "manual/simpleenroll";
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	est_house_add_user(h, &(struct user){ .name = "dev-1" }, NULL);
	ASSERT_SENT(h, 202, .path = path, .user = "dev-1", .csr = csr);
	advance(7 * DAY_S);
	for (unsigned i = 0; i < 5; i++)
		ASSERT_SENT(h, 202, .path = path, .user = "dev-1", .csr = csr);
	assert_int_equal(est_house_count(h, "enrollment"), 2);
	est_house_decide(h, true, NULL);
	ASSERT_SENT(h, 200, .path = path, .user = "dev-1", .csr = csr);
}

/* A token is spent for its request at once, polls with it go on, also after it has expired. */
static void test_a_token_waits_with_its_request(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "manual/simpleenroll";
	const char *token = est_house_add_token(h, "manual", "[\"cn:dev-1\"]");
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	ASSERT_SENT(h, 202, .path = path, .token = token, .csr = csr);
	ASSERT_SENT(h, 403, .path = path, .token = token, .csr = EST_CSR(h, .cn = "dev-1"));
	advance(2 * DAY_S);
	struct op *op = op_new();
	assert_ok(op, est_clean_up(op, h->est));
	op_free(&op);
	ASSERT_SENT(h, 202, .path = path, .token = token, .csr = csr);
	est_house_decide(h, true, NULL);
	ASSERT_SENT(h, 200, .path = path, .token = token, .csr = csr);
}

struct sender {
	pthread_t thread;
	struct est_house house; /* with an op of its own */
	struct bytes csr;
	struct est_answer answer;
};

static void *send_one(void *arg)
{
	struct sender *s = arg;
	s->answer = EST_SEND(&s->house, .path = "open/simpleenroll", .csr = s->csr);
	return NULL;
}

#define SENDERS 6

/* E14, F15: repeats at the same moment, at two nodes, are one request and one certificate. */
static void test_parallel_repeats_are_one(void **state)
{
	struct est_house *h = *state;
	struct fake_node *node = fake_node_open(h->fake);
	struct est *est = est_new(node->authority);
	struct routes *routes = routes_new();
	est_routes_add(est, routes);
	struct sender senders[SENDERS];
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .house = *h, .csr = csr };
		senders[i].house.op = op_new();
		if (i % 2 == 1) {
			senders[i].house.est = est;
			senders[i].house.routes = routes;
		}
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_one, &senders[i]), 0);
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		pthread_join(senders[i].thread, NULL);
		if (senders[i].answer.status != 200)
			assert_status(&senders[i].answer, 202);
		op_free(&senders[i].house.op);
	}
	ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = csr);
	assert_int_equal(est_house_count(h, "certificate WHERE door = 'est'"), 1);
	assert_int_equal(est_house_count(h, "enrollment"), 1);
	routes_free(&routes);
	est_free(&est);
	fake_node_close(&node);
}

/* The token failed: 503, the row is ready again, and the repeat has its certificate, though the one-time token is spent. */
static void test_a_fault_of_the_token_is_mended_by_a_repeat(void **state)
{
	struct est_house *h = *state;
	const char *token = est_house_add_token(h, "default", "[\"cn:dev-1\"]");
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BUSY });
	struct est_answer a = ASSERT_SENT(h, 503, .token = token, .csr = csr);
	assert_string_equal(a.retry_after, "2");
	fake_token_set_faults(NULL);
	ASSERT_SENT(h, 200, .token = token, .csr = csr);
	assert_int_equal(n_issued(h), 1);
	assert_int_equal(est_house_count(h, "certificate WHERE status = 'orphaned'"), 1);
}

/* The log has who, what, by which certificate, and every step. */
static void test_the_log_has_the_request(void **state)
{
	struct est_house *h = *state;
	struct bytes leaf = est_maker_leaf(h, "dev-1", NULL);
	ASSERT_SENT(h, 200, .path = "maker/simpleenroll", .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-1"));
	assert_int_equal(est_house_entries(h, "enrollment.requested"), 1);
	assert_int_equal(est_house_count(h, "audit_entry WHERE type = 'certificate.issued' AND serial IN"
					    " (SELECT serial FROM certificate WHERE door = 'est')"), 1);
	assert_int_equal(est_house_count(h, "certificate WHERE door = 'est' AND requester LIKE 'certificate:%'"), 1);
}

static void test_clean_up(void **state)
{
	struct est_house *h = *state;
	struct op *op = op_new();
	ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = EST_CSR(h, .cn = "dev-1"));
	est_house_add_user(h, &(struct user){ .name = "dev-1" }, NULL);
	ASSERT_SENT(h, 202, .path = "manual/simpleenroll", .user = "dev-1", .csr = EST_CSR(h, .cn = "dev-1"));
	(void)est_house_add_token(h, "default", "[\"cn:dev-1\"]");
	advance(13 * DAY_S);
	assert_ok(op, est_clean_up(op, h->est));
	assert_int_equal(est_house_count(h, "enrollment"), 2);
	assert_int_equal(est_house_count(h, "enrollment_token"), 1);
	advance(26 * DAY_S);
	assert_ok(op, est_clean_up(op, h->est));
	assert_int_equal(est_house_count(h, "enrollment"), 0);
	assert_int_equal(est_house_count(h, "enrollment_token"), 0);
	assert_int_equal(n_issued(h), 1);
	op_free(&op);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_a_repeat_gets_the_same_certificate_E14),
		SCENE(test_approval_E8),
		SCENE(test_rejection),
		SCENE(test_nobody_fills_a_label_alone),
		SCENE(test_the_log_has_the_profile_of_then_and_of_now),
		SCENE(test_expiry),
		SCENE(test_a_token_waits_with_its_request),
		SCENE(test_parallel_repeats_are_one),
		SCENE(test_a_fault_of_the_token_is_mended_by_a_repeat),
		SCENE(test_the_log_has_the_request),
		SCENE(test_clean_up),
	};
	return RUN_SCENES(tests);
}
