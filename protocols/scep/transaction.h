/*
 * Transactions as rows (store/scep_transactions.h) and the requests that they stand
 * for (store/enrollments.h), from a CSR that may be asked for to a certificate: the
 * same request finds the same row on any node, and so the same answer, for a day
 * after its end (SP12, S2); two that come at the same moment are one.
 */
#pragma once

#include "protocols/scep/reply.h"
#include "store/enrollments.h"

/*
 * The request that this transaction and signer stand for, in *row. ERR_NOT_FOUND:
 * none, or one that ended long ago. `subject` NULL, or of the CSR there.
 */
result scep_transaction_find(struct op *op, const struct scep_request *request, struct enrollment *row, struct bytes *subject);
/*
 * The row for this CSR: the one that is there, or a new one, for which who asks is
 * judged first (who.h), Microsoft last, and the challenge is spent in the same
 * transaction. ERR_CONFLICT: another CSR has this transaction.
 */
result scep_enrollment_open(struct op *op, struct scep_request *request, const struct csr *csr, struct bytes der,
			    struct enrollment *row);
/*
 * SUCCESS with its certificate, made now if the row is ready, or PENDING. ERR_DENIED:
 * it was rejected, or is now, since Microsoft does not say yes to it any more.
 */
result scep_enrollment_finish(struct op *op, const struct scep_request *request, const struct enrollment *row,
			      struct scep_answer *answer);
