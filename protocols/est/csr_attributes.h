/*
 * CsrAttrs (RFC 8951 section 4, RFC 9908 section 3): what a request at a label
 * should have, in the template of RFC 9908, and for clients that do not know it as
 * the list of RFC 7030; both ask for the same. A pure function of the settings.
 *
 * Asked for: a key of the profile's first type (it takes the others, too), the
 * attributes of the subject that the profile lists, a subjectAltName, and the
 * challengePassword where the label demands a channel binding. Usages are not:
 * they come from the profile, whatever a request says.
 */
#pragma once

#include "base/config.h"

/* DER, in the arena. */
struct bytes csr_attributes(struct arena *arena, const struct config_profile *profile, bool needs_binding);
