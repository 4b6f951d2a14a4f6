/* Files of the configuration directory: bounded reads, atomic durable writes. */
#pragma once

#include <sys/types.h>
#include <sys/un.h>

#include "base/op.h"

/* Whole file into the arena; ERR_LIMIT beyond `limit`, ERR_NOT_FOUND when absent. */
result files_read(struct op *op, const char *path, size_t limit, struct bytes *out);

/* Temporary file, fsync, rename, fsync of the folder: whole or not at all. */
result files_write(struct op *op, const char *path, mode_t mode, struct bytes content);

/* Rename and fsync of the folder; a file that has the new name is replaced in the same moment. */
result files_move(struct op *op, const char *from, const char *to);

bool files_exists(const char *path);
/* One folder; existing is fine. */
result files_make_folder(struct op *op, const char *path, mode_t mode);
/*
 * The address of the UNIX socket at `path`. A path that is too long for one is
 * reached through its open folder: *folder_fd, -1 where there is none, must stay
 * open until bind or connect is done; the caller closes it.
 */
result files_socket_address(struct op *op, const char *path, struct sockaddr_un *out, int *folder_fd);
/* dir + "/" + name, or name itself when it is absolute. */
char *files_join(struct arena *arena, const char *dir, const char *name);
