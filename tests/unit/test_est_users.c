/* Users at the door: passwords, Digest, locks, and what a refusal does not tell. */
#include "tests/unit/est_scene.h"

#include <stdio.h>
#include <string.h>

#include "base/password.h"
#include "base/text.h"
#include "ca/login.h"
#include "protocols/est/endpoint.h"

/* E17: ten wrong ones in a row end the right one, too, for a quarter of an hour; it is in the log. */
static void test_ten_failures_lock_E17(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "alice");
	est_house_add_user(h, &(struct user){ .name = "alice" }, NULL);
	for (unsigned i = 0; i < 9; i++)
		ASSERT_SENT(h, 401, .user = "alice", .password = "wrong", .csr = csr);
	ASSERT_SENT(h, 200, .user = "alice", .csr = csr); /* nine are forgiven */
	assert_int_equal(est_house_user(h, "alice").failures, 0);
	for (unsigned i = 0; i < 10; i++)
		ASSERT_SENT(h, 401, .user = "alice", .password = "wrong", .csr = csr);
	assert_int_equal(est_house_entries(h, "credential.locked"), 1);
	ASSERT_SENT(h, 401, .user = "alice", .csr = csr); /* its password is known to be right, and does not help */
	advance(899);
	ASSERT_SENT(h, 401, .user = "alice", .csr = csr);
	assert_int_equal(est_house_user(h, "alice").failures, 0); /* tries while it is locked prolong nothing */
	advance(1);
	ASSERT_SENT(h, 200, .user = "alice", .csr = csr);
	assert_int_equal(est_house_entries(h, "credential.locked"), 1);
}

static result disable(struct op *op, struct ledger_tx *tx, void *arg)
{
	return user_set_enabled(op, ledger_db(tx), "est", arg, false);
}

/* S10: unknown, wrong, disabled, of another label: the same words. */
static void test_all_refusals_say_the_same_S10(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "alice");
	est_house_add_user(h, &(struct user){ .name = "alice" }, NULL);
	est_house_add_user(h, &(struct user){ .name = "off" }, NULL);
	est_house_add_user(h, &(struct user){ .name = "elsewhere", .endpoint = "manual" }, NULL);
	assert_ok(h->op, ledger_run(h->op, h->fake->authority->ledger, disable, (char *)(uintptr_t) "off"));
	struct est_answer wrong = ASSERT_SENT(h, 401, .user = "alice", .password = "wrong", .csr = csr);
	static const char *const users[] = { "nobody", "off", "elsewhere", "bad name", "" };
	for (unsigned i = 0; i < sizeof users / sizeof users[0]; i++) {
		struct est_answer a = ASSERT_SENT(h, 401, .user = users[i], .csr = csr);
		assert_string_equal(a.body, wrong.body);
		assert_string_equal(a.challenges, wrong.challenges);
	}
	ASSERT_SENT(h, 202, .path = "manual/simpleenroll", .user = "elsewhere", .csr = EST_CSR(h, .cn = "elsewhere"));
}

static result change_password(struct op *op, struct ledger_tx *tx, void *arg)
{
	return user_set_verifier(op, ledger_db(tx), "est", "alice", arg, BYTES_NONE);
}

/* A password that was right a moment ago is wrong with the next verifier, whoever has remembered it. */
static void test_a_new_password_ends_the_old_one(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "alice");
	est_house_add_user(h, &(struct user){ .name = "alice" }, NULL);
	ASSERT_SENT(h, 200, .user = "alice", .csr = csr);
	ASSERT_SENT(h, 200, .user = "alice", .csr = csr);
	const char *verifier = password_verifier(h->op->arena, BYTES_LITERAL("another one"));
	assert_ok(h->op, ledger_run(h->op, h->fake->authority->ledger, change_password, (char *)(uintptr_t)verifier));
	ASSERT_SENT(h, 401, .user = "alice", .csr = csr);
	ASSERT_SENT(h, 200, .user = "alice", .password = "another one", .csr = csr);
}

static void test_headers_that_are_none(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "alice");
	static const char *const headers[] = { "Basic", "Basic ", "Basic !!!!", "Basic YWxpY2U=", "Basic YWxpY2U", "Negotiate abc",
					       "Bearer ", "Bearer a b", "Digest", "Digest realm", "" };
	est_house_add_user(h, &(struct user){ .name = "alice" }, NULL);
	for (unsigned i = 0; i < sizeof headers / sizeof headers[0]; i++)
		ASSERT_SENT(h, 400, .authorization = headers[i], .csr = csr);
	ASSERT_SENT(h, 400, .user = "alice", .second_authorization = "Bearer x", .csr = csr);
	ASSERT_SENT(h, 200, .authorization = "bAsIc  YWxpY2U6Y29ycmVjdCBob3JzZQ==", .csr = csr);
}

