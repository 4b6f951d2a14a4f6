/*
 * Frames over a socket pair, the asking side: requests carry an id, answers may
 * come in any order, many may be under way at once. One reader thread per
 * channel. When the peer dies all waiting calls fail with ERR_BUSY (the
 * supervisor starts it again and hands over a new socket).
 *
 * Frame: u32 payload length, u16 type, u64 id, payload (LIMIT_FRAME_BYTES).
 */
#pragma once

#include "base/op.h"

struct channel;

/* Takes a connected socket. `name` is static text for errors: "signer-0". */
struct channel *channel_new(const char *name, int own_fd);
/* No channel_call may be under way; what channel_start began is told that it failed. */
void channel_free(struct channel **channel);

/* Puts a new socket in place of a dead one; calls under way on the old one fail. -1: no peer now. */
void channel_replace(struct channel *channel, int own_fd);
bool channel_is_up(struct channel *channel);
/* Answers that the peer owes, those nobody waits for any more among them: for choosing the least busy of several. */
unsigned channel_load(struct channel *channel);
/* For how long the peer has owed answers and given none; 0 when it owes none. What hangs is told from what is slow by it. */
int64_t channel_quiet_ms(struct channel *channel);

/*
 * Sends and waits for the answer, until op's deadline: then ERR_BUSY, and a late
 * answer is dropped. The answer's payload is copied into op's arena. An answer
 * of type FRAME_FAILURE becomes the failure that the peer described.
 */
result channel_call(struct op *op, struct channel *channel, uint16_t type, struct bytes payload, struct bytes *answer);

/*
 * Sends and returns; `done` runs later, once, on the channel's reader thread
 * (keep it short: hand work to a lane). `failed` is NULL or why there is no
 * answer. `payload` is valid during the call only.
 */
typedef void channel_done(void *arg, struct bytes payload, const char *failed);
result channel_start(struct op *op, struct channel *channel, uint16_t type, struct bytes payload,
		     int64_t limit_ms, channel_done *done, void *arg);

/* The answering side, blocking: for the signer's single thread. */
#define FRAME_FAILURE 0xffff /* payload: u8 enum err, text detail */
struct frame {
	uint16_t type;
	uint64_t id;
	struct bytes payload; /* in op's arena */
};
/* ERR_NOT_FOUND when the other side has closed. */
result frame_read(struct op *op, int fd, struct frame *out);
result frame_write(struct op *op, int fd, uint16_t type, uint64_t id, struct bytes payload);
/* The failure that `failed` holds, as FRAME_FAILURE. */
result frame_write_failure(struct op *op, int fd, uint64_t id, const struct op *failed);
/* Turns the payload of a FRAME_FAILURE into op's failure; never OK. `peer` is named when the payload makes no sense. */
result frame_failure(struct op *op, const char *peer, struct bytes payload);
/* For event-driven peers (courier): a whole frame at the front of `from`, or false. ERR_MALFORMED: drop the peer. */
result frame_parse(struct op *op, struct bytes from, struct frame *out, size_t *consumed, bool *is_whole);
void frame_put(struct buf *buf, uint16_t type, uint64_t id, struct bytes payload);
