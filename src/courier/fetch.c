/*
 * libcurl (transfers.h). Every fetch is a connection of its own with a DNS
 * cache of its own that holds one entry, host:port -> vetted address; nothing is
 * shared between probes but the loop.
 */
#include "courier/fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "courier/transfers.h"

#define BUFFER_BYTES 4096 /* of each transfer: an answer is some hundred bytes, and there may be thousands */
#define USER_AGENT "chancery/0.1 (+http-01 validation)"

struct fetcher {
	struct transfers *transfers;
	struct curl_slist *headers;
};

/* Why one of our own callbacks ended the transfer. */
enum stop { STOP_NONE, STOP_HEAD_IS_ENOUGH, STOP_BODY_CUT, STOP_HEAD_TOO_BIG, STOP_CODING };

struct fetch {
	struct fetcher *fetcher;
	struct op *op;
	union address address;
	struct transfer transfer;
	CURLSH *share;
	struct curl_slist *pin;
	bool has_strayed; /* libcurl wanted another address than the vetted one */
	size_t head_n;
	enum stop stop;
	struct fetch_answer answer;
	fetch_done *done;
	void *arg;
};

struct fetcher *fetcher_new(struct event_base *base)
{
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

	ASSERT(fetcher != NULL);
	fetcher->transfers = transfers_new(base);
	fetcher->headers = curl_slist_append(NULL, "Accept-Encoding: identity");
	ASSERT(fetcher->headers != NULL);
	return fetcher;
}

void fetcher_free(struct fetcher **fetcher)
{
	if (*fetcher == NULL)
		return;
	transfers_free(&(*fetcher)->transfers);
	curl_slist_free_all((*fetcher)->headers);
	free(*fetcher);
	*fetcher = NULL;
}

/* --- what libcurl asks while it works --- */

/* The last gate: nothing but the vetted address is ever connected to. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *wanted)
{
	struct fetch *fetch = arg;

	if (purpose != CURLSOCKTYPE_IPCXN || !address_equal(&fetch->address, &wanted->addr)) {
		fetch->has_strayed = true;
		return CURL_SOCKET_BAD;
	}
	return socket(wanted->family, wanted->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, wanted->protocol);
}

/* The value of `line` when it is the header `name`, without the blanks around it. */
static bool header_value(struct bytes line, const char *name, struct bytes *value)
{
	size_t n = strlen(name);

	if (line.n <= n || strncasecmp((const char *)line.p, name, n) != 0 || line.p[n] != ':')
		return false;
	*value = (struct bytes){ line.p + n + 1, line.n - n - 1 };
	while (value->n > 0 && strchr(" \t", value->p[0]) != NULL)
		*value = (struct bytes){ value->p + 1, value->n - 1 };
	while (value->n > 0 && strchr(" \t\r\n", value->p[value->n - 1]) != NULL)
		value->n--;
	return true;
}

static void keep_location(struct fetch_answer *answer, struct bytes value)
{
	answer->n_locations++;
	answer->location_n = value.n < sizeof(answer->location) ? value.n : sizeof(answer->location);
	memcpy(answer->location, value.p, answer->location_n);
}

static enum stop read_header_line(struct fetch *fetch, struct bytes line)
{
	struct fetch_answer *answer = &fetch->answer;
	struct bytes value;
	long status = 0;

