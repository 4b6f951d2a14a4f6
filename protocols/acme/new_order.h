/*
 * The payload of newOrder (RFC 8555 section 7.4), bytes to struct: names in
 * canonical form without doubles, and the refused ones with the reason for
 * each (section 6.7.1). Pure; fuzzed.
 */
#pragma once

#include "ca/identifier.h"
#include "protocols/acme/problem.h"

struct new_order {
	struct identifier *identifiers; /* sorted, no doubles */
	unsigned n;
	int64_t not_before_s, not_after_s; /* 0: not asked for */
	struct acme_subproblem *refused;
	unsigned n_refused;
};

/* ERR_MALFORMED where it is not even the form; names that cannot be served are in `refused`. */
result new_order_parse(struct op *op, struct bytes payload, struct new_order *out);
