/*
 * Rows that nobody will ask for again: requests that ended, one-time tokens that
 * expired. A token has to outlive the request that it was used for, whose client
 * polls with it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "protocols/est/endpoint.h"
#include "store/credentials.h"
#include "store/enrollments.h"

#define ROWS_AT_ONCE 200 /* some milliseconds of the ledger */
#define DAY_S 86400

struct cleaning {
	int64_t requests_before_s, tokens_before_s;
	unsigned n_requests, n_tokens;
};

static result clean(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct cleaning *c = arg;
	TRY(enrollment_clean(op, ledger_db(tx), c->requests_before_s, ROWS_AT_ONCE, &c->n_requests));
	return one_time_token_clean(op, ledger_db(tx), c->tokens_before_s, ROWS_AT_ONCE, &c->n_tokens);
}

static int64_t longest_wait_s(const struct config *config)
{
	int64_t longest_s = DAY_S;
	for (unsigned i = 0; i < config->n_est; i++)
		if (config->est[i].request_lifetime_s > longest_s)
			longest_s = config->est[i].request_lifetime_s;
	return longest_s;
}

result est_clean_up(struct op *op, void *arg)
{
	struct est *est = arg;
	const struct config *config = authority_config(est->authority);
	int64_t wait_s = longest_wait_s(config), keep_s = config->limits.keep_finished_s;
	struct cleaning c = { .requests_before_s = clock_now_s() - (keep_s > wait_s ? keep_s : wait_s),
			      .tokens_before_s = clock_now_s() - 2 * wait_s };
	unsigned n_requests = 0, n_tokens = 0;
	do {
		TRY(ledger_run(op, est->authority->ledger, clean, &c));
		n_requests += c.n_requests;
		n_tokens += c.n_tokens;
	} while (c.n_requests >= ROWS_AT_ONCE || c.n_tokens >= ROWS_AT_ONCE);
	if (n_requests + n_tokens > 0)
		log_info(op, "est.clean-up", "%u requests and %u one-time tokens that ended long ago were removed", n_requests,
			 n_tokens);
	return OK;
}
