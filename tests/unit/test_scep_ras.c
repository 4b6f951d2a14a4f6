/*
 * RAs of SCEP endpoints, over the token in memory and on two nodes: one key and
 * one certificate for all, renewed in time, replaced when revoked, and a key that
 * says nothing about what it could not decrypt.
 */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <pthread.h>
#include <string.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "ca/revoke.h"
#include "ca/scep_ras.h"
#include "ca/sign.h"
#include "store/scep_ras.h"
#include "tests/fake/fake_authority.h"
#include "tests/fake/fake_token.h"

#define DAY_S INT64_C(86400)

static struct fake_authority *house;
static struct fake_node *node;
static struct authority *a, *b; /* a is the house's, b the other node's */
static struct scep_ras *ras_a, *ras_b;
static int64_t start_s;

static int open_nodes(void **state)
{
	house = fake_authority_new();
	struct config *config = house->config;
	config->profiles = arena_alloc_array(house->arena, 1, sizeof *config->profiles);
	config->profiles[0] = (struct config_profile){ .name = "device", .ca = "issuing", .door = DOOR_SCEP };
	config->n_profiles = 1;
	config->scep = arena_alloc_array(house->arena, 2, sizeof *config->scep);
	config->scep[0] = (struct config_scep){ .name = "mdm", .profile = "device", .ra_key = KEY_RSA2048 };
	config->scep[1] = (struct config_scep){ .name = "office", .profile = "device", .ra_key = KEY_RSA2048 };
	config->n_scep = 1;
	node = fake_node_open(house);
	a = house->authority;
	b = node->authority;
	ras_a = scep_ras_new(a);
	ras_b = scep_ras_new(b);
	start_s = clock_now_s();
	return op_setup(state);
}

static int close_nodes(void **state)
{
	clock_fix(-1);
	fake_token_set_faults(NULL);
	scep_ras_free(&ras_a);
	scep_ras_free(&ras_b);
	fake_node_close(&node);
	fake_authority_free(&house);
	return op_teardown(state);
}

#define RAS_TEST(function) cmocka_unit_test_setup_teardown(function, open_nodes, close_nodes)

static struct scep_ra *pinned(struct op *op, struct scep_ras *ras)
{
	struct scep_ra *ra;
	assert_ok(op, scep_ra_pin(op, ras, "mdm", &ra));
	return ra;
}

static void has_none(struct op *op, struct scep_ras *ras)
{
	struct scep_ra *ra = NULL;
	assert_err(op, ERR_BUSY, scep_ra_pin(op, ras, "mdm", &ra));
	assert_null(ra);
}

/* What the store has of the endpoint, the newest first. */
static struct scep_ra_row *stored(struct op *op, const char *endpoint, unsigned *n)
{
	struct scep_ra_row *rows;
	STORE_LEASE(lease);
	assert_ok(op, store_read(op, a->store, &lease));
	assert_ok(op, scep_ra_list(op, lease.db, endpoint, 100, &rows, n));
	return rows;
}

/* Certificates that were made for RAs, whether somebody was shown them or not. */
static unsigned count_certificates(struct op *op)
{
	const struct certificate_filter filter = { .profile = "scep-ra", .limit = 100 };
	struct certificate *rows;
	unsigned n;
	STORE_LEASE(lease);
	assert_ok(op, store_read(op, a->store, &lease));
	assert_ok(op, certificate_list(op, lease.db, &filter, &rows, &n));
	return n;
}

static X509 *parsed(struct bytes der)
{
	const uint8_t *p = der.p;
	X509 *certificate = d2i_X509(NULL, &p, (long)der.n);
	assert_non_null(certificate);
	return certificate;
}

