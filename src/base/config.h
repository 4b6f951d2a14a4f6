/*
 * chancery.yaml, read through libcyaml into structs, checked as a whole, with
 * line numbers in every complaint. The reference is docs/configuration.md.
 *
 * A config is immutable once loaded; whoever holds a pointer may read it from
 * any thread. Paths are absolute after loading; durations are seconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/op.h"

#define CONFIG_FILE "chancery.yaml"

enum key_type { KEY_P256, KEY_P384, KEY_RSA2048, KEY_RSA3072, KEY_RSA4096, KEY_ED25519, KEY_OTHER };

/*
 * What a certificate says about its subject: subjectAltNames, the SID of a Windows
 * account, which has an extension of its own, and then attributes of the subject in
 * the order in which they stand there. ca/identifier.h has the forms of their values.
 */
enum identifier_kind {
	IDENTIFIER_DNS,
	IDENTIFIER_IP,
	IDENTIFIER_EMAIL,
	IDENTIFIER_URI,
	IDENTIFIER_UPN,
	IDENTIFIER_SID,
	IDENTIFIER_C,
	IDENTIFIER_ST,
	IDENTIFIER_L,
	IDENTIFIER_O,
	IDENTIFIER_OU,
	IDENTIFIER_SERIAL_NUMBER,
	IDENTIFIER_CN
};
#define N_IDENTIFIER_KINDS (IDENTIFIER_CN + 1)
#define IDENTIFIER_BIT(kind) (1u << (kind)) /* sets of kinds are unsigned */

/* Ways through which a profile may be asked for: exactly one per profile (V2). */
enum door { DOOR_NONE, DOOR_ACME, DOOR_OPERATOR, DOOR_INTERNAL, DOOR_EST, DOOR_SCEP };

const char *key_type_name(enum key_type type); /* "P-256", "RSA-3072" */
bool key_type_parse(const char *name, enum key_type *out);
const char *door_name(enum door door);

struct config_texts {
	const char **items;
	unsigned n;
};

struct config_listen {
	struct config_texts https; /* "127.0.0.1:8443", "[::1]:8443" */
	struct config_texts http;
	struct config_texts mutual; /* https that asks clients for a certificate; none: no port of its own */
	const char *mutual_host;    /* connections to `https` that name it (SNI) are asked, too; NULL: none */
};

struct config_token {
	const char *module;   /* path of the PKCS#11 module */
	const char *label;    /* of the token */
	const char *pin_file; /* absolute path; never the PIN itself */
	unsigned signers;     /* signer processes */
};

struct config_ca {
	const char *name; /* "root", "issuing": in addresses and certificates */
	int64_t crl_lifetime_s;  /* nextUpdate - thisUpdate */
	int64_t crl_refresh_s;   /* a new one at this age */
	int64_t ocsp_lifetime_s;
};

struct config_profile {
	const char *name;
	const char *ca;               /* which CA signs */
	enum door door;               /* derived: who names it */
	int64_t validity_s;           /* notAfter - notBefore + 1 s (V38) */
	int64_t backdate_s;           /* notBefore lies this far back (V8) */
	enum key_type key_types[8];   /* allowed for the subject key */
	unsigned n_key_types;
	bool server_auth, client_auth; /* extendedKeyUsage */
	bool registrar;               /* likewise: id-kp-cmcRA, may ask for others (RFC 6402 section 2.10) */
	bool wildcards;
	unsigned names;               /* kinds of subjectAltNames that a request may ask for, and the SID; never none */
	unsigned subject;             /* kinds of subject attributes taken from the request; 0: none */
	struct config_texts permitted_names; /* DNS suffixes; none: any */
	struct config_texts permitted_networks; /* for addresses, in CIDR form; none: any */
	bool common_name;             /* first DNS name also as CN when it fits in 64; never with `subject` */
};

struct config_acme {
	const char *name;    /* in /acme/NAME/directory */
	const char *profile;
	const char *terms;   /* URL or NULL */
	const char *website; /* URL or NULL */
	int64_t order_lifetime_s;
	int64_t authorization_lifetime_s;
};

/* How a client may show who it is: sets of bits, each of which is enough. */
enum est_way {
	EST_CERTIFICATE = 1,
	EST_USER = 2,
	EST_TOKEN = 4, /* one-time tokens */
	EST_CERTIFICATE_AND_USER = 8,
	EST_CERTIFICATE_AND_TOKEN = 16,
	EST_ANONYMOUS = 32
};
#define EST_NEEDS_HTTP (EST_USER | EST_TOKEN | EST_CERTIFICATE_AND_USER | EST_CERTIFICATE_AND_TOKEN)

enum est_server_keys { EST_KEYS_OFF, EST_KEYS_ENCRYPTED, EST_KEYS_TLS };

struct config_est {
	const char *label;   /* in /.well-known/est/LABEL/; "default" answers without one, too */
	const char *profile;
	unsigned ways;
	struct config_texts anchors; /* PEM files, absolute: whose certificates count besides our own */
	struct config_texts anchor_crls; /* files of CRLs, absolute: which of these do not */
	bool has_any_anchored_names; /* such a certificate may ask for whatever the profile gives; else for its own names */
	bool needs_binding;          /* channel binding (RFC 7030 section 3.5) */
	bool is_manual;              /* an operator approves each request */
	bool has_registrars;         /* id-kp-cmcRA certificates of this label's CA may ask for others */
	enum est_server_keys server_keys;
	int64_t request_lifetime_s;
};

