/*
 * Taking turns: threads of this process by a mutex for each CA, nodes by a row
 * (struct crl_turn). Who comes while a CRL is made shares the next one with all
 * others who wait, here and on other nodes: a number that was taken after the
 * call began belongs to a CRL that has what was revoked before it. A thousand
 * revocations at once cost two signatures, not a thousand.
 */
#include "ca/crl_round.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "ca/published.h"
#include "store/audit_rows.h"

#define ROUNDS 16         /* more CAs than that share one, which only costs waiting */
#define LOOK_AGAIN_MS 100 /* while another node is at it */

struct crl_rounds {
	struct crl_round of[ROUNDS];
};

struct crl_rounds *crl_rounds_new(void)
{
	struct crl_rounds *rounds = calloc(1, sizeof *rounds);
	ASSERT(rounds != NULL);
	for (unsigned i = 0; i < ROUNDS; i++)
		ASSERT(pthread_mutex_init(&rounds->of[i].mutex, NULL) == 0);
	return rounds;
}

void crl_rounds_free(struct crl_rounds **rounds)
{
	if (*rounds == NULL)
		return;
	for (unsigned i = 0; i < ROUNDS; i++)
		(void)pthread_mutex_destroy(&(*rounds)->of[i].mutex);
	free(*rounds);
	*rounds = NULL;
}

struct crl_round *crl_round_enter(struct authority *a, const struct ca *ca)
{
	struct crl_round *round = &a->crl_rounds->of[(size_t)(ca - a->hierarchy->cas) % ROUNDS];
	ASSERT(pthread_mutex_lock(&round->mutex) == 0);
	return round;
}

void crl_round_leave(struct crl_round **round)
{
	if (*round != NULL)
		pthread_mutex_unlock(&(*round)->mutex);
	*round = NULL;
}

result crl_standing_load(struct op *op, struct authority *a, const struct ca *ca, struct crl_standing *out)
{
	struct merkle_frontier frontier;
	int64_t now = clock_now_s();
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(crl_turn_load(op, lease.db, ca->name, now, &out->turn));
	TRY(audit_head_read(op, lease.db, &frontier, &out->log));
	out->is_of_another = crl_turn_is_of_another(&out->turn, a->node, now);
	result r = crl_load_latest_times(op, lease.db, ca->name, &out->last);
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	out->last = (struct crl_row){ .ca = ca->name };
	return OK;
}

const char *crl_path(struct op *op, const char *ca)
{
	return arena_printf(op->arena, "/crl/%s.crl", ca);
}

static bool is_served(struct op *op, struct authority *a, const struct crl_row *row)
{
	const struct published_object *now = published_pin(a->published, bytes_of_text(crl_path(op, row->ca)));
	bool is = now != NULL && now->number >= row->number;
	published_unpin((void *)(uintptr_t)now);
	return is;
}

result crl_adopt(struct op *op, struct authority *a, const struct crl_row *last)
{
	struct crl_row whole;
	if (last->number == 0 || is_served(op, a, last))
		return OK;
	{
		STORE_LEASE(lease);
		TRY(store_read(op, a->store, &lease));
		TRY(crl_load_latest(op, lease.db, last->ca, &whole));
	}
	return crl_put(op, a, &whole);
}

/* One look: a CRL that began after `seen` is there, or another node is at it, or one is made here. */
static result make_or_share(struct op *op, struct authority *a, const struct ca *ca, uint64_t seen, bool *is_elsewhere,
			    struct crl_row *out)
{
	struct crl_standing standing;
	CRL_ROUND(round);
	*is_elsewhere = false;
	round = crl_round_enter(a, ca);
	TRY(crl_standing_load(op, a, ca, &standing));
	if (standing.last.number > seen) {
		*out = standing.last;
		return crl_adopt(op, a, out);
	}
	*is_elsewhere = standing.is_of_another;
	if (standing.is_of_another)
		return FAIL(op, ERR_BUSY, "node %s is making the next CRL of %s", standing.turn.builder, ca->name);
	return crl_make(op, a, ca, standing.turn.number, is_elsewhere, out);
}

result crl_publish(struct op *op, struct authority *a, const struct ca *ca, struct crl_row *out)
{
	const struct timespec pause = { .tv_nsec = LOOK_AGAIN_MS * 1000000L };
	int64_t left_ms = op_left_ms(op);
	int64_t until_ms = clock_monotonic_ms() + (left_ms < CRL_TURN_S * 1000 ? left_ms : CRL_TURN_S * 1000);
	struct crl_standing before;
	TRY(crl_standing_load(op, a, ca, &before));
	for (;;) {
		bool is_elsewhere;
		result r = make_or_share(op, a, ca, before.turn.number, &is_elsewhere, out);
		if (!is_elsewhere)
			return r;
		if (clock_monotonic_ms() >= until_ms)
			return FAIL(op, ERR_BUSY, "other nodes are making the CRLs of %s, and none has come so far; try again",
				    ca->name);
		op_clear_failure(op);
		(void)nanosleep(&pause, NULL);
	}
}
