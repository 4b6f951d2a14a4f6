/*
 * Users of EST and of SCEP: made, listed, given a new password, switched off and on. A
 * password that is made here is in the answer once, and nowhere else: the store
 * has its verifier, the log that there is one.
 */
#include "protocols/api/api_handlers.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/password.h"
#include "base/text.h"
#include "ca/login.h"
#include "ca/name_pattern.h"
#include "protocols/shared/one_time.h"
#include "store/credentials.h"

#define PASSWORD_LEAST 8 /* of those that an operator chooses; online guessing ends after ten tries */

result api_find_label(struct op *op, const struct config *config, const char *asked, unsigned ways,
		      const struct config_est **out)
{
	const char *label = asked != NULL ? asked : config->n_est == 1 ? config->est[0].label : "default";
	*out = config_est(config, label);
	if (*out == NULL)
		return FAIL(op, ERR_NOT_FOUND, "there is no EST label %s; see est: in chancery.yaml", label);
	if (((*out)->ways & ways) == 0)
		return FAIL(op, ERR_POLICY, "label %s does not take this; see est.authentication in chancery.yaml", label);
	return OK;
}

static result find_for_user(struct op *op, const struct config *config, const char *asked, const char **out)
{
	const struct config_est *est;
	TRY(api_find_label(op, config, asked, EST_USER | EST_CERTIFICATE_AND_USER, &est));
	*out = est->label;
	return OK;
}

const struct api_door api_door_est = { .name = "est", .endpoint = "label", .has_digest = true, .find_for_user = find_for_user };

/* The given one, or a new one: then *drawn has it for the answer. */
static result choose_password(struct op *op, const json_t *body, char drawn[PASSWORD_SIZE], struct bytes *out)
{
	const char *given;
	TRY(json_maybe_text(op, body, "password", &given));
	drawn[0] = '\0';
	if (given == NULL) {
		password_draw(drawn);
		*out = bytes_of_text(drawn);
		return OK;
	}
	*out = bytes_of_text(given);
	if (out->n < PASSWORD_LEAST || out->n > LIMIT_PASSWORD_BYTES)
		return FAIL(op, ERR_POLICY, "a password has %d to %d bytes", PASSWORD_LEAST, LIMIT_PASSWORD_BYTES);
	return OK;
}

static struct bytes make_ha1(struct op *op, const struct user *user, struct bytes password)
{
	uint8_t *ha1 = arena_alloc(op->arena, SHA256_SIZE);
	login_digest_ha1(user->name, login_realm(op->arena, user->door, user->endpoint), password, ha1);
	return (struct bytes){ ha1, SHA256_SIZE };
}

static void write_user(struct op *op, const struct api_door *door, const struct user *user, struct json_writer *w)
{
	json_write_text(w, "name", user->name);
	json_write_text(w, door->endpoint, user->endpoint);
	json_write_raw(w, "names", bytes_of_text(user->names));
	json_write_bool(w, "registrar", user->is_registrar);
	json_write_bool(w, "enabled", user->is_enabled);
	json_write_text(w, "created", clock_rfc3339(op->arena, user->created_s));
	if (user->locked_until_s > clock_now_s())
		json_write_text(w, "locked_until", clock_rfc3339(op->arena, user->locked_until_s));
}

static result reply_user(struct op *op, const struct api_door *door, const struct user *user, const char *drawn,
			 struct reply *reply)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	write_user(op, door, user, &w);
	if (drawn != NULL && drawn[0] != '\0')
		json_write_text(&w, "password", drawn);
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

struct change {
	struct user user;
	struct audit_event event;
};

static void describe(struct change *change, enum audit_type type, const char *outcome)
{
	change->event = (struct audit_event){ .type = type,
					      .door = change->user.door,
					      .outcome = outcome,
					      .facts = { { "label", change->user.endpoint != NULL ? change->user.endpoint : "*" },
							 { "user", change->user.name } } };
}

static result insert(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct change *change = arg;
	TRY(user_insert(op, ledger_db(tx), &change->user));
	return ledger_audit(op, tx, &change->event, NULL);
}

/* Without an endpoint: of all of them; a Digest is bound to one by its realm. */
static result read_user(struct op *op, const struct api_door *door, const struct config *config, const json_t *body,
			bool *has_digest, struct user *out)
{
	const char *name, *endpoint;
	struct config_texts names;
	bool is_registrar;
	TRY(json_need_text(op, body, "name", &name));
	TRY(json_maybe_text(op, body, door->endpoint, &endpoint));
	TRY(json_maybe_bool(op, body, "registrar", false, &is_registrar));
	TRY(json_maybe_bool(op, body, "digest", false, has_digest));
	TRY(one_time_read_names(op, body, false, &names));
	if (!login_is_user_name(name))
		return FAIL(op, ERR_POLICY, "a user's name has 1 to %d of A-Z a-z 0-9 . _ - @, and is not \"token\"", LIMIT_USER_NAME);
	if (is_registrar && names.n > 0)
		return FAIL(op, ERR_POLICY, "a registrar may ask for whatever the profile gives: leave out its names, or the registrar");
	if (*has_digest && !door->has_digest)
		return FAIL(op, ERR_POLICY, "there is no Digest for users of %s", door->name);
	if (endpoint != NULL || *has_digest)
		TRY(door->find_for_user(op, config, endpoint, &endpoint));
	*out = (struct user){ .name = arena_text(op->arena, name),
			      .door = door->name,
			      .endpoint = arena_text(op->arena, endpoint),
			      .names = name_patterns_to_json(op->arena, &names),
			      .is_registrar = is_registrar,
			      .is_enabled = true,
			      .created_s = clock_now_s() };
	return OK;
}

