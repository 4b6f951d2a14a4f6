/*
 * A store that is an older copy: what it lacks, and how it becomes the one that
 * this CA goes on with. What relying parties were told stays true: revocations
 * that it lacks come back out of the journal, no CRL number of before is used
 * again, no nonce of before is good. What stays lost is said and recorded. (F37, I5, I6)
 */
#pragma once

#include "ca/authority.h"
#include "store/copies.h"

struct recovery_view {
	struct store_summary store;
	bool has_checkpoint, has_journal;
	uint64_t known;        /* entries of the log that checkpoint or journal tell of */
	struct merkle_hash known_root;
	const char *known_by;  /* the file that tells of most; NULL: neither is there */
	bool is_other_history; /* not shorter, but with other entries than the files tell of */
	uint64_t revocations;  /* that the journal tells of */
};
/* Measures a store, which need not be the one of the configuration, with the files of this folder. Changes nothing. */
result recovery_view(struct op *op, const char *url, const char *dir, struct recovery_view *out);

struct recovery_done {
	uint64_t revocations; /* that came back … */
	uint64_t lost;        /* … of these, without their certificate */
};
/*
 * Accepts the store that `authority` (authority_open_restored) is open on. May be
 * run again after any failure, and on every node, each of which has a journal of
 * its own; the log may have gone on meanwhile. Ends with new CRLs, a new journal
 * and a new checkpoint; the old checkpoint is kept as checkpoint.lost-SIZE.
 */
result recovery_accept(struct op *op, struct authority *authority, const struct recovery_view *view,
		       struct recovery_done *out);
