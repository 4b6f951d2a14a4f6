/* A house with EST in it, for each test a new one, on a clock that stands still. */
#pragma once

#include "base/clock.h"
#include "tests/fake/est_client.h"
#include "tests/unit/check.h"

static inline int scene_setup(void **state)
{
	*state = est_house_new();
	clock_fix(clock_now_s());
	return 0;
}

static inline int scene_teardown(void **state)
{
	struct est_house *house = *state;
	est_house_free(&house);
	clock_fix(-1);
	return 0;
}

#define SCENE(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)
#define RUN_SCENES(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

static inline void assert_status(const struct est_answer *answer, int status)
{
	if (answer->status != status)
		fail_msg("expected status %d, got %d: %s", status, answer->status, answer->body);
}

/* Sends, and checks the status. */
#define ASSERT_SENT(house, expected, ...)                             \
	__extension__({                                               \
		struct est_answer answer_ = EST_SEND(house, __VA_ARGS__); \
		assert_status(&answer_, (expected));                  \
		answer_;                                              \
	})

static inline void advance(int64_t seconds)
{
	clock_fix(clock_now_s() + seconds);
}

static inline int64_t n_issued(struct est_house *house)
{
	return est_house_count(house, "certificate WHERE door = 'est' AND status = 'issued'");
}
