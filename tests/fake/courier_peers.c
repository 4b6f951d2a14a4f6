/* The servers of courier_peers.h: a poll() loop over sockets, each with a few lines of behaviour. */
#include "tests/fake/courier_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/openssl_auto.h"
#include "base/op.h"

#define MAX_CONNECTIONS 1024
#define REQUEST_SIZE 8192
#define PACKET_SIZE 65536
#define TICK_MS 5 /* of dripping pages */

struct connection {
	int fd;
	bool is_dns;
	char in[REQUEST_SIZE];
	size_t in_n;
	const struct fake_page *page; /* once the request is there */
	char *out;
	size_t out_n, out_at;
};

struct peers {
	const struct fake_name *names;
	const struct fake_page *pages;
	size_t n_names, n_pages;
	unsigned *asked; /* per name, those kinds that count */
	unsigned dns_port, http_port, https_port;
	int dns_udp, dns_tcp, tls, stop[2];
	int dns_udp_too; /* the same resolver on 127.0.0.2: c-ares takes an address only once */
	int web[4]; /* by enum peer */
	atomic_uint visits[PEER_COUNT];
	struct connection *connections[MAX_CONNECTIONS];
	size_t n_connections;
	pthread_mutex_t mutex;
	char last_request[REQUEST_SIZE], shown_request[REQUEST_SIZE];
	pthread_t thread, tls_thread;
	SSL_CTX *tls_settings;
};

/* --- sockets --- */

static int bound(int type, const char *host, unsigned *port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)*port) };
	bool is_v4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
	struct sockaddr *address = is_v4 ? (void *)&v4 : (void *)&v6;
	socklen_t size = is_v4 ? sizeof(v4) : sizeof(v6);

	inet_pton(AF_INET6, host, &v6.sin6_addr);
	int fd = socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (fd < 0 || bind(fd, address, size) != 0 || getsockname(fd, address, &size) != 0) {
		close(fd);
		return -1;
	}
	if (type == SOCK_STREAM)
		ASSERT(listen(fd, 512) == 0);
	*port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
	return fd;
}

/* The same port on several addresses, or for both UDP and TCP: tried until one is free everywhere. */
static void open_sockets(struct peers *peers)
{
	for (int tries = 0; tries < 100; tries++) {
		peers->http_port = peers->dns_port = 0;
		peers->web[PEER_OPEN] = bound(SOCK_STREAM, "127.0.0.1", &peers->http_port);
		peers->web[PEER_OTHER] = bound(SOCK_STREAM, "127.0.0.2", &peers->http_port);
		peers->web[PEER_MUTE] = bound(SOCK_STREAM, "127.0.0.3", &peers->http_port);
		peers->web[PEER_SIX] = bound(SOCK_STREAM, "::1", &peers->http_port);
		peers->dns_tcp = bound(SOCK_STREAM, "127.0.0.1", &peers->dns_port);
		peers->dns_udp = bound(SOCK_DGRAM, "127.0.0.1", &peers->dns_port);
		peers->dns_udp_too = bound(SOCK_DGRAM, "127.0.0.2", &peers->dns_port);
		if (peers->web[PEER_OTHER] >= 0 && peers->web[PEER_MUTE] >= 0 && peers->dns_udp >= 0 &&
		    peers->dns_udp_too >= 0)
			break;
		int fds[] = { peers->web[0],  peers->web[1],  peers->web[2],	  peers->web[3],
			      peers->dns_tcp, peers->dns_udp, peers->dns_udp_too };
		for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	peers->tls = bound(SOCK_STREAM, "127.0.0.1", &peers->https_port);
	fcntl(peers->tls, F_SETFL, 0);
	ASSERT(peers->tls >= 0 && peers->dns_udp >= 0 && pipe(peers->stop) == 0);
}

/* --- resolver --- */

struct packet {
	uint8_t p[PACKET_SIZE];
	size_t n;
};

static void put_u16(struct packet *packet, unsigned value)
{
	packet->p[packet->n++] = (uint8_t)(value >> 8);
	packet->p[packet->n++] = (uint8_t)value;
}

static void put_name(struct packet *packet, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		packet->p[packet->n++] = (uint8_t)n;
		memcpy(packet->p + packet->n, name, n);
		packet->n += n;
		name += n + (name[n] == '.');
	}
	packet->p[packet->n++] = 0;
}

