/*
 * The meaning of chancery.yaml, section by section. Every default and every
 * range stands here, for profiles in config_profiles.c, and nowhere else;
 * docs/configuration.md and the template repeat the defaults for readers.
 */
#include "base/config_check.h"

#include <string.h>
#include <unistd.h>

#include "base/config_take.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400
#define MIB (UINT64_C(1) << 20)

/* Browsers and ACME clients name the host: they would be asked for a certificate, too. */
static result check_mutual_host(const struct place *at, const char *text)
{
	if (text == NULL)
		return OK;
	TRY(take_host(at, "mutual_host", text, &at->config->listen.mutual_host));
	if (text_equal(text, at->config->host))
		return place_fail(at, "mutual_host", "it is the host itself; clients without a certificate come by that name");
	return OK;
}

static result check_listen(const struct place *top, const struct raw_config *raw)
{
	static const char *standard_https[] = { "0.0.0.0:8443" };
	static const char *standard_http[] = { "0.0.0.0:8080" };
	static const char expected[] = "an address and a port, such as 127.0.0.1:8443 or [::1]:8443";
	struct config *config = top->config;
	struct config_listen *listen = &config->listen;
	struct place at = *top;
	at.path = "listen";
	TRY(take_texts(&at, "https", &raw->listen->https, address_has_form, expected, &listen->https));
	TRY(take_texts(&at, "http", &raw->listen->http, address_has_form, expected, &listen->http));
	TRY(take_texts(&at, "mutual", &raw->listen->mutual, address_has_form, expected, &listen->mutual));
	TRY(check_mutual_host(&at, raw->listen->mutual_host));
	if (listen->https.n == 0)
		listen->https = (struct config_texts){ standard_https, 1 };
	if (listen->http.n == 0)
		listen->http = (struct config_texts){ standard_http, 1 };
	const struct unsigned_range https = { 1, 65535, address_port(listen->https.items[0]) };
	const struct unsigned_range http = { 1, 65535, address_port(listen->http.items[0]) };
	TRY(take_unsigned(top, "https_port", raw->https_port, https, &config->https_port));
	return take_unsigned(top, "http_port", raw->http_port, http, &config->http_port);
}

static result check_store(const struct place *top, const char *text)
{
	static const char sqlite[] = "sqlite:";
	struct config *config = top->config;
	if (text == NULL)
		text = "sqlite:chancery.db";
	if (text_has_prefix(text, sqlite) && text[strlen(sqlite)] != '\0') {
		const char *path = files_join(config->arena, config->dir, text + strlen(sqlite));
		config->store = arena_printf(config->arena, "%s%s", sqlite, path);
		return OK;
	}
	if (!text_has_prefix(text, "postgresql://") && !text_has_prefix(text, "postgres://"))
		return place_fail(top, "store", "\"%.20s\" names no store: write sqlite:FILE or postgresql://HOST/DATABASE",
				  text);
	config->store = text;
	return OK;
}

static result check_top(const struct place *top, const struct raw_config *raw)
{
	struct config *config = top->config;
	enum log_level level;
	/* 64: ub-organization-name of RFC 5280 appendix A.1; it goes into the names of the CAs. */
	if (strlen(raw->organization) > 64)
		return place_fail(top, "organization", "it is longer than the 64 bytes that a certificate allows");
	config->organization = raw->organization;
	TRY(take_host(top, "host", raw->host, &config->host));
	config->log_level = raw->log_level == NULL ? "info" : raw->log_level;
	if (!log_parse_level(config->log_level, &level))
		return place_fail(top, "log_level", "\"%.40s\" is none of debug, info, warning, error", raw->log_level);
	config->ocsp_key = raw->ocsp_key == NULL ? "memory" : raw->ocsp_key;
	if (!text_equal(config->ocsp_key, "memory") && !text_equal(config->ocsp_key, "token"))
		return place_fail(top, "ocsp_key", "\"%.40s\" is neither memory nor token", raw->ocsp_key);
	TRY(check_store(top, raw->store));
	return check_listen(top, raw);
}

static result check_token(const struct place *top, const struct raw_token *raw)
{
	struct config *config = top->config;
	struct place at = *top;
	at.path = "token";
	config->token.module = files_join(config->arena, config->dir, raw->module);
	config->token.pin_file = files_join(config->arena, config->dir, raw->pin_file);
	/* CK_TOKEN_INFO has 32 bytes for it (PKCS #11 section 3.2). */
	if (strlen(raw->label) > 32)
		return place_fail(&at, "label", "it is longer than the 32 bytes that PKCS #11 allows");
	config->token.label = raw->label;
	return take_unsigned(&at, "signers", raw->signers, (struct unsigned_range){ 1, 64, 2 }, &config->token.signers);
}

