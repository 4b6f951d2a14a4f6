/*
 * Revocation in one breath: the row and its audit entry in one transaction,
 * then what OCSP kept of the old truth is dropped. The CRL is the caller's.
 */
#include "ca/revoke.h"

#include "base/clock.h"
#include "base/log.h"
#include "ca/crl.h"
#include "ca/journal.h"
#include "ca/ocsp.h"

struct revoking {
	const char *serial;
	int reason;
	bool may_block_key;
	struct revocation *out;
};

static result write_revocation(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct revoking *r = arg;
	struct db *db = ledger_db(tx);
	struct certificate row;
	struct revocation earlier;
	TRY(certificate_load(op, db, r->serial, &row));
	if (row.status != CERTIFICATE_ISSUED && row.status != CERTIFICATE_ORPHANED)
		return FAIL(op, ERR_NOT_FOUND, "serial %s has no certificate that could be revoked", r->serial);
	result found = revocation_load(op, db, row.serial, &earlier);
	if (found.err == ERR_NONE)
		return FAIL(op, ERR_CONFLICT, "serial %s was revoked already, at %s", row.serial,
			    clock_rfc3339(op->arena, earlier.revoked_s));
	if (found.err != ERR_NOT_FOUND)
		return found;
	op_clear_failure(op);

	*r->out = (struct revocation){ .serial = row.serial,
				       .ca = row.ca,
				       .revoked_s = clock_now_s(),
				       .reason = r->reason,
				       .not_after_s = row.not_after_s };
	struct audit_event event = { .type = AUDIT_REVOKED,
				     .ca = row.ca,
				     .profile = row.profile,
				     .serial = row.serial,
				     .spki_hash = row.spki_hash,
				     .reason = revocation_reason_name(r->reason) };
	TRY(revocation_insert(op, db, r->out));
	if (r->reason == REASON_KEY_COMPROMISE && r->may_block_key)
		TRY(blocked_key_insert(op, db, row.spki_hash, "it was revoked as compromised", clock_now_s()));
	return ledger_audit(op, tx, &event, NULL);
}

/* Hold and removeFromCRL need delta CRLs to mean anything; cACompromise and aACompromise are not for leaves. */
static bool may_be_asked_for(int reason)
{
	return reason == REASON_UNSPECIFIED || reason == REASON_KEY_COMPROMISE || reason == REASON_AFFILIATION_CHANGED ||
	       reason == REASON_SUPERSEDED || reason == REASON_CESSATION_OF_OPERATION ||
	       reason == REASON_PRIVILEGE_WITHDRAWN;
}

result certificate_revoke(struct op *op, struct authority *a, const char *serial, int reason, bool may_block_key,
			  struct revocation *out)
{
	if (!may_be_asked_for(reason))
		return FAIL(op, ERR_MALFORMED,
			    "reason %d cannot be given here; use unspecified, keyCompromise, affiliationChanged, superseded, "
			    "cessationOfOperation or privilegeWithdrawn",
			    reason);
	struct revoking revoking = { .serial = serial, .reason = reason, .may_block_key = may_block_key, .out = out };
	TRY(ledger_run(op, a->ledger, write_revocation, &revoking));
	ocsp_forget(a, out->serial);
	return op_explain(op, journal_write_own(op, a), "serial %s is revoked, but that is not yet safe from a loss of the store",
			  out->serial);
}

void revocation_announce(struct op *op, struct authority *a, const struct revocation *revocation)
{
	const struct ca *ca = hierarchy_find(a->hierarchy, revocation->ca);
	struct crl_row crl;
	ASSERT(ca != NULL);
	if (a->crl_due != NULL) {
		a->crl_due(a->crl_due_arg);
	} else if (crl_publish(op, a, ca, &crl).err != ERR_NONE) { /* it stands; the next server makes up for the CRL */
		log_failure(op, "crl.late");
		op_clear_failure(op);
	}
}
