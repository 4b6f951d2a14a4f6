/*
 * Which names somebody may ask for: an identifier in its text form
 * ("cn:dev-17", "dns:dev-17.example"), or all that end alike: "dns:*.devices.example",
 * "cn:*.devices.example", "email:*@corp.example", "upn:*@corp.example". The names of
 * one-time tokens and of users.
 */
#pragma once

#include "ca/identifier.h"

/* Canonical, from what an operator wrote. ERR_MALFORMED, ERR_POLICY: it is neither. */
result name_pattern_make(struct op *op, const char *text, const char **out);

/*
 * A common name that is a DNS name is also given by a pattern of DNS names: it says
 * the same as the SAN beside it. "*." stands for one label or several.
 */
bool name_pattern_fits(struct op *op, const char *pattern, const struct identifier *identifier);

/* Each of the identifiers fits one of the patterns. ERR_DENIED names the first that does not. */
result name_patterns_give(struct op *op, const struct config_texts *patterns, const struct identifier *identifiers, unsigned n);
/*
 * They are exactly these, without patterns; a common name that repeats one of the
 * DNS names adds nothing. ERR_DENIED.
 */
result name_patterns_are(struct op *op, const struct config_texts *names, const struct identifier *identifiers, unsigned n);

/* ["cn:dev-17"], as rows have it, and back. */
char *name_patterns_to_json(struct arena *arena, const struct config_texts *patterns);
result name_patterns_from_json(struct op *op, const char *json, struct config_texts *out);
