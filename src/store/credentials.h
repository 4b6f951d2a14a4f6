/*
 * What clients prove themselves with where they have no certificate yet: users
 * with a password, and one-time tokens. Of secrets only verifiers are stored
 * (scrypt for passwords; SHA-256 for tokens, which are random). Failures and
 * locks are columns, so that they hold on every node (E17).
 */
#pragma once

#include "store/db.h"

struct user {
	const char *name;         /* unique per door: "est" */
	const char *door;
	const char *endpoint;     /* the only label it may use; NULL: all of the door's that take users */
	const char *verifier;     /* "scrypt$N$r$p$SALT$HASH", base64url */
	struct bytes digest_ha1;  /* RFC 7616 H(A1) with SHA-256; empty: no Digest for this user */
	const char *names;        /* JSON array of text forms that it may ask for; "[]": none but its own name as CN */
	bool is_registrar;        /* may ask for any name that the profile allows */
	bool is_enabled;
	unsigned failures;        /* in a row */
	int64_t locked_until_s;   /* 0: not */
	int64_t created_s;
};

result user_insert(struct op *op, struct db *db, const struct user *user); /* ERR_CONFLICT: the name is taken */
result user_load(struct op *op, struct db *db, const char *door, const char *name, struct user *out); /* ERR_NOT_FOUND */
/* Whether any user of the label can be asked for a Digest. */
result user_has_digest(struct op *op, struct db *db, const char *door, const char *endpoint, bool *out);
result user_list(struct op *op, struct db *db, const char *door, struct user **out, unsigned *n); /* by name, without verifiers */
result user_set_verifier(struct op *op, struct db *db, const char *door, const char *name, const char *verifier,
			 struct bytes digest_ha1);
result user_set_enabled(struct op *op, struct db *db, const char *door, const char *name, bool is_enabled);
/* Counts a failure; the `most`-th in a row locks until `until_s`. *is_locked: this one did. */
result user_note_failure(struct op *op, struct db *db, const char *door, const char *name, unsigned most,
			 int64_t until_s, bool *is_locked);
result user_note_success(struct op *op, struct db *db, const char *door, const char *name); /* failures = 0 */

struct one_time_token {
	struct bytes hash;        /* SHA-256 of the token: the key */
	const char *door, *endpoint;
	const char *names;        /* JSON array of text forms: exactly what it is good for */
	bool are_patterns;        /* or patterns (ca/name_pattern.h), one of which each name must fit */
	const char *made_by;      /* actor id */
	int64_t created_s, expires_s;
	int64_t used_s;           /* 0: not yet */
	const char *used_for;     /* id of the enrollment that used it; NULL: none */
};

result one_time_token_insert(struct op *op, struct db *db, const struct one_time_token *token);
result one_time_token_load(struct op *op, struct db *db, struct bytes hash, struct one_time_token *out); /* ERR_NOT_FOUND */
/* Within the transaction that makes the enrollment. ERR_CONFLICT: used, or expired at `now_s`. */
result one_time_token_spend(struct op *op, struct db *db, struct bytes hash, const char *enrollment, int64_t now_s);
result one_time_token_list(struct op *op, struct db *db, const char *door, struct one_time_token **out, unsigned *n); /* unused */
/* Of this maker, not used and good at `now_s`. */
result one_time_token_count(struct op *op, struct db *db, const char *made_by, int64_t now_s, unsigned *n);
result one_time_token_clean(struct op *op, struct db *db, int64_t before_s, unsigned limit, unsigned *n);
