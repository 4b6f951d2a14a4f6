/*
 * What the operators' interface does, one function per row of its table. Bodies
 * and answers are JSON; docs/operators.md shows them through the command line.
 */
#pragma once

#include "base/json.h"
#include "ca/authority.h"
#include "server/call.h"
#include "store/credentials.h"

typedef result api_handler(struct op *op, struct authority *authority, const struct call *call, struct reply *reply);

api_handler api_ca_list, api_ca_show;                                 /* api_cas.c */
api_handler api_crl_publish;                                          /* api_cas.c */
api_handler api_certificate_list, api_certificate_show;               /* api_certificates.c */
api_handler api_certificate_issue, api_certificate_revoke;            /* api_certificates.c */
api_handler api_audit_checkpoint, api_audit_prove;                    /* api_audit.c */
api_handler api_est_user_add, api_est_user_list;                      /* api_users.c */
api_handler api_est_user_password, api_est_user_enable, api_est_user_disable;
api_handler api_scep_user_add, api_scep_user_list;                    /* api_users.c */
api_handler api_scep_user_password, api_scep_user_enable, api_scep_user_disable;
api_handler api_token_create, api_token_list;                         /* api_tokens.c */
api_handler api_challenge_create, api_challenge_list;                 /* api_scep.c */
api_handler api_request_list, api_request_show;                       /* api_requests.c */
api_handler api_request_approve, api_request_reject;                  /* api_requests.c */

/* "name=value" of the query, unescaped; absent: NULL. */
result api_query_text(struct op *op, const struct call *call, const char *name, const char **out);
/* A label of EST that takes one of these ways (set of enum est_way); NULL: the only one there is, else "default". */
result api_find_label(struct op *op, const struct config *config, const char *asked, unsigned ways,
		      const struct config_est **out);

/* A protocol whose clients may be users, or have one-time tokens. */
struct api_door {
	const char *name;     /* in rows: "est" */
	const char *endpoint; /* the member that names an endpoint: "label" */
	bool has_digest;
	/* The endpoint that takes users, by that name; NULL: the only one there is, else "default". */
	result (*find_for_user)(struct op *op, const struct config *config, const char *asked, const char **out);
};
extern const struct api_door api_door_est;  /* api_users.c */
extern const struct api_door api_door_scep; /* api_scep.c */

/* A token without its text, the members of an object. */
void api_write_token(struct op *op, const struct api_door *door, const struct one_time_token *token, struct json_writer *w);
/* 200 with a new token, its text as this member; with those of the door that were not used. */
result api_reply_token(struct op *op, const struct api_door *door, const struct one_time_token *token, const char *member,
		       const char *text, struct reply *reply);
result api_reply_tokens(struct op *op, struct authority *authority, const struct api_door *door, struct reply *reply);
/* A serial as people have it, as rows have it: api_certificates.c says which forms. */
result api_read_serial(struct op *op, struct bytes from, const char **out);
/* 200 with what the writer holds. */
void api_reply_json(struct reply *reply, struct json_writer *w);
