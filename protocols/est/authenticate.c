/* The ways of a label, one after the other. */
#include "protocols/est/authenticate.h"

#include <stdio.h>

#include "base/text.h"
#include "protocols/est/user_password.h"

static bool takes(const struct est_request *request, unsigned ways)
{
	return (request->settings->ways & ways) != 0;
}

static void act_as(struct op *op, struct est_request *request, const char *requester)
{
	request->requester = requester;
	op->actor.kind = ACTOR_ACCOUNT;
	snprintf(op->actor.id, sizeof op->actor.id, "%s", requester);
}

/*
 * One of ours is of this label when its CA and its profile are (E6, V11), or, but
 * for re-enrolment, when it is a registrar of its CA.
 */
static result check_label(struct op *op, const struct est_request *request)
{
	const struct client_certificate *c = &request->certificate;
	const struct config_profile *profile = request->profile;
	if (c->ca == NULL)
		return OK;
	if (!text_equal(c->ca, profile->ca))
		return FAIL(op, ERR_DENIED, "the client's certificate is of CA %s, and this label's is %s", c->ca, profile->ca);
	bool is_registrar = !request->is_reenrollment && request->settings->has_registrars && c->is_registrar;
	if (!is_registrar && !text_equal(c->profile, profile->name))
		return FAIL(op, ERR_DENIED, "the client's certificate is of profile %s, and this label's is %s", c->profile,
			    profile->name);
	return OK;
}

static result judge_certificate(struct op *op, struct est_request *request, const struct client_anchors *anchors)
{
	const struct tls_peer *peer = request->call->peer;
	if (peer == NULL)
		return FAIL(op, ERR_UNAUTHENTIC, "this address asks for no client certificate; come by the port or the name that does");
	if (peer->n_chain == 0)
		return FAIL(op, ERR_UNAUTHENTIC, "the client has shown no certificate");
	TRY(client_certificate_judge(op, request->authority, peer->chain, peer->n_chain, anchors, &request->certificate));
	return check_label(op, request);
}

/* A foreign issuer chooses its serials as it likes: the hash is who it is. */
static const char *name_certificate(struct op *op, const struct client_certificate *c)
{
	return arena_printf(op->arena, "certificate:%s",
			    c->ca != NULL ? c->serial : bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(c->hash)));
}

static result by_certificate(struct op *op, struct est_request *request)
{
	if (request->anchors == NULL)
		TRY(est_anchors_pin(op, request->est, request->config, &request->anchors));
	return judge_certificate(op, request, request->anchors->of[request->settings - request->config->est]);
}

static result by_user(struct op *op, struct est_request *request, const struct http_auth *auth)
{
	TRY(est_user_check(op, request, auth));
	act_as(op, request, arena_printf(op->arena, "est-user:%s", request->user.name));
	return OK;
}

/*
 * A token that was used is still good for the request that it was used for: the
 * client polls, or lost its connection (E8, E14). enrollment.c sees to it.
 */
static result by_token(struct op *op, struct est_request *request, const struct http_auth *auth)
{
	uint8_t hash[SHA256_SIZE];
	bytes_sha256(secret_bytes(auth->secret), hash);
	STORE_LEASE(lease);
	TRY(store_read(op, request->authority->store, &lease));
	result r = one_time_token_load(op, lease.db, (struct bytes)BYTES_ARRAY(hash), &request->token);
	if (r.err == ERR_NOT_FOUND)
		return FAIL(op, ERR_UNAUTHENTIC, "that token is not good here");
	TRY(r);
	const struct one_time_token *token = &request->token;
	bool is_over = token->used_s == 0 && token->expires_s <= request->now_s;
	if (is_over || !text_equal(token->door, EST_DOOR) || !text_equal(token->endpoint, request->settings->label))
		return FAIL(op, ERR_UNAUTHENTIC, "that token is not good here");
	act_as(op, request, arena_printf(op->arena, "est-token:%.16s", bytes_to_hex(op->arena, token->hash)));
	return OK;
}

