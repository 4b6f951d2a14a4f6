/*
 * The front: listening sockets, TLS, connections, requests. Loops read one
 * whole bounded request (gate.h), match it (route.h), answer from memory where
 * the route has a fast handler, and hand the rest to a lane.
 *
 * TLS 1.2 and 1.3; no renegotiation, no compression, no 0-RTT (H3).
 *
 * Order of ends: front_drain, front_free, then lane_free, and only then what
 * routes point to, because a job may outlast the front that it came from.
 */
#pragma once

#include <openssl/ssl.h>

#include "server/lane.h"
#include "server/route.h"

struct front;

struct front_config {
	unsigned loops;
	unsigned connections, connections_per_address;
	struct lane *lanes[LANE_COUNT]; /* borrowed; must outlive the front */
	const struct routes *routes;    /* borrowed; must outlive the lanes */
	/* 0: the limit of base/limits.h that has the name. Tests are in more of a hurry. */
	int64_t head_ms, request_ms, idle_ms, handshake_ms;
};

struct front *front_new(const struct front_config *config);

/*
 * "127.0.0.1:8443", "[::1]:8080"; port 0 takes a free one. *port: what it got.
 * Before front_start.
 */
result front_listen(struct op *op, struct front *front, enum listener_kind kind, const char *address, unsigned *port);
/*
 * UNIX socket, mode 0600; peers other than root and our own uid are refused.
 * Replaces a stale one. Before front_start; front_free removes it.
 */
result front_listen_local(struct op *op, struct front *front, const char *path);

/* Connections to ON_HTTPS that name `host` (SNI) are ON_MUTUAL. Before front_start. */
void front_set_mutual_host(struct front *front, const char *host);

/* The certificate (leaf first) and key for handshakes from now on. Any thread. */
result front_set_certificate(struct op *op, struct front *front, STACK_OF(X509) * chain, EVP_PKEY *key);

/* Starts the loop threads; returns at once. */
result front_start(struct op *op, struct front *front);

/* Accepts nothing new, finishes what is under way (at most `limit_ms`), stops the loops. */
void front_drain(struct front *front, int64_t limit_ms);
void front_free(struct front **front);

struct front_state {
	uint64_t accepted;            /* connections */
	uint64_t refused_connections; /* over a cap, or a foreign uid on the UNIX socket */
	uint64_t requests;            /* answered, refused ones included */
	uint64_t bad_requests;        /* of these, refused by the front: 4xx and 5xx of its own but 503 */
	uint64_t busy;                /* of these, 503 because a lane was full */
	unsigned open_connections;    /* over TCP */
};
/* Any thread. */
void front_read_state(struct front *front, struct front_state *out);
