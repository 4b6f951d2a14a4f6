/* Puts the front together: loops and what they share. The work is in loop.c and below. */
#include "server/front.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/listener.h"
#include "server/loop.h"

struct front {
	struct shared shared;
	struct loop **loops; /* made with the first listener */
	bool is_started;
	char *local_path; /* of the UNIX socket, to remove it in the end */
};

static void default_to(int64_t *value, int64_t limit)
{
	if (*value == 0)
		*value = limit;
}

struct front *front_new(const struct front_config *config)
{
	ASSERT(config->loops > 0 && config->connections > 0 && config->connections_per_address > 0);
	struct front *front = calloc(1, sizeof *front);
	ASSERT(front != NULL);
	struct front_config *own = &front->shared.config;
	*own = *config;
	default_to(&own->head_ms, LIMIT_HEAD_MS);
	default_to(&own->request_ms, LIMIT_REQUEST_MS);
	default_to(&own->idle_ms, LIMIT_IDLE_MS);
	default_to(&own->handshake_ms, LIMIT_HANDSHAKE_MS);
	front->shared.tls = tls_new();
	front->shared.admission = admission_new(config->connections, config->connections_per_address);
	front->loops = calloc(config->loops, sizeof *front->loops);
	ASSERT(front->loops != NULL);
	return front;
}

static result make_loops(struct op *op, struct front *front)
{
	for (unsigned i = 0; i < front->shared.config.loops; i++)
		if (front->loops[i] == NULL)
			TRY(loop_new(op, &front->shared, &front->loops[i]));
	return OK;
}

/*
 * A port that loops share could be shared with a second server as well, which
 * would then take half of the requests. A socket that does not share finds out.
 */
static result check_port_is_free(struct op *op, const char *address)
{
	int probe;
	unsigned port;

	TRY(listener_open_tcp(op, address, false, &probe, &port));
	close(probe);
	return OK;
}

/* The text of `address` with the port that its first socket got. */
static const char *with_port(struct op *op, const char *address, unsigned port)
{
	const char *colon = strrchr(address, ':');
	return arena_printf(op->arena, "%.*s:%u", (int)(colon - address), address, port);
}

result front_listen(struct op *op, struct front *front, enum listener_kind kind, const char *address, unsigned *port)
{
	ASSERT(!front->is_started && (kind == ON_HTTP || (kind & ON_TLS) != 0));
	bool is_shared = front->shared.config.loops > 1;

	TRY(make_loops(op, front));
	if (is_shared)
		TRY(check_port_is_free(op, address));
	for (unsigned i = 0; i < front->shared.config.loops; i++) {
		int fd;
		TRY(listener_open_tcp(op, address, is_shared, &fd, port));
		listener_add(front->loops[i], kind, fd);
		address = with_port(op, address, *port);
	}
	return OK;
}

result front_listen_local(struct op *op, struct front *front, const char *path)
{
	ASSERT(!front->is_started && front->local_path == NULL);
	int fd;

	TRY(make_loops(op, front));
	TRY(listener_open_local(op, path, &fd));
	listener_add(front->loops[0], ON_LOCAL, fd);
	front->local_path = strdup(path);
	ASSERT(front->local_path != NULL);
	return OK;
}

void front_set_mutual_host(struct front *front, const char *host)
{
	ASSERT(!front->is_started);
	tls_set_mutual_host(front->shared.tls, host);
}

result front_set_certificate(struct op *op, struct front *front, STACK_OF(X509) * chain, EVP_PKEY *key)
{
	return tls_set_certificate(op, front->shared.tls, chain, key);
}

result front_start(struct op *op, struct front *front)
{
	ASSERT(!front->is_started);
	TRY(make_loops(op, front));
	front->is_started = true;
	for (unsigned i = 0; i < front->shared.config.loops; i++)
		TRY(loop_start(op, front->loops[i], i));
	return OK;
}

void front_drain(struct front *front, int64_t limit_ms)
{
	if (!front->is_started)
		return;
	for (unsigned i = 0; i < front->shared.config.loops; i++)
		loop_drain(front->loops[i], clock_monotonic_ms() + limit_ms);
	for (unsigned i = 0; i < front->shared.config.loops; i++)
		loop_join(front->loops[i]);
}

void front_free(struct front **front_p)
{
	struct front *front = *front_p;
	if (front == NULL)
		return;

	front_drain(front, 0);
	for (unsigned i = 0; i < front->shared.config.loops; i++)
		loop_free(&front->loops[i]);
	free(front->loops);
	if (front->local_path != NULL)
		unlink(front->local_path);
	free(front->local_path);
	tls_free(&front->shared.tls);
	admission_free(&front->shared.admission);
	free(front);
	*front_p = NULL;
}

static uint64_t counted(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

void front_read_state(struct front *front, struct front_state *out)
{
	*out = (struct front_state){ .open_connections = admission_count(front->shared.admission) };
	for (unsigned i = 0; i < front->shared.config.loops; i++) {
		if (front->loops[i] == NULL)
			continue;
		const struct loop_counts *counts = &front->loops[i]->counts;
		out->accepted += counted(&counts->accepted);
		out->refused_connections += counted(&counts->refused_connections);
		out->requests += counted(&counts->requests);
		out->bad_requests += counted(&counts->bad_requests);
		out->busy += counted(&counts->busy);
	}
}
