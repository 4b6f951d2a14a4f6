/* What unit tests include instead of cmocka.h: its prerequisites, and checks for results. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/op.h"

/* The call succeeded; otherwise the op's own words are the failure message. */
#define assert_ok(op, call)                                                                    \
	do {                                                                                   \
		result assert_r_ = (call);                                                     \
		if (assert_r_.err != ERR_NONE)                                                 \
			fail_msg("%s: %s: %s", #call, err_name(assert_r_.err), (op)->detail); \
	} while (0)

/* The call failed with exactly this kind. The failure is cleared. */
#define assert_err(op, kind, call)                                                                         \
	do {                                                                                               \
		result assert_r_ = (call);                                                                 \
		if (assert_r_.err != (kind))                                                               \
			fail_msg("%s: expected %s, got %s: %s", #call, err_name(kind), err_name(assert_r_.err), \
				 (op)->detail);                                                            \
		op_clear_failure(op);                                                                      \
	} while (0)
