/*
 * The recovery journal, DIR/recovery.journal: what relying parties were told and
 * what has to stay true when the store is lost and an older copy takes its
 * place. Every revocation with the end of its certificate, and every CRL number.
 * (F37, I5, I6)
 *
 * It follows the log: whatever entry a revocation has, of this node or another,
 * of an operator, a client or a recovery, it gets here by the same way, and one
 * fsync serves all who wait. A revocation is here before it is acknowledged, and
 * all that a CRL says before this node publishes it.
 *
 * What is in no store any more when a node's folder is lost with it, is in the
 * journals of the other nodes.
 */
#pragma once

#include "ca/authority.h"
#include "ca/journal_file.h"

#define JOURNAL_FILE "recovery.journal"
#define JOURNAL_ALL UINT64_MAX

struct journal;

/*
 * Measures the store with the file and opens it for writing; a missing one, or
 * one that is mostly of no use any more, is made anew from the store, which then
 * has all that it said. One process per folder (command/lock.h).
 * ERR_UNAUTHENTIC: the store is an older copy, or has another history.
 */
result journal_open(struct op *op, struct store *store, const char *dir, struct journal **out);
void journal_free(struct journal **journal);
/* The measure alone, for who only looks. */
result journal_check(struct op *op, struct store *store, const char *dir);
/* Makes it anew from a store that has just been accepted. */
result journal_renew(struct op *op, struct store *store, const char *dir);

/*
 * Returns when the journal tells all that the first `size` entries of the log
 * say, or with JOURNAL_ALL, all that the store has now. Any thread; cheap when
 * nothing is new. Does nothing for an authority without a journal.
 */
result journal_write(struct op *op, struct authority *authority, uint64_t size);
/* As many as this process has committed: for who has just recorded something. */
result journal_write_own(struct op *op, struct authority *authority);
