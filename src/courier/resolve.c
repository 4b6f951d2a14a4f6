/*
 * c-ares under libevent: one channel per lookup, raw queries for A and AAAA, and
 * our own reading of the answers (dns_answer.h). c-ares does what takes care:
 * retries, several servers, TCP after truncation, matching of server and id.
 */
#define CARES_NO_DEPRECATED /* newer releases have other names for this API; Debian 12's has only these */
#include "courier/resolve.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define ROUNDS 3 /* the resolvers in turn, so often */

struct resolver {
	struct event_base *base;
	struct arena *arena;
	struct config_texts names;
	struct ares_addr_port_node *servers;
	unsigned patience_ms;
	bool has_hosts_file;
};

struct watch {
	struct watch *next;
	struct lookup *lookup;
	ares_socket_t fd;
	struct event *event;
};

struct question {
	struct lookup *lookup;
	struct dns_answer *answer;
	enum dns_type type;
};

struct lookup {
	struct op *op;
	const struct resolver *resolver;
	const char *host;
	struct ares_addr_port_node *servers; /* not yet known to fail */
	ares_channel channel;
	struct watch *watches;
	struct event *timer;  /* c-ares' next retry */
	struct event *finish; /* leaves c-ares' stack before the channel is destroyed */
	struct question questions[2];
	unsigned waiting;
	struct lookup_answers answers;
	lookup_done *done;
	void *arg;
};