/* The credential alone, if that is enough; else the certificate besides it, which is looked at first: it costs less. */
static result by_http(struct op *op, struct est_request *request, const struct http_auth *auth)
{
	bool is_token = auth->scheme == HTTP_AUTH_TOKEN;
	enum est_way alone = is_token ? EST_TOKEN : EST_USER;
	enum est_way both = is_token ? EST_CERTIFICATE_AND_TOKEN : EST_CERTIFICATE_AND_USER;
	if (!takes(request, alone | both))
		return FAIL(op, ERR_UNAUTHENTIC, "this label takes no %s", is_token ? "tokens" : "users");
	request->way = takes(request, alone) ? alone : both;
	if (request->way == both)
		TRY(by_certificate(op, request));
	return is_token ? by_token(op, request, auth) : by_user(op, request, auth);
}

static bool has_certificate(const struct est_request *request)
{
	return request->call->peer != NULL && request->call->peer->n_chain > 0;
}

static const char *wanted(const struct est_request *request)
{
	bool users = takes(request, EST_USER | EST_CERTIFICATE_AND_USER), tokens = takes(request, EST_TOKEN | EST_CERTIFICATE_AND_TOKEN);
	return users && tokens ? "a user's password or a one-time token" : users ? "a user's password" : "a one-time token";
}

static result authenticate(struct op *op, struct est_request *request)
{
	HTTP_AUTH(auth);
	if (takes(request, EST_NEEDS_HTTP))
		TRY(http_auth_read(op, request->call, &auth));
	if (auth.scheme != HTTP_AUTH_NONE)
		return by_http(op, request, &auth);
	if (takes(request, EST_ANONYMOUS)) {
		request->way = EST_ANONYMOUS;
		act_as(op, request, "anonymous");
		return OK;
	}
	if (takes(request, EST_NEEDS_HTTP) && !has_certificate(request))
		return FAIL(op, ERR_UNAUTHENTIC, "say who you are: with %s", wanted(request));
	if (!takes(request, EST_CERTIFICATE))
		return FAIL(op, ERR_UNAUTHENTIC, "a certificate is not enough here: with %s", wanted(request));
	request->way = EST_CERTIFICATE;
	TRY(by_certificate(op, request));
	act_as(op, request, name_certificate(op, &request->certificate));
	return OK;
}

/* A first request without credentials is how HTTP clients begin (RFC 9110 section 11.6.1): it is no attempt. */
static bool is_attempt(const struct est_request *request)
{
	return has_certificate(request) || call_header(request->call, "Authorization") != NULL;
}

static result recorded(struct op *op, const struct est_request *request, result r)
{
	if ((r.err == ERR_UNAUTHENTIC && is_attempt(request)) || r.err == ERR_DENIED)
		est_record_refusal(op, request, AUDIT_AUTHENTICATION_REFUSED, NULL);
	return r;
}

result est_authenticate(struct op *op, struct est_request *request)
{
	return recorded(op, request, authenticate(op, request));
}

static result authenticate_own(struct op *op, struct est_request *request)
{
	request->way = EST_CERTIFICATE;
	request->is_reenrollment = true;
	result r = judge_certificate(op, request, NULL);
	if (r.err == ERR_UNAUTHENTIC) /* no password would help: 403, and no challenge */
		return FAIL(op, ERR_DENIED, "re-enrolment is with a current certificate of this label: %s", arena_text(op->arena, op->detail));
	TRY(r);
	act_as(op, request, name_certificate(op, &request->certificate));
	return OK;
}

result est_authenticate_own(struct op *op, struct est_request *request)
{
	return recorded(op, request, authenticate_own(op, request));
}

result est_take_signer(struct op *op, struct est_request *request, struct bytes certificate)
{
	TRY(client_certificate_judge(op, request->authority, &certificate, 1, NULL, &request->certificate));
	return check_label(op, request);
}
