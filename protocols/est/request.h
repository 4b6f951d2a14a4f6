/*
 * One request for a certificate while it is decided: whose label it is at, who
 * asks, and by which evidence. Steps fill it from top to bottom.
 */
#pragma once

#include "ca/csr.h"
#include "protocols/est/endpoint.h"
#include "server/peer.h"
#include "store/credentials.h"
#include "store/enrollments.h"

struct est_request {
	struct est *est;
	struct authority *authority;
	const struct call *call;
	const struct config *config;
	const struct config_est *settings;
	const struct config_profile *profile;
	int64_t now_s;
	struct est_anchors *anchors; /* pinned once a certificate is judged by them */

	/* authenticate.h */
	enum est_way way;
	bool is_reenrollment;                  /* by this label's own certificate, for the same names: registrars, too */
	const char *requester;                 /* "est-user:alice"; NULL: nobody yet */
	struct client_certificate certificate; /* with ways that have one */
	struct user user;                      /* with those of users */
	struct one_time_token token;           /* with those of tokens */
	bool is_stale;                         /* a Digest was right but for the age of its nonce */
};

/*
 * Label, settings and the type of the body. ERR_NOT_FOUND: a reload has removed
 * the label; 415: another content type (E15; its parameters do not matter).
 */
result est_request_open(struct op *op, const struct call *call, const char *content_type, struct est_request *out);
void est_request_release(struct est_request *request);
#define EST_REQUEST(name) __attribute__((cleanup(est_request_release))) struct est_request name = { .now_s = 0 }

/*
 * The failure that `op` holds into the audit log, as far as the log is not filled
 * by it (LIMIT_EST_REFUSALS). `csr` NULL: it was not read. The failure stays.
 */
void est_record_refusal(struct op *op, const struct est_request *request, enum audit_type type, const struct csr *csr);
