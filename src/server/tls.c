/* One SSL_CTX per certificate, under a mutex that is held for a pointer's copy only. */
#include "server/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/openssl_auto.h"

AUTO_DEFINE(SSL_CTX, SSL_CTX_free);

/* Mozilla's "intermediate" set without finite-field DH; TLS 1.3 suites are OpenSSL's own. */
static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
			      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
			      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

struct tls {
	pthread_mutex_t mutex;
	SSL_CTX *current; /* NULL until the first certificate */
	char *mutual_host; /* NULL: none */
};

/* Bytes of all certificates that a client may show (F20). */
#define CLIENT_CHAIN_BYTES 32768

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
	free((*tls)->mutual_host);
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

/* Without SSL_VERIFY_FAIL_IF_NO_PEER_CERT: who has none may have a password. */
static void make_mutual(SSL *ssl)
{
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_options(ssl, SSL_OP_NO_TICKET);
	SSL_set_num_tickets(ssl, 0);
}

bool tls_is_mutual(SSL *ssl)
{
	return ssl != NULL && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE;
}

/* What it costs to check one signature of the client's is for the client to say, within these bounds. */
static bool is_cheap(const X509 *certificate)
{
	EVP_PKEY *key = certificate != NULL ? X509_get0_pubkey(certificate) : NULL;
	BIGNUM *exponent = NULL;
	if (key == NULL || !EVP_PKEY_is_a(key, "RSA"))
		return true;
	bool is_read = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1;
	bool is_in_bounds = is_read && BN_num_bits(exponent) <= LIMIT_CLIENT_RSA_EXPONENT &&
			    EVP_PKEY_get_bits(key) <= LIMIT_CLIENT_RSA_BITS;
	BN_free(exponent);
	return is_in_bounds;
}

/* Any chain will do here: the endpoints have anchors of their own. */
static int take_any_chain(X509_STORE_CTX *chain, void *arg)
{
	(void)arg;
	bool is_taken = is_cheap(X509_STORE_CTX_get0_cert(chain));
	X509_STORE_CTX_set_error(chain, is_taken ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	return is_taken;
}

/* server_name: a list with one entry of type host_name. Malformed ones are OpenSSL's to refuse, later. */
static struct bytes named_host(SSL *ssl)
{
	const unsigned char *p;
	size_t n;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5 || p[2] != TLSEXT_NAMETYPE_host_name)
		return BYTES_NONE;
	size_t length = (size_t)p[3] << 8 | p[4];
	return length == n - 5 ? (struct bytes){ p + 5, length } : BYTES_NONE;
}

/* Before OpenSSL looks for a session to resume, which its own callback for names is not. */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
	const struct tls *tls = arg;
	struct bytes host = named_host(ssl);
	(void)alert;
	if (tls->mutual_host != NULL && host.n == strlen(tls->mutual_host) &&
	    strncasecmp((const char *)host.p, tls->mutual_host, host.n) == 0)
		make_mutual(ssl);
	return SSL_CLIENT_HELLO_SUCCESS;
}

static result set_protocol(struct op *op, struct tls *tls, SSL_CTX *ctx)
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
	SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_BYTES);
	SSL_CTX_set_cert_verify_callback(ctx, take_any_chain, NULL);
	if (tls->mutual_host != NULL)
		SSL_CTX_set_client_hello_cb(ctx, on_client_hello, tls);
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

static result make_context(struct op *op, struct tls *tls, STACK_OF(X509) * chain, EVP_PKEY *key, SSL_CTX **out)
{
	AUTO(SSL_CTX) *ctx = SSL_CTX_new(TLS_server_method());

	ASSERT(ctx != NULL);
	TRY(set_protocol(op, tls, ctx));
	TRY(set_chain(op, ctx, chain, key));
	*out = TAKE(ctx);
	return OK;
}

result tls_set_certificate(struct op *op, struct tls *tls, STACK_OF(X509) * chain, EVP_PKEY *key)
{
	SSL_CTX *next = NULL;
	result r = make_context(op, tls, chain, key, &next);

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

void tls_set_mutual_host(struct tls *tls, const char *host)
{
	ASSERT(tls->current == NULL && tls->mutual_host == NULL);
	tls->mutual_host = strdup(host);
	ASSERT(tls->mutual_host != NULL);
}

SSL *tls_accept(struct tls *tls, int fd, bool is_mutual)
{
	AUTO(SSL_CTX) *ctx = hold_current(tls);
	if (ctx == NULL)
		return NULL;
	SSL *ssl = SSL_new(ctx);
	ASSERT(ssl != NULL && SSL_set_fd(ssl, fd) == 1);
	SSL_set_accept_state(ssl);
	if (is_mutual)
		make_mutual(ssl);
	return ssl;
}
