/* Where an MDM gets challenges: users, names, limits, and the page of NDES. */
#include "tests/unit/scep_scene.h"

#include <string.h>

#include "base/limits.h"
#include "base/password.h"
#include "base/text.h"
#include "store/credentials.h"

#define PASSWORD "correct horse"
#define OPS "ops:" PASSWORD

static result insert_user(struct op *op, struct ledger_tx *tx, void *arg)
{
	return user_insert(op, ledger_db(tx), arg);
}

static void add_user(struct scep_house *h, const char *name, const char *names, bool is_registrar)
{
	struct user user = { .name = name, .door = "scep", .names = names, .is_registrar = is_registrar, .is_enabled = true,
			     .verifier = password_verifier(h->op->arena, BYTES_LITERAL(PASSWORD)), .created_s = clock_now_s() };
	assert_ok(h->op, ledger_run(h->op, h->fake->authority->ledger, insert_user, &user));
}

static const char *body_of(struct scep_house *h, const struct scep_seen *seen)
{
	return arena_text_n(h->op->arena, (const char *)seen->body.p, seen->body.n);
}

/* The text between two others. */
static const char *between(struct scep_house *h, const char *text, const char *before, const char *after)
{
	const char *from = strstr(text, before);
	assert_non_null(from);
	from += strlen(before);
	const char *to = strstr(from, after);
	assert_non_null(to);
	return arena_text_n(h->op->arena, from, (size_t)(to - from));
}

#define ASK "/scep/default/challenge"

/* What the user may ask for, and the challenge is good for that and nothing else (S1, V21). */
static void test_challenges_for_named_names_S1_V21(void **state)
{
	struct scep_house *h = *state;
	add_user(h, "ops", "[\"cn:dev-1\",\"dns:*.phones.example\"]", false);
	struct scep_seen seen = ASSERT_HTTP(h, 200, .target = ASK, .on = ON_HTTPS, .credentials = OPS,
					    .body = "{\"names\":[\"dns:a.phones.example\"],\"ttl\":\"10m\"}");
	assert_string_equal(seen.content_type, "application/json");
	const char *challenge = between(h, body_of(h, &seen), "\"challenge\":\"", "\"");
	ASSERT_REFUSED(h, .content = SCEP_CSR(h, .dns = "b.phones.example", .challenge = challenge));
	ASSERT_SENT(h, SUCCESS, -1, .content = SCEP_CSR(h, .dns = "a.phones.example", .challenge = challenge));
	static const struct {
		int status;
		const char *body;
	} refused[] = {
		{ 403, "{\"names\":[\"dns:a.tablets.example\"]}" },
		{ 403, "{\"names\":[\"cn:dev-1\",\"cn:dev-2\"]}" },
		{ 403, "{\"names\":[\"dns:*.phones.example\"]}" },
		{ 400, "{\"names\":[]}" },
		{ 400, "{}" },
		{ 400, "[]" },
		{ 400, "{\"names\":[\"dns:a.phones.example\"],\"ttl\":\"91d\"}" },
	};
	for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++)
		ASSERT_HTTP(h, refused[i].status, .target = ASK, .on = ON_HTTPS, .credentials = OPS, .body = refused[i].body);
	assert_int_equal(scep_house_count(h, "enrollment_token"), 1);
	assert_int_equal(scep_house_entries(h, "credential.created"), 1);
}

/* The page, and the words by which others find the challenge on it. */
static void test_the_page_of_ndes(void **state)
{
	struct scep_house *h = *state;
	static const char *const paths[] = { "/scep/default/mscep_admin", "/scep/default/mscep_admin/", "/scep/default/certsrv/mscep_admin",
					     "/scep/default/certsrv/mscep_admin/" };
	add_user(h, "ops", "[\"cn:dev-1\",\"dns:*.phones.example\"]", false);
	add_user(h, "mdm", "[]", true);
	for (unsigned i = 0; i < 4; i++) {
		struct scep_seen seen = ASSERT_HTTP(h, 200, .target = paths[i], .on = ON_HTTPS, .credentials = OPS);
		assert_true(text_has_prefix(seen.content_type, "text/html"));
		const char *page = body_of(h, &seen);
		assert_int_equal(strlen(between(h, page, "CA certificate is: <B> ", " </B>")), 44);
		const char *challenge = between(h, page, "The enrollment challenge password is: <B> ", " </B>");
		const char *dns = arena_printf(h->op->arena, "d%u.phones.example", i);
		const char *transaction = arena_printf(h->op->arena, "t-%u", i);
		ASSERT_REFUSED(h, .transaction = transaction, .content = SCEP_CSR(h, .cn = "dev-2", .dns = dns, .challenge = challenge));
		ASSERT_SENT(h, SUCCESS, -1, .transaction = transaction,
			    .content = SCEP_CSR(h, .cn = "dev-1", .dns = dns, .challenge = challenge));
	}
	struct scep_seen seen = ASSERT_HTTP(h, 200, .target = paths[0], .on = ON_HTTPS, .credentials = "mdm:" PASSWORD);
	const char *challenge = between(h, body_of(h, &seen), "password is: <B> ", " </B>");
	ASSERT_SENT(h, SUCCESS, -1, .transaction = "any", .content = SCEP_CSR(h, .cn = "serial 17", .challenge = challenge));
}