static void put_record(struct packet *packet, const char *owner, unsigned type, const void *data, size_t n)
{
	put_name(packet, owner);
	put_u16(packet, type);
	put_u16(packet, 1);
	put_u16(packet, 0); /* TTL 0, as rebinding servers have it */
	put_u16(packet, 0);
	put_u16(packet, (unsigned)n);
	memcpy(packet->p + packet->n, data, n);
	packet->n += n;
}

static void put_address(struct packet *packet, const char *owner, unsigned type, const char *text)
{
	uint8_t raw[16];

	ASSERT(inet_pton(type == 1 ? AF_INET : AF_INET6, text, raw) == 1);
	put_record(packet, owner, type, raw, type == 1 ? 4 : 16);
}

static void put_cname(struct packet *packet, const char *owner, const char *target)
{
	struct packet name = { .n = 0 };

	put_name(&name, target);
	put_record(packet, owner, 5, name.p, name.n);
}

/* Answer records of a name; how many. */
static unsigned put_answers(struct peers *peers, const struct fake_name *name, unsigned type, bool is_tcp,
			    struct packet *out)
{
	const char *const *list = type == 1 ? name->a : name->aaaa;
	const char *owner = name->name;
	unsigned n = 0;

	if (name->kind == NAME_TRUNCATED && !is_tcp)
		return 0;
	if (name->cname != NULL) {
		put_cname(out, owner, name->cname);
		owner = name->cname;
		n++;
	}
	if (name->kind == NAME_HUGE && is_tcp)
		for (; out->n < PACKET_SIZE - 256; n++)
			put_address(out, owner, type, type == 1 ? "127.0.0.1" : "::1");
	if (name->kind == NAME_REBINDS) {
		if (type != 1)
			return 0;
		put_address(out, owner, 1, name->a[peers->asked[name - peers->names]++ > 0]);
		return 1;
	}
	for (unsigned i = 0; i < 3 && list[i] != NULL; i++, n++)
		put_address(out, owner, type, list[i]);
	return n;
}

static const struct fake_name *find_name(const struct peers *peers, const char *asked)
{
	for (size_t i = 0; i < peers->n_names; i++)
		if (strcasecmp(peers->names[i].name, asked) == 0)
			return &peers->names[i];
	return NULL;
}

/* Text of the question's name; the offset behind its type and class. */
static size_t read_question(const uint8_t *p, size_t n, char name[256], unsigned *type)
{
	size_t at = 12, length = 0;

	while (at < n && p[at] != 0 && at + p[at] < n) {
		memcpy(name + length, p + at + 1, p[at]);
		length += p[at];
		name[length++] = '.';
		at += 1 + (size_t)p[at];
	}
	name[length > 0 ? length - 1 : 0] = '\0';
	ASSERT(at + 5 <= n);
	*type = (unsigned)p[at + 1] << 8 | p[at + 2];
	return at + 5;
}

static unsigned flags_of(enum name_kind kind, bool is_tcp)
{
	bool is_cut = kind == NAME_STILL_TRUNCATED || ((kind == NAME_TRUNCATED || kind == NAME_HUGE) && !is_tcp);
	unsigned rcode = kind == NAME_NXDOMAIN ? 3 : kind == NAME_SERVFAIL ? 2 : kind == NAME_REFUSED ? 5 : 0;

	return 0x8180 | (is_cut ? 0x0200U : 0) | rcode;
}

/* False: no answer at all. */
static bool answer_query(struct peers *peers, const uint8_t *query, size_t n, bool is_tcp, struct packet *out)
{
	static const struct fake_name nobody = { .name = "", .kind = NAME_NXDOMAIN };
	char asked[256];
	unsigned type;
	size_t end = read_question(query, n, asked, &type);
	const struct fake_name *name = find_name(peers, asked);

	atomic_fetch_add(&peers->visits[PEER_RESOLVER], 1);
	if (name == NULL)
		name = &nobody;
	if (name->kind == NAME_SILENT)
		return false;
	bool fails = name->kind == NAME_FAILS_FIRST && peers->asked[name - peers->names]++ < 2;
	out->n = 0;
	put_u16(out, ((unsigned)query[0] << 8 | query[1]) ^ (name->kind == NAME_WRONG_ID ? 0x5555U : 0));
	put_u16(out, flags_of(fails ? NAME_SERVFAIL : name->kind, is_tcp));
	put_u16(out, 1);
	put_u16(out, 0); /* answers: below */
	put_u16(out, 0);
	put_u16(out, 0);
	memcpy(out->p + out->n, query + 12, end - 12);
	if (name->kind == NAME_OTHER_QUESTION)
		out->p[out->n + 1] ^= 1;
	out->n += end - 12;
	unsigned answers = fails ? 0 : put_answers(peers, name, type, is_tcp, out);
	out->p[6] = (uint8_t)(answers >> 8);
	out->p[7] = (uint8_t)answers;
	if (name->kind == NAME_GARBAGE)
		out->n = 3;
	return true;
}

