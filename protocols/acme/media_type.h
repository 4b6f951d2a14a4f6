/* Content negotiation (RFC 9110 section 12.5.1), as far as one fixed type needs it. Pure. */
#pragma once

#include "server/call.h"

/* May `type` ("application/pem-certificate-chain") be sent to this client? Yes without an Accept header. */
bool media_type_is_accepted(const struct call *call, const char *type);
