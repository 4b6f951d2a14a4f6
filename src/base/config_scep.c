/*
 * The scep: section of chancery.yaml: endpoints, who gets a first certificate
 * there, and what is done for old devices.
 */
#include "base/config_check.h"

#include <string.h>

#include "base/config_take.h"
#include "base/files.h"
#include "base/text.h"

#define MINUTE_S 60
#define DAY_S 86400

struct word {
	const char *word;
	unsigned bit;
};
static const struct word ways[] = { { "challenge", SCEP_CHALLENGE },
				    { "static", SCEP_STATIC },
				    { "intune", SCEP_INTUNE },
				    { "approval", SCEP_APPROVAL },
				    { NULL, 0 } };
static const struct word compatibilities[] = { { "3des", SCEP_ACCEPTS_3DES },
					       { "sha1", SCEP_ACCEPTS_SHA1 },
					       { "ber", SCEP_ACCEPTS_BER },
					       { "des", SCEP_ACCEPTS_DES },
					       { NULL, 0 } };

static result take_set(const struct place *at, const char *list, const struct raw_texts *raw, const struct word *words,
		       const char *expected, unsigned *out)
{
	for (unsigned i = 0; i < raw->n; i++) {
		const char *key = arena_printf(at->op->arena, "%s[%u]", list, i);
		const struct word *found = words;
		while (found->word != NULL && !text_equal(found->word, raw->items[i]))
			found++;
		if (found->word == NULL)
			return place_fail(at, key, "\"%.40s\" is none of %s", raw->items[i], expected);
		if ((*out & found->bit) != 0)
			return place_fail(at, key, "%s stands there twice", raw->items[i]);
		*out |= found->bit;
	}
	return OK;
}

static result check_name(const struct place *at, const char *text, struct config_scep *scep)
{
	TRY(take_name(at, "name", text, &scep->name));
	if (config_scep(at->config, text) != NULL)
		return place_fail(at, "name", "another SCEP endpoint is called \"%s\" already", text);
	return OK;
}

static const char *file_of(const struct place *at, const char *text)
{
	return text != NULL ? files_join(at->config->arena, at->config->dir, text) : NULL;
}

/* Which patterns there are is ca/name_pattern.h's to say; here it is seen that each names a kind. */
static bool has_kind(const char *text)
{
	const char *colon = strchr(text, ':');
	return colon != NULL && colon != text && colon[1] != '\0';
}

/* VU#971035: one challenge that anybody has gives every name to everybody, unless the names are listed (S1). */
static result check_static(const struct place *at, const struct raw_scep *raw, struct config_scep *scep)
{
	bool is_static = (scep->ways & SCEP_STATIC) != 0;
	TRY(take_texts(at, "static_names", &raw->static_names, has_kind,
		       "a name with its kind, such as dns:dev-17.example.internal or dns:*.example.internal",
		       &scep->static_names));
	scep->static_challenge_file = file_of(at, raw->static_challenge_file);
	if (is_static && scep->static_challenge_file == NULL)
		return place_fail(at, "authentication", "\"static\" needs static_challenge_file");
	if (is_static && scep->static_names.n == 0)
		return place_fail(at, "authentication", "\"static\" needs static_names: whoever has the challenge gets any of them");
	return OK;
}

static result check_secret(const struct place *at, const struct raw_intune *raw, struct config_intune *intune)
{
	intune->secret_file = file_of(at, raw->secret_file);
	intune->certificate_file = file_of(at, raw->certificate_file);
	intune->key_file = file_of(at, raw->key_file);
	if ((intune->certificate_file == NULL) != (intune->key_file == NULL))
		return place_fail(at, intune->key_file == NULL ? "certificate_file" : "key_file",
				  "certificate_file and key_file go together");
	if (intune->secret_file == NULL && intune->key_file == NULL)
		return place_fail(at, NULL, "it needs secret_file, or certificate_file and key_file");
	if (intune->key_file != NULL)
		intune->secret_file = NULL; /* the stronger of the two */
	return OK;
}

static const char *or_else(const char *text, const char *standard)
{
	return text != NULL ? text : standard;
}

static result check_intune(const struct place *at, const struct raw_intune *raw, struct config_intune *intune)
{
	const struct duration_range timeout = { 1, 50, 10 }; /* below LIMIT_REQUEST_MS: the device has to hear the answer */
	intune->tenant = raw->tenant;
	intune->client_id = raw->client_id;
	TRY(check_secret(at, raw, intune));
	TRY(take_url(at, "login_url", or_else(raw->login_url, "https://login.microsoftonline.com"), &intune->login_url));
	TRY(take_url(at, "graph_url", or_else(raw->graph_url, "https://graph.microsoft.com"), &intune->graph_url));
	TRY(take_url(at, "resource_url", or_else(raw->resource_url, "https://api.manage.microsoft.com/"), &intune->resource_url));
	TRY(take_url(at, "proxy", raw->proxy, &intune->proxy));
	intune->trust_file = file_of(at, raw->trust_file);
	intune->downloads_revocations = take_bool(raw->revocations, true);
	return take_duration(at, "timeout", raw->timeout, timeout, &intune->timeout_s);
}

