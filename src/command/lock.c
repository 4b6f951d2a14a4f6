/* flock(2): the kernel lets go of it when the process ends, however it ends. */
#include "command/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/files.h"

result lock_take(struct op *op, const char *dir, int *fd)
{
	const char *path = files_join(op->arena, dir, "lock");
	int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (opened < 0)
		return FAIL(op, ERR_BACKEND, "cannot open %s: %s", path, strerror(errno));
	if (flock(opened, LOCK_EX | LOCK_NB) != 0) {
		int error = errno;
		close(opened);
		if (error == EWOULDBLOCK)
			return FAIL(op, ERR_BUSY, "another chancery process is at work in %s", dir);
		return FAIL(op, ERR_BACKEND, "cannot lock %s: %s", path, strerror(error));
	}
	*fd = opened;
	return OK;
}