static void serve_udp(struct peers *peers, int fd)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	uint8_t query[2048];
	struct packet out;
	ssize_t n = recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &size);

	if (n > 12 && answer_query(peers, query, (size_t)n, false, &out))
		sendto(fd, out.p, out.n, 0, (struct sockaddr *)&from, size);
}

static void queue(struct connection *connection, const void *p, size_t n)
{
	connection->out = realloc(connection->out, connection->out_n + n + 1);
	ASSERT(connection->out != NULL);
	memcpy(connection->out + connection->out_n, p, n);
	connection->out_n += n;
}

static void serve_dns_tcp(struct peers *peers, struct connection *connection)
{
	const uint8_t *in = (const uint8_t *)connection->in;
	struct packet out;
	size_t n;

	while (connection->in_n >= 2 && connection->in_n >= (n = 2 + (size_t)(in[0] << 8 | in[1]))) {
		if (answer_query(peers, in + 2, n - 2, true, &out)) {
			queue(connection, (uint8_t[]){ (uint8_t)(out.n >> 8), (uint8_t)out.n }, 2);
			queue(connection, out.p, out.n);
		}
		connection->in_n -= n;
		memmove(connection->in, connection->in + n, connection->in_n);
	}
}

/* --- web --- */

/* {http} and {https} in a page's text. */
static void queue_page(const struct peers *peers, struct connection *connection, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "{");
		char port[16];

		queue(connection, text, n);
		text += n;
		if (*text == '\0')
			break;
		bool is_https = strncmp(text, "{https}", 7) == 0;
		snprintf(port, sizeof(port), "%u", is_https ? peers->https_port : peers->http_port);
		queue(connection, port, strlen(port));
		text += is_https ? 7 : 6;
	}
}

static void queue_count(const struct peers *peers, struct connection *connection, const struct fake_page *page)
{
	char text[256];
	int at = strncmp(connection->in, "GET /.well-known/", 17) == 0 ? 0 : (int)strtol(connection->in + 5, NULL, 10);

	if (at >= page->until) {
		queue_page(peers, connection, page->text);
		return;
	}
	snprintf(text, sizeof(text), "HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n", at + 1);
	queue(connection, text, strlen(text));
}

static const struct fake_page *find_page(const struct peers *peers, const char *request)
{
	const char *host = strcasestr(request, "\r\nHost: ");

	for (size_t i = 0; host != NULL && i < peers->n_pages; i++) {
		size_t n = strlen(peers->pages[i].host);

		if (strncmp(host + 8, peers->pages[i].host, n) == 0 && strchr(":\r", host[8 + n]) != NULL)
			return &peers->pages[i];
	}
	return NULL;
}

static void note_request(struct peers *peers, const char *request)
{
	pthread_mutex_lock(&peers->mutex);
	snprintf(peers->last_request, sizeof(peers->last_request), "%s", request);
	pthread_mutex_unlock(&peers->mutex);
}

static void serve_web(struct peers *peers, struct connection *connection)
{
	static const struct fake_page missing = { "", PAGE_CLOSES, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
						  NULL, 0 };

	connection->in[connection->in_n] = '\0';
	if (connection->page != NULL || strstr(connection->in, "\r\n\r\n") == NULL)
		return;
	note_request(peers, connection->in);
	connection->page = find_page(peers, connection->in);
	if (connection->page == NULL)
		connection->page = &missing;
	if (connection->page->kind == PAGE_COUNTS)
		queue_count(peers, connection, connection->page);
	else if (connection->page->kind != PAGE_RESETS)
		queue_page(peers, connection, connection->page->text);
}

/* --- loop --- */

static void connection_close(struct peers *peers, size_t i)
{
	struct connection *connection = peers->connections[i];

	close(connection->fd);
	free(connection->out);
	free(connection);
	peers->connections[i] = peers->connections[--peers->n_connections];
}

