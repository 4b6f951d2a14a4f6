/* How EST answers: certificates, waiting, and failures as a short text (RFC 8951 section 5). */
#pragma once

#include "protocols/est/request.h"

/*
 * The route's `fail`. A status in op->code goes before that of the failure's kind:
 * FAIL_CODE(op, ERR_MALFORMED, 415, …).
 */
call_fail est_fail;
/* HTTP's status for the failure that `op` holds. */
int est_status(const struct op *op);

/* 200 with `der` in base64; `content_type` is static. */
void est_reply_der(struct op *op, struct reply *reply, const char *content_type, struct bytes der);
/* 200 with this one certificate (E7). */
void est_reply_certificate(struct op *op, struct reply *reply, struct bytes certificate);
/* 202 (RFC 7030 section 4.2.3, E8). */
void est_reply_wait(struct op *op, struct reply *reply, int64_t seconds);
/*
 * For ERR_UNAUTHENTIC: 401 with the ways that HTTP has, or 403 where a label has
 * none, in the words of the failure.
 */
result est_reply_challenge(struct op *op, const struct est_request *request, struct reply *reply);
