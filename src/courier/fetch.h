/*
 * One HTTP GET to one vetted address (libcurl multi on the courier's event
 * loop). Not here: names, policy, redirects, deadlines; whoever calls brings
 * the address and ends a fetch that takes too long.
 *
 * libcurl asks no resolver, and the socket is compared with the vetted address
 * once more before it is connected (R3). No proxy, netrc, cookie, credential or
 * decompression; what a server may send is capped before it is kept (R6).
 */
#pragma once

#include <event2/event.h>

#include "base/limits.h"
#include "courier/address.h"
#include "courier/redirect.h"

struct fetcher;

struct fetcher *fetcher_new(struct event_base *base);
void fetcher_free(struct fetcher **fetcher);

enum fetch_end {
	FETCH_ANSWERED,      /* a status, and the body when it is 200 */
	FETCH_NOT_CONNECTED, /* another address of the host may do */
	FETCH_BROKEN,        /* connected, but no answer came of it */
	FETCH_UNUSABLE       /* an answer that is not HTTP, or too big */
};

struct fetch_answer {
	enum fetch_end end;
	const char *why; /* "refused", "closed it without an answer"; NULL for FETCH_ANSWERED */
	unsigned status;
	uint8_t body[LIMIT_PROBE_BODY];
	size_t body_n;
	bool is_body_cut;
	uint8_t location[LIMIT_PROBE_URL + 1]; /* one more than may be used: then it is too long */
	size_t location_n;
	unsigned n_locations;
};

/*
 * `connect_ms`: until FETCH_NOT_CONNECTED. `done` runs once, later, from the
 * event loop; the fetch is gone by then, its answer lives in the op's arena.
 * After fetch_cancel() it does not run.
 */
struct fetch;
typedef void fetch_done(void *arg, const struct fetch_answer *answer);
struct fetch *fetch_start(struct op *op, struct fetcher *fetcher, const struct target *target,
			  const union address *address, int64_t connect_ms, fetch_done *done, void *arg);
void fetch_cancel(struct fetch **fetch);
