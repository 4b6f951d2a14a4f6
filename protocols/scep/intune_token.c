/*
 * Access tokens by OAuth client credentials (RFC 6749 section 4.4), from the
 * tenant's token endpoint of the Microsoft identity platform, version 2.0. A
 * token is a secret like the one that it was got with: kept in memory only,
 * never logged, given up five minutes before it ends.
 */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "protocols/scep/intune_link.h"

#define EARLY_S 300
#define TOKEN_MOST 8192 /* Microsoft's have about two thousand characters */
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* RFC 6749 appendix B. */
static void put_escaped(struct buf *buf, struct bytes text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '\0' && strchr(plain, text.p[i]) != NULL)
			buf_byte(buf, text.p[i]);
		else
			buf_printf(buf, "%%%02X", text.p[i]);
	}
}

static void put_field(struct buf *buf, const char *name, struct bytes value)
{
	buf_printf(buf, "%s%s=", buf->n > 0 ? "&" : "", name);
	put_escaped(buf, value);
}

/* The resource with its slash, and "/.default" behind it: Intune's scope has two slashes, and is another one without. */
static const char *scope_of(struct op *op, const struct config_intune *settings, enum intune_scope scope)
{
	return arena_printf(op->arena, "%s/.default",
			    scope == INTUNE_SCOPE_GRAPH ? settings->graph_url : settings->resource_url);
}

static result put_credential(struct op *op, const struct config_intune *settings, const char *endpoint, struct buf *form)
{
	struct secret *secret = NULL;
	const char *assertion;
	if (settings->key_file != NULL) {
		TRY(intune_assertion_make(op, settings, endpoint, &assertion));
		put_field(form, "client_assertion_type", bytes_of_text(ASSERTION_TYPE));
		put_field(form, "client_assertion", bytes_of_text(assertion));
		return OK;
	}
	TRY(secret_read_file(op, settings->secret_file, &secret));
	put_field(form, "client_secret", secret_bytes(secret));
	secret_free(&secret);
	return OK;
}

static result ask(struct op *op, struct intune_link *link, enum intune_scope scope, struct courier_response *out)
{
	const struct config_intune *settings = intune_settings(link);
	const char *url = arena_printf(op->arena, "%s/%s/oauth2/v2.0/token", settings->login_url, settings->tenant);
	struct buf form;
	arena_wipe_when_freed(op->arena);
	buf_init(&form, op->arena, 4096);
	put_field(&form, "grant_type", bytes_of_text("client_credentials"));
	put_field(&form, "client_id", bytes_of_text(settings->client_id));
	put_field(&form, "scope", bytes_of_text(scope_of(op, settings, scope)));
	TRY(put_credential(op, settings, url, &form));
	struct intune_call call = { .method = "POST", .url = url, .body = buf_as_bytes(&form), .body_limit = INTUNE_ANSWER_BYTES };
	intune_call_header(&call, "Content-Type", "application/x-www-form-urlencoded");
	intune_call_header(&call, "Accept", "application/json");
	intune_call_header(&call, "client-request-id", intune_uuid(op));
	return intune_send(op, link, &call, out);
}

/* Section 5.2: the words are Microsoft's ("AADSTS7000215: Invalid client secret provided"), and the first line says it. */
static result refused(struct op *op, const struct courier_response *response)
{
	AUTO(json_t) *answer = NULL;
	const char *error, *text = NULL;
	result r = intune_read_json(op, response, "the token endpoint", &answer);
	if (r.err == ERR_NONE && json_need_text(op, answer, "error", &error).err == ERR_NONE &&
	    json_maybe_text(op, answer, "error_description", &text).err == ERR_NONE)
		return FAIL(op, ERR_BACKEND, "Microsoft gives us no access token: %.64s%s%.*s", error, text != NULL ? ": " : "",
			    text != NULL ? (int)(strcspn(text, "\r\n") < 200 ? strcspn(text, "\r\n") : 200) : 0,
			    text != NULL ? text : "");
	return FAIL(op, response->status == 429 || response->status == 503 ? ERR_BUSY : ERR_BACKEND,
		    "Microsoft's token endpoint answered with status %u", response->status);
}

static bool is_token(const char *text)
{
	size_t n = strlen(text);
	return n > 0 && n <= TOKEN_MOST &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") == n;
}

static result read_token(struct op *op, const struct courier_response *response, struct intune_token *own_out)
{
	AUTO(json_t) *answer = NULL;
	const char *token, *type;
	int64_t lifetime_s;
	if (response->status != 200)
		return refused(op, response);
	TRY(intune_read_json(op, response, "the token endpoint", &answer));
	if (json_need_text(op, answer, "access_token", &token).err != ERR_NONE ||
	    json_need_text(op, answer, "token_type", &type).err != ERR_NONE ||
	    json_maybe_integer(op, answer, "expires_in", 0, &lifetime_s).err != ERR_NONE ||
	    !text_equal_nocase(type, "Bearer") || !is_token(token))
		return FAIL(op, ERR_BACKEND, "Microsoft's token endpoint answered with something else than a token");
	if (lifetime_s > 86400)
		lifetime_s = 86400;
	own_out->secret = secret_new(bytes_of_text(token));
	own_out->until_s = clock_now_s() + (lifetime_s > 2 * EARLY_S ? lifetime_s - EARLY_S : lifetime_s / 2);
	return OK;
}

static struct secret *find_kept(struct intune_link *link, enum intune_scope scope, uint64_t *generation)
{
	struct secret *copy = NULL;
	pthread_mutex_lock(&link->mutex);
	*generation = link->generation;
	const struct intune_token *token = &link->tokens[scope];
	if (token->secret != NULL && clock_now_s() < token->until_s)
		copy = secret_new(secret_bytes(token->secret));
	pthread_mutex_unlock(&link->mutex);
	return copy;
}

/* A reload may have come while the token was under way: then it is another tenant's, and good for this call at most. */
static void keep(struct intune_link *link, enum intune_scope scope, uint64_t generation, const struct intune_token *token)
{
	pthread_mutex_lock(&link->mutex);
	if (link->generation == generation) {
		secret_free(&link->tokens[scope].secret);
		link->tokens[scope] = (struct intune_token){ secret_new(secret_bytes(token->secret)), token->until_s };
	}
	pthread_mutex_unlock(&link->mutex);
}

result intune_token_get(struct op *op, struct intune_link *link, enum intune_scope scope, struct secret **own_out)
{
	struct courier_response response;
	struct intune_token fresh = { NULL, 0 };
	uint64_t generation;
	*own_out = find_kept(link, scope, &generation);
	if (*own_out != NULL)
		return OK;
	TRY(ask(op, link, scope, &response));
	TRY(read_token(op, &response, &fresh));
	keep(link, scope, generation, &fresh);
	*own_out = fresh.secret;
	return OK;
}

void intune_token_forget(struct intune_link *link, enum intune_scope scope)
{
	pthread_mutex_lock(&link->mutex);
	secret_free(&link->tokens[scope].secret);
	pthread_mutex_unlock(&link->mutex);
}
