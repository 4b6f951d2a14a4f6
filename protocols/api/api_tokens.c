/*
 * One-time tokens of EST: made for exactly the names that a device is to have, and
 * shown once. The store has their hash, which is enough for 128 random bits.
 */
#include "protocols/api/api_handlers.h"

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/random.h"
#include "protocols/shared/one_time.h"

void api_write_token(struct op *op, const struct api_door *door, const struct one_time_token *token, struct json_writer *w)
{
	json_write_text(w, "id", one_time_short_hash(op->arena, token));
	json_write_text(w, door->endpoint, token->endpoint);
	json_write_raw(w, "names", bytes_of_text(token->names));
	json_write_text(w, "made_by", token->made_by);
	json_write_text(w, "created", clock_rfc3339(op->arena, token->created_s));
	json_write_text(w, "expires", clock_rfc3339(op->arena, token->expires_s));
}

result api_reply_token(struct op *op, const struct api_door *door, const struct one_time_token *token, const char *member,
		       const char *text, struct reply *reply)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	api_write_token(op, door, token, &w);
	json_write_text(&w, member, text);
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

result api_reply_tokens(struct op *op, struct authority *a, const struct api_door *door, struct reply *reply)
{
	struct one_time_token *tokens;
	unsigned n;
	struct json_writer w;
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(one_time_token_list(op, lease.db, door->name, &tokens, &n));
	json_write_init(&w, op->arena);
	json_write_array(&w, NULL);
	for (unsigned i = 0; i < n; i++) {
		json_write_object(&w, NULL);
		api_write_token(op, door, &tokens[i], &w);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

static result read_wish(struct op *op, struct authority *a, const json_t *body, struct config_texts *names,
			struct one_time_wish *wish)
{
	const char *label;
	const struct config_est *est;
	TRY(json_maybe_text(op, body, "label", &label));
	TRY(api_find_label(op, authority_config(a), label, EST_TOKEN | EST_CERTIFICATE_AND_TOKEN, &est));
	*wish = (struct one_time_wish){ .door = api_door_est.name,
					.endpoint = est->label,
					.made_by = op->actor.id,
					.names = names,
					.what = "one-time token" };
	TRY(one_time_read_ttl(op, body, &wish->ttl_s));
	TRY(one_time_read_names(op, body, true, names));
	return names->n > 0 ? OK : FAIL(op, ERR_MALFORMED, "a token is for names: give at least one");
}

result api_token_create(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	AUTO(json_t) *body = NULL;
	struct config_texts names;
	struct one_time_wish wish;
	struct one_time_token token;
	char text[RANDOM_ID_SIZE];
	TRY(json_parse_object(op, call->body, "request", &body));
	TRY(read_wish(op, a, body, &names, &wish));
	random_id(text);
	result r = one_time_make(op, a, &wish, text, &token);
	if (r.err == ERR_NONE)
		r = api_reply_token(op, &api_door_est, &token, "token", text, reply);
	OPENSSL_cleanse(text, sizeof text);
	return r;
}

result api_token_list(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	(void)call;
	return api_reply_tokens(op, a, &api_door_est, reply);
}