/* ---- Digest, RFC 7616 ---- */

struct digest_user {
	const char *nonce, *user, *password, *realm, *uri, *more;
	bool is_flipped;
};

static void put_hash(struct op *op, const char *text, char out[65])
{
	uint8_t hash[SHA256_SIZE];
	bytes_sha256(bytes_of_text(text), hash);
	snprintf(out, 65, "%s", bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(hash)));
}

/* As a client computes it, by itself. */
static const char *digest_header(struct est_house *h, const struct digest_user *d)
{
	struct arena *arena = h->op->arena;
	char h1[65], h2[65], response[65];
	const char *uri = d->uri != NULL ? d->uri : "/.well-known/est/simpleenroll", *realm = d->realm != NULL ? d->realm : "est default";
	put_hash(h->op, arena_printf(arena, "%s:%s:%s", d->user, realm, d->password != NULL ? d->password : EST_PASSWORD), h1);
	put_hash(h->op, arena_printf(arena, "POST:%s", uri), h2);
	put_hash(h->op, arena_printf(arena, "%s:%s:00000001:c0ffee:auth:%s", h1, d->nonce, h2), response);
	if (d->is_flipped)
		response[0] = response[0] == 'a' ? 'b' : 'a';
	return arena_printf(arena,
			    "Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", algorithm=SHA-256, response=\"%s\", "
			    "qop=auth, nc=00000001, cnonce=\"c0ffee\"%s", d->user, realm, d->nonce, uri, response,
			    d->more != NULL ? d->more : "");
}
#define DIGEST(house, n, u, ...) digest_header((house), &(struct digest_user){ .nonce = (n), .user = (u), ##__VA_ARGS__ })

static const char *nonce_of(struct est_house *h, const struct est_answer *answer)
{
	const char *nonce = strstr(answer->challenges, "nonce=\"");
	assert_non_null(nonce);
	nonce += strlen("nonce=\"");
	return arena_text_n(h->op->arena, nonce, strcspn(nonce, "\""));
}

static void add_digest_user(struct est_house *h, const char *name)
{
	uint8_t *ha1 = arena_alloc(h->op->arena, SHA256_SIZE);
	login_digest_ha1(name, login_realm(h->op->arena, "est", "default"), bytes_of_text(EST_PASSWORD), ha1);
	est_house_add_user(h, &(struct user){ .name = name, .endpoint = "default", .digest_ha1 = { ha1, SHA256_SIZE } }, NULL);
}

static void test_digest(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "dig");
	struct est_answer a = ASSERT_SENT(h, 401, .csr = csr);
	assert_null(strstr(a.challenges, "Digest")); /* nobody has it */
	add_digest_user(h, "dig");
	a = ASSERT_SENT(h, 401, .csr = csr);
	assert_true(text_has_prefix(a.challenges, "Digest realm=\"est default\", qop=\"auth\", algorithm=SHA-256, nonce=\""));
	assert_non_null(strstr(a.challenges, "\nBasic realm="));
	const char *nonce = nonce_of(h, &a);
	ASSERT_SENT(h, 200, .authorization = DIGEST(h, nonce, "dig"), .csr = csr);
	ASSERT_SENT(h, 401, .authorization = DIGEST(h, nonce, "dig", .password = "wrong"), .csr = csr);
	assert_int_equal(est_house_user(h, "dig").failures, 1);
	ASSERT_SENT(h, 401, .authorization = DIGEST(h, nonce, "dig", .is_flipped = true), .csr = csr);
	ASSERT_SENT(h, 401, .authorization = DIGEST(h, nonce, "dig", .uri = "/.well-known/est/cacerts"), .csr = csr);
	ASSERT_SENT(h, 401, .authorization = DIGEST(h, nonce, "dig", .realm = "est manual"), .csr = csr);
	ASSERT_SENT(h, 401, .authorization = DIGEST(h, nonce, "nobody"), .csr = csr);
	assert_int_equal(est_house_user(h, "dig").failures, 4);
	ASSERT_SENT(h, 200, .user = "dig", .csr = csr); /* Basic as well */
	est_house_add_user(h, &(struct user){ .name = "plain" }, NULL);
	ASSERT_SENT(h, 401, .authorization = DIGEST(h, nonce, "plain"), .csr = EST_CSR(h, .cn = "plain"));

	static const char *const more[] = { ", nonce=\"x\"", ", userhash=true", ", qop=auth", " x", ", =x" };
	for (unsigned i = 0; i < sizeof more / sizeof more[0]; i++)
		ASSERT_SENT(h, 400, .authorization = DIGEST(h, nonce, "dig", .more = more[i]), .csr = csr);
	ASSERT_SENT(h, 400, .authorization = "Digest username=\"dig\", realm=\"est default\", nonce=\"x\", uri=\"/\", "
					     "response=\"00\", qop=auth, nc=00000001, cnonce=\"1\"", .csr = csr); /* MD5 */
}

