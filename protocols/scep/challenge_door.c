/*
 * Where those who manage devices get one-time challenges: on TLS, as users with a
 * password (`chancery scep user add`). By POST for named names, in JSON; and as the
 * page of NDES, which clients of NDES take apart, for what the user may ask for.
 */
#include <openssl/crypto.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/password.h"
#include "base/text.h"
#include "ca/login.h"
#include "ca/name_pattern.h"
#include "protocols/scep/request.h"
#include "protocols/shared/one_time.h"
#include "protocols/shared/user_check.h"

#define PAGE_TTL_S 3600 /* NDES says so, too */

static result reply_who_are_you(struct op *op, const struct scep_request *request, struct reply *reply)
{
	char *text = arena_text(op->arena, op->detail);
	text_make_printable(text);
	reply_text(op, reply, 401, text);
	reply_header(reply, "WWW-Authenticate",
		     arena_printf(op->arena, "Basic realm=\"%s\", charset=\"UTF-8\"",
				  login_realm(op->arena, SCEP_DOOR, request->settings->name)));
	op_clear_failure(op);
	return OK;
}

static result check_user(struct op *op, const struct scep_request *request, struct user *user)
{
	const struct user_door door = { .authority = request->authority,
					.known = request->scep->known,
					.door = SCEP_DOOR,
					.endpoint = request->settings->name,
					.now_s = request->now_s };
	HTTP_AUTH(auth);
	TRY(http_auth_read(op, request->call, &auth));
	if (auth.scheme != HTTP_AUTH_BASIC)
		return FAIL(op, ERR_UNAUTHENTIC, "say who you are: with a user's name and password (HTTP Basic)");
	return user_check_password(op, &door, &auth, user);
}

/* *is_known false: `reply` asks for the password and the handler is done. A call without any is how HTTP clients begin. */
static result let_in(struct op *op, const struct scep_request *request, struct user *user, struct reply *reply, bool *is_known)
{
	if ((request->settings->ways & SCEP_CHALLENGE) == 0)
		return FAIL(op, ERR_NOT_FOUND, "this endpoint takes no one-time challenges");
	result r = check_user(op, request, user);
	*is_known = r.err == ERR_NONE;
	if (r.err == ERR_UNAUTHENTIC && call_header(request->call, "Authorization") != NULL)
		scep_record_refusal(op, request, AUDIT_AUTHENTICATION_REFUSED, NULL);
	if (r.err == ERR_UNAUTHENTIC)
		return reply_who_are_you(op, request, reply);
	TRY(r);
	op->actor.kind = ACTOR_ACCOUNT;
	snprintf(op->actor.id, sizeof op->actor.id, "scep-user:%s", user->name);
	return OK;
}

/* What the user may ask for: its names, or its own name alone where it has none (V21). */
static result read_patterns(struct op *op, const struct user *user, struct config_texts *out)
{
	static const char *any[] = { SCEP_ANY_NAME };
	if (user->is_registrar) {
		*out = (struct config_texts){ any, 1 };
		return OK;
	}
	TRY(name_patterns_from_json(op, user->names, out));
	if (out->n > 0)
		return OK;
	*out = (struct config_texts){ arena_alloc_array(op->arena, 2, sizeof *out->items), 2 };
	out->items[0] = arena_printf(op->arena, "cn:%s", user->name);
	out->items[1] = arena_printf(op->arena, "dns:%s", user->name);
	return OK;
}

static result may_give(struct op *op, const struct user *user, const struct config_texts *names)
{
	struct config_texts patterns;
	struct identifier *identifiers = arena_alloc_array(op->arena, names->n, sizeof *identifiers);
	for (unsigned i = 0; i < names->n; i++)
		TRY(identifier_parse_text(op, names->items[i], &identifiers[i]));
	if (user->is_registrar)
		return OK;
	TRY(read_patterns(op, user, &patterns));
	return name_patterns_give(op, &patterns, identifiers, names->n);
}

static struct one_time_wish wish_of(const struct op *op, const struct scep_request *request, const struct config_texts *names)
{
	return (struct one_time_wish){ .door = SCEP_DOOR,
				       .endpoint = request->settings->name,
				       .made_by = op->actor.id,
				       .names = names,
				       .ttl_s = PAGE_TTL_S,
				       .what = "one-time challenge",
				       .most_open = LIMIT_SCEP_CHALLENGES };
}

/* Nobody in between may keep it. */
static void reply_secret(struct reply *reply, const char *content_type, struct bytes body)
{
	reply->status = 200;
	reply->content_type = content_type;
	reply->body = body;
	reply_header(reply, "Cache-Control", "no-store");
}

