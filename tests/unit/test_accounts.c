/* The rows of accounts, and their keys, over the store (A20, J4). */
#include "store/accounts.h"

#include "tests/unit/store_fixture.h"

static const struct account sample = {
	.id = "acct1", .endpoint = "tls", .status = ACCOUNT_VALID, .thumbprint = "thumb1", .jwk = "{\"kty\":\"EC\"}",
	.contact = "[\"mailto:a@example\"]", .terms_agreed = true, .created_s = 1700000000,
};

static void assert_sample(const struct account *account)
{
	assert_string_equal(account->id, sample.id);
	assert_string_equal(account->endpoint, sample.endpoint);
	assert_int_equal(account->status, sample.status);
	assert_string_equal(account->thumbprint, sample.thumbprint);
	assert_string_equal(account->jwk, sample.jwk);
	assert_string_equal(account->contact, sample.contact);
	assert_true(account->terms_agreed);
	assert_int_equal(account->created_s, sample.created_s);
}

static void comes_back_as_it_was(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct account found;
	assert_ok(op, account_insert(op, place->db, &sample));
	assert_ok(op, account_load(op, place->db, "tls", "acct1", &found));
	assert_sample(&found);
	assert_ok(op, account_load_by_thumbprint(op, place->db, "tls", "thumb1", &found));
	assert_sample(&found);
}

/* J9: an id counts at its own endpoint only, and as exact bytes. */
static void others_do_not_find_it(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct account found;
	assert_ok(op, account_insert(op, place->db, &sample));
	assert_err(op, ERR_NOT_FOUND, account_load(op, place->db, "devices", "acct1", &found));
	assert_err(op, ERR_NOT_FOUND, account_load(op, place->db, "tls", "ACCT1", &found));
	assert_err(op, ERR_NOT_FOUND, account_load(op, place->db, "tls", "%", &found));
	assert_err(op, ERR_NOT_FOUND, account_load_by_thumbprint(op, place->db, "devices", "thumb1", &found));
}

/* RFC 8555 section 7.3.1: one account per key and endpoint. */
static void a_key_has_one_account(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	bool known = true;
	assert_ok(op, account_has_key(op, place->db, "thumb1", &known));
	assert_false(known);
	assert_ok(op, account_insert(op, place->db, &sample));
	struct account second = sample;
	second.id = "acct2";
	assert_err(op, ERR_CONFLICT, account_insert(op, place->db, &second));
	second.endpoint = "devices";
	assert_ok(op, account_insert(op, place->db, &second));
	assert_ok(op, account_has_key(op, place->db, "thumb1", &known)); /* A25, N7 */
	assert_true(known);
	assert_ok(op, account_has_key(op, place->db, "thumb", &known));
	assert_false(known);
}

/* RFC 8555 section 7.3.6: there is no way back. */
static void deactivation_is_final(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct account found;
	assert_ok(op, account_insert(op, place->db, &sample));
	assert_ok(op, account_update_contact(op, place->db, "acct1", "[]"));
	assert_ok(op, account_update_status(op, place->db, "acct1", ACCOUNT_DEACTIVATED));
	assert_err(op, ERR_CONFLICT, account_update_status(op, place->db, "acct1", ACCOUNT_VALID));
	assert_err(op, ERR_CONFLICT, account_update_contact(op, place->db, "acct1", "[\"mailto:b@example\"]"));
	assert_err(op, ERR_CONFLICT, account_update_status(op, place->db, "absent", ACCOUNT_REVOKED));
	assert_ok(op, account_load(op, place->db, "tls", "acct1", &found));
	assert_int_equal(found.status, ACCOUNT_DEACTIVATED);
	assert_string_equal(found.contact, "[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(comes_back_as_it_was),
		STORE_TEST(others_do_not_find_it),
		STORE_TEST(a_key_has_one_account),
		STORE_TEST(deactivation_is_final),
	};
	return RUN_TESTS(tests);
}
