/*
 * The est: section of chancery.yaml: labels, and by which ways of showing who one
 * is they may be used. RFC 7030 section 3.2.2 has what a label may be called.
 */
#include "base/config_check.h"

#include "base/config_take.h"
#include "base/files.h"
#include "base/text.h"

#define MINUTE_S 60
#define DAY_S 86400

static const struct {
	const char *word;
	enum est_way way;
} ways[] = { { "certificate", EST_CERTIFICATE },
	     { "user", EST_USER },
	     { "token", EST_TOKEN },
	     { "certificate+user", EST_CERTIFICATE_AND_USER },
	     { "certificate+token", EST_CERTIFICATE_AND_TOKEN },
	     { "anonymous", EST_ANONYMOUS } };
#define N_WAYS (sizeof ways / sizeof ways[0])

#define NEEDS_CERTIFICATE (EST_CERTIFICATE | EST_CERTIFICATE_AND_USER | EST_CERTIFICATE_AND_TOKEN)

/* E1: /.well-known/est/cacerts would be two things. */
static result check_label(const struct place *at, const char *text, struct config_est *est)
{
	static const char *const operations[] = { "cacerts",	  "simpleenroll", "simplereenroll", "fullcmc",
						  "serverkeygen", "csrattrs",	  NULL };
	TRY(take_name(at, "label", text, &est->label));
	if (text_is_one_of(text, operations))
		return place_fail(at, "label", "\"%s\" is an operation of EST; choose another label", text);
	if (config_est(at->config, text) != NULL)
		return place_fail(at, "label", "another EST label is called \"%s\" already", text);
	return OK;
}

static result check_ways(const struct place *at, const struct raw_texts *raw, struct config_est *est)
{
	for (unsigned i = 0; i < raw->n; i++) {
		const char *key = arena_printf(at->op->arena, "authentication[%u]", i);
		size_t w = 0;
		while (w < N_WAYS && !text_equal(raw->items[i], ways[w].word))
			w++;
		if (w == N_WAYS)
			return place_fail(at, key, "\"%.40s\" is none of certificate, user, token, certificate+user, "
					  "certificate+token, anonymous", raw->items[i]);
		if ((est->ways & ways[w].way) != 0)
			return place_fail(at, key, "%s stands there twice", raw->items[i]);
		est->ways |= ways[w].way;
	}
	if ((est->ways & EST_ANONYMOUS) != 0 && est->ways != EST_ANONYMOUS)
		return place_fail(at, "authentication", "with \"anonymous\" nobody needs the others: it has to stand by itself");
	return OK;
}

/* One of two words; NULL is the first. */
static result take_word(const struct place *at, const char *key, const char *text, const char *first, const char *second,
			bool *is_second)
{
	*is_second = text_equal(text, second);
	if (text != NULL && !*is_second && !text_equal(text, first))
		return place_fail(at, key, "\"%.40s\" is neither %s nor %s", text, first, second);
	return OK;
}

static result check_server_keys(const struct place *at, const char *text, struct config_est *est)
{
	if (text == NULL || text_equal(text, "off"))
		est->server_keys = EST_KEYS_OFF;
	else if (text_equal(text, "encrypted"))
		est->server_keys = EST_KEYS_ENCRYPTED;
	else if (text_equal(text, "tls"))
		est->server_keys = EST_KEYS_TLS;
	else
		return place_fail(at, "server_keys", "\"%.40s\" is none of off, encrypted, tls", text);
	return OK;
}

static bool any_text(const char *text)
{
	return text[0] != '\0';
}

static result take_paths(const struct place *at, const char *key, const struct raw_texts *raw, struct config_texts *out)
{
	TRY(take_texts(at, key, raw, any_text, "the path of a file", out));
	for (unsigned i = 0; i < out->n; i++)
		out->items[i] = files_join(at->config->arena, at->config->dir, out->items[i]);
	return OK;
}

static result check_anchors(const struct place *at, const struct raw_est *raw, struct config_est *est)
{
	TRY(take_paths(at, "anchors", &raw->anchors, &est->anchors));
	TRY(take_paths(at, "anchor_crls", &raw->anchor_crls, &est->anchor_crls));
	if (est->anchors.n > 0 && (est->ways & NEEDS_CERTIFICATE) == 0)
		return place_fail(at, "anchors", "no way of authentication asks for a certificate");
	if (est->anchor_crls.n > 0 && est->anchors.n == 0)
		return place_fail(at, "anchor_crls", "there are no anchors whose certificates they could revoke");
	return OK;
}

/* What only a connection that asked for a certificate can show. */
static result check_listeners(const struct place *at, const struct config_est *est)
{
	const struct config_listen *listen = &at->config->listen;
	if (listen->mutual.n > 0 || listen->mutual_host != NULL)
		return OK;
	if ((est->ways & NEEDS_CERTIFICATE) != 0)
		return place_fail(at, "authentication", "\"certificate\" needs a listener that asks for one: "
				  "set listen.mutual or listen.mutual_host");
	if (est->needs_binding)
		return place_fail(at, "channel_binding", "\"required\" needs a listener that has one: "
				  "set listen.mutual or listen.mutual_host");
	return OK;
}

static result check_entry(const struct place *at, const struct raw_est *raw, struct config_est *est)
{
	const struct duration_range lifetime = { MINUTE_S, 90 * DAY_S, 7 * DAY_S };
	TRY(check_label(at, raw->label, est));
	TRY(config_open_door(at, "profile", raw->profile, DOOR_EST));
	est->profile = raw->profile;
	TRY(check_ways(at, &raw->authentication, est));
	TRY(check_anchors(at, raw, est));
	TRY(take_word(at, "anchored_names", raw->anchored_names, "same", "any", &est->has_any_anchored_names));
	TRY(take_word(at, "channel_binding", raw->channel_binding, "optional", "required", &est->needs_binding));
	TRY(take_word(at, "approval", raw->approval, "automatic", "manual", &est->is_manual));
	est->has_registrars = take_bool(raw->registrars, false);
	TRY(check_server_keys(at, raw->server_keys, est));
	TRY(take_duration(at, "request_lifetime", raw->request_lifetime, lifetime, &est->request_lifetime_s));
	return check_listeners(at, est);
}

result config_check_est(const struct place *top, const struct raw_config *raw)
{
	struct config *config = top->config;
	config->est = arena_alloc_array(config->arena, raw->n_est, sizeof *config->est);
	for (unsigned i = 0; i < raw->n_est; i++) {
		struct place at = place_entry(top, "est", i);
		TRY(check_entry(&at, &raw->est[i], &config->est[i]));
		config->n_est++;
	}
	return OK;
}
