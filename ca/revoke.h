/*
 * Revocation: recorded, on a new CRL and in OCSP before the call returns.
 * RFC 5280 section 5.3.1, rows A29, L9, I5.
 */
#pragma once

#include "ca/authority.h"
#include "store/certificates.h"

/*
 * ERR_NOT_FOUND: not ours; ERR_CONFLICT: already revoked; ERR_MALFORMED: a reason
 * that may not be asked for (hold, removeFromCRL, 7, beyond 10). With
 * keyCompromise the key is blocked for ever (N7). When the CRL cannot be signed
 * now the revocation stands, is in OCSP, and the steward goes on trying.
 */
result certificate_revoke(struct op *op, struct authority *authority, const char *serial, int reason, struct revocation *out);
