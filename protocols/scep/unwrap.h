/* The inside of a pkiMessage: EnvelopedData for the endpoint's RA (RFC 8894 section 3.1). */
#pragma once

#include "protocols/scep/request.h"

/*
 * Fills cipher and content. ERR_MALFORMED in always the same words (message.h): for
 * another recipient, changed, not in DER, nor in BER that is taken here (the content
 * itself is DER in any case); nobody learns at which step it ended (S5). ERR_POLICY: a
 * cipher that is not taken. ERR_BUSY: the token.
 */
result scep_unwrap(struct op *op, struct scep_request *request);
