/*
 * C_Decrypt for keys that clients encrypt to, apart from the signing in session.c:
 * libpkcs11-helper logs out when an operation fails, and here failing is what
 * anybody can bring about from outside. One thread.
 */
#pragma once

#include "token/module.h"
#include "token/token.h"

/* A session of its own; opened at the first use, ended with the process. */
struct unwrapper {
	CK_SESSION_HANDLE session;
	bool is_open;
};

/* The handle of a key that key_pair_check() has found. It is good as long as the process lives. */
result unwrap_find(struct op *op, const struct module *module, CK_SLOT_ID slot, struct unwrapper *unwrapper,
		   const struct token_key *key, CK_OBJECT_HANDLE *out);

/*
 * What token_unwrap() promises. *is_lost: the session, and with it the process, is of no more use (ERR_BUSY); whatever
 * octets came from outside cannot bring that about.
 */
result unwrap_run(struct op *op, const struct module *module, const struct unwrapper *unwrapper,
		  const struct token_key *key, CK_OBJECT_HANDLE private_key, struct bytes encrypted, uint8_t *out, size_t n,
		  bool *is_lost);
