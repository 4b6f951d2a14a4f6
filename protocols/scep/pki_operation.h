/* PKIOperation (RFC 8894 section 4.3): one pkiMessage, and the CertRep to it. */
#pragma once

#include "protocols/scep/request.h"

/* ERR_MALFORMED: nothing that a CertRep could answer. ERR_BUSY: token, store or RA are not there. */
result scep_pki_operation(struct op *op, const struct call *call, struct bytes message, struct reply *reply);
