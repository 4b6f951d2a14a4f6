/*
 * Revocation: recorded, and in OCSP before the call returns; a new CRL follows.
 * RFC 5280 section 5.3.1, rows A29, L9, I5.
 */
#pragma once

#include "ca/authority.h"
#include "store/certificates.h"

/*
 * ERR_NOT_FOUND: not ours; ERR_CONFLICT: already revoked; ERR_MALFORMED: a reason
 * that may not be asked for (hold, removeFromCRL, 7, beyond 10). With
 * keyCompromise the key is blocked for ever (N7), if whoever revokes has proven
 * that they hold it or is the operator: a name alone must not block a key.
 *
 * The new CRL is the caller's next step: crl_publish for who waits for it
 * (operators), revocation_announce for who does not (clients).
 */
result certificate_revoke(struct op *op, struct authority *authority, const char *serial, int reason, bool may_block_key,
			  struct revocation *out);

/*
 * The steward makes the new CRL at once; the caller does not wait for it, since
 * with many revocations that may take seconds. Without a server it is made here.
 */
void revocation_announce(struct op *op, struct authority *authority, const struct revocation *revocation);
