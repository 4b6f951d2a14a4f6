/* Blocking sockets and threads: simple, and slow in no way that a test would notice. */
#include "tests/fake/tls_service.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/openssl_auto.h"

#define CONNECTIONS 256
#define REQUEST_SIZE 131072

struct tls_service {
	const struct service_page *pages;
	SSL_CTX *settings;
	struct bytes trust;
	struct arena *arena;
	int tls, proxy;
	unsigned tls_port, proxy_port;
	pthread_t tls_thread, proxy_thread;
	atomic_uint requests, connects;
	pthread_mutex_t mutex; /* guards the rest */
	pthread_t workers[CONNECTIONS];
	int fds[CONNECTIONS];  /* open ones, for the end */
	unsigned n;
	char last_connect[1024];
};

struct work {
	struct tls_service *service;
	unsigned slot;
	int fd;
};

/* --- certificates --- */

static X509 *make_certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, const char *san)
{
	X509 *certificate = X509_new();
	X509V3_CTX context;
	ASSERT(certificate != NULL);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), san != NULL ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer != NULL ? issuer : certificate));
	X509_set_pubkey(certificate, key);
	X509V3_set_ctx(&context, issuer != NULL ? issuer : certificate, certificate, NULL, NULL, 0);
	AUTO(X509_EXTENSION) *extension = X509V3_EXT_conf_nid(NULL, &context, san != NULL ? NID_subject_alt_name : NID_basic_constraints,
							      san != NULL ? san : "critical,CA:TRUE");
	ASSERT(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
	ASSERT(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
	return certificate;
}

static void make_identity(struct tls_service *s)
{
	AUTO(EVP_PKEY) *ca_key = EVP_EC_gen("P-256");
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	AUTO(X509) *ca = make_certificate(ca_key, "Service CA", NULL, ca_key, NULL);
	AUTO(X509) *certificate = make_certificate(key, "svc", ca, ca_key, "DNS:svc.example,IP:127.0.0.1");
	AUTO(BIO) *pem = BIO_new(BIO_s_mem());
	char *text;
	s->settings = SSL_CTX_new(TLS_server_method());
	ASSERT(SSL_CTX_use_certificate(s->settings, certificate) == 1 && SSL_CTX_use_PrivateKey(s->settings, key) == 1);
	ASSERT(PEM_write_bio_X509(pem, ca) == 1);
	long n = BIO_get_mem_data(pem, &text);
	s->trust = arena_bytes(s->arena, (struct bytes){ (const uint8_t *)text, (size_t)n });
}

/* --- connections --- */

static int listen_on(unsigned *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 64) == 0);
	ASSERT(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* The descriptor stays open until the service stops, so that its number is nobody else's then. */
static void start_work(struct tls_service *s, int fd, void *(*run)(void *))
{
	struct work *work = malloc(sizeof *work);
	pthread_mutex_lock(&s->mutex);
	ASSERT(work != NULL && s->n < CONNECTIONS);
	*work = (struct work){ s, s->n, fd };
	s->fds[s->n] = fd;
	ASSERT(pthread_create(&s->workers[s->n], NULL, run, work) == 0);
	s->n++;
	pthread_mutex_unlock(&s->mutex);
}

static bool has_whole_request(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
	if (end == NULL)
		return false;
	return length == NULL || length > end || strlen(end + 4) >= strtoul(length + 16, NULL, 10);
}

static bool read_request(SSL *ssl, char *text)
{
	size_t n = 0;
	do {
		int got = SSL_read(ssl, text + n, (int)(REQUEST_SIZE - 1 - n));
		if (got <= 0)
			return false;
		n += (size_t)got;
		text[n] = '\0';
	} while (!has_whole_request(text));
	return true;
}

static const struct service_page *find_page(const struct tls_service *s, const char *request)
{
	const char *path = strchr(request, ' ') + 1;
	size_t n = strcspn(path, " ");
	for (const struct service_page *page = s->pages; page->path != NULL; page++)
		if (strlen(page->path) == n && memcmp(page->path, path, n) == 0)
			return page;
	return NULL;
}

static void put(SSL *ssl, const char *text)
{
	(void)SSL_write(ssl, text, (int)strlen(text));
}

static void wait_for_end(SSL *ssl)
{
	char byte;
	while (SSL_read(ssl, &byte, 1) > 0)
		continue;
}

static void answer(struct tls_service *s, SSL *ssl, const char *request)
{
	const struct service_page *page = find_page(s, request);
	char head[128];
	if (strstr(request, " /echo ") != NULL) {
		snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", strlen(request));
		put(ssl, head);
		put(ssl, request);
	} else if (page == NULL) {
		put(ssl, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	} else if (page->text == NULL) {
		wait_for_end(ssl);
	} else {
		put(ssl, page->text);
		while (page->more != NULL && page->more[0] != '\0' && SSL_write(ssl, page->more, (int)strlen(page->more)) > 0)
			continue;
		if (page->more != NULL)
			wait_for_end(ssl);
	}
}

static void *serve_tls(void *arg)
{
	struct work work = *(struct work *)arg;
	SSL *ssl = SSL_new(work.service->settings);
	char *request = calloc(1, REQUEST_SIZE);
	free(arg);
	ASSERT(ssl != NULL && request != NULL);
	SSL_set_fd(ssl, work.fd);
	if (SSL_accept(ssl) == 1 && read_request(ssl, request)) {
		atomic_fetch_add(&work.service->requests, 1);
		answer(work.service, ssl, request);
		SSL_shutdown(ssl);
	}
	shutdown(work.fd, SHUT_RDWR);
	SSL_free(ssl);
	free(request);
	return NULL;
}

static void pump(int a, int b)
{
	char block[4096];
	for (;;) {
		struct pollfd ends[2] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };
		if (poll(ends, 2, -1) < 0)
			return;
		for (int i = 0; i < 2; i++) {
			if (ends[i].revents == 0)
				continue;
			ssize_t n = read(ends[i].fd, block, sizeof block);
			if (n <= 0 || write(i == 0 ? b : a, block, (size_t)n) != n)
				return;
		}
	}
}

static void *serve_proxy(void *arg)
{
	static const char established[] = "HTTP/1.1 200 Connection established\r\nRetry-After: 99\r\n\r\n";
	struct work work = *(struct work *)arg;
	struct tls_service *s = work.service;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)s->tls_port) };
	int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char head[1024] = "";
	free(arg);
	ssize_t n = read(work.fd, head, sizeof head - 1);
	if (n > 0 && strncmp(head, "CONNECT ", 8) == 0) {
		pthread_mutex_lock(&s->mutex);
		memcpy(s->last_connect, head, sizeof head);
		pthread_mutex_unlock(&s->mutex);
		atomic_fetch_add(&s->connects, 1);
		if (connect(out, (struct sockaddr *)&to, sizeof to) == 0 && write(work.fd, established, sizeof established - 1) > 0)
			pump(work.fd, out);
	}
	shutdown(work.fd, SHUT_RDWR);
	close(out);
	return NULL;
}

