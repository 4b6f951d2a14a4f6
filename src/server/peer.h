/*
 * Who is at the other end of a TLS connection that was asked for a certificate:
 * the chain that was shown, for whose key the handshake proved possession, and
 * the channel bindings that tie a message to this one connection.
 *
 * Whether the chain is to be believed is not decided here: each protocol, and
 * each of its endpoints, has anchors of its own. Immutable, counted by
 * references; a job in a lane may outlast the connection.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/limits.h"
#include "base/op.h"

#define TLS_EXPORTER_SIZE 32

struct tls_peer {
	struct bytes chain[LIMIT_CLIENT_CHAIN]; /* DER, leaf first, as sent; none if the client had none */
	unsigned n_chain;
	struct bytes unique;   /* tls-unique (RFC 5929); empty with TLS 1.3, where it does not exist */
	struct bytes exporter; /* tls-exporter (RFC 9266); TLS_EXPORTER_SIZE bytes */
};

/* After the handshake, which was a full one. With one reference. */
struct tls_peer *tls_peer_new(SSL *ssl);
void tls_peer_hold(struct tls_peer *peer);
void tls_peer_release(struct tls_peer **peer);
