/*
 * SCEP (RFC 8894) for the server: one endpoint per entry under "scep:" in
 * chancery.yaml, at /scep/NAME and /scep/NAME/pkiclient.exe, on plain HTTP, since the
 * messages protect themselves, and on TLS. For whoever manages devices there is
 * an address besides that makes challenges, on TLS only.
 *
 * Clients encrypt to the endpoint's RA (ca/scep_ras.h), never to a CA.
 */
#pragma once

#include "ca/authority.h"
#include "server/lane.h"
#include "server/route.h"

struct scep;

/* Refuses a configuration whose files cannot be read, or whose names are none; says which endpoint. */
result scep_check(struct op *op, const struct config *config);

/*
 * The endpoints are those of the configuration of now; their settings are looked
 * up at each request, so that a reload works. Both are borrowed; `wait` is
 * LANE_WAIT's lane (NULL in tests).
 */
struct scep *scep_new(struct authority *authority, struct lane *wait);
/* Whoever tells Intune comes to an end soon. */
void scep_stop(struct scep *scep);
void scep_free(struct scep **scep);

/*
 * Before the first request comes: the RAs, so that a client which is there at once
 * finds them. What fails is logged, and tried again by scep_refresh().
 */
void scep_prepare(struct scep *scep);

/* Rows for `routes`; `scep` must outlive them. */
void scep_routes_add(struct scep *scep, struct routes *routes);

/* Steward's tasks (`scep` is a struct scep): keys and certificates of the RAs, the next CAs; what Intune has to hear; rows that ended. */
result scep_refresh(struct op *op, void *scep);
result scep_sweep(struct op *op, void *scep);
result scep_clean_up(struct op *op, void *scep);
