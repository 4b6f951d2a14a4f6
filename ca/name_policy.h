/* Which names a profile gives; a part of authorization_new. */
#pragma once

#include "ca/identifier.h"

/*
 * Every name of the sorted list is of a kind that the profile lists, DNS names
 * are under its permitted_names and wildcards only where it allows them,
 * addresses are in its permitted_networks. The domains of e-mail addresses and
 * UPNs and the hosts of URIs are held to the same bounds; of URIs without a host
 * only "urn:" passes where there are bounds, and Microsoft's for a SID where the
 * profile lists SIDs. A common name that software may take for a host, a mailbox or
 * an account is held to the rules of that kind. No attribute of the subject twice,
 * one SID at most, and never alone. ERR_POLICY otherwise.
 */
result name_policy_check(struct op *op, const struct config_profile *profile, const struct identifier *identifiers,
			 unsigned n);
