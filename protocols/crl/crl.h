/* CRLs and CA certificates over HTTP (RFC 5280 sections 4.2.1.13 and 4.2.2.1): /crl/… and /ca/…. */
#pragma once

#include "ca/authority.h"
#include "server/route.h"

void crl_routes_add(struct routes *routes, struct authority *authority);