/* SP16: an RSA RA in front of an EC CA. */
static void an_ra_is_made_once_for_all_nodes(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(of_a);
	SCEP_RA_PIN(of_b);
	has_none(op, ras_a);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	assert_ok(op, scep_ras_refresh(op, ras_b));
	of_a = pinned(op, ras_a);
	of_b = pinned(op, ras_b);
	assert_true(bytes_equal(of_a->certificate, of_b->certificate));
	assert_true(bytes_equal(of_a->key.spki, of_b->key.spki));
	assert_string_equal(of_a->key.label, "scep mdm");
	assert_int_equal(of_a->key.type, KEY_RSA2048);
	assert_int_equal(of_a->n_earlier, 0);
	assert_ptr_equal(of_a->ca, house->issuing);
	assert_ptr_equal(of_b->ca, node->issuing);
	assert_int_equal(of_a->ca->key.type, KEY_P256);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	assert_int_equal(count_certificates(op), 1);

	AUTO(X509) *certificate = parsed(of_a->certificate);
	assert_int_equal(X509_verify(certificate, house->issuing->public_key), 1);
	assert_int_equal(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	AUTO(EVP_PKEY) *public_key = X509_get_pubkey(certificate);
	assert_int_equal(EVP_PKEY_eq(public_key, fake_token_key("scep mdm")), 1);
}

static void *refresh_in_thread(void *ras)
{
	struct op *op = op_new();
	result r = scep_ras_refresh(op, ras);
	op_free(&op);
	return r.err == ERR_NONE ? ras : NULL;
}

static void two_nodes_at_once_make_one(void **state)
{
	struct op *op = *state;
	pthread_t threads[2];
	struct scep_ras *both[] = { ras_a, ras_b };
	SCEP_RA_PIN(of_a);
	SCEP_RA_PIN(of_b);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, refresh_in_thread, both[i]), 0);
	for (unsigned i = 0; i < 2; i++) {
		void *is_ok;
		assert_int_equal(pthread_join(threads[i], &is_ok), 0);
		assert_non_null(is_ok);
	}
	assert_ok(op, scep_ras_refresh(op, ras_a)); /* whoever came second reads it */
	assert_ok(op, scep_ras_refresh(op, ras_b));
	of_a = pinned(op, ras_a);
	of_b = pinned(op, ras_b);
	assert_true(bytes_equal(of_a->certificate, of_b->certificate));
	assert_int_equal(count_certificates(op), 1);
}

static result take_turn(struct op *op, struct ledger_tx *tx, void *arg UNUSED)
{
	return scep_ra_take_turn(op, ledger_db(tx), "mdm", 1, "a-node-that-died", clock_now_s());
}

static result take_turn_ahead(struct op *op, struct ledger_tx *tx, void *arg UNUSED)
{
	return scep_ra_take_turn(op, ledger_db(tx), "mdm", 1, "a-node-that-died", clock_now_s() + 100 * DAY_S);
}

static void the_turn_of_a_dead_node_ends(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(ra);
	clock_fix(start_s);
	assert_ok(op, ledger_run(op, a->ledger, take_turn, NULL));
	assert_err(op, ERR_CONFLICT, ledger_run(op, b->ledger, take_turn, NULL));
	assert_ok(op, scep_ras_refresh(op, ras_a));
	has_none(op, ras_a);
	assert_int_equal(count_certificates(op), 0);
	clock_fix(start_s + SCEP_RA_TURN_S);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	ra = pinned(op, ras_a);
	assert_int_equal(ra->generation, 1);
}

static void a_turn_of_a_wrong_clock_counts_for_nothing(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(ra);
	assert_ok(op, ledger_run(op, a->ledger, take_turn_ahead, NULL));
	assert_ok(op, scep_ras_refresh(op, ras_b));
	ra = pinned(op, ras_b);
	assert_int_equal(ra->generation, 1);
}

static void a_renewal_has_the_same_key_and_keeps_the_old_certificate(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(first);
	SCEP_RA_PIN(second);
	SCEP_RA_PIN(third);
	SCEP_RA_PIN(of_b);
	clock_fix(start_s);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	first = pinned(op, ras_a);
	clock_fix(start_s + 242 * DAY_S); /* two thirds are 243 days and 8 hours */
	assert_ok(op, scep_ras_refresh(op, ras_a));
	assert_int_equal(count_certificates(op), 1);

	clock_fix(start_s + 244 * DAY_S);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	assert_ok(op, scep_ras_refresh(op, ras_b));
	second = pinned(op, ras_a);
	of_b = pinned(op, ras_b);
	assert_int_equal(second->generation, 2);
	assert_true(bytes_equal(second->key.spki, first->key.spki));
	assert_false(bytes_equal(second->certificate, first->certificate));
	assert_int_equal(second->n_earlier, 1);
	assert_true(bytes_equal(second->earlier[0], first->certificate));
	assert_true(bytes_equal(of_b->certificate, second->certificate));
	assert_true(bytes_equal(of_b->earlier[0], first->certificate));
	assert_int_equal(first->n_earlier, 0); /* who has pinned it sees no change */

	clock_fix(start_s + 365 * DAY_S);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	third = pinned(op, ras_a);
	assert_int_equal(third->generation, 2);
	assert_int_equal(third->n_earlier, 0);
	assert_int_equal(count_certificates(op), 2);
}

