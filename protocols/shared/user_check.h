/*
 * Users at a door (store/credentials.h), by a password or by whatever the protocol
 * has besides: failures counted in the store for all nodes, locked after
 * LIMIT_LOGIN_FAILURES in a row (E17). Who has the wrong password, is unknown,
 * locked, disabled or of another endpoint hears the same words after the same time (S10).
 */
#pragma once

#include "ca/authority.h"
#include "protocols/shared/http_auth.h"
#include "protocols/shared/known_credentials.h"
#include "store/credentials.h"

/* Where the user wants to come in, and when. Borrowed. */
struct user_door {
	struct authority *authority;
	struct known_credentials *known;
	const char *door, *endpoint; /* "est", the label's name */
	int64_t now_s;
};

struct user_proof {
	bool is_right;
	bool is_attempt; /* a wrong one counts as a failure; true unless it is said otherwise */
};

/*
 * Looks at what was shown. `user` NULL: nobody may come in by that name, which must
 * take as long as a wrong proof does.
 */
typedef result user_prove(struct op *op, void *arg, const struct user *user, struct user_proof *proof);

/* `name` NULL: one that no user has. ERR_UNAUTHENTIC, always in the same words; ERR_BUSY. */
result user_check(struct op *op, const struct user_door *door, const char *name, user_prove *prove, void *arg, struct user *out);

/* A proof by password: one scrypt, unless it was found right a short while ago. */
result user_password_prove(struct op *op, const struct user_door *door, const struct user *user, struct bytes password,
			   struct user_proof *proof);
/* user_check() for doors that have nothing but passwords: `auth` is Basic. */
result user_check_password(struct op *op, const struct user_door *door, const struct http_auth *auth, struct user *out);
