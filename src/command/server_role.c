/*
 * The server process from start to drain: signers and courier attached, the
 * house opened, protocols on their routes, sockets last, so that who can
 * connect is served. The way down is the same in reverse.
 */
#include "command/server_role.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "ca/audit.h"
#include "ca/crl.h"
#include "ca/issue.h"
#include "ca/ocsp.h"
#include "ca/published.h"
#include "command/command.h"
#include "command/lock.h"
#include "ipc/role.h"

#define SIGNER_WAIT_MS 30000
#define START_LIMIT_MS 60000
#define STOP_LIMIT_MS 5000
/* Looks for a store that is away: soon, then less often; and how often that is said. */
#define STORE_PAUSE_FIRST_MS 250
#define STORE_PAUSE_LAST_MS 5000
#define STORE_WORD_MS 60000

/* The supervisor's events come on its link's thread. */
static void on_peer(void *arg, enum peer_kind kind, unsigned index, int own_fd)
{
	struct server *server = arg;
	pthread_mutex_lock(&server->peers_mutex);
	if (server->signers == NULL)
		close(own_fd); /* on the way down */
	else if (kind == PEER_SIGNER)
		token_attach(server->signers, index, own_fd);
	else
		courier_attach(server->outbound, own_fd);
	pthread_mutex_unlock(&server->peers_mutex);
}

/* The link stays open to the end, since the supervisor takes its loss for a crash; token and courier go before. */
static void refuse_peers(struct server *server)
{
	pthread_mutex_lock(&server->peers_mutex);
	server->signers = NULL;
	server->outbound = NULL;
	pthread_mutex_unlock(&server->peers_mutex);
}

static void reload(void *arg)
{
	struct server *server = arg;
	struct op *op = op_new();
	struct config *config;
	result r = config_load(op, server->dir, &config);
	if (r.err == ERR_NONE) {
		r = protocols_check(op, config);
		if (r.err != ERR_NONE)
			config_free(&config);
	}
	if (r.err == ERR_NONE)
		r = authority_reload(op, server->authority, config);
	if (r.err != ERR_NONE) {
		log_warning(op, "config.kept", "the old configuration stays: %s", op->detail);
	} else {
		enum log_level level = LOG_LEVEL_INFO;
		if (log_parse_level(authority_config(server->authority)->log_level, &level))
			log_set_level(level);
		log_info(op, "config.reloaded", "chancery.yaml was read again");
	}
	op_free(&op);
}

static void on_reload(void *arg)
{
	struct server *server = arg;
	if (!atomic_load(&server->is_serving) || !lane_submit(server->lanes[LANE_BATCH], reload, server))
		log_warning(NULL, "config.kept", "SIGHUP came at a bad moment; send it again");
}

