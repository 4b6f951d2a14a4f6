/*
 * What a role can still do inside its sandbox. Each test puts a child of its own
 * in, for there is no way out again. Kernels without Landlock leave files open;
 * the tests of those parts say so and are skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "check.h"
#include "fixture.h"
#include "ipc/role.h"

/* Enters the sandbox in a child and tries there; what `attempt` returns is compared with `wanted`. */
static void inside(enum sandbox_kind kind, const char *dir, int (*attempt)(const char *dir), int wanted)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct op *op = op_new();
		int entered = sandbox_enter(op, kind, (const char *const[]){ dir, NULL }).err == ERR_NONE ? attempt(dir) : 255;
		_exit(entered);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), wanted);
}

static void in_every_sandbox(int (*attempt)(const char *dir), int wanted)
{
	inside(SANDBOX_SIGNER, "/tmp", attempt, wanted);
	inside(SANDBOX_COURIER, "/tmp", attempt, wanted);
	inside(SANDBOX_SERVER, "/tmp", attempt, wanted);
}

static int try_exec(const char *dir)
{
	char *argv[] = { "true", NULL };

	(void)dir;
	execv("/bin/true", argv);
	return errno;
}

static void nobody_starts_a_program(void **state)
{
	(void)state;
	in_every_sandbox(try_exec, EPERM);
}

static int try_ptrace(const char *dir)
{
	(void)dir;
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : errno;
}

static void nobody_traces(void **state)
{
	(void)state;
	in_every_sandbox(try_ptrace, EPERM);
}

static int try_keyring(const char *dir)
{
	(void)dir;
	return syscall(SYS_keyctl, 0, 0, 0, 0, 0) >= 0 ? 0 : errno;
}

static void nobody_uses_the_kernels_keyring(void **state)
{
	(void)state;
	in_every_sandbox(try_keyring, EPERM);
}

/* Sockets, threads, memory and time are what all of them live on. */
static void *thread_main(void *arg)
{
	return arg;
}

static int try_daily_work(const char *dir)
{
	int pair[2];
	pthread_t thread;
	char byte = 1;

	(void)dir;
	void *memory = malloc(1 << 20);
	bool is_fine = memory != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[0], &byte, 1) == 1 &&
		       read(pair[1], &byte, 1) == 1 && pthread_create(&thread, NULL, thread_main, NULL) == 0 &&
		       pthread_join(thread, NULL) == 0 && socket(AF_INET, SOCK_DGRAM, 0) >= 0;
	free(memory);
	return is_fine ? 0 : 1;
}

static void daily_work_goes_on(void **state)
{
	(void)state;
	in_every_sandbox(try_daily_work, 0);
}

static bool has_landlock(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1)
		return true;
	print_message("# this kernel has no Landlock\n");
	return false;
}

static int try_read_secret(const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/secret", dir);
	return open(path, O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno;
}

static int try_read_hosts(const char *dir)
{
	(void)dir;
	return open("/etc/hosts", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno;
}

static int try_write_inside(const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/new", dir);
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 && unlink(path) == 0 ? 0 : errno;
}

static int try_write_outside(const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%s-outside", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlink(path);
	return fd >= 0 ? 0 : errno;
}

static void files_are_open_to_those_who_need_them(void **state)
{
	struct op *op = *state;
	char dir[] = "/tmp/chancery-test-XXXXXX";

	if (!has_landlock())
		skip();
	assert_non_null(mkdtemp(dir));
	assert_ok(op, files_write(op, files_join(op->arena, dir, "secret"), 0600, BYTES_LITERAL("x")));
	inside(SANDBOX_COURIER, dir, try_read_hosts, 0);
	inside(SANDBOX_COURIER, dir, try_read_secret, EACCES);
	inside(SANDBOX_COURIER, dir, try_write_inside, EACCES);
	inside(SANDBOX_SERVER, dir, try_read_secret, 0);
	inside(SANDBOX_SERVER, dir, try_write_inside, 0);
	inside(SANDBOX_SERVER, dir, try_write_outside, EACCES);
	inside(SANDBOX_SIGNER, dir, try_write_inside, 0); /* modules keep files wherever they like */
	assert_int_equal(unlink(files_join(op->arena, dir, "secret")), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobody_starts_a_program),
		TEST(nobody_traces),
		TEST(nobody_uses_the_kernels_keyring),
		TEST(daily_work_goes_on),
		TEST(files_are_open_to_those_who_need_them),
	};
	return RUN_TESTS(tests);
}
