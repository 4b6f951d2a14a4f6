/* The padding of PKCS #1 v1.5 (S5): what is right comes out, all else does not, and OpenSSL says the same. */
#include "token/pkcs1_block.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/openssl_auto.h"
#include "check.h"
#include "fixture.h"
#include "token/token.h"

#define SIZE 256
#define LARGEST 512

static const size_t sizes[] = { SIZE, 384, LARGEST };
static const uint8_t unasked[LARGEST] = { [0 ... LARGEST - 1] = 0xa5 };

/* 00 02 PS 00 M, where M is `n` octets that are their own position. */
static void fill(uint8_t *block, size_t size, size_t n)
{
	memset(block, 0x55, size);
	block[0] = 0;
	block[1] = 2;
	block[size - n - 1] = 0;
	for (size_t i = size - n; i < size; i++)
		block[i] = (uint8_t)i;
}

/* Whether a message of `n` octets comes out: then it is the end of the block, and otherwise nothing is written. */
static bool takes(const uint8_t *block, size_t size, size_t n)
{
	uint8_t out[LARGEST];

	memcpy(out, unasked, sizeof out);
	uint64_t wrong = pkcs1_block_check(block, size, n);
	pkcs1_block_choose(wrong, block + size - n, out, n);
	assert_memory_equal(out, wrong == 0 ? block + size - n : unasked, n);
	assert_memory_equal(out + n, unasked, sizeof out - n);
	return wrong == 0;
}

static void a_message_of_every_length_comes_out(void **state)
{
	uint8_t block[LARGEST];

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (size_t n = 0; n <= sizes[i] - 11; n++) {
			fill(block, sizes[i], n);
			assert_true(takes(block, sizes[i], n));
		}
}

static void a_message_of_another_length_does_not(void **state)
{
	uint8_t block[SIZE];

	(void)state;
	for (size_t n = 0; n <= TOKEN_UNWRAP_MAX; n++) {
		fill(block, SIZE, n);
		for (size_t asked = 0; asked <= SIZE - 2; asked++)
			assert_int_equal(takes(block, SIZE, asked), asked == n);
	}
}

/* Each octet of what is before the message, with each other value that it may not have. */
static void each_octet_before_the_message_counts(void **state)
{
	static const size_t lengths[] = { 0, 15, 16, 24, 32, TOKEN_UNWRAP_MAX };
	uint8_t block[SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		size_t n = lengths[i], end = SIZE - n - 1;
		for (size_t at = 0; at <= end; at++)
			for (unsigned value = 0; value < 256; value++) {
				fill(block, SIZE, n);
				bool is_right = at == 0 || at == end ? value == 0 : at == 1 ? value == 2 : value != 0;
				block[at] = (uint8_t)value;
				assert_int_equal(takes(block, SIZE, n), is_right);
			}
	}
}

static void no_octet_of_the_message_counts(void **state)
{
	uint8_t block[SIZE];

	(void)state;
	for (size_t at = SIZE - 32; at < SIZE; at++)
		for (unsigned value = 0; value < 256; value++) {
			fill(block, SIZE, 32);
			block[at] = (uint8_t)value;
			assert_true(takes(block, SIZE, 32));
		}
}

static void a_padding_has_eight_octets_at_least(void **state)
{
	uint8_t block[SIZE];

	(void)state;
	for (size_t n = SIZE - 14; n <= SIZE - 3; n++) {
		fill(block, SIZE, n);
		assert_int_equal(takes(block, SIZE, n), n <= SIZE - 11);
	}
	for (size_t size = 0; size < 11; size++)
		assert_int_not_equal(pkcs1_block_check(block, size, 0), 0);
}

/* Also for what only high bits of `wrong` say. */
static void nothing_wrong_is_overlooked(void **state)
{
	uint8_t out[4];

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		memcpy(out, unasked, sizeof out);
		pkcs1_block_choose((uint64_t)1 << bit, (const uint8_t *)"abcd", out, sizeof out);
		assert_memory_equal(out, unasked, sizeof out);
	}
	pkcs1_block_choose(UINT64_MAX, (const uint8_t *)"abcd", out, sizeof out);
	assert_memory_equal(out, unasked, sizeof out);
	pkcs1_block_choose(0, (const uint8_t *)"abcd", out, sizeof out);
	assert_memory_equal(out, "abcd", sizeof out);
}

