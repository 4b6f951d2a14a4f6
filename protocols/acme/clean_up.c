/*
 * Clean-up of ACME objects (F21; RFC 8555 section 7.1.6): steps of a few rows, each
 * a closure of the ledger among those of the requests. What there is to do is
 * found by reading, so that a house in order makes no transaction for it. A pass
 * goes through the kinds of cleanup.h, and ends with the nonces.
 */
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "protocols/acme/endpoint.h"
#include "store/ledger.h"
#include "store/nonces.h"

#define ROWS_AT_ONCE 200    /* some milliseconds of the ledger */
#define NONCES_AT_ONCE 1000 /* nobody waits for these */
#define SLICE_MS 250        /* of each second at most: the steward has other tasks */
#define REST_MS 60000       /* after a pass that found nothing more */

struct step {
	enum cleanup_kind kind;
	struct cleanup_window window;
	uint64_t changes;
};

static bool ends_only(enum cleanup_kind kind)
{
	return kind == CLEANUP_OPEN_ORDERS || kind == CLEANUP_OPEN_AUTHORIZATIONS;
}

static result find_rows(struct op *op, struct acme *acme, struct step *step)
{
	struct acme_clean_up *pass = &acme->clean_up;
	const struct config *config = authority_config(acme->authority);
	int64_t before_s = clock_now_s() - (ends_only(pass->kind) ? 0 : config->limits.keep_finished_s);
	STORE_LEASE(lease);

	step->kind = pass->kind;
	TRY(store_read(op, acme->authority->store, &lease));
	return cleanup_find(op, lease.db, pass->kind, before_s, &pass->place, ROWS_AT_ONCE, &step->window);
}

static result apply_step(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct step *step = arg;
	return cleanup_apply(op, ledger_db(tx), step->kind, &step->window, &step->changes);
}

static void end_pass(struct op *op, struct acme_clean_up *pass)
{
	if (pass->n_ended + pass->n_removed > 0)
		log_info(op, "acme.clean-up", "%llu orders and authorizations ran out; %llu rows of ended ones were removed",
			 (unsigned long long)pass->n_ended, (unsigned long long)pass->n_removed);
	*pass = (struct acme_clean_up){ .rest_until_ms = pass->rest_until_ms };
}

/* Orders, authorizations and challenges: the next few of one kind. */
static result clean_rows(struct op *op, struct acme *acme, bool *is_end)
{
	struct acme_clean_up *pass = &acme->clean_up;
	struct step step = { .changes = 0 };

	TRY(find_rows(op, acme, &step));
	if (step.window.n_rows > 0)
		TRY(ledger_run(op, acme->authority->ledger, apply_step, &step));
	if (ends_only(step.kind))
		pass->n_ended += step.changes;
	else
		pass->n_removed += step.changes;
	pass->place = step.window.last;
	*is_end = step.window.is_end;
	return OK;
}

/* Past the ledger: they are no history, and only nodes that share a store have any. */
static result clean_nonces(struct op *op, struct acme *acme, bool *is_end)
{
	unsigned n = 0;

	if (store_is_shared(acme->authority->store)) {
		STORE_LEASE(lease);
		TRY(store_single(op, acme->authority->store, &lease));
		TRY(nonce_clean(op, lease.db, clock_now_s(), NONCES_AT_ONCE, &n));
	}
	*is_end = n < NONCES_AT_ONCE;
	return OK;
}

result acme_clean_up_step(struct op *op, struct acme *acme, bool *is_done)
{
	struct acme_clean_up *pass = &acme->clean_up;
	bool is_end;

	*is_done = false;
	TRY(pass->kind < CLEANUP_KINDS ? clean_rows(op, acme, &is_end) : clean_nonces(op, acme, &is_end));
	if (!is_end)
		return OK;
	*is_done = pass->kind == CLEANUP_KINDS;
	if (*is_done)
		end_pass(op, pass);
	else
		*pass = (struct acme_clean_up){ pass->kind + 1, { 0 }, pass->n_ended, pass->n_removed, pass->rest_until_ms };
	return OK;
}

/* As long as the step took, so that at most half of a slice is spent within the store. */
static void pause_after(int64_t started_ms)
{
	int64_t ms = clock_monotonic_ms() - started_ms + 1;
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000 };
	(void)nanosleep(&time, NULL);
}

result acme_clean_up(struct op *op, void *arg)
{
	struct acme *acme = arg;
	struct acme_clean_up *pass = &acme->clean_up;
	int64_t start_ms = clock_monotonic_ms(), step_ms = start_ms;

	if (start_ms < pass->rest_until_ms)
		return OK;
	pass->rest_until_ms = start_ms + REST_MS; /* also after a failure */
	for (bool is_done = false; !is_done; step_ms = clock_monotonic_ms()) {
		if (step_ms - start_ms >= SLICE_MS) {
			pass->rest_until_ms = 0; /* goes on in the next slice */
			return OK;
		}
		TRY(acme_clean_up_step(op, acme, &is_done));
		pause_after(step_ms);
	}
	return OK;
}
