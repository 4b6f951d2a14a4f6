/*
 * The state machine of a probe. Every step ends in one of three: the next step
 * is under way (a lookup or a fetch), the probe has finished, or the deadline
 * will finish it. IPv6 goes first, and IPv4 only if no connection came about, as
 * other CAs do (RFC 8555 leaves it open).
 */
#include "courier/probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "courier/address_policy.h"
#include "courier/evidence.h"
#include "courier/fetch.h"
#include "courier/resolve.h"
#include "ipc/channel.h"
#include "ipc/message.h"

#define CHALLENGE_PATH "/.well-known/acme-challenge/" /* RFC 8555 section 8.3 */

const struct courier_tuning courier_tuning_default = {
	.probe_ms = LIMIT_PROBE_MS,
	.https_port = 443,
	.at_once = LIMIT_PROBES_AT_ONCE,
};

struct probes {
	struct event_base *base;
	struct courier_tuning tuning;
	struct redirect_ports ports;
	struct address_policy *policy;
	struct resolver *resolver;
	struct fetcher *fetcher;
	probe_send *send;
	void *arg;
	struct probe *first;
	unsigned n;
};

struct probe {
	struct probe *next, **link; /* in probes->first */
	struct probes *probes;
	struct op *op;
	uint64_t id;
	struct event *deadline;
	struct trail trail;
	struct lookup *lookup; /* at most one of these two is under way */
	struct fetch *fetch;
	const union address *to_try[2]; /* of the current hop */
	unsigned n_to_try, n_tried;
};

static result policy_new(struct op *op, const struct config *config, struct address_policy **out)
{
	TRY(address_policy_new(op, &config->validation, out));
	TRY(address_policy_deny_listeners(op, *out, &config->listen.https));
	return address_policy_deny_listeners(op, *out, &config->listen.http);
}

result probes_new(struct op *op, struct event_base *base, const struct config *config,
		  const struct courier_tuning *tuning, probe_send *send, void *arg, struct probes **out)
{
	struct probes *probes = calloc(1, sizeof(*probes));

	ASSERT(probes != NULL);
	probes->base = base;
	probes->tuning = *tuning;
	probes->ports = (struct redirect_ports){ config->validation.http_port, tuning->https_port };
	probes->send = send;
	probes->arg = arg;
	probes->fetcher = fetcher_new(base);
	result r = policy_new(op, config, &probes->policy);
	/* Three rounds with doubled patience are 7/8 of the probe's time: late enough to blame the resolver with reason. */
	if (r.err == ERR_NONE)
		r = resolver_new(op, base, &config->validation.resolvers, (unsigned)(tuning->probe_ms / 8),
				 &probes->resolver);
	if (r.err != ERR_NONE)
		probes_free(&probes);
	*out = probes;
	return r;
}

/* Nothing of it runs afterwards. */
static void probe_free(struct probe *probe)
{
	struct op *op = probe->op;

	lookup_cancel(&probe->lookup);
	fetch_cancel(&probe->fetch);
	event_free(probe->deadline);
	*probe->link = probe->next;
	if (probe->next != NULL)
		probe->next->link = probe->link;
	probe->probes->n--;
	op_free(&op);
}

void probes_free(struct probes **probes)
{
	if (*probes == NULL)
		return;
	while ((*probes)->first != NULL)
		probe_free((*probes)->first);
	resolver_free(&(*probes)->resolver);
	fetcher_free(&(*probes)->fetcher);
	address_policy_free(&(*probes)->policy);
	free(*probes);
	*probes = NULL;
}

void probe_send_failure(struct probes *probes, uint64_t id, const struct op *op)
{
	struct buf payload;

	buf_init(&payload, op->arena, 256);
	message_put_u8(&payload, (uint8_t)op->err);
	message_put_text(&payload, op->detail);
	probes->send(probes->arg, FRAME_FAILURE, id, buf_as_bytes(&payload));
}

/* --- ends --- */

static struct hop *current_hop(struct probe *probe)
{
	return probe->trail.hops[probe->trail.n - 1];
}

/* `answer` is NULL but for PROBE_ANSWERED: no other outcome shows a body (R5). */
static void finish(struct probe *probe, enum probe_outcome outcome, const struct fetch_answer *answer, char *detail)
{
	struct probes *probes = probe->probes;
	struct hop *hop = current_hop(probe);
	struct probe_reply reply = { .outcome = outcome, .detail = detail, .status = hop->status };
	struct buf payload;

	text_make_printable(detail);
	hop->ended_ms = clock_monotonic_ms();
	if (answer != NULL) {
		reply.body = (struct bytes){ answer->body, answer->body_n };
		reply.is_body_cut = answer->is_body_cut;
	}
	reply.is_redirected = probe->trail.n > 1;
	reply.evidence = evidence_write(probe->op->arena, &probe->trail, outcome, resolver_names(probes->resolver),
					hop->ended_ms);
	buf_init(&payload, probe->op->arena, 4096);
	probe_reply_put(&payload, &reply);
	log_debug(probe->op, "probe.ended", "%s: %s", hop->target.host, detail);
	probes->send(probes->arg, COURIER_HTTP01, probe->id, buf_as_bytes(&payload));
	probe_free(probe);
}

