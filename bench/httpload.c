/*
 * httpload HOST PORT REQUESTFILE CONNECTIONS SECONDS [BYTES]
 *
 * Sends the same HTTP/1.1 request over and over on kept connections, one at a
 * time on each, from one thread, and prints how many whole answers came per
 * second and how many went wrong (another status than the first, a short
 * answer, a lost connection). With BYTES the file has many requests of that
 * size, each is sent once, and it ends with the last of them. Plain HTTP; numeric IPv4 address; the server must
 * answer with Content-Length. Meant for ratios between two servers in one run,
 * so that its own cost is in both.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

#define REQUESTS_MAX 67108864 /* of a whole file */
#define ANSWER_MAX 1048576
#define EVENTS 256

struct load {
	struct sockaddr_in to;
	char *requests;
	size_t requests_n, request_n; /* all; each */
	size_t next;                  /* where in them the next one begins */
	bool is_once;
	unsigned n_asked;             /* that have no answer yet */
	char *answer;  /* one buffer: an answer is looked at when it is whole */
	int epoll;
	int status;    /* of the first answer */
	uint64_t answers, errors, bytes;
};

struct connection {
	int fd;
	size_t got, expected; /* bytes of the answer; 0: its head is not complete */
	char head[4096];      /* its beginning */
};

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "httpload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ask(struct load *load, struct connection *c)
{
	c->got = c->expected = 0;
	if (load->next + load->request_n > load->requests_n) {
		if (load->is_once)
			return;
		load->next = 0;
	}
	if (send(c->fd, load->requests + load->next, load->request_n, MSG_NOSIGNAL) != (ssize_t)load->request_n)
		die("send");
	load->next += load->request_n;
	load->n_asked++;
}

static void open_connection(struct load *load, struct connection *c)
{
	const int on = 1;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&load->to, sizeof load->to) != 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
		die("epoll_ctl");
	ask(load, c);
}

/* How long the answer is in all, once its head is there; 0 before. */
static size_t length_of(struct load *load, struct connection *c, size_t head_n)
{
	const char *end = memmem(c->head, head_n, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	const char *length = memmem(c->head, (size_t)(end - c->head), "Content-Length:", 15);
	int status = head_n > 12 ? (c->head[9] - '0') * 100 + (c->head[10] - '0') * 10 + (c->head[11] - '0') : 0;

	if (load->status == 0)
		load->status = status;
	if (status != load->status || length == NULL)
		load->errors++;
	size_t body_n = length == NULL ? 0 : strtoul(length + 15, NULL, 10);
	return (size_t)(end - c->head) + 4 + body_n;
}

static void take(struct load *load, struct connection *c)
{
	ssize_t n = recv(c->fd, load->answer, ANSWER_MAX, MSG_DONTWAIT);

	if (n <= 0) {
		/* Servers end a connection after many requests; without an answer begun that is no error. */
		load->errors += c->got > 0;
		load->n_asked--;
		close(c->fd);
		open_connection(load, c);
		return;
	}
	if (c->got < sizeof c->head) {
		size_t room = sizeof c->head - c->got;
		memcpy(c->head + c->got, load->answer, (size_t)n < room ? (size_t)n : room);
	}
	c->got += (size_t)n;
	if (c->expected == 0)
		c->expected = length_of(load, c, c->got < sizeof c->head ? c->got : sizeof c->head);
	if (c->expected == 0 || c->got < c->expected)
		return;
	load->errors += c->got > c->expected;
	load->answers++;
	load->n_asked--;
	load->bytes += c->got;
	ask(load, c);
}

static void run_until(struct load *load, double until_s)
{
	struct epoll_event events[EVENTS];

	while (now_s() < until_s && load->n_asked > 0) {
		int n = epoll_wait(load->epoll, events, EVENTS, 100);
		for (int i = 0; i < n; i++)
			take(load, events[i].data.ptr);
	}
}

static void read_requests(struct load *load, const char *path)
{
	FILE *file = fopen(path, "rb");

	load->requests = malloc(REQUESTS_MAX);
	if (file == NULL || load->requests == NULL)
		die(path);
	load->requests_n = fread(load->requests, 1, REQUESTS_MAX, file);
	load->request_n = load->requests_n;
	fclose(file);
}

static uint64_t number(const char *text, uint64_t max)
{
	uint64_t value;

	if (!text_parse_u64(text, 1, max, &value)) {
		fprintf(stderr, "httpload: %s is no number from 1 to %llu\n", text, (unsigned long long)max);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static struct load load = { .to = { .sin_family = AF_INET } };

	if (argc < 6 || argc > 7 || inet_pton(AF_INET, argv[1], &load.to.sin_addr) != 1) {
		fprintf(stderr, "usage: httpload ADDRESS PORT REQUESTFILE CONNECTIONS SECONDS [BYTES]\n");
		return 2;
	}
	load.to.sin_port = htons((uint16_t)number(argv[2], 65535));
	read_requests(&load, argv[3]);
	if (argc == 7) {
		load.is_once = true;
		load.request_n = (size_t)number(argv[6], REQUESTS_MAX);
	}
	size_t connections = (size_t)number(argv[4], 10000);
	double seconds = (double)number(argv[5], 3600);
	load.answer = malloc(ANSWER_MAX);
	struct connection *all = calloc(connections, sizeof *all);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.answer == NULL || all == NULL || load.epoll < 0)
		die("start");

	for (size_t i = 0; i < connections; i++)
		open_connection(&load, &all[i]);
	double start_s = now_s();
	run_until(&load, start_s + seconds);
	double took_s = now_s() - start_s;
	printf("status %d requests %.0f/s bytes %.0f/s errors %llu\n", load.status, (double)load.answers / took_s,
	       (double)load.bytes / took_s, (unsigned long long)load.errors);
	free(load.requests);
	free(load.answer);
	free(all);
	return load.answers > 0 && load.errors == 0 ? 0 : 1;
}
