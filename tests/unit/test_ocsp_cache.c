/* ca/ocsp_cache.c: bounded, forgetful, and right among threads. */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <pthread.h>
#include <string.h>

#include "ca/ocsp_cache.h"

#define NOW 1000000
#define SERIAL_N 16

/* A CertID as the cache sees one: bytes that end with the serial. */
struct id {
	uint8_t bytes[4 + SERIAL_N];
	struct ocsp_cert_id face;
};

static const struct ocsp_cert_id *make_id(struct id *id, unsigned form, unsigned number)
{
	memset(id, 0, sizeof *id);
	id->bytes[0] = (uint8_t)form;
	memcpy(id->bytes + 4, &number, sizeof number);
	id->face.der = (struct bytes)BYTES_ARRAY(id->bytes);
	id->face.serial = (struct bytes){ id->bytes + 4, SERIAL_N };
	return &id->face;
}

static struct ocsp_answer *make_answer(const char *text)
{
	const struct ocsp_answer face = { .this_update_s = NOW - 10, .next_update_s = NOW + 100, .fresh_until_s = NOW + 50 };
	return ocsp_answer_new(bytes_of_text(text), &face);
}

static void put(struct ocsp_cache *cache, const struct ocsp_cert_id *id, const char *text)
{
	struct ocsp_answer *answer = make_answer(text);
	ocsp_cache_put(cache, id, ocsp_cache_generation(cache, id->serial), answer);
	ocsp_answer_unpin(answer);
}

static bool holds(struct ocsp_cache *cache, const struct ocsp_cert_id *id, const char *text)
{
	struct ocsp_answer *answer = ocsp_cache_find(cache, id, NOW);
	bool is = answer != NULL && bytes_equal_text(answer->der, text);
	ocsp_answer_unpin(answer);
	return is;
}

/* Everything at once, and what was looked up before it is not kept after it. */
static void test_clear(void **state UNUSED)
{
	struct ocsp_cache *cache = ocsp_cache_new(1 << 20);
	struct id ids[64], late;
	for (unsigned i = 0; i < 64; i++)
		put(cache, make_id(&ids[i], 1, i), "good");
	make_id(&late, 1, 1000);
	uint64_t generation = ocsp_cache_generation(cache, late.face.serial);
	struct ocsp_answer *answer = make_answer("late");
	ocsp_cache_clear(cache);
	ocsp_cache_put(cache, &late.face, generation, answer);
	ocsp_answer_unpin(answer);
	assert_false(holds(cache, &late.face, "late"));
	for (unsigned i = 0; i < 64; i++)
		assert_false(holds(cache, &ids[i].face, "good"));
	assert_int_equal(ocsp_cache_used(cache), 0);
	put(cache, &ids[0].face, "again");
	assert_true(holds(cache, &ids[0].face, "again"));
	ocsp_cache_free(&cache);
}

static void test_forms_and_forgetting(void **state UNUSED)
{
	struct ocsp_cache *cache = ocsp_cache_new(1 << 20);
	struct id a, b, other;
	make_id(&a, 1, 7), make_id(&b, 2, 7), make_id(&other, 1, 8);
	put(cache, &a.face, "sha-1");
	put(cache, &b.face, "sha-256");
	put(cache, &other.face, "other");
	put(cache, &a.face, "sha-1 again");
	assert_true(holds(cache, &a.face, "sha-1 again"));
	assert_true(holds(cache, &b.face, "sha-256"));
	ocsp_cache_forget(cache, a.face.serial);
	assert_null(ocsp_cache_find(cache, &a.face, NOW));
	assert_null(ocsp_cache_find(cache, &b.face, NOW));
	assert_true(holds(cache, &other.face, "other"));
	ocsp_cache_forget(cache, other.face.serial);
	assert_int_equal(ocsp_cache_used(cache), 0);
	ocsp_cache_free(&cache);
}

