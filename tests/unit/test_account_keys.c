/* Keys of accounts that are kept: what is found is the very key of the thumbprint, and their number is bounded. */
#include "protocols/acme/account_keys.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <pthread.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "protocols/acme/jwk.h"

static EVP_PKEY *make_key(struct op *op, char thumbprint[JWK_THUMBPRINT_SIZE])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct jwk jwk;

	assert_non_null(key);
	assert_ok(op, jwk_of_key(op, key, &jwk));
	assert_true(text_copy(thumbprint, JWK_THUMBPRINT_SIZE, jwk.thumbprint));
	return key;
}

static void test_found_by_thumbprint(void **state)
{
	struct op *op = *state;
	struct account_keys *keys = account_keys_new();
	char mine[JWK_THUMBPRINT_SIZE], other[JWK_THUMBPRINT_SIZE];
	AUTO(EVP_PKEY) *key = make_key(op, mine);
	AUTO(EVP_PKEY) *another = make_key(op, other);

	assert_null(account_keys_find(keys, mine));
	account_keys_keep(keys, mine, key);
	account_keys_keep(keys, mine, key); /* two requests that both had to build it */
	AUTO(EVP_PKEY) *found = account_keys_find(keys, mine);
	assert_ptr_equal(found, key);
	assert_null(account_keys_find(keys, other));
	account_keys_free(&keys);
	assert_null(keys);
	assert_int_equal(EVP_PKEY_eq(found, another), 0); /* it outlives the table that it is from */
	assert_int_equal(EVP_PKEY_eq(found, key), 1);
}

/* Three times as many as there is room for: the newest stays, all others are found whole or not at all. */
static void test_bounded(void **state)
{
	struct op *op = *state;
	struct account_keys *keys = account_keys_new();
	char thumbprint[JWK_THUMBPRINT_SIZE];
	AUTO(EVP_PKEY) *key = make_key(op, thumbprint);
	unsigned n = 0;

	for (unsigned i = 0; i < 3 * LIMIT_ACCOUNT_KEYS; i++) {
		account_keys_keep(keys, arena_printf(op->arena, "%u", i), key);
		AUTO(EVP_PKEY) *newest = account_keys_find(keys, arena_printf(op->arena, "%u", i));
		assert_ptr_equal(newest, key);
	}
	for (unsigned i = 0; i < 3 * LIMIT_ACCOUNT_KEYS; i++) {
		AUTO(EVP_PKEY) *found = account_keys_find(keys, arena_printf(op->arena, "%u", i));
		n += found != NULL;
	}
	assert_in_range(n, 1, LIMIT_ACCOUNT_KEYS);
	account_keys_free(&keys);
}

struct pair {
	struct account_keys *keys;
	EVP_PKEY *key[2];
	char thumbprint[2][JWK_THUMBPRINT_SIZE];
};

static void *use(void *arg)
{
	struct pair *pair = arg;
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < 2000; i++) {
		EVP_PKEY *found = account_keys_find(pair->keys, pair->thumbprint[i % 2]);
		wrong += found != NULL && found != pair->key[i % 2];
		EVP_PKEY_free(found);
		account_keys_keep(pair->keys, pair->thumbprint[i % 2], pair->key[i % 2]);
	}
	return (void *)wrong;
}

static void test_many_threads(void **state)
{
	struct op *op = *state;
	struct pair pair = { .keys = account_keys_new() };
	pthread_t threads[4];

	for (unsigned i = 0; i < 2; i++)
		pair.key[i] = make_key(op, pair.thumbprint[i]);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use, &pair), 0);
	for (unsigned i = 0; i < 4; i++) {
		void *wrong;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	account_keys_free(&pair.keys);
	for (unsigned i = 0; i < 2; i++)
		EVP_PKEY_free(pair.key[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found_by_thumbprint),
		TEST(test_bounded),
		TEST(test_many_threads),
	};
	return RUN_TESTS(tests);
}
