/*
 * libcurl under libevent. A transfer belongs to its owner from the first byte to
 * the last; here it is a handle with sockets and a time.
 */
#include "courier/transfers.h"

#include <stdlib.h>

#include "base/op.h"

#define SET_MULTI(multi, option, value) ASSERT(curl_multi_setopt((multi), (option), (value)) == CURLM_OK)

struct transfers {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
};

/* `done` may start another transfer; so each message is used up before it runs. */
static void collect_finished(struct transfers *transfers)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
		CURLcode code = message->data.result;
		struct transfer *transfer;
		char *private = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		ASSERT(private != NULL);
		transfer = (struct transfer *)(void *)private;
		curl_multi_remove_handle(transfers->multi, transfer->easy);
		transfer->done(transfer->arg, code);
	}
}

static void on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct transfers *transfers = arg;
	int mask = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	curl_multi_socket_action(transfers->multi, fd, mask, &running);
	collect_finished(transfers);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct transfers *transfers = arg;
	int running;

	curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_finished(transfers);
}

static int set_timer(CURLM *multi UNUSED, long after_ms, void *arg)
{
	struct transfers *transfers = arg;
	struct timeval after = { after_ms / 1000, after_ms % 1000 * 1000 };

	if (after_ms < 0)
		event_del(transfers->timer);
	else
		event_add(transfers->timer, &after);
	return 0;
}

static int watch_socket(CURL *easy UNUSED, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct transfers *transfers = arg;
	struct event *event = socket_arg;
	short events = EV_PERSIST;

	if (event != NULL)
		event_free(event);
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(transfers->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	event = event_new(transfers->base, fd, events, on_socket_ready, transfers);
	ASSERT(event != NULL && event_add(event, NULL) == 0);
	curl_multi_assign(transfers->multi, fd, event);
	return 0;
}

struct transfers *transfers_new(struct event_base *base)
{
	struct transfers *transfers = calloc(1, sizeof(*transfers));

	ASSERT(transfers != NULL && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	transfers->base = base;
	transfers->multi = curl_multi_init();
	transfers->timer = evtimer_new(base, on_timer, transfers);
	ASSERT(transfers->multi != NULL && transfers->timer != NULL);
	SET_MULTI(transfers->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	SET_MULTI(transfers->multi, CURLMOPT_SOCKETDATA, transfers);
	SET_MULTI(transfers->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	SET_MULTI(transfers->multi, CURLMOPT_TIMERDATA, transfers);
	return transfers;
}

void transfers_free(struct transfers **transfers)
{
	if (*transfers == NULL)
		return;
	curl_multi_cleanup((*transfers)->multi);
	event_free((*transfers)->timer);
	free(*transfers);
	curl_global_cleanup();
	*transfers = NULL;
}

void transfer_start(struct transfers *transfers, struct transfer *transfer)
{
	SET(transfer->easy, CURLOPT_PRIVATE, transfer);
	ASSERT(curl_multi_add_handle(transfers->multi, transfer->easy) == CURLM_OK);
}

void transfer_cancel(struct transfers *transfers, struct transfer *transfer)
{
	curl_multi_remove_handle(transfers->multi, transfer->easy);
}