static void an_ra_ends_with_its_ca_and_is_not_made_again_and_again(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(ra);
	struct scep_ra *none = NULL;
	int64_t end_s = house->issuing->not_after_s;
	clock_fix(end_s - 30 * DAY_S);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	ra = pinned(op, ras_a);
	assert_true(ra->not_after_s == end_s);
	clock_fix(end_s - 1 * DAY_S);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	assert_int_equal(count_certificates(op), 1);
	clock_fix(end_s);
	assert_err(op, ERR_BUSY, scep_ra_pin(op, ras_a, "mdm", &none));
}

static const char *newest_serial(struct op *op)
{
	unsigned n;
	struct scep_ra_row *rows = stored(op, "mdm", &n);
	assert_true(n > 0);
	return rows[0].serial;
}

static void after_a_revocation_there_is_another_key(void **state)
{
	struct op *op = *state;
	struct revocation revocation;
	SCEP_RA_PIN(first);
	SCEP_RA_PIN(second);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	assert_ok(op, scep_ras_refresh(op, ras_b));
	first = pinned(op, ras_a);
	assert_ok(op, certificate_revoke(op, a, newest_serial(op), REASON_SUPERSEDED, true, &revocation));
	assert_ok(op, scep_ras_refresh(op, ras_b));
	second = pinned(op, ras_b);
	assert_false(bytes_equal(second->key.spki, first->key.spki));
	assert_string_equal(second->key.label, "scep mdm 2");
	assert_int_equal(second->n_earlier, 0);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	scep_ra_unpin(&first);
	first = pinned(op, ras_a);
	assert_true(bytes_equal(second->certificate, first->certificate));
	assert_int_equal(count_certificates(op), 2);
}

/* The certificate before was revoked because of the key, and the key is in the one of now, too. */
static void a_blocked_key_goes_with_all_its_certificates(void **state)
{
	struct op *op = *state;
	struct revocation revocation;
	SCEP_RA_PIN(ra);
	clock_fix(start_s);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	const char *first = newest_serial(op);
	clock_fix(start_s + 244 * DAY_S);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	assert_ok(op, certificate_revoke(op, a, first, REASON_KEY_COMPROMISE, true, &revocation));
	assert_ok(op, scep_ras_refresh(op, ras_a));
	ra = pinned(op, ras_a);
	assert_string_equal(ra->key.label, "scep mdm 3");
	assert_int_equal(ra->n_earlier, 0);
}

static void a_revoked_ra_is_not_used_while_the_token_is_away(void **state)
{
	struct op *op = *state;
	struct revocation revocation;
	assert_ok(op, scep_ras_refresh(op, ras_a));
	assert_ok(op, certificate_revoke(op, a, newest_serial(op), REASON_SUPERSEDED, true, &revocation));
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BUSY });
	assert_err(op, ERR_BUSY, scep_ras_refresh(op, ras_a));
	has_none(op, ras_a);
}

static void while_the_token_is_away_the_old_one_goes_on(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(first);
	SCEP_RA_PIN(still);
	clock_fix(start_s);
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BUSY });
	assert_err(op, ERR_BUSY, scep_ras_refresh(op, ras_a));
	has_none(op, ras_a);
	fake_token_set_faults(NULL);
	assert_ok(op, scep_ras_refresh(op, ras_b)); /* at once: the turn was given back */
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BUSY });
	assert_err(op, ERR_BUSY, scep_ras_refresh(op, ras_a));
	first = pinned(op, ras_a); /* of the other node; GetCACert needs no token */

	clock_fix(start_s + 244 * DAY_S);
	assert_err(op, ERR_BUSY, scep_ras_refresh(op, ras_a));
	still = pinned(op, ras_a);
	assert_true(bytes_equal(still->certificate, first->certificate));
	fake_token_set_faults(NULL);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	scep_ra_unpin(&still);
	still = pinned(op, ras_a);
	assert_int_equal(still->generation, 2);
	assert_int_equal(count_certificates(op), 2);
}

