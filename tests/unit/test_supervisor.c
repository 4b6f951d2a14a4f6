/*
 * The supervisor with roles that do nothing but tell what happens to them: this
 * binary starts itself again as server, signer and courier. They report by
 * datagrams to a socket in DIR; a file DIR/NAME tells one to misbehave. Standard
 * error of all of them is a pipe, whose end says that the last one is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "check.h"
#include "fixture.h"
#include "ipc/channel.h"
#include "ipc/role.h"
#include "ipc/supervisor.h"

#define EVENT_MAX 128
#define GIVE_UP_S 60 /* nothing here takes that long; a test that hangs fails */

/* ---- the roles ---- */

static const char *role_dir;
static int report_fd = -1;

static struct sockaddr_un report_address(const char *dir)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/events", dir);
	return address;
}

static void __attribute__((format(printf, 1, 2))) report(const char *format, ...)
{
	struct sockaddr_un address = report_address(role_dir);
	char event[EVENT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(event, sizeof(event), format, args);
	va_end(args);
	ssize_t ignored UNUSED = sendto(report_fd, event, strlen(event), 0, (struct sockaddr *)&address, sizeof(address));
}

/* What DIR/NAME says; "" when it is not there. */
static const char *order_of(struct op *op, const char *name)
{
	struct bytes order;

	if (files_read(op, files_join(op->arena, role_dir, name), 64, &order).err != ERR_NONE)
		return "";
	return arena_text_n(op->arena, (const char *)order.p, order.n);
}

/* Blocks until the test opens DIR/go. */
static void await_go(struct op *op)
{
	int fd = open(files_join(op->arena, role_dir, "go"), O_RDONLY | O_CLOEXEC);

	close(fd);
}

static int fake_signer(struct op *op, const char *name)
{
	const char *order = order_of(op, name);
	struct frame frame;

	report("%s started %d", name, (int)getpid());
	if (strcmp(order, "final") == 0)
		return ROLE_EXIT_FINAL;
	if (strcmp(order, "fail once") == 0) {
		unlink(files_join(op->arena, role_dir, name));
		await_go(op); /* so that the test sees what else is started before */
		return 1;
	}
	if (strcmp(order, "wait") == 0)
		await_go(op);
	report("%s ready", name);
	IGNORE(frame_write(op, ROLE_FD, SUPERVISOR_READY, 0, BYTES_NONE));
	while (frame_read(op, ROLE_FD, &frame).err == ERR_NONE)
		IGNORE(frame_write(op, ROLE_FD, frame.type, frame.id, frame.payload));
	report("%s left", name);
	return 0;
}

static int fake_courier(void)
{
	char byte;

	report("courier started %d", (int)getpid());
	while (read(ROLE_FD, &byte, 1) > 0)
		continue;
	return 0;
}

static int peers[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };
static struct supervisor_link *server_link;
static atomic_bool is_ready;

static void take_peer(void *arg, enum peer_kind kind, unsigned index, int own_fd)
{
	(void)arg;
	if (kind == PEER_SIGNER)
		peers[index] = own_fd;
	report("server peer %s %u", kind == PEER_SIGNER ? "signer" : "courier", index);
}

static void take_reload(void *arg)
{
	unsigned index;
	struct op *op = op_new();

	(void)arg;
	report(atomic_load(&is_ready) ? "server reload" : "server early reload");
	if (sscanf(order_of(op, "server"), "recycle %u", &index) == 1)
		supervisor_link_recycle(server_link, PEER_SIGNER, index);
	op_free(&op);
}

/* Draining needs the signers: one of them has to answer still. */
static void take_stop(void *arg)
{
	struct op *op = op_new();
	struct frame frame;
	bool is_alive = frame_write(op, peers[0], 1, 2, BYTES_LITERAL("alive?")).err == ERR_NONE &&
			frame_read(op, peers[0], &frame).err == ERR_NONE;

	(void)arg;
	report("server stop, signer %s", is_alive ? "alive" : "gone");
	if (strcmp(order_of(op, "server"), "crash at stop") == 0)
		kill(getpid(), SIGKILL);
	_exit(0);
}

_Noreturn static void fake_server(void)
{
	const struct supervisor_events events = { .peer = take_peer, .reload = take_reload, .stop = take_stop };

	report("server started %d", (int)getpid());
	server_link = supervisor_link_open(ROLE_FD, &events);
	struct op *op = op_new();
	if (strcmp(order_of(op, "server"), "wait") == 0)
		await_go(op);
	op_free(&op);
	atomic_store(&is_ready, true);
	supervisor_link_ready(server_link);
	for (;;)
		pause();
}

static int role_main(const char *name, const char *dir)
{
	struct op *op = op_new();

	role_dir = dir;
	report_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (strcmp(name, "server") == 0)
		fake_server();
	int status = strcmp(name, "courier") == 0 ? fake_courier() : fake_signer(op, name);
	op_free(&op);
	return status;
}

/* ---- the test's side ---- */

struct rig {
	char dir[64];
	int events_fd, log_fd;
	pid_t supervisor;
	char events[256][EVENT_MAX]; /* not yet waited for */
	unsigned n_events;
};

static void rig_make(struct rig *rig)
{
	*rig = (struct rig){ .dir = "/tmp/chancery-test-XXXXXX" };
	assert_non_null(mkdtemp(rig->dir));
	struct sockaddr_un address = report_address(rig->dir);
	rig->events_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(rig->events_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	alarm(GIVE_UP_S);
}

static void rig_order(struct op *op, const struct rig *rig, const char *name, const char *order)
{
	assert_ok(op, files_write(op, files_join(op->arena, rig->dir, name), 0600, bytes_of_text(order)));
}

static void rig_start(struct rig *rig, unsigned signers)
{
	int log[2];

	assert_int_equal(pipe2(log, O_CLOEXEC), 0);
	rig->supervisor = fork();
	assert_true(rig->supervisor >= 0);
	if (rig->supervisor == 0) {
		struct op *op = op_new();
		dup2(log[1], STDERR_FILENO);
		log_open("supervisor", LOG_LEVEL_INFO);
		int status = supervisor_run(op, rig->dir, signers);
		op_free(&op);
		_exit(status);
	}
	close(log[1]);
	rig->log_fd = log[0];
}

static void read_event(struct rig *rig)
{
	char *event = rig->events[rig->n_events];

	assert_in_range(rig->n_events, 0, 255);
	ssize_t n = recv(rig->events_fd, event, EVENT_MAX - 1, 0);
	assert_true(n > 0);
	event[n] = '\0';
	rig->n_events++;
}

/* Waits for an event that begins like this and takes it out; the number at its end, or 0. */
static int await(struct rig *rig, const char *prefix)
{
	for (unsigned i = 0;; i++) {
		if (i == rig->n_events)
			read_event(rig);
		if (strncmp(rig->events[i], prefix, strlen(prefix)) != 0)
			continue;
		const char *number = strrchr(rig->events[i], ' ');
		uint64_t value = 0;
		if (number != NULL)
			text_parse_u64(number + 1, 0, INT32_MAX, &value);
		rig->n_events--;
		memmove(rig->events[i], rig->events[i + 1], (rig->n_events - i) * sizeof(rig->events[0]));
		return (int)value;
	}
}

/* Whether such an event has come and not been waited for. */
static bool has_come(const struct rig *rig, const char *prefix)
{
	for (unsigned i = 0; i < rig->n_events; i++)
		if (strncmp(rig->events[i], prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

static void await_all(struct rig *rig, unsigned signers)
{
	char event[EVENT_MAX];

	for (unsigned i = 0; i < signers; i++) {
		snprintf(event, sizeof(event), "server peer signer %u", i);
		await(rig, event);
	}
	await(rig, "server peer courier 0");
}

static void let_go(struct op *op, const struct rig *rig)
{
	int fd = open(files_join(op->arena, rig->dir, "go"), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
}

static void make_gate(struct op *op, const struct rig *rig)
{
	assert_int_equal(mkfifo(files_join(op->arena, rig->dir, "go"), 0600), 0);
}

/* Waits for the supervisor and for the last of its roles; returns the wait status. */
static int await_end(struct rig *rig)
{
	char log[4096];
	int status;

	while (read(rig->log_fd, log, sizeof(log)) > 0)
		continue;
	assert_int_equal(waitpid(rig->supervisor, &status, 0), rig->supervisor);
	close(rig->log_fd);
	return status;
}

static void rig_remove(struct op *op, struct rig *rig)
{
	static const char *const names[] = { "events", "go", "server", "signer-0", "signer-1" };

	alarm(0);
	close(rig->events_fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(files_join(op->arena, rig->dir, names[i]));
	assert_int_equal(rmdir(rig->dir), 0);
}

static void stop(struct op *op, struct rig *rig)
{
	kill(rig->supervisor, SIGTERM);
	assert_int_equal(await_end(rig), 0);
	rig_remove(op, rig);
}

/* F10: nobody else logs in, and nobody listens, before the first log-in has succeeded. */
static void signers_log_in_one_after_the_other(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	make_gate(op, &rig);
	rig_order(op, &rig, "signer-0", "wait");
	rig_start(&rig, 2);
	await(&rig, "signer-0 started");
	let_go(op, &rig);
	await(&rig, "signer-0 ready");
	assert_false(has_come(&rig, "signer-1"));
	assert_false(has_come(&rig, "server"));
	await(&rig, "signer-1 started");
	await_all(&rig, 2);
	stop(op, &rig);
}

/* F10 */
static void a_final_failure_ends_the_service(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	rig_order(op, &rig, "signer-0", "final");
	rig_start(&rig, 2);
	await(&rig, "signer-0 started");
	int status = await_end(&rig);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	while (recv(rig.events_fd, rig.events[0], EVENT_MAX - 1, MSG_DONTWAIT) > 0)
		fail_msg("somebody else was started: %s", rig.events[0]);
	rig_remove(op, &rig);
}

/* F10: the PIN was changed while the service ran. It drains, then ends with status 1. */
static void a_final_failure_later_drains_first(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	rig_start(&rig, 2);
	await_all(&rig, 2);
	rig_order(op, &rig, "signer-1", "final");
	kill(await(&rig, "signer-1 started"), SIGKILL);
	await(&rig, "server stop, signer alive");
	assert_int_equal(WEXITSTATUS(await_end(&rig)), 1);
	rig_remove(op, &rig);
}

/* F8: a token out of reach. The server is started without it and gets the signer when that comes. */
static void a_failure_that_may_pass_does_not_keep_the_server(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	make_gate(op, &rig);
	rig_order(op, &rig, "signer-0", "fail once");
	rig_start(&rig, 1);
	await(&rig, "signer-0 started");
	assert_false(has_come(&rig, "server started"));
	let_go(op, &rig);
	await(&rig, "server started");
	await(&rig, "signer-0 started");
	await_all(&rig, 1);
	stop(op, &rig);
}

/* F1 */
static void a_dead_role_comes_back(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	rig_start(&rig, 1);
	int signer = await(&rig, "signer-0 started"), courier = await(&rig, "courier started");
	await(&rig, "server started");
	await_all(&rig, 1);
	kill(signer, SIGKILL);
	assert_int_not_equal(await(&rig, "signer-0 started"), signer);
	await(&rig, "server peer signer 0");
	kill(courier, SIGKILL);
	assert_int_not_equal(await(&rig, "courier started"), courier);
	await(&rig, "server peer courier 0");
	assert_false(has_come(&rig, "server started")); /* it lived through both */
	stop(op, &rig);
}

/* F1: the sockets of all others were the server's. */
static void a_dead_server_takes_all_with_it(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	rig_start(&rig, 2);
	int signer = await(&rig, "signer-0 started");
	await_all(&rig, 2);
	kill(await(&rig, "server started"), SIGKILL);
	await(&rig, "server started");
	assert_int_not_equal(await(&rig, "signer-0 started"), signer);
	await_all(&rig, 2);
	stop(op, &rig);
}

/* F35 */
static void sigterm_drains_while_signers_live(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	rig_start(&rig, 2);
	await_all(&rig, 2);
	kill(rig.supervisor, SIGTERM);
	await(&rig, "server stop, signer alive");
	assert_int_equal(await_end(&rig), 0);
	/* They left by themselves when their sockets ended. */
	await(&rig, "signer-0 left");
	await(&rig, "signer-1 left");
	rig_remove(op, &rig);
}

/* F35: a terminal sends SIGINT, and a service manager SIGTERM, to every process of ours. */
static void signals_to_roles_do_not_end_them(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	rig_start(&rig, 1);
	int signer = await(&rig, "signer-0 started");
	await_all(&rig, 1);
	kill(signer, SIGINT);
	kill(signer, SIGTERM);
	kill(signer, SIGHUP);
	kill(rig.supervisor, SIGINT);
	await(&rig, "server stop, signer alive");
	assert_int_equal(await_end(&rig), 0);
	rig_remove(op, &rig);
}

/* F9, F31 */
static void the_server_is_told_to_reload_and_may_have_a_signer_recycled(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	rig_start(&rig, 2);
	await_all(&rig, 2);
	int signer = await(&rig, "signer-1 started");
	rig_order(op, &rig, "server", "recycle 1");
	kill(signer, SIGSTOP); /* hangs, as far as anybody can see */
	kill(rig.supervisor, SIGHUP);
	await(&rig, "server reload");
	assert_int_not_equal(await(&rig, "signer-1 started"), signer);
	await(&rig, "server peer signer 1");
	rig_order(op, &rig, "server", "recycle 99"); /* nobody of that name: ignored */
	kill(rig.supervisor, SIGHUP);
	await(&rig, "server reload");
	stop(op, &rig);
}

/* F31, F35: a server on its way up has nothing to reload into yet; it is told as soon as it serves. */
static void a_reload_waits_for_a_server_that_serves(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	make_gate(op, &rig);
	rig_order(op, &rig, "server", "wait");
	rig_start(&rig, 1);
	int signer = await(&rig, "signer-0 started");
	await_all(&rig, 1);
	kill(rig.supervisor, SIGHUP);
	/* A signer that is handed over afterwards: what the server was told before, it has by then. */
	kill(signer, SIGKILL);
	await(&rig, "server peer signer 0");
	assert_false(has_come(&rig, "server early reload"));
	let_go(op, &rig);
	await(&rig, "server reload");
	stop(op, &rig);
}

/* F35: a server that dies while it drains has not drained, and the exit status says so. */
static void a_crash_while_stopping_is_no_success(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	rig_order(op, &rig, "server", "crash at stop");
	rig_start(&rig, 1);
	await_all(&rig, 1);
	kill(rig.supervisor, SIGTERM);
	await(&rig, "server stop, signer alive");
	assert_int_equal(WEXITSTATUS(await_end(&rig)), 1);
	rig_remove(op, &rig);
}

/* F2 */
static void the_death_of_the_supervisor_ends_all(void **state)
{
	struct op *op = *state;
	struct rig rig;

	rig_make(&rig);
	rig_start(&rig, 2);
	await_all(&rig, 2);
	kill(rig.supervisor, SIGKILL);
	assert_true(WIFSIGNALED(await_end(&rig))); /* returns when the last of them is gone */
	rig_remove(op, &rig);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(signers_log_in_one_after_the_other),
		TEST(a_final_failure_ends_the_service),
		TEST(a_final_failure_later_drains_first),
		TEST(a_failure_that_may_pass_does_not_keep_the_server),
		TEST(a_dead_role_comes_back),
		TEST(a_dead_server_takes_all_with_it),
		TEST(sigterm_drains_while_signers_live),
		TEST(signals_to_roles_do_not_end_them),
		TEST(the_server_is_told_to_reload_and_may_have_a_signer_recycled),
		TEST(a_reload_waits_for_a_server_that_serves),
		TEST(a_crash_while_stopping_is_no_success),
		TEST(the_death_of_the_supervisor_ends_all),
	};

	if (argc == 5 && strcmp(argv[1], "--role") == 0)
		return role_main(argv[2], argv[4]);
	return RUN_TESTS(tests);
}
