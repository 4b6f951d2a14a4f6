/* ca/crl_writer.c, crl.c, crl_refresh.c on a real store, read back by OpenSSL. */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "ca/crl_round.h"
#include "ca/published.h"
#include "ca/revoke.h"
#include "ca/tbs.h"
#include "tests/fake/fake_authority.h"
#include "tests/fake/fake_token.h"

#define DAY_S INT64_C(86400)

static struct fake_authority *fake;
static int64_t start_s;

static int open_house(void **state)
{
	fake = fake_authority_new();
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

static X509_CRL *parse(struct bytes der)
{
	const unsigned char *p = der.p;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);
	assert_non_null(crl);
	assert_ptr_equal(p, der.p + der.n);
	return crl;
}

static int64_t time_of(const ASN1_TIME *time)
{
	struct tm tm;
	assert_int_equal(ASN1_TIME_to_tm(time, &tm), 1);
	return (int64_t)timegm(&tm);
}

static int count(const X509_CRL *crl)
{
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED((X509_CRL *)(uintptr_t)crl);
	return entries != NULL ? sk_X509_REVOKED_num(entries) : 0;
}

/* -1: not on it. */
static int reason_on(X509_CRL *crl, const char *serial)
{
	AUTO(BIGNUM) *number = NULL;
	assert_true(BN_hex2bn(&number, serial) > 0);
	AUTO(ASN1_INTEGER) *integer = BN_to_ASN1_INTEGER(number, NULL);
	X509_REVOKED *entry;
	if (X509_CRL_get0_by_serial(crl, &entry, integer) != 1)
		return -1;
	int critical;
	ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &critical, NULL);
	int out = reason != NULL ? (int)ASN1_ENUMERATED_get(reason) : 0;
	assert_true(reason == NULL || out != 0); /* L7: 0 is never encoded */
	ASN1_ENUMERATED_free(reason);
	return out;
}

static uint64_t number_of(const X509_CRL *crl)
{
	uint64_t number = 0;
	ASN1_INTEGER *integer = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	assert_non_null(integer);
	assert_int_equal(ASN1_INTEGER_get_uint64(&number, integer), 1);
	ASN1_INTEGER_free(integer);
	return number;
}

static void publish(struct op *op, const struct ca *ca, struct crl_row *row)
{
	assert_ok(op, crl_publish(op, fake->authority, ca, row));
}

static const char *issued(int64_t not_after_s)
{
	return fake_authority_certificate(fake, fake->issuing, CERTIFICATE_ISSUED, not_after_s);
}

static const char *revoked(int reason, int64_t not_after_s)
{
	const char *serial = issued(not_after_s);
	fake_authority_revoke(fake, fake->issuing, serial, reason, start_s - 100, not_after_s);
	return serial;
}

static void test_empty(void **state) /* L1, L2, L3, L4, C2, C4, C6 */
{
	struct crl_row row;
	publish(*state, fake->issuing, &row);
	AUTO(X509_CRL) *crl = parse(row.der);
	assert_int_equal(X509_CRL_get_version(crl), 1);
	assert_null(X509_CRL_get_REVOKED(crl));
	assert_int_equal(X509_CRL_verify(crl, fake->issuing->public_key), 1);
	assert_int_equal(X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(fake->issuing->certificate)), 0);
	assert_int_equal(time_of(X509_CRL_get0_nextUpdate(crl)) - time_of(X509_CRL_get0_lastUpdate(crl)),
			 fake->config->cas[1].crl_lifetime_s);
	assert_in_range(time_of(X509_CRL_get0_lastUpdate(crl)), start_s, clock_now_s());
	AUTHORITY_KEYID *aki = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
	assert_non_null(aki);
	assert_true(bytes_equal((struct bytes){ ASN1_STRING_get0_data(aki->keyid), (size_t)ASN1_STRING_length(aki->keyid) },
				fake->issuing->key_identifier));
	AUTHORITY_KEYID_free(aki);
	assert_int_equal(X509_CRL_get_ext_count(crl), 2); /* no issuingDistributionPoint: crl_writer.c says why */
	/* Nothing that OpenSSL would write otherwise. */
	unsigned char *again = NULL;
	int n = i2d_re_X509_CRL_tbs(crl, &again);
	assert_true(n > 0 && memmem(row.der.p, row.der.n, again, (size_t)n) != NULL);
	OPENSSL_free(again);
}

