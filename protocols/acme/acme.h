/*
 * ACME (RFC 8555) for the server: what a plain client needs, with http-01. One
 * endpoint per entry under "acme:" in chancery.yaml, below /acme/NAME/; the first
 * one also answers at /acme/directory. On https only.
 *
 * What is deliberately not here: key rollover (7.3.5) and external account
 * binding (7.3.4); the directory does not name them.
 */
#pragma once

#include "ca/authority.h"
#include "server/lane.h"
#include "server/route.h"

struct acme;

/*
 * Both are borrowed. Results of validations run on `batch`. The endpoints are
 * those of the configuration of now; their settings are looked up at each
 * request, so that a reload works, but a new endpoint needs a restart.
 */
struct acme *acme_new(struct authority *authority, struct lane *batch);

/*
 * The order at the end: acme_stop, lane_free(batch), authority_free (its courier
 * calls back what it still has), acme_free. After acme_stop no probe's answer is
 * handed to the lane any more; the row is due again after the restart.
 */
void acme_stop(struct acme *acme);
void acme_free(struct acme **acme);

/* Rows for `routes`; `acme` must outlive them. */
void acme_routes_add(struct acme *acme, struct routes *routes);

/*
 * Starts the validations that are due: retries, and those whose node died. A
 * steward's task (`acme` is a struct acme), once a second.
 */
result acme_validation_sweep(struct op *op, void *acme);

/* Keeps the keys of nonces young (nonce.h); a steward's task, once a minute. */
result acme_nonce_sweep(struct op *op, void *acme);

/*
 * Ends what is past its time and removes what ended long ago (store/cleanup.h), a
 * quarter of a second at most; then it rests for a minute, unless there is more to
 * be done. A steward's task, once a second.
 */
result acme_clean_up(struct op *op, void *acme);
/* One step of it: a look, and one small transaction if there is something to do. *is_done: nothing is left. Same thread. */
result acme_clean_up_step(struct op *op, struct acme *acme, bool *is_done);
