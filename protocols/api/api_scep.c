/* One-time challenges of SCEP, and what the users of its doors need to know of its endpoints. */
#include "protocols/api/api_handlers.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/password.h"
#include "protocols/shared/one_time.h"

static result find_endpoint(struct op *op, const struct config *config, const char *asked, const struct config_scep **out)
{
	const char *name = asked != NULL ? asked : config->n_scep == 1 ? config->scep[0].name : "default";
	*out = config_scep(config, name);
	if (*out == NULL)
		return FAIL(op, ERR_NOT_FOUND, "there is no SCEP endpoint %s; see scep: in chancery.yaml", name);
	if (((*out)->ways & SCEP_CHALLENGE) == 0)
		return FAIL(op, ERR_POLICY, "endpoint %s takes no one-time challenges; see scep.authentication in chancery.yaml", name);
	return OK;
}

static result find_for_user(struct op *op, const struct config *config, const char *asked, const char **out)
{
	const struct config_scep *scep;
	TRY(find_endpoint(op, config, asked, &scep));
	*out = scep->name;
	return OK;
}

const struct api_door api_door_scep = { .name = "scep", .endpoint = "endpoint", .find_for_user = find_for_user };

static bool has_pattern(const struct config_texts *names)
{
	for (unsigned i = 0; i < names->n; i++)
		if (strchr(names->items[i], '*') != NULL)
			return true;
	return false;
}

static result read_wish(struct op *op, struct authority *a, const json_t *body, struct config_texts *names,
			struct one_time_wish *wish)
{
	const char *asked;
	const struct config_scep *scep;
	TRY(json_maybe_text(op, body, "endpoint", &asked));
	TRY(find_endpoint(op, authority_config(a), asked, &scep));
	TRY(one_time_read_names(op, body, false, names));
	*wish = (struct one_time_wish){ .door = api_door_scep.name,
					.endpoint = scep->name,
					.made_by = op->actor.id,
					.names = names,
					.are_patterns = has_pattern(names),
					.what = "one-time challenge" };
	TRY(one_time_read_ttl(op, body, &wish->ttl_s));
	return names->n > 0 ? OK : FAIL(op, ERR_MALFORMED, "a challenge is for names: give at least one");
}

result api_challenge_create(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	AUTO(json_t) *body = NULL;
	struct config_texts names;
	struct one_time_wish wish;
	struct one_time_token token;
	char text[PASSWORD_SIZE];
	TRY(json_parse_object(op, call->body, "request", &body));
	TRY(read_wish(op, a, body, &names, &wish));
	password_draw(text);
	result r = one_time_make(op, a, &wish, text, &token);
	if (r.err == ERR_NONE)
		r = api_reply_token(op, &api_door_scep, &token, "challenge", text, reply);
	OPENSSL_cleanse(text, sizeof text);
	return r;
}

result api_challenge_list(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	(void)call;
	return api_reply_tokens(op, a, &api_door_scep, reply);
}