static void accept_from(struct peers *peers, int listener, enum peer peer, bool is_dns)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (!is_dns)
		atomic_fetch_add(&peers->visits[peer], 1);
	ASSERT(peers->n_connections < MAX_CONNECTIONS);
	struct connection *connection = calloc(1, sizeof(*connection));
	ASSERT(connection != NULL);
	connection->fd = fd;
	connection->is_dns = is_dns;
	peers->connections[peers->n_connections++] = connection;
}

static bool wants_to_write(const struct connection *connection)
{
	return connection->out_at < connection->out_n ||
	       (connection->page != NULL && connection->page->kind == PAGE_FLOODS);
}

/* False: the other side is gone. */
static bool connection_read(struct peers *peers, struct connection *connection)
{
	ssize_t n = recv(connection->fd, connection->in + connection->in_n, REQUEST_SIZE - 1 - connection->in_n, 0);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	connection->in_n += (size_t)n;
	if (connection->is_dns)
		serve_dns_tcp(peers, connection);
	else
		serve_web(peers, connection);
	return true;
}

/* False: done with it. */
static bool connection_write(struct connection *connection)
{
	const struct fake_page *page = connection->page;

	if (connection->out_at == connection->out_n && page != NULL && page->kind == PAGE_FLOODS) {
		connection->out_at = connection->out_n = 0;
		queue(connection, page->more, strlen(page->more));
	}
	if (connection->out_at < connection->out_n) {
		ssize_t n = send(connection->fd, connection->out + connection->out_at,
				 connection->out_n - connection->out_at, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN;
		connection->out_at += (size_t)n;
	}
	if (page == NULL || connection->out_at < connection->out_n)
		return true;
	if (page->kind == PAGE_RESETS)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	return page->kind != PAGE_CLOSES && page->kind != PAGE_RESETS && page->kind != PAGE_COUNTS;
}

static void serve_connections(struct peers *peers, const struct pollfd *fds, bool is_tick)
{
	for (size_t i = peers->n_connections; i-- > 0;) {
		struct connection *connection = peers->connections[i];
		bool is_alive = (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0 || connection_read(peers, connection);

		if (is_alive && is_tick && connection->page != NULL && connection->page->kind == PAGE_DRIPS)
			queue(connection, "x", 1);
		if (!is_alive || !connection_write(connection))
			connection_close(peers, i);
	}
}

static void *run(void *arg)
{
	struct peers *peers = arg;
	static const size_t fixed = 7;
	struct pollfd *fds = calloc(fixed + MAX_CONNECTIONS, sizeof(*fds));

	ASSERT(fds != NULL);
	for (;;) {
		fds[0] = (struct pollfd){ peers->stop[0], POLLIN, 0 };
		fds[1] = (struct pollfd){ peers->dns_udp, POLLIN, 0 };
		fds[2] = (struct pollfd){ peers->dns_tcp, POLLIN, 0 };
		fds[3] = (struct pollfd){ peers->web[PEER_OPEN], POLLIN, 0 };
		fds[4] = (struct pollfd){ peers->web[PEER_OTHER], POLLIN, 0 };
		fds[5] = (struct pollfd){ peers->web[PEER_SIX], POLLIN, 0 };
		fds[6] = (struct pollfd){ peers->dns_udp_too, POLLIN, 0 };
		size_t n = peers->n_connections;
		for (size_t i = 0; i < n; i++) {
			bool writes = wants_to_write(peers->connections[i]);

			fds[fixed + i] = (struct pollfd){ peers->connections[i]->fd,
							  (short)(POLLIN | (writes ? POLLOUT : 0)), 0 };
		}
		int ready = poll(fds, fixed + n, TICK_MS);
		if (fds[0].revents != 0)
			break;
		serve_connections(peers, fds + fixed, ready == 0);
		if (fds[1].revents != 0)
			serve_udp(peers, peers->dns_udp);
		if (fds[6].revents != 0)
			serve_udp(peers, peers->dns_udp_too);
		if (fds[2].revents != 0)
			accept_from(peers, peers->dns_tcp, PEER_RESOLVER, true);
		for (size_t i = 3; i < 6; i++)
			if (fds[i].revents != 0)
				accept_from(peers, fds[i].fd, i == 3 ? PEER_OPEN : i == 4 ? PEER_OTHER : PEER_SIX, false);
	}
	free(fds);
	return NULL;
}

/* --- TLS --- */

static SSL_CTX *tls_settings_new(void)
{
	SSL_CTX *settings = SSL_CTX_new(TLS_server_method());
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	AUTO(X509) *certificate = X509_new();

	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
	X509_gmtime_adj(X509_getm_notAfter(certificate), -3600); /* expired, self-signed, and without a name */
	X509_set_pubkey(certificate, key);
	ASSERT(X509_sign(certificate, key, EVP_sha256()) > 0);
	ASSERT(SSL_CTX_use_certificate(settings, certificate) == 1 && SSL_CTX_use_PrivateKey(settings, key) == 1);
	return settings;
}

static void serve_tls(struct peers *peers, int fd)
{
	char request[REQUEST_SIZE] = "";
	SSL *ssl = SSL_new(peers->tls_settings);
	struct connection answer = { .fd = -1 };

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request) - 1) > 0) {
		const struct fake_page *page = find_page(peers, request);

		note_request(peers, request);
		queue_page(peers, &answer, page == NULL ? "HTTP/1.1 404 Not Found\r\n\r\n" : page->text);
		SSL_write(ssl, answer.out, (int)answer.out_n);
		SSL_shutdown(ssl);
	}
	free(answer.out);
	SSL_free(ssl);
}