static const char *resolvers_text(const struct probe *probe)
{
	const struct config_texts *names = resolver_names(probe->probes->resolver);
	struct buf buf;

	buf_init(&buf, probe->op->arena, 64);
	for (unsigned i = 0; i < names->n; i++)
		buf_printf(&buf, "%s%s", i > 0 ? ", " : "", names->items[i]);
	return buf_as_text(&buf);
}

/* "redirected to b.example: " before what went wrong there. */
static char *detail_of(struct probe *probe, const char *format, ...) PRINTF(2, 3);
static char *detail_of(struct probe *probe, const char *format, ...)
{
	char text[OP_DETAIL_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (probe->trail.n == 1)
		return arena_text(probe->op->arena, text);
	return arena_printf(probe->op->arena, "redirected to %s: %s", current_hop(probe)->target.host, text);
}

static void on_deadline(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct probe *probe = arg;
	struct hop *hop = current_hop(probe);
	long long limit_ms = probe->probes->tuning.probe_ms;

	if (probe->fetch == NULL)
		finish(probe, PROBE_DNS, NULL,
		       detail_of(probe, "DNS: no answer for %s from %s within %lld ms", hop->target.host,
				 resolvers_text(probe), limit_ms));
	else
		finish(probe, PROBE_CONNECTION, NULL,
		       detail_of(probe, "%s did not answer in full within %lld ms",
				 address_text_with_port(probe->op->arena, hop->used), limit_ms));
}

/* --- fetching --- */

static void hop_begin(struct probe *probe, const struct target *target);
static void on_fetched(void *arg, const struct fetch_answer *answer);

/* The next address. One that is not the last leaves half of the time for it. */
static void try_next(struct probe *probe)
{
	struct probes *probes = probe->probes;
	struct hop *hop = current_hop(probe);
	int64_t left_ms = probe->trail.started_ms + probes->tuning.probe_ms - clock_monotonic_ms();

	hop->used = probe->to_try[probe->n_tried++];
	if (probe->n_tried < probe->n_to_try)
		left_ms /= 2;
	probe->fetch = fetch_start(probe->op, probes->fetcher, &hop->target, hop->used, left_ms, on_fetched, probe);
}

static void not_connected(struct probe *probe, const struct fetch_answer *answer)
{
	struct hop *hop = current_hop(probe);

	hop->failed[hop->n_failed++] = (struct passed_over){ hop->used, answer->why };
	if (probe->n_tried < probe->n_to_try) {
		try_next(probe);
		return;
	}
	finish(probe, PROBE_CONNECTION, NULL,
	       detail_of(probe, "connection to %s %s", address_text_with_port(probe->op->arena, hop->used), answer->why));
}

static void redirected(struct probe *probe, const struct fetch_answer *answer)
{
	const char *chain[PROBE_HOPS];
	struct bytes location = { answer->location, answer->location_n };
	struct target target;
	struct op *op = probe->op;

	for (unsigned i = 0; i < probe->trail.n; i++)
		chain[i] = probe->trail.hops[i]->target.url;
	result r = answer->n_locations > 1 ?
			   FAIL(op, ERR_DENIED, "redirect with two Locations") :
			   redirect_follow(op, probe->probes->ports, chain, probe->trail.n, location, &target);
	if (r.err != ERR_NONE) {
		finish(probe, PROBE_RESPONSE, NULL, detail_of(probe, "%s: not followed", op->detail));
		return;
	}
	current_hop(probe)->ended_ms = clock_monotonic_ms();
	hop_begin(probe, &target);
}

static void on_fetched(void *arg, const struct fetch_answer *answer)
{
	struct probe *probe = arg;
	struct hop *hop = current_hop(probe);
	const char *peer = address_text_with_port(probe->op->arena, hop->used);

	probe->fetch = NULL;
	hop->status = answer->status;
	if (answer->end == FETCH_NOT_CONNECTED)
		not_connected(probe, answer);
	else if (answer->end == FETCH_BROKEN)
		finish(probe, PROBE_CONNECTION, NULL, detail_of(probe, "%s %s", peer, answer->why));
	else if (answer->end == FETCH_UNUSABLE)
		finish(probe, PROBE_RESPONSE, NULL, detail_of(probe, "%s %s", peer, answer->why));
	else if (redirect_is_status(answer->status))
		redirected(probe, answer);
	else if (answer->status != 200)
		finish(probe, PROBE_RESPONSE, NULL,
		       detail_of(probe, "%s answered %u instead of 200", peer, answer->status));
	else
		finish(probe, PROBE_ANSWERED, answer, detail_of(probe, "%s answered 200", peer));
}

/* --- names and addresses --- */

static void keep_addresses(struct hop *hop, const struct dns_answer *answer)
{
	for (unsigned i = 0; i < answer->n_addresses && hop->n_addresses < HOP_ADDRESSES; i++) {
		union address *address = &hop->addresses[hop->n_addresses++];

		*address = answer->addresses[i];
		if (address->any.sa_family == AF_INET)
			address->v4.sin_port = htons((uint16_t)hop->target.port);
		else
			address->v6.sin6_port = htons((uint16_t)hop->target.port);
	}
}

/* The first allowed address of each family, IPv6 first. */
static void vet(struct probe *probe, struct hop *hop)
{
	probe->n_to_try = probe->n_tried = 0;
	for (unsigned i = 0; i < hop->n_addresses; i++) {
		const union address *address = &hop->addresses[i];
		const char *refusal = address_policy_refusal(probe->probes->policy, &address->any);

		if (refusal != NULL)
			hop->denied[hop->n_denied++] = (struct passed_over){ address, refusal };
		else if (probe->n_to_try == 0 ||
			 (probe->n_to_try == 1 && probe->to_try[0]->any.sa_family != address->any.sa_family))
			probe->to_try[probe->n_to_try++] = address;
	}
}

/* Of two answers without an address, the one that says more: "no data" for A is normal where AAAA exist, and the reverse. */
static char *dns_detail(struct probe *probe, const struct lookup_answers *answers)
{
	const struct dns_answer *answer = answers->a.kind == DNS_NO_DATA ? &answers->aaaa : &answers->a;
	const char *host = current_hop(probe)->target.host, *resolvers = resolvers_text(probe);

	switch (answer->kind) {
	case DNS_SILENT:
		return detail_of(probe, "DNS: no answer for %s from %s", host, resolvers);
	case DNS_FAILED:
		return detail_of(probe, "DNS: %s for %s from %s", dns_answer_name(answer), host, resolvers);
	case DNS_MALFORMED:
		return detail_of(probe, "DNS: unusable answer for %s from %s: %s", host, resolvers, answer->why);
	default:
		return detail_of(probe, "DNS: no A or AAAA record for %s (%s from %s)", host, dns_answer_name(answer),
				 resolvers);
	}
}

static void on_resolved(void *arg, const struct lookup_answers *answers)
{
	struct probe *probe = arg;
	struct hop *hop = current_hop(probe);

	probe->lookup = NULL;
	hop->is_resolved = true;
	hop->answers = *answers;
	keep_addresses(hop, &answers->aaaa);
	keep_addresses(hop, &answers->a);
	vet(probe, hop);
	if (hop->n_addresses == 0)
		finish(probe, PROBE_DNS, NULL, dns_detail(probe, answers));
	else if (probe->n_to_try == 0)
		finish(probe, PROBE_DENIED, NULL,
		       detail_of(probe, "%s has the address %s, which is not connected to: %s", hop->target.host,
				 address_text(probe->op->arena, hop->denied[0].address), hop->denied[0].why));
	else
		try_next(probe);
}

static void hop_begin(struct probe *probe, const struct target *target)
{
	struct hop *hop = arena_alloc(probe->op->arena, sizeof(*hop));

	ASSERT(probe->trail.n < PROBE_HOPS);
	hop->target = *target;
	hop->started_ms = clock_monotonic_ms();
	probe->trail.hops[probe->trail.n++] = hop;
	probe->lookup = lookup_start(probe->op, probe->probes->resolver, hop->target.host, on_resolved, probe);
}

static struct target first_target(struct op *op, unsigned port, const struct probe_request *request)
{
	struct target target = { .port = port };
	char *host = arena_text(op->arena, request->host);

	text_lower(host);
	target.host = host;
	/* The port of the scheme is left out, of the URL and thus of the Host header. */
	target.url = port == 80 ? arena_printf(op->arena, "http://%s" CHALLENGE_PATH "%s", host, request->token) :
				  arena_printf(op->arena, "http://%s:%u" CHALLENGE_PATH "%s", host, port, request->token);
	return target;
}

void probe_start(struct probes *probes, struct op *own_op, uint64_t id, const struct probe_request *request)
{
	struct target target = first_target(own_op, probes->ports.http, request);
	struct timeval limit = { probes->tuning.probe_ms / 1000, probes->tuning.probe_ms % 1000 * 1000 };
	struct probe *probe;

	if (probes->n >= probes->tuning.at_once) {
		IGNORE(FAIL(own_op, ERR_BUSY, "%u probes are under way already; try again", probes->n)); /* sent below */
		probe_send_failure(probes, id, own_op);
		op_free(&own_op);
		return;
	}
	probe = arena_alloc(own_op->arena, sizeof(*probe));
	*probe = (struct probe){ .next = probes->first, .link = &probes->first, .probes = probes, .op = own_op, .id = id };
	if (probe->next != NULL)
		probe->next->link = &probe->next;
	probes->first = probe;
	probes->n++;
	probe->trail.started_ms = clock_monotonic_ms();
	probe->deadline = evtimer_new(probes->base, on_deadline, probe);
	ASSERT(probe->deadline != NULL && event_add(probe->deadline, &limit) == 0);
	hop_begin(probe, &target);
}
