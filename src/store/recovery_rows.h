/*
 * What a node keeps outside of the store (ca/journal.h) as the store has it, and
 * the rows by which a restored older copy gets it back (ca/recovery.h).
 */
#pragma once

#include "store/certificates.h"

/* A revocation, and the hash of its key where that is blocked; no bytes where not. Borrowed for the call. */
typedef result recovery_each(struct op *op, void *arg, const struct revocation *revocation, struct bytes blocked);

/* Those whose entries are in [from, to) of the log, in its order. */
result recovery_read_logged(struct op *op, struct db *db, uint64_t from, uint64_t to, recovery_each *each, void *arg);
/* All of certificates that end after `since_s`. */
result recovery_read_all(struct op *op, struct db *db, int64_t since_s, recovery_each *each, void *arg);

typedef result crl_number_each(struct op *op, void *arg, const char *ca, uint64_t number);
/* The last number of each CA, in order of name. */
result crl_number_read(struct op *op, struct db *db, crl_number_each *each, void *arg);
/* From now on numbers above this one are taken, and nobody has a turn (authorities.h). */
result crl_number_raise(struct op *op, struct db *db, const char *ca, uint64_t number);

/* A row for a serial whose certificate is lost: orphaned, without TBS, so that it can be revoked. ERR_CONFLICT: it has one. */
result certificate_insert_lost(struct op *op, struct db *db, const struct revocation *revocation, struct bytes spki_hash,
			       const char *node);
/* Nonces and one-time tokens that were used since the copy are unused in it: none of before is good any more (I8). */
result recovery_end_single_uses(struct op *op, struct db *db, int64_t now_s);
