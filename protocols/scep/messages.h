/* What each type of pkiMessage asks for (RFC 8894 section 3.3): its content has been unwrapped, its signer judged. */
#pragma once

#include "protocols/scep/reply.h"

/* A failure that scep_is_refusal() becomes a FAILURE. */
typedef result scep_serve_message(struct op *op, struct scep_request *request, struct scep_answer *answer);

scep_serve_message scep_enroll;   /* PKCSReq, RenewalReq (enroll.c) */
scep_serve_message scep_poll;     /* CertPoll (enroll.c) */
scep_serve_message scep_get_cert; /* GetCert (look_up.c) */
scep_serve_message scep_get_crl;  /* GetCRL (look_up.c) */