static void *accept_tls(void *arg)
{
	struct tls_service *s = arg;
	int fd;
	while ((fd = accept(s->tls, NULL, NULL)) >= 0)
		start_work(s, fd, serve_tls);
	return NULL;
}

static void *accept_proxy(void *arg)
{
	struct tls_service *s = arg;
	int fd;
	while ((fd = accept(s->proxy, NULL, NULL)) >= 0)
		start_work(s, fd, serve_proxy);
	return NULL;
}

/* --- */

struct tls_service *tls_service_start(const struct service_page *pages)
{
	struct tls_service *s = calloc(1, sizeof *s);
	ASSERT(s != NULL);
	s->pages = pages;
	s->arena = arena_new();
	make_identity(s);
	pthread_mutex_init(&s->mutex, NULL);
	s->tls = listen_on(&s->tls_port);
	s->proxy = listen_on(&s->proxy_port);
	ASSERT(pthread_create(&s->tls_thread, NULL, accept_tls, s) == 0);
	ASSERT(pthread_create(&s->proxy_thread, NULL, accept_proxy, s) == 0);
	return s;
}

void tls_service_stop(struct tls_service **service)
{
	struct tls_service *s = *service;
	shutdown(s->tls, SHUT_RDWR); /* wakes accept() */
	shutdown(s->proxy, SHUT_RDWR);
	pthread_join(s->tls_thread, NULL);
	pthread_join(s->proxy_thread, NULL);
	for (unsigned i = 0; i < s->n; i++)
		shutdown(s->fds[i], SHUT_RDWR);
	for (unsigned i = 0; i < s->n; i++) {
		pthread_join(s->workers[i], NULL);
		close(s->fds[i]);
	}
	close(s->tls);
	close(s->proxy);
	SSL_CTX_free(s->settings);
	arena_free(&s->arena);
	pthread_mutex_destroy(&s->mutex);
	free(s);
	*service = NULL;
}

unsigned tls_service_port(const struct tls_service *service)
{
	return service->tls_port;
}

unsigned tls_service_proxy_port(const struct tls_service *service)
{
	return service->proxy_port;
}

struct bytes tls_service_trust(const struct tls_service *service)
{
	return service->trust;
}

unsigned tls_service_requests(struct tls_service *service)
{
	return atomic_load(&service->requests);
}

unsigned tls_service_connects(struct tls_service *service)
{
	return atomic_load(&service->connects);
}

const char *tls_service_last_connect(struct tls_service *service)
{
	return service->last_connect;
}