/* A nonce lives five minutes, on any node; one that is too old is said to be, and counts for nothing; one of nobody, too. */
static void test_nonces_of_digest(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "dig");
	add_digest_user(h, "dig");
	struct fake_node *node = fake_node_open(h->fake);
	struct est_house other = *h;
	other.est = est_new(node->authority);
	other.routes = routes_new();
	est_routes_add(other.est, other.routes);
	struct est_answer a = ASSERT_SENT(h, 401, .csr = csr);
	const char *nonce = nonce_of(h, &a);
	ASSERT_SENT(&other, 200, .authorization = DIGEST(h, nonce, "dig"), .csr = csr);
	advance(300);
	a = ASSERT_SENT(&other, 401, .authorization = DIGEST(h, nonce, "dig"), .csr = csr);
	assert_non_null(strstr(a.challenges, ", stale=true"));
	ASSERT_SENT(h, 200, .authorization = DIGEST(h, nonce_of(h, &a), "dig"), .csr = csr);
	a = ASSERT_SENT(h, 401, .authorization = DIGEST(h, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "dig"), .csr = csr);
	assert_null(strstr(a.challenges, "stale"));
	ASSERT_SENT(h, 401, .authorization = DIGEST(h, "no nonce", "dig"), .csr = csr);
	assert_int_equal(est_house_user(h, "dig").failures, 0);
	ASSERT_SENT(h, 401, .authorization = DIGEST(h, nonce, "dig", .password = "wrong"), .csr = csr);
	assert_int_equal(est_house_user(h, "dig").failures, 1);
	routes_free(&other.routes);
	est_free(&other.est);
	fake_node_close(&node);
}

/* A stranger cannot fill the log. */
static void test_refusals_in_the_log_are_bounded(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "x");
	for (unsigned i = 0; i < 100; i++)
		ASSERT_SENT(h, 401, .token = "guess", .csr = csr);
	assert_int_equal(est_house_entries(h, "authentication.refused"), 60);
	advance(60);
	ASSERT_SENT(h, 401, .token = "guess", .csr = csr);
	assert_int_equal(est_house_entries(h, "authentication.refused"), 61);
}

/* A flood of wrong passwords takes no more than its places: who is new has to come again, who is known gets in. */
static void test_a_flood_of_passwords_has_its_bounds(void **state)
{
	struct est_house *h = *state;
	struct known_credentials *known = h->est->known;
	struct bytes csr = EST_CSR(h, .cn = "alice");
	est_house_add_user(h, &(struct user){ .name = "alice" }, NULL);
	ASSERT_SENT(h, 200, .user = "alice", .csr = csr);
	for (unsigned i = 0; i < LIMIT_PASSWORD_CHECKS; i++)
		assert_true(known_credentials_enter(known));
	assert_false(known_credentials_enter(known));
	struct est_answer a = ASSERT_SENT(h, 503, .user = "alice", .password = "wrong", .csr = csr);
	assert_non_null(a.retry_after);
	assert_string_equal(ASSERT_SENT(h, 503, .user = "nobody", .password = "wrong", .csr = csr).body, a.body);
	assert_int_equal(est_house_user(h, "alice").failures, 0);
	ASSERT_SENT(h, 200, .user = "alice", .csr = csr);
	for (unsigned i = 0; i < LIMIT_PASSWORD_CHECKS; i++)
		known_credentials_leave(known);
	for (unsigned i = 0; i < LIMIT_PASSWORD_CHECKS + 1; i++)
		ASSERT_SENT(h, 401, .user = "nobody", .password = "wrong", .csr = csr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_ten_failures_lock_E17),
		SCENE(test_all_refusals_say_the_same_S10),
		SCENE(test_a_new_password_ends_the_old_one),
		SCENE(test_headers_that_are_none),
		SCENE(test_digest),
		SCENE(test_nonces_of_digest),
		SCENE(test_refusals_in_the_log_are_bounded),
		SCENE(test_a_flood_of_passwords_has_its_bounds),
	};
	return RUN_SCENES(tests);
}
