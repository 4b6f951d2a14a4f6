/*
 * A real front on free ports of the loopback, with routes that show each way of
 * answering, and small clients for it. Clients block, and give up after 20 s so
 * that a mistake fails the test instead of hanging it.
 */
#pragma once

#include "check.h"

#include <openssl/ssl.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "server/front.h"

#define LARGE_BODY 3000000
#define MUTUAL_HOST "mutual.example" /* named by a client on https_port: it is asked for a certificate */

struct fixture {
	struct op *op;
	struct routes *routes;
	struct lane *lane;
	struct front *front;
	unsigned http_port, https_port, mutual_port;
	char folder[64], local_path[96];
	/* GET /hold posts `held` and waits for `release`. */
	sem_t held, release;
	atomic_int pins; /* taken by GET /fast and not given back */
};

/* One lane thread, one place in its queue, one loop, unless `config` says otherwise. */
void fixture_start(struct fixture *fixture, struct front_config config);
void fixture_stop(struct fixture *fixture);
/* The same in two parts: jobs of the lane may run in between. */
void fixture_free_front(struct fixture *fixture);
void fixture_free_rest(struct fixture *fixture);

void fixture_wait_held(struct fixture *fixture);
void fixture_wait_queued(struct fixture *fixture, unsigned queued);
void fixture_wait_open(struct fixture *fixture, unsigned connections);

struct client {
	int fd;
	SSL *ssl;
	uint8_t *bytes; /* received and not yet read as an answer */
	size_t n, capacity;
};

struct answer {
	int status;
	char head[4096];
	char body[4096]; /* its beginning; NUL-terminated */
	size_t body_n;
};

void client_open(struct client *client, unsigned port);
void client_open_local(struct client *client, const char *path);
/* Continues with a handshake of exactly that version, or any with 0. False: refused. */
bool client_start_tls(struct client *client, int version);
void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, const void *p, size_t n);
/* One whole answer; `to_head`: of a HEAD request, without a body. */
void client_read(struct client *client, bool to_head, struct answer *answer);
/* The server ends the connection and sends nothing more. */
void client_assert_closed(struct client *client);
void client_close(struct client *client);

/* client_send, then client_read. */
void client_ask(struct client *client, const char *request, struct answer *answer);
/* On a connection of its own. */
void fixture_ask(struct fixture *fixture, const char *request, struct answer *answer);
/* The value of a header of the answer, up to its line's end; "" when it is absent. */
const char *answer_header(const struct answer *answer, const char *name, char value[256]);
