/*
 * The one door to certificates. T1 (claim, serial, TBS, intent, audit) ->
 * sign -> verify -> T2 (certificate, claim finished, audit) -> return. No
 * transaction is open while the token is waited for. After an error before the
 * signature the claim goes back; in doubt the serial is orphaned and revoked.
 */
#pragma once

#include "ca/authority.h"
#include "ca/authorization.h"
#include "ca/tbs.h"

/*
 * authorization_new() for a request that wants a certificate now: a refusal by
 * policy (no such profile, not through this door, V2) becomes an audit entry.
 */
result issue_authorize(struct op *op, struct authority *authority, const struct authorization_facts *facts,
		       struct authorization **out);

struct issued {
	const char *serial; /* hex */
	struct bytes der;
	const char *chain_pem; /* leaf first, without the root */
	int64_t not_before_s, not_after_s;
};

/*
 * ERR_BUSY while no certificate may be issued at all, because a failover of the
 * database would lose it (F4). issue() asks by itself; for who would begin what it ends.
 */
result issue_is_open(struct op *op, struct authority *authority);

/*
 * Refuses what issue() would refuse for this authorization and key, empty where it
 * is yet to be made: for doors that spend something, or ask somebody, before they
 * issue. No audit entry is made of it: who asks may be anybody, and only the door
 * knows how many of them are worth one.
 */
result issue_would(struct op *op, struct authority *authority, const struct authorization *authorization, struct bytes spki);

/*
 * Refuses: a key that is not of the profile's types, unfit (key_check.h), one
 * of our own, or blocked (N6, N7; its account keys a protocol refuses itself);
 * lifetimes beyond the issuer (N9). A refusal is an audit entry, and no row of a
 * certificate.
 */
result issue(struct op *op, struct authority *authority, struct authorization *authorization, struct bytes spki,
	     struct issued *out);

/*
 * Ends the intents that no thread is working on, of this node and of nodes that
 * are gone: `at_start` all of this node's, otherwise those older than two
 * minutes. Each is orphaned, its serial revoked, its claim released; never signed
 * again (rule 10).
 */
result issue_recover(struct op *op, struct authority *authority, bool at_start, unsigned *n);

/* PEM of a stored certificate with its chain; ERR_NOT_FOUND. */
result issued_chain(struct op *op, struct authority *authority, const char *serial, const char **chain_pem);

/* Certificates of the responders: internal door, TBS_OCSP_RESPONDER, valid for `lifetime_s`. */
result issue_responder(struct op *op, struct authority *authority, const struct ca *ca, struct bytes spki,
		       int64_t lifetime_s, struct issued *out);
/* Likewise of those that sign CMC answers (cmc_signers.h): TBS_CMC_SIGNER. */
result issue_cmc_signer(struct op *op, struct authority *authority, const struct ca *ca, struct bytes spki,
			int64_t lifetime_s, struct issued *out);
/* Likewise of the RA of a SCEP endpoint (scep_ras.h): TBS_SCEP_RA. ERR_POLICY: the key is not RSA. */
result issue_scep_ra(struct op *op, struct authority *authority, const struct ca *ca, const char *endpoint, struct bytes spki,
		     int64_t lifetime_s, struct issued *out);
