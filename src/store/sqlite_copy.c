/* A copy of a SQLite database while others write it, by SQLite's own backup interface. */
#include "store/sqlite_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 10000

static result failed(struct op *op, sqlite3 *db, const char *what, const char *path)
{
	int code = sqlite3_extended_errcode(db) & 0xff;
	if (code == SQLITE_NOTADB)
		return FAIL(op, ERR_MALFORMED, "%s is no SQLite database", path);
	if (code == SQLITE_FULL)
		return FAIL(op, ERR_BACKEND, "cannot %s %s: the disk is full", what, path);
	return FAIL(op, ERR_BACKEND, "cannot %s %s: %s", what, path, sqlite3_errmsg(db));
}

/* All pages in one step, under one snapshot: shorter steps begin anew whenever another process has written. */
static result copy_pages(struct op *op, sqlite3 *source, const char *from, sqlite3 *target, const char *to)
{
	sqlite3_backup *backup = sqlite3_backup_init(target, "main", source, "main");
	if (backup == NULL)
		return failed(op, target, "write", to);
	int code = sqlite3_backup_step(backup, -1);
	(void)sqlite3_backup_finish(backup); /* repeats the failure of the step */
	if (code == SQLITE_DONE)
		return OK;
	bool is_source = code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
	if (is_source)
		return FAIL(op, code == SQLITE_NOTADB ? ERR_MALFORMED : ERR_BACKEND, "cannot read %s: %s", from,
			    sqlite3_errstr(code));
	return failed(op, target, "write", to);
}

static result copy_into(struct op *op, sqlite3 *source, const char *from, sqlite3 *target, const char *to)
{
	(void)sqlite3_busy_timeout(source, BUSY_TIMEOUT_MS);
	TRY(copy_pages(op, source, from, target, to));
	/* One file by itself, which can be read where nothing can be written; opened as the store it is a WAL again. */
	if (sqlite3_exec(target, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
		return failed(op, target, "write", to);
	return OK;
}

static result sync_file(struct op *op, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool is_durable = fd >= 0 && fsync(fd) == 0;
	int error = errno;
	if (fd >= 0)
		close(fd);
	return is_durable ? OK : FAIL(op, ERR_BACKEND, "cannot make %s durable: %s", path, strerrordesc_np(error));
}

/* Its mode from the beginning, and never a file of somebody else's. */
static result create(struct op *op, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return FAIL(op, errno == EEXIST ? ERR_CONFLICT : ERR_BACKEND, "cannot create %s: %s", path,
			    strerrordesc_np(errno));
	close(fd);
	return OK;
}

result sqlite_copy(struct op *op, const char *from, const char *to)
{
	sqlite3 *source = NULL, *target = NULL;
	if (access(from, R_OK) != 0)
		return FAIL(op, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, "cannot read %s: %s", from, strerrordesc_np(errno));
	TRY(create(op, to));
	result r = OK;
	if (sqlite3_open_v2(from, &source, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		r = failed(op, source, "open", from);
	else if (sqlite3_open_v2(to, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		r = failed(op, target, "open", to);
	else
		r = copy_into(op, source, from, target, to);
	(void)sqlite3_close(source);
	(void)sqlite3_close(target);
	if (r.err == ERR_NONE)
		r = sync_file(op, to);
	if (r.err != ERR_NONE)
		(void)unlink(to);
	return r;
}
