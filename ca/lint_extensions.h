/* The lint of a certificate's extensions, RFC 5280 section 4.2; a part of lint_tbs. */
#pragma once

#include "ca/tbs.h"

/* `extensions`: the list inside [3], whole. */
result lint_extensions(struct op *op, const struct tbs_plan *plan, struct bytes extensions);
