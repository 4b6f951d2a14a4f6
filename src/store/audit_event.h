/*
 * One entry of the audit log: which fields it has and its canonical JSON form
 * (members sorted by name, no blanks, RFC 8785). Absent fields are left out.
 * The ledger adds seq, time, node, build, and from op: actor, remote, request.
 * Never: PINs, HMAC keys, challenge secrets, tokens, private keys (V14).
 */
#pragma once

#include "base/merkle.h"
#include "base/op.h"

enum audit_type {
	AUDIT_SERVER_STARTED,
	AUDIT_SERVER_STOPPED,
	AUDIT_CONFIG_RELOADED,
	AUDIT_KEY_GENERATED,
	AUDIT_CA_CREATED,
	AUDIT_ACCOUNT_CREATED,
	AUDIT_ACCOUNT_CHANGED,
	AUDIT_ORDER_CREATED,
	AUDIT_VALIDATION_PASSED,
	AUDIT_VALIDATION_FAILED,
	AUDIT_AUTHORIZATION_DEACTIVATED,
	AUDIT_ISSUANCE_REFUSED,
	AUDIT_ISSUANCE_INTENDED,
	AUDIT_ISSUED,
	AUDIT_ORPHANED,         /* intent in doubt: serial revoked */
	AUDIT_REVOKED,
	AUDIT_CRL_SIGNED,
	AUDIT_OCSP_KEY_CHANGED,
	AUDIT_CHECKPOINT_SIGNED,
	AUDIT_BACKUP_MADE,
	AUDIT_STORE_RESTORED,   /* an older copy of the store was accepted */
	AUDIT_CREDENTIAL_CREATED,    /* a user, a one-time token */
	AUDIT_CREDENTIAL_CHANGED,
	AUDIT_CREDENTIAL_LOCKED,
	AUDIT_AUTHENTICATION_REFUSED,
	AUDIT_ENROLLMENT_REQUESTED,  /* a request without an order (EST) */
	AUDIT_ENROLLMENT_DECIDED,
	AUDIT_SCEP_RA_CHANGED,       /* another certificate, and maybe another key */
	AUDIT_TYPE_COUNT
};
const char *audit_type_name(enum audit_type type); /* "certificate.issued" */

struct audit_fact {
	const char *name;
	const char *value;
};

struct audit_event {
	enum audit_type type;
	const char *account, *authorization, *ca, *door, *order, *profile; /* object names, NULL if none */
	const char *profile_hash;   /* SHA-256 of the profile's content, hex */
	const char *serial;         /* lower-case hex */
	const char *const *names;   /* identifiers, "dns:a.example" */
	unsigned n_names;
	struct bytes config_hash, csr_hash, tbs_hash, spki_hash, certificate_hash; /* SHA-256, or empty */
	const char *key;            /* label of the token key used */
	const char *reason;         /* revocation reason, refusal rule */
	const char *outcome;        /* for people */
	const char *evidence_json;  /* canonical JSON from the courier, NULL if none */
	struct audit_fact facts[6]; /* further ones, sorted by name, ended by a NULL name */
};

struct audit_frame { /* what the ledger adds */
	uint64_t seq;
	int64_t time_ns;
	const char *node, *build;
};

struct bytes audit_event_encode(struct op *op, const struct audit_event *event, const struct audit_frame *frame);
