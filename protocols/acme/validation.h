/*
 * Validations: a challenge that a client answered becomes a probe of the
 * courier, and what the probe saw becomes states of rows (RFC 8555 sections 8.2
 * and 8.3). The waiting work is the row itself: a claimed challenge whose node
 * dies, whose courier hangs or whose lane is full is due again when its lease ends.
 */
#pragma once

#include "protocols/acme/endpoint.h"
#include "store/orders.h"

/* A probe takes at most LIMIT_PROBE_MS; twice that and a queue's wait leaves room for its result. */
#define VALIDATION_LEASE_S 30

/*
 * Sends the probe of a challenge that this node has claimed; returns at once.
 * ERR_BUSY when the courier is gone: acme_validation_postpone it.
 */
result acme_validation_start(struct op *op, struct acme *acme, const struct challenge *challenge);
/* Due again soon, and the try that was not made is no evidence against the client. */
result acme_validation_postpone(struct op *op, struct acme *acme, const char *id);
