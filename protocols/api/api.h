/*
 * The operators' interface: JSON over HTTP on the UNIX socket of the folder.
 * The command line speaks it to the running server, and calls the same handlers
 * in process when none is running.
 *
 * The door of the operator: who may write to the socket of the folder may issue
 * from profiles that name the operator door, revoke, publish.
 */
#pragma once

#include "ca/authority.h"
#include "server/route.h"

/* The rows of the interface, for a caller without a server: `authority` becomes their endpoint. */
void api_routes_add(struct routes *routes, struct authority *authority);
/* Whether the handler signs, so that a caller in process must open the token. */
bool api_needs_token(enum http_method method, struct bytes path);
