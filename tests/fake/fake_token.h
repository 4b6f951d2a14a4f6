/*
 * Stands in for libtoken.a by the linker: the whole of token/token.h over keys in
 * memory. The keys belong to the process, as those of a real token belong to the
 * token: they outlive each struct token, so that a house can be closed and opened
 * again. Any thread.
 */
#pragma once

#include "token/token.h"

/* What token_sign and the others do; ERR_NONE and false in the beginning. */
struct fake_token_faults {
	enum err fail;             /* the next calls fail with this kind, and sign nothing */
	unsigned fail_after;       /* so many calls succeed first */
	bool is_signature_wrong;   /* a bit of each signature is flipped (F11) */
	bool is_key_wrong;         /* signs with another key of the same type, made for the purpose */
};
void fake_token_set_faults(const struct fake_token_faults *faults); /* NULL: none */

/* Signatures handed out so far by this process, right or wrong. */
uint64_t fake_token_signatures(void);
/* The private key of a label, to look at; NULL: none. Borrowed. */
EVP_PKEY *fake_token_key(const char *label);
/* Forgets keys, faults and counts. */
void fake_token_reset(void);
