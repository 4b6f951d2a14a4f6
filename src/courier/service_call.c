/*
 * A call has at most a lookup or a transfer under way, and a deadline that ends
 * either. Every one is a connection of its own with a DNS cache of its own, as
 * with probes (fetch.c); but here the server's certificate counts.
 */
#include "courier/service_call.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "courier/address.h"
#include "courier/resolve.h"
#include "courier/transfers.h"
#include "ipc/channel.h"
#include "ipc/message.h"

#define ADDRESSES 16        /* of a service that are tried, in their order */
#define PATIENCE_MS 1000    /* until a silent resolver is asked again, doubled each time */
#define KEPT_HEADER_SIZE 256

struct service_calls {
	struct event_base *base;
	struct resolver *resolver;
	struct transfers *transfers;
	probe_send *send;
	void *arg;
	struct service_call *first;
	unsigned n;
};

/* A header of the answer that somebody wants to see. */
struct kept_header {
	char value[KEPT_HEADER_SIZE];
	unsigned times;
};

struct service_call {
	struct service_call *next, **link; /* in calls->first */
	struct service_calls *calls;
	struct op *op;
	uint64_t id;
	struct courier_request request;
	struct courier_peer peer;
	struct event *deadline;
	struct lookup *lookup;
	union address addresses[ADDRESSES];
	unsigned n_addresses;
	struct transfer transfer;
	CURLSH *share;
	struct curl_slist *headers, *pin;
	char error[CURL_ERROR_SIZE];
	size_t head_n;
	struct kept_header content_type, retry_after;
	struct buf body;
	const char *refused; /* why one of our own callbacks ended the transfer */
};

result service_calls_new(struct op *op, struct event_base *base, const struct config *config, probe_send *send, void *arg,
			 struct service_calls **out)
{
	struct service_calls *calls = calloc(1, sizeof(*calls));

	ASSERT(calls != NULL);
	*calls = (struct service_calls){ .base = base, .send = send, .arg = arg };
	calls->transfers = transfers_new(base);
	result r = resolver_new(op, base, &config->validation.resolvers, PATIENCE_MS, &calls->resolver);
	if (r.err != ERR_NONE)
		service_calls_free(&calls);
	*out = calls;
	return r;
}

static void transfer_release(struct service_call *call)
{
	curl_easy_cleanup(call->transfer.easy);
	curl_share_cleanup(call->share);
	curl_slist_free_all(call->headers);
	curl_slist_free_all(call->pin);
	call->transfer.easy = NULL;
}

/* Nothing of it runs afterwards. */
static void call_free(struct service_call *call)
{
	struct op *op = call->op;

	lookup_cancel(&call->lookup);
	if (call->transfer.easy != NULL) {
		transfer_cancel(call->calls->transfers, &call->transfer);
		transfer_release(call);
	}
	event_free(call->deadline);
	*call->link = call->next;
	if (call->next != NULL)
		call->next->link = call->link;
	call->calls->n--;
	op_free(&op);
}

void service_calls_free(struct service_calls **calls)
{
	if (*calls == NULL)
		return;
	while ((*calls)->first != NULL)
		call_free((*calls)->first);
	resolver_free(&(*calls)->resolver);
	transfers_free(&(*calls)->transfers);
	free(*calls);
	*calls = NULL;
}

/* --- ends --- */

static void send_failure(struct service_calls *calls, uint64_t id, const struct op *op)
{
	struct buf payload;

	buf_init(&payload, op->arena, 256);
	message_put_u8(&payload, (uint8_t)op->err);
	message_put_text(&payload, op->detail);
	calls->send(calls->arg, FRAME_FAILURE, id, buf_as_bytes(&payload));
}

static void end_failed(struct service_call *call, result failed)
{
	ASSERT(failed.err != ERR_NONE);
	log_debug(call->op, "call.failed", "%s", call->op->detail);
	send_failure(call->calls, call->id, call->op);
	call_free(call);
}

static const char *kept_value(const struct kept_header *header)
{
	return header->times == 1 ? header->value : NULL;
}

