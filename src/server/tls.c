/* One SSL_CTX per certificate, under a mutex that is held for a pointer's copy only. */
#include "server/tls.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/openssl_auto.h"

AUTO_DEFINE(SSL_CTX, SSL_CTX_free);

/* Mozilla's "intermediate" set without finite-field DH; TLS 1.3 suites are OpenSSL's own. */
static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
			      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
			      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

struct tls {
	pthread_mutex_t mutex;
	SSL_CTX *current; /* NULL until the first certificate */
};

struct tls *tls_new(void)
{
	struct tls *tls = calloc(1, sizeof *tls);
	ASSERT(tls != NULL && pthread_mutex_init(&tls->mutex, NULL) == 0);
	return tls;
}

void tls_free(struct tls **tls)
{
	if (*tls == NULL)
		return;
	SSL_CTX_free((*tls)->current);
	pthread_mutex_destroy(&(*tls)->mutex);
	free(*tls);
	*tls = NULL;
}

/*
 * A client that offers protocols must offer ours, or is refused: bytes meant for
 * another protocol are not to be read as HTTP (RFC 7301 section 3.2).
 */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
			   unsigned in_n, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1\x08http/1.0";
	unsigned char *chosen;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static result set_protocol(struct op *op, SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	/* Buffers of idle connections are given back: 10,000 of them must fit (S9). */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(ctx, ciphers) != 1)
		return FAIL(op, ERR_BUG, "OpenSSL does not know the TLS settings of the listeners");
	return OK;
}

static result set_chain(struct op *op, SSL_CTX *ctx, STACK_OF(X509) * chain, EVP_PKEY *key)
{
	if (sk_X509_num(chain) < 1)
		return FAIL(op, ERR_MALFORMED, "a certificate for the listeners needs at least its leaf");
	if (SSL_CTX_use_certificate(ctx, sk_X509_value(chain, 0)) != 1)
		return FAIL(op, ERR_MALFORMED, "the certificate of the listeners cannot be used for TLS");
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		return FAIL(op, ERR_CONFLICT, "the key of the listeners does not belong to their certificate");
	for (int i = 1; i < sk_X509_num(chain); i++)
		if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(chain, i)) != 1)
			return FAIL(op, ERR_MALFORMED, "certificate %d of the listeners' chain cannot be used", i);
	return OK;
}

static result make_context(struct op *op, STACK_OF(X509) * chain, EVP_PKEY *key, SSL_CTX **out)
{
	AUTO(SSL_CTX) *ctx = SSL_CTX_new(TLS_server_method());

	ASSERT(ctx != NULL);
	TRY(set_protocol(op, ctx));
	TRY(set_chain(op, ctx, chain, key));
	*out = TAKE(ctx);
	return OK;
}

result tls_set_certificate(struct op *op, struct tls *tls, STACK_OF(X509) * chain, EVP_PKEY *key)
{
	SSL_CTX *next = NULL;
	result r = make_context(op, chain, key, &next);

	ERR_clear_error();
	TRY(r);
	ASSERT(pthread_mutex_lock(&tls->mutex) == 0);
	SSL_CTX *before = tls->current;
	tls->current = next;
	ASSERT(pthread_mutex_unlock(&tls->mutex) == 0);
	SSL_CTX_free(before);
	return OK;
}

static SSL_CTX *hold_current(struct tls *tls)
{
	ASSERT(pthread_mutex_lock(&tls->mutex) == 0);
	SSL_CTX *ctx = tls->current;
	if (ctx != NULL)
		SSL_CTX_up_ref(ctx);
	ASSERT(pthread_mutex_unlock(&tls->mutex) == 0);
	return ctx;
}

SSL *tls_accept(struct tls *tls, int fd)
{
	AUTO(SSL_CTX) *ctx = hold_current(tls);
	if (ctx == NULL)
		return NULL;
	SSL *ssl = SSL_new(ctx);
	ASSERT(ssl != NULL && SSL_set_fd(ssl, fd) == 1);
	SSL_set_accept_state(ssl);
	return ssl;
}
