/*
 * Accepting. When descriptors run out, accept(2) fails and the connection stays
 * in the queue, which would make the loop spin: then a reserved descriptor is
 * given up for a moment to turn one client away, and the listener rests until
 * the next tick.
 */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/connection.h"

/* Connections taken in one go before those that are open get their turn. */
#define ACCEPTS_AT_ONCE 64

struct listener {
	struct listener *next;
	struct loop *loop;
	enum listener_kind kind;
	int fd;
	struct event event;
	bool is_resting;
};

static int accept_one(struct listener *listener, struct sockaddr_storage *from)
{
	socklen_t n = sizeof *from;

	memset(from, 0, sizeof *from);
	return accept4(listener->fd, (struct sockaddr *)from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void rest(struct listener *listener)
{
	struct loop *loop = listener->loop;
	struct sockaddr_storage from;

	log_warning(NULL, "front.descriptors", "no descriptor for a new connection: %s; raise the limit of open files",
		    strerror(errno));
	close(loop->reserve);
	int fd = accept_one(listener, &from);
	if (fd >= 0)
		close(fd);
	loop->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	loop_count(&loop->counts.refused_connections);
	event_del(&listener->event);
	listener->is_resting = true;
}

/* Plain clients are told; a TLS client could not read it. Best effort: nobody waits for it. */
static void turn_away(struct listener *listener, int fd, enum admission_answer why)
{
	static const char in_all[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
				     "Content-Length: 0\r\nConnection: close\r\n\r\n";
	static const char for_address[] = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n"
					  "Content-Length: 0\r\nConnection: close\r\n\r\n";
	const char *words = why == REFUSED_IN_ALL ? in_all : for_address;

	if (listener->kind == ON_HTTP) {
		ssize_t sent UNUSED = send(fd, words, strlen(words), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
	}
	close(fd);
	loop_count(&listener->loop->counts.refused_connections);
}

static void admit_remote(struct listener *listener, int fd, const struct sockaddr_storage *from)
{
	const struct shared *shared = listener->loop->shared;
	struct visitor visitor = { .kind = listener->kind, .key = address_key(from) };
	struct stream stream = { .fd = fd };
	enum admission_answer answer = admission_enter(shared->admission, visitor.key);

	if (answer != ADMITTED) {
		turn_away(listener, fd, answer);
		return;
	}
	if ((listener->kind & ON_TLS) != 0) {
		stream.ssl = tls_accept(shared->tls, fd, listener->kind == ON_MUTUAL);
		if (stream.ssl == NULL) {
			admission_leave(shared->admission, visitor.key);
			turn_away(listener, fd, REFUSED_IN_ALL);
			return;
		}
	}
	const void *address = from->ss_family == AF_INET6
				      ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
				      : (const void *)&((const struct sockaddr_in *)from)->sin_addr;
	ASSERT(inet_ntop(from->ss_family, address, visitor.remote, sizeof visitor.remote) != NULL);
	loop_count(&listener->loop->counts.accepted);
	connection_open(listener->loop, stream, &visitor);
}

bool listener_may_operate(uid_t peer)
{
	return peer == 0 || peer == geteuid();
}

static void admit_local(struct listener *listener, int fd)
{
	struct visitor visitor = { .kind = ON_LOCAL, .remote = "local" };
	struct ucred peer;
	socklen_t n = sizeof peer;

	ASSERT(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0);
	if (!listener_may_operate(peer.uid)) {
		log_warning(NULL, "front.foreign_user", "user %u may not use the operators' socket", (unsigned)peer.uid);
		turn_away(listener, fd, REFUSED_FOR_ADDRESS);
		return;
	}
	visitor.uid = peer.uid;
	loop_count(&listener->loop->counts.accepted);
	connection_open(listener->loop, (struct stream){ .fd = fd }, &visitor);
}

static bool is_out_of_descriptors(int reason)
{
	return reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM;
}

/* False: there is nothing more to take now. */
static bool accept_next(struct listener *listener)
{
	struct sockaddr_storage from;
	int fd = accept_one(listener, &from);

	if (fd < 0 && is_out_of_descriptors(errno))
		rest(listener);
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	if (listener->kind == ON_LOCAL)
		admit_local(listener, fd);
	else
		admit_remote(listener, fd, &from);
	return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *listener = arg;

	(void)fd;
	(void)what;
	loop_notice_time(listener->loop);
	for (unsigned i = 0; i < ACCEPTS_AT_ONCE && !listener->is_resting; i++)
		if (!accept_next(listener))
			return;
}

void listener_add(struct loop *loop, enum listener_kind kind, int own_fd)
{
	struct listener *listener = calloc(1, sizeof *listener);

	ASSERT(listener != NULL);
	*listener = (struct listener){ .next = loop->listeners, .loop = loop, .kind = kind, .fd = own_fd };
	loop->listeners = listener;
	ASSERT(event_assign(&listener->event, loop->base, own_fd, EV_READ | EV_PERSIST, on_acceptable, listener) == 0);
	ASSERT(event_add(&listener->event, NULL) == 0);
}

void listener_resume(struct loop *loop)
{
	for (struct listener *listener = loop->listeners; listener != NULL; listener = listener->next) {
		if (!listener->is_resting)
			continue;
		if (loop->reserve < 0)
			loop->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
		ASSERT(event_add(&listener->event, NULL) == 0);
		listener->is_resting = false;
	}
}

void listener_close_all(struct loop *loop)
{
	while (loop->listeners != NULL) {
		struct listener *listener = loop->listeners;
		while (!listener->is_resting && accept_next(listener))
			;
		loop->listeners = listener->next;
		event_del(&listener->event);
		close(listener->fd);
		free(listener);
	}
}
