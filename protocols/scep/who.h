/*
 * Who asks for a certificate, by the challengePassword of the CSR (RFC 8894
 * section 2.3) or by the certificate that has signed the message, and which names
 * it may ask for. Microsoft is asked later, when nothing else is left to refuse.
 */
#pragma once

#include "protocols/scep/request.h"

/*
 * Fills way, requester and challenge. An empty challenge is none (SP9); one that
 * nobody here knows is refused, whatever other ways there are (V44). A renewal
 * where Intune says who is who needs Intune's challenge, too (IN5). ERR_DENIED.
 */
result scep_authenticate(struct op *op, struct scep_request *request, const struct csr *csr);
/*
 * The key that signs is the one to be certified, or a certificate's whose names
 * these are (S3, S4); the names are the challenge's (S1). ERR_DENIED says what is not.
 */
result scep_may_ask(struct op *op, const struct scep_request *request, const struct csr *csr);
