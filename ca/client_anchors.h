/*
 * Trust anchors of clients that another CA has certified, a manufacturer of
 * devices mostly, and the CRLs that say which of its certificates count no more.
 * Both are files that an operator puts beside chancery.yaml: nothing is fetched.
 * Paths are validated as in RFC 5280 section 6.
 */
#pragma once

#include <openssl/x509.h>

#include "base/config.h"
#include "base/op.h"

/* Made once from files. Immutable. */
struct client_anchors;
/*
 * `files`: PEM, certificates. `crls`: PEM, one or more in a file, or DER. ERR_NOT_FOUND
 * or ERR_MALFORMED name the file. A CRL that has expired is taken: it is judged with each client.
 */
result client_anchors_load(struct op *op, const struct config_texts *files, const struct config_texts *crls,
			   struct client_anchors **out);
void client_anchors_free(struct client_anchors **anchors);

/*
 * The path from `leaf` to an anchor, with what else of `chain` it takes (as shown, leaf first), now. Where
 * CRLs were named there has to be one of the leaf's issuer that is current; of the CAs above, each that is
 * there counts. ERR_UNAUTHENTIC with the reason for people. *path: leaf first, freed by the caller.
 */
result client_anchors_verify(struct op *op, const struct client_anchors *anchors, X509 *leaf, const struct bytes *chain,
			     unsigned n_chain, STACK_OF(X509) **own_path);