static result add_user(struct op *op, const struct api_door *door, struct authority *a, const struct call *call,
		       struct reply *reply)
{
	AUTO(json_t) *body = NULL;
	struct change change;
	char drawn[PASSWORD_SIZE];
	struct bytes password;
	bool has_digest;
	TRY(json_parse_object(op, call->body, "request", &body));
	TRY(read_user(op, door, authority_config(a), body, &has_digest, &change.user));
	TRY(choose_password(op, body, drawn, &password));
	change.user.verifier = password_verifier(op->arena, password);
	if (has_digest)
		change.user.digest_ha1 = make_ha1(op, &change.user, password);
	describe(&change, AUDIT_CREDENTIAL_CREATED, change.user.is_registrar ? "user, a registrar" : "user");
	result r = ledger_run(op, a->ledger, insert, &change);
	if (r.err == ERR_NONE)
		r = reply_user(op, door, &change.user, drawn, reply);
	OPENSSL_cleanse(drawn, sizeof drawn);
	return r;
}

static result list_users(struct op *op, const struct api_door *door, struct authority *a, struct reply *reply)
{
	struct user *users;
	unsigned n;
	struct json_writer w;
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(user_list(op, lease.db, door->name, &users, &n));
	json_write_init(&w, op->arena);
	json_write_array(&w, NULL);
	for (unsigned i = 0; i < n; i++) {
		json_write_object(&w, NULL);
		write_user(op, door, &users[i], &w);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

static result load_by_param(struct op *op, const struct api_door *door, struct authority *a, const struct call *call,
			    struct user *out)
{
	const char *name = arena_text_n(op->arena, (const char *)call->params[0].p, call->params[0].n);
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	return user_load(op, lease.db, door->name, name, out);
}

static result set_verifier(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct change *change = arg;
	const struct user *user = &change->user;
	TRY(user_set_verifier(op, ledger_db(tx), user->door, user->name, user->verifier, user->digest_ha1));
	return ledger_audit(op, tx, &change->event, NULL);
}

static result change_password(struct op *op, const struct api_door *door, struct authority *a, const struct call *call,
			      struct reply *reply)
{
	AUTO(json_t) *body = NULL;
	struct change change;
	char drawn[PASSWORD_SIZE];
	struct bytes password;
	TRY(json_parse_object(op, call->body, "request", &body));
	TRY(load_by_param(op, door, a, call, &change.user));
	TRY(choose_password(op, body, drawn, &password));
	change.user.verifier = password_verifier(op->arena, password);
	if (change.user.digest_ha1.n > 0)
		change.user.digest_ha1 = make_ha1(op, &change.user, password);
	change.user.locked_until_s = 0;
	describe(&change, AUDIT_CREDENTIAL_CHANGED, "new password");
	result r = ledger_run(op, a->ledger, set_verifier, &change);
	if (r.err == ERR_NONE)
		r = reply_user(op, door, &change.user, drawn, reply);
	OPENSSL_cleanse(drawn, sizeof drawn);
	return r;
}

static result set_enabled(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct change *change = arg;
	TRY(user_set_enabled(op, ledger_db(tx), change->user.door, change->user.name, change->user.is_enabled));
	return ledger_audit(op, tx, &change->event, NULL);
}

static result switch_user(struct op *op, const struct api_door *door, struct authority *a, const struct call *call,
			  bool is_enabled, struct reply *reply)
{
	struct change change;
	TRY(load_by_param(op, door, a, call, &change.user));
	change.user.is_enabled = is_enabled;
	describe(&change, AUDIT_CREDENTIAL_CHANGED, is_enabled ? "enabled" : "disabled");
	TRY(ledger_run(op, a->ledger, set_enabled, &change));
	return reply_user(op, door, &change.user, NULL, reply);
}

#define HANDLERS(of)                                                                                                    \
	result api_##of##_user_add(struct op *op, struct authority *a, const struct call *call, struct reply *reply)    \
	{                                                                                                               \
		return add_user(op, &api_door_##of, a, call, reply);                                                    \
	}                                                                                                               \
	result api_##of##_user_list(struct op *op, struct authority *a, const struct call *call, struct reply *reply)   \
	{                                                                                                               \
		(void)call;                                                                                             \
		return list_users(op, &api_door_##of, a, reply);                                                        \
	}                                                                                                               \
	result api_##of##_user_password(struct op *op, struct authority *a, const struct call *call, struct reply *reply) \
	{                                                                                                               \
		return change_password(op, &api_door_##of, a, call, reply);                                             \
	}                                                                                                               \
	result api_##of##_user_enable(struct op *op, struct authority *a, const struct call *call, struct reply *reply) \
	{                                                                                                               \
		return switch_user(op, &api_door_##of, a, call, true, reply);                                           \
	}                                                                                                               \
	result api_##of##_user_disable(struct op *op, struct authority *a, const struct call *call, struct reply *reply) \
	{                                                                                                               \
		return switch_user(op, &api_door_##of, a, call, false, reply);                                          \
	}
HANDLERS(est)
HANDLERS(scep)
