/*
 * Listening sockets: opening them, and accepting from them on their loop. What
 * may not come in is turned away here: beyond the caps, without a certificate to
 * show, or as a foreign user on the UNIX socket.
 */
#pragma once

#include "server/loop.h"

/* Numeric addresses only. `is_shared`: several loops listen on the same port. */
result listener_open_tcp(struct op *op, const char *address, bool is_shared, int *fd, unsigned *port);
result listener_open_local(struct op *op, const char *path, int *fd);

/* Before the loop runs, or on its thread. */
void listener_add(struct loop *loop, enum listener_kind kind, int own_fd);
/* Listeners that ran out of descriptors try again. */
void listener_resume(struct loop *loop);
/* Takes what the kernel has queued already, then closes them all. */
void listener_close_all(struct loop *loop);

/* Whether a peer of the UNIX socket may speak as the operator: root, and our own user. */
bool listener_may_operate(uid_t peer);