static void test_entries(void **state) /* L7, L9 */
{
	struct crl_row row;
	const int reasons[] = { REASON_UNSPECIFIED, REASON_KEY_COMPROMISE, REASON_SUPERSEDED, REASON_PRIVILEGE_WITHDRAWN };
	const char *serials[4];
	for (unsigned i = 0; i < 4; i++)
		serials[i] = revoked(reasons[i], start_s + DAY_S);
	const char *good = issued(start_s + DAY_S);
	publish(*state, fake->issuing, &row);
	AUTO(X509_CRL) *crl = parse(row.der);
	assert_int_equal(X509_CRL_verify(crl, fake->issuing->public_key), 1);
	assert_int_equal(count(crl), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(reason_on(crl, serials[i]), reasons[i]);
	assert_int_equal(reason_on(crl, good), -1);
	const X509_REVOKED *entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
	assert_int_equal(time_of(X509_REVOKED_get0_revocationDate(entry)), start_s - 100);
}

static void test_numbers_rise(void **state) /* L4, L15, I6: after a failure too, and each CA for itself */
{
	struct op *op = *state;
	struct crl_row row, next;
	publish(op, fake->issuing, &row);
	publish(op, fake->issuing, &next);
	assert_int_equal(next.number, row.number + 1);
	assert_true(next.this_update_s >= row.this_update_s);
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BUSY });
	assert_err(op, ERR_BUSY, crl_publish(op, fake->authority, fake->issuing, &row));
	fake_token_set_faults(NULL);
	publish(op, fake->issuing, &row);
	assert_true(row.number > next.number);
	AUTO(X509_CRL) *crl = parse(row.der);
	assert_int_equal(number_of(crl), row.number);
	publish(op, fake->root, &row);
	AUTO(X509_CRL) *root_crl = parse(row.der);
	assert_int_equal(number_of(root_crl), 1);
	assert_int_equal(X509_CRL_verify(root_crl, fake->root->public_key), 1);
}

/* A signature that is not the CA's never gets out: the last CRL stays. */
static void test_wrong_signature(void **state) /* F11 */
{
	struct op *op = *state;
	struct crl_row row, bad;
	publish(op, fake->issuing, &row);
	fake_token_set_faults(&(struct fake_token_faults){ .is_signature_wrong = true });
	assert_err(op, ERR_BACKEND, crl_publish(op, fake->authority, fake->issuing, &bad));
	const struct published_object *object =
		published_pin(fake->authority->published, BYTES_LITERAL("/crl/issuing.crl"));
	assert_non_null(object);
	assert_true(bytes_equal(object->content, row.der));
	published_unpin((void *)(uintptr_t)object);
}

/* Kept until one CRL was issued after the certificate's end, and no longer. */
static void test_expiry(void **state) /* L10, V27 */
{
	struct op *op = *state;
	struct crl_row row;
	int64_t end_s = start_s + DAY_S;
	const char *serial = revoked(REASON_KEY_COMPROMISE, end_s);
	const int64_t times[] = { start_s, end_s - 1, end_s + 1, end_s + 2 };
	const bool is_on[] = { true, true, true, false };
	for (unsigned i = 0; i < 4; i++) {
		clock_fix(times[i]);
		publish(op, fake->issuing, &row);
		AUTO(X509_CRL) *crl = parse(row.der);
		assert_int_equal(reason_on(crl, serial) >= 0, is_on[i]);
	}
}

static void test_clock_back(void **state) /* F14, L15: never an earlier thisUpdate */
{
	struct op *op = *state;
	struct crl_row row, next;
	publish(op, fake->issuing, &row);
	clock_fix(row.this_update_s - 5);
	publish(op, fake->issuing, &next);
	assert_int_equal(next.this_update_s, row.this_update_s);
	clock_fix(row.this_update_s - 3600);
	assert_err(op, ERR_BACKEND, crl_publish(op, fake->authority, fake->issuing, &next));
}

