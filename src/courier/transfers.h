/*
 * libcurl's transfers on the courier's event loop: sockets and timers of a multi
 * handle, and who is told when a transfer is over. What a transfer asks for and
 * may take is its owner's business.
 */
#pragma once

#include <curl/curl.h>
#include <event2/event.h>

/* Option names are checked against their argument types by curl.h; a refusal at run time would be our bug. */
#define SET(easy, option, value) ASSERT(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

struct transfers;

struct transfers *transfers_new(struct event_base *base);
/* None may be under way. */
void transfers_free(struct transfers **transfers);

/* Part of its owner. CURLOPT_PRIVATE of `easy` is ours. */
struct transfer {
	CURL *easy;
	void (*done)(void *arg, CURLcode code); /* once, later, from the event loop; `easy` has left the loop then */
	void *arg;
};

void transfer_start(struct transfers *transfers, struct transfer *transfer);
/* Takes it off the loop before it is over; `done` does not run. */
void transfer_cancel(struct transfers *transfers, struct transfer *transfer);
