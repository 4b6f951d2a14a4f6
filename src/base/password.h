/*
 * Passwords of clients: made at random, stored as scrypt verifiers (RFC 7914)
 * that tell nothing, compared without telling where they differ.
 */
#pragma once

#include "base/op.h"

/* 20 characters of 32 that cannot be mistaken for one another: 100 random bits, in groups of five. */
#define PASSWORD_SIZE 24
void password_draw(char password[PASSWORD_SIZE]);

/* "scrypt$N$R$P$SALT$HASH" in the arena; salt and hash in base64url. */
const char *password_verifier(struct arena *arena, struct bytes password);

/*
 * Whether the password fits. Takes as long whatever the answer; `verifier` NULL
 * (no such user) takes the same time and is false. About 40 ms and 16 MiB.
 */
bool password_fits(const char *verifier, struct bytes password);
