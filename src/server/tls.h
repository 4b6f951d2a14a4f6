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

/*
 * Whoever names this host in the handshake (SNI, RFC 6066 section 3) is asked
 * for a certificate, on whichever listener. Before the first tls_accept.
 */
void tls_set_mutual_host(struct tls *tls, const char *host);

/*
 * The server side of a handshake on `fd`, or NULL when no certificate was set
 * yet. `is_mutual`: the client is asked for a certificate, and may have none.
 * What it shows is taken as it is, with proof of the key; whom to believe is the
 * protocol's to say (peer.h). Such sessions are never resumed, so that each has
 * a proof and a channel binding of its own. Any thread.
 */
SSL *tls_accept(struct tls *tls, int fd, bool is_mutual);
/* The client was asked for a certificate. After the handshake. */
bool tls_is_mutual(SSL *ssl);
