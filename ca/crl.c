/*
 * One CRL from number to publication. The number is taken first and durably,
 * the revocations are read after it, nothing is open while the token signs, and
 * nobody sees a CRL that is not in the store: a number is never used for two
 * (I6), and what is revoked before a round begins is on its CRL (I5). Whose turn
 * it is, crl_round.c knows.
 */
#include "base/clock.h"
#include "base/log.h"
#include "ca/crl_round.h"
#include "ca/journal.h"
#include "ca/lint.h"
#include "ca/published.h"
#include "ca/sign.h"

#define CLOCK_STEP_S 60 /* back by less is a correction of the clock; by more, somebody has to look (F14, L15) */

/* What the closures share. */
struct making {
	const struct ca *ca;
	uint64_t basis; /* the last number when the caller looked */
	struct crl_builder builder;
	struct crl_row *row;
	uint64_t entries;
	bool is_elsewhere;
};

/* Compare-and-swap: whoever took a number since the caller looked has made, or makes, a newer CRL than the one looked at. */
static result take_turn(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct making *m = arg;
	struct crl_turn turn;
	int64_t now = clock_now_s();
	TRY(crl_turn_load(op, ledger_db(tx), m->ca->name, now, &turn));
	m->is_elsewhere = turn.number != m->basis || crl_turn_is_of_another(&turn, m->builder.node, now);
	if (m->is_elsewhere)
		return FAIL(op, ERR_BUSY, "another node was faster with the next CRL of %s", m->ca->name);
	return crl_turn_take(op, ledger_db(tx), m->ca->name, &m->builder, now, &m->row->number);
}

/* thisUpdate is never before that of the last CRL (L15) or a revocation (L9), whatever the clock does. */
static result choose_times(struct op *op, struct authority *a, int64_t least_s, struct crl_row *row)
{
	int64_t now = clock_now_s();
	if (now < least_s - CLOCK_STEP_S)
		return FAIL(op, ERR_BACKEND,
			    "the clock stands at %s, before the last CRL or revocation of %s at %s; no CRL is signed until it is right",
			    clock_rfc3339(op->arena, now), row->ca, clock_rfc3339(op->arena, least_s));
	row->this_update_s = now > least_s ? now : least_s;
	row->next_update_s = row->this_update_s + config_ca(authority_config(a), row->ca)->crl_lifetime_s;
	return OK;
}

static result write_entry(struct op *op UNUSED, void *arg, const struct revocation *revocation)
{
	return crl_writer_entry(arg, revocation);
}

/*
 * An expired certificate stays until one CRL was issued after its end (L10,
 * V27): on this one is what had not ended when the last one was issued.
 */
static result write_tbs(struct op *op, struct authority *a, const struct ca *ca, const struct crl_row *last,
			struct crl_row *row, struct crl_writer *writer, struct bytes *tbs)
{
	crl_writer_begin(writer, op, ca);
	{
		STORE_LEASE(lease);
		TRY(store_read(op, a->store, &lease));
		TRY(revocation_read(op, lease.db, ca->name, last->this_update_s, write_entry, writer));
	}
	TRY(choose_times(op, a, last->this_update_s > writer->newest_s ? last->this_update_s : writer->newest_s, row));
	return crl_writer_end(writer, row->number, row->this_update_s, row->next_update_s, tbs);
}

/* F17: a builder that was paused, and whose turn another has taken meanwhile, records nothing. */
static result record(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct making *m = arg;
	const struct crl_row *row = m->row;
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(row->der, digest);
	struct audit_event event = {
		.type = AUDIT_CRL_SIGNED,
		.ca = row->ca,
		.key = m->ca->key.label,
		.facts = {
			{ "entries", arena_printf(op->arena, "%llu", (unsigned long long)m->entries) },
			{ "next_update", clock_rfc3339(op->arena, row->next_update_s) },
			{ "number", arena_printf(op->arena, "%llu", (unsigned long long)row->number) },
			{ "sha256", bytes_to_hex(op->arena, BYTES_ARRAY(digest)) },
			{ "this_update", clock_rfc3339(op->arena, row->this_update_s) },
		},
	};
	result r = crl_turn_end(op, ledger_db(tx), row->ca, &m->builder, row->number);
	m->is_elsewhere = r.err == ERR_CONFLICT;
	TRY(r);
	TRY(crl_insert(op, ledger_db(tx), row));
	return ledger_audit(op, tx, &event, NULL);
}

static result end_turn(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct making *m = arg;
	return crl_turn_end(op, ledger_db(tx), m->ca->name, &m->builder, m->row->number);
}

/* Another node whose token is fine need not wait for the end of the turn. */
static void give_up(struct authority *a, struct making *m)
{
	struct op *aside = op_new();
	result r = ledger_run(aside, a->ledger, end_turn, m);
	if (r.err != ERR_NONE && r.err != ERR_CONFLICT) /* then it ends by the clock, for the other nodes */
		log_failure(aside, "crl.turn");
	op_free(&aside);
}

result crl_put(struct op *op, struct authority *a, const struct crl_row *row)
{
	TRY(op_explain(op, journal_write(op, a, JOURNAL_ALL), "CRL %llu of %s is not published yet",
		       (unsigned long long)row->number, row->ca));
	struct published_object object = { .content = row->der,
					   .content_type = "application/pkix-crl", /* RFC 2585 section 4.2 */
					   .number = row->number,
					   .modified_s = row->this_update_s,
					   .expires_s = row->next_update_s };
	published_put(a->published, crl_path(op, row->ca), &object);
	return OK;
}

/* With the turn, so that the last CRL stays the last one until this one is recorded. */
static result make(struct op *op, struct authority *a, struct making *m)
{
	struct crl_standing standing;
	const struct crl_row *last = &standing.last;
	struct bytes tbs;
	CRL_WRITER(writer);
	TRY(crl_standing_load(op, a, m->ca, &standing));
	TRY(write_tbs(op, a, m->ca, last, m->row, &writer, &tbs));
	TRY(sign_crl(op, a->token, m->ca, tbs, &m->row->der));
	TRY(lint_crl(op, m->ca, m->row->der, last->number, last->this_update_s));
	m->entries = writer.entries;
	return ledger_run(op, a->ledger, record, m);
}

result crl_make(struct op *op, struct authority *a, const struct ca *ca, uint64_t basis, bool *is_elsewhere,
		struct crl_row *out)
{
	struct ledger_state ledger;
	ledger_read_state(a->ledger, &ledger);
	struct making m = { .ca = ca, .basis = basis, .builder = { a->node, ledger.epoch }, .row = out };
	*out = (struct crl_row){ .ca = ca->name };
	result r = ledger_run(op, a->ledger, take_turn, &m);
	if (r.err == ERR_NONE) {
		r = make(op, a, &m);
		if (m.is_elsewhere)
			log_warning(op, "crl.discarded", "CRL %llu of %s came too late and was thrown away: another node has taken the turn",
				    (unsigned long long)out->number, ca->name);
		else if (r.err != ERR_NONE)
			give_up(a, &m);
		else
			r = crl_put(op, a, out); /* it stands in the store: the next round publishes it, if not this one */
	}
	*is_elsewhere = m.is_elsewhere;
	return r;
}
