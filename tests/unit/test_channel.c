/* Channels over real socket pairs: the test plays the peer, callers are threads. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "check.h"
#include "fixture.h"
#include "ipc/channel.h"
#include "ipc/message.h"

#define ECHO 1

/* A channel and the other end of its socket. */
struct rig {
	struct channel *channel;
	int peer;
};

static struct rig rig_new(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	return (struct rig){ channel_new("peer-0", pair[0]), pair[1] };
}

static void rig_free(struct rig *rig)
{
	channel_free(&rig->channel);
	if (rig->peer >= 0)
		close(rig->peer);
}

/* One channel_call on a thread of its own. */
struct caller {
	pthread_t thread;
	struct channel *channel;
	const char *text;
	int64_t limit_ms; /* 0: none */
	enum err err;
	char answer[64];
	char detail[OP_DETAIL_SIZE];
};

static void *caller_main(void *arg)
{
	struct caller *caller = arg;
	struct op *op = op_new();
	struct bytes answer;

	if (caller->limit_ms != 0)
		op->deadline_ms = clock_monotonic_ms() + caller->limit_ms;
	caller->err = channel_call(op, caller->channel, ECHO, bytes_of_text(caller->text), &answer).err;
	if (caller->err == ERR_NONE)
		memcpy(caller->answer, answer.p, answer.n);
	memcpy(caller->detail, op->detail, sizeof(caller->detail));
	op_free(&op);
	return NULL;
}

static void caller_start(struct caller *caller, struct rig *rig, const char *text, int64_t limit_ms)
{
	*caller = (struct caller){ .channel = rig->channel, .text = text, .limit_ms = limit_ms };
	assert_int_equal(pthread_create(&caller->thread, NULL, caller_main, caller), 0);
}

static void caller_join(struct caller *caller)
{
	pthread_join(caller->thread, NULL);
}

static void an_answer_goes_to_who_asked_in_any_order(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct caller callers[3];
	struct frame frames[3];
	static const char *const texts[] = { "one", "two", "three" };

	for (size_t i = 0; i < 3; i++)
		caller_start(&callers[i], &rig, texts[i], 0);
	for (size_t i = 0; i < 3; i++)
		assert_ok(op, frame_read(op, rig.peer, &frames[i]));
	for (size_t i = 3; i-- > 0;)
		assert_ok(op, frame_write(op, rig.peer, ECHO, frames[i].id, frames[i].payload));
	for (size_t i = 0; i < 3; i++) {
		caller_join(&callers[i]);
		assert_int_equal(callers[i].err, ERR_NONE);
		assert_string_equal(callers[i].answer, texts[i]);
	}
	assert_int_equal(channel_load(rig.channel), 0);
	rig_free(&rig);
}

static void a_failure_keeps_its_kind_and_words(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct op *failed = op_new();
	struct caller caller;
	struct frame frame;

	caller_start(&caller, &rig, "x", 0);
	assert_ok(op, frame_read(op, rig.peer, &frame));
	IGNORE(FAIL(failed, ERR_POLICY, "not on a Sunday"));
	assert_ok(op, frame_write_failure(op, rig.peer, frame.id, failed));
	caller_join(&caller);
	assert_int_equal(caller.err, ERR_POLICY);
	assert_string_equal(caller.detail, "not on a Sunday");
	op_free(&failed);
	rig_free(&rig);
}

static void a_failure_that_says_nothing_is_still_one(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct caller caller;
	struct frame frame;

	caller_start(&caller, &rig, "x", 0);
	assert_ok(op, frame_read(op, rig.peer, &frame));
	assert_ok(op, frame_write(op, rig.peer, FRAME_FAILURE, frame.id, BYTES_LITERAL("\x00")));
	caller_join(&caller);
	assert_int_equal(caller.err, ERR_BACKEND);
	rig_free(&rig);
}

