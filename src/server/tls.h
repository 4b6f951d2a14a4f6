/*
 * The TLS side of the front: which versions and ciphers, and which certificate
 * is shown. The certificate can be exchanged while connections live: each
 * handshake takes the snapshot of its moment, an immutable SSL_CTX that is
 * freed with the last connection that uses it.
 *
 * TLS 1.2 and 1.3 (RFC 9325), no renegotiation, compression or 0-RTT (H3);
 * sessions are resumed by tickets only, so no state is shared between loops.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/op.h"

struct tls;

struct tls *tls_new(void);
void tls_free(struct tls **tls);

/* Refuses a key that is not the leaf's. Borrows both. Any thread. */
result tls_set_certificate(struct op *op, struct tls *tls, STACK_OF(X509) * chain, EVP_PKEY *key);

/* The server side of a handshake on `fd`, or NULL when no certificate was set yet. Any thread. */
SSL *tls_accept(struct tls *tls, int fd);
