/*
 * Linking a request to the TLS connection it came by (RFC 7030 section 3.5): the
 * challengePassword of a CSR is the base64 of tls-unique with TLS 1.2, and of
 * tls-exporter (RFC 9266) with TLS 1.3, where tls-unique does not exist.
 */
#pragma once

#include "protocols/est/request.h"

/*
 * A challengePassword that is there has to be this connection's (E5); ERR_DENIED
 * otherwise (S9), and where the label demands one and there is none.
 */
result est_channel_binding_check(struct op *op, const struct est_request *request, const struct csr *csr);
