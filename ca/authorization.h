/*
 * Who may have which names, by which evidence: the value that issue() demands.
 * Doors make it at the end of their own checks, from what they proved and never
 * from what was asked. Single use: issue() consumes it.
 */
#pragma once

#include "ca/identifier.h"
#include "base/config.h"
#include "store/claims.h"

struct authorization;

struct authorization_facts {
	enum door door;
	const char *profile;
	const struct identifier *identifiers; /* subjectAltNames and attributes of the subject, in any order */
	unsigned n_identifiers;
	const char *main_name;       /* which of them the client wants as CN; NULL: no wish. Another name has no effect */
	const char *requester;       /* "account:ID", "uid:0", "system" */
	enum claim_kind claim_kind;  /* what T1 claims and T2 finishes */
	const char *claim_id;
	const char *account;         /* for the audit entry; NULL if none */
	const char *ordered_profile_hash; /* the profile's (profile_hash.h) when this was asked for; NULL: it is asked for now */
	struct bytes csr_hash;       /* empty if there was none */
	int64_t not_before_s, not_after_s; /* asked for (A24); 0: the profile's */
};

/*
 * Checks that the profile exists and answers through this door (V2), that it
 * gives each of the names (name_policy.h), and that times asked for lie within
 * the profile's. ERR_POLICY otherwise. authorization_read has the identifiers
 * sorted and without doubles.
 */
result authorization_new(struct op *op, const struct config *config, const struct authorization_facts *facts,
			 struct authorization **out);
const struct authorization_facts *authorization_read(const struct authorization *authorization);
const struct config_profile *authorization_profile(const struct authorization *authorization);
/* Of which the profile is a part: whatever is loaded meanwhile, a certificate is made by one configuration. */
const struct config *authorization_config(const struct authorization *authorization);
/* Marks it used; ERR_BUG the second time. */
result authorization_consume(struct op *op, struct authorization *authorization);
