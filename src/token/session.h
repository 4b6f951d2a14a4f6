/*
 * The signer's session with the token: one log-in per process, keys found once
 * and kept, signatures through libpkcs11-helper. One thread.
 *
 * The PIN is presented exactly once and then wiped, so a session that is lost
 * (device removed, reset, logged out by somebody) cannot be mended in this
 * process: the process ends, the supervisor starts another, and that one finds
 * every key anew by id and public key. Handles of before may name other objects
 * after a reset; nothing of them survives that way (F8).
 */
#pragma once

#include "token/token.h"

struct session;

/*
 * Loads the module, finds the token, logs in. `is_final`: trying again without
 * a person's help is useless or would lock the token (module, PIN file, PIN).
 */
result session_open(struct op *op, const struct config_token *config, struct session **out, bool *is_final);
/* Logs out and finalizes the module; may hang with a token that does. */
void session_close(struct session **session);

/* The session is of no more use: end the process. */
bool session_is_lost(const struct session *session);

/* `digest` as of spki_digest(). `raw` in op's arena, as the token gave it. */
result session_sign(struct op *op, struct session *session, const struct token_key *key, struct bytes digest,
		    struct bytes *raw);
/* Presence, public key, and a signature to prove that private and public key belong together. */
result session_check(struct op *op, struct session *session, const struct token_key *key);
result session_generate(struct op *op, struct session *session, const char *label, enum key_type type, bool unwraps,
			struct token_key *out);
/* n octets in `out`, whatever `encrypted` is: see token_unwrap(). */
result session_unwrap(struct op *op, struct session *session, const struct token_key *key, struct bytes encrypted,
		      uint8_t *out, size_t n);
char *session_describe(struct op *op, const struct session *session);
