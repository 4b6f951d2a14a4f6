/*
 * A plain poll loop over a signalfd, the server's link and the sockets of
 * signers that are logging in. It makes no decision that needs more than a
 * process's state and the clock.
 */
#include "ipc/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "ipc/child.h"
#include "ipc/supervisor_wire.h"

/* A log-in that takes longer hangs; network HSMs take a few seconds. */
#define LOGIN_LIMIT_MS 60000
/* How long the server waits for the first log-in before it is started without: cached CRLs and OCSP answers are of use. */
#define SERVE_WITHOUT_TOKEN_MS 10000
/* What roles get to leave by themselves once their sockets are closed. */
#define LEAVE_MS 2000
/* A process's sockets close before it can be reaped: how long its exit status is waited for. */
#define STATUS_MS 500

/* Places in the array of children. */
enum { SERVER, COURIER, FIRST_SIGNER };

struct supervisor {
	const char *dir;
	struct child *children;
	unsigned n;
	int signal_fd;
	struct pollfd *fds; /* signal_fd, then one per child */
	bool has_logged_in; /* the PIN has been right once: more signers may be started */
	bool may_serve;     /* the server and the courier may be started */
	bool is_serving;    /* this server has said that it is ready */
	bool wants_reload;  /* SIGHUP came before that */
	int64_t serve_at_ms;
	bool is_stopping, is_done;
	int64_t stop_by_ms;
	int exit_status;
};

static bool is_signer(const struct supervisor *s, const struct child *child)
{
	return child >= s->children + FIRST_SIGNER;
}

static bool is_any_logging_in(const struct supervisor *s)
{
	for (unsigned i = FIRST_SIGNER; i < s->n; i++)
		if (s->children[i].state == CHILD_STARTING)
			return true;
	return false;
}

/* Whether the order of things allows this child to be started, its own backoff aside. */
static bool may_start(const struct supervisor *s, const struct child *child)
{
	if (!is_signer(s, child))
		return s->may_serve;
	return !is_any_logging_in(s) && (s->has_logged_in || child == &s->children[FIRST_SIGNER]);
}