/* F9 */
static void a_late_answer_is_dropped(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct caller late, next;
	struct frame frame;

	/* On a busy machine the time may be up before the request is sent; then the next one gets more. */
	for (int64_t limit_ms = 1; channel_load(rig.channel) == 0; limit_ms *= 2) {
		caller_start(&late, &rig, "late", limit_ms);
		caller_join(&late);
		assert_int_equal(late.err, ERR_BUSY);
	}
	assert_ok(op, frame_read(op, rig.peer, &frame));
	assert_int_equal(channel_load(rig.channel), 1); /* still owed: the peer is busy with it */
	assert_ok(op, frame_write(op, rig.peer, ECHO, frame.id, BYTES_LITERAL("too late")));
	caller_start(&next, &rig, "next", 0);
	assert_ok(op, frame_read(op, rig.peer, &frame));
	assert_ok(op, frame_write(op, rig.peer, ECHO, frame.id, frame.payload));
	caller_join(&next);
	assert_string_equal(next.answer, "next");
	assert_int_equal(channel_load(rig.channel), 0);
	assert_true(channel_quiet_ms(rig.channel) == 0);
	rig_free(&rig);
}

static void an_answer_to_nobody_is_dropped(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct caller caller;
	struct frame frame;

	assert_ok(op, frame_write(op, rig.peer, ECHO, 4711, BYTES_LITERAL("hello?")));
	caller_start(&caller, &rig, "x", 0);
	assert_ok(op, frame_read(op, rig.peer, &frame));
	assert_ok(op, frame_write(op, rig.peer, ECHO, frame.id, frame.payload));
	caller_join(&caller);
	assert_int_equal(caller.err, ERR_NONE);
	rig_free(&rig);
}

static void a_dead_peer_fails_its_calls_and_can_be_replaced(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct caller caller;
	struct frame frame;
	struct bytes answer;
	int pair[2];

	caller_start(&caller, &rig, "x", 0);
	assert_ok(op, frame_read(op, rig.peer, &frame));
	close(rig.peer);
	caller_join(&caller);
	assert_int_equal(caller.err, ERR_BUSY);
	assert_false(channel_is_up(rig.channel));
	assert_err(op, ERR_BUSY, channel_call(op, rig.channel, ECHO, BYTES_NONE, &answer));

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	rig.peer = pair[1];
	channel_replace(rig.channel, pair[0]);
	assert_true(channel_is_up(rig.channel));
	caller_start(&caller, &rig, "again", 0);
	assert_ok(op, frame_read(op, rig.peer, &frame));
	assert_ok(op, frame_write(op, rig.peer, ECHO, frame.id, frame.payload));
	caller_join(&caller);
	assert_string_equal(caller.answer, "again");
	rig_free(&rig);
}

