/*
 * Passwords that were found right a short while ago, so that a registrar which
 * enrols a thousand devices in a minute costs one scrypt and not a thousand. Kept
 * are HMACs under a key of this process alone: neither passwords nor anything that
 * could be tried against a list of them.
 *
 * The verifier is part of what is kept: with a new password the old one is known
 * no more, on any node, at once. Any thread.
 */
#pragma once

#include "base/op.h"

struct known_credentials;

struct known_credentials *known_credentials_new(void);
void known_credentials_free(struct known_credentials **known);

/*
 * A place among those who compute a scrypt now, to be left again; false: all
 * LIMIT_PASSWORD_CHECKS are taken. So strangers with wrong passwords cannot keep
 * every thread from its work, and who is known gets in all the same.
 */
bool known_credentials_enter(struct known_credentials *known);
void known_credentials_leave(struct known_credentials *known);

/* Whether this pair was kept less than LIMIT_KNOWN_CREDENTIAL_S ago. */
bool known_credentials_has(struct known_credentials *known, const char *verifier, struct bytes password);
void known_credentials_keep(struct known_credentials *known, const char *verifier, struct bytes password);
