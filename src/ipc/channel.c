/*
 * The asking side of a socket pair. Callers append to an output buffer and try
 * to send at once; the reader thread reads answers, sends what the socket would
 * not take at first, and keeps the deadlines of channel_start. All sending and
 * receiving happens under the mutex and without blocking, so that a socket can
 * be replaced under everybody's feet; callbacks run without it.
 */
#include "ipc/channel.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "ipc/frame.h"
#include "ipc/message.h"
#include "ipc/waiters.h"

/* What a peer that does not read may make us hold: a few of the largest frames. */
#define OUT_LIMIT_BYTES (4 * LIMIT_FRAME_BYTES)
#define READ_BYTES 65536

static const char lost[] = "was lost; try again";
static const char late[] = "did not answer in time; try again";

struct stream {
	uint8_t *p;
	size_t n; /* bytes held, from p */
	size_t capacity;
};

struct channel {
	const char *name;
	int wake_fd; /* eventfd: the reader has something new to look at */
	pthread_t reader;
	struct op *op;        /* these three are the reader's alone */
	struct stream in;
	uint64_t in_socket;   /* the socket that `in` was read from */

	pthread_mutex_t mutex; /* everything below */
	bool is_closing;
	int fd;          /* -1: no peer */
	uint64_t socket; /* counts the sockets, so that nothing of an old one is taken for the new one's */
	struct stream out;
	uint64_t next_id;
	struct waiters waiters;
	struct waiter *orphans; /* of channel_start, failed; the reader tells them */
	int64_t polled_until_ms; /* until when the reader sleeps */
	unsigned owed;
	int64_t quiet_since_ms;
};

static void stream_reserve(struct stream *stream, size_t more)
{
	size_t need = stream->n + more;
	size_t capacity = stream->capacity == 0 ? 4096 : stream->capacity;

	if (need <= stream->capacity)
		return;
	while (capacity < need)
		capacity *= 2;
	stream->p = realloc(stream->p, capacity);
	ASSERT(stream->p != NULL);
	stream->capacity = capacity;
}

static void stream_append(struct stream *stream, struct bytes bytes)
{
	stream_reserve(stream, bytes.n);
	if (bytes.n > 0)
		memcpy(stream->p + stream->n, bytes.p, bytes.n);
	stream->n += bytes.n;
}

static void stream_drop(struct stream *stream, size_t n)
{
	stream->n -= n;
	if (stream->n > 0)
		memmove(stream->p, stream->p + n, stream->n);
}

