/* Start, end and backoff of one role. */
#include "ipc/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

/* F8: quick enough for a module that needs nothing but a new process, slow enough for one that never comes back. */
#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 5000
#define DELAY_RESET_AFTER_MS 10000

void child_init(struct child *child, const char *name)
{
	*child = (struct child){ .process = { 0, -1 } };
	ASSERT(text_copy(child->name, sizeof(child->name), name));
	child_due_now(child);
}

void child_due_now(struct child *child)
{
	child->start_at_ms = 0;
	child->delay_ms = DELAY_FIRST_MS;
}

bool child_is_due(const struct child *child, int64_t now_ms)
{
	return child->state == CHILD_DOWN && child->start_at_ms <= now_ms;
}

/* The child is gone, or never was: when to try next. */
static void set_down(struct child *child)
{
	int64_t now_ms = clock_monotonic_ms();

	if (child->process.fd >= 0)
		close(child->process.fd);
	child->process = (struct role_process){ 0, -1 };
	child->state = CHILD_DOWN;
	if (now_ms - child->started_at_ms >= DELAY_RESET_AFTER_MS)
		child->delay_ms = DELAY_FIRST_MS;
	child->start_at_ms = now_ms + child->delay_ms;
	child->delay_ms = child->delay_ms * 2 > DELAY_MAX_MS ? DELAY_MAX_MS : child->delay_ms * 2;
}

result child_start(struct op *op, struct child *child, const char *dir, enum child_state state)
{
	child->started_at_ms = clock_monotonic_ms();
	result r = role_start(op, child->name, dir, &child->process);
	if (r.err == ERR_NONE)
		child->state = state;
	else
		set_down(child);
	return r;
}

bool child_has_ended(const struct child *child)
{
	siginfo_t info = { 0 };

	return child->process.pid != 0 && waitid(P_PID, (id_t)child->process.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == child->process.pid;
}

bool child_reap(struct child *child, int *status)
{
	if (child->process.pid == 0 || waitpid(child->process.pid, status, WNOHANG) != child->process.pid)
		return false;
	set_down(child);
	return true;
}

void child_kill(struct child *child)
{
	if (child->process.pid == 0)
		return;
	kill(child->process.pid, SIGKILL);
	role_end(&child->process, INT32_MAX);
	set_down(child);
}

void child_status_text(int status, char text[64])
{
	if (WIFSIGNALED(status))
		snprintf(text, 64, "signal %d (%s)", WTERMSIG(status), sigdescr_np(WTERMSIG(status)));
	else
		snprintf(text, 64, "exit status %d", WEXITSTATUS(status));
}