static void on_stop(void *arg)
{
	struct server *server = arg;
	uint64_t one = 1;
	while (write(server->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
		continue;
}

static void on_signer_hangs(void *arg, unsigned index)
{
	struct server *server = arg;
	supervisor_link_recycle(server->link, PEER_SIGNER, index);
}

static void on_courier_hangs(void *arg)
{
	struct server *server = arg;
	supervisor_link_recycle(server->link, PEER_COURIER, 0);
}

static result wait_for_token(struct op *op, struct server *server)
{
	int64_t until = clock_monotonic_ms() + SIGNER_WAIT_MS;
	struct pollfd stop = { .fd = server->stop_fd, .events = POLLIN };
	while (!token_is_up(server->signers)) {
		if (poll(&stop, 1, 10) > 0)
			return FAIL(op, ERR_BUSY, "stopped before a signer was up");
		if (clock_monotonic_ms() > until)
			return FAIL(op, ERR_BACKEND, "no signer came up within %d s", SIGNER_WAIT_MS / 1000);
	}
	return OK;
}

/*
 * F3: a database that is away is waited for, without an end: nothing is wrong
 * here that a new start would mend. What it refuses ends the start.
 */
static result wait_for_store(struct op *op, struct server *server)
{
	struct pollfd stop = { .fd = server->stop_fd, .events = POLLIN };
	int64_t pause_ms = STORE_PAUSE_FIRST_MS, next_word_ms = 0;
	for (;;) {
		result r = store_reach(op, server->config->store, server->dir);
		if (r.err != ERR_BUSY)
			return r;
		if (clock_monotonic_ms() >= next_word_ms) {
			log_warning(op, "store.awaited", "the server starts as soon as its store is there: %s", op->detail);
			next_word_ms = clock_monotonic_ms() + STORE_WORD_MS;
		}
		if (poll(&stop, 1, (int)pause_ms) > 0)
			return FAIL(op, ERR_BUSY, "stopped before the store was there");
		op_clear_failure(op);
		pause_ms = pause_ms * 2 < STORE_PAUSE_LAST_MS ? pause_ms * 2 : STORE_PAUSE_LAST_MS;
	}
}

/* F4: nobody is promised what the next failover would lose. */
static result check_failover(struct op *op, const struct authority *a)
{
	return store_may_promise(op, a->store).err == ERR_NONE ? OK : FAIL(op, ERR_POLICY, "%s", op->detail);
}

/* Peers may come before the house is open: token and courier exist first. */
static void connect_peers(struct server *server)
{
	const struct supervisor_events events = { on_peer, on_reload, on_stop, server };
	server->token = server->signers = token_new(server->config->token.signers, on_signer_hangs, server);
	server->courier = server->outbound = courier_new(on_courier_hangs, server);
	server->link = supervisor_link_open(ROLE_FD, &events);
}

static result open_house(struct op *op, struct server *server)
{
	unsigned recovered;
	TRY(authority_open(op, server->config, TAKE(server->token), TAKE(server->courier), &server->authority));
	struct authority *a = server->authority;
	if (a->hierarchy->n == 0)
		return FAIL(op, ERR_NOT_FOUND, "there is no CA in %s: run chancery init first", server->dir);
	TRY(check_failover(op, a));
	TRY(ledger_take_epoch(op, a->ledger)); /* an earlier process of this node writes no more */
	TRY(issue_recover(op, a, true, &recovered));
	published_put_hierarchy(op, a->published, a->hierarchy);
	if (store_is_shared(a->store))
		TRY(follower_open(op, a, &server->follower));
	TRY(crl_refresh(op, a, true));
	TRY(ocsp_signers_open(op, a, &a->ocsp));
	return OK;
}

static void open_lanes(struct server *server)
{
	const struct config_limits *limits = &server->config->limits;
	server->lanes[LANE_READ] = lane_new("read", limits->lane_read, limits->queue_read);
	server->lanes[LANE_SIGN] = lane_new("sign", limits->lane_sign, limits->queue_sign);
	server->lanes[LANE_WAIT] = lane_new("wait", limits->lane_wait, limits->queue_wait);
	server->lanes[LANE_BATCH] = lane_new("batch", limits->lane_batch, limits->queue_batch);
}

static void open_protocols(struct server *server)
{
	const struct protocol_host host = { server->authority, server->steward, server->lanes[LANE_WAIT],
					    server->lanes[LANE_BATCH] };
	for (unsigned i = 0; protocol_list[i].name != NULL; i++) {
		ASSERT(i < PROTOCOLS_MAX);
		protocol_list[i].open(&host, server->routes, &server->protocol_states[i]);
	}
	health_routes_add(server);
}

static const char *listener_name(enum listener_kind kind)
{
	return kind == ON_HTTPS ? "https" : kind == ON_MUTUAL ? "https with client certificates" : "http";
}

static result listen_on(struct op *op, struct server *server, enum listener_kind kind, const struct config_texts *list)
{
	for (unsigned i = 0; i < list->n; i++) {
		unsigned port;
		TRY(front_listen(op, server->front, kind, list->items[i], &port));
		log_info(op, "front.listening", "%s on %s", listener_name(kind), list->items[i]);
	}
	return OK;
}

static result open_front(struct op *op, struct server *server)
{
	const struct config *config = server->config;
	struct front_config front = { .loops = config->limits.loops,
				      .connections = config->limits.connections,
				      .connections_per_address = config->limits.connections_per_address,
				      .routes = server->routes };
	memcpy(front.lanes, server->lanes, sizeof front.lanes);
	server->front = front_new(&front);
	if (config->listen.mutual_host != NULL)
		front_set_mutual_host(server->front, config->listen.mutual_host);
	TRY(front_certificate_renew(op, server));
	TRY(listen_on(op, server, ON_HTTPS, &config->listen.https));
	TRY(listen_on(op, server, ON_MUTUAL, &config->listen.mutual));
	TRY(listen_on(op, server, ON_HTTP, &config->listen.http));
	TRY(front_listen_local(op, server->front, files_join(op->arena, server->dir, "chancery.sock")));
	return front_start(op, server->front);
}

static result record(struct op *op, struct server *server, enum audit_type type)
{
	struct audit_event event = { .type = type, .config_hash = BYTES_ARRAY(authority_config(server->authority)->hash) };
	return authority_record(op, server->authority, &event);
}

static void poke_crl(void *steward)
{
	steward_poke(steward, "crl");
}

static result start(struct op *op, struct server *server)
{
	TRY(wait_for_store(op, server));
	op->deadline_ms = clock_monotonic_ms() + START_LIMIT_MS;
	TRY(wait_for_token(op, server));
	TRY(open_house(op, server));
	TRY(protocols_check(op, server->config));
	open_lanes(server);
	server->routes = routes_new();
	server->steward = steward_new();
	open_protocols(server);
	server->authority->crl_due = poke_crl;
	server->authority->crl_due_arg = server->steward;
	TRY(open_front(op, server));
	front_certificate_add_task(server);
	steward_add_ca(server->steward, server->authority);
	TRY(record(op, server, AUDIT_SERVER_STARTED));
	steward_start(server->steward);
	if (server->follower != NULL)
		follower_start(server->follower);
	atomic_store(&server->is_serving, true);
	supervisor_link_ready(server->link);
	log_info(op, "server.ready", "serving %s as %s", server->dir, config_https_base(op->arena, server->config));
	return OK;
}

static void record_stop(struct server *server)
{
	struct op *op = op_new();
	char *checkpoint;
	op->deadline_ms = clock_monotonic_ms() + STOP_LIMIT_MS;
	if (record(op, server, AUDIT_SERVER_STOPPED).err != ERR_NONE ||
	    audit_checkpoint(op, server->authority, true, &checkpoint).err != ERR_NONE)
		log_failure(op, "server.stop");
	op_free(&op);
}

static void each_protocol(struct server *server, bool is_closing)
{
	for (unsigned i = 0; protocol_list[i].name != NULL; i++) {
		void (*end)(void *state) = is_closing ? protocol_list[i].close : protocol_list[i].stop;
		if (end != NULL && server->protocol_states[i] != NULL)
			end(server->protocol_states[i]);
	}
}

/* SIGTERM: nothing new comes in, what is under way is finished and recorded, then the house closes (F35). */
static void stop(struct server *server, bool was_serving)
{
	atomic_store(&server->is_serving, false);
	if (server->front != NULL)
		front_drain(server->front, LIMIT_DRAIN_MS);
	each_protocol(server, false);
	follower_stop(server->follower);
	steward_stop(server->steward);
	front_free(&server->front); /* jobs still queued in the lanes may outlast it */
	for (unsigned i = 0; i < LANE_COUNT; i++)
		lane_free(&server->lanes[i]);
	follower_free(&server->follower); /* the last job is done: nobody asks it, or pokes the steward */
	steward_free(&server->steward);
	routes_free(&server->routes);
	if (was_serving)
		record_stop(server);
	refuse_peers(server);
	authority_free(&server->authority); /* its courier calls back what it still has */
	each_protocol(server, true);
	token_free(&server->token);
	courier_free(&server->courier);
}

static void wait_for_stop(struct server *server)
{
	struct pollfd stop = { .fd = server->stop_fd, .events = POLLIN };
	while (poll(&stop, 1, -1) < 0 && errno == EINTR)
		continue;
	log_info(NULL, "server.draining", "finishing what is under way");
}

/* The server writes in its folder, and where a SQLite file of its own choice lies. */
static result enter_sandbox(struct op *op, const struct config *config)
{
	static const char sqlite[] = "sqlite:";
	const char *folders[] = { config->dir, NULL, NULL };
	if (text_has_prefix(config->store, sqlite)) {
		char *folder = arena_text(op->arena, config->store + strlen(sqlite)), *slash = strrchr(folder, '/');
		if (slash != NULL && slash != folder) {
			*slash = '\0';
			folders[1] = folder;
		}
	}
	return sandbox_enter(op, SANDBOX_SERVER, folders);
}

int server_main(const char *dir)
{
	struct server server = { .dir = dir, .stop_fd = eventfd(0, EFD_CLOEXEC), .peers_mutex = PTHREAD_MUTEX_INITIALIZER };
	struct op *op = op_new();
	int lock = -1, status = EXIT_FAILED;
	signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of the write */
	log_open("server", LOG_LEVEL_INFO);
	result r = config_load(op, dir, &server.config);
	if (r.err == ERR_NONE) {
		enum log_level level = LOG_LEVEL_INFO;
		if (log_parse_level(server.config->log_level, &level))
			log_set_level(level);
		r = lock_take(op, dir, &lock);
	}
	if (r.err == ERR_NONE) /* before the first thread: Landlock binds a thread and those it makes */
		r = enter_sandbox(op, server.config);
	if (r.err == ERR_NONE) {
		connect_peers(&server);
		r = start(op, &server);
	}
	if (r.err == ERR_NONE) {
		wait_for_stop(&server);
		status = EXIT_OK;
	} else {
		log_error(op, "server.refused", "%s", op->detail);
		if (r.err != ERR_BUSY && r.err != ERR_BACKEND)
			status = ROLE_EXIT_FINAL; /* starting again would end the same way */
	}
	stop(&server, status == EXIT_OK);
	op_free(&op);
	if (lock >= 0)
		close(lock);
	log_info(NULL, "server.stopped", "bye");
	return status;
}
