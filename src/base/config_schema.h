/*
 * The shape of chancery.yaml: which keys there are and which of them are
 * lists, mappings or words of a fixed choice. libcyaml checks it. What the
 * values mean is checked afterwards (config_check.h); until then they are the
 * texts of the file, NULL where it has none.
 */
#pragma once

#include <cyaml/cyaml.h>

#include "base/config_lines.h"

/* libcyaml itself takes any unknown word for true; this refuses it. */
enum raw_bool { RAW_ABSENT, RAW_FALSE, RAW_TRUE };

struct raw_texts {
	const char **items;
	unsigned n;
};

struct raw_listen {
	struct raw_texts https, http, mutual;
	const char *mutual_host;
};

struct raw_token {
	const char *module, *label, *pin_file, *signers;
};

struct raw_ca {
	const char *name, *crl_lifetime, *crl_refresh, *ocsp_lifetime;
};

struct raw_profile {
	const char *name, *ca, *validity, *backdate;
	struct raw_texts key_types, usages, names, subject, permitted_names, permitted_networks;
	enum raw_bool wildcards, common_name;
};

struct raw_acme {
	const char *name, *profile, *terms, *website, *order_lifetime, *authorization_lifetime;
};

struct raw_est {
	const char *label, *profile, *anchored_names, *channel_binding, *approval, *server_keys, *request_lifetime;
	struct raw_texts authentication, anchors, anchor_crls;
	enum raw_bool registrars;
};

struct raw_intune {
	const char *tenant, *client_id, *secret_file, *certificate_file, *key_file;
	const char *login_url, *graph_url, *resource_url, *proxy, *trust_file, *timeout;
	enum raw_bool revocations;
};

struct raw_scep {
	const char *name, *profile, *static_challenge_file, *renewal_after_expiry, *approval, *ra_key, *request_lifetime;
	const char *next_ca;
	struct raw_texts authentication, static_names, compatibility;
	enum raw_bool renewal, get_cert, get_crl;
	struct raw_intune *intune; /* NULL: it has none */
};

struct raw_operator {
	struct raw_texts profiles;
};

struct raw_internal {
	const char *tls_profile;
};

struct raw_validation {
	struct raw_texts resolvers, deny;
	const char *http_port, *attempts;
	enum raw_bool allow_private, allow_loopback;
};

struct raw_limits {
	const char *connections, *connections_per_address;
	const char *lane_read, *lane_sign, *lane_wait, *lane_batch;
	const char *queue_read, *queue_sign, *queue_wait, *queue_batch;
	const char *loops, *ocsp_cache, *orders_per_account, *keep_finished;
};

struct raw_config {
	const char *organization, *host, *log_level, *store, *ocsp_key, *https_port, *http_port;
	struct raw_listen *listen;
	struct raw_token *token;
	struct raw_ca *cas;
	unsigned n_cas;
	struct raw_profile *profiles;
	unsigned n_profiles;
	struct raw_acme *acme;
	unsigned n_acme;
	struct raw_est *est;
	unsigned n_est;
	struct raw_scep *scep;
	unsigned n_scep;
	struct raw_operator *operator;
	struct raw_internal *internal;
	struct raw_validation *validation;
	struct raw_limits *limits;
};

extern const cyaml_schema_value_t config_schema;

/*
 * Everything lies in `arena`. Sections that the file leaves out are there and
 * empty. Complaints name the line.
 */
result config_schema_load(struct op *op, struct arena *arena, struct bytes yaml, const struct config_lines *lines,
			  struct raw_config **out);