/* A peer that stops in the middle of a frame must not hold the supervisor. */
static void limit_reading(int fd)
{
	const struct timeval second = { .tv_sec = 1 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
}

static void start_due(struct op *op, struct supervisor *s)
{
	int64_t now_ms = clock_monotonic_ms();

	if (s->is_stopping)
		return;
	s->may_serve = s->may_serve || now_ms >= s->serve_at_ms;
	for (unsigned i = 0; i < s->n; i++) {
		struct child *child = &s->children[i];
		if (!child_is_due(child, now_ms) || !may_start(s, child))
			continue;
		if (child_start(op, child, s->dir, is_signer(s, child) ? CHILD_STARTING : CHILD_UP).err != ERR_NONE) {
			log_failure(op, "role.not-started");
			continue;
		}
		log_info(op, "role.started", "%s started, pid %d", child->name, (int)child->process.pid);
		if (i == SERVER)
			s->is_serving = s->wants_reload = false; /* it reads its configuration now */
		if (i == SERVER || is_signer(s, child))
			limit_reading(child->process.fd);
	}
}

static void begin_stop(struct op *op, struct supervisor *s, int exit_status)
{
	struct child *server = &s->children[SERVER];

	if (s->is_stopping)
		return;
	s->is_stopping = true;
	s->exit_status = exit_status;
	s->stop_by_ms = clock_monotonic_ms() + LIMIT_DRAIN_MS + 5000;
	if (server->state != CHILD_UP) {
		s->is_done = true;
	} else if (supervisor_wire_send(op, server->process.fd, SUPERVISOR_STOP, BYTES_NONE, -1).err != ERR_NONE) {
		log_failure(op, "server.unreachable");
		s->is_done = true;
	}
}

/* The sockets of all others were the server's: they come back with it. */
static void restart_with_server(struct supervisor *s)
{
	for (unsigned i = COURIER; i < s->n; i++) {
		child_kill(&s->children[i]);
		child_due_now(&s->children[i]);
	}
}

static void take_end(struct op *op, struct supervisor *s, struct child *child, int status)
{
	char how[64];

	child_status_text(status, how);
	if (WIFEXITED(status) && WEXITSTATUS(status) == ROLE_EXIT_FINAL) {
		log_error(op, "service.failed", "%s cannot do its work and said why; the service ends", child->name);
		begin_stop(op, s, 1);
	}
	if (child == &s->children[SERVER] && s->is_stopping) {
		if (WIFSIGNALED(status)) { /* not drained, and nobody is to believe it */
			log_error(op, "service.drain", "%s ended (%s) before it had finished", child->name, how);
			s->exit_status = 1;
		}
		s->is_done = true;
		return;
	}
	if (s->is_stopping)
		return;
	log_warning(op, "role.lost", "%s ended (%s); starts again in %lld ms", child->name, how,
		    (long long)(child->start_at_ms - clock_monotonic_ms()));
	if (child == &s->children[SERVER])
		restart_with_server(s);
	s->may_serve = true; /* what keeps a signer from logging in may pass; meanwhile there is work without it */
}

/* Whether the server is gone by itself: its exit status then says more than the loss of its link. */
static bool has_server_ended(struct op *op, struct supervisor *s)
{
	int64_t until_ms = clock_monotonic_ms() + STATUS_MS;
	int status;

	while (!child_reap(&s->children[SERVER], &status)) {
		if (clock_monotonic_ms() >= until_ms)
			return false;
		poll(NULL, 0, 5);
	}
	take_end(op, s, &s->children[SERVER], status);
	return true;
}

/* The link is broken or out of step. */
static void lose_server(struct op *op, struct supervisor *s, const char *why)
{
	if (has_server_ended(op, s))
		return;
	log_error(op, "server.lost", "the server is killed and started again: %s", why);
	child_kill(&s->children[SERVER]);
	if (s->is_stopping) {
		s->exit_status = 1;
		s->is_done = true;
	} else {
		restart_with_server(s);
	}
}

/*
 * To a server that serves, and to none that is on its way up or down: it has
 * nothing to reload into then. One that is coming up is told when it is there.
 */
static void pass_reload_on(struct op *op, struct supervisor *s)
{
	struct child *server = &s->children[SERVER];

	if (s->is_stopping || server->state != CHILD_UP)
		return;
	s->wants_reload = !s->is_serving;
	if (s->is_serving &&
	    supervisor_wire_send(op, server->process.fd, SUPERVISOR_RELOAD, BYTES_NONE, -1).err != ERR_NONE)
		log_failure(op, "server.unreachable");
}

static void take_signal(struct op *op, struct supervisor *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		log_info(op, "service.reload", "SIGHUP: the server reads its configuration again");
		pass_reload_on(op, s);
	} else if (info.ssi_signo != SIGCHLD) {
		log_info(op, "service.stopping", "signal %u: the server finishes what it has begun", info.ssi_signo);
		begin_stop(op, s, 0);
	}
}

static void recycle(struct op *op, struct supervisor *s, struct bytes payload)
{
	enum peer_kind kind;
	unsigned index;

	if (supervisor_wire_parse_peer(op, payload, &kind, &index).err != ERR_NONE ||
	    (kind == PEER_SIGNER && index >= s->n - FIRST_SIGNER)) {
		log_error(op, "supervisor.malformed", "the server asked for a role that does not exist to be recycled");
		return;
	}
	struct child *child = &s->children[kind == PEER_COURIER ? COURIER : FIRST_SIGNER + index];
	/* One that is down or logs in was recycled already. */
	if (child->state != CHILD_UP)
		return;
	log_warning(op, "role.recycled", "%s does not answer; it is killed and started again", child->name);
	child_kill(child);
}

