/* The head of a frame, for those inside this folder who read sockets by hand; users of channel.h need none of it. */
#pragma once

#include "base/op.h"

#define FRAME_HEAD_SIZE 14

struct frame_head {
	uint32_t n; /* of the payload */
	uint16_t type;
	uint64_t id;
};

/* ERR_MALFORMED beyond LIMIT_FRAME_BYTES. */
result frame_head_parse(struct op *op, const uint8_t head[FRAME_HEAD_SIZE], struct frame_head *out);
