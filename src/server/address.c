/*
 * From the text of a listener's address to a bound, listening socket. No names:
 * what a server listens on must not depend on a resolver.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"
#include "server/listener.h"

#define BACKLOG 4096 /* the kernel caps it by net.core.somaxconn */

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

/* "HOST:PORT" with an IPv6 host in brackets (RFC 3986 section 3.2.2). */
static bool parse_address(const char *address, union socket_address *out, socklen_t *out_n)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(address, ':');
	uint64_t port;

	if (colon == NULL || (size_t)(colon - address) >= sizeof host || !text_parse_u64(colon + 1, 0, 65535, &port))
		return false;
	size_t n = (size_t)(colon - address);
	memcpy(host, address, n);
	host[n] = '\0';
	memset(out, 0, sizeof *out);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		*out_n = sizeof out->v6;
		return inet_pton(AF_INET6, host + 1, &out->v6.sin6_addr) == 1;
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons((uint16_t)port);
	*out_n = sizeof out->v4;
	return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1;
}

static bool set_option(int fd, int level, int option)
{
	const int on = 1;
	return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

/* Options that accepted sockets inherit are set here once. -1 with errno. */
static int bound_socket(const union socket_address *address, socklen_t n, bool is_shared)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	bool is_set = set_option(fd, SOL_SOCKET, SO_REUSEADDR) && set_option(fd, IPPROTO_TCP, TCP_NODELAY) &&
		      (!is_shared || set_option(fd, SOL_SOCKET, SO_REUSEPORT)) &&
		      (address->any.sa_family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY));
	if (is_set && bind(fd, &address->any, n) == 0)
		return fd;
	int reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

static unsigned port_of(int fd)
{
	union socket_address address;
	socklen_t n = sizeof address;

	ASSERT(getsockname(fd, &address.any, &n) == 0);
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

result listener_open_tcp(struct op *op, const char *address, bool is_shared, int *fd, unsigned *port)
{
	union socket_address parsed;
	socklen_t n;

	if (!parse_address(address, &parsed, &n))
		return FAIL(op, ERR_MALFORMED, "%s is no address to listen on; write 127.0.0.1:8443 or [::1]:8443",
			    address);
	*fd = bound_socket(&parsed, n, is_shared);
	if (*fd < 0 || listen(*fd, BACKLOG) != 0) {
		int reason = errno;
		if (*fd >= 0)
			close(*fd);
		return FAIL(op, reason == EADDRINUSE ? ERR_CONFLICT : ERR_BACKEND, "cannot listen on %s: %s%s", address,
			    strerror(reason), reason == EADDRINUSE ? " (ss -ltnp shows by whom)" : "");
	}
	*port = port_of(*fd);
	return OK;
}

/* A socket that still answers belongs to a running server; one that does not is stale. */
static bool is_served(const union socket_address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ASSERT(fd >= 0);
	bool answers = connect(fd, &address->any, sizeof address->local) == 0 || errno == EAGAIN;
	close(fd);
	return answers;
}

static bool bind_local(int fd, const union socket_address *address)
{
	/* The mask makes the socket 0600 from its first moment. */
	mode_t before = umask(0177);
	bool is_bound = bind(fd, &address->any, sizeof address->local) == 0;
	umask(before);
	return is_bound && listen(fd, BACKLOG) == 0;
}

static result open_at(struct op *op, const char *path, const union socket_address *address, int *fd)
{
	struct stat status;

	if (lstat(path, &status) == 0) {
		if (!S_ISSOCK(status.st_mode))
			return FAIL(op, ERR_CONFLICT, "%s exists and is no socket; move it away", path);
		if (is_served(address))
			return FAIL(op, ERR_CONFLICT, "another server answers on %s; stop it first", path);
		if (unlink(path) != 0)
			return FAIL(op, ERR_BACKEND, "cannot remove the stale %s: %s", path, strerror(errno));
	}
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ASSERT(*fd >= 0);
	if (bind_local(*fd, address))
		return OK;
	int reason = errno;
	close(*fd);
	return FAIL(op, ERR_BACKEND, "cannot listen on %s: %s", path, strerror(reason));
}

result listener_open_local(struct op *op, const char *path, int *fd)
{
	union socket_address address;
	int folder;

	TRY(files_socket_address(op, path, &address.local, &folder));
	result r = open_at(op, path, &address, fd);
	if (folder >= 0)
		close(folder);
	return r;
}
