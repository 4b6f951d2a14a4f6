/*
 * The rules that hold for every door: which profile answers to whom, which
 * names and times it allows. What a door must prove first is the door's own.
 */
#include "ca/authorization.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"

struct authorization {
	struct authorization_facts facts;
	const struct config_profile *profile;
	bool is_used;
};

/* "b.a.example" and "a.example" are under "a.example"; "xa.example" is not. */
static bool name_is_under(const char *name, const char *suffix)
{
	if (text_has_prefix(name, "*."))
		name += 2;
	if (text_equal(name, suffix))
		return true;
	size_t n = strlen(name), s = strlen(suffix);
	return n > s && name[n - s - 1] == '.' && text_equal(name + n - s, suffix);
}

static result check_name(struct op *op, const struct config_profile *profile, const struct identifier *identifier)
{
	if (identifier_is_wildcard(identifier) && !profile->wildcards)
		return FAIL(op, ERR_POLICY, "%s: profile %s allows no wildcard names", identifier->value, profile->name);
	if (profile->permitted_names.n == 0)
		return OK;
	for (unsigned i = 0; i < profile->permitted_names.n; i++)
		if (name_is_under(identifier->value, profile->permitted_names.items[i]))
			return OK;
	return FAIL(op, ERR_POLICY, "%s: profile %s allows no name outside its permitted_names", identifier->value,
		    profile->name);
}

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

result authorization_new(struct op *op, const struct config *config, const struct authorization_facts *facts,
			 struct authorization **out)
{
	const struct config_profile *profile = config_profile(config, facts->profile);
	if (profile == NULL)
		return FAIL(op, ERR_POLICY, "there is no profile %s; see profiles: in chancery.yaml", facts->profile);
	if (facts->door == DOOR_NONE || profile->door != facts->door)
		return FAIL(op, ERR_POLICY, "profile %s does not answer to the %s door, only to: %s", profile->name,
			    door_name(facts->door), door_name(profile->door));
	if (facts->n_identifiers == 0)
		return FAIL(op, ERR_POLICY, "a certificate needs at least one name");
	if (facts->n_identifiers > LIMIT_ORDER_IDENTIFIERS)
		return FAIL(op, ERR_POLICY, "%u names are more than a certificate may have (%d)", facts->n_identifiers,
			    LIMIT_ORDER_IDENTIFIERS);
	for (unsigned i = 0; i < facts->n_identifiers; i++)
		TRY(check_name(op, profile, &facts->identifiers[i]));
	TRY(check_times(op, profile, facts));

	struct authorization *a = arena_alloc(op->arena, sizeof *a);
	a->facts = *facts;
	a->profile = profile;
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

result authorization_consume(struct op *op, struct authorization *authorization)
{
	if (authorization->is_used)
		return FAIL(op, ERR_BUG, "an authorization was used twice");
	authorization->is_used = true;
	return OK;
}
