/* One row, one comparison, and a write only where the count of failures changes. */
#include "protocols/shared/user_check.h"

#include "base/limits.h"
#include "base/password.h"
#include "base/text.h"

#define REFUSED "user name and password do not fit, or the user may not come in now"

static result load(struct op *op, const struct user_door *door, const char *name, struct user *user, bool *is_usable)
{
	STORE_LEASE(lease);
	*is_usable = false;
	if (name == NULL)
		return OK;
	TRY(store_read(op, door->authority->store, &lease));
	result r = user_load(op, lease.db, door->door, name, user);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	bool is_of_endpoint = user->endpoint == NULL || text_equal(user->endpoint, door->endpoint);
	*is_usable = is_of_endpoint && user->is_enabled && user->locked_until_s <= door->now_s;
	return OK;
}

struct counting {
	const struct user_door *door;
	const char *name;
	bool is_locked;
};

static result count_failure(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct counting *c = arg;
	const struct user_door *door = c->door;
	TRY(user_note_failure(op, ledger_db(tx), door->door, c->name, LIMIT_LOGIN_FAILURES, door->now_s + LIMIT_LOGIN_LOCK_S,
			      &c->is_locked));
	if (!c->is_locked)
		return OK;
	const struct audit_event event = { .type = AUDIT_CREDENTIAL_LOCKED,
					   .door = door->door,
					   .outcome = "too many wrong passwords in a row",
					   .facts = { { "label", door->endpoint }, { "user", c->name } } };
	return ledger_audit(op, tx, &event, NULL);
}

static result count_success(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct counting *c = arg;
	return user_note_success(op, ledger_db(tx), c->door->door, c->name);
}

result user_check(struct op *op, const struct user_door *door, const char *name, user_prove *prove, void *arg, struct user *out)
{
	struct user user = { .name = NULL };
	struct user_proof proof = { .is_right = false, .is_attempt = true };
	bool is_usable;
	TRY(load(op, door, name, &user, &is_usable));
	TRY(prove(op, arg, is_usable ? &user : NULL, &proof));
	struct counting counting = { .door = door, .name = user.name };
	if (proof.is_right && user.failures > 0)
		TRY(ledger_run(op, door->authority->ledger, count_success, &counting));
	if (!proof.is_right && is_usable && proof.is_attempt)
		TRY(ledger_run(op, door->authority->ledger, count_failure, &counting));
	if (!proof.is_right)
		return FAIL(op, ERR_UNAUTHENTIC, REFUSED);
	*out = user;
	return OK;
}

/* Also without a verifier, so that nobody learns from the time, or from a 503, who is a user. */
result user_password_prove(struct op *op, const struct user_door *door, const struct user *user, struct bytes password,
			   struct user_proof *proof)
{
	const char *verifier = user != NULL ? user->verifier : NULL;
	proof->is_right = verifier != NULL && known_credentials_has(door->known, verifier, password);
	if (proof->is_right)
		return OK;
	if (!known_credentials_enter(door->known))
		return FAIL(op, ERR_BUSY, "too many passwords are being checked just now; try again in a moment");
	proof->is_right = password_fits(verifier, password);
	known_credentials_leave(door->known);
	if (proof->is_right)
		known_credentials_keep(door->known, verifier, password);
	return OK;
}

struct shown {
	const struct user_door *door;
	struct bytes password;
};

static result prove_password(struct op *op, void *arg, const struct user *user, struct user_proof *proof)
{
	const struct shown *shown = arg;
	return user_password_prove(op, shown->door, user, shown->password, proof);
}

result user_check_password(struct op *op, const struct user_door *door, const struct http_auth *auth, struct user *out)
{
	struct shown shown = { door, secret_bytes(auth->secret) };
	ASSERT(auth->scheme == HTTP_AUTH_BASIC);
	return user_check(op, door, auth->user, prove_password, &shown, out);
}