static void reply_json(struct op *op, const struct one_time_token *token, const char *text, struct reply *reply)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "challenge", text);
	json_write_raw(&w, "names", bytes_of_text(token->names));
	json_write_text(&w, "expires", clock_rfc3339(op->arena, token->expires_s));
	json_write_object_end(&w);
	reply_secret(reply, "application/json", json_write_done(&w));
}

/* {"names": ["dns:dev-17.example.internal"], "ttl": "1h"} */
static result read_wish(struct op *op, const struct scep_request *request, const struct user *user, struct config_texts *names,
			struct one_time_wish *wish)
{
	AUTO(json_t) *body = NULL;
	TRY(json_parse_object(op, request->call->body, "request", &body));
	TRY(one_time_read_names(op, body, true, names));
	if (names->n == 0)
		return FAIL(op, ERR_MALFORMED, "a challenge is for names: give at least one");
	TRY(may_give(op, user, names));
	*wish = wish_of(op, request, names);
	return one_time_read_ttl(op, body, &wish->ttl_s);
}

result scep_make_challenge(struct op *op, const struct call *call, struct reply *reply)
{
	SCEP_REQUEST(request);
	struct user user;
	struct config_texts names;
	struct one_time_wish wish;
	struct one_time_token token;
	char text[PASSWORD_SIZE];
	bool is_known;
	arena_wipe_when_freed(op->arena);
	TRY(scep_request_open(op, call, &request));
	TRY(let_in(op, &request, &user, reply, &is_known));
	if (!is_known)
		return OK;
	TRY(read_wish(op, &request, &user, &names, &wish));
	password_draw(text);
	result r = one_time_make(op, request.authority, &wish, text, &token);
	if (r.err == ERR_NONE)
		reply_json(op, &token, text, reply);
	OPENSSL_cleanse(text, sizeof text);
	return r;
}

/* SHA-1, in groups of eight digits: what profiles of devices (CAFingerprint) take. */
static const char *thumbprint(struct op *op, struct bytes certificate)
{
	uint8_t hash[SHA1_SIZE];
	struct buf out;
	bytes_sha1(certificate, hash);
	buf_init(&out, op->arena, 64);
	for (size_t i = 0; i < SHA1_SIZE; i++)
		buf_printf(&out, "%s%02X", i > 0 && i % 4 == 0 ? " " : "", hash[i]);
	return buf_as_text(&out);
}

/*
 * In the words and marks of NDES, which others look for. It begins with a byte
 * order mark: NDES itself writes UTF-16, and who expects that sees that this is not.
 */
static struct bytes write_page(struct op *op, const struct ca *ca, const char *text)
{
	struct buf out;
	buf_init(&out, op->arena, 1024);
	buf_text(&out, "\xef\xbb\xbf<HTML><Head><Title>Network Device Enrollment Service</Title></Head><Body>\r\n");
	buf_printf(&out, "<P> The thumbprint (hash value) for the CA certificate is: <B> %s </B> </P>\r\n", thumbprint(op, ca->der));
	buf_printf(&out, "<P> The enrollment challenge password is: <B> %s </B> </P>\r\n", text);
	buf_printf(&out, "<P> This password can be used only once and will expire within %d minutes. </P>\r\n", PAGE_TTL_S / 60);
	buf_text(&out, "<P> Each enrollment requires a new challenge password. </P>\r\n</Body></HTML>\r\n");
	return buf_as_bytes(&out);
}

result scep_show_challenge(struct op *op, const struct call *call, struct reply *reply)
{
	SCEP_REQUEST(request);
	struct user user;
	struct config_texts patterns;
	struct one_time_token token;
	const struct ca *ca;
	char text[PASSWORD_SIZE];
	bool is_known;
	arena_wipe_when_freed(op->arena);
	TRY(scep_request_open(op, call, &request));
	TRY(let_in(op, &request, &user, reply, &is_known));
	if (!is_known)
		return OK;
	TRY(scep_find_ca(op, &request, &ca));
	TRY(read_patterns(op, &user, &patterns));
	struct one_time_wish wish = wish_of(op, &request, &patterns);
	wish.are_patterns = true;
	password_draw(text);
	result r = one_time_make(op, request.authority, &wish, text, &token);
	if (r.err == ERR_NONE)
		reply_secret(reply, "text/html; charset=utf-8", write_page(op, ca, text));
	OPENSSL_cleanse(text, sizeof text);
	return r;
}