static result check_ways(const struct place *at, const struct raw_scep *raw, struct config_scep *scep)
{
	TRY(take_set(at, "authentication", &raw->authentication, ways, "challenge, static, intune, approval", &scep->ways));
	bool is_intune = (scep->ways & SCEP_INTUNE) != 0;
	if (is_intune && raw->intune == NULL)
		return place_fail(at, "authentication", "\"intune\" needs the section intune");
	if (is_intune) {
		struct place inner = *at;
		inner.path = arena_printf(at->op->arena, "%s.intune", at->path);
		TRY(check_intune(&inner, raw->intune, &scep->intune));
	}
	return check_static(at, raw, scep);
}

static result check_renewal(const struct place *at, const struct raw_scep *raw, struct config_scep *scep)
{
	const struct duration_range late = { 0, 3650 * DAY_S, 0 };
	scep->has_renewal = take_bool(raw->renewal, true);
	TRY(take_duration(at, "renewal_after_expiry", raw->renewal_after_expiry, late, &scep->renewal_after_expiry_s));
	if (!scep->has_renewal && scep->renewal_after_expiry_s > 0)
		return place_fail(at, "renewal_after_expiry", "renewal is off");
	if (!scep->has_renewal && scep->ways == 0)
		return place_fail(at, "renewal", "without authentication and renewal nobody gets a certificate here");
	return OK;
}

static result check_approval(const struct place *at, const char *text, struct config_scep *scep)
{
	scep->is_manual = text_equal(text, "manual");
	if (text != NULL && !scep->is_manual && !text_equal(text, "automatic"))
		return place_fail(at, "approval", "\"%.40s\" is neither automatic nor manual", text);
	return OK;
}

static bool is_rsa(enum key_type type)
{
	return type == KEY_RSA2048 || type == KEY_RSA3072 || type == KEY_RSA4096;
}

/* Clients encrypt to it, and RSA is what they have (RFC 8894 section 3.1). */
static result check_ra_key(const struct place *at, const char *text, struct config_scep *scep)
{
	scep->ra_key = KEY_RSA2048;
	if (text == NULL)
		return OK;
	if (!key_type_parse(text, &scep->ra_key) || !is_rsa(scep->ra_key))
		return place_fail(at, "ra_key", "\"%.40s\" is none of RSA-2048, RSA-3072, RSA-4096", text);
	return OK;
}

/* The certificate is encrypted to the requester's key. */
static result check_profile(const struct place *at, const char *name, struct config_scep *scep)
{
	TRY(config_open_door(at, "profile", name, DOOR_SCEP));
	scep->profile = name;
	const struct config_profile *profile = config_profile(at->config, name);
	for (unsigned i = 0; i < profile->n_key_types; i++)
		if (is_rsa(profile->key_types[i]))
			return OK;
	return place_fail(at, "profile", "profile \"%s\" takes no RSA keys, and SCEP has no others", name);
}

static result check_entry(const struct place *at, const struct raw_scep *raw, struct config_scep *scep)
{
	const struct duration_range lifetime = { MINUTE_S, 90 * DAY_S, 7 * DAY_S };
	TRY(check_name(at, raw->name, scep));
	TRY(check_profile(at, raw->profile, scep));
	TRY(check_ways(at, raw, scep));
	TRY(check_renewal(at, raw, scep));
	TRY(check_approval(at, raw->approval, scep));
	TRY(take_set(at, "compatibility", &raw->compatibility, compatibilities, "3des, sha1, ber, des", &scep->compatibility));
	TRY(check_ra_key(at, raw->ra_key, scep));
	scep->serves_certificates = take_bool(raw->get_cert, true);
	scep->serves_crl = take_bool(raw->get_crl, true);
	scep->next_ca = file_of(at, raw->next_ca);
	return take_duration(at, "request_lifetime", raw->request_lifetime, lifetime, &scep->request_lifetime_s);
}

result config_check_scep(const struct place *top, const struct raw_config *raw)
{
	struct config *config = top->config;
	config->scep = arena_alloc_array(config->arena, raw->n_scep, sizeof *config->scep);
	for (unsigned i = 0; i < raw->n_scep; i++) {
		struct place at = place_entry(top, "scep", i);
		TRY(check_entry(&at, &raw->scep[i], &config->scep[i]));
		config->n_scep++;
	}
	return OK;
}
