/*
 * What the operators' interface does, one function per row of its table. Bodies
 * and answers are JSON; docs/operators.md shows them through the command line.
 */
#pragma once

#include "ca/authority.h"
#include "server/call.h"

typedef result api_handler(struct op *op, struct authority *authority, const struct call *call, struct reply *reply);

api_handler api_ca_list, api_ca_show;                                 /* api_cas.c */
api_handler api_crl_publish;                                          /* api_cas.c */
api_handler api_certificate_list, api_certificate_show;               /* api_certificates.c */
api_handler api_certificate_issue, api_certificate_revoke;            /* api_certificates.c */
api_handler api_audit_checkpoint, api_audit_prove;                    /* api_audit.c */

/* A serial as people have it, as rows have it: api_certificates.c says which forms. */
result api_read_serial(struct op *op, struct bytes from, const char **out);
/* 200 with what the writer holds. */
struct json_writer;
void api_reply_json(struct reply *reply, struct json_writer *w);
