/*
 * The rules that hold for every door: which profile answers to whom, which times
 * and names (name_policy.c) it allows. What a door must prove first is the
 * door's own.
 */
#include "ca/authorization.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ca/name_policy.h"

struct authorization {
	struct authorization_facts facts;
	const struct config *config;
	const struct config_profile *profile;
	bool is_used;
};

/* A24: times asked for are honoured to the second, or refused. */
static result check_times(struct op *op, const struct config_profile *profile, const struct authorization_facts *facts)
{
	if (facts->not_before_s == 0 && facts->not_after_s == 0)
		return OK;
	int64_t now = clock_now_s();
	int64_t from = facts->not_before_s != 0 ? facts->not_before_s : now - profile->backdate_s;
	int64_t to = facts->not_after_s != 0 ? facts->not_after_s : from + profile->validity_s - 1;
	if (from < now - profile->backdate_s || from > now + profile->validity_s)
		return FAIL(op, ERR_POLICY, "notBefore must lie between %s before now and %s after it (profile %s)",
			    text_duration(op->arena, profile->backdate_s), text_duration(op->arena, profile->validity_s),
			    profile->name);
	if (to <= from || to <= now || to - from + 1 > profile->validity_s)
		return FAIL(op, ERR_POLICY, "notAfter must lie after now and at most %s after notBefore (profile %s)",
			    text_duration(op->arena, profile->validity_s), profile->name);
	return OK;
}

/* A sorted copy: the caller's list may be changed afterwards, and nobody sorts a second time. */
static void own_identifiers(struct op *op, struct authorization_facts *facts)
{
	unsigned n = facts->n_identifiers;
	struct identifier *own = arena_alloc_array(op->arena, n == 0 ? 1 : n, sizeof *own);
	if (n > 0)
		memcpy(own, facts->identifiers, n * sizeof *own);
	identifiers_sort(own, &n);
	facts->identifiers = own;
	facts->n_identifiers = n;
}

result authorization_new(struct op *op, const struct config *config, const struct authorization_facts *facts,
			 struct authorization **out)
{
	const struct config_profile *profile = config_profile(config, facts->profile);
	if (profile == NULL)
		return FAIL(op, ERR_POLICY, "there is no profile %s; see profiles: in chancery.yaml", facts->profile);
	if (facts->door == DOOR_NONE || profile->door != facts->door)
		return FAIL(op, ERR_POLICY, "profile %s does not answer to the %s door, only to: %s", profile->name,
			    door_name(facts->door), door_name(profile->door));
	struct authorization *a = arena_alloc(op->arena, sizeof *a);
	a->facts = *facts;
	a->config = config;
	a->profile = profile;
	own_identifiers(op, &a->facts);
	TRY(name_policy_check(op, profile, a->facts.identifiers, a->facts.n_identifiers));
	TRY(check_times(op, profile, facts));
	*out = a;
	return OK;
}

const struct authorization_facts *authorization_read(const struct authorization *authorization)
{
	return &authorization->facts;
}

const struct config_profile *authorization_profile(const struct authorization *authorization)
{
	return authorization->profile;
}

const struct config *authorization_config(const struct authorization *authorization)
{
	return authorization->config;
}

result authorization_consume(struct op *op, struct authorization *authorization)
{
	if (authorization->is_used)
		return FAIL(op, ERR_BUG, "an authorization was used twice");
	authorization->is_used = true;
	return OK;
}
