/* CRLs and CA certificates over HTTP (RFC 5280 section 4.2.1.13, RFC 4387 in spirit): /crl/… and /ca/…. */
#pragma once

#include "ca/authority.h"
#include "server/route.h"

void crl_routes_add(struct routes *routes, struct authority *authority);
