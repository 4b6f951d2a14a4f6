/*
 * The CA that comes after an endpoint's (RFC 8894 section 4.7): certificates out of
 * the operator's file, in a message that the CA of now has signed. A message is signed
 * when file or CA are others than before, by the steward and not for a request, so
 * that strangers cannot make the CA's key work, and asking costs a copy.
 */
#pragma once

#include "ca/authority.h"

struct next_cas;

/* `authority` is borrowed. */
struct next_cas *next_cas_new(struct authority *authority);
void next_cas_free(struct next_cas **all);

/* The file holds certificates only, none of which has expired, and first that of a CA. */
result next_ca_check(struct op *op, const struct config_scep *settings);

/* Steward's task: the messages are what the files hold now. A file that is no good is logged, and nothing is announced. */
result next_cas_refresh(struct op *op, struct next_cas *all);

/* The message of an endpoint whose CA has this name; false: there is none. */
bool next_ca_find(struct arena *arena, struct next_cas *all, const struct config_scep *settings, const char *ca,
		  struct bytes *message);