static void test_refresh(void **state) /* I5, F24 */
{
	struct op *op = *state;
	struct authority *a = fake->authority;
	uint64_t before = fake_token_signatures();
	assert_ok(op, crl_refresh(op, a, false));
	assert_int_equal(fake_token_signatures(), before); /* nothing there, and may not sign */
	assert_ok(op, crl_refresh(op, a, true));
	assert_int_equal(fake_token_signatures(), before + 2); /* root and issuing */
	assert_ok(op, crl_refresh(op, a, true));
	assert_int_equal(fake_token_signatures(), before + 2); /* fresh */

	/* A row that nobody made a CRL for, as after a crash. */
	revoked(REASON_SUPERSEDED, start_s + 30 * DAY_S);
	assert_ok(op, crl_refresh(op, a, true));
	assert_int_equal(fake_token_signatures(), before + 3);
	assert_ok(op, crl_refresh(op, a, true));
	assert_int_equal(fake_token_signatures(), before + 3);

	clock_fix(start_s + fake->config->cas[1].crl_refresh_s + 10); /* the issuing CA's is due, the root's is not */
	assert_ok(op, crl_refresh(op, a, true));
	assert_int_equal(fake_token_signatures(), before + 4);
}

/* What the store has is served after a start, before anything is signed. */
static void test_start(void **state) /* V28, F24 */
{
	struct op *op = *state;
	struct crl_row row;
	publish(op, fake->issuing, &row);
	fake_authority_close(fake);
	fake_authority_open(fake);
	assert_null(published_pin(fake->authority->published, BYTES_LITERAL("/crl/issuing.crl")));
	assert_ok(op, crl_refresh(op, fake->authority, false));
	const struct published_object *object =
		published_pin(fake->authority->published, BYTES_LITERAL("/crl/issuing.crl"));
	assert_non_null(object);
	assert_true(bytes_equal(object->content, row.der));
	assert_int_equal(object->modified_s, row.this_update_s);
	assert_int_equal(object->expires_s, row.next_update_s);
	published_unpin((void *)(uintptr_t)object);
}

static void test_revoke(void **state) /* A29, I5: on the published CRL when it was announced */
{
	struct op *op = *state;
	struct revocation revocation;
	const char *serial = issued(start_s + DAY_S);
	assert_ok(op, certificate_revoke(op, fake->authority, serial, REASON_KEY_COMPROMISE, true, &revocation));
	revocation_announce(op, fake->authority, &revocation);
	const struct published_object *object =
		published_pin(fake->authority->published, BYTES_LITERAL("/crl/issuing.crl"));
	assert_non_null(object);
	AUTO(X509_CRL) *crl = parse(object->content);
	assert_int_equal(reason_on(crl, serial), REASON_KEY_COMPROMISE);
	published_unpin((void *)(uintptr_t)object);
}

#define THREADS 8

struct worker {
	pthread_t thread;
	const char *serial;
	bool is_on_it;
};

static void *revoke_one(void *arg)
{
	struct worker *worker = arg;
	struct op *op = op_new();
	struct crl_row row;
	fake_authority_revoke(fake, fake->issuing, worker->serial, REASON_SUPERSEDED, start_s - 1, start_s + DAY_S);
	if (crl_publish(op, fake->authority, fake->issuing, &row).err == ERR_NONE) {
		const struct published_object *object =
			published_pin(fake->authority->published, BYTES_LITERAL("/crl/issuing.crl"));
		X509_CRL *crl = parse(object->content);
		worker->is_on_it = reason_on(crl, worker->serial) >= 0;
		X509_CRL_free(crl);
		published_unpin((void *)(uintptr_t)object);
	}
	op_free(&op);
	return NULL;
}

