/*
 * One binary, several processes: this file starts another role of it (fork and
 * exec, never fork after C_Initialize) and is what a started role finds.
 *
 * The child's descriptor 3 is its end of a socket pair; its arguments are
 * --role NAME --dir DIR. No secret is passed in argv or environment. The child
 * dies with its parent (PR_SET_PDEATHSIG).
 */
#pragma once

#include <sys/types.h>

#include "base/op.h"

#define ROLE_FD 3

/* Exit status of a role that must not be started again: its message is final (wrong PIN). */
#define ROLE_EXIT_FINAL 78

struct role_process {
	pid_t pid;
	int fd; /* our end */
};

/*
 * `name`: "signer-0", "courier", "server", "token-init". The child keeps standard
 * input, output and error and nothing else of ours. It ignores SIGTERM, SIGINT
 * and SIGHUP: a terminal or a service manager sends those to every process at
 * once, and signers must outlive the draining server. What ends a role is the
 * end of its socket, or SIGKILL. The thread that starts a role must outlive it.
 */
result role_start(struct op *op, const char *name, const char *dir, struct role_process *out);

/* Closes our end, so that the role leaves by itself, and kills it after `patience_ms`; reaps it. Returns the wait status. */
int role_end(struct role_process *process, int64_t patience_ms);

/* Another binary than our own, or NULL for our own again: for tests and benchmarks. Static text. */
void role_set_binary(const char *path);

/* What a role may still do, from the inside, after its set-up. */
enum sandbox_kind {
	SANDBOX_SIGNER,  /* the module may need files, sockets to its HSM, threads: keep those, drop exec, ptrace, new namespaces */
	SANDBOX_COURIER, /* network; no files but resolver and CA bundle (Landlock where the kernel has it), no exec */
	SANDBOX_SERVER   /* writes below `folders` only, sockets; no exec, no ptrace */
};
/*
 * seccomp (libseccomp) and Landlock. A kernel without them is logged, not fatal.
 * `folders` ends with NULL; the other kinds take no notice of it.
 */
result sandbox_enter(struct op *op, enum sandbox_kind kind, const char *const *folders);