/* The key was made, and then the token went away: the next attempt takes that key. */
static void a_key_that_was_made_is_not_made_again(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(ra);
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BUSY, .fail_after = 1 });
	assert_err(op, ERR_BUSY, scep_ras_refresh(op, ras_a));
	has_none(op, ras_a);
	const EVP_PKEY *made = fake_token_key("scep mdm");
	assert_non_null(made);
	fake_token_set_faults(NULL);
	assert_ok(op, scep_ras_refresh(op, ras_b));
	ra = pinned(op, ras_b);
	assert_string_equal(ra->key.label, "scep mdm");
	assert_ptr_equal(fake_token_key("scep mdm"), made);
	assert_int_equal(ra->generation, 1);
}

static void a_node_whose_token_lacks_the_key_does_not_pretend(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(ra);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_NOT_FOUND });
	assert_err(op, ERR_NOT_FOUND, scep_ras_refresh(op, ras_b));
	has_none(op, ras_b);
	fake_token_set_faults(NULL); /* somebody has brought it */
	assert_ok(op, scep_ras_refresh(op, ras_b));
	ra = pinned(op, ras_b);
	assert_ok(op, scep_ras_check_keys(op, b, b->token));
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_NOT_FOUND });
	assert_err(op, ERR_NOT_FOUND, scep_ras_check_keys(op, b, b->token));
}

static void another_type_in_the_configuration_is_another_key(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(ra);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	house->config->scep[0].ra_key = KEY_RSA3072;
	assert_ok(op, scep_ras_refresh(op, ras_a));
	assert_ok(op, scep_ras_refresh(op, ras_a));
	ra = pinned(op, ras_a);
	assert_int_equal(ra->key.type, KEY_RSA3072);
	assert_int_equal(ra->generation, 2);
	assert_int_equal(ra->n_earlier, 0);
}

static void an_endpoint_may_come_later_and_one_does_not_keep_others_from_theirs(void **state)
{
	struct op *op = *state;
	SCEP_RA_PIN(mdm);
	SCEP_RA_PIN(office);
	struct config *config = house->config;
	assert_ok(op, scep_ras_refresh(op, ras_a));
	config->n_scep = 2;
	config->scep[0].ra_key = KEY_ED25519; /* no such RA */
	assert_err(op, ERR_POLICY, scep_ras_refresh(op, ras_a));
	mdm = pinned(op, ras_a);
	assert_ok(op, scep_ra_pin(op, ras_a, "office", &office));
	assert_string_equal(office->key.label, "scep office");
	assert_string_equal(office->endpoint, "office");
	assert_string_equal(mdm->key.label, "scep mdm");
}

static const uint8_t content_key[32] = "0123456789abcdef0123456789abcdef";

static struct bytes encrypted_to(struct op *op, const struct scep_ra *ra, int padding, struct bytes plain)
{
	AUTO(X509) *certificate = parsed(ra->certificate);
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new(X509_get0_pubkey(certificate), NULL);
	size_t n = 256;
	uint8_t *p = arena_alloc(op->arena, n);
	assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, padding), 1);
	assert_int_equal(EVP_PKEY_encrypt(context, p, &n, plain.p, plain.n), 1);
	return (struct bytes){ p, n };
}

/* 00 02 PS 00 key, and then octet `at` is another one. */
static struct bytes bent(struct op *op, const struct scep_ra *ra, size_t at, uint8_t value)
{
	uint8_t block[256];
	memset(block, 0x55, sizeof block);
	block[0] = 0;
	block[1] = 2;
	block[sizeof block - sizeof content_key - 1] = 0;
	memcpy(block + sizeof block - sizeof content_key, content_key, sizeof content_key);
	block[at] = value;
	return encrypted_to(op, ra, RSA_NO_PADDING, (struct bytes)BYTES_ARRAY(block));
}

