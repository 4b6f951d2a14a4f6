/*
 * Which names a client that has shown who it is may ask for. What the profile gives
 * is asked besides (ca/authorization.h): both have to allow it.
 *
 * user: the names bound to it, or its own name as common name (V21); a registrar
 * any. Token: exactly its names. Certificate of ours: its own subject and names
 * (E6), a registrar's any (E13). Foreign certificate: its own, or as the label says.
 * Where a way has two proofs, both.
 */
#pragma once

#include "protocols/est/request.h"

/* ERR_DENIED names the first that may not be asked for. */
result est_may_ask(struct op *op, const struct est_request *request, const struct csr *csr);
