/*
 * What the files about Intune share: one link to Microsoft for each endpoint,
 * with what may be kept of it (access tokens, addresses of services), and the
 * one way in which its services are called.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/json.h"
#include "base/secret.h"
#include "protocols/scep/intune.h"
#include "server/admission.h"
#include "store/intune_notices.h"

#define INTUNE_CALLER "Chancery " CHANCERY_VERSION /* callerInfo, UserAgent */

enum intune_scope { INTUNE_SCOPE_GRAPH, INTUNE_SCOPE_SERVICES };
#define INTUNE_SCOPES 2

struct intune_token {
	struct secret *secret; /* NULL: none */
	int64_t until_s;
};

enum intune_service { INTUNE_VALIDATION, INTUNE_CONNECTOR };
#define INTUNE_SERVICES 2

struct intune_places {
	char *urls[INTUNE_SERVICES]; /* NULL: Microsoft names none */
	int64_t found_s;             /* 0: not looked for, or to be looked for anew */
};

struct intune_link {
	struct intune *intune;
	const char *endpoint;

	pthread_mutex_t mutex;                /* guards what follows; never held while somebody is asked */
	const struct config_scep *settings;   /* whose tokens and places these are; a reload brings others */
	uint64_t generation;                  /* counts the settings: what was asked for under others is not kept */
	struct intune_token tokens[INTUNE_SCOPES];
	struct intune_places places;
	int64_t quiet_until_s;                /* notices wait: Microsoft could not be reached */
	bool has_download;                    /* the row of when to ask for revocations is there */
};

/* A request that Microsoft is asked about at this moment; on the stack of who asks. */
struct intune_turn {
	struct intune *intune; /* NULL: it has none */
	const struct intune_link *link;
	struct address_key from;
	struct intune_turn *next;
};

struct intune {
	struct authority *authority;
	struct lane *wait;
	pthread_mutex_t turns_mutex;
	struct intune_turn *turns; /* all that are taken */
	struct intune_link *links; /* one for each endpoint of the first configuration */
	unsigned n_links;
	struct arena *arena;
	atomic_bool is_sweeping, is_stopping;
	int64_t cleaned_s; /* the sweep's own: when rows were last cleaned up */
};

/* The link of an endpoint, without anything that was kept under other settings. ERR_NOT_FOUND: a restart will make one. */
result intune_link_of(struct op *op, struct intune *intune, const struct config_scep *endpoint, struct intune_link **out);

const struct config_intune *intune_settings(struct intune_link *link);

/*
 * Anybody can send a challenge that only Microsoft can judge, and each holds a
 * thread of `limits.lane_wait` for as long as Microsoft takes. So half of these may
 * wait for one endpoint's questions, and a quarter for those of one address (by its
 * /64, in IPv6); two are left in any case, for notices and for what needs no
 * question. ERR_BUSY, at once: the device comes again.
 */
result intune_turn_take(struct op *op, struct intune_link *link, struct intune_turn *turn);
void intune_turn_end(struct intune_turn *turn);
#define INTUNE_TURN(name) __attribute__((cleanup(intune_turn_end))) struct intune_turn name = { .intune = NULL }

/* A call for this link, with its proxy and trust, within its timeout and op's deadline. Fails as courier_call does. */
struct intune_call {
	const char *method, *url;
	struct courier_header headers[8];
	unsigned n_headers;
	struct bytes body;
	size_t body_limit;
};
result intune_send(struct op *op, struct intune_link *link, const struct intune_call *call, struct courier_response *out);
void intune_call_header(struct intune_call *call, const char *name, const char *value);
/* What every call to Graph and to a service carries: a bearer token, an id of its own for Microsoft's logs, who we are. */
void intune_call_identify(struct op *op, struct intune_call *call, const struct secret *token);
/* ERR_BACKEND: the answer is not JSON by its type and its content. */
result intune_read_json(struct op *op, const struct courier_response *response, const char *what, json_t **own_out);
/* "3f2504e0-4f89-41d3-9a0c-0305e82c3301": random (RFC 9562 section 5.4). */
char *intune_uuid(struct op *op);

/* An access token (IN1), kept until shortly before it expires. *own_out is the caller's copy. */
result intune_token_get(struct op *op, struct intune_link *link, enum intune_scope scope, struct secret **own_out);
void intune_token_forget(struct intune_link *link, enum intune_scope scope);
/* The credential of `settings` can be used: files are there, the key fits the certificate. */
result intune_credential_check(struct op *op, const struct config_intune *settings);
/* The signed JWT that stands for the client secret (RFC 7523 section 3), for the token endpoint `audience`. */
result intune_assertion_make(struct op *op, const struct config_intune *settings, const char *audience, const char **out);

/* The address of a service, by Graph, kept for half an hour (IN1). ERR_BACKEND: Graph does not answer, or names none. */
result intune_place_get(struct op *op, struct intune_link *link, enum intune_service service, const char **out);
/* It did not serve: the next call asks Graph again, though not more than once a minute. */
void intune_places_doubt(struct intune_link *link);

/*
 * POST {service}/{action} with a JSON body, and the JSON object that comes back
 * with status 200. A 401 is met with one fresh token. ERR_BUSY: Microsoft asks
 * for patience, *retry_s for how long (0: it does not say); ERR_BACKEND: any other answer,
 * or none.
 */
struct intune_errand {
	enum intune_service service;
	const char *action;  /* "ScepActions/validateRequest" */
	const char *version; /* of the service's API */
	struct bytes body;
	size_t body_limit;   /* of the answer */
};
result intune_post(struct op *op, struct intune_link *link, const struct intune_errand *errand, json_t **own_out,
		   int64_t *retry_s);

#define INTUNE_ANSWER_BYTES 65536
#define INTUNE_SCEP_VERSION "2018-02-20"
#define INTUNE_REVOCATION_VERSION "5019-05-05"
/*
 * {"code":"Success",…} of a ScepActions answer. ERR_DENIED: another code, which is
 * the detail with its text; ERR_BACKEND: no code.
 */
result intune_read_code(struct op *op, const json_t *answer);

/* "CN=Example Issuing CA,O=Example Corp": how Intune knows the CA of an endpoint's certificates. ERR_NOT_FOUND: there is none. */
result intune_issuer_name(struct op *op, struct intune_link *link, const char **out);

/* Sends what is due of this endpoint (intune_notices.c). ERR_BUSY, ERR_BACKEND: Microsoft is away, and the rest waits. */
result intune_notices_send(struct op *op, struct intune_link *link);
/*
 * Asks for revocations, makes them, and leaves their results in the outbox
 * (intune_revocations.c); *is_more: there may be more of them now.
 */
result intune_revocations_take(struct op *op, struct intune_link *link, bool *is_more, int64_t *retry_s);
/* What stands in the outbox then: a JSON array. */
result intune_revocations_tell(struct op *op, struct intune_link *link, const char *results, int64_t *retry_s);
