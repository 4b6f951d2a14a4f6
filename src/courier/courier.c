/*
 * The asking side: one channel to the courier process. A probe has its own
 * deadline over there; a courier that owes answers and gives none for longer
 * than that hangs, and somebody should start it again.
 */
#include "courier/courier.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "courier/call_message.h"
#include "courier/probe_message.h"
#include "ipc/channel.h"

struct courier {
	struct channel *channel;
	void (*recycle)(void *arg);
	void *arg;
	int64_t probe_ms; /* at which the courier ends every probe itself */
	atomic_bool is_given_up; /* this socket's courier: recycle() was called for it */
};

struct pending {
	struct courier *courier;
	courier_done *done;
	void *arg;
};

struct courier *courier_new(void (*recycle)(void *arg), void *arg)
{
	struct courier *courier = calloc(1, sizeof(*courier));

	ASSERT(courier != NULL);
	courier->channel = channel_new("courier", -1);
	courier->recycle = recycle;
	courier->arg = arg;
	courier->probe_ms = LIMIT_PROBE_MS;
	return courier;
}

void courier_free(struct courier **courier)
{
	if (*courier == NULL)
		return;
	channel_free(&(*courier)->channel);
	free(*courier);
	*courier = NULL;
}

void courier_attach(struct courier *courier, int own_fd)
{
	channel_replace(courier->channel, own_fd);
	atomic_store(&courier->is_given_up, false);
}

void courier_fix_limit(struct courier *courier, int64_t probe_ms)
{
	courier->probe_ms = probe_ms;
}

bool courier_is_up(struct courier *courier)
{
	return channel_is_up(courier->channel);
}

#define CALL_SLACK_MS 5000 /* after a call's timeout, at which the courier ends it itself */

/* What failed while others were answered was unlucky; silence towards all is a hang. */
static void look_for_hang(struct courier *courier, int64_t limit_ms)
{
	if (channel_quiet_ms(courier->channel) < limit_ms || atomic_exchange(&courier->is_given_up, true))
		return;
	log_warning(NULL, "courier.hangs", "the courier gives no answers; it should be started again");
	if (courier->recycle != NULL)
		courier->recycle(courier->arg);
}

static void on_answer(void *arg, struct bytes payload, const char *failed)
{
	struct pending *pending = arg;
	struct probe_reply reply;
	struct op *op = op_new();

	if (failed == NULL && probe_reply_read(op, payload, &reply).err != ERR_NONE)
		failed = op->detail;
	pending->done(pending->arg, failed == NULL ? &reply : NULL, failed);
	if (failed != NULL)
		look_for_hang(pending->courier, pending->courier->probe_ms);
	op_free(&op);
	free(pending);
}

result courier_http01(struct op *op, struct courier *courier, const char *host, const char *token, courier_done *done,
		      void *arg)
{
	struct probe_request request = { .host = host, .token = token };
	struct pending *pending;
	struct buf payload;

	TRY(probe_request_check(op, &request));
	buf_init(&payload, op->arena, 512);
	probe_request_put(&payload, &request);
	pending = malloc(sizeof(*pending));
	ASSERT(pending != NULL);
	*pending = (struct pending){ courier, done, arg };
	/* Half as long again as the courier takes at most. */
	result r = channel_start(op, courier->channel, COURIER_HTTP01, buf_as_bytes(&payload),
				 courier->probe_ms + courier->probe_ms / 2, on_answer, pending);
	if (r.err != ERR_NONE)
		free(pending);
	return r;
}

/* Until op's deadline, which is ours to bring forward for a while. */
static result call_within(struct op *op, struct courier *courier, struct bytes payload, int64_t limit_ms, struct bytes *answer)
{
	int64_t kept_ms = op->deadline_ms, end_ms = clock_monotonic_ms() + limit_ms;

	if (kept_ms == 0 || kept_ms > end_ms)
		op->deadline_ms = end_ms;
	result r = channel_call(op, courier->channel, COURIER_CALL, payload, answer);
	op->deadline_ms = kept_ms;
	return r;
}

result courier_call(struct op *op, struct courier *courier, const struct courier_request *request,
		    struct courier_response *out)
{
	struct bytes answer;
	struct buf payload;

	TRY(courier_request_check(op, request));
	arena_wipe_when_freed(op->arena);
	buf_init(&payload, op->arena, 4096 + request->body.n + request->trust.n);
	courier_request_put(&payload, request);
	result r = call_within(op, courier, buf_as_bytes(&payload), request->timeout_ms + CALL_SLACK_MS, &answer);
	if (r.err == ERR_BUSY)
		look_for_hang(courier, request->timeout_ms + CALL_SLACK_MS);
	TRY(r);
	return courier_response_read(op, answer, out);
}
