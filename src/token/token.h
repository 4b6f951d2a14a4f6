/*
 * Keys in the PKCS#11 token, from the outside: this side asks the signer
 * processes over channels and never maps the module. Any thread; calls block
 * until the answer or op's deadline, then ERR_BUSY.
 *
 * A key is named by token label, key label, CKA_ID and public key; the signer
 * finds it by label and id, and refuses it when the public key is another.
 */
#pragma once

#include <openssl/evp.h>

#include "base/config.h"

#define TOKEN_ID_SIZE 16

struct token_key {
	char label[64];
	uint8_t id[TOKEN_ID_SIZE];
	enum key_type type;
	struct bytes spki; /* DER SubjectPublicKeyInfo; lives as long as its owner says */
};

struct token;

/*
 * `signers` channels are expected; they may be down at first. `recycle` is
 * called when a signer overran a deadline (NULL: nobody to tell).
 */
struct token *token_new(unsigned signers, void (*recycle)(void *arg, unsigned index), void *arg);
void token_free(struct token **token);
/* A signer that owes answers and gives none for this long hangs: 10 s unless a test says otherwise. */
void token_set_patience(struct token *token, int64_t patience_ms);
/* The socket of signer `index`, new or again. */
void token_attach(struct token *token, unsigned index, int own_fd);
bool token_is_up(struct token *token); /* at least one signer */

/*
 * Starts one signer process for this command, without a server; waits until it
 * has logged in. The token owns the process and ends it in token_free.
 */
result token_open_here(struct op *op, const char *dir, struct token **out);

/* Makes a key pair inside the token: CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, not CKA_EXTRACTABLE. spki in op's arena. */
result token_generate(struct op *op, struct token *token, const char *label, enum key_type type, struct token_key *out);
/*
 * Likewise an RSA key that decrypts besides (CKA_DECRYPT), for token_unwrap: the RAs of SCEP have such keys, a CA's
 * key never is one. ERR_POLICY for other types.
 */
result token_generate_unwrapping(struct op *op, struct token *token, const char *label, enum key_type type,
				 struct token_key *out);

/* The token holds this private key, and its public key is `key->spki`. */
result token_check(struct op *op, struct token *token, const struct token_key *key);

/*
 * Signs `message` (not a digest) with SHA-256 for P-256 and RSA, SHA-384 for
 * P-384. The signature is in the form that X.509 wants (DER ECDSA-Sig-Value,
 * PKCS #1 v1.5). Not verified here: ca/sign.h is the only caller.
 */
result token_sign(struct op *op, struct token *token, const struct token_key *key, struct bytes message,
		  struct bytes *signature);

/*
 * Decrypts a content-encryption key of `n` octets, RSAES-PKCS1-v1_5, with a key of token_generate_unwrapping(). There
 * are always n octets in `out`: those that were encrypted, or, when `encrypted` is anything else (bad padding, another
 * length, no such number), random ones that the signer process drew before it asked the token. So neither the answer
 * nor its size tells which it was, and what the octets then fail to decrypt is all that a client hears (RFC 3218
 * section 2.3.2; S5). ERR_BUSY, ERR_BACKEND and the like are about token and key, never about `encrypted`.
 */
#define TOKEN_UNWRAP_MAX 64
result token_unwrap(struct op *op, struct token *token, const struct token_key *key, struct bytes encrypted, uint8_t *out,
		    size_t n);

/* "SoftHSM v2 serial 1234 firmware 2.6" of the token, for doctor; and what it lacks, if it does. */
result token_describe(struct op *op, struct token *token, char **out);

/* The signer process: config of DIR, socket ROLE_FD. Exit status. */
int signer_main(const char *name, const char *dir);

/* The short-lived role "token-init", for token_make_softhsm alone. */
int token_init_main(const char *dir);

/*
 * `chancery init` with SoftHSM: makes DIR/softhsm2.conf, DIR/tokens and a token
 * with a random PIN in `pin_file` (0600). Other modules: the token must exist.
 * $SOFTHSM2_CONF of the signer process is DIR/softhsm2.conf where that exists.
 */
result token_make_softhsm(struct op *op, const char *dir, const char *module, const char *label, const char *pin_file);
