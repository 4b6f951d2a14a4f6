/*
 * Refusals in the audit log, as far as the log is not a stranger's to fill: so many
 * of a door in a minute, and the next one tells how many more there were. Any thread.
 */
#pragma once

#include <pthread.h>

#include "ca/authority.h"

struct refusals {
	pthread_mutex_t mutex; /* held for a look */
	int64_t minute;
	unsigned n, n_left_out;
};
void refusals_init(struct refusals *refusals);
void refusals_release(struct refusals *refusals);

/*
 * Records `event` with the failure that `op` holds as its outcome, aside: the
 * failure stays. At most `most` in a minute. `event` has room for one more fact,
 * "unrecorded", which sorts behind its own.
 */
void refusals_record(struct op *op, struct refusals *refusals, struct authority *authority, unsigned most, int64_t now_s,
		     struct audit_event *event);
