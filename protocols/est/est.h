/*
 * EST (RFC 7030, corrected by RFC 8951 and 9908) for the server: one endpoint per
 * entry under "est:" in chancery.yaml, below /.well-known/est/LABEL/; the label
 * "default" answers without a label, too. Over TLS only; where a client has to
 * show a certificate, on the listeners that ask for one (ON_MUTUAL).
 *
 * Renegotiation is never needed, and coaps (RFC 9148) and BRSKI (RFC 8995) are out (E16).
 */
#pragma once

#include "ca/authority.h"
#include "server/route.h"

struct est;

/* Refuses a configuration whose trust anchors or CRLs cannot be read; ERR_NOT_FOUND or ERR_MALFORMED name file and label. */
result est_check(struct op *op, const struct config *config);

/*
 * The labels are those of the configuration of now; their settings are looked up
 * at each request, so that a reload works. `authority` is borrowed.
 */
struct est *est_new(struct authority *authority);
void est_free(struct est **est);

/* Rows for `routes`; `est` must outlive them. */
void est_routes_add(struct est *est, struct routes *routes);

/* Removes requests and one-time tokens that ended long ago; a steward's task (`est` is a struct est), every ten minutes. */
result est_clean_up(struct op *op, void *est);
