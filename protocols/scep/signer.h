/*
 * Who has signed a message (RFC 8894 section 2.3): a client without a certificate
 * of ours signs one itself, with the key that it wants certified; any other has to
 * be one of this endpoint's CA and profile (V26).
 */
#pragma once

#include "protocols/scep/request.h"

/*
 * Fills signer_hash, and certificate for one of ours. Where the message needs one,
 * a signer that has signed its own is refused; for renewals it may have expired as
 * the settings say. ERR_UNAUTHENTIC, ERR_DENIED: recorded.
 */
result scep_judge_signer(struct op *op, struct scep_request *request);
