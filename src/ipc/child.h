/*
 * One role as the supervisor sees it: whether it runs, since when, and when it
 * may be started again.
 */
#pragma once

#include "ipc/role.h"

enum child_state {
	CHILD_DOWN,     /* to be started at start_at_ms */
	CHILD_STARTING, /* runs; a signer that has not logged in yet */
	CHILD_UP
};

struct child {
	char name[24];
	enum child_state state;
	struct role_process process; /* pid 0: none; fd -1: handed on */
	int64_t started_at_ms, start_at_ms;
	int64_t delay_ms; /* before the next start, should it die young */
};

void child_init(struct child *child, const char *name);
/* Down, due at once, and without a record of dying young. */
void child_due_now(struct child *child);
bool child_is_due(const struct child *child, int64_t now_ms);
result child_start(struct op *op, struct child *child, const char *dir, enum child_state state);
/* Whether it has ended and is to be reaped. */
bool child_has_ended(const struct child *child);
/* Reaps it if it has ended: then true, it is down, its next start is set, and `status` is waitpid's. */
bool child_reap(struct child *child, int *status);
/* SIGKILL and reap; down, with its next start set as for one that died. */
void child_kill(struct child *child);
/* "exit status 1", "signal 9 (Killed)". */
void child_status_text(int status, char text[64]);
