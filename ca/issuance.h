/*
 * One issuance from plan to certificate: T1, sign, verify, T2. Behind the door:
 * issue.c and ceremony.c decide what may be planned, this file does it in the
 * order of writes that loses nothing.
 */
#pragma once

#include "ca/authorization.h"
#include "ca/issue.h"

struct issuance {
	struct tbs_plan plan;               /* the serial is drawn here */
	const struct token_key *issuer_key;
	const char *ca;                     /* name of the issuing CA */
	const char *profile;
	enum door door;
	const char *requester, *account;
	enum claim_kind claim_kind;
	const char *claim_id;
	struct bytes csr_hash;
	struct bytes config_hash;
};

/*
 * ERR_BUSY before anything was written when no signer is up. After T1 a failure
 * orphans the serial: revoked, claim released, audited.
 */
result issuance_run(struct op *op, struct authority *authority, struct issuance *issuance, struct issued *out);

/* Ends an intent that has no certificate: orphaned, revoked, claim released, audited, in one transaction. */
result issuance_orphan(struct op *op, struct authority *authority, const char *serial, const char *why);
/*
 * The same for an intent of another node that was not seen since
 * `seen_before_s`: that node's epoch is ended in the same transaction, so that it
 * cannot finish what is orphaned here when it wakes up (F16). ERR_CONFLICT: it
 * was seen meanwhile.
 */
result issuance_orphan_of_absent(struct op *op, struct authority *authority, const char *serial, int64_t seen_before_s);
