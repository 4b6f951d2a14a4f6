/* The steps that all operations which end in a certificate share, in their order. */
#pragma once

#include "protocols/est/enrollment.h"

/* Authenticates; *is_known false: `reply` has the challenge and the handler is done. */
result est_let_in(struct op *op, struct est_request *request, struct reply *reply, bool *is_known);
/* ERR_MALFORMED for all that is wrong with it. `ignores_key`: the server will make another one (section 4.4.1). */
result est_read_csr(struct op *op, const struct est_request *request, struct bytes der, bool ignores_key, struct csr *out);
/* Channel binding and names; a refusal is recorded. */
result est_decide(struct op *op, const struct est_request *request, const struct csr *csr);
/* One that is found again by the hash of the CSR and answered again. */
void est_wish_make(const struct csr *csr, struct bytes der, struct est_wish *out);