/* Whoever shares a round gets a CRL that has what was revoked before the call. */
static void test_together(void **state UNUSED) /* F17, F18, I5 */
{
	struct worker workers[THREADS] = { 0 };
	uint64_t before = fake_token_signatures();
	for (unsigned i = 0; i < THREADS; i++)
		workers[i].serial = issued(start_s + DAY_S);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, revoke_one, &workers[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		assert_true(workers[i].is_on_it);
	assert_in_range(fake_token_signatures() - before, 1, THREADS);
}

/* The writer alone: times over all years, lengths of all forms, what cannot be written. */
static X509_CRL *write_list(struct op *op, const struct revocation *rows, unsigned n)
{
	CRL_WRITER(writer);
	struct bytes tbs;
	crl_writer_begin(&writer, op, fake->issuing);
	for (unsigned i = 0; i < n; i++)
		assert_ok(op, crl_writer_entry(&writer, &rows[i]));
	assert_ok(op, crl_writer_end(&writer, 1, INT64_C(253402300798), INT64_C(253402300799), &tbs));
	return parse(tbs_assemble(op, tbs, fake->issuing->key.type, BYTES_LITERAL("signature")));
}

static void test_times(void **state) /* C3 */
{
	/* First and last second of days around leap days, of 2049, of 9999; then steps of an odd length. */
	static const int64_t fixed[] = { 0,	     951782399,	  951782400,  951868799,	   951868800,
					 1709164800, 4107542400,  2524607999, 2524608000,	   INT64_C(253402300798),
					 1735689599, 1735689600 };
	for (int64_t i = 0; i < 400; i++) {
		int64_t fixed_n = (int64_t)(sizeof fixed / sizeof fixed[0]);
		int64_t time_s = i < fixed_n ? fixed[i] : i * INT64_C(19876543);
		struct revocation row = { .serial = "41", .revoked_s = time_s };
		AUTO(X509_CRL) *crl = write_list(*state, &row, 1);
		const ASN1_TIME *date = X509_REVOKED_get0_revocationDate(sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0));
		assert_int_equal(time_of(date), time_s);
		assert_int_equal(ASN1_STRING_type(date), time_s < 2524608000 ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME);
	}
}

static void test_lengths(void **state)
{
	static const unsigned sizes[] = { 0, 1, 3, 4, 6, 7, 8, 1870, 1880 }; /* around 127, 255, 65535 octets */
	for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		unsigned n = sizes[i];
		struct revocation *rows = arena_alloc_array(((struct op *)*state)->arena, n + 1, sizeof *rows);
		for (unsigned k = 0; k < n; k++)
			rows[k] = (struct revocation){
				.serial = arena_printf(((struct op *)*state)->arena, "41%030x", k), .revoked_s = start_s
			};
		AUTO(X509_CRL) *crl = write_list(*state, rows, n);
		assert_int_equal(count(crl), n);
	}
}

static void test_unwritable(void **state) /* never left out in silence */
{
	static const struct revocation rows[] = {
		{ .serial = "" },
		{ .serial = "4" },
		{ .serial = "4G" },
		{ .serial = "41AB" },
		{ .serial = "0041" },
		{ .serial = "80" },
		{ .serial = "4102030405060708090a0b0c0d0e0f101112131415" },
		{ .serial = "41", .reason = 7 },
		{ .serial = "41", .reason = 11 },
		{ .serial = "41", .revoked_s = -1 },
		{ .serial = "41", .revoked_s = INT64_C(253402300800) },
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		CRL_WRITER(writer);
		crl_writer_begin(&writer, *state, fake->issuing);
		assert_err((struct op *)*state, ERR_BUG, crl_writer_entry(&writer, &rows[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_empty),	   HOUSE_TEST(test_entries),	HOUSE_TEST(test_numbers_rise),
		HOUSE_TEST(test_wrong_signature), HOUSE_TEST(test_expiry), HOUSE_TEST(test_clock_back),
		HOUSE_TEST(test_refresh),  HOUSE_TEST(test_start),	HOUSE_TEST(test_revoke),
		HOUSE_TEST(test_together), HOUSE_TEST(test_times),	HOUSE_TEST(test_lengths),
		HOUSE_TEST(test_unwritable),
	};
	return RUN_TESTS(tests);
}
