/*
 * Which request a SCEP transaction stands for (RFC 8894 section 3.2.1.1). The
 * identifier is the client's own, often a hash of its key, and so the same for a
 * renewal with that key: a transaction is known by endpoint, identifier and who
 * signed it. Clients that hit upon one identifier do not meet (SP5).
 */
#pragma once

#include "store/db.h"

struct scep_transaction {
	const char *endpoint, *transaction_id;
	struct bytes signer_hash; /* SHA-256 of the signer's key, or of its certificate where that is one of ours */
	struct bytes csr_hash;    /* SHA-256 */
	struct bytes subject;     /* of the CSR: Name, DER */
	const char *enrollment_id;
	int64_t created_s;
};

/* A row of that endpoint, identifier and signer, whose request has ended, is replaced: the caller has looked. */
result scep_transaction_put(struct op *op, struct db *db, const struct scep_transaction *transaction);
/* By endpoint, identifier and signer of `key`. ERR_NOT_FOUND. */
result scep_transaction_load(struct op *op, struct db *db, const struct scep_transaction *key, struct scep_transaction *out);
/* Those whose enrollment ended before `before_s`, or is gone; at most `limit`, *n how many went. */
result scep_transaction_clean(struct op *op, struct db *db, int64_t before_s, unsigned limit, unsigned *n);
