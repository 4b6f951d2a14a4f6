/* Basic and Digest, as proofs of a user (protocols/shared/user_check.h). */
#include "protocols/est/user_password.h"

#include "base/random.h"
#include "base/text.h"
#include "ca/login.h"
#include "protocols/shared/user_check.h"

struct shown {
	struct est_request *request;
	const struct http_auth *auth;
	const struct user_door *door;
};

/*
 * A nonce that is not ours is no attempt at a password: whoever sends one learns
 * nothing, and need not be counted. One that has expired asks for the next one.
 */
static result prove_digest(struct op *op, const struct shown *shown, struct bytes ha1, struct user_proof *proof)
{
	struct est_request *request = shown->request;
	const struct http_digest *digest = &shown->auth->digest;
	uint8_t other[SHA256_SIZE];
	enum est_nonce_state state;
	random_bytes(other, sizeof other);
	bool has_digest = ha1.n == SHA256_SIZE;
	const struct bytes used = has_digest ? ha1 : (struct bytes)BYTES_ARRAY(other);
	TRY(est_nonce_check(op, request->est->nonces, digest->nonce, &state));
	bool fits = http_digest_fits(digest, request->call, used) &&
		    text_equal(digest->realm, login_realm(op->arena, EST_DOOR, request->settings->label)) && has_digest;
	proof->is_right = fits && state == EST_NONCE_GOOD;
	proof->is_attempt = state != EST_NONCE_FOREIGN && !(fits && state == EST_NONCE_STALE);
	request->is_stale = fits && state == EST_NONCE_STALE;
	return OK;
}

static result prove(struct op *op, void *arg, const struct user *user, struct user_proof *proof)
{
	const struct shown *shown = arg;
	if (shown->auth->scheme == HTTP_AUTH_DIGEST)
		return prove_digest(op, shown, user != NULL ? user->digest_ha1 : BYTES_NONE, proof);
	return user_password_prove(op, shown->door, user, secret_bytes(shown->auth->secret), proof);
}

result est_user_check(struct op *op, struct est_request *request, const struct http_auth *auth)
{
	const struct user_door door = { .authority = request->authority,
					.known = request->est->known,
					.door = EST_DOOR,
					.endpoint = request->settings->label,
					.now_s = request->now_s };
	struct shown shown = { request, auth, &door };
	return user_check(op, &door, auth->user, prove, &shown, &request->user);
}
