/* What anybody may ask without a message: GetCACaps, GetCACert, GetNextCACert (RFC 8894 sections 3.5, 4.2 and 4.7). */
#pragma once

#include "protocols/scep/request.h"

typedef result scep_serve_operation(struct op *op, const struct scep_request *request, struct reply *reply);

scep_serve_operation scep_get_ca_caps, scep_get_ca_cert, scep_get_next_ca_cert;