/* S10: over TLS, by who knows the password; E17: ten wrong ones lock. */
static void test_who_gets_challenges_S10_E17(void **state)
{
	struct scep_house *h = *state;
	static const char body[] = "{\"names\":[\"cn:ops\"]}";
	add_user(h, "ops", "[]", false);
	ASSERT_HTTP(h, 404, .target = ASK, .credentials = OPS, .body = body); /* on plain HTTP there is no such address */
	ASSERT_HTTP(h, 404, .target = "/scep/default/mscep_admin", .credentials = OPS);
	ASSERT_HTTP(h, 404, .target = "/scep/static/challenge", .on = ON_HTTPS, .credentials = OPS, .body = body); /* takes none */
	ASSERT_HTTP(h, 401, .target = ASK, .on = ON_HTTPS, .body = body);
	assert_int_equal(scep_house_entries(h, "authentication.refused"), 0);
	ASSERT_HTTP(h, 401, .target = ASK, .on = ON_HTTPS, .credentials = "token:" PASSWORD, .body = body);
	ASSERT_HTTP(h, 401, .target = ASK, .on = ON_HTTPS, .credentials = "nobody:" PASSWORD, .body = body);
	ASSERT_HTTP(h, 200, .target = ASK, .on = ON_HTTPS, .credentials = OPS, .body = body); /* its own name */
	ASSERT_HTTP(h, 403, .target = ASK, .on = ON_HTTPS, .credentials = OPS, .body = "{\"names\":[\"cn:bob\"]}");
	for (unsigned i = 0; i < LIMIT_LOGIN_FAILURES; i++)
		ASSERT_HTTP(h, 401, .target = ASK, .on = ON_HTTPS, .credentials = "ops:wrong", .body = body);
	ASSERT_HTTP(h, 401, .target = ASK, .on = ON_HTTPS, .credentials = OPS, .body = body);
	advance(LIMIT_LOGIN_LOCK_S + 1);
	ASSERT_HTTP(h, 200, .target = ASK, .on = ON_HTTPS, .credentials = OPS, .body = body);
	assert_int_equal(scep_house_entries(h, "credential.locked"), 1);
}

static result fill_up(struct op *op, struct ledger_tx *tx, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < LIMIT_SCEP_CHALLENGES; i++) {
		const uint8_t hash[SHA256_SIZE] = { (uint8_t)i, (uint8_t)(i >> 8) };
		const struct one_time_token token = { .hash = BYTES_ARRAY(hash), .door = "scep", .endpoint = "default", .names = "[]",
						      .made_by = "scep-user:ops", .created_s = clock_now_s(),
						      .expires_s = clock_now_s() + 3600 };
		TRY(one_time_token_insert(op, ledger_db(tx), &token));
	}
	return OK;
}

/* F21: a user who only makes challenges comes to an end. */
static void test_open_challenges_are_bounded_F21(void **state)
{
	struct scep_house *h = *state;
	static const char body[] = "{\"names\":[\"cn:ops\"]}";
	add_user(h, "ops", "[]", false);
	add_user(h, "others", "[]", false);
	assert_ok(h->op, ledger_run(h->op, h->fake->authority->ledger, fill_up, NULL));
	ASSERT_HTTP(h, 429, .target = ASK, .on = ON_HTTPS, .credentials = OPS, .body = body);
	ASSERT_HTTP(h, 200, .target = ASK, .on = ON_HTTPS, .credentials = "others:" PASSWORD, .body = "{\"names\":[\"cn:others\"]}");
	advance(3601);
	ASSERT_HTTP(h, 200, .target = ASK, .on = ON_HTTPS, .credentials = OPS, .body = body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_challenges_for_named_names_S1_V21),
		SCENE(test_the_page_of_ndes),
		SCENE(test_who_gets_challenges_S10_E17),
		SCENE(test_open_challenges_are_bounded_F21),
	};
	return RUN_SCENES(tests);
}
