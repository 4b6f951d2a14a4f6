/*
 * Starting a role: fork, clean up with nothing but async-signal-safe calls (the
 * parent may have threads), exec of our own binary. /proc/self/exe and not a
 * path: after an upgrade on disk a restarted signer is still of our version.
 */
#include "ipc/role.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

static _Atomic(const char *) binary = NULL;

void role_set_binary(const char *path)
{
	atomic_store(&binary, path);
}

/* Dispositions that were caught go back to default at exec; blocked and ignored ones would stay. */
static void reset_signals(void)
{
	static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &by_default, NULL); /* fails for KILL and STOP, as it should */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		sigaction(ignored[i], &ignore, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Async-signal-safe only: another thread may have held any lock when we forked. */
_Noreturn static void become_role(int fd, pid_t parent, const char *path, char *const argv[])
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have died before the line above; then nobody would ever send the signal. */
	if (getppid() != parent)
		_exit(1);
	reset_signals();
	/* dup2 onto itself would leave FD_CLOEXEC set. */
	if (fd == ROLE_FD ? fcntl(fd, F_SETFD, 0) != 0 : dup2(fd, ROLE_FD) != ROLE_FD)
		_exit(1);
	/* By number: the wrapper is missing from old C libraries. */
	syscall(SYS_close_range, ROLE_FD + 1, ~0U, 0);
	execve(path, argv, environ);
	_exit(127);
}

result role_start(struct op *op, const char *name, const char *dir, struct role_process *out)
{
	const char *path = atomic_load(&binary);
	const char *argv[] = { "chancery", "--role", name, "--dir", dir, NULL };
	int pair[2];

	if (path == NULL)
		path = "/proc/self/exe";
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return FAIL(op, ERR_BACKEND, "cannot make a socket pair for %s: %s", name, strerrordesc_np(errno));
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0)
		become_role(pair[1], parent, path, (char *const *)argv);
	int fork_errno = errno;
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return FAIL(op, ERR_BACKEND, "cannot start %s: %s", name, strerrordesc_np(fork_errno));
	}
	*out = (struct role_process){ pid, pair[0] };
	return OK;
}

/* Whether the process has ended before the time; a pidfd wakes us at once where there is one. */
static bool has_ended(pid_t pid, int64_t patience_ms)
{
	struct pollfd pidfd = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int64_t end_ms = clock_monotonic_ms() + patience_ms;
	int n = 0;

	while (pidfd.fd >= 0) {
		int64_t left_ms = end_ms - clock_monotonic_ms();
		n = poll(&pidfd, 1, left_ms > 0 ? (int)left_ms : 0);
		if (n >= 0 || errno != EINTR)
			break;
	}
	if (pidfd.fd >= 0)
		close(pidfd.fd);
	return n > 0;
}

int role_end(struct role_process *process, int64_t patience_ms)
{
	int status = 0;

	if (process->fd >= 0)
		close(process->fd);
	process->fd = -1;
	if (process->pid <= 0)
		return 0;
	if (!has_ended(process->pid, patience_ms))
		kill(process->pid, SIGKILL);
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	process->pid = 0;
	return status;
}
