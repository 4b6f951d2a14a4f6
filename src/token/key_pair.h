/*
 * Key pairs in a token, by the module's own functions: what libpkcs11-helper has
 * no part of. Sessions are opened and closed here; the process is logged in.
 */
#pragma once

#include "token/module.h"
#include "token/token.h"

/*
 * Makes a key pair with a fresh random id, and reads back what the token says
 * of it: a private key that could leave the token is destroyed and refused. It
 * signs; an RSA key that `unwraps` decrypts besides, and no other one may.
 */
result key_pair_generate(struct op *op, const struct module *module, CK_SLOT_ID slot, const char *label,
			 enum key_type type, bool unwraps, struct token_key *out);

/*
 * Finds the private key by label and CKA_ID, exactly one, and compares the public key of
 * the same id with key->spki. ERR_NOT_FOUND: no such private key. ERR_CONFLICT:
 * the id is there, the key is another.
 */
result key_pair_check(struct op *op, const struct module *module, CK_SLOT_ID slot, const struct token_key *key);
