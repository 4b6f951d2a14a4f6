/*
 * One CRL from number to publication. The number is taken first and durably,
 * the revocations are read after it, nothing is open while the token signs, and
 * nobody sees a CRL that is not in the store: a number is never used for two
 * (I6), and what is revoked before a round begins is on its CRL (I5).
 */
#include "ca/crl_refresh.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "ca/lint.h"
#include "ca/published.h"
#include "ca/sign.h"

#define CLOCK_STEP_S 60 /* back by less is a correction of the clock; by more, somebody has to look (F14, L15) */
#define ROUNDS 16       /* more CAs than that share a mutex, which only costs waiting */

/*
 * Callers of one CA take turns. Who comes while a round is under way shares the
 * next one with all others who wait: a thousand revocations at once cost two
 * signatures, not a thousand.
 */
struct round {
	pthread_mutex_t mutex;
	atomic_uint_fast64_t begun;
	uint64_t done; /* the last round that ended well, with whom it was for */
	const struct authority *authority;
	const struct ca *ca;
};

static struct round rounds[ROUNDS] = { [0 ... ROUNDS - 1] = { .mutex = PTHREAD_MUTEX_INITIALIZER } };

static result load_last(struct op *op, struct authority *a, const struct ca *ca, struct crl_row *out)
{
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	return crl_load_latest_times(op, lease.db, ca->name, out);
}

static result load_last_if_any(struct op *op, struct authority *a, const struct ca *ca, struct crl_row *out)
{
	result r = load_last(op, a, ca, out);
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	*out = (struct crl_row){ .ca = ca->name };
	return OK;
}

static result take_number(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct crl_row *row = arg;
	return crl_take_number(op, ledger_db(tx), row->ca, &row->number);
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

struct recording {
	const struct crl_row *row;
	const struct ca *ca;
	uint64_t entries;
};

static result record(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct recording *recording = arg;
	const struct crl_row *row = recording->row;
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(row->der, digest);
	struct audit_event event = {
		.type = AUDIT_CRL_SIGNED,
		.ca = row->ca,
		.key = recording->ca->key.label,
		.facts = {
			{ "entries", arena_printf(op->arena, "%llu", (unsigned long long)recording->entries) },
			{ "next_update", clock_rfc3339(op->arena, row->next_update_s) },
			{ "number", arena_printf(op->arena, "%llu", (unsigned long long)row->number) },
			{ "sha256", bytes_to_hex(op->arena, BYTES_ARRAY(digest)) },
			{ "this_update", clock_rfc3339(op->arena, row->this_update_s) },
		},
	};
	TRY(crl_insert(op, ledger_db(tx), row));
	return ledger_audit(op, tx, &event, NULL);
}

void crl_put(struct op *op, struct authority *a, const struct crl_row *row)
{
	if (a->published == NULL) /* a command without a server serves nothing */
		return;
	struct published_object object = { .content = row->der,
					   .content_type = "application/pkix-crl", /* RFC 2585 section 4.2 */
					   .modified_s = row->this_update_s,
					   .expires_s = row->next_update_s };
	published_put(a->published, arena_printf(op->arena, "/crl/%s.crl", row->ca), &object);
}

static result make(struct op *op, struct authority *a, const struct ca *ca, struct crl_row *row)
{
	struct crl_row last;
	CRL_WRITER(writer);
	struct bytes tbs;
	*row = (struct crl_row){ .ca = ca->name };
	TRY(load_last_if_any(op, a, ca, &last));
	TRY(ledger_run(op, a->ledger, take_number, row));
	TRY(write_tbs(op, a, ca, &last, row, &writer, &tbs));
	TRY(sign_crl(op, a->token, ca, tbs, &row->der));
	TRY(lint_crl(op, ca, row->der, last.number, last.this_update_s));
	struct recording recording = { .row = row, .ca = ca, .entries = writer.entries };
	TRY(ledger_run(op, a->ledger, record, &recording));
	crl_put(op, a, row);
	return OK;
}

/* With the round's mutex held; `seen`: rounds that had begun when the caller came. */
static result make_or_share(struct op *op, struct authority *a, const struct ca *ca, struct round *round, uint64_t seen,
			    struct crl_row *out)
{
	if (round->done > seen && round->authority == a && round->ca == ca)
		return load_last(op, a, ca, out);
	uint64_t mine = atomic_fetch_add(&round->begun, 1) + 1;
	TRY(make(op, a, ca, out));
	round->done = mine;
	round->authority = a;
	round->ca = ca;
	return OK;
}

result crl_publish(struct op *op, struct authority *a, const struct ca *ca, struct crl_row *out)
{
	struct round *round = &rounds[(size_t)(ca - a->hierarchy->cas) % ROUNDS];
	uint64_t seen = atomic_load(&round->begun);
	ASSERT(pthread_mutex_lock(&round->mutex) == 0);
	result r = make_or_share(op, a, ca, round, seen, out);
	pthread_mutex_unlock(&round->mutex);
	return r;
}