/* What was read before a revocation does not come in after it. */
static void test_late_answer_is_dropped(void **state UNUSED) /* I5 */
{
	struct ocsp_cache *cache = ocsp_cache_new(1 << 20);
	struct id id;
	make_id(&id, 1, 7);
	struct ocsp_answer *good = make_answer("good");
	uint64_t generation = ocsp_cache_generation(cache, id.face.serial);
	ocsp_cache_forget(cache, id.face.serial);
	ocsp_cache_put(cache, &id.face, generation, good);
	assert_null(ocsp_cache_find(cache, &id.face, NOW));
	put(cache, &id.face, "revoked");
	assert_true(holds(cache, &id.face, "revoked"));
	ocsp_answer_unpin(good);
	ocsp_cache_free(&cache);
}

static void test_bound(void **state UNUSED) /* S8: the oldest go, the used stay */
{
	const uint64_t limit = 64 << 10;
	struct ocsp_cache *cache = ocsp_cache_new(limit);
	struct id used, id;
	char text[600];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	make_id(&used, 1, 0);
	put(cache, &used.face, text);
	for (unsigned i = 1; i < 1000; i++) {
		put(cache, make_id(&id, 1, i), text);
		assert_true(holds(cache, &id.face, text));
		assert_true(holds(cache, &used.face, text));
		assert_in_range(ocsp_cache_used(cache), 1, limit);
	}
	assert_null(ocsp_cache_find(cache, make_id(&id, 1, 1), NOW));
	ocsp_cache_free(&cache);
}

/* Larger than its share: not kept, not looped over. */
static void test_too_large(void **state UNUSED)
{
	struct ocsp_cache *cache = ocsp_cache_new(1024);
	struct id id;
	put(cache, make_id(&id, 1, 1), "more than 64 bytes with all that goes with it");
	assert_null(ocsp_cache_find(cache, &id.face, NOW));
	assert_int_equal(ocsp_cache_used(cache), 0);
	ocsp_cache_free(&cache);
}

static void test_pin_outlives_cache(void **state UNUSED)
{
	struct ocsp_cache *cache = ocsp_cache_new(1 << 20);
	struct id id;
	put(cache, make_id(&id, 1, 1), "answer");
	struct ocsp_answer *answer = ocsp_cache_find(cache, &id.face, NOW);
	ocsp_cache_free(&cache);
	assert_true(bytes_equal_text(answer->der, "answer"));
	assert_int_equal(strlen(answer->etag), 2 * SHA256_SIZE + 2);
	ocsp_answer_unpin(answer);
}

#define THREADS 4
#define TURNS 5000

static void *hammer(void *arg)
{
	struct ocsp_cache *cache = arg;
	for (unsigned i = 0; i < TURNS; i++) {
		struct id id;
		make_id(&id, i % 2, i % 97);
		if (i % 31 == 0)
			ocsp_cache_forget(cache, id.face.serial);
		else if (i % 3 == 0)
			put(cache, &id.face, "answer");
		else
			ocsp_answer_unpin(ocsp_cache_find(cache, &id.face, NOW));
	}
	return NULL;
}

/* For the thread and address sanitizers; the count at the end is for everybody. */
static void test_threads(void **state UNUSED)
{
	struct ocsp_cache *cache = ocsp_cache_new(8 << 10);
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, cache), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_true(ocsp_cache_used(cache) <= 8 << 10);
	for (unsigned i = 0; i < 97; i++) {
		struct id id;
		ocsp_cache_forget(cache, make_id(&id, 0, i)->serial);
	}
	assert_int_equal(ocsp_cache_used(cache), 0);
	ocsp_cache_free(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_forms_and_forgetting), TEST(test_late_answer_is_dropped), TEST(test_bound), TEST(test_too_large),
		TEST(test_pin_outlives_cache),	 TEST(test_threads),		     TEST(test_clear),
	};
	return RUN_TESTS(tests);
}
