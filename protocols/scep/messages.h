/*
 * What each type of pkiMessage asks for (RFC 8894 section 3.3); its signer has been judged. Each unwraps the content by
 * itself, when it knows what the content has to be. Who intercepted somebody else's message may send its content again under
 * a signature of his own, changed as he likes: whatever comes out has to be answered as if it could not be decrypted, but for
 * the one content that only its author can have made. Any other difference is an oracle (S5).
 */
#pragma once

#include "protocols/scep/reply.h"

/* A failure that scep_is_refusal() becomes a FAILURE. */
typedef result scep_serve_message(struct op *op, struct scep_request *request, struct scep_answer *answer);

scep_serve_message scep_enroll;   /* PKCSReq, RenewalReq (enroll.c) */
scep_serve_message scep_poll;     /* CertPoll (enroll.c) */
scep_serve_message scep_get_cert; /* GetCert (look_up.c) */
scep_serve_message scep_get_crl;  /* GetCRL (look_up.c) */
