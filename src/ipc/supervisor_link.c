/* The server's end of the supervisor's socket: a thread that reads it and calls what the server gave. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/supervisor_wire.h"

struct supervisor_link {
	int fd;
	pthread_t thread;
	struct supervisor_events events;
};

static void take_peer(struct op *op, struct supervisor_link *link, struct bytes payload, int own_fd)
{
	enum peer_kind kind;
	unsigned index;

	if (own_fd < 0 || supervisor_wire_parse_peer(op, payload, &kind, &index).err != ERR_NONE) {
		log_error(op, "supervisor.malformed", "a peer was announced without a socket or in a wrong form");
		if (own_fd >= 0)
			close(own_fd);
		return;
	}
	link->events.peer(link->events.arg, kind, index, own_fd);
}

static void take_frame(struct op *op, struct supervisor_link *link, const struct frame *frame, int own_fd)
{
	if (frame->type == SUPERVISOR_PEER) {
		take_peer(op, link, frame->payload, own_fd);
		return;
	}
	if (own_fd >= 0)
		close(own_fd);
	if (frame->type == SUPERVISOR_RELOAD)
		link->events.reload(link->events.arg);
	else if (frame->type == SUPERVISOR_STOP)
		link->events.stop(link->events.arg);
	else
		log_error(op, "supervisor.malformed", "frame type %u from the supervisor", frame->type);
}

static void *link_main(void *arg)
{
	struct supervisor_link *link = arg;
	bool is_open = true;

	while (is_open) {
		struct op *op = op_new();
		struct frame frame;
		int own_fd;
		is_open = supervisor_wire_read(op, link->fd, &frame, &own_fd).err == ERR_NONE;
		if (is_open)
			take_frame(op, link, &frame, own_fd);
		op_free(&op);
	}
	/* The supervisor is gone, or we are closing the link; the second stop of two changes nothing. */
	link->events.stop(link->events.arg);
	return NULL;
}

struct supervisor_link *supervisor_link_open(int own_fd, const struct supervisor_events *events)
{
	struct supervisor_link *link = calloc(1, sizeof(*link));

	ASSERT(link != NULL);
	link->fd = own_fd;
	link->events = *events;
	ASSERT(pthread_create(&link->thread, NULL, link_main, link) == 0);
	return link;
}

/* A failure to reach the supervisor shows by itself: the reading thread sees the end and stops the server. */
static void tell(struct supervisor_link *link, enum supervisor_frame type, struct op *op, struct bytes payload)
{
	if (supervisor_wire_send(op, link->fd, type, payload, -1).err != ERR_NONE)
		log_failure(op, "supervisor.unreachable");
}

void supervisor_link_ready(struct supervisor_link *link)
{
	struct op *op = op_new();

	tell(link, SUPERVISOR_READY, op, BYTES_NONE);
	op_free(&op);
}

void supervisor_link_recycle(struct supervisor_link *link, enum peer_kind kind, unsigned index)
{
	struct op *op = op_new();

	tell(link, SUPERVISOR_RECYCLE, op, supervisor_wire_peer(op, kind, index));
	op_free(&op);
}

void supervisor_link_close(struct supervisor_link **link)
{
	struct supervisor_link *gone = *link;

	if (gone == NULL)
		return;
	shutdown(gone->fd, SHUT_RDWR);
	pthread_join(gone->thread, NULL);
	close(gone->fd);
	free(gone);
	*link = NULL;
}