static void *run_tls(void *arg)
{
	struct peers *peers = arg;
	int fd;

	while ((fd = accept(peers->tls, NULL, NULL)) >= 0) {
		atomic_fetch_add(&peers->visits[PEER_TLS], 1);
		serve_tls(peers, fd);
		close(fd);
	}
	return NULL;
}

/* --- */

struct peers *peers_start(const struct fake_name *names, size_t n_names, const struct fake_page *pages, size_t n_pages)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	ASSERT(peers != NULL);
	peers->names = names;
	peers->n_names = n_names;
	peers->pages = pages;
	peers->n_pages = n_pages;
	peers->asked = calloc(n_names + 1, sizeof(*peers->asked));
	pthread_mutex_init(&peers->mutex, NULL);
	open_sockets(peers);
	peers->tls_settings = tls_settings_new();
	ASSERT(pthread_create(&peers->thread, NULL, run, peers) == 0);
	ASSERT(pthread_create(&peers->tls_thread, NULL, run_tls, peers) == 0);
	return peers;
}

void peers_stop(struct peers **peers_pointer)
{
	struct peers *peers = *peers_pointer;
	int fds[] = { peers->stop[0], peers->stop[1], peers->dns_udp, peers->dns_udp_too, peers->dns_tcp, peers->tls,
		      peers->web[0],  peers->web[1],  peers->web[2],  peers->web[PEER_SIX] };

	ASSERT(write(peers->stop[1], "", 1) == 1);
	shutdown(peers->tls, SHUT_RDWR); /* wakes accept() */
	pthread_join(peers->thread, NULL);
	pthread_join(peers->tls_thread, NULL);
	while (peers->n_connections > 0)
		connection_close(peers, 0);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	SSL_CTX_free(peers->tls_settings);
	pthread_mutex_destroy(&peers->mutex);
	free(peers->asked);
	free(peers);
	*peers_pointer = NULL;
}

unsigned peers_dns_port(const struct peers *peers)
{
	return peers->dns_port;
}

unsigned peers_http_port(const struct peers *peers)
{
	return peers->http_port;
}

unsigned peers_https_port(const struct peers *peers)
{
	return peers->https_port;
}

/* A connection that nobody accepted is a visit too: whatever waits in the mute one's queue is counted here. */
unsigned peers_visits(struct peers *peers, enum peer peer)
{
	int fd;

	if (peer == PEER_MUTE)
		while ((fd = accept(peers->web[PEER_MUTE], NULL, NULL)) >= 0) {
			atomic_fetch_add(&peers->visits[PEER_MUTE], 1);
			close(fd);
		}
	return atomic_load(&peers->visits[peer]);
}

bool peers_has_ipv6(const struct peers *peers)
{
	return peers->web[PEER_SIX] >= 0;
}

const char *peers_last_request(struct peers *peers)
{
	pthread_mutex_lock(&peers->mutex);
	memcpy(peers->shown_request, peers->last_request, sizeof(peers->shown_request));
	pthread_mutex_unlock(&peers->mutex);
	return peers->shown_request;
}
