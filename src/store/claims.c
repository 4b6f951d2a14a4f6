/* Which move of which object a claim stands for: one case per kind. */
#include "store/claims.h"

#include "base/clock.h"
#include "store/enrollments.h"
#include "store/orders.h"

const char *claim_kind_name(enum claim_kind kind)
{
	static const char *const names[] = { "none", "acme-order", "enrollment" };
	ASSERT((unsigned)kind < sizeof(names) / sizeof(names[0]));
	return names[kind];
}

result claim_take(struct op *op, struct db *db, enum claim_kind kind, const char *id)
{
	switch (kind) {
	case CLAIM_NONE:
		return OK;
	case CLAIM_ACME_ORDER:
		return order_move(op, db, id, ORDER_READY, ORDER_PROCESSING);
	case CLAIM_ENROLLMENT:
		return enrollment_move(op, db, id, ENROLLMENT_READY, ENROLLMENT_PROCESSING, clock_now_s());
	}
	return FAIL(op, ERR_BUG, "claim of unknown kind %d", (int)kind);
}

result claim_finish(struct op *op, struct db *db, enum claim_kind kind, const char *id, const char *serial)
{
	switch (kind) {
	case CLAIM_NONE:
		return OK;
	case CLAIM_ACME_ORDER:
		return order_finish(op, db, id, serial);
	case CLAIM_ENROLLMENT:
		return enrollment_finish(op, db, id, serial, clock_now_s());
	}
	return FAIL(op, ERR_BUG, "claim of unknown kind %d", (int)kind);
}

result claim_release(struct op *op, struct db *db, enum claim_kind kind, const char *id)
{
	switch (kind) {
	case CLAIM_NONE:
		return OK;
	case CLAIM_ACME_ORDER:
		return order_move(op, db, id, ORDER_PROCESSING, ORDER_READY);
	case CLAIM_ENROLLMENT:
		return enrollment_move(op, db, id, ENROLLMENT_PROCESSING, ENROLLMENT_READY, clock_now_s());
	}
	return FAIL(op, ERR_BUG, "claim of unknown kind %d", (int)kind);
}
