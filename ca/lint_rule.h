/* How a lint says which rule does not hold. */
#pragma once

#include "base/op.h"

/* `rule` is a row's number ("C1"), `what` says what should have been so. */
static inline result lint_rule(struct op *op, bool holds, const char *rule, const char *what)
{
	return holds ? OK : FAIL(op, ERR_BUG, "not signed: lint %s: %s", rule, what);
}
