/*
 * What a role gives up for good once it is set up. seccomp takes away the calls
 * that none of ours ever makes and that an intruder wants (a list of what is
 * denied and not of what is allowed: vendors' modules and C libraries differ too
 * much). Landlock takes away files. Both are a second wall, so a kernel that
 * lacks them is logged and lived with.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/role.h"

static const char *const denied_calls[] = {
	/* another program, another process's memory */
	"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd",
	/* another view of the file system, another namespace */
	"mount", "umount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr",
	"pivot_root", "chroot", "setns", "unshare", "open_by_handle_at", "name_to_handle_at",
	/* the kernel itself */
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "bpf", "perf_event_open",
	"userfaultfd", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "io_uring_setup", "io_uring_enter",
	"io_uring_register",
	/* keys, clocks and the machine */
	"keyctl", "add_key", "request_key", "reboot", "swapon", "swapoff", "acct", "quotactl", "syslog", "vhangup",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "lookup_dcookie",
	NULL
};

/* Set once the leak checker can no longer work: it attaches to its own process with ptrace. */
static atomic_bool is_entered;

/*
 * LeakSanitizer asks for this by name, and calls it when there is one; without
 * that, a role of an ASan build would end with a failure of the checker itself.
 */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return atomic_load(&is_entered);
}

/* NULL, or which step failed, with errno set. */
static const char *deny_calls(scmp_filter_ctx filter)
{
	int status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1); /* threads that run already, too */

	for (size_t i = 0; status == 0 && denied_calls[i] != NULL; i++) {
		int number = seccomp_syscall_resolve_name(denied_calls[i]);
		/* Negative: unknown to this libseccomp, or a pseudo number of another architecture. */
		if (number < 0)
			continue;
		status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
	}
	if (status == 0)
		status = seccomp_load(filter);
	errno = -status;
	return status == 0 ? NULL : "seccomp";
}

static const char *enter_seccomp(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (filter == NULL) {
		errno = ENOMEM;
		return "seccomp";
	}
	const char *failed = deny_calls(filter);
	int kept_errno = errno;
	seccomp_release(filter);
	errno = kept_errno;
	return failed;
}

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                              \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |   \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |         \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |      \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)
/* Rights that apply to a file itself; the kernel refuses the others on a rule for a file. */
#define FILE_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)

/* A path that is not there needs no rule. */
static bool allow_below(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr below = { .allowed_access = rights };

	below.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (below.parent_fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
	long status = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
	if (status != 0 && errno == EINVAL) {
		below.allowed_access &= FILE_RIGHTS;
		status = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
	}
	close(below.parent_fd);
	return status == 0;
}

/* The resolver's files, the CA bundle, locale and time zone data, libraries that are loaded late (NSS). */
static bool allow_courier(int ruleset)
{
	static const char *const paths[] = { "/etc", "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share",
					     "/usr/local/share", "/run/systemd/resolve", "/run/resolvconf",
					     "/proc/self", "/dev/urandom", "/dev/null", NULL };

	for (size_t i = 0; paths[i] != NULL; i++)
		if (!allow_below(ruleset, paths[i], READS))
			return false;
	return true;
}

/* Reading is not restricted at all; see enter_landlock(). */
static bool allow_server(int ruleset, const char *const *folders)
{
	for (size_t i = 0; folders[i] != NULL; i++)
		if (!allow_below(ruleset, folders[i], WRITES))
			return false;
	return allow_below(ruleset, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE);
}

static const char *enter_landlock(enum sandbox_kind kind, const char *const *folders)
{
	if (kind == SANDBOX_SIGNER) /* modules keep their tokens, logs and sockets where they like */
		return NULL;
	const struct landlock_ruleset_attr handled = {
		.handled_access_fs = kind == SANDBOX_COURIER ? READS | WRITES | LANDLOCK_ACCESS_FS_EXECUTE : WRITES,
	};
	/* The size of the first version of the struct: newer fields are not for us. */
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled.handled_access_fs), 0);
	if (ruleset < 0)
		return "Landlock";
	bool is_entered_now = (kind == SANDBOX_COURIER ? allow_courier(ruleset) : allow_server(ruleset, folders)) &&
			      syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	int kept_errno = errno;
	close(ruleset);
	errno = kept_errno;
	return is_entered_now ? NULL : "Landlock";
}

result sandbox_enter(struct op *op, enum sandbox_kind kind, const char *const *folders)
{
	/* The one thing that every kernel since 3.5 can do, and that both others need. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return FAIL(op, ERR_BACKEND, "PR_SET_NO_NEW_PRIVS: %s", strerrordesc_np(errno));
	const char *failed = enter_landlock(kind, folders);
	if (failed != NULL)
		log_info(op, "sandbox.partial", "this kernel gives no %s (%s); going on without", failed,
			 strerrordesc_np(errno));
	atomic_store(&is_entered, true);
	failed = enter_seccomp();
	if (failed != NULL)
		log_info(op, "sandbox.partial", "this kernel gives no %s (%s); going on without", failed,
			 strerrordesc_np(errno));
	return OK;
}