/* How a SCEP client may show who it is, for a first certificate: sets of bits, each of which is enough. */
enum scep_way {
	SCEP_CHALLENGE = 1, /* one-time challenges, bound to names */
	SCEP_STATIC = 2,    /* one challenge for everybody, for listed names only */
	SCEP_INTUNE = 4,    /* Microsoft says whether the challenge is its own */
	SCEP_APPROVAL = 8   /* no challenge: an operator looks at each request */
};

/* What some devices need and nobody else should: sets of bits. */
enum scep_compatibility {
	SCEP_ACCEPTS_3DES = 1,
	SCEP_ACCEPTS_SHA1 = 2,
	SCEP_ACCEPTS_BER = 4, /* messages, not what they hold: CSRs and certificates are DER everywhere */
	SCEP_ACCEPTS_DES = 8  /* single DES: whoever has the message has what is in it */
};

/* Where Microsoft's services are, and who we are to them. */
struct config_intune {
	const char *tenant;           /* NULL: the endpoint does not ask Intune */
	const char *client_id;
	const char *secret_file;      /* absolute; or certificate_file and key_file */
	const char *certificate_file, *key_file;
	const char *login_url;        /* "https://login.microsoftonline.com" */
	const char *graph_url;        /* "https://graph.microsoft.com" */
	const char *resource_url;     /* "https://api.manage.microsoft.com/" */
	const char *proxy;            /* "http://proxy.example:3128"; NULL: none */
	const char *trust_file;       /* PEM, absolute; NULL: the system's */
	int64_t timeout_s;            /* of one call */
	bool downloads_revocations;
};

struct config_scep {
	const char *name;    /* in /scep/NAME */
	const char *profile;
	unsigned ways;       /* 0: renewal only */
	const char *static_challenge_file;    /* absolute; with SCEP_STATIC */
	struct config_texts static_names;     /* patterns (ca/name_pattern.h) of what it is good for; never none */
	bool has_renewal;                     /* by a certificate of this endpoint */
	int64_t renewal_after_expiry_s;       /* 0: only while it is valid */
	bool is_manual;                       /* an operator approves each first request, also behind a challenge */
	unsigned compatibility;
	enum key_type ra_key;                 /* of the RA in the token: RSA */
	bool serves_certificates, serves_crl; /* GetCert, GetCRL */
	int64_t request_lifetime_s;
	const char *next_ca;                  /* absolute: certificates to announce; NULL: none */
	struct config_intune intune;
};

struct config_validation {
	struct config_texts resolvers;  /* "127.0.0.1:53"; none: the system's */
	unsigned http_port;             /* 80 but for tests */
	bool allow_private;             /* RFC 1918, fc00::/7: a private CA lives there */
	bool allow_loopback;            /* only for demonstrations and tests */
	struct config_texts deny;       /* further networks in CIDR form */
	unsigned attempts;              /* of one challenge before it is invalid */
};

struct config_limits {
	unsigned connections;             /* in all */
	unsigned connections_per_address;
	unsigned lane_read, lane_sign, lane_wait, lane_batch;     /* worker threads */
	unsigned queue_read, queue_sign, queue_wait, queue_batch; /* waiting jobs */
	unsigned loops;
	uint64_t ocsp_cache_bytes;
	unsigned orders_per_account;      /* open at once (F21) */
	int64_t keep_finished_s;          /* ACME objects, after they expired (F21) */
};

struct config {
	const char *dir;          /* absolute */
	const char *organization; /* "Example Corp" */
	const char *host;         /* "ca.example.internal" */
	const char *log_level;
	const char *store;        /* "sqlite:chancery.db" or "postgresql://…" */
	const char *ocsp_key;     /* "memory" or "token" */
	unsigned https_port, http_port; /* as clients see them, in URLs; from the first listener unless set */
	struct config_listen listen;
	struct config_token token;
	struct config_ca *cas;
	unsigned n_cas;
	struct config_profile *profiles;
	unsigned n_profiles;
	struct config_acme *acme;
	unsigned n_acme;
	struct config_est *est;
	unsigned n_est;
	struct config_scep *scep;
	unsigned n_scep;
	const char *tls_profile; /* of the server's own TLS certificate (DOOR_INTERNAL) */
	struct config_validation validation;
	struct config_limits limits;
	uint8_t hash[SHA256_SIZE]; /* of the file; goes into audit entries */
	struct arena *arena;       /* owns all of it */
};

/*
 * Reads DIR/chancery.yaml. Refuses unknown keys, wrong units, missing keys, two
 * doors for one profile, names used twice, references to nothing: with
 * "chancery.yaml:LINE: reason".
 */
result config_load(struct op *op, const char *dir, struct config **out);
/* The same from bytes, for tests and the fuzzer. */
result config_parse(struct op *op, const char *dir, struct bytes yaml, struct config **out);
void config_free(struct config **config);

const struct config_profile *config_profile(const struct config *config, const char *name); /* NULL: none */
const struct config_ca *config_ca(const struct config *config, const char *name);
const struct config_est *config_est(const struct config *config, const char *label);
const struct config_scep *config_scep(const struct config *config, const char *name);

/* "https://HOST:8443" and "http://HOST:8080", without the port when it is the scheme's. */
char *config_https_base(struct arena *arena, const struct config *config);
char *config_http_base(struct arena *arena, const struct config *config);

/* The commented file that `chancery init` writes. */
struct config_seed {
	const char *organization, *host, *store, *module, *token_label, *pin_file;
	unsigned https_port, http_port, mutual_port;
	const char *listen_address; /* "127.0.0.1" */
	bool demo; /* allow loopback validation, own resolver settings */
	unsigned validation_http_port;
	const char *resolver; /* NULL: the system's */
	const char *ocsp_key; /* "memory" or "token"; NULL: memory */
};
char *config_template(struct arena *arena, const struct config_seed *seed);
