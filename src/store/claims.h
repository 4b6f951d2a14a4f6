/*
 * What an issuance is for. T1 takes the claim, T2 finishes it, and a recovery
 * that orphans the serial releases it, so that the client's next poll gets a
 * fresh certificate. ACME orders and enrollments (EST).
 *
 * A T2 that comes late (its serial was orphaned meanwhile) is stopped by
 * certificate_issue(), not here: call that one first.
 */
#pragma once

#include "store/db.h"

enum claim_kind { CLAIM_NONE, CLAIM_ACME_ORDER, CLAIM_ENROLLMENT };
const char *claim_kind_name(enum claim_kind kind); /* "none", "acme-order", "enrollment" */

/* All three: ERR_CONFLICT when the object has moved on. CLAIM_NONE always succeeds. */
result claim_take(struct op *op, struct db *db, enum claim_kind kind, const char *id); /* ready -> processing */
result claim_finish(struct op *op, struct db *db, enum claim_kind kind, const char *id,
		    const char *serial);                                           /* processing -> valid */
result claim_release(struct op *op, struct db *db, enum claim_kind kind, const char *id); /* processing -> ready */
