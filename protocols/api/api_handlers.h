/*
 * What the operators' interface does, one function per row of its table. Bodies
 * and answers are JSON; docs/operators.md shows them through the command line.
 */
#pragma once

#include "base/json.h"
#include "ca/authority.h"
#include "server/call.h"

typedef result api_handler(struct op *op, struct authority *authority, const struct call *call, struct reply *reply);

api_handler api_ca_list, api_ca_show;                                 /* api_cas.c */
api_handler api_crl_publish;                                          /* api_cas.c */
api_handler api_certificate_list, api_certificate_show;               /* api_certificates.c */
api_handler api_certificate_issue, api_certificate_revoke;            /* api_certificates.c */
api_handler api_audit_checkpoint, api_audit_prove;                    /* api_audit.c */
api_handler api_user_add, api_user_list, api_user_password;           /* api_users.c */
api_handler api_user_enable, api_user_disable;                        /* api_users.c */
api_handler api_token_create, api_token_list;                         /* api_tokens.c */
api_handler api_request_list, api_request_show;                       /* api_requests.c */
api_handler api_request_approve, api_request_reject;                  /* api_requests.c */

/* "name=value" of the query, unescaped; absent: NULL. */
result api_query_text(struct op *op, const struct call *call, const char *name, const char **out);
/* A label of EST that takes one of these ways (set of enum est_way); NULL: the only one there is, else "default". */
result api_find_label(struct op *op, const struct config *config, const char *asked, unsigned ways,
		      const struct config_est **out);
/* The names of a body's "names" as canonical patterns (ca/name_pattern.h); `are_exact`: without stars. */
result api_read_names(struct op *op, const json_t *body, bool are_exact, struct config_texts *out);
/* A serial as people have it, as rows have it: api_certificates.c says which forms. */
result api_read_serial(struct op *op, struct bytes from, const char **out);
/* 200 with what the writer holds. */
void api_reply_json(struct reply *reply, struct json_writer *w);
