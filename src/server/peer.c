/* What the handshake left behind, copied out of OpenSSL's hands. */
#include "server/peer.h"

#include <openssl/err.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A Finished message has 12 bytes in TLS 1.2; there is room for any digest. */
#define FINISHED_MAX EVP_MAX_MD_SIZE

struct peer_object {
	struct tls_peer face; /* first: holders know this part */
	atomic_uint references;
	uint8_t unique[FINISHED_MAX], exporter[TLS_EXPORTER_SIZE];
};

static struct peer_object *object_of(struct tls_peer *peer)
{
	return (struct peer_object *)peer;
}

/* Its chain on the server's side is without the leaf. */
static void add_certificate(struct tls_peer *peer, X509 *certificate)
{
	unsigned char *der = NULL;
	int n = certificate != NULL ? i2d_X509(certificate, &der) : 0;
	if (n <= 0)
		return;
	if (peer->n_chain == LIMIT_CLIENT_CHAIN) {
		OPENSSL_free(der);
		return;
	}
	peer->chain[peer->n_chain++] = (struct bytes){ der, (size_t)n };
}

static void take_chain(struct tls_peer *peer, SSL *ssl)
{
	add_certificate(peer, SSL_get0_peer_certificate(ssl));
	STACK_OF(X509) *rest = SSL_get_peer_cert_chain(ssl);
	for (int i = 0; peer->n_chain > 0 && i < sk_X509_num(rest); i++)
		add_certificate(peer, sk_X509_value(rest, i));
}

/*
 * The first Finished message of a full handshake is the client's (RFC 5929
 * section 3.1). Without an extended master secret two connections can be made to
 * share it (RFC 7627), so that it binds nothing: then there is none.
 */
static void take_bindings(struct peer_object *object, SSL *ssl)
{
	static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 section 2: no context */
	struct tls_peer *peer = &object->face;
	bool is_tls13 = SSL_version(ssl) >= TLS1_3_VERSION;
	bool is_bound = is_tls13 || SSL_get_extms_support(ssl) == 1;

	if (!is_bound || SSL_session_reused(ssl))
		return;
	if (SSL_export_keying_material(ssl, object->exporter, sizeof object->exporter, label, strlen(label), NULL, 0, 0) == 1)
		peer->exporter = BYTES_ARRAY(object->exporter);
	if (is_tls13)
		return;
	size_t n = SSL_get_peer_finished(ssl, object->unique, sizeof object->unique);
	if (n > 0 && n <= sizeof object->unique)
		peer->unique = (struct bytes){ object->unique, n };
}

struct tls_peer *tls_peer_new(SSL *ssl)
{
	struct peer_object *object = calloc(1, sizeof *object);
	ASSERT(object != NULL);
	atomic_init(&object->references, 1);
	take_chain(&object->face, ssl);
	take_bindings(object, ssl);
	ERR_clear_error();
	return &object->face;
}

void tls_peer_hold(struct tls_peer *peer)
{
	if (peer != NULL)
		atomic_fetch_add_explicit(&object_of(peer)->references, 1, memory_order_relaxed);
}

void tls_peer_release(struct tls_peer **peer)
{
	struct tls_peer *p = *peer;
	*peer = NULL;
	if (p == NULL || atomic_fetch_sub_explicit(&object_of(p)->references, 1, memory_order_acq_rel) > 1)
		return;
	for (unsigned i = 0; i < p->n_chain; i++)
		OPENSSL_free((void *)(uintptr_t)p->chain[i].p);
	free(object_of(p));
}
