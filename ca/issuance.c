/*
 * The order of writes. The intent is durable before the token is asked, the
 * certificate is durable before anybody gets it, and no transaction is open
 * while the token is waited for. Whatever fails between T1 and T2 leaves an
 * intent in doubt: the token may have signed. Such a serial is orphaned and
 * revoked, and never signed again.
 */
#include "ca/issuance.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "ca/doubts.h"
#include "ca/lint.h"
#include "ca/sign.h"
#include "store/certificates.h"
#include "store/nodes.h"

#define SERIAL_DRAWS 3 /* 126 random bits: a second draw means the RNG is broken */

/* What the closures of T1, T2 and the orphaning share. */
struct writing {
	const struct issuance *issuance;
	struct certificate row;
	struct audit_event event;
	bool is_serial_taken;
};

void issuance_describe_profile(struct audit_event *event, const char *profile_hash, const char *ordered_profile_hash)
{
	event->profile_hash = profile_hash;
	if (ordered_profile_hash != NULL && !text_equal(ordered_profile_hash, profile_hash))
		event->facts[0] = (struct audit_fact){ "ordered_profile_hash", ordered_profile_hash };
}

static void describe(struct op *op, const struct issuance *issuance, struct audit_event *event)
{
	issuance_describe_profile(event, issuance->profile_hash, issuance->ordered_profile_hash);
	event->account = issuance->account;
	event->ca = issuance->ca;
	event->door = door_name(issuance->door);
	event->profile = issuance->profile;
	event->order = issuance->claim_id;
	event->csr_hash = issuance->csr_hash;
	event->config_hash = issuance->config_hash;
	event->key = issuance->issuer_key->label;
	event->names = identifiers_to_names(op, issuance->identifiers, issuance->n_identifiers);
	event->n_names = issuance->n_identifiers;
}

static struct bytes sha256_of(struct op *op, struct bytes bytes)
{
	uint8_t *digest = arena_alloc(op->arena, SHA256_SIZE);
	bytes_sha256(bytes, digest);
	return (struct bytes){ digest, SHA256_SIZE };
}

/* T1: claim, serial, TBS and intent, audit entry. */
static result write_intent(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct writing *w = arg;
	w->is_serial_taken = false;
	struct certificate taken;
	result r = certificate_load(op, ledger_db(tx), w->row.serial, &taken);
	if (r.err == ERR_NONE) { /* decided before anything is written */
		w->is_serial_taken = true;
		return FAIL(op, ERR_CONFLICT, "serial %s is taken", w->row.serial);
	}
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	TRY(claim_take(op, ledger_db(tx), w->issuance->claim_kind, w->issuance->claim_id));
	TRY(certificate_intend(op, ledger_db(tx), &w->row));
	return ledger_audit(op, tx, &w->event, NULL);
}

/* T2: the certificate, the claim's end, audit entry. */
static result write_certificate(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct writing *w = arg;
	TRY(certificate_issue(op, ledger_db(tx), w->row.serial, w->row.der, w->row.issued_s));
	TRY(claim_finish(op, ledger_db(tx), w->issuance->claim_kind, w->issuance->claim_id, w->row.serial));
	return ledger_audit(op, tx, &w->event, NULL);
}

static result intend(struct op *op, struct authority *a, struct issuance *issuance, struct writing *w,
		     struct linted_tbs **linted)
{
	for (int draw = 1;; draw++) {
		struct bytes tbs;
		serial_draw(&issuance->plan.serial);
		TRY(tbs_build(op, &issuance->plan, &tbs));
		TRY(lint_tbs(op, &issuance->plan, tbs, linted));
		const char *serial = serial_to_hex(op->arena, &issuance->plan.serial);
		*w = (struct writing){ .issuance = issuance };
		w->row = (struct certificate){
			.serial = serial,
			.ca = issuance->ca,
			.profile = issuance->profile,
			.profile_hash = issuance->profile_hash,
			.door = door_name(issuance->door),
			.subject = tbs_plan_title(&issuance->plan),
			.names = identifiers_to_json(op, issuance->identifiers, issuance->n_identifiers),
			.spki_hash = sha256_of(op, issuance->plan.spki),
			.tbs = tbs,
			.requester = issuance->requester,
			.claim_kind = issuance->claim_kind,
			.claim_id = issuance->claim_id,
			.node = a->node,
			.not_before_s = issuance->plan.not_before_s,
			.not_after_s = issuance->plan.not_after_s,
			.intended_s = clock_now_s(),
		};
		describe(op, issuance, &w->event);
		w->event.type = AUDIT_ISSUANCE_INTENDED;
		w->event.serial = serial;
		w->event.tbs_hash = sha256_of(op, tbs);
		w->event.spki_hash = w->row.spki_hash;
		result r = ledger_run(op, a->ledger, write_intent, w);
		if (r.err == ERR_NONE || !w->is_serial_taken || draw == SERIAL_DRAWS)
			return r;
		log_warning(op, "serial.taken", "drew serial %s a second time; check the random source", serial);
		op_clear_failure(op);
	}
}

