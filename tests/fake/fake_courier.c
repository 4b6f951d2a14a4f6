/* The courier of tests: see fake_courier.h. */
#include "tests/fake/fake_courier.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define WAITING_MAX 1024

struct courier {
	int unused;
};

struct waiting {
	char host[256], token[64];
	courier_done *done;
	void *arg;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct waiting waiting[WAITING_MAX];
static unsigned n_waiting;
static bool is_gone;
static fake_courier_service *service;
static void *service_arg;

struct courier *courier_new(void (*recycle)(void *arg) UNUSED, void *arg UNUSED)
{
	struct courier *courier = calloc(1, sizeof *courier);
	ASSERT(courier != NULL);
	return courier;
}

void courier_free(struct courier **courier)
{
	if (*courier == NULL)
		return;
	while (fake_courier_waiting() > 0)
		fake_courier_answer(NULL);
	free(*courier);
	*courier = NULL;
}

void courier_attach(struct courier *courier UNUSED, int own_fd UNUSED)
{
}

bool courier_is_up(struct courier *courier UNUSED)
{
	return !is_gone;
}

result courier_http01(struct op *op, struct courier *courier UNUSED, const char *host, const char *token,
		      courier_done *done, void *arg)
{
	pthread_mutex_lock(&mutex);
	bool is_taken = !is_gone && n_waiting < WAITING_MAX;
	if (is_taken) {
		struct waiting *w = &waiting[n_waiting++];
		ASSERT(text_copy(w->host, sizeof w->host, host) && text_copy(w->token, sizeof w->token, token));
		w->done = done;
		w->arg = arg;
	}
	pthread_mutex_unlock(&mutex);
	return is_taken ? OK : FAIL(op, ERR_BUSY, "the courier is gone");
}

result courier_call(struct op *op, struct courier *courier UNUSED, const struct courier_request *request,
		    struct courier_response *out)
{
	if (is_gone || service == NULL)
		return FAIL(op, ERR_BUSY, "the courier is gone");
	return service(op, service_arg, request, out);
}

void fake_courier_serve(fake_courier_service *by, void *arg)
{
	service = by;
	service_arg = arg;
}

unsigned fake_courier_waiting(void)
{
	pthread_mutex_lock(&mutex);
	unsigned n = n_waiting;
	pthread_mutex_unlock(&mutex);
	return n;
}

const char *fake_courier_host(unsigned i)
{
	ASSERT(i < fake_courier_waiting());
	return waiting[i].host;
}

const char *fake_courier_token(unsigned i)
{
	ASSERT(i < fake_courier_waiting());
	return waiting[i].token;
}

void fake_courier_answer(const struct probe_reply *reply)
{
	pthread_mutex_lock(&mutex);
	ASSERT(n_waiting > 0);
	struct waiting first = waiting[0];
	n_waiting--;
	memmove(waiting, waiting + 1, n_waiting * sizeof *waiting);
	pthread_mutex_unlock(&mutex);
	first.done(first.arg, reply, reply == NULL ? "the courier is gone" : NULL);
}

void fake_courier_set_gone(bool gone)
{
	pthread_mutex_lock(&mutex);
	is_gone = gone;
	pthread_mutex_unlock(&mutex);
}
