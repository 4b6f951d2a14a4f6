/*
 * The parts of the server process, put together by server_role.c: what each of
 * its helpers needs to see.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "ca/authority.h"
#include "ca/follow.h"
#include "ca/steward.h"
#include "ipc/supervisor.h"
#include "protocols/list.h"
#include "server/front.h"

struct server {
	const char *dir;
	struct config *config;          /* the first one; later ones live in the authority */
	struct token *token;            /* until the authority has it */
	struct courier *courier;        /* likewise */
	pthread_mutex_t peers_mutex;    /* guards the next two: the supervisor's events attach to them */
	struct token *signers;          /* borrowed; NULL on the way down */
	struct courier *outbound;
	struct authority *authority;
	struct lane *lanes[LANE_COUNT];
	struct routes *routes;
	struct front *front;
	struct steward *steward;
	struct follower *follower;      /* NULL: no other node has the store */
	struct supervisor_link *link;
	void *protocol_states[PROTOCOLS_MAX];
	atomic_bool is_serving;         /* from the end of the start to the beginning of the stop: events may use the lanes */
	int64_t certificate_until_s;    /* end of the front's own certificate */
	int stop_fd;                    /* eventfd: written by SIGTERM's event */
};

/* front_certificate.c: issues the front its certificate when it has none or it is past two thirds of its life. */
result front_certificate_renew(struct op *op, struct server *server);
void front_certificate_add_task(struct server *server);

/* health.c: /healthz and /readyz on all listeners. */
void health_routes_add(struct server *server);
