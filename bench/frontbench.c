/*
 * frontbench PORT BODYFILE [lane]
 *
 * The front alone, with one loop and one answer: GET / gives the bytes of
 * BODYFILE from a fast handler, or through a lane. What httpload is pointed at to
 * compare the front with a server of files. Ends with standard input.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "server/front.h"

static void fill(const struct call *call, struct reply *reply)
{
	const struct bytes *body = call->endpoint;

	reply->status = 200;
	reply->content_type = "application/ocsp-response";
	reply->body = *body;
}

static bool answer_fast(struct op *op, const struct call *call, struct reply *reply, struct fast_pin *pin)
{
	(void)op;
	(void)pin;
	fill(call, reply);
	return true;
}

static result answer(struct op *op, const struct call *call, struct reply *reply)
{
	(void)op;
	fill(call, reply);
	return OK;
}

static result start(struct op *op, struct front *front, const char *port)
{
	unsigned got;

	TRY(front_listen(op, front, ON_HTTP, arena_printf(op->arena, "127.0.0.1:%s", port), &got));
	return front_start(op, front);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: frontbench PORT BODYFILE [lane]\n");
		return 2;
	}
	struct op *op = op_new();
	struct bytes body;
	struct routes *routes = routes_new();
	struct lane *lane = lane_new("read", 1, 1024);
	struct front_config config = { .loops = 1, .connections = 10000, .connections_per_address = 10000,
				       .lanes = { lane, lane, lane }, .routes = routes };
	struct front *front = front_new(&config);
	char byte;

	log_open("frontbench", LOG_LEVEL_INFO);
	routes_add(routes, &(struct route){ .pattern = "/", .listeners = ON_HTTP, .get = true, .head = true,
					    .handler = answer, .fast = argc == 3 ? answer_fast : NULL,
					    .endpoint = &body });
	if (files_read(op, argv[2], 1048576, &body).err == ERR_NONE && start(op, front, argv[1]).err == ERR_NONE) {
		while (read(STDIN_FILENO, &byte, 1) > 0)
			;
	} else {
		fprintf(stderr, "frontbench: %s\n", op->detail);
	}
	front_free(&front);
	lane_free(&lane);
	routes_free(&routes);
	op_free(&op);
	return 0;
}
