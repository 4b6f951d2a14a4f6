/* Parts of CRL rounds that crl.c and crl_refresh.c share, and tests look at. */
#pragma once

#include "ca/crl.h"

/* Hands a CRL of the store to those who serve it. */
void crl_put(struct op *op, struct authority *authority, const struct crl_row *row);
/* Every revocation of a certificate that has not ended is on it. */
result crl_is_complete(struct op *op, struct authority *authority, const struct crl_row *crl, bool *out);
bool crl_is_old(const struct config_ca *config, const struct crl_row *crl, int64_t now_s);
