/* From a body to a row. */
#include "protocols/shared/one_time.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "ca/name_pattern.h"

#define TTL_S 3600
#define TTL_MOST_S (90 * INT64_C(86400))

result one_time_read_names(struct op *op, const json_t *body, bool are_exact, struct config_texts *out)
{
	const json_t *names;
	TRY(json_maybe_array(op, body, "names", &names));
	size_t n = json_array_size(names);
	if (n > LIMIT_ORDER_IDENTIFIERS)
		return FAIL(op, ERR_LIMIT, "at most %d names", LIMIT_ORDER_IDENTIFIERS);
	*out = (struct config_texts){ arena_alloc_array(op->arena, n + 1, sizeof *out->items), 0 };
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(names, i));
		if (text == NULL)
			return FAIL(op, ERR_MALFORMED, "\"names\" is a list of texts");
		TRY(name_pattern_make(op, text, &out->items[i]));
		if (are_exact && strchr(out->items[i], '*') != NULL)
			return FAIL(op, ERR_POLICY, "%s: this is for names as they are, without *", text);
		out->n++;
	}
	return OK;
}

result one_time_read_ttl(struct op *op, const json_t *body, int64_t *out)
{
	const char *text;
	TRY(json_maybe_text(op, body, "ttl", &text));
	*out = TTL_S;
	if (text != NULL && (!text_parse_duration(text, out) || *out < 1 || *out > TTL_MOST_S))
		return FAIL(op, ERR_MALFORMED, "the time to live is a duration up to 90d, such as 1h, not %s", text);
	return OK;
}

struct making {
	const struct one_time_wish *wish;
	struct one_time_token token;
	struct audit_event event;
};

static result insert(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct making *making = arg;
	struct db *db = ledger_db(tx);
	unsigned most = making->wish->most_open, open = 0;
	if (most > 0)
		TRY(one_time_token_count(op, db, making->token.made_by, making->token.created_s, &open));
	if (most > 0 && open >= most)
		return FAIL(op, ERR_LIMIT, "%u of them were made by %s and not used; use them, or wait until they end", open,
			    making->token.made_by);
	TRY(one_time_token_insert(op, db, &making->token));
	return ledger_audit(op, tx, &making->event, NULL);
}

const char *one_time_short_hash(struct arena *arena, const struct one_time_token *token)
{
	return arena_printf(arena, "%.16s", bytes_to_hex(arena, token->hash));
}

result one_time_make(struct op *op, struct authority *authority, const struct one_time_wish *wish, const char *text,
		     struct one_time_token *out)
{
	uint8_t hash[SHA256_SIZE];
	int64_t now_s = clock_now_s();
	bytes_sha256(bytes_of_text(text), hash);
	struct making making = { .wish = wish,
				 .token = { .hash = arena_bytes(op->arena, (struct bytes)BYTES_ARRAY(hash)),
					    .door = wish->door,
					    .endpoint = wish->endpoint,
					    .names = name_patterns_to_json(op->arena, wish->names),
					    .are_patterns = wish->are_patterns,
					    .made_by = wish->made_by,
					    .created_s = now_s,
					    .expires_s = now_s + wish->ttl_s } };
	making.event = (struct audit_event){ .type = AUDIT_CREDENTIAL_CREATED,
					     .door = wish->door,
					     .names = wish->names->items,
					     .n_names = wish->names->n,
					     .outcome = wish->what,
					     .facts = { { "label", wish->endpoint },
							{ "token", one_time_short_hash(op->arena, &making.token) } } };
	TRY(ledger_run(op, authority->ledger, insert, &making));
	*out = making.token;
	return OK;
}