static void wake(struct channel *channel)
{
	/* Fails only when 2^64 - 2 wakes are pending, and then it is awake. */
	ssize_t ignored UNUSED = write(channel->wake_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

/* With the mutex: waiters in channel_call wake; those of channel_start are left for the reader. */
static void fail_all(struct channel *channel)
{
	struct waiter *next;

	for (struct waiter *w = waiters_take_all(&channel->waiters); w != NULL; w = next) {
		next = w->next;
		w->failed = lost;
		w->is_over = true;
		if (w->done == NULL) {
			pthread_cond_signal(&w->over);
			continue;
		}
		w->next = channel->orphans;
		channel->orphans = w;
	}
}

/* With the mutex. */
static void set_peer(struct channel *channel, int own_fd)
{
	if (channel->fd >= 0)
		close(channel->fd);
	channel->fd = own_fd;
	channel->socket++;
	channel->out.n = 0;
	channel->owed = 0;
	fail_all(channel);
	wake(channel);
}

/* With the mutex: sends what the socket takes now. */
static void flush(struct channel *channel)
{
	size_t sent = 0;

	while (channel->fd >= 0 && sent < channel->out.n) {
		ssize_t n = send(channel->fd, channel->out.p + sent, channel->out.n - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			set_peer(channel, -1);
			return;
		}
		sent += (size_t)n;
	}
	stream_drop(&channel->out, sent);
}

/* With the mutex: the request is under way, or nothing has been sent. */
static result send_request(struct op *op, struct channel *channel, struct waiter *waiter, uint16_t type,
			   struct bytes payload)
{
	struct buf frame;

	if (channel->fd < 0)
		return FAIL(op, ERR_BUSY, "%s is not running; try again", channel->name);
	if (payload.n > LIMIT_FRAME_BYTES)
		return FAIL(op, ERR_LIMIT, "a request of %zu bytes to %s is beyond the limit of %d", payload.n,
			    channel->name, LIMIT_FRAME_BYTES);
	if (channel->out.n + payload.n > OUT_LIMIT_BYTES)
		return FAIL(op, ERR_BUSY, "%s does not read its requests; try again", channel->name);
	waiter->id = channel->next_id++;
	buf_init(&frame, op->arena, FRAME_HEAD_SIZE + payload.n);
	frame_put(&frame, type, waiter->id, payload);
	waiters_put(&channel->waiters, waiter);
	if (channel->owed++ == 0)
		channel->quiet_since_ms = clock_monotonic_ms();
	stream_append(&channel->out, buf_as_bytes(&frame));
	flush(channel);
	if (channel->out.n > 0 || channel->waiters.next_deadline_ms < channel->polled_until_ms)
		wake(channel);
	return OK;
}

/* With the mutex: until the answer, the end of the peer, or the deadline. */
static void wait_for(struct channel *channel, struct waiter *waiter)
{
	/* Far enough away for "never", near enough for every time_t. */
	int64_t end_ms = waiter->deadline_ms == INT64_MAX ? INT32_MAX * 1000LL : waiter->deadline_ms;
	struct timespec end = { .tv_sec = (time_t)(end_ms / 1000), .tv_nsec = (long)(end_ms % 1000) * 1000000 };

	while (!waiter->is_over) {
		if (pthread_cond_timedwait(&waiter->over, &channel->mutex, &end) != ETIMEDOUT || waiter->is_over)
			continue;
		waiters_take(&channel->waiters, waiter->id);
		waiter->failed = late;
		waiter->is_over = true;
	}
}

static void cond_init_monotonic(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

result channel_call(struct op *op, struct channel *channel, uint16_t type, struct bytes payload, struct bytes *answer)
{
	struct waiter waiter = { .deadline_ms = op->deadline_ms == 0 ? INT64_MAX : op->deadline_ms };

	if (op_left_ms(op) == 0)
		return FAIL(op, ERR_BUSY, "no time was left to ask %s; try again", channel->name);
	cond_init_monotonic(&waiter.over);
	pthread_mutex_lock(&channel->mutex);
	result r = send_request(op, channel, &waiter, type, payload);
	if (r.err == ERR_NONE)
		wait_for(channel, &waiter);
	pthread_mutex_unlock(&channel->mutex);
	pthread_cond_destroy(&waiter.over);
	TRY(r);
	if (waiter.failed != NULL)
		return FAIL(op, ERR_BUSY, "%s %s", channel->name, waiter.failed);
	*answer = arena_bytes(op->arena, waiter.own_payload);
	free((void *)waiter.own_payload.p);
	return waiter.type == FRAME_FAILURE ? frame_failure(op, channel->name, *answer) : OK;
}

result channel_start(struct op *op, struct channel *channel, uint16_t type, struct bytes payload, int64_t limit_ms,
		     channel_done *done, void *arg)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	ASSERT(waiter != NULL);
	waiter->deadline_ms = clock_monotonic_ms() + limit_ms;
	waiter->done = done;
	waiter->arg = arg;
	pthread_mutex_lock(&channel->mutex);
	result r = send_request(op, channel, waiter, type, payload);
	pthread_mutex_unlock(&channel->mutex);
	if (r.err != ERR_NONE)
		free(waiter);
	return r;
}

/* Without the mutex, on the reader thread. */
static void tell_failed(struct channel *channel, struct waiter *list, const char *failed)
{
	struct waiter *next;
	char text[128];

	snprintf(text, sizeof(text), "%s %s", channel->name, failed);
	for (struct waiter *w = list; w != NULL; w = next) {
		next = w->next;
		w->done(w->arg, BYTES_NONE, text);
		free(w);
	}
}

static void tell_answer(struct channel *channel, struct waiter *waiter, uint16_t type, struct bytes payload)
{
	if (type == FRAME_FAILURE) {
		struct op *op = op_new();
		IGNORE(frame_failure(op, channel->name, payload)); /* always a failure: its text is what we are after */
		waiter->done(waiter->arg, BYTES_NONE, op->detail);
		op_free(&op);
	} else {
		waiter->done(waiter->arg, payload, NULL);
	}
	free(waiter);
}

/* Finds who waits for the frame. Somebody in channel_call gets a copy here; a waiter of channel_start is returned. */
static struct waiter *deliver(struct channel *channel, const struct frame_head *head, struct bytes payload)
{
	struct waiter *waiter = NULL;

	pthread_mutex_lock(&channel->mutex);
	if (channel->socket == channel->in_socket) {
		if (channel->owed > 0)
			channel->owed--;
		channel->quiet_since_ms = clock_monotonic_ms();
		waiter = waiters_take(&channel->waiters, head->id); /* NULL: came too late, dropped */
	}
	if (waiter != NULL && waiter->done == NULL) {
		uint8_t *copy = malloc(payload.n + 1);
		ASSERT(copy != NULL);
		if (payload.n > 0)
			memcpy(copy, payload.p, payload.n);
		waiter->own_payload = (struct bytes){ copy, payload.n };
		waiter->type = head->type;
		waiter->is_over = true;
		pthread_cond_signal(&waiter->over);
		waiter = NULL; /* it lives on the other thread's stack, and may be gone with the next line */
	}
	pthread_mutex_unlock(&channel->mutex);
	return waiter;
}

/* Hands out the whole frames of `in`. False: the peer does not speak our language. */
static bool read_frames(struct channel *channel)
{
	struct frame_head head;
	size_t at = 0;
	bool is_sound = true;

	while (channel->in.n - at >= FRAME_HEAD_SIZE) {
		is_sound = frame_head_parse(channel->op, channel->in.p + at, &head).err == ERR_NONE;
		if (!is_sound || channel->in.n - at - FRAME_HEAD_SIZE < head.n)
			break;
		struct bytes payload = { channel->in.p + at + FRAME_HEAD_SIZE, head.n };
		struct waiter *started = deliver(channel, &head, payload);
		if (started != NULL)
			tell_answer(channel, started, head.type, payload);
		at += FRAME_HEAD_SIZE + head.n;
	}
	if (!is_sound)
		log_failure(channel->op, "channel.malformed");
	stream_drop(&channel->in, at);
	return is_sound;
}

/* Reads once. With the mutex on entry and return; without it while answers are handed out. */
static void receive(struct channel *channel)
{
	if (channel->in_socket != channel->socket)
		channel->in.n = 0;
	channel->in_socket = channel->socket;
	stream_reserve(&channel->in, READ_BYTES);
	ssize_t n = recv(channel->fd, channel->in.p + channel->in.n, READ_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		set_peer(channel, -1);
		return;
	}
	channel->in.n += (size_t)n;
	pthread_mutex_unlock(&channel->mutex);
	bool is_sound = read_frames(channel);
	pthread_mutex_lock(&channel->mutex);
	if (!is_sound && channel->in_socket == channel->socket)
		set_peer(channel, -1);
}

/* Sleeps until there is something to do. With the mutex on entry and return. */
static void sleep_on(struct channel *channel)
{
	struct pollfd fds[2] = {
		{ .fd = channel->wake_fd, .events = POLLIN },
		{ .fd = channel->fd, .events = (short)(POLLIN | (channel->out.n > 0 ? POLLOUT : 0)) },
	};
	int64_t left_ms = channel->waiters.next_deadline_ms - clock_monotonic_ms();
	int timeout = channel->waiters.next_deadline_ms == INT64_MAX ? -1 :
		      left_ms > INT32_MAX			      ? INT32_MAX :
		      left_ms > 0				      ? (int)left_ms :
									0;
	uint64_t ignored;

	channel->polled_until_ms = channel->waiters.next_deadline_ms;
	pthread_mutex_unlock(&channel->mutex);
	poll(fds, 2, timeout);
	if ((fds[0].revents & POLLIN) != 0) {
		ssize_t n UNUSED = read(channel->wake_fd, &ignored, sizeof(ignored));
	}
	pthread_mutex_lock(&channel->mutex);
	/* The socket may have been replaced meanwhile: then these calls find nothing, and poll comes again. */
	flush(channel);
	if (channel->fd >= 0 && (fds[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		receive(channel);
}

static void *reader_main(void *arg)
{
	struct channel *channel = arg;

	pthread_mutex_lock(&channel->mutex);
	for (;;) {
		struct waiter *orphans = TAKE(channel->orphans);
		struct waiter *too_late = waiters_take_late(&channel->waiters, clock_monotonic_ms());
		if (orphans != NULL || too_late != NULL) {
			pthread_mutex_unlock(&channel->mutex);
			tell_failed(channel, orphans, lost);
			tell_failed(channel, too_late, late);
			pthread_mutex_lock(&channel->mutex);
			continue;
		}
		if (channel->is_closing)
			break;
		sleep_on(channel);
	}
	pthread_mutex_unlock(&channel->mutex);
	return NULL;
}

struct channel *channel_new(const char *name, int own_fd)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	ASSERT(channel != NULL);
	channel->name = name;
	channel->fd = own_fd;
	channel->next_id = 1;
	channel->op = op_new();
	waiters_init(&channel->waiters);
	pthread_mutex_init(&channel->mutex, NULL);
	channel->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT(channel->wake_fd >= 0);
	ASSERT(pthread_create(&channel->reader, NULL, reader_main, channel) == 0);
	return channel;
}

void channel_free(struct channel **channel)
{
	struct channel *gone = *channel;

	if (gone == NULL)
		return;
	pthread_mutex_lock(&gone->mutex);
	gone->is_closing = true;
	set_peer(gone, -1);
	pthread_mutex_unlock(&gone->mutex);
	pthread_join(gone->reader, NULL);
	close(gone->wake_fd);
	pthread_mutex_destroy(&gone->mutex);
	op_free(&gone->op);
	free(gone->in.p);
	free(gone->out.p);
	free(gone);
	*channel = NULL;
}

void channel_replace(struct channel *channel, int own_fd)
{
	pthread_mutex_lock(&channel->mutex);
	set_peer(channel, own_fd);
	pthread_mutex_unlock(&channel->mutex);
}

bool channel_is_up(struct channel *channel)
{
	pthread_mutex_lock(&channel->mutex);
	bool is_up = channel->fd >= 0;
	pthread_mutex_unlock(&channel->mutex);
	return is_up;
}

unsigned channel_load(struct channel *channel)
{
	pthread_mutex_lock(&channel->mutex);
	unsigned load = channel->owed;
	pthread_mutex_unlock(&channel->mutex);
	return load;
}

int64_t channel_quiet_ms(struct channel *channel)
{
	pthread_mutex_lock(&channel->mutex);
	int64_t quiet_ms = channel->owed == 0 ? 0 : clock_monotonic_ms() - channel->quiet_since_ms;
	pthread_mutex_unlock(&channel->mutex);
	return quiet_ms;
}
