/*
 * Writing and reading of each message side by side, so that they stay alike, and
 * the rules for requests, which both sides ask: the server for its own good, the
 * courier because it trusts nobody.
 */
#include "courier/call_message.h"

#include <curl/curl.h>
#include <string.h>

#include "base/auto.h"
#include "base/limits.h"
#include "base/text.h"
#include "courier/address.h"
#include "courier/host_name.h"
#include "ipc/message.h"

AUTO_DEFINE(CURLU, curl_url_cleanup);

/* --- what may be asked --- */

/* One part of a URL, copied to the arena; NULL when it has none. */
static char *url_part(struct op *op, CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL, *copy;

	if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
		return NULL;
	copy = arena_text(op->arena, text);
	curl_free(text);
	return copy;
}

/* RFC 9112 section 2.2: a control character in a line would end it, and begin another of somebody else's. */
static bool is_printable(const char *text, size_t limit)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return n <= limit;
}

static bool is_header_name(const char *name)
{
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= 64 && name[n] == '\0';
}

/* A host to connect to: an address as it stands, or a name that the resolver can be asked for. */
static result read_host(struct op *op, CURLU *url, const char *what, struct courier_peer *out)
{
	char *host = url_part(op, url, CURLUPART_HOST, CURLU_URLDECODE);
	size_t n = host == NULL ? 0 : strlen(host);
	union address address;
	const char *refusal;

	if (n > 2 && host[0] == '[')
		host = arena_text_n(op->arena, host + 1, n - 2);
	if (host == NULL || n == 0)
		return FAIL(op, ERR_MALFORMED, "%s has no host", what);
	text_lower(host);
	out->host = host;
	out->is_address = address_parse(host, 0, &address);
	refusal = out->is_address ? NULL : host_name_refusal(host);
	if (refusal != NULL)
		return FAIL(op, ERR_MALFORMED, "%s: \"%s\" is no host to call: %s", what, host, refusal);
	return OK;
}