	if (bytes_has_prefix(line, "HTTP/")) {
		/* The first line of another answer: what came before was 1xx. */
		answer->n_locations = 0;
		return STOP_NONE;
	}
	if (header_value(line, "Location", &value))
		keep_location(answer, value);
	/* We offer no transfer coding (RFC 9112 section 7.4), so only this one may come; libcurl would unpack others. */
	if (header_value(line, "Transfer-Encoding", &value) &&
	    (value.n != 7 || strncasecmp((const char *)value.p, "chunked", 7) != 0))
		return STOP_CODING;
	curl_easy_getinfo(fetch->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	/* The end of the head. Only a 200 has a body that anybody reads. */
	if ((bytes_equal_text(line, "\r\n") || bytes_equal_text(line, "\n")) && status > 200)
		return STOP_HEAD_IS_ENOUGH;
	return STOP_NONE;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *fetch = arg;

	fetch->head_n += size * n;
	fetch->stop = fetch->head_n > LIMIT_PROBE_HEADER_BYTES ?
			      STOP_HEAD_TOO_BIG :
			      read_header_line(fetch, (struct bytes){ (const uint8_t *)p, size * n });
	return fetch->stop == STOP_NONE ? size * n : 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *fetch = arg;
	struct fetch_answer *answer = &fetch->answer;
	size_t room = sizeof(answer->body) - answer->body_n, more = size * n;
	size_t kept = more < room ? more : room;

	memcpy(answer->body + answer->body_n, p, kept);
	answer->body_n += kept;
	if (kept == more)
		return more;
	answer->is_body_cut = true;
	fetch->stop = STOP_BODY_CUT;
	return 0;
}

/* --- from start to end --- */

static void set_what(struct fetch *fetch, const struct target *target)
{
	CURL *easy = fetch->transfer.easy;

	SET(easy, CURLOPT_URL, target->url);
	SET(easy, CURLOPT_PROTOCOLS_STR, target->is_https ? "https" : "http");
	SET(easy, CURLOPT_HTTPGET, 1L);
	SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_PATH_AS_IS, 1L);
	SET(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(easy, CURLOPT_USERAGENT, USER_AGENT);
	SET(easy, CURLOPT_HTTPHEADER, fetch->fetcher->headers);
	SET(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	/* RFC 8555 section 8.3 sends plain HTTP and trusts what comes back as little: the key authorization must match. */
	SET(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	SET(easy, CURLOPT_CAINFO, NULL);
	SET(easy, CURLOPT_CAPATH, NULL);
	SET(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	SET(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

static void set_where(struct fetch *fetch, const struct target *target, int64_t connect_ms)
{
	CURL *easy = fetch->transfer.easy;
	const char *address = address_text(fetch->op->arena, &fetch->address);

	fetch->pin = curl_slist_append(
		NULL, arena_printf(fetch->op->arena, "%s:%u:%s", target->host, target->port, address));
	fetch->share = curl_share_init();
	ASSERT(fetch->pin != NULL && fetch->share != NULL);
	/* Without a share of its own the entry would go to the cache of the multi handle: to everybody, for ever. */
	ASSERT(curl_share_setopt(fetch->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK);
	SET(easy, CURLOPT_SHARE, fetch->share);
	SET(easy, CURLOPT_RESOLVE, fetch->pin);
	SET(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(easy, CURLOPT_OPENSOCKETDATA, fetch);
	SET(easy, CURLOPT_FRESH_CONNECT, 1L);
	SET(easy, CURLOPT_FORBID_REUSE, 1L);
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_ms > 0 ? connect_ms : 1));
	SET(easy, CURLOPT_PROXY, "");
	SET(easy, CURLOPT_NOPROXY, "*");
	SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(easy, CURLOPT_NOSIGNAL, 1L);
}

static void set_how(struct fetch *fetch)
{
	CURL *easy = fetch->transfer.easy;

	SET(easy, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
	SET(easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(easy, CURLOPT_HEADERDATA, fetch);
	SET(easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(easy, CURLOPT_WRITEDATA, fetch);
}

static void fetch_finish(void *arg, CURLcode code);

struct fetch *fetch_start(struct op *op, struct fetcher *fetcher, const struct target *target,
			  const union address *address, int64_t connect_ms, fetch_done *done, void *arg)
{
	struct fetch *fetch = arena_alloc(op->arena, sizeof(*fetch));

	fetch->fetcher = fetcher;
	fetch->op = op;
	fetch->address = *address;
	fetch->done = done;
	fetch->arg = arg;
	fetch->transfer = (struct transfer){ curl_easy_init(), fetch_finish, fetch };
	ASSERT(fetch->transfer.easy != NULL);
	set_what(fetch, target);
	set_where(fetch, target, connect_ms);
	set_how(fetch);
	transfer_start(fetcher->transfers, &fetch->transfer);
	return fetch;
}

static void fetch_release(struct fetch *fetch)
{
	curl_easy_cleanup(fetch->transfer.easy);
	curl_share_cleanup(fetch->share);
	curl_slist_free_all(fetch->pin);
	fetch->transfer.easy = NULL;
}

void fetch_cancel(struct fetch **fetch)
{
	if (*fetch != NULL) {
		transfer_cancel((*fetch)->fetcher->transfers, &(*fetch)->transfer);
		fetch_release(*fetch);
	}
	*fetch = NULL;
}

static bool was_connected(CURL *easy)
{
	curl_off_t connected_us = 0;

	curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected_us);
	return connected_us > 0;
}

static void end_unconnected(struct fetch *fetch)
{
	struct fetch_answer *answer = &fetch->answer;
	long error = 0;

	curl_easy_getinfo(fetch->transfer.easy, CURLINFO_OS_ERRNO, &error);
	answer->end = FETCH_NOT_CONNECTED;
	if (fetch->has_strayed)
		answer->why = "was not the address that was asked for";
	else if (error == ECONNREFUSED)
		answer->why = "refused";
	else if (error == ENETUNREACH || error == EHOSTUNREACH)
		answer->why = "failed: no route to it";
	else if (error == EMFILE || error == ENFILE)
		answer->why = "failed: no file descriptors left here";
	else
		answer->why = error == 0 || error == EINPROGRESS || error == ETIMEDOUT ? "timed out" : "failed";
}

static void end_with(struct fetch_answer *answer, enum fetch_end end, const char *why)
{
	answer->end = end;
	answer->why = why;
}

static void end_stopped(struct fetch *fetch)
{
	switch (fetch->stop) {
	case STOP_HEAD_TOO_BIG:
		end_with(&fetch->answer, FETCH_UNUSABLE, "sent more header than any answer needs");
		break;
	case STOP_CODING:
		end_with(&fetch->answer, FETCH_UNUSABLE, "sent a transfer coding that was not offered");
		break;
	default: /* enough was seen */
		end_with(&fetch->answer, FETCH_ANSWERED, NULL);
	}
}

static void end_with_code(struct fetch_answer *answer, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		end_with(answer, FETCH_ANSWERED, NULL);
		break;
	case CURLE_GOT_NOTHING:
		end_with(answer, FETCH_BROKEN, "closed the connection without an answer");
		break;
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		end_with(answer, FETCH_BROKEN, "broke the connection off");
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
		end_with(answer, FETCH_BROKEN, "failed in the TLS handshake");
		break;
	case CURLE_OPERATION_TIMEDOUT:
		end_with(answer, FETCH_BROKEN, "did not finish the TLS handshake in time");
		break;
	case CURLE_PARTIAL_FILE:
		end_with(answer, FETCH_UNUSABLE, "closed the connection in the middle of its answer");
		break;
	case CURLE_OUT_OF_MEMORY: /* libcurl's own cap on one header line; so they call it … */
	case (CURLcode)100:       /* … and since 8.6 CURLE_TOO_LARGE */
		end_with(answer, FETCH_UNUSABLE, "sent more header than any answer needs");
		break;
	default:
		end_with(answer, FETCH_UNUSABLE, "did not answer in HTTP/1");
	}
}

static void fetch_finish(void *arg, CURLcode code)
{
	struct fetch *fetch = arg;
	fetch_done *done = fetch->done;
	long status = 0;

	curl_easy_getinfo(fetch->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
	fetch->answer.status = (unsigned)status;
	if (fetch->stop != STOP_NONE)
		end_stopped(fetch);
	else if (code != CURLE_OK && !was_connected(fetch->transfer.easy))
		end_unconnected(fetch);
	else
		end_with_code(&fetch->answer, code);
	fetch_release(fetch);
	done(fetch->arg, &fetch->answer);
}
