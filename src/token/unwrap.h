/*
 * C_Decrypt for keys that clients encrypt to, apart from the signing in session.c:
 * libpkcs11-helper logs out when an operation fails, and here failing is what
 * anybody can bring about from outside. One thread.
 */
#pragma once

#include "base/limits.h"
#include "token/module.h"
#include "token/token.h"

#define UNWRAP_MODULUS_MAX (LIMIT_RSA_MAX_BITS / 8)

/* A session of its own; opened at the first use, ended with the process. */
struct unwrapper {
	CK_SESSION_HANDLE session;
	bool is_open;
	bool is_raw; /* the token gives the block as it is; otherwise it looks at the padding itself */
};

/* A private key in the unwrapper's session. It is good as long as the process lives. */
struct unwrap_key {
	CK_OBJECT_HANDLE handle;
	uint8_t end[UNWRAP_MODULUS_MAX]; /* the modulus less one, of `n` octets: a ciphertext is below it */
	size_t n;
};

/* The handle of a key that key_pair_check() has found. */
result unwrap_find(struct op *op, const struct module *module, const struct module_token *token,
		   struct unwrapper *unwrapper, const struct token_key *key, struct unwrap_key *out);

/*
 * What token_unwrap() promises. *is_lost: the session, and with it the process, is of no more use (ERR_BUSY); whatever
 * octets came from outside cannot bring that about.
 */
result unwrap_run(struct op *op, const struct module *module, const struct unwrapper *unwrapper,
		  const struct token_key *key, const struct unwrap_key *private_key, struct bytes encrypted,
		  uint8_t *out, size_t n, bool *is_lost);
