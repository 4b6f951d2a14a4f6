/* Bounded reads, and writes that are whole or not there at all. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/random.h"
#include "base/text.h"

/* The failure of a system call, by its errno. */
static result fail_errno(struct op *op, const char *did, const char *path)
{
	int error = errno;
	enum err kind = error == ENOENT ? ERR_NOT_FOUND : error == EACCES || error == EPERM ? ERR_DENIED : ERR_BACKEND;
	return FAIL(op, kind, "cannot %s %s: %s", did, path, strerrordesc_np(error));
}

/* Reads until the end or `size` bytes; the number read, or -1. */
static ssize_t read_up_to(int fd, uint8_t *p, size_t size)
{
	size_t n = 0;
	while (n < size) {
		ssize_t got = read(fd, p + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static result read_open(struct op *op, int fd, const char *path, size_t limit, struct bytes *out)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return fail_errno(op, "read", path);
	if (!S_ISREG(st.st_mode))
		return FAIL(op, ERR_MALFORMED, "%s is not a regular file", path);
	if ((uint64_t)st.st_size > limit)
		return FAIL(op, ERR_LIMIT, "%s is larger than %zu bytes", path, limit);
	/* One byte more than it has now: a file that grows meanwhile is noticed. */
	size_t size = (size_t)st.st_size + 1;
	uint8_t *p = arena_alloc(op->arena, size);
	ssize_t n = read_up_to(fd, p, size);
	if (n < 0)
		return fail_errno(op, "read", path);
	if ((size_t)n == size)
		return FAIL(op, ERR_CONFLICT, "%s was written to while it was read; try again", path);
	*out = (struct bytes){ p, (size_t)n };
	return OK;
}

result files_read(struct op *op, const char *path, size_t limit, struct bytes *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not blocked by a FIFO */
	if (fd < 0)
		return fail_errno(op, "open", path);
	result r = read_open(op, fd, path, limit, out);
	close(fd);
	return r;
}

static bool write_all(int fd, struct bytes content)
{
	while (content.n > 0) {
		ssize_t put = write(fd, content.p, content.n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		content.p += put;
		content.n -= (size_t)put;
	}
	return true;
}

/* A rename is durable when the folder is. */
static bool sync_folder_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *folder = "/";
	if (slash == NULL)
		folder = ".";
	else if (slash != path)
		folder = arena_text_n(arena, path, (size_t)(slash - path));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool done = fsync(fd) == 0;
	close(fd);
	return done;
}

/* The temporary file, complete and on disk. */
static bool write_temporary(const char *path, mode_t mode, struct bytes content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	/* The mode is set apart from open, so that the umask has no say. */
	bool done = write_all(fd, content) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
	int error = errno;
	close(fd);
	errno = error;
	return done;
}

result files_write(struct op *op, const char *path, mode_t mode, struct bytes content)
{
	char id[RANDOM_ID_SIZE];
	random_id(id);
	const char *temporary = arena_printf(op->arena, "%s.%s.tmp", path, id);
	if (!write_temporary(temporary, mode, content) || rename(temporary, path) != 0) {
		result r = fail_errno(op, "write", path);
		unlink(temporary);
		return r;
	}
	if (!sync_folder_of(op->arena, path))
		return fail_errno(op, "make durable", path);
	return OK;
}

result files_move(struct op *op, const char *from, const char *to)
{
	if (rename(from, to) != 0)
		return fail_errno(op, "rename", from);
	return sync_folder_of(op->arena, to) ? OK : fail_errno(op, "make durable", to);
}

bool files_exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

result files_make_folder(struct op *op, const char *path, mode_t mode)
{
	if (mkdir(path, 0700) == 0)
		return chmod(path, mode) == 0 ? OK : fail_errno(op, "set the mode of", path);
	if (errno != EEXIST)
		return fail_errno(op, "make the folder", path);
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return FAIL(op, ERR_CONFLICT, "%s exists and is not a folder", path);
	return OK;
}

char *files_join(struct arena *arena, const char *dir, const char *name)
{
	if (name[0] == '/')
		return arena_text(arena, name);
	return arena_printf(arena, "%s%s%s", dir, dir[0] != '\0' && dir[strlen(dir) - 1] == '/' ? "" : "/", name);
}

result files_socket_address(struct op *op, const char *path, struct sockaddr_un *out, int *folder_fd)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*folder_fd = -1;
	if (text_copy(out->sun_path, sizeof out->sun_path, path))
		return OK;
	char *folder = arena_text(op->arena, path), *slash = strrchr(folder, '/');
	if (slash == NULL)
		return FAIL(op, ERR_LIMIT, "%s is too long for the name of a socket", path);
	*slash = '\0';
	*folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*folder_fd < 0)
		return FAIL(op, ERR_BACKEND, "cannot open %s: %s", folder, strerror(errno));
	if (text_copy(out->sun_path, sizeof out->sun_path,
		      arena_printf(op->arena, "/proc/self/fd/%d/%s", *folder_fd, slash + 1)))
		return OK;
	close(*folder_fd);
	*folder_fd = -1;
	return FAIL(op, ERR_LIMIT, "%s is too long for the name of a socket", slash + 1);
}
