/* A house with SCEP in it, for each test a new one, on a clock that stands still. */
#pragma once

#include "base/clock.h"
#include "tests/fake/scep_client.h"
#include "tests/unit/check.h"

static inline int scene_setup(void **state)
{
	*state = scep_house_new();
	clock_fix(clock_now_s());
	return 0;
}

static inline int scene_teardown(void **state)
{
	struct scep_house *house = *state;
	scep_house_free(&house);
	clock_fix(-1);
	return 0;
}

#define SCENE(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
#define RUN_SCENES(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

#define SUCCESS 0
#define FAILURE 2
#define PENDING 3

/* What pkiStatus and failInfo of an answer are; -1: not there (SP7). */
static inline void assert_answer(const struct scep_seen *seen, int pki_status, int fail_info)
{
	if (seen->status != 200 || seen->pki_status != pki_status || seen->fail_info != fail_info)
		fail_msg("expected pkiStatus %d and failInfo %d, got %d and %d by %d: %s", pki_status, fail_info, seen->pki_status,
			 seen->fail_info, seen->status, seen->text != NULL ? seen->text : (const char *)seen->body.p);
	assert_string_equal(seen->content_type, "application/x-pki-message"); /* SP17 */
	assert_int_equal(seen->has_content, pki_status == SUCCESS);
}

/* Sends, and checks the answer. */
#define ASSERT_SENT(house, pki_status, fail_info, ...)                    \
	__extension__({                                                   \
		struct scep_seen seen_ = SCEP_SEND(house, __VA_ARGS__);   \
		assert_answer(&seen_, (pki_status), (fail_info));         \
		seen_;                                                    \
	})
#define ASSERT_REFUSED(house, ...) ASSERT_SENT(house, FAILURE, SCEP_BAD_REQUEST, __VA_ARGS__)
#define ASSERT_BAD_MESSAGE(house, ...) ASSERT_SENT(house, FAILURE, SCEP_BAD_MESSAGE_CHECK, __VA_ARGS__)

static inline void assert_http(const struct scep_seen *seen, int status)
{
	if (seen->status != status)
		fail_msg("expected status %d, got %d: %.*s", status, seen->status, (int)seen->body.n, (const char *)seen->body.p);
}
#define ASSERT_HTTP(house, status, ...)                                 \
	__extension__({                                                 \
		struct scep_seen seen_ = SCEP_HTTP(house, __VA_ARGS__); \
		assert_http(&seen_, (status));                          \
		seen_;                                                  \
	})

static inline void advance(int64_t seconds)
{
	clock_fix(clock_now_s() + seconds);
}

static inline int64_t n_issued(struct scep_house *house)
{
	return scep_house_count(house, "certificate WHERE door = 'scep' AND status = 'issued'");
}

/* A certificate of an endpoint for this common name and key. */
static inline struct bytes enrolled(struct scep_house *house, const char *endpoint, const char *cn, EVP_PKEY *key)
{
	struct arena *arena = house->op->arena;
	const char *challenge = scep_house_challenge(house, endpoint, arena_printf(arena, "[\"cn:%s\"]", cn), false);
	struct scep_seen seen = ASSERT_SENT(house, SUCCESS, -1, .endpoint = endpoint, .key = key,
					    .transaction = arena_printf(arena, "first-%s", cn),
					    .content = SCEP_CSR(house, .key = key, .cn = cn, .challenge = challenge));
	return seen.certificate;
}
