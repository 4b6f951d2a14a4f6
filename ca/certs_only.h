/*
 * The certs-only form of PKCS #7 (RFC 8551 section 3.7): a SignedData without
 * content and signers that carries certificates. EST answers with it, and SCEP's
 * GetCACert does.
 */
#pragma once

#include "base/arena.h"
#include "base/bytes.h"

/* DER, with the certificates in this order: clients take the first as theirs, whatever a SET says of order. */
struct bytes certs_only(struct arena *arena, const struct bytes *certificates, unsigned n);
/* The same with a CRL and no certificate (RFC 8894 section 3.3.2.4). */
struct bytes crl_only(struct arena *arena, struct bytes crl);
