/*
 * The profiles: section of chancery.yaml. Which door a profile belongs to is seen
 * where the doors are read (config_check.c).
 */
#include "base/config_check.h"

#include <string.h>

#include "base/config_take.h"
#include "base/text.h"

#define MINUTE_S 60
#define DAY_S 86400

static bool profile_allows(const struct config_profile *profile, enum key_type type)
{
	for (unsigned i = 0; i < profile->n_key_types; i++) {
		if (profile->key_types[i] == type)
			return true;
	}
	return false;
}

static result check_key_types(const struct place *at, const struct raw_texts *raw, struct config_profile *profile)
{
	static const enum key_type standard[] = { KEY_P256, KEY_P384, KEY_RSA2048, KEY_RSA3072, KEY_RSA4096 };
	_Static_assert(sizeof profile->key_types / sizeof profile->key_types[0] >= KEY_OTHER, "one place for each type");
	for (unsigned i = 0; i < raw->n; i++) {
		const char *key = arena_printf(at->op->arena, "key_types[%u]", i);
		enum key_type type;
		if (!key_type_parse(raw->items[i], &type))
			return place_fail(at, key, "\"%.40s\" is none of P-256, P-384, RSA-2048, RSA-3072, RSA-4096, Ed25519",
					  raw->items[i]);
		if (profile_allows(profile, type))
			return place_fail(at, key, "%s stands there twice", raw->items[i]);
		profile->key_types[profile->n_key_types++] = type;
	}
	if (raw->n == 0) {
		memcpy(profile->key_types, standard, sizeof standard);
		profile->n_key_types = sizeof standard / sizeof standard[0];
	}
	return OK;
}

static result check_usages(const struct place *at, const struct raw_texts *raw, struct config_profile *profile)
{
	profile->server_auth = raw->n == 0;
	for (unsigned i = 0; i < raw->n; i++) {
		if (text_equal(raw->items[i], "server_auth"))
			profile->server_auth = true;
		else if (text_equal(raw->items[i], "client_auth"))
			profile->client_auth = true;
		else if (text_equal(raw->items[i], "registrar"))
			profile->registrar = true;
		else
			return place_fail(at, arena_printf(at->op->arena, "usages[%u]", i),
					  "\"%.40s\" is none of server_auth, client_auth, registrar", raw->items[i]);
	}
	return OK;
}

/* How the file calls the kinds that a request may ask for. */
struct kind_word {
	const char *word;
	enum identifier_kind kind;
};
static const struct kind_word san_words[] = { { "dns", IDENTIFIER_DNS },
					      { "ip", IDENTIFIER_IP },
					      { "email", IDENTIFIER_EMAIL },
					      { "uri", IDENTIFIER_URI },
					      { "upn", IDENTIFIER_UPN },
					      { "sid", IDENTIFIER_SID },
					      { NULL, 0 } };
static const struct kind_word subject_words[] = { { "common_name", IDENTIFIER_CN },
						  { "serial_number", IDENTIFIER_SERIAL_NUMBER },
						  { "organization", IDENTIFIER_O },
						  { "organizational_unit", IDENTIFIER_OU },
						  { "locality", IDENTIFIER_L },
						  { "state", IDENTIFIER_ST },
						  { "country", IDENTIFIER_C },
						  { NULL, 0 } };

static result take_kinds(const struct place *at, const char *list, const struct raw_texts *raw,
			 const struct kind_word *words, const char *expected, unsigned *out)
{
	for (unsigned i = 0; i < raw->n; i++) {
		const char *key = arena_printf(at->op->arena, "%s[%u]", list, i);
		const struct kind_word *found = words;
		while (found->word != NULL && !text_equal(found->word, raw->items[i]))
			found++;
		if (found->word == NULL)
			return place_fail(at, key, "\"%.40s\" is none of %s", raw->items[i], expected);
		if ((*out & IDENTIFIER_BIT(found->kind)) != 0)
			return place_fail(at, key, "%s stands there twice", raw->items[i]);
		*out |= IDENTIFIER_BIT(found->kind);
	}
	return OK;
}

/* What a request may ask for, and within which bounds. */
static result check_names(const struct place *at, const struct raw_profile *raw, struct config_profile *profile)
{
	TRY(take_kinds(at, "names", &raw->names, san_words, "dns, ip, email, uri, upn, sid", &profile->names));
	if (raw->names.n == 0)
		profile->names = IDENTIFIER_BIT(IDENTIFIER_DNS);
	TRY(take_kinds(at, "subject", &raw->subject, subject_words,
		       "common_name, serial_number, organization, organizational_unit, locality, state, country", &profile->subject));
	if (profile->subject != 0 && raw->common_name == RAW_TRUE)
		return place_fail(at, "common_name",
				  "with subject: the subject is the request's, and no DNS name is copied into it; leave one of them out");
	profile->common_name = profile->subject == 0 && take_bool(raw->common_name, true);
	profile->wildcards = take_bool(raw->wildcards, false);
	TRY(take_texts(at, "permitted_names", &raw->permitted_names, host_has_form,
		       "a DNS name in small letters, without \"*.\" or a leading dot", &profile->permitted_names));
	return take_texts(at, "permitted_networks", &raw->permitted_networks, network_has_form,
			  "a network, such as 10.0.0.0/8 or fd00::/8", &profile->permitted_networks);
}

static result check_profile(const struct place *at, const struct raw_profile *raw, struct config_profile *profile)
{
	const struct duration_range validity = { MINUTE_S, 3650 * DAY_S, 90 * DAY_S };
	TRY(take_name(at, "name", raw->name, &profile->name));
	TRY(take_name(at, "ca", raw->ca, &profile->ca));
	if (config_ca(at->config, profile->ca) == NULL)
		return place_fail(at, "ca", "there is no CA called \"%s\" in cas", profile->ca);
	TRY(take_duration(at, "validity", raw->validity, validity, &profile->validity_s));
	/* A certificate that is over when it is issued helps nobody. */
	struct duration_range backdate = { 0, profile->validity_s - 1, MINUTE_S };
	if (backdate.fallback_s > backdate.max_s)
		backdate.fallback_s = 0;
	TRY(take_duration(at, "backdate", raw->backdate, backdate, &profile->backdate_s));
	TRY(check_key_types(at, &raw->key_types, profile));
	TRY(check_usages(at, &raw->usages, profile));
	return check_names(at, raw, profile);
}

result config_check_profiles(const struct place *top, const struct raw_config *raw)
{
	struct config *config = top->config;
	config->profiles = arena_alloc_array(config->arena, raw->n_profiles, sizeof *config->profiles);
	for (unsigned i = 0; i < raw->n_profiles; i++) {
		struct place at = place_entry(top, "profiles", i);
		TRY(check_profile(&at, &raw->profiles[i], &config->profiles[i]));
		if (config_profile(config, config->profiles[i].name) != NULL)
			return place_fail(&at, "name", "another profile is called \"%s\" already",
					  config->profiles[i].name);
		config->n_profiles++;
	}
	return OK;
}