/* After a failure in doubt: the failure that caused it is what the caller hears. */
static result orphan_after(struct op *op, struct authority *a, const char *serial, result cause)
{
	struct op *aside = op_new();
	aside->actor = op->actor;
	result r = issuance_orphan(aside, a, serial, op->detail);
	if (r.err != ERR_NONE) {
		log_error(aside, "issuance.doubt", "serial %s stays in doubt until the store is back: %s", serial, aside->detail);
		doubts_add(a->doubts, serial, op->detail);
	}
	op_free(&aside);
	return cause;
}

result issuance_run(struct op *op, struct authority *a, struct issuance *issuance, struct issued *out)
{
	if (!token_is_up(a->token))
		return FAIL(op, ERR_BUSY, "no signer is running just now; try again in a moment");
	struct writing w;
	struct linted_tbs *linted;
	TRY(intend(op, a, issuance, &w, &linted));

	result r = sign_certificate(op, a->token, issuance->issuer_key, linted, &w.row.der);
	if (r.err != ERR_NONE)
		return orphan_after(op, a, w.row.serial, r);

	w.row.issued_s = clock_now_s();
	w.event.type = AUDIT_ISSUED;
	w.event.certificate_hash = sha256_of(op, w.row.der);
	r = ledger_settle(op, a->ledger, write_certificate, &w);
	if (r.err != ERR_NONE) { /* not durable, not delivered; the serial must not stay usable (F7) */
		log_error(op, "issuance.undelivered", "serial %s was signed and could not be recorded, so that nobody gets it: %s",
			  w.row.serial, op->detail);
		return orphan_after(op, a, w.row.serial, r);
	}

	*out = (struct issued){ .serial = w.row.serial,
				.der = w.row.der,
				.not_before_s = issuance->plan.not_before_s,
				.not_after_s = issuance->plan.not_after_s };
	return OK;
}

struct orphaning {
	const char *serial, *why;
	int64_t seen_before_s; /* not 0: the intent of a node that must be absent since then */
};

static result write_orphan(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct orphaning *o = arg;
	struct db *db = ledger_db(tx);
	struct certificate row;
	TRY(certificate_load(op, db, o->serial, &row));
	if (row.status != CERTIFICATE_INTENDED)
		return OK; /* another thread or node ended it */
	if (o->seen_before_s != 0)
		TRY(node_fence(op, db, row.node, o->seen_before_s));
	struct revocation revocation = { .serial = row.serial,
					 .ca = row.ca,
					 .revoked_s = clock_now_s(),
					 .reason = REASON_SUPERSEDED,
					 .not_after_s = row.not_after_s };
	struct audit_event event = { .type = AUDIT_ORPHANED,
				     .ca = row.ca,
				     .profile = row.profile,
				     .door = row.door,
				     .order = row.claim_id,
				     .serial = row.serial,
				     .reason = revocation_reason_name(REASON_SUPERSEDED),
				     .outcome = o->why };
	TRY(certificate_orphan(op, db, row.serial));
	TRY(revocation_insert(op, db, &revocation));
	result r = claim_release(op, db, row.claim_kind, row.claim_id);
	if (r.err == ERR_CONFLICT || r.err == ERR_NOT_FOUND)
		op_clear_failure(op); /* the order expired meanwhile, or is gone */
	else
		TRY(r);
	return ledger_audit(op, tx, &event, NULL);
}

result issuance_orphan(struct op *op, struct authority *a, const char *serial, const char *why)
{
	struct orphaning o = { .serial = serial, .why = arena_text(op->arena, why) };
	return ledger_run(op, a->ledger, write_orphan, &o);
}

result issuance_orphan_of_absent(struct op *op, struct authority *a, const char *serial, int64_t seen_before_s)
{
	struct orphaning o = { .serial = serial, .why = "its node is gone", .seen_before_s = seen_before_s };
	return ledger_run(op, a->ledger, write_orphan, &o);
}
