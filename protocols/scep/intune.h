/*
 * Microsoft Intune as the one who knows its challenges: a SCEP request of a
 * managed device is shown to Microsoft before anything is signed (IN2), and
 * Microsoft is told how it ended (IN3) and asked which certificates it wants
 * revoked (IN4). docs/scep-intune.md has the wire format.
 *
 * A yes is never kept: each request is asked for (IN5), and whoever cannot be
 * asked has not said yes.
 */
#pragma once

#include "ca/authority.h"
#include "server/lane.h"

struct intune;

/*
 * Both are borrowed. `wait` is the lane of work that waits for others (LANE_WAIT):
 * what the steward finds due is done there; NULL: on the thread that sweeps.
 */
struct intune *intune_new(struct authority *authority, struct lane *wait);
/* A sweep under way ends after the call that it is at; none is begun any more. Any thread. */
void intune_stop(struct intune *intune);
/* After the lane is gone, or its jobs are done. */
void intune_free(struct intune **intune);

/* Refuses settings whose secret, key, certificate or trust file cannot be read. `endpoint->intune.tenant` is set. */
result intune_check(struct op *op, const struct config_scep *endpoint);

/*
 * OK: Microsoft has said "Success" to this very request, now. ERR_DENIED: it said
 * another code, which with its text is the detail. ERR_BACKEND: it could not be
 * asked, or what came back was no answer. ERR_BUSY, at once: it was not asked, since
 * so many others are being asked about for this endpoint, or for op's address.
 * Blocks for at most the endpoint's timeout, or until op's deadline.
 */
result intune_validate(struct op *op, struct intune *intune, const struct config_scep *endpoint, const char *transaction_id,
		       struct bytes csr_der);

/*
 * Within the transaction that makes the enrollment's row: Microsoft will be told
 * whether it was issued, or rejected, or expired.
 */
result intune_notice_for(struct op *op, struct db *db, const struct config_scep *endpoint, const char *enrollment_id,
			 const char *transaction_id, struct bytes csr_der, int64_t now_s);

/* What stands in Intune's console beside a request that we refused, after Microsoft had said yes to it. */
enum intune_refusal {
	INTUNE_REFUSED_POLICY,  /* profile, names or key: another try ends the same way */
	INTUNE_REFUSED_REJECTED, /* by an operator */
	INTUNE_REFUSED_EXPIRED,  /* nobody decided in time */
	INTUNE_REFUSED_FAILED   /* trouble of ours */
};
/* The same for a request that has no enrollment's row. `why` is for people: cut at 255 characters. */
result intune_notice_refused(struct op *op, struct db *db, const struct config_scep *endpoint, enum intune_refusal refusal,
			     const char *why, const char *transaction_id, struct bytes csr_der, int64_t now_s);

/* A steward's task (`intune` is a struct intune), every five seconds: notices that are due, revocations to be asked for. */
result intune_sweep(struct op *op, void *intune);
