/*
 * Generations of the RAs of SCEP endpoints: which key and which certificate. One
 * node makes a generation while the others wait, so that there is one of each.
 * The rows stay; they are one in some months.
 */
#pragma once

#include "store/authorities.h"

#define SCEP_RA_TURN_S 120 /* many times what making an RSA key in a slow token takes */

struct scep_ra_row {
	int64_t generation;
	struct key_row key;
	const char *serial, *ca;
	struct bytes certificate;
	int64_t not_before_s, not_after_s;
	bool is_revoked; /* it is, or its key is blocked */
};

/* Those that were made, the newest first, `limit` at most. */
result scep_ra_list(struct op *op, struct db *db, const char *endpoint, unsigned limit, struct scep_ra_row **out, unsigned *n);

/* The turn to make this generation, for SCEP_RA_TURN_S. ERR_CONFLICT, and nothing is written: it was made, or is being made. */
result scep_ra_take_turn(struct op *op, struct db *db, const char *endpoint, int64_t generation, const char *node,
			 int64_t now_s);
/* For who has failed: the next one may try at once. */
result scep_ra_end_turn(struct op *op, struct db *db, const char *endpoint, int64_t generation, const char *node);
/* Key and certificate, whose rows are there. ERR_CONFLICT: the turn went to another node meanwhile. */
result scep_ra_record(struct op *op, struct db *db, const char *endpoint, int64_t generation, const char *node,
		      const char *key_label, const char *serial);
