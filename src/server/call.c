/* What handlers ask of a request, and how they fill a reply. See call.h. */
#include "server/call.h"

#include <string.h>
#include <strings.h>

static bool bytes_equal_nocase(struct bytes bytes, const char *text, size_t n)
{
	return bytes.n == n && (n == 0 || strncasecmp((const char *)bytes.p, text, n) == 0);
}

const struct http_header *call_header(const struct call *call, const char *name)
{
	size_t n = strlen(name);

	for (unsigned i = 0; i < call->n_headers; i++)
		if (bytes_equal_nocase(call->headers[i].name, name, n))
			return &call->headers[i];
	return NULL;
}

bool call_has_content_type(const struct call *call, const char *type)
{
	const struct http_header *header = call_header(call, "Content-Type");
	if (header == NULL)
		return false;

	struct bytes media = header->value;
	const uint8_t *semicolon = media.n > 0 ? memchr(media.p, ';', media.n) : NULL;
	if (semicolon != NULL)
		media.n = (size_t)(semicolon - media.p);
	while (media.n > 0 && (media.p[media.n - 1] == ' ' || media.p[media.n - 1] == '\t'))
		media.n--;
	return bytes_equal_nocase(media, type, strlen(type));
}

void reply_header(struct reply *reply, const char *name, const char *value)
{
	ASSERT(reply->n_headers < REPLY_HEADERS_MAX);
	reply->headers[reply->n_headers].name = name;
	reply->headers[reply->n_headers].value = value;
	reply->n_headers++;
}

void reply_text(struct op *op, struct reply *reply, int status, const char *text)
{
	reply->status = status;
	reply->content_type = "text/plain; charset=utf-8";
	reply->body = bytes_of_text(arena_printf(op->arena, "%s\n", text));
}
