/*
 * A lane: worker threads behind a bounded queue. Jobs are plain blocking code.
 * A full queue refuses at once; whoever asked answers 503 with Retry-After.
 */
#pragma once

#include "base/op.h"

struct lane;

typedef void lane_job(void *arg);

struct lane *lane_new(const char *name, unsigned threads, unsigned queue_limit);
/* False: the queue is full or the lane is closing. Any thread. */
bool lane_submit(struct lane *lane, lane_job *job, void *arg);
/* Refuses new jobs, lets queued and running ones end, joins the threads, frees. */
void lane_free(struct lane **lane);

struct lane_state {
	unsigned queued, running;
	uint64_t done, refused;
};
void lane_read_state(struct lane *lane, struct lane_state *out);
