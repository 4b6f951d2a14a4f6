/* OCSP over HTTP (RFC 6960 appendix A, RFC 9919 section 6): /ocsp and /ocsp/CA, POST and GET. */
#pragma once

#include "ca/authority.h"
#include "server/route.h"

void ocsp_routes_add(struct routes *routes, struct authority *authority);
