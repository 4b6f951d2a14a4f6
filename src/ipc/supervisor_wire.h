/* The frames between supervisor and server, with the descriptors that travel beside them (SCM_RIGHTS). */
#pragma once

#include "ipc/channel.h"
#include "ipc/supervisor.h"

/* Without blocking. `passed_fd` -1: none; it stays the caller's. ERR_BUSY: the other side does not read. */
result supervisor_wire_send(struct op *op, int fd, enum supervisor_frame type, struct bytes payload, int passed_fd);

/* Blocks for one frame; `own_fd` is -1 when none came with it. ERR_NOT_FOUND: the other side has closed. */
result supervisor_wire_read(struct op *op, int fd, struct frame *out, int *own_fd);

/* u8 kind, u32 index: the payload of PEER and RECYCLE. */
struct bytes supervisor_wire_peer(struct op *op, enum peer_kind kind, unsigned index);
result supervisor_wire_parse_peer(struct op *op, struct bytes payload, enum peer_kind *kind, unsigned *index);