static void read_server(struct op *op, struct supervisor *s)
{
	struct child *server = &s->children[SERVER];
	struct frame frame;
	int fd;

	if (supervisor_wire_read(op, server->process.fd, &frame, &fd).err != ERR_NONE) {
		lose_server(op, s, op->detail);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (frame.type == SUPERVISOR_READY) {
		log_info(op, "service.ready", "the server serves");
		s->is_serving = true;
		if (s->wants_reload)
			pass_reload_on(op, s);
	} else if (frame.type == SUPERVISOR_RECYCLE) {
		recycle(op, s, frame.payload);
	} else {
		log_error(op, "supervisor.malformed", "frame type %u from the server", frame.type);
	}
}

static void read_signer(struct op *op, struct supervisor *s, struct child *signer)
{
	struct frame frame;
	int fd;

	result r = supervisor_wire_read(op, signer->process.fd, &frame, &fd);
	if (fd >= 0)
		close(fd);
	if (r.err == ERR_NONE && frame.type == SUPERVISOR_READY) {
		log_info(op, "signer.ready", "%s has logged in to the token", signer->name);
		signer->state = CHILD_UP;
		s->has_logged_in = s->may_serve = true;
		return;
	}
	/* It is about to end; its exit status decides whether it is started again. */
	if (r.err == ERR_NONE && frame.type == FRAME_FAILURE)
		r = frame_failure(op, signer->name, frame.payload);
	if (r.err != ERR_NONE)
		log_failure(op, "signer.failed");
	close(signer->process.fd);
	signer->process.fd = -1;
}

/* What a signer says before it ends is in its socket, which reaping closes. */
static void reap(struct op *op, struct supervisor *s)
{
	int status;

	for (unsigned i = 0; i < s->n; i++) {
		struct child *child = &s->children[i];
		if (is_signer(s, child) && child->state == CHILD_STARTING && child->process.fd >= 0 && child_has_ended(child))
			read_signer(op, s, child);
		if (child_reap(child, &status))
			take_end(op, s, child, status);
	}
}

/* Gives the server the sockets of those who came up, before or after it. */
static void hand_over(struct op *op, struct supervisor *s)
{
	struct child *server = &s->children[SERVER];

	for (unsigned i = COURIER; i < s->n && server->state == CHILD_UP; i++) {
		struct child *child = &s->children[i];
		if (child->state != CHILD_UP || child->process.fd < 0)
			continue;
		enum peer_kind kind = i == COURIER ? PEER_COURIER : PEER_SIGNER;
		struct bytes peer = supervisor_wire_peer(op, kind, i == COURIER ? 0 : i - FIRST_SIGNER);
		if (supervisor_wire_send(op, server->process.fd, SUPERVISOR_PEER, peer, child->process.fd).err != ERR_NONE) {
			lose_server(op, s, op->detail);
			return;
		}
		close(child->process.fd);
		child->process.fd = -1;
	}
}

static void kill_hanging_logins(struct op *op, struct supervisor *s)
{
	for (unsigned i = FIRST_SIGNER; i < s->n; i++) {
		struct child *child = &s->children[i];
		if (child->state != CHILD_STARTING || clock_monotonic_ms() - child->started_at_ms < LOGIN_LIMIT_MS)
			continue;
		log_warning(op, "signer.login-hangs", "%s has not logged in after %d s; it is started again", child->name,
			    LOGIN_LIMIT_MS / 1000);
		child_kill(child);
		s->may_serve = true;
	}
}

/* When something is to be done without anybody calling. */
static int64_t next_event_ms(const struct supervisor *s)
{
	int64_t next_ms = s->is_stopping ? s->stop_by_ms : s->may_serve ? INT64_MAX : s->serve_at_ms;

	for (unsigned i = 0; i < s->n; i++) {
		const struct child *child = &s->children[i];
		int64_t at_ms = INT64_MAX;
		if (child->state == CHILD_DOWN && !s->is_stopping && may_start(s, child))
			at_ms = child->start_at_ms;
		else if (child->state == CHILD_STARTING)
			at_ms = child->started_at_ms + LOGIN_LIMIT_MS;
		if (at_ms < next_ms)
			next_ms = at_ms;
	}
	return next_ms;
}

static void wait_for_event(struct supervisor *s)
{
	int64_t next_ms = next_event_ms(s);
	int64_t left_ms = next_ms - clock_monotonic_ms();

	s->fds[0] = (struct pollfd){ .fd = s->signal_fd, .events = POLLIN };
	for (unsigned i = 0; i < s->n; i++) {
		const struct child *child = &s->children[i];
		bool is_read = i == SERVER ? child->state == CHILD_UP : child->state == CHILD_STARTING;
		s->fds[1 + i] = (struct pollfd){ .fd = is_read ? child->process.fd : -1, .events = POLLIN };
	}
	poll(s->fds, 1 + s->n, next_ms == INT64_MAX ? -1 : left_ms > 0 ? (int)left_ms : 0);
}

/* One turn: reap first, so that the end of a role is told by its exit status and not by its closed socket. */
static void turn(struct op *op, struct supervisor *s)
{
	start_due(op, s);
	hand_over(op, s);
	wait_for_event(s);
	if ((s->fds[0].revents & POLLIN) != 0)
		take_signal(op, s);
	reap(op, s);
	if (s->fds[1 + SERVER].revents != 0 && s->children[SERVER].state == CHILD_UP)
		read_server(op, s);
	for (unsigned i = FIRST_SIGNER; i < s->n; i++)
		if (s->fds[1 + i].revents != 0 && s->children[i].state == CHILD_STARTING)
			read_signer(op, s, &s->children[i]);
	kill_hanging_logins(op, s);
	if (s->is_stopping && clock_monotonic_ms() >= s->stop_by_ms) {
		log_error(op, "service.drain", "the server did not finish within %d s", LIMIT_DRAIN_MS / 1000 + 5);
		s->exit_status = 1;
		s->is_done = true;
	}
}

/* Closing the sockets tells all of them at once; then each gets what is left of the time. */
static void end_all(struct supervisor *s)
{
	int64_t end_ms = clock_monotonic_ms() + LEAVE_MS;

	child_kill(&s->children[SERVER]);
	for (unsigned i = COURIER; i < s->n; i++) {
		if (s->children[i].process.fd >= 0)
			close(s->children[i].process.fd);
		s->children[i].process.fd = -1;
	}
	for (unsigned i = COURIER; i < s->n; i++) {
		int64_t left_ms = end_ms - clock_monotonic_ms();
		role_end(&s->children[i].process, left_ms > 0 ? left_ms : 0);
	}
}

static void init_children(struct supervisor *s, unsigned signers)
{
	char name[24];

	s->n = FIRST_SIGNER + signers;
	s->children = calloc(s->n, sizeof(*s->children));
	s->fds = calloc(1 + s->n, sizeof(*s->fds));
	ASSERT(s->children != NULL && s->fds != NULL);
	child_init(&s->children[SERVER], "server");
	child_init(&s->children[COURIER], "courier");
	for (unsigned i = 0; i < signers; i++) {
		snprintf(name, sizeof(name), "signer-%u", i);
		child_init(&s->children[FIRST_SIGNER + i], name);
	}
}

static void run(struct supervisor *s)
{
	while (!s->is_done) {
		struct op *op = op_new();
		turn(op, s);
		op_free(&op);
	}
	end_all(s);
}

int supervisor_run(struct op *op, const char *dir, unsigned signers)
{
	struct supervisor s = { .dir = dir, .serve_at_ms = clock_monotonic_ms() + SERVE_WITHOUT_TOKEN_MS };
	sigset_t handled, before;

	ASSERT(signers > 0);
	signal(SIGCHLD, SIG_DFL); /* inherited as ignored, it would reap behind our back */
	sigemptyset(&handled);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigaddset(&handled, SIGHUP);
	sigaddset(&handled, SIGCHLD);
	sigprocmask(SIG_BLOCK, &handled, &before);
	s.signal_fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	ASSERT(s.signal_fd >= 0);
	init_children(&s, signers);
	log_info(op, "service.starting", "%u signers, directory %s", signers, dir);
	run(&s);
	log_info(op, "service.stopped", "exit status %d", s.exit_status);
	close(s.signal_fd);
	free(s.children);
	free(s.fds);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return s.exit_status;
}
