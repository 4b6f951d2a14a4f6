/*
 * tlsload handshakes ADDRESS PORT SECONDS
 * tlsload idle ADDRESS PORT CONNECTIONS
 *
 * The first makes full TLS 1.3 handshakes, one after the other in each of four
 * threads and without resumption, and prints how many came to their end per
 * second. The second opens connections, finishes their handshakes, prints
 * "open N" and keeps them, silent, until its standard input ends. The server's
 * certificate is not checked: its cost would be the client's alone.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/result.h"
#include "base/text.h"

#define THREADS 4
#define CONNECTIONS_MAX 100000

struct target {
	struct sockaddr_in to;
	SSL_CTX *tls;
	int64_t end_ms;
	atomic_uint_fast64_t done, failed;
};

/* NULL: no connection or no handshake. */
static SSL *open_connection(struct target *target)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return NULL;
	if (connect(fd, (struct sockaddr *)&target->to, sizeof(target->to)) != 0) {
		close(fd);
		return NULL;
	}
	SSL *ssl = SSL_new(target->tls);
	ASSERT(ssl != NULL && SSL_set_fd(ssl, fd) == 1);
	if (SSL_connect(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	close(fd);
	return NULL;
}

static void *make_handshakes(void *arg)
{
	struct target *target = arg;

	while (clock_monotonic_ms() < target->end_ms) {
		SSL *ssl = open_connection(target);
		if (ssl == NULL) {
			atomic_fetch_add(&target->failed, 1);
			continue;
		}
		atomic_fetch_add(&target->done, 1);
		int fd = SSL_get_fd(ssl);
		SSL_free(ssl);
		close(fd);
	}
	return NULL;
}

static int run_handshakes(struct target *target, int64_t for_ms)
{
	pthread_t threads[THREADS];
	int64_t start_ms = clock_monotonic_ms();

	target->end_ms = start_ms + for_ms;
	for (unsigned i = 0; i < THREADS; i++)
		ASSERT(pthread_create(&threads[i], NULL, make_handshakes, target) == 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	double took_s = (double)(clock_monotonic_ms() - start_ms) / 1000;
	printf("handshakes=%llu rate=%.0f failed=%llu\n", (unsigned long long)target->done,
	       (double)target->done / took_s, (unsigned long long)target->failed);
	return target->done > 0 && target->failed == 0 ? 0 : 1;
}

static int hold_idle(struct target *target, uint64_t n)
{
	uint64_t is_open = 0;
	char byte;

	/* What is open ends with the process. */
	while (is_open < n && open_connection(target) != NULL)
		is_open++;
	printf("open=%llu\n", (unsigned long long)is_open);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return is_open == n ? 0 : 1;
}

static SSL_CTX *make_tls(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	ASSERT(tls != NULL && SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1);
	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	return tls;
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct target target = { .to = { .sin_family = AF_INET } };
	uint64_t port, n;
	bool is_idle = argc == 5 && text_equal(argv[1], "idle");

	if (argc != 5 || (!is_idle && !text_equal(argv[1], "handshakes")) ||
	    inet_pton(AF_INET, argv[2], &target.to.sin_addr) != 1 || !text_parse_u64(argv[3], 1, 65535, &port) ||
	    !text_parse_u64(argv[4], 1, CONNECTIONS_MAX, &n)) {
		fprintf(stderr, "usage: tlsload handshakes ADDRESS PORT SECONDS | tlsload idle ADDRESS PORT CONNECTIONS\n");
		return 2;
	}
	target.to.sin_port = htons((uint16_t)port);
	target.tls = make_tls();
	raise_file_limit();
	int status = is_idle ? hold_idle(&target, n) : run_handshakes(&target, (int64_t)n * 1000);
	SSL_CTX_free(target.tls);
	return status;
}
