/*
 * The courier's work: probes under way, each from a request to one reply.
 * resolve, vet, fetch, and again for every redirect, until a deadline that
 * nothing extends. One thread, the loop's.
 */
#pragma once

#include <event2/event.h>

#include "base/config.h"
#include "courier/probe_message.h"

/* What tests set differently: they cannot wait ten seconds nor listen on port 443. */
struct courier_tuning {
	int64_t probe_ms;   /* LIMIT_PROBE_MS */
	unsigned https_port; /* 443: where redirects to https may go */
	unsigned at_once;   /* LIMIT_PROBES_AT_ONCE */
};

extern const struct courier_tuning courier_tuning_default;

struct probes;

/* `send` puts a frame's payload on its way to the server; called from the loop, at most once per probe. */
typedef void probe_send(void *arg, uint16_t type, uint64_t id, struct bytes payload);

result probes_new(struct op *op, struct event_base *base, const struct config *config,
		  const struct courier_tuning *tuning, probe_send *send, void *arg, struct probes **out);
/* Those under way end without a reply. */
void probes_free(struct probes **probes);

/* Takes the op: the probe lives in its arena. Beyond `at_once` the reply is a failure, ERR_BUSY, at once (R7). */
void probe_start(struct probes *probes, struct op *own_op, uint64_t id, const struct probe_request *request);
/* FRAME_FAILURE with what went wrong in `op`. */
void probe_send_failure(struct probes *probes, uint64_t id, const struct op *op);
