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
	const char *profile_hash;           /* profile_hash.h; NULL: it is none of the configuration's */
	const char *ordered_profile_hash;   /* the same, when it was asked for; NULL: just now */
	enum door door;
	const char *requester, *account;
	enum claim_kind claim_kind;
	const char *claim_id;
	struct bytes csr_hash;
	struct bytes config_hash;
	const struct identifier *identifiers; /* what was authorized: for the row and the log; CAs and responders have none */
	unsigned n_identifiers;
};

/* The profile by which it was decided, and if it was another one when it was asked for, that one too (F32, V37). */
void issuance_describe_profile(struct audit_event *event, const char *profile_hash, const char *ordered_profile_hash);

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
