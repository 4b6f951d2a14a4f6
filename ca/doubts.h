/*
 * Serials whose intent this process could not end, because the store was away
 * when the issuance had failed. Nobody works on them any more, so they need not
 * wait for the age at which recovery takes an intent for abandoned: the steward
 * ends them as soon as the store is back, and clients get their orders back.
 *
 * Only a shortcut: what is lost with the process, or does not fit in here,
 * recovery finds in the rows.
 */
#pragma once

#include "base/op.h"

struct authority;
struct doubts;

struct doubts *doubts_new(void);
void doubts_free(struct doubts **doubts);

/* Copies. Any thread. */
void doubts_add(struct doubts *doubts, const char *serial, const char *why);
/* Tries each once; those that fail stay. The steward's thread. */
result doubts_end(struct op *op, struct authority *authority);
