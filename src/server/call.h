/*
 * One request and its reply, as a handler sees them: plain values, no socket.
 * Unit tests and fuzzers call handlers as functions with a struct call of theirs.
 */
#pragma once

#include "base/op.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER };

struct http_header {
	struct bytes name;  /* as sent; compare without case */
	struct bytes value; /* blanks around it removed */
};

#define CALL_PARAMS_MAX 4

struct tls_peer;

struct call {
	enum http_method method;
	struct bytes method_name;       /* "DELETE" for HTTP_OTHER */
	struct bytes target;            /* path and query exactly as the client sent them */
	struct bytes path;              /* target up to '?', still escaped */
	struct bytes query;             /* after '?', or empty */
	struct bytes params[CALL_PARAMS_MAX]; /* what {name} parts of the route matched */
	struct bytes host;              /* Host header */
	bool is_tls;
	const struct tls_peer *peer;    /* ON_MUTUAL only, else NULL (peer.h); lives as long as the call */
	bool is_local_operator;         /* came over the UNIX socket of the folder */
	uint32_t peer_uid;              /* with is_local_operator */
	const struct http_header *headers;
	unsigned n_headers;
	struct bytes body;
	void *endpoint;                 /* the route's; the protocol knows its type */
};

/* First header of that name, case aside; NULL if there is none. */
const struct http_header *call_header(const struct call *call, const char *name);
/* Media type of Content-Type equals `type`, parameters and case aside. */
bool call_has_content_type(const struct call *call, const char *type);

#define REPLY_HEADERS_MAX 16

struct reply {
	int status;
	const char *content_type; /* NULL: no body */
	struct bytes body;        /* in the op's arena, or static */
	struct {
		const char *name;
		const char *value;
	} headers[REPLY_HEADERS_MAX];
	unsigned n_headers;
	bool close; /* end the connection after it */
};

/* Texts are borrowed: static or in the op's arena. */
void reply_header(struct reply *reply, const char *name, const char *value);
void reply_text(struct op *op, struct reply *reply, int status, const char *text); /* text/plain */

/*
 * Serves one request on a lane's worker thread. A failure that it returns
 * becomes the route's error form (struct route.fail).
 */
typedef result call_handler(struct op *op, const struct call *call, struct reply *reply);
