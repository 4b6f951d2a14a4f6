/*
 * The lint: reads TBS bytes back with eyes of its own and holds them against
 * the plan and RFC 5280. It alone makes struct linted_tbs, and sign_certificate
 * takes nothing else: what was not linted cannot be signed.
 */
#pragma once

#include "ca/tbs.h"

struct linted_tbs;

/*
 * ERR_BUG with the rule that failed (rows C1-C16, N9, N12, V38, V42): our own
 * builder is at fault, or a profile asks for what may not be.
 */
result lint_tbs(struct op *op, const struct tbs_plan *plan, struct bytes tbs, struct linted_tbs **out);
struct bytes linted_tbs_bytes(const struct linted_tbs *linted);
/* It was linted for a signature by this key: the issuer's, or the root's own. */
bool linted_tbs_is_for(const struct linted_tbs *linted, const struct token_key *issuer_key);
/* Single use: ERR_BUG the second time. */
result linted_tbs_consume(struct op *op, struct linted_tbs *linted);

/*
 * A CRL before it is published: parsed again, rows L1-L9, L15 (number above the
 * last, thisUpdate not before it). Entries must be in ascending order of serial, as the
 * writer puts them, so that none is there twice. One pass, no memory: a CRL may
 * have millions of entries. The signature was verified when it was made.
 */
result lint_crl(struct op *op, const struct ca *issuer, struct bytes der, uint64_t last_number, int64_t last_this_update_s);