static void end_answered(struct service_call *call)
{
	long status = 0;
	struct buf payload;

	curl_easy_getinfo(call->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	const struct courier_response response = {
		.status = (unsigned)status,
		.content_type = kept_value(&call->content_type),
		.retry_after = kept_value(&call->retry_after),
		.body = buf_as_bytes(&call->body),
	};
	transfer_release(call);
	buf_init(&payload, call->op->arena, response.body.n + 1024);
	courier_response_put(&payload, &response);
	call->calls->send(call->calls->arg, COURIER_CALL, call->id, buf_as_bytes(&payload));
	call_free(call);
}

static void on_deadline(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct service_call *call = arg;

	end_failed(call, FAIL(call->op, ERR_BACKEND, "%s: %s within %lld ms", call->peer.host,
			      call->lookup != NULL ? "DNS gave no answer" : "no whole answer",
			      (long long)call->request.timeout_ms));
}

static void on_transferred(void *arg, CURLcode code)
{
	struct service_call *call = arg;

	if (code == CURLE_OK && call->refused == NULL) {
		end_answered(call);
		return;
	}
	const char *why = call->refused != NULL  ? call->refused :
			  call->error[0] != '\0' ? call->error :
						   curl_easy_strerror(code);
	result r = FAIL(call->op, ERR_BACKEND, "%s: %s", call->peer.host, why);
	transfer_release(call);
	end_failed(call, r);
}

/* --- what libcurl asks while it works --- */

/* The last gate: nothing but what the resolver gave is connected to. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *wanted)
{
	struct service_call *call = arg;

	for (unsigned i = 0; purpose == CURLSOCKTYPE_IPCXN && i < call->n_addresses; i++)
		if (address_equal(&call->addresses[i], &wanted->addr))
			return socket(wanted->family, wanted->socktype | SOCK_CLOEXEC, wanted->protocol);
	return CURL_SOCKET_BAD;
}

static void keep_header(struct kept_header *header, const char *name, struct bytes line)
{
	size_t name_n = strlen(name);

	if (line.n <= name_n || line.p[name_n] != ':' || strncasecmp((const char *)line.p, name, name_n) != 0)
		return;
	struct bytes value = { line.p + name_n + 1, line.n - name_n - 1 };
	while (value.n > 0 && strchr(" \t", value.p[0]) != NULL)
		value = (struct bytes){ value.p + 1, value.n - 1 };
	while (value.n > 0 && strchr(" \t\r\n", value.p[value.n - 1]) != NULL)
		value.n--;
	if (value.n >= sizeof(header->value))
		value.n = 0;
	memcpy(header->value, value.p, value.n);
	header->value[value.n] = '\0';
	text_make_printable(header->value);
	header->times++;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct service_call *call = arg;
	struct bytes line = { (const uint8_t *)p, size * n };

	call->head_n += line.n;
	if (call->head_n > LIMIT_CALL_HEADER_BYTES) {
		call->refused = "sent more header than any answer needs";
		return 0;
	}
	if (bytes_has_prefix(line, "HTTP/")) /* another answer: what came before was 1xx, or the proxy's */
		call->content_type.times = call->retry_after.times = 0;
	keep_header(&call->content_type, "Content-Type", line);
	keep_header(&call->retry_after, "Retry-After", line);
	return line.n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct service_call *call = arg;

	if (size * n > call->request.body_limit - call->body.n) {
		call->refused = "sent a longer answer than it should";
		return 0;
	}
	buf_put(&call->body, p, size * n);
	return size * n;
}

/* --- the transfer --- */

static void set_what(struct service_call *call)
{
	CURL *easy = call->transfer.easy;
	const struct courier_request *request = &call->request;

	SET(easy, CURLOPT_URL, request->url);
	SET(easy, CURLOPT_PROTOCOLS_STR, "https");
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_PATH_AS_IS, 1L);
	SET(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_NONE);
	SET(easy, CURLOPT_USERAGENT, "chancery/" CHANCERY_VERSION);
	if (text_equal(request->method, "POST")) {
		SET(easy, CURLOPT_POST, 1L);
		SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
		SET(easy, CURLOPT_POSTFIELDS, request->body.n > 0 ? (const char *)request->body.p : "");
	}
	/* Neither waits for a 100 nor lets libcurl choose what the body is. */
	call->headers = curl_slist_append(NULL, "Expect:");
	for (unsigned i = 0; i < request->n_headers; i++)
		call->headers = curl_slist_append(call->headers, arena_printf(call->op->arena, "%s: %s", request->headers[i].name,
									      request->headers[i].value));
	SET(easy, CURLOPT_HTTPHEADER, call->headers);
	SET(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* a proxy sees none of them */
}

static void set_trust(struct service_call *call)
{
	CURL *easy = call->transfer.easy;
	struct curl_blob blob = { (void *)call->request.trust.p, call->request.trust.n, CURL_BLOB_COPY };

	SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	if (blob.len == 0)
		return;
	SET(easy, CURLOPT_CAINFO_BLOB, &blob);
	SET(easy, CURLOPT_CAPATH, NULL); /* or the system's folder would be trusted as well */
}

