/*
 * What other nodes did, learned from the log. Its entries have one order that
 * all nodes share, so reading on from a number misses nothing: a revoked serial is
 * dropped from the answers that OCSP keeps here, and a CRL that was signed
 * elsewhere is published here, within a second. For a store that nodes share; a
 * node alone knows what it did.
 *
 * What was issued elsewhere needs nothing: an unknown serial is looked up each
 * time (ca/ocsp.c).
 */
#pragma once

#include "ca/authority.h"

struct follower;

/* Takes the end of the log as it is now: to be called before OCSP keeps its first answer. */
result follower_open(struct op *op, struct authority *authority, struct follower **out);
void follower_start(struct follower *follower);
/* Waits for the look under way. Does nothing for NULL, or when it was not started. */
void follower_stop(struct follower *follower);
void follower_free(struct follower **follower); /* stops it first */

/*
 * One look, as the thread does it again and again. *is_at_end: nothing is left to
 * read. A failure (the store is away) is made up for by the next looks.
 */
result follower_look(struct op *op, struct follower *follower, bool *is_at_end);
/* How old what this node knows of the others is, at most. Any thread. */
int64_t follower_behind_ms(const struct follower *follower);