static result read_url(struct op *op, const char *text, const char *what, const char *scheme, struct courier_peer *out)
{
	AUTO(CURLU) *url = curl_url();
	const char *port;
	uint64_t number = 443;

	ASSERT(url != NULL);
	if (strlen(text) > LIMIT_CALL_URL || !is_printable(text, LIMIT_CALL_URL) ||
	    curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return FAIL(op, ERR_MALFORMED, "%s is not a URL", what);
	if (!text_equal_nocase(url_part(op, url, CURLUPART_SCHEME, 0), scheme))
		return FAIL(op, ERR_MALFORMED, "%s has to begin with %s://", what, scheme);
	if (url_part(op, url, CURLUPART_USER, 0) != NULL || url_part(op, url, CURLUPART_PASSWORD, 0) != NULL ||
	    url_part(op, url, CURLUPART_FRAGMENT, 0) != NULL)
		return FAIL(op, ERR_MALFORMED, "%s may not have user information or a fragment", what);
	port = url_part(op, url, CURLUPART_PORT, 0);
	if (port == NULL && text_equal(scheme, "http"))
		return FAIL(op, ERR_MALFORMED, "%s needs a port", what);
	if (port != NULL && !text_parse_u64(port, 1, UINT16_MAX, &number))
		return FAIL(op, ERR_MALFORMED, "%s has a port that is none", what);
	out->port = (unsigned)number;
	return read_host(op, url, what, out);
}

result courier_request_peer(struct op *op, const struct courier_request *request, struct courier_peer *out)
{
	if (request->proxy != NULL)
		return read_url(op, request->proxy, "the proxy", "http", out);
	return read_url(op, request->url, "the address to call", "https", out);
}

static result check_headers(struct op *op, const struct courier_request *request)
{
	if (request->n_headers > COURIER_CALL_HEADERS)
		return FAIL(op, ERR_MALFORMED, "more than %d headers", COURIER_CALL_HEADERS);
	for (unsigned i = 0; i < request->n_headers; i++) {
		const struct courier_header *header = &request->headers[i];

		if (header->name == NULL || header->value == NULL || !is_header_name(header->name) ||
		    !is_printable(header->value, LIMIT_CALL_HEADER))
			return FAIL(op, ERR_MALFORMED, "header %u of the call is not one line of text", i + 1);
	}
	return OK;
}

result courier_request_check(struct op *op, const struct courier_request *request)
{
	struct courier_peer peer;
	bool is_post = text_equal(request->method, "POST");

	if (request->url == NULL || (!is_post && !text_equal(request->method, "GET")))
		return FAIL(op, ERR_MALFORMED, "a call is a GET or POST of an address");
	TRY(read_url(op, request->url, "the address to call", "https", &peer));
	if (request->proxy != NULL)
		TRY(courier_request_peer(op, request, &peer));
	TRY(check_headers(op, request));
	if (request->body.n > LIMIT_CALL_REQUEST || (request->body.n > 0 && !is_post))
		return FAIL(op, ERR_MALFORMED, "the body of a call is beyond %d bytes, or not wanted", LIMIT_CALL_REQUEST);
	if (request->trust.n > LIMIT_CALL_TRUST)
		return FAIL(op, ERR_MALFORMED, "the certificates to trust have more than %d bytes", LIMIT_CALL_TRUST);
	if (request->timeout_ms < 1 || request->timeout_ms > LIMIT_CALL_MS || request->body_limit > LIMIT_CALL_BODY)
		return FAIL(op, ERR_MALFORMED, "a call with a time or a size beyond the limits");
	return OK;
}

/* --- the messages --- */

void courier_request_put(struct buf *buf, const struct courier_request *request)
{
	message_put_text(buf, request->method);
	message_put_text(buf, request->url);
	message_put_u32(buf, request->n_headers);
	for (unsigned i = 0; i < request->n_headers; i++) {
		message_put_text(buf, request->headers[i].name);
		message_put_text(buf, request->headers[i].value);
	}
	message_put_bytes(buf, request->body);
	message_put_text(buf, request->proxy);
	message_put_bytes(buf, request->trust);
	message_put_u32(buf, (uint32_t)request->timeout_ms);
	message_put_u32(buf, (uint32_t)request->body_limit);
}

static result take_headers(struct op *op, struct message_reader *reader, struct courier_request *out)
{
	struct courier_header *headers;
	uint32_t n = message_take_u32(reader);

	if (n > COURIER_CALL_HEADERS)
		return FAIL(op, ERR_MALFORMED, "more than %d headers", COURIER_CALL_HEADERS);
	headers = arena_alloc_array(op->arena, n + 1, sizeof(*headers));
	for (uint32_t i = 0; i < n; i++) {
		headers[i].name = message_take_text(reader, op->arena);
		headers[i].value = message_take_text(reader, op->arena);
	}
	out->headers = headers;
	out->n_headers = n;
	return OK;
}

result courier_request_read(struct op *op, struct bytes payload, struct courier_request *out)
{
	struct message_reader reader;

	message_read(&reader, payload);
	out->method = message_take_text(&reader, op->arena);
	out->url = message_take_text(&reader, op->arena);
	TRY(take_headers(op, &reader, out));
	out->body = message_take_bytes(&reader);
	out->proxy = message_take_text(&reader, op->arena);
	out->trust = message_take_bytes(&reader);
	out->timeout_ms = message_take_u32(&reader);
	out->body_limit = message_take_u32(&reader);
	TRY(message_end(op, &reader));
	return courier_request_check(op, out);
}

void courier_response_put(struct buf *buf, const struct courier_response *response)
{
	message_put_u32(buf, response->status);
	message_put_text(buf, response->content_type);
	message_put_text(buf, response->retry_after);
	message_put_bytes(buf, response->body);
}

result courier_response_read(struct op *op, struct bytes payload, struct courier_response *out)
{
	struct message_reader reader;

	message_read(&reader, payload);
	out->status = message_take_u32(&reader);
	out->content_type = message_take_text(&reader, op->arena);
	out->retry_after = message_take_text(&reader, op->arena);
	out->body = message_take_bytes(&reader);
	TRY(message_end(op, &reader));
	if (out->status < 100 || out->status > 999 || out->body.n > LIMIT_CALL_BODY)
		return FAIL(op, ERR_MALFORMED, "the courier's answer makes no sense");
	return OK;
}
