/*
 * A secret has pages of its own: locked, so that it is not swapped out; left
 * out of core dumps; wiped before they are given back.
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/text.h"

#define SECRET_FILE_MAX 1024
#define KEY_FILE_MAX 16384 /* an RSA key of 4096 bits has 3.3 KiB in PEM */

struct secret {
	size_t mapped; /* bytes of the mapping that this struct begins */
	size_t n;
	uint8_t p[];
};

struct secret *secret_new(struct bytes from)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	ASSERT(from.n < SIZE_MAX / 4);
	size_t mapped = (sizeof(struct secret) + from.n + 1 + page - 1) / page * page;
	struct secret *secret = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT(secret != MAP_FAILED);
	/* Best effort: RLIMIT_MEMLOCK may be 0 in a container, and old kernels lack the advice. */
	(void)mlock(secret, mapped);
	(void)madvise(secret, mapped, MADV_DONTDUMP);
	secret->mapped = mapped;
	secret->n = from.n;
	if (from.n > 0)
		memcpy(secret->p, from.p, from.n);
	return secret;
}

void secret_free(struct secret **secret)
{
	if (*secret == NULL)
		return;
	size_t mapped = (*secret)->mapped;
	OPENSSL_cleanse(*secret, mapped);
	munmap(*secret, mapped);
	*secret = NULL;
}

struct bytes secret_bytes(const struct secret *secret)
{
	return (struct bytes){ secret->p, secret->n };
}

/* systemd sets the modes of what is below $CREDENTIALS_DIRECTORY itself (systemd.exec(5)). */
static bool is_systemd_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (folder == NULL || folder[0] == '\0')
		return false;
	/* Real paths: no way out of the folder through ".." or a link. */
	char *real_folder = realpath(folder, NULL);
	char *real_path = realpath(path, NULL);
	bool inside = real_folder != NULL && real_path != NULL && text_has_prefix(real_path, real_folder) &&
		      real_path[strlen(real_folder)] == '/';
	free(real_folder);
	free(real_path);
	return inside;
}

static result check_file(struct op *op, int fd, const char *path)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return FAIL(op, ERR_BACKEND, "cannot look at %s: %s", path, strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode))
		return FAIL(op, ERR_MALFORMED, "%s is not a regular file", path);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0 && !is_systemd_credential(path))
		return FAIL(op, ERR_DENIED, "%s can be used by others than its owner (mode %04o): run chmod 600 %s", path,
			    (unsigned)(st.st_mode & 07777), path);
	return OK;
}

/* Into the caller's buffer of `limit` + 2 bytes, which the caller wipes. */
static result read_content(struct op *op, int fd, const char *path, size_t limit, uint8_t *p, size_t *out_n)
{
	size_t n = 0;
	for (;;) {
		ssize_t got = read(fd, p + n, limit + 2 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return FAIL(op, ERR_BACKEND, "cannot read %s: %s", path, strerrordesc_np(errno));
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n > 0 && p[n - 1] == '\n')
		n--;
	if (n == 0)
		return FAIL(op, ERR_MALFORMED, "%s is empty: it must hold the secret on one line", path);
	if (n > limit)
		return FAIL(op, ERR_LIMIT, "%s is longer than %zu bytes", path, limit);
	if (memchr(p, '\0', n) != NULL)
		return FAIL(op, ERR_MALFORMED, "%s holds a NUL byte", path);
	*out_n = n;
	return OK;
}

static result read_open(struct op *op, int fd, const char *path, size_t limit, struct secret **out)
{
	uint8_t content[KEY_FILE_MAX + 2];
	size_t n = 0;

	TRY(check_file(op, fd, path));
	result r = read_content(op, fd, path, limit, content, &n);
	if (r.err == ERR_NONE)
		*out = secret_new((struct bytes){ content, n });
	OPENSSL_cleanse(content, sizeof content);
	return r;
}

static result read_file(struct op *op, const char *path, size_t limit, struct secret **out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return FAIL(op, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, "cannot open %s: %s", path,
			    strerrordesc_np(errno));
	result r = read_open(op, fd, path, limit, out);
	close(fd);
	return r;
}

result secret_read_file(struct op *op, const char *path, struct secret **out)
{
	return read_file(op, path, SECRET_FILE_MAX, out);
}

result secret_read_key_file(struct op *op, const char *path, struct secret **out)
{
	return read_file(op, path, KEY_FILE_MAX, out);
}

void secret_harden_process(void)
{
	/* Not dumpable: no core, and no ptrace or /proc/PID/mem by the same user. */
	const struct rlimit none = { 0, 0 };
	ASSERT(setrlimit(RLIMIT_CORE, &none) == 0);
	ASSERT(prctl(PR_SET_DUMPABLE, 0) == 0);
}