static void a_short_block_is_aligned(void **state)
{
	static const uint8_t zeros[LARGEST];
	uint8_t block[LARGEST], given[LARGEST];

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t size = sizes[i];
		random_bytes(given, sizeof given);
		for (size_t n = 0; n <= size; n++) {
			memcpy(block, given, size); /* behind the first n octets there is what was there before */
			assert_int_equal(pkcs1_block_align(block, size, n), 0);
			assert_memory_equal(block, zeros, size - n);
			assert_memory_equal(block + size - n, given, n);
		}
	}
}

static void a_block_too_long_is_wrong(void **state)
{
	static const uint64_t lengths[] = { SIZE + 1, LARGEST, UINT32_MAX, (uint64_t)1 << 32, INT64_MAX };
	uint8_t block[SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		fill(block, SIZE, 16);
		assert_int_not_equal(pkcs1_block_align(block, SIZE, lengths[i]), 0);
	}
}

static EVP_PKEY_CTX *context_of(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *), int padding)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

	assert_non_null(context);
	assert_int_equal(init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, padding), 1);
	return context;
}

/* The length of the message in the block for OpenSSL, -1 when there is none. */
static int length_for_openssl(EVP_PKEY *key, const uint8_t block[SIZE])
{
	AUTO(EVP_PKEY_CTX) *encrypting = context_of(key, EVP_PKEY_encrypt_init, RSA_NO_PADDING);
	AUTO(EVP_PKEY_CTX) *decrypting = context_of(key, EVP_PKEY_decrypt_init, RSA_PKCS1_PADDING);
	uint8_t encrypted[SIZE], plain[SIZE];
	size_t encrypted_n = SIZE, n = SIZE;

	/* From 3.2 on it makes a message up rather than say that there is none; 3.0 does not know the word. */
	(void)!EVP_PKEY_CTX_ctrl_str(decrypting, "rsa_pkcs1_implicit_rejection", "0");
	assert_int_equal(EVP_PKEY_encrypt(encrypting, encrypted, &encrypted_n, block, SIZE), 1);
	bool is_there = EVP_PKEY_decrypt(decrypting, plain, &n, encrypted, encrypted_n) == 1;
	ERR_clear_error();
	if (is_there)
		assert_memory_equal(plain, block + SIZE - n, n);
	return is_there ? (int)n : -1;
}

/* A good block with up to two octets that are something else, often what matters. */
static void fill_by_chance(uint8_t block[SIZE], size_t n, unsigned *seed)
{
	static const uint8_t values[] = { 0, 0, 0, 1, 2, 3, 0xff };

	fill(block, SIZE, n);
	for (int changes = rand_r(seed) % 3; changes > 0; changes--) {
		size_t ends[] = { 0, 1, 2, 9, 10, SIZE - n - 2, SIZE - n - 1, (size_t)rand_r(seed) % SIZE };
		block[ends[(size_t)rand_r(seed) % 8]] = values[(size_t)rand_r(seed) % sizeof values];
	}
	block[0] &= 0x7f; /* below the modulus */
}

static void openssl_says_the_same(void **state)
{
	AUTO(EVP_PKEY) *key = EVP_RSA_gen(8 * SIZE);
	unsigned seed = test_seed(), taken = 0;
	uint8_t block[SIZE];

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		size_t n = (size_t)rand_r(&seed) % (TOKEN_UNWRAP_MAX + 1);
		fill_by_chance(block, n, &seed);
		int length = length_for_openssl(key, block);
		for (size_t asked = 0; asked <= SIZE - 2; asked++)
			assert_int_equal(takes(block, SIZE, asked), (int)asked == length);
		taken += length >= 0;
	}
	assert_in_range(taken, 1, 499); /* both kinds were there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_of_every_length_comes_out),
		TEST(a_message_of_another_length_does_not),
		TEST(each_octet_before_the_message_counts),
		TEST(no_octet_of_the_message_counts),
		TEST(a_padding_has_eight_octets_at_least),
		TEST(nothing_wrong_is_overlooked),
		TEST(a_short_block_is_aligned),
		TEST(a_block_too_long_is_wrong),
		TEST(openssl_says_the_same),
	};

	return RUN_TESTS(tests);
}
