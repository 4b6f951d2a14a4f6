/*
 * One-time tokens of EST: made for exactly the names that a device is to have, and
 * shown once. The store has their hash, which is enough for 128 random bits.
 */
#include "protocols/api/api_handlers.h"

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/name_pattern.h"
#include "store/credentials.h"

#define EST_DOOR "est"
#define TTL_S 3600
#define TTL_MOST_S (90 * INT64_C(86400))

static result read_ttl(struct op *op, const json_t *body, int64_t *out)
{
	const char *text;
	TRY(json_maybe_text(op, body, "ttl", &text));
	*out = TTL_S;
	if (text != NULL && (!text_parse_duration(text, out) || *out < 1 || *out > TTL_MOST_S))
		return FAIL(op, ERR_MALFORMED, "the time to live is a duration up to 90d, such as 1h, not %s", text);
	return OK;
}

struct making {
	struct one_time_token token;
	struct audit_event event;
};

static result insert(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct making *making = arg;
	TRY(one_time_token_insert(op, ledger_db(tx), &making->token));
	return ledger_audit(op, tx, &making->event, NULL);
}

/* As much of the hash as the requester's id in certificates and log has. */
static const char *short_hash(struct op *op, const struct one_time_token *token)
{
	return arena_printf(op->arena, "%.16s", bytes_to_hex(op->arena, token->hash));
}

static void write_token(struct op *op, const struct one_time_token *token, struct json_writer *w)
{
	json_write_text(w, "id", short_hash(op, token));
	json_write_text(w, "label", token->endpoint);
	json_write_raw(w, "names", bytes_of_text(token->names));
	json_write_text(w, "made_by", token->made_by);
	json_write_text(w, "created", clock_rfc3339(op->arena, token->created_s));
	json_write_text(w, "expires", clock_rfc3339(op->arena, token->expires_s));
}

static result make(struct op *op, struct authority *a, const json_t *body, struct making *making)
{
	const char *label;
	const struct config_est *est;
	struct config_texts names;
	int64_t ttl_s;
	TRY(json_maybe_text(op, body, "label", &label));
	TRY(api_find_label(op, authority_config(a), label, EST_TOKEN | EST_CERTIFICATE_AND_TOKEN, &est));
	TRY(read_ttl(op, body, &ttl_s));
	TRY(api_read_names(op, body, true, &names));
	if (names.n == 0)
		return FAIL(op, ERR_MALFORMED, "a token is for names: give at least one");
	making->token = (struct one_time_token){ .door = EST_DOOR,
						 .endpoint = est->label,
						 .names = name_patterns_to_json(op->arena, &names),
						 .made_by = op->actor.id,
						 .created_s = clock_now_s(),
						 .expires_s = clock_now_s() + ttl_s };
	making->event = (struct audit_event){ .type = AUDIT_CREDENTIAL_CREATED,
					      .door = EST_DOOR,
					      .names = names.items,
					      .n_names = names.n,
					      .outcome = "one-time token" };
	return OK;
}

static result reply_token(struct op *op, const struct one_time_token *token, const char *text, struct reply *reply)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	write_token(op, token, &w);
	json_write_text(&w, "token", text);
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

result api_token_create(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	AUTO(json_t) *body = NULL;
	struct making making;
	char text[RANDOM_ID_SIZE];
	uint8_t hash[SHA256_SIZE];
	TRY(json_parse_object(op, call->body, "request", &body));
	TRY(make(op, a, body, &making));
	random_id(text);
	bytes_sha256(bytes_of_text(text), hash);
	making.token.hash = (struct bytes)BYTES_ARRAY(hash);
	making.event.facts[0] = (struct audit_fact){ "label", making.token.endpoint };
	making.event.facts[1] = (struct audit_fact){ "token", short_hash(op, &making.token) };
	result r = ledger_run(op, a->ledger, insert, &making);
	if (r.err == ERR_NONE)
		r = reply_token(op, &making.token, text, reply);
	OPENSSL_cleanse(text, sizeof text);
	return r;
}

result api_token_list(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	struct one_time_token *tokens;
	unsigned n;
	struct json_writer w;
	STORE_LEASE(lease);
	(void)call;
	TRY(store_read(op, a->store, &lease));
	TRY(one_time_token_list(op, lease.db, EST_DOOR, &tokens, &n));
	json_write_init(&w, op->arena);
	json_write_array(&w, NULL);
	for (unsigned i = 0; i < n; i++) {
		json_write_object(&w, NULL);
		write_token(op, &tokens[i], &w);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	api_reply_json(reply, &w);
	return OK;
}
