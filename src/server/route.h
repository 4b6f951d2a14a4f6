/*
 * Which handler serves which request, on which lane, with which body cap.
 * Matching is on the exact bytes of the path: no decoding, no case folding, no
 * merging of slashes, so that a protocol that is off has no second way in (V12).
 */
#pragma once

#include "server/call.h"

enum lane_name {
	LANE_READ,
	LANE_SIGN,
	LANE_WAIT, /* signs as well, but may ask a service outside first: a slow one must not hold up the others */
	LANE_BATCH,
	LANE_COUNT
};
enum listener_kind {
	ON_HTTP = 1,
	ON_HTTPS = 2,
	ON_LOCAL = 4, /* UNIX socket in the folder */
	ON_MUTUAL = 8 /* HTTPS that asks the client for a certificate, by a port or a name of its own */
};
#define ON_TLS (ON_HTTPS | ON_MUTUAL)

/*
 * A fast handler runs on the loop itself and must not block, lock for long or
 * touch the store. It fills the reply and returns true, or returns false and
 * the request goes to the lane. Bytes in the reply may point into `pin`ned
 * immutable objects: set *pin and the loop calls unpin(*pin) when they are sent.
 */
struct fast_pin {
	void *object;
	void (*unpin)(void *object);
};
typedef bool call_fast_handler(struct op *op, const struct call *call, struct reply *reply, struct fast_pin *pin);

/*
 * Turns the failure that `op` holds into this protocol's own error reply. Where
 * the front itself refuses (405, 411, 413, 415, 417, 503), reply->status holds
 * that status already, for bodies that repeat it; else it is 0.
 */
typedef void call_fail(struct op *op, const struct call *call, struct reply *reply);

/* On which lane this very call is served. Runs on the loop, by the rules of a fast handler; call->endpoint is there. */
typedef enum lane_name call_choose_lane(const struct call *call);

struct route {
	const char *pattern;    /* "/acme/default/order/{id}/finalize"; a last "{rest...}" takes all that follows */
	unsigned listeners;     /* ON_… bits */
	bool get, head, post;   /* other methods: 405 with Allow, in the protocol's error form */
	size_t body_limit;      /* POST bodies; beyond: 413 before it is read */
	enum lane_name lane;
	call_choose_lane *choose_lane; /* NULL: always on `lane` */
	call_handler *handler;   /* NULL: the fast one never declines */
	call_fast_handler *fast; /* NULL: none */
	call_fail *fail;         /* NULL: text/plain */
	void *endpoint;          /* goes into call->endpoint */
};

struct routes;

struct routes *routes_new(void);
void routes_free(struct routes **routes);
/*
 * Copies the row (pattern must be kept alive by the caller). Two rows with one
 * pattern, or a row without any handler: aborts. A "{name}" stands for one segment,
 * and may have a literal end ("{ca}.crl"). Rows with a longer literal beginning are
 * tried first, those with "{rest...}" last among their like.
 */
void routes_add(struct routes *routes, const struct route *row);
/*
 * Finds the row for call->path on a listener and fills call->params and
 * call->endpoint. NULL: no such path. The method is the caller's to check.
 */
const struct route *routes_find(const struct routes *routes, enum listener_kind on, struct call *call);

enum lane_name route_lane(const struct route *route, const struct call *call);
