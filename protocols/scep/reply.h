/* How SCEP answers: CertRep for all that can be one, HTTP's errors for the rest (SP17). */
#pragma once

#include "protocols/scep/request.h"

/* The route's `fail`: text/plain, HTTP's status by the failure's kind. */
call_fail scep_fail;

enum scep_status { SCEP_SUCCESS = 0, SCEP_FAILURE = 2, SCEP_PENDING = 3 }; /* RFC 8894 section 3.2.1.3 */

struct scep_answer {
	enum scep_status status;
	struct bytes content;     /* with SUCCESS: what is encrypted to the signer of the request */
	enum scep_fail_info info; /* with FAILURE */
	const char *text;         /* with FAILURE: for people, without secrets; NULL: none */
};

/* CertRep (section 3.3.2), signed by the RA. ERR_BUSY: the token. */
result scep_reply(struct op *op, const struct scep_request *request, const struct scep_answer *answer, struct reply *reply);

/*
 * The failure that `op` holds is one that the client has to hear as FAILURE; else
 * it is trouble of ours, for which HTTP has words that make clients come again.
 */
bool scep_is_refusal(enum err err);
/* As FAILURE, with failInfo out of op->code, badRequest where it holds none. The failure is over then. */
result scep_reply_refusal(struct op *op, const struct scep_request *request, struct reply *reply);
