/*
 * Calls to configured services, in the courier process: each looked up, made and
 * answered once (courier_call in courier.h). One thread, the loop's.
 */
#pragma once

#include <event2/event.h>

#include "base/config.h"
#include "courier/call_message.h"
#include "courier/probe.h"

struct service_calls;

result service_calls_new(struct op *op, struct event_base *base, const struct config *config, probe_send *send, void *arg,
			 struct service_calls **out);
/* Those under way end without an answer. */
void service_calls_free(struct service_calls **calls);

/* Takes the op, in whose arena the request and the frame that it borrows from live. Beyond LIMIT_CALLS_AT_ONCE: ERR_BUSY. */
void service_call_start(struct service_calls *calls, struct op *own_op, uint64_t id, const struct courier_request *request);
