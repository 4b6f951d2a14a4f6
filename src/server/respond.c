/* Written piece by piece without printf: this runs once for every request. */
#include "server/respond.h"

#include <string.h>
#include <strings.h>

#define HEAD_ROOM 512 /* most heads fit; longer ones grow */

static const struct phrase {
	int status;
	const char *text;
} phrases[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
};

/* The phrase may be empty; only the number counts (RFC 9112 section 4). */
static const char *phrase_of(int status)
{
	for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return "";
}

/* No value can end its line early: control characters become blanks. */
static void put_value(struct buf *head, const char *value)
{
	size_t at = head->n;

	buf_text(head, value);
	for (; at < head->n; at++)
		if (head->p[at] < 0x20 || head->p[at] == 0x7f)
			head->p[at] = ' ';
}

static void put_header(struct buf *head, const char *name, const char *value)
{
	buf_text(head, name);
	buf_put(head, ": ", 2);
	put_value(head, value);
	buf_put(head, "\r\n", 2);
}

static void put_status_line(struct buf *head, int status)
{
	buf_text(head, "HTTP/1.1 ");
	buf_number(head, (uint64_t)status);
	buf_byte(head, ' ');
	buf_text(head, phrase_of(status));
	buf_put(head, "\r\n", 2);
}

static bool has_header(const struct reply *reply, const char *name)
{
	for (unsigned i = 0; i < reply->n_headers; i++)
		if (strcasecmp(reply->headers[i].name, name) == 0)
			return true;
	return false;
}

/* RFC 9110 section 15.5.6: a 405 says what would have been allowed. */
static void put_allow(struct buf *head, const struct route *route)
{
	const char *before = "Allow: ";
	const struct {
		bool is_allowed;
		const char *name;
	} methods[] = { { route->get, "GET" }, { route->head, "HEAD" }, { route->post, "POST" } };

	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		if (!methods[i].is_allowed)
			continue;
		buf_text(head, before);
		buf_text(head, methods[i].name);
		before = ", ";
	}
	buf_put(head, "\r\n", 2);
}

static void put_framing(struct buf *head, const struct exchange *exchange)
{
	const struct reply *reply = &exchange->reply;

	/* 204 must not have a length, and 304 has that of another reply (RFC 9110 section 8.6). */
	if (reply->status != 204 && reply->status != 304) {
		buf_text(head, "Content-Length: ");
		buf_number(head, reply->content_type != NULL ? reply->body.n : 0);
		buf_put(head, "\r\n", 2);
	}
	if (!exchange->keep_alive)
		buf_text(head, "Connection: close\r\n");
}

/* HEAD is answered like GET, but for the body (RFC 9110 section 9.3.2). */
static bool sends_body(const struct exchange *exchange)
{
	int status = exchange->reply.status;

	return exchange->reply.content_type != NULL && exchange->call.method != HTTP_HEAD && status != 204 &&
	       status != 304;
}

void respond_prepare(struct exchange *exchange, const char *date)
{
	const struct reply *reply = &exchange->reply;
	struct buf head;

	buf_init(&head, exchange->op->arena, HEAD_ROOM);
	put_status_line(&head, reply->status);
	put_header(&head, "Date", date);
	put_header(&head, "Request-Id", exchange->op->request_id);
	if (reply->content_type != NULL)
		put_header(&head, "Content-Type", reply->content_type);
	put_framing(&head, exchange);
	buf_text(&head, "X-Content-Type-Options: nosniff\r\n");
	if (reply->status == 405 && exchange->route != NULL && !has_header(reply, "Allow"))
		put_allow(&head, exchange->route);
	if ((reply->status == 503 || reply->status == 429) && !has_header(reply, "Retry-After"))
		put_header(&head, "Retry-After", "1");
	for (unsigned i = 0; i < reply->n_headers; i++)
		put_header(&head, reply->headers[i].name, reply->headers[i].value);
	buf_put(&head, "\r\n", 2);

	exchange->head = buf_as_bytes(&head);
	exchange->body = sends_body(exchange) ? reply->body : BYTES_NONE;
	exchange->sent = 0;
}
