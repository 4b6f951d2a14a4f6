/*
 * Everything outbound, from the asking side. The courier process resolves
 * (c-ares), vets every address against the policy, connects to exactly the
 * vetted address (libcurl with pinned resolution), follows redirects by hand
 * under the same policy, and reports what it saw as evidence. It has no store
 * and no keys. Rows R1-R7.
 */
#pragma once

#include "base/config.h"

struct courier;

/* `recycle` is called when the courier hangs, from its reader thread and once per attached socket. It may be NULL. */
struct courier *courier_new(void (*recycle)(void *arg), void *arg);
void courier_free(struct courier **courier);
/* Takes the socket; -1: no courier now. */
void courier_attach(struct courier *courier, int own_fd);
bool courier_is_up(struct courier *courier);

enum probe_outcome {
	PROBE_ANSWERED,   /* an HTTP answer with status 200; body in it */
	PROBE_DNS,        /* no address: NXDOMAIN, SERVFAIL, timeout, no vetted address because none exists */
	PROBE_CONNECTION, /* refused, timed out, reset, TLS of a redirect failed */
	PROBE_RESPONSE,   /* an answer, but not a usable one: status, size, redirect not followed */
	PROBE_DENIED      /* address policy forbids every address of the name, or a redirect's target */
};

struct probe_reply {
	enum probe_outcome outcome;
	const char *detail;      /* for people; printable, no body bytes after a redirect (R5) */
	unsigned status;         /* HTTP status, 0 if none */
	struct bytes body;       /* at most LIMIT_PROBE_BODY bytes */
	bool is_body_cut;        /* there was more */
	bool is_redirected;      /* `body` is that of another URL: compare it, show nothing of it (R5) */
	const char *evidence;    /* canonical JSON: resolver, addresses, chain of URLs, address used, times in ms */
};

/*
 * GET http://HOST:PORT/.well-known/acme-challenge/TOKEN with the port that the
 * configuration gives for validation (80 but for tests). `done` runs once, on
 * the courier's reader thread; `reply` is valid during the call. `reply` NULL:
 * the courier is gone or hangs; try again (`failed` says why).
 *
 * Fails, and `done` does not run: ERR_MALFORMED for a host that is no DNS name
 * (R1) or a token that is not base64url; ERR_BUSY without a courier.
 */
typedef void courier_done(void *arg, const struct probe_reply *reply, const char *failed);
result courier_http01(struct op *op, struct courier *courier, const char *host, const char *token, courier_done *done,
		      void *arg);

/*
 * A call to a service that the operator has named: by https, with the server's
 * certificate verified. What holds for probes does not hold here (a private
 * address is as good as any), but nothing is followed, kept or decompressed
 * either: one request, one connection, one answer.
 */
struct courier_header {
	const char *name, *value;
};

struct courier_request {
	const char *method;                    /* "GET" or "POST" */
	const char *url;                       /* https */
	const struct courier_header *headers;
	unsigned n_headers;
	struct bytes body;                     /* of a POST */
	const char *proxy;                     /* "http://proxy.example:3128"; NULL: none */
	struct bytes trust;                    /* PEM of those who may vouch for the server; empty: the system's */
	int64_t timeout_ms;                    /* for all of it */
	size_t body_limit;                     /* of the answer; at most LIMIT_CALL_BODY */
};

struct courier_response {
	unsigned status;
	const char *content_type, *retry_after; /* NULL: the header is not there, or more than once */
	struct bytes body;
};

/*
 * Blocks until the answer is there, whatever its status, for at most the timeout
 * or until op's deadline. op's arena is wiped when it is freed: requests carry
 * credentials. ERR_BACKEND: the service could not be reached, is not who it
 * should be, or sent no answer within the limits; ERR_BUSY: there is no courier
 * now, or it has too much to do; ERR_MALFORMED: a request that cannot be made.
 */
result courier_call(struct op *op, struct courier *courier, const struct courier_request *request,
		    struct courier_response *out);

/* Tests only: how long a probe may take, in place of LIMIT_PROBE_MS. */
void courier_fix_limit(struct courier *courier, int64_t probe_ms);

/* The courier process: config of DIR, socket ROLE_FD; libevent. Exit status. */
int courier_main(const char *dir);