static result check_ca(const struct place *at, const struct raw_ca *raw, struct config_ca *ca)
{
	const struct duration_range lifetime = { MINUTE_S, 3650 * DAY_S, 7 * DAY_S };
	const struct duration_range ocsp = { MINUTE_S, 30 * DAY_S, 12 * HOUR_S };
	TRY(take_name(at, "name", raw->name, &ca->name));
	/* /ca/roots.pem, /ca/NAME-chain.pem and /crl/NAME-delta.crl are other things than a CA. */
	if (text_equal(ca->name, "roots") || text_has_suffix(ca->name, "-chain") || text_has_suffix(ca->name, "-delta"))
		return place_fail(at, "name", "a CA cannot be called \"roots\", nor end in -chain or -delta");
	TRY(take_duration(at, "crl_lifetime", raw->crl_lifetime, lifetime, &ca->crl_lifetime_s));
	/* Never the whole lifetime: there would be a time without a valid CRL. */
	struct duration_range refresh = { 1, ca->crl_lifetime_s - 1, DAY_S };
	if (refresh.fallback_s > refresh.max_s)
		refresh.fallback_s = ca->crl_lifetime_s / 2;
	TRY(take_duration(at, "crl_refresh", raw->crl_refresh, refresh, &ca->crl_refresh_s));
	return take_duration(at, "ocsp_lifetime", raw->ocsp_lifetime, ocsp, &ca->ocsp_lifetime_s);
}

static result check_cas(const struct place *top, const struct raw_config *raw)
{
	struct config *config = top->config;
	config->cas = arena_alloc_array(config->arena, raw->n_cas, sizeof *config->cas);
	for (unsigned i = 0; i < raw->n_cas; i++) {
		struct place at = place_entry(top, "cas", i);
		TRY(check_ca(&at, &raw->cas[i], &config->cas[i]));
		if (config_ca(config, config->cas[i].name) != NULL)
			return place_fail(&at, "name", "another CA is called \"%s\" already", config->cas[i].name);
		config->n_cas++;
	}
	return OK;
}

/* Control of nothing but a DNS name can be shown through ACME, and the server itself has nothing else. */
static result check_kinds_for_door(const struct place *at, const char *key, const struct config_profile *profile)
{
	bool is_dns_only = profile->door == DOOR_ACME || profile->door == DOOR_INTERNAL;
	if (is_dns_only && (profile->names != IDENTIFIER_BIT(IDENTIFIER_DNS) || profile->subject != 0))
		return place_fail(at, key,
				  "profile \"%s\" has names: or subject: with more than DNS names, "
				  "which the %s door cannot give",
				  profile->name, door_name(profile->door));
	return OK;
}

result config_open_door(const struct place *at, const char *key, const char *name, enum door door)
{
	struct config_profile *profile = NULL;
	for (unsigned i = 0; i < at->config->n_profiles; i++) {
		if (text_equal(at->config->profiles[i].name, name))
			profile = &at->config->profiles[i];
	}
	if (profile == NULL)
		return place_fail(at, key, "there is no profile called \"%.40s\" in profiles", name);
	if (profile->door != DOOR_NONE && profile->door != door)
		return place_fail(at, key,
				  "profile \"%s\" is answered through %s already, and a profile has one door only: "
				  "write a second profile for %s",
				  name, door_name(profile->door), door_name(door));
	profile->door = door;
	return check_kinds_for_door(at, key, profile);
}

static const struct config_acme *find_acme(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_acme; i++) {
		if (text_equal(config->acme[i].name, name))
			return &config->acme[i];
	}
	return NULL;
}

static result check_acme(const struct place *at, const struct raw_acme *raw, struct config_acme *acme)
{
	const struct duration_range order = { MINUTE_S, 90 * DAY_S, 7 * DAY_S };
	const struct duration_range authorization = { MINUTE_S, 398 * DAY_S, 30 * DAY_S };
	TRY(take_name(at, "name", raw->name, &acme->name));
	/* /acme/directory is the directory of the first one. */
	if (text_equal(acme->name, "directory"))
		return place_fail(at, "name", "\"directory\" is an address of its own; choose another name");
	if (find_acme(at->config, acme->name) != NULL)
		return place_fail(at, "name", "another ACME door is called \"%s\" already", acme->name);
	TRY(config_open_door(at, "profile", raw->profile, DOOR_ACME));
	acme->profile = raw->profile;
	TRY(take_url(at, "terms", raw->terms, &acme->terms));
	TRY(take_url(at, "website", raw->website, &acme->website));
	TRY(take_duration(at, "order_lifetime", raw->order_lifetime, order, &acme->order_lifetime_s));
	return take_duration(at, "authorization_lifetime", raw->authorization_lifetime, authorization,
			     &acme->authorization_lifetime_s);
}

