/*
 * Microsoft's part in a request with a challenge of Intune's: asked before anything
 * is signed, and told where a yes led to nothing. All of it does nothing for other
 * requests.
 */
#pragma once

#include "protocols/scep/request.h"
#include "store/enrollments.h"

/*
 * IN2, for a request that has no row yet. ERR_DENIED: Microsoft has said no, or could
 * not be asked, which is no yes either (V44); it is in the audit log. ERR_BUSY: too
 * many are being asked about; the device comes again.
 */
result consent_ask(struct op *op, struct scep_request *request, const struct csr *csr, struct bytes der);
/*
 * IN5, before a row is signed for: a yes is good for the call that it was given in,
 * and a row that waited for an operator, or for a token that was away, was made in
 * another. *is_given false: Microsoft cannot be asked now, and the row goes on
 * waiting. ERR_DENIED, ERR_BUSY: as above.
 */
result consent_renew(struct op *op, const struct scep_request *request, const struct csr *csr, const struct enrollment *row,
		     bool *is_given);
/* IN3: Microsoft has said yes, and we say no. The failure that `op` holds stays. */
void consent_return(struct op *op, const struct scep_request *request, struct bytes der);