/* S5 */
static void what_cannot_be_decrypted_gives_octets_as_well(void **state)
{
	struct op *op = *state;
	struct bytes key = BYTES_ARRAY(content_key);
	uint8_t out[32];
	SCEP_RA_PIN(ra);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	ra = pinned(op, ras_a);
	struct bytes good = encrypted_to(op, ra, RSA_PKCS1_PADDING, key);
	assert_ok(op, scep_ra_unwrap(op, a, ra, good, out, sizeof out));
	assert_memory_equal(out, content_key, sizeof out);

	static const uint8_t beyond[256] = { [0 ... 255] = 0xff };
	const struct bytes bad[] = {
		encrypted_to(op, ra, RSA_PKCS1_PADDING, (struct bytes){ key.p, 31 }),
		encrypted_to(op, ra, RSA_PKCS1_PADDING, BYTES_NONE),
		bent(op, ra, 0, 1),
		bent(op, ra, 1, 1),
		bent(op, ra, 4, 0),
		bent(op, ra, 256 - 33, 0x55),
		BYTES_ARRAY(beyond),
		{ good.p, good.n - 1 },
		BYTES_NONE,
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_ok(op, scep_ra_unwrap(op, a, ra, bad[i], out, sizeof out));
		assert_memory_not_equal(out, content_key, sizeof out);
	}
	assert_err(op, ERR_BACKEND, token_unwrap(op, a->token, &house->issuing->key, good, out, sizeof out));
}

static void an_ra_signs_attributes_and_nothing_else(void **state)
{
	struct op *op = *state;
	struct bytes signature, attributes = BYTES_LITERAL("\x31\x04\x30\x02\x05\x00");
	SCEP_RA_PIN(ra);
	assert_ok(op, scep_ras_refresh(op, ras_a));
	ra = pinned(op, ras_a);
	assert_ok(op, sign_cert_rep(op, a->token, &ra->key, attributes, &signature));
	AUTO(X509) *certificate = parsed(ra->certificate);
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, X509_get0_pubkey(certificate)), 1);
	assert_int_equal(EVP_DigestVerify(context, signature.p, signature.n, attributes.p, attributes.n), 1);
	const struct bytes others[] = { BYTES_LITERAL("\x30\x04\x30\x02\x05\x00"), BYTES_LITERAL("\xa0\x04\x30\x02\x05\x00"),
					BYTES_LITERAL("\x31\x00"), BYTES_LITERAL("\x31\x04\x30\x02\x05\x00\x00"),
					BYTES_LITERAL("\x31\x02\x05\x00"), BYTES_LITERAL("1 text\n") };
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_err(op, ERR_BUG, sign_cert_rep(op, a->token, &ra->key, others[i], &signature));
	fake_token_set_faults(&(struct fake_token_faults){ .is_signature_wrong = true });
	assert_err(op, ERR_BACKEND, sign_cert_rep(op, a->token, &ra->key, attributes, &signature)); /* F11 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RAS_TEST(an_ra_is_made_once_for_all_nodes),
		RAS_TEST(two_nodes_at_once_make_one),
		RAS_TEST(the_turn_of_a_dead_node_ends),
		RAS_TEST(a_turn_of_a_wrong_clock_counts_for_nothing),
		RAS_TEST(a_renewal_has_the_same_key_and_keeps_the_old_certificate),
		RAS_TEST(an_ra_ends_with_its_ca_and_is_not_made_again_and_again),
		RAS_TEST(after_a_revocation_there_is_another_key),
		RAS_TEST(a_blocked_key_goes_with_all_its_certificates),
		RAS_TEST(a_revoked_ra_is_not_used_while_the_token_is_away),
		RAS_TEST(while_the_token_is_away_the_old_one_goes_on),
		RAS_TEST(a_key_that_was_made_is_not_made_again),
		RAS_TEST(a_node_whose_token_lacks_the_key_does_not_pretend),
		RAS_TEST(another_type_in_the_configuration_is_another_key),
		RAS_TEST(an_endpoint_may_come_later_and_one_does_not_keep_others_from_theirs),
		RAS_TEST(what_cannot_be_decrypted_gives_octets_as_well),
		RAS_TEST(an_ra_signs_attributes_and_nothing_else),
	};
	return RUN_TESTS(tests);
}
