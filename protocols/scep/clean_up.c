/* Transactions that ended more than a day ago; what they stood for goes with the requests of all doors (EST's task). */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "protocols/scep/endpoint.h"
#include "store/scep_transactions.h"

#define ROWS_AT_ONCE 200 /* some milliseconds of the ledger */

struct cleaning {
	int64_t before_s;
	unsigned n;
};

static result clean(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct cleaning *c = arg;
	return scep_transaction_clean(op, ledger_db(tx), c->before_s, ROWS_AT_ONCE, &c->n);
}

result scep_clean_up(struct op *op, void *arg)
{
	const struct scep *scep = arg;
	struct cleaning c = { .before_s = clock_now_s() - LIMIT_SCEP_REPEAT_S };
	unsigned n = 0;
	do {
		TRY(ledger_run(op, scep->authority->ledger, clean, &c));
		n += c.n;
	} while (c.n >= ROWS_AT_ONCE);
	if (n > 0)
		log_info(op, "scep.clean-up", "%u transactions that ended long ago were removed", n);
	return OK;
}
