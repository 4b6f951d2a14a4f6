/*
 * What most unit tests begin with: TEST(function) runs it with a fresh op as
 * its state, test_seed() is for random tests, RUN_TESTS(tests) is their main().
 */
#pragma once

#include <stdlib.h>

#include "check.h"

#include "base/op.h"
#include "base/random.h"
#include "base/text.h"

static inline int op_setup(void **state)
{
	*state = op_new();
	return 0;
}

static inline int op_teardown(void **state)
{
	struct op *op = *state;
	op_free(&op);
	return 0;
}

/* A seed for rand_r, printed; $CHANCERY_TEST_SEED runs a failed test again with the same one. */
static inline unsigned test_seed(void)
{
	const char *given = getenv("CHANCERY_TEST_SEED");
	uint64_t value;
	unsigned seed;
	random_bytes((uint8_t *)&seed, sizeof seed);
	if (given != NULL && text_parse_u64(given, 0, UINT32_MAX, &value))
		seed = (unsigned)value;
	print_message("# CHANCERY_TEST_SEED=%u\n", seed);
	return seed;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, op_setup, op_teardown)

/* The main() of a test program: runs the array `tests` and prints TAP. */
#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))