/* Every option that c-ares would otherwise read files for, at each lookup and from inside the sandbox. */
static int channel_open(const struct resolver *resolver, struct ares_addr_port_node *servers,
			ares_sock_state_cb on_socket, void *arg, ares_channel *out)
{
	struct in_addr placeholder = { htonl(INADDR_LOOPBACK) };
	struct ares_options options = {
		/* NOCHECKRESP: a SERVFAIL comes to us as it is, and not as one retry more and then a timeout. */
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP,
		.timeout = (int)resolver->patience_ms,
		.tries = ROUNDS,
		.ndots = 1,
		.servers = &placeholder, /* replaced below; ports need the newer call */
		.nservers = 1,
		.lookups = (char[]){ "b" },
		.sock_state_cb = on_socket,
		.sock_state_cb_data = arg,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_SERVERS |
		   ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
	int status = ares_init_options(out, &options, mask);

	if (status != ARES_SUCCESS)
		return status;
	status = ares_set_servers_ports(*out, servers);
	if (status != ARES_SUCCESS)
		ares_destroy(*out);
	return status;
}

/* The system's list of servers, or ours as c-ares reads it: taken once, and put into every channel. */
static result read_servers(struct op *op, struct resolver *resolver, const struct config_texts *configured)
{
	ares_channel channel;
	int status = ares_init(&channel);

	if (status != ARES_SUCCESS)
		return FAIL(op, ERR_BACKEND, "cannot read the system's resolver configuration: %s",
			    ares_strerror(status));
	if (configured->n > 0) {
		struct buf csv;

		buf_init(&csv, op->arena, 256);
		for (unsigned i = 0; i < configured->n; i++)
			buf_printf(&csv, "%s%s", i > 0 ? "," : "", configured->items[i]);
		status = ares_set_servers_ports_csv(channel, buf_as_text(&csv));
	}
	if (status == ARES_SUCCESS)
		status = ares_get_servers_ports(channel, &resolver->servers);
	ares_destroy(channel);
	if (status != ARES_SUCCESS || resolver->servers == NULL)
		return FAIL(op, ERR_MALFORMED, "no usable resolver: %s", ares_strerror(status));
	return OK;
}

static void name_servers(struct resolver *resolver)
{
	const struct ares_addr_port_node *server;
	unsigned n = 0;

	for (server = resolver->servers; server != NULL; server = server->next)
		n++;
	resolver->names.items = arena_alloc_array(resolver->arena, n, sizeof(*resolver->names.items));
	for (server = resolver->servers; server != NULL; server = server->next) {
		union address address = { .any.sa_family = (sa_family_t)server->family };
		in_port_t port = htons((uint16_t)(server->udp_port > 0 ? server->udp_port : NAMESERVER_PORT));

		if (server->family == AF_INET) {
			address.v4.sin_port = port;
			memcpy(&address.v4.sin_addr, &server->addr.addr4, 4);
		} else {
			address.v6.sin6_port = port;
			memcpy(&address.v6.sin6_addr, &server->addr.addr6, 16);
		}
		resolver->names.items[resolver->names.n++] = address_text_with_port(resolver->arena, &address);
	}
}

result resolver_new(struct op *op, struct event_base *base, const struct config_texts *resolvers, unsigned patience_ms,
		    struct resolver **out)
{
	struct resolver *resolver;

	for (unsigned i = 0; i < resolvers->n; i++) {
		union address address;

		if (!address_parse_with_port(resolvers->items[i], &address))
			return FAIL(op, ERR_MALFORMED,
				    "validation.resolvers: \"%s\" is not an address and port such as 127.0.0.1:53",
				    resolvers->items[i]);
	}
	resolver = calloc(1, sizeof(*resolver));
	ASSERT(resolver != NULL && ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
	resolver->base = base;
	resolver->arena = arena_new();
	resolver->patience_ms = patience_ms;
	resolver->has_hosts_file = resolvers->n == 0;
	result r = read_servers(op, resolver, resolvers);
	if (r.err != ERR_NONE) {
		resolver_free(&resolver);
		return r;
	}
	name_servers(resolver);
	*out = resolver;
	return OK;
}

void resolver_free(struct resolver **resolver)
{
	if (*resolver == NULL)
		return;
	ares_free_data((*resolver)->servers);
	arena_free(&(*resolver)->arena);
	free(*resolver);
	ares_library_cleanup();
	*resolver = NULL;
}

const struct config_texts *resolver_names(const struct resolver *resolver)
{
	return &resolver->names;
}

static void set_timer(struct lookup *lookup)
{
	struct timeval next;

	if (ares_timeout(lookup->channel, NULL, &next) != NULL)
		event_add(lookup->timer, &next);
	else
		event_del(lookup->timer);
}

static void on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct lookup *lookup = arg;

	ares_process_fd(lookup->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(lookup);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	/* c-ares may close this very socket, and the watch with it. */
	struct lookup *lookup = ((struct watch *)arg)->lookup;

	ares_process_fd(lookup->channel, what & EV_READ ? fd : ARES_SOCKET_BAD, what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	set_timer(lookup);
}

static struct watch *watch_of(struct lookup *lookup, ares_socket_t fd)
{
	struct watch *watch;

	for (watch = lookup->watches; watch != NULL; watch = watch->next)
		if (watch->fd == fd)
			return watch;
	watch = arena_alloc(lookup->op->arena, sizeof(*watch));
	*watch = (struct watch){ .next = lookup->watches, .lookup = lookup, .fd = fd };
	lookup->watches = watch;
	return watch;
}

static void on_socket(void *arg, ares_socket_t fd, int is_readable, int is_writable)
{
	struct lookup *lookup = arg;
	struct watch *watch = watch_of(lookup, fd);
	short what = (short)(EV_PERSIST | (is_readable ? EV_READ : 0) | (is_writable ? EV_WRITE : 0));

	if (watch->event != NULL)
		event_free(watch->event);
	watch->event = NULL;
	if (!is_readable && !is_writable)
		return;
	watch->event = event_new(lookup->resolver->base, fd, what, on_ready, watch);
	ASSERT(watch->event != NULL && event_add(watch->event, NULL) == 0);
}

/* Ends what is left of the queries, without their callbacks' doing anything, and closes the sockets. */
static void channel_close(struct lookup *lookup)
{
	if (lookup->channel != NULL)
		ares_destroy(lookup->channel);
	lookup->channel = NULL;
	for (struct watch *watch = lookup->watches; watch != NULL; watch = watch->next)
		if (watch->event != NULL)
			event_free(watch->event);
	lookup->watches = NULL;
}

static void lookup_release(struct lookup *lookup)
{
	channel_close(lookup);
	event_free(lookup->timer);
	event_free(lookup->finish);
}

static void on_answer(void *arg, int status, int timeouts UNUSED, unsigned char *packet, int n)
{
	struct question *question = arg;
	struct lookup *lookup = question->lookup;
	struct dns_answer *answer = question->answer;

	if (status == ARES_EDESTRUCTION)
		return;
	if (status == ARES_SUCCESS)
		dns_answer_read(lookup->op, (struct bytes){ packet, (size_t)n }, lookup->host, question->type, answer);
	else if (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED)
		answer->kind = DNS_SILENT;
	else
		*answer = (struct dns_answer){ .kind = DNS_MALFORMED, .why = ares_strerror(status) };
	if (--lookup->waiting == 0)
		event_active(lookup->finish, EV_TIMEOUT, 0);
}

/* The id is ours: older c-ares falls back to rand() where it cannot open /dev/urandom. */
static void ask(struct lookup *lookup, struct question *question)
{
	unsigned char *query;
	unsigned short id;
	int n;

	random_bytes((uint8_t *)&id, sizeof(id));
	int status = ares_create_query(lookup->host, C_IN, (int)question->type, id, 1, &query, &n, 0);

	if (status != ARES_SUCCESS) {
		on_answer(question, status, 0, NULL, 0);
		return;
	}
	ares_send(lookup->channel, query, n, on_answer, question);
	ares_free_string(query);
}

/* /etc/hosts, where the system's resolvers are asked. False: nothing there, or not to be read. */
static bool find_in_hosts_file(struct lookup *lookup, struct question *question)
{
	int family = question->type == DNS_A ? AF_INET : AF_INET6;
	struct dns_answer *answer = question->answer;
	struct hostent *entry;

	if (ares_gethostbyname_file(lookup->channel, lookup->host, family, &entry) != ARES_SUCCESS)
		return false;
	answer->addresses = arena_alloc(lookup->op->arena, sizeof(*answer->addresses));
	if (entry->h_addrtype == family && entry->h_addr_list[0] != NULL) {
		answer->kind = DNS_FOUND;
		answer->n_addresses = 1;
		answer->addresses->any.sa_family = (sa_family_t)family;
		if (family == AF_INET)
			memcpy(&answer->addresses->v4.sin_addr, entry->h_addr_list[0], 4);
		else
			memcpy(&answer->addresses->v6.sin6_addr, entry->h_addr_list[0], 16);
	}
	ares_free_hostent(entry);
	return answer->kind == DNS_FOUND;
}

static bool is_in_hosts_file(struct lookup *lookup)
{
	bool has_a, has_aaaa;

	if (!lookup->resolver->has_hosts_file)
		return false;
	has_a = find_in_hosts_file(lookup, &lookup->questions[0]);
	has_aaaa = find_in_hosts_file(lookup, &lookup->questions[1]);
	return has_a || has_aaaa;
}

static void ask_both(struct lookup *lookup)
{
	int status = channel_open(lookup->resolver, lookup->servers, on_socket, lookup, &lookup->channel);

	lookup->waiting = 2;
	if (status != ARES_SUCCESS) {
		lookup->channel = NULL;
		on_answer(&lookup->questions[0], status, 0, NULL, 0);
		on_answer(&lookup->questions[1], status, 0, NULL, 0);
	} else if (is_in_hosts_file(lookup)) {
		event_active(lookup->finish, EV_TIMEOUT, 0);
	} else {
		ask(lookup, &lookup->questions[0]);
		ask(lookup, &lookup->questions[1]);
		set_timer(lookup);
	}
}

/* A resolver that says SERVFAIL or REFUSED is no better than a silent one, for which c-ares asks the next itself. */
static bool should_ask_next(const struct lookup *lookup)
{
	enum dns_kind a = lookup->answers.a.kind, aaaa = lookup->answers.aaaa.kind;

	return lookup->servers->next != NULL && a != DNS_FOUND && aaaa != DNS_FOUND &&
	       (a == DNS_FAILED || aaaa == DNS_FAILED);
}

static void on_finish(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct lookup *lookup = arg;

	if (should_ask_next(lookup)) {
		channel_close(lookup);
		lookup->servers = lookup->servers->next;
		ask_both(lookup);
		return;
	}
	lookup_release(lookup);
	lookup->done(lookup->arg, &lookup->answers);
}

struct lookup *lookup_start(struct op *op, struct resolver *resolver, const char *host, lookup_done *done, void *arg)
{
	struct lookup *lookup = arena_alloc(op->arena, sizeof(*lookup));

	*lookup = (struct lookup){
		.op = op, .resolver = resolver, .host = host, .servers = resolver->servers, .done = done, .arg = arg
	};
	lookup->answers.a.kind = lookup->answers.aaaa.kind = DNS_NO_DATA;
	lookup->questions[0] = (struct question){ lookup, &lookup->answers.a, DNS_A };
	lookup->questions[1] = (struct question){ lookup, &lookup->answers.aaaa, DNS_AAAA };
	lookup->timer = evtimer_new(resolver->base, on_timer, lookup);
	lookup->finish = evtimer_new(resolver->base, on_finish, lookup);
	ASSERT(lookup->timer != NULL && lookup->finish != NULL);
	ask_both(lookup);
	return lookup;
}

void lookup_cancel(struct lookup **lookup)
{
	if (*lookup != NULL)
		lookup_release(*lookup);
	*lookup = NULL;
}