static void a_frame_beyond_the_limit_ends_the_peer(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct caller caller;
	struct frame frame;
	uint8_t head[14] = { 0 };

	caller_start(&caller, &rig, "x", 0);
	assert_ok(op, frame_read(op, rig.peer, &frame));
	head[1] = (LIMIT_FRAME_BYTES + 1) >> 16;
	head[3] = 1;
	assert_int_equal(send(rig.peer, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
	caller_join(&caller);
	assert_int_equal(caller.err, ERR_BUSY);
	assert_false(channel_is_up(rig.channel));
	rig_free(&rig);
}

static void a_request_beyond_the_limit_is_not_sent(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct bytes huge = { arena_alloc(op->arena, LIMIT_FRAME_BYTES + 1), LIMIT_FRAME_BYTES + 1 };
	struct bytes answer;

	assert_err(op, ERR_LIMIT, channel_call(op, rig.channel, ECHO, huge, &answer));
	assert_int_equal(channel_load(rig.channel), 0);
	rig_free(&rig);
}

/* What channel_start calls back with. */
struct outcome {
	sem_t told;
	unsigned times;
	char payload[64];
	bool has_failed;
};

static void outcome_done(void *arg, struct bytes payload, const char *failed)
{
	struct outcome *outcome = arg;

	outcome->times++;
	outcome->has_failed = failed != NULL;
	if (payload.n > 0 && payload.n < sizeof(outcome->payload))
		memcpy(outcome->payload, payload.p, payload.n);
	sem_post(&outcome->told);
}

static void a_started_call_is_told_its_answer(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct outcome outcome = { 0 };
	struct frame frame;

	sem_init(&outcome.told, 0, 0);
	assert_ok(op, channel_start(op, rig.channel, ECHO, BYTES_LITERAL("hello"), 60000, outcome_done, &outcome));
	assert_ok(op, frame_read(op, rig.peer, &frame));
	assert_ok(op, frame_write(op, rig.peer, ECHO, frame.id, frame.payload));
	sem_wait(&outcome.told);
	assert_false(outcome.has_failed);
	assert_string_equal(outcome.payload, "hello");
	rig_free(&rig);
	assert_int_equal(outcome.times, 1);
}

static void a_started_call_is_told_of_its_deadline(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct outcome outcome = { 0 }, patient = { 0 };

	sem_init(&outcome.told, 0, 0);
	sem_init(&patient.told, 0, 0);
	assert_ok(op, channel_start(op, rig.channel, ECHO, BYTES_NONE, 60000, outcome_done, &patient));
	assert_ok(op, channel_start(op, rig.channel, ECHO, BYTES_NONE, 1, outcome_done, &outcome));
	sem_wait(&outcome.told);
	assert_true(outcome.has_failed);
	rig_free(&rig); /* tells the other one */
	assert_int_equal(outcome.times, 1);
	assert_int_equal(patient.times, 1);
	assert_true(patient.has_failed);
}

static void a_started_call_is_told_that_the_peer_died(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct outcome outcome = { 0 };
	struct frame frame;

	sem_init(&outcome.told, 0, 0);
	assert_ok(op, channel_start(op, rig.channel, ECHO, BYTES_NONE, 60000, outcome_done, &outcome));
	assert_ok(op, frame_read(op, rig.peer, &frame));
	close(rig.peer);
	rig.peer = -1;
	sem_wait(&outcome.told);
	assert_true(outcome.has_failed);
	rig_free(&rig);
	assert_int_equal(outcome.times, 1);
}

/* F9: whoever asks a peer that does not read is not held, and what is kept for it is bounded. */
static void a_peer_that_does_not_read_holds_nobody(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct bytes large = { arena_alloc(op->arena, LIMIT_FRAME_BYTES), LIMIT_FRAME_BYTES };
	struct outcome outcome = { 0 };
	unsigned started = 0;

	sem_init(&outcome.told, 0, 0);
	while (started < 100 &&
	       channel_start(op, rig.channel, ECHO, large, 60000, outcome_done, &outcome).err == ERR_NONE)
		started++;
	assert_int_equal(op->err, ERR_BUSY);
	assert_in_range(started, 1, 8);
	rig_free(&rig);
	assert_int_equal(outcome.times, started);
}

/* The echo peer of the storm: answers in pairs, the second first. */
static void *echo_main(void *arg)
{
	int fd = *(int *)arg;

	for (;;) {
		struct op *op = op_new();
		struct frame first, second;
		bool is_open = frame_read(op, fd, &first).err == ERR_NONE;
		/* Two callers at least are under way at any time but the end, so a second one comes. */
		is_open = is_open && frame_read(op, fd, &second).err == ERR_NONE;
		is_open = is_open && frame_write(op, fd, ECHO, second.id, second.payload).err == ERR_NONE;
		is_open = is_open && frame_write(op, fd, ECHO, first.id, first.payload).err == ERR_NONE;
		op_free(&op);
		if (!is_open)
			return NULL;
	}
}

#define STORM_THREADS 4
#define STORM_CALLS 500

struct storm {
	pthread_t thread;
	struct channel *channel;
	unsigned number, wrong;
	sem_t told;
};

static void storm_done(void *arg, struct bytes payload, const char *failed)
{
	struct storm *storm = arg;

	if (failed != NULL || payload.n != 8)
		storm->wrong++;
	sem_post(&storm->told);
}

/* Each call is paired with a started one, so that the echo always finds its second. */
static void *storm_main(void *arg)
{
	struct storm *storm = arg;

	for (unsigned i = 0; i < STORM_CALLS; i++) {
		struct op *op = op_new();
		struct bytes answer = BYTES_NONE;
		struct buf buf;
		buf_init(&buf, op->arena, 8);
		message_put_u32(&buf, storm->number);
		message_put_u32(&buf, i);
		if (channel_start(op, storm->channel, ECHO, buf_as_bytes(&buf), 60000, storm_done, storm).err != ERR_NONE ||
		    channel_call(op, storm->channel, ECHO, buf_as_bytes(&buf), &answer).err != ERR_NONE ||
		    !bytes_equal(answer, buf_as_bytes(&buf)))
			storm->wrong++;
		sem_wait(&storm->told);
		op_free(&op);
	}
	return NULL;
}

static void many_threads_get_their_own_answers(void **state)
{
	struct rig rig = rig_new();
	struct storm storms[STORM_THREADS];
	pthread_t echo;

	(void)state;
	pthread_create(&echo, NULL, echo_main, &rig.peer);
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		storms[i] = (struct storm){ .channel = rig.channel, .number = i };
		sem_init(&storms[i].told, 0, 0);
		pthread_create(&storms[i].thread, NULL, storm_main, &storms[i]);
	}
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		pthread_join(storms[i].thread, NULL);
		assert_int_equal(storms[i].wrong, 0);
	}
	channel_free(&rig.channel);
	pthread_join(echo, NULL);
	rig_free(&rig);
}