static result check_doors(const struct place *top, const struct raw_config *raw)
{
	struct config *config = top->config;
	config->acme = arena_alloc_array(config->arena, raw->n_acme, sizeof *config->acme);
	for (unsigned i = 0; i < raw->n_acme; i++) {
		struct place at = place_entry(top, "acme", i);
		TRY(check_acme(&at, &raw->acme[i], &config->acme[i]));
		config->n_acme++;
	}
	TRY(config_check_est(top, raw));
	TRY(config_check_scep(top, raw));
	struct place at = *top;
	at.path = "operator";
	for (unsigned i = 0; i < raw->operator->profiles.n; i++) {
		const char *key = arena_printf(top->op->arena, "profiles[%u]", i);
		TRY(config_open_door(&at, key, raw->operator->profiles.items[i], DOOR_OPERATOR));
	}
	at.path = "internal";
	TRY(config_open_door(&at, "tls_profile", raw->internal->tls_profile, DOOR_INTERNAL));
	config->tls_profile = raw->internal->tls_profile;
	if (!config_profile(config, config->tls_profile)->server_auth)
		return place_fail(&at, "tls_profile", "profile \"%s\" lacks the usage server_auth", config->tls_profile);
	return OK;
}

static result check_validation(const struct place *top, const struct raw_validation *raw)
{
	struct config_validation *validation = &top->config->validation;
	struct place at = *top;
	at.path = "validation";
	TRY(take_texts(&at, "resolvers", &raw->resolvers, address_has_form,
		       "an address and a port, such as 127.0.0.1:53 or [::1]:53", &validation->resolvers));
	TRY(take_texts(&at, "deny", &raw->deny, network_has_form, "a network, such as 10.0.0.0/8 or fd00::/8",
		       &validation->deny));
	validation->allow_private = take_bool(raw->allow_private, true);
	validation->allow_loopback = take_bool(raw->allow_loopback, false);
	TRY(take_unsigned(&at, "http_port", raw->http_port, (struct unsigned_range){ 1, 65535, 80 },
			  &validation->http_port));
	return take_unsigned(&at, "attempts", raw->attempts, (struct unsigned_range){ 1, 10, 3 }, &validation->attempts);
}

/* As many as there are cores, but four at most: beyond, the workers need them more. */
static unsigned standard_loops(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores < 1 ? 1 : cores > 4 ? 4 : (unsigned)cores;
}

#define LIMIT(member, least, most, standard)                                           \
	TRY(take_unsigned(&at, #member, raw->member,                                   \
			  (struct unsigned_range){ (least), (most), (standard) }, &limits->member))

static result check_limits(const struct place *top, const struct raw_limits *raw)
{
	struct config_limits *limits = &top->config->limits;
	struct place at = *top;
	at.path = "limits";
	LIMIT(connections, 16, 1000000, 4096);
	LIMIT(connections_per_address, 1, limits->connections, limits->connections < 256 ? limits->connections : 256);
	LIMIT(lane_read, 1, 256, 8);
	LIMIT(lane_sign, 1, 256, 16);
	LIMIT(lane_wait, 4, 256, 8);
	LIMIT(lane_batch, 1, 256, 2);
	LIMIT(queue_read, 1, 1000000, 1024);
	LIMIT(queue_sign, 1, 1000000, 1024);
	LIMIT(queue_wait, 1, 1000000, 256);
	LIMIT(queue_batch, 1, 1000000, 256);
	LIMIT(loops, 1, 64, standard_loops());
	LIMIT(orders_per_account, 1, 1000000, 300);
	/* Not below an hour: a client may still ask what became of its order. */
	const struct duration_range keep = { HOUR_S, 3650 * DAY_S, 30 * DAY_S };
	TRY(take_duration(&at, "keep_finished", raw->keep_finished, keep, &limits->keep_finished_s));
	return take_size(&at, "ocsp_cache", raw->ocsp_cache, MIB, 65536 * MIB, 64 * MIB, &limits->ocsp_cache_bytes);
}

result config_check(struct op *op, const struct raw_config *raw, const struct config_lines *lines,
		    struct config *config)
{
	const struct place top = { .op = op, .lines = lines, .config = config, .path = "" };
	TRY(check_top(&top, raw));
	TRY(check_token(&top, raw->token));
	TRY(check_cas(&top, raw));
	TRY(config_check_profiles(&top, raw));
	TRY(check_doors(&top, raw));
	TRY(check_validation(&top, raw->validation));
	return check_limits(&top, raw->limits);
}
