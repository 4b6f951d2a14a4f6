/*
 * A loop wakes for sockets, for its mailbox, and for a tick that ends what is
 * overdue. One walk over all connections a few times a second costs less than a
 * timer per connection, and nothing at all per request.
 */
#include "server/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/connection.h"
#include "server/listener.h"

#define LARGEST_TICK_MS 250
#define DRAIN_TICK_MS 5
#define SPARE_EXCHANGES 64 /* kept for the next requests; about 7 KiB each */

void loop_notice_time(struct loop *loop)
{
	loop->now_ms = clock_monotonic_ms();
}

const char *loop_date(struct loop *loop)
{
	int64_t now_s = clock_now_s();

	if (now_s != loop->date_s) {
		struct arena *arena = arena_new();
		memccpy(loop->date, clock_http_date(arena, now_s), '\0', sizeof loop->date - 1);
		arena_free(&arena);
		loop->date_s = now_s;
	}
	return loop->date;
}

struct exchange *loop_take_exchange(struct loop *loop)
{
	struct exchange *exchange = loop->spare;

	if (exchange == NULL)
		return exchange_new();
	loop->spare = (struct exchange *)exchange->mail.next;
	loop->n_spare--;
	return exchange;
}

void loop_give_exchange(struct loop *loop, struct exchange **own_exchange)
{
	struct exchange *exchange = *own_exchange;

	if (exchange == NULL)
		return;
	if (loop->n_spare == SPARE_EXCHANGES) {
		exchange_free(own_exchange);
		return;
	}
	exchange_reset(exchange);
	exchange->mail.next = (struct mail *)loop->spare; /* its first member */
	loop->spare = exchange;
	loop->n_spare++;
	*own_exchange = NULL;
}

static void end_when_drained(struct loop *loop)
{
	int64_t until_ms = atomic_load(&loop->drain_until_ms);

	if (loop->connections != NULL && loop->now_ms < until_ms)
		return;
	connection_end_all(loop);
	event_base_loopbreak(loop->base);
}

/*
 * Idle connections end with the next tick and not at once: what was accepted in
 * this moment may have its request in the socket already.
 */
static void begin_drain(struct loop *loop)
{
	const struct timeval tick = { .tv_usec = DRAIN_TICK_MS * 1000 };

	loop->is_draining = true;
	listener_close_all(loop);
	ASSERT(event_add(&loop->tick_event, &tick) == 0);
}

static void deliver(struct loop *loop, struct mail *oldest)
{
	while (oldest != NULL) {
		struct exchange *exchange = (struct exchange *)oldest;
		oldest = oldest->next;
		if (exchange->connection != NULL)
			connection_answer(exchange->connection);
		else
			loop_give_exchange(loop, &exchange);
	}
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop_notice_time(loop);
	deliver(loop, mailbox_take(loop->mailbox));
	if (atomic_load(&loop->drain_until_ms) != 0 && !loop->is_draining)
		begin_drain(loop);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop_notice_time(loop);
	connection_sweep(loop);
	listener_resume(loop);
	if (loop->is_draining) {
		connection_end_idle(loop);
		end_when_drained(loop);
	}
}

/* A tenth of the shortest deadline is late enough. */
static struct timeval tick_of(const struct front_config *config)
{
	int64_t ms = LARGEST_TICK_MS;
	const int64_t limits[] = { config->head_ms, config->request_ms, config->idle_ms, config->handshake_ms };

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
		if (limits[i] / 10 < ms)
			ms = limits[i] / 10;
	if (ms < 1)
		ms = 1;
	return (struct timeval){ .tv_usec = (suseconds_t)ms * 1000 };
}

/* Without locks: no other thread touches the base. */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	ASSERT(config != NULL);
	ASSERT(event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

result loop_new(struct op *op, const struct shared *shared, struct loop **out)
{
	struct timeval tick = tick_of(&shared->config);
	struct loop *loop = calloc(1, sizeof *loop);

	ASSERT(loop != NULL);
	loop->shared = shared;
	loop->base = base_new();
	loop->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (loop->base == NULL || loop->reserve < 0) {
		loop_free(&loop);
		return FAIL(op, ERR_BACKEND, "no event loop can be made; raise the limit of open files");
	}
	loop->mailbox = mailbox_new();
	loop->date_s = -1;
	loop_notice_time(loop);
	ASSERT(event_assign(&loop->mail_event, loop->base, mailbox_descriptor(loop->mailbox), EV_READ | EV_PERSIST,
			    on_mail, loop) == 0);
	ASSERT(event_add(&loop->mail_event, NULL) == 0);
	ASSERT(event_assign(&loop->tick_event, loop->base, -1, EV_PERSIST, on_tick, loop) == 0);
	ASSERT(event_add(&loop->tick_event, &tick) == 0);
	*out = loop;
	return OK;
}

static void free_spare(struct loop *loop)
{
	while (loop->spare != NULL) {
		struct exchange *exchange = loop_take_exchange(loop);
		exchange_free(&exchange);
	}
}

void loop_free(struct loop **loop_p)
{
	struct loop *loop = *loop_p;
	if (loop == NULL)
		return;

	listener_close_all(loop);
	connection_end_all(loop);
	if (loop->mailbox != NULL) {
		event_del(&loop->mail_event);
		event_del(&loop->tick_event);
		deliver(loop, mailbox_close(&loop->mailbox));
	}
	free_spare(loop);
	if (loop->base != NULL)
		event_base_free(loop->base);
	if (loop->reserve >= 0)
		close(loop->reserve);
	free(loop);
	*loop_p = NULL;
}

static void *run_loop(void *arg)
{
	struct loop *loop = arg;

	ASSERT(event_base_dispatch(loop->base) >= 0);
	return NULL;
}

/*
 * Signals are for the main thread. SIGPIPE with them: TLS writes by write(2),
 * and the loop learns of a client that has gone by EPIPE.
 */
result loop_start(struct op *op, struct loop *loop, unsigned number)
{
	sigset_t all, before;
	char name[16];

	sigfillset(&all);
	ASSERT(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	int reason = pthread_create(&loop->thread, NULL, run_loop, loop);
	ASSERT(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	if (reason != 0)
		return FAIL(op, ERR_BACKEND, "no thread for an event loop: %s", strerror(reason));
	loop->has_thread = true;
	snprintf(name, sizeof name, "loop-%u", number);
	pthread_setname_np(loop->thread, name);
	return OK;
}

void loop_drain(struct loop *loop, int64_t until_ms)
{
	atomic_store(&loop->drain_until_ms, until_ms);
	mailbox_wake(loop->mailbox);
}

void loop_join(struct loop *loop)
{
	if (!loop->has_thread)
		return;
	ASSERT(pthread_join(loop->thread, NULL) == 0);
	loop->has_thread = false;
}
