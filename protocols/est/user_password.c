/* One row, one comparison, and a write only where the count of failures changes. */
#include "protocols/est/user_password.h"

#include "base/limits.h"
#include "base/password.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/login.h"

#define REFUSED "user name and password do not fit, or the user may not come in now"

static result load(struct op *op, const struct est_request *request, const char *name, struct user *user, bool *is_usable)
{
	STORE_LEASE(lease);
	*is_usable = false;
	if (name == NULL)
		return OK;
	TRY(store_read(op, request->authority->store, &lease));
	result r = user_load(op, lease.db, EST_DOOR, name, user);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	bool is_of_label = user->endpoint == NULL || text_equal(user->endpoint, request->settings->label);
	*is_usable = is_of_label && user->is_enabled && user->locked_until_s <= request->now_s;
	return OK;
}

struct counting {
	const struct est_request *request;
	const char *name;
	bool is_locked;
};

static result count_failure(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct counting *c = arg;
	TRY(user_note_failure(op, ledger_db(tx), EST_DOOR, c->name, LIMIT_LOGIN_FAILURES,
			      c->request->now_s + LIMIT_LOGIN_LOCK_S, &c->is_locked));
	if (!c->is_locked)
		return OK;
	const struct audit_event event = { .type = AUDIT_CREDENTIAL_LOCKED,
					   .door = EST_DOOR,
					   .outcome = "too many wrong passwords in a row",
					   .facts = { { "label", c->request->settings->label }, { "user", c->name } } };
	return ledger_audit(op, tx, &event, NULL);
}

static result count_success(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct counting *c = arg;
	return user_note_success(op, ledger_db(tx), EST_DOOR, c->name);
}

/* Also without a verifier, so that nobody learns from the time, or from a 503, who is a user. */
static result password_is_right(struct op *op, struct est *est, const char *verifier, struct bytes password, bool *is_right)
{
	*is_right = verifier != NULL && known_credentials_has(est->known, verifier, password);
	if (*is_right)
		return OK;
	if (!known_credentials_enter(est->known))
		return FAIL(op, ERR_BUSY, "too many passwords are being checked just now; try again in a moment");
	*is_right = password_fits(verifier, password);
	known_credentials_leave(est->known);
	if (*is_right)
		known_credentials_keep(est->known, verifier, password);
	return OK;
}

/*
 * A nonce that is not ours is no attempt at a password: whoever sends one learns
 * nothing, and need not be counted. One that has expired asks for the next one.
 */
static result digest_is_right(struct op *op, struct est_request *request, const struct http_auth *auth, struct bytes ha1,
			      bool *is_right, bool *is_attempt)
{
	uint8_t other[SHA256_SIZE];
	enum est_nonce_state state;
	random_bytes(other, sizeof other);
	bool has_digest = ha1.n == SHA256_SIZE;
	const struct bytes used = has_digest ? ha1 : (struct bytes)BYTES_ARRAY(other);
	TRY(est_nonce_check(op, request->est->nonces, auth->digest.nonce, &state));
	bool fits = http_digest_fits(&auth->digest, request->call, used) &&
		    text_equal(auth->digest.realm, login_realm(op->arena, EST_DOOR, request->settings->label)) && has_digest;
	*is_right = fits && state == EST_NONCE_GOOD;
	*is_attempt = state != EST_NONCE_FOREIGN && !(fits && state == EST_NONCE_STALE);
	request->is_stale = fits && state == EST_NONCE_STALE;
	return OK;
}

result est_user_check(struct op *op, struct est_request *request, const struct http_auth *auth)
{
	struct user user = { .name = NULL };
	bool is_usable, is_right = false, is_attempt = true;
	TRY(load(op, request, auth->user, &user, &is_usable));
	if (auth->scheme == HTTP_AUTH_DIGEST)
		TRY(digest_is_right(op, request, auth, is_usable ? user.digest_ha1 : BYTES_NONE, &is_right, &is_attempt));
	else
		TRY(password_is_right(op, request->est, is_usable ? user.verifier : NULL, secret_bytes(auth->secret), &is_right));
	struct counting counting = { .request = request, .name = user.name };
	if (is_right && user.failures > 0)
		TRY(ledger_run(op, request->authority->ledger, count_success, &counting));
	if (!is_right && is_usable && is_attempt)
		TRY(ledger_run(op, request->authority->ledger, count_failure, &counting));
	if (!is_right)
		return FAIL(op, ERR_UNAUTHENTIC, REFUSED);
	request->user = user;
	return OK;
}