/* libcurl finds every name that it needs in this entry, so that it never asks a resolver. */
static void set_where(struct service_call *call)
{
	CURL *easy = call->transfer.easy;
	struct buf pin;

	buf_init(&pin, call->op->arena, 256);
	buf_printf(&pin, "%s:%u:", call->peer.host, call->peer.port);
	for (unsigned i = 0; i < call->n_addresses; i++)
		buf_printf(&pin, "%s%s", i > 0 ? "," : "", address_text(call->op->arena, &call->addresses[i]));
	call->share = curl_share_init();
	ASSERT(call->share != NULL && curl_share_setopt(call->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK);
	SET(easy, CURLOPT_SHARE, call->share);
	if (!call->peer.is_address) {
		call->pin = curl_slist_append(NULL, buf_as_text(&pin));
		SET(easy, CURLOPT_RESOLVE, call->pin);
	}
	SET(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(easy, CURLOPT_OPENSOCKETDATA, call);
	SET(easy, CURLOPT_FRESH_CONNECT, 1L);
	SET(easy, CURLOPT_FORBID_REUSE, 1L);
	SET(easy, CURLOPT_PROXY, call->request.proxy != NULL ? call->request.proxy : "");
	SET(easy, CURLOPT_NOPROXY, call->request.proxy != NULL ? "" : "*");
	SET(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	/* Our own timer ends it; libcurl's limits only must not come before. */
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->request.timeout_ms);
}

static void set_how(struct service_call *call)
{
	CURL *easy = call->transfer.easy;

	SET(easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(easy, CURLOPT_HEADERDATA, call);
	SET(easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(easy, CURLOPT_WRITEDATA, call);
	SET(easy, CURLOPT_ERRORBUFFER, call->error);
}

static void transfer_begin(struct service_call *call)
{
	call->transfer = (struct transfer){ curl_easy_init(), on_transferred, call };
	ASSERT(call->transfer.easy != NULL);
	buf_init(&call->body, call->op->arena, 2048);
	set_what(call);
	set_trust(call);
	set_where(call);
	set_how(call);
	transfer_start(call->calls->transfers, &call->transfer);
}

/* --- names and addresses --- */

static void add_addresses(struct service_call *call, const struct dns_answer *answer)
{
	in_port_t port = htons((uint16_t)call->peer.port);

	for (unsigned i = 0; i < answer->n_addresses && call->n_addresses < ADDRESSES; i++) {
		union address *address = &call->addresses[call->n_addresses++];

		*address = answer->addresses[i];
		if (address->any.sa_family == AF_INET)
			address->v4.sin_port = port;
		else
			address->v6.sin6_port = port;
	}
}

static void on_resolved(void *arg, const struct lookup_answers *answers)
{
	struct service_call *call = arg;

	call->lookup = NULL;
	add_addresses(call, &answers->a);
	add_addresses(call, &answers->aaaa);
	if (call->n_addresses > 0) {
		transfer_begin(call);
		return;
	}
	end_failed(call, FAIL(call->op, ERR_BACKEND, "DNS has no address for %s (A: %s, AAAA: %s)", call->peer.host,
			      dns_answer_name(&answers->a), dns_answer_name(&answers->aaaa)));
}

static result call_check(struct op *op, const struct service_calls *calls, const struct courier_request *request,
			 struct courier_peer *peer)
{
	if (calls->n >= LIMIT_CALLS_AT_ONCE)
		return FAIL(op, ERR_BUSY, "%u calls are under way already; try again", calls->n);
	return courier_request_peer(op, request, peer);
}

void service_call_start(struct service_calls *calls, struct op *own_op, uint64_t id, const struct courier_request *request)
{
	struct timeval limit = { request->timeout_ms / 1000, request->timeout_ms % 1000 * 1000 };
	struct courier_peer peer;
	struct service_call *call;

	if (call_check(own_op, calls, request, &peer).err != ERR_NONE) {
		send_failure(calls, id, own_op);
		op_free(&own_op);
		return;
	}
	arena_wipe_when_freed(own_op->arena); /* requests carry credentials */
	call = arena_alloc(own_op->arena, sizeof(*call));
	*call = (struct service_call){ .next = calls->first, .link = &calls->first, .calls = calls, .op = own_op, .id = id,
				       .request = *request, .peer = peer };
	if (call->next != NULL)
		call->next->link = &call->next;
	calls->first = call;
	calls->n++;
	call->deadline = evtimer_new(calls->base, on_deadline, call);
	ASSERT(call->deadline != NULL && event_add(call->deadline, &limit) == 0);
	if (peer.is_address) {
		call->n_addresses = 1;
		ASSERT(address_parse(peer.host, peer.port, &call->addresses[0]));
		transfer_begin(call);
	} else {
		call->lookup = lookup_start(own_op, calls->resolver, call->peer.host, on_resolved, call);
	}
}