/* Replacing the socket again and again under callers: each call ends, by an answer or by ERR_BUSY, and never wrongly. */
static void sockets_may_be_replaced_under_callers(void **state)
{
	struct op *op = *state;
	struct rig rig = rig_new();
	struct caller caller;
	int pair[2];

	for (unsigned i = 0; i < 200; i++) {
		caller_start(&caller, &rig, "x", 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		if (i % 2 == 0) {
			struct frame frame;
			assert_ok(op, frame_read(op, rig.peer, &frame));
			assert_ok(op, frame_write(op, rig.peer, ECHO, frame.id, frame.payload));
			caller_join(&caller);
			assert_string_equal(caller.answer, "x");
		}
		channel_replace(rig.channel, pair[0]);
		close(rig.peer);
		rig.peer = pair[1];
		if (i % 2 == 1) {
			/* Either the old socket's end or, sent after the replacement, this one's. */
			shutdown(rig.peer, SHUT_RDWR);
			caller_join(&caller);
			assert_int_equal(caller.err, ERR_BUSY);
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
			channel_replace(rig.channel, pair[0]);
			close(rig.peer);
			rig.peer = pair[1];
		}
	}
	rig_free(&rig);
}

static void frames_are_parsed_from_any_cut(void **state)
{
	struct op *op = *state;
	struct buf buf;
	struct frame frame;
	size_t consumed;
	bool is_whole;

	buf_init(&buf, op->arena, 64);
	frame_put(&buf, 7, 99, BYTES_LITERAL("payload"));
	size_t n = buf.n;
	frame_put(&buf, 8, 100, BYTES_NONE);
	for (size_t cut = 0; cut < n; cut++) {
		assert_ok(op, frame_parse(op, (struct bytes){ buf.p, cut }, &frame, &consumed, &is_whole));
		assert_false(is_whole);
		assert_int_equal(consumed, 0);
	}
	assert_ok(op, frame_parse(op, buf_as_bytes(&buf), &frame, &consumed, &is_whole));
	assert_true(is_whole);
	assert_int_equal(consumed, n);
	assert_int_equal(frame.type, 7);
	assert_int_equal(frame.id, 99);
	assert_true(bytes_equal(frame.payload, BYTES_LITERAL("payload")));
	assert_err(op, ERR_MALFORMED,
		   frame_parse(op, BYTES_LITERAL("\xff\xff\xff\xff\0\1\0\0\0\0\0\0\0\1"), &frame, &consumed, &is_whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_goes_to_who_asked_in_any_order),
		TEST(a_failure_keeps_its_kind_and_words),
		TEST(a_failure_that_says_nothing_is_still_one),
		TEST(a_late_answer_is_dropped),
		TEST(an_answer_to_nobody_is_dropped),
		TEST(a_dead_peer_fails_its_calls_and_can_be_replaced),
		TEST(a_frame_beyond_the_limit_ends_the_peer),
		TEST(a_request_beyond_the_limit_is_not_sent),
		TEST(a_started_call_is_told_its_answer),
		TEST(a_started_call_is_told_of_its_deadline),
		TEST(a_started_call_is_told_that_the_peer_died),
		TEST(a_peer_that_does_not_read_holds_nobody),
		TEST(many_threads_get_their_own_answers),
		TEST(sockets_may_be_replaced_under_callers),
		TEST(frames_are_parsed_from_any_cut),
	};
	return RUN_TESTS(tests);
}
