/*
 * The head of a request (RFC 9112 sections 2 to 5): lines are cut at CRLF and
 * parsed as they become complete, once. Only when the caller has moved the bytes
 * are they parsed again, because header views point into them.
 */
#include "server/gate.h"

#include <string.h>

#include "server/gate_parts.h"

enum {
	IS_TOKEN = 1, /* tchar, RFC 9110 section 5.6.2 */
	IS_TARGET = 2, /* pchar, '/', '?': RFC 3986 section 3.3 and 3.4 */
	IS_FIELD = 4  /* field-vchar, SP, HTAB: RFC 9110 section 5.5 */
};

#define T IS_TOKEN
#define U IS_TARGET
#define F IS_FIELD
/* clang-format off */
static const uint8_t classes[256] = {
	['\t'] = F, [' '] = F, ['"'] = F, ['<'] = F, ['>'] = F, ['['] = F, ['\\'] = F, [']'] = F,
	['{'] = F, ['}'] = F,
	['#'] = T|F, ['^'] = T|F, ['`'] = T|F, ['|'] = T|F,
	['('] = U|F, [')'] = U|F, [','] = U|F, ['/'] = U|F, [':'] = U|F, [';'] = U|F, ['='] = U|F,
	['?'] = U|F, ['@'] = U|F,
	['!'] = T|U|F, ['$'] = T|U|F, ['%'] = T|U|F, ['&'] = T|U|F, ['\''] = T|U|F, ['*'] = T|U|F,
	['+'] = T|U|F, ['-'] = T|U|F, ['.'] = T|U|F, ['_'] = T|U|F, ['~'] = T|U|F,
	['0' ... '9'] = T|U|F, ['A' ... 'Z'] = T|U|F, ['a' ... 'z'] = T|U|F,
	[0x80 ... 0xff] = F, /* obs-text: not ours to judge */
};
/* clang-format on */
#undef T
#undef U
#undef F

/* How many bytes from `at` on are of that class. */
static size_t span(struct bytes line, size_t at, unsigned class)
{
	size_t end = at;
	while (end < line.n && (classes[line.p[end]] & class) != 0)
		end++;
	return end - at;
}

bool gate_refuse(struct gate *gate, int status, const char *reason)
{
	gate->state = GATE_REFUSED;
	gate->status = status;
	gate->reason = reason;
	return false;
}

void gate_init(struct gate *gate)
{
	memset(gate, 0, offsetof(struct gate, headers));
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool has_whole_escapes(struct bytes target)
{
	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] == '%' && (target.n - i < 3 || !is_hex(target.p[i + 1]) || !is_hex(target.p[i + 2])))
			return false;
	return true;
}

/* "HTTP/1.1"; RFC 9112 section 2.3. */
static bool take_version(struct gate *gate, struct bytes version)
{
	if (bytes_equal(version, BYTES_LITERAL("HTTP/1.1"))) {
		gate->keep_alive = true;
		return true;
	}
	if (bytes_equal(version, BYTES_LITERAL("HTTP/1.0"))) {
		gate->is_http10 = true;
		return true;
	}
	if (version.n == 8 && memcmp(version.p, "HTTP/", 5) == 0 && version.p[5] >= '0' && version.p[5] <= '9' &&
	    version.p[6] == '.' && version.p[7] >= '0' && version.p[7] <= '9')
		return gate_refuse(gate, 505, "this server speaks HTTP/1.1 and HTTP/1.0");
	return gate_refuse(gate, 400, "the request line does not end in an HTTP version");
}

/* method SP request-target SP HTTP-version, with exactly one SP each (section 3). */
static bool take_request_line(struct gate *gate, struct bytes line)
{
	size_t method_n = span(line, 0, IS_TOKEN);
	if (method_n == 0 || method_n == line.n || line.p[method_n] != ' ')
		return gate_refuse(gate, 400, "the request line does not begin with a method");
	size_t target_at = method_n + 1;
	size_t target_n = span(line, target_at, IS_TARGET);
	size_t version_at = target_at + target_n + 1;
	if (target_n == 0 || version_at > line.n || line.p[version_at - 1] != ' ')
		return gate_refuse(gate, 400, "the request target holds a character that must be escaped");
	if (!take_version(gate, (struct bytes){ line.p + version_at, line.n - version_at }))
		return false;

	struct bytes method = { line.p, method_n };
	struct bytes target = { line.p + target_at, target_n };
	if (bytes_equal_text(method, "CONNECT") || bytes_equal_text(method, "TRACE"))
		return gate_refuse(gate, 501, "this server does not implement that method");
	/* No absolute form (H6): who asks through a proxy asks for another server. */
	if (target.p[0] != '/')
		return gate_refuse(gate, 400, "the request target must be a path");
	if (!has_whole_escapes(target))
		return gate_refuse(gate, 400, "the request target holds a broken percent escape");
	gate->method = method;
	gate->target = target;
	return true;
}

/* field-name ":" OWS field-value OWS (section 5), without folding. */
static bool take_header_line(struct gate *gate, struct bytes line)
{
	size_t name_n = span(line, 0, IS_TOKEN);
	if (name_n == 0 || name_n == line.n || line.p[name_n] != ':')
		return gate_refuse(gate, 400, "a header line does not begin with a name and a colon");

	size_t at = name_n + 1;
	size_t end = line.n;
	while (at < end && (line.p[at] == ' ' || line.p[at] == '\t'))
		at++;
	while (end > at && (line.p[end - 1] == ' ' || line.p[end - 1] == '\t'))
		end--;
	struct bytes value = { line.p + at, end - at };
	if (span(value, 0, IS_FIELD) != value.n)
		return gate_refuse(gate, 400, "a header value holds a control character");
	if (gate->n_headers == LIMIT_HEADER_COUNT)
		return gate_refuse(gate, 431, "too many header lines");

	struct http_header *header = &gate->headers[gate->n_headers++];
	*header = (struct http_header){ { line.p, name_n }, value };
	return gate_take_field(gate, header);
}

/* One line without its CRLF; false: the head is over, well or not. */
static bool take_line(struct gate *gate, struct bytes line, size_t next_at)
{
	bool is_request_line = gate->fields_at == 0;

	/* One empty line before the request is let pass (section 2.2). */
	if (is_request_line && line.n == 0 && next_at == 2)
		return true;
	if (is_request_line) {
		gate->fields_at = next_at;
		return take_request_line(gate, line);
	}
	if (line.n > 0)
		return take_header_line(gate, line);
	if (gate_check_fields(gate)) {
		gate->state = GATE_HEAD;
		gate->head_n = next_at;
	}
	return false;
}

/*
 * `end` is one behind the last byte that belongs to the line so far. Told by
 * position, so that the verdict is the same however the bytes come.
 */
static bool is_within_limits(struct gate *gate, size_t end)
{
	if (gate->fields_at == 0 && end - gate->line_at > LIMIT_REQUEST_LINE + 2)
		return gate_refuse(gate, 414, "the request line is too long");
	if (gate->fields_at != 0 && end - gate->fields_at > LIMIT_HEADER_BYTES)
		return gate_refuse(gate, 431, "the header lines are too long");
	return true;
}

/* Refuses at the first byte what cannot be HTTP at all, such as a TLS hello. */
static bool begins_well(struct gate *gate, uint8_t first)
{
	if (first == '\r' || (classes[first] & IS_TOKEN) != 0)
		return true;
	return gate_refuse(gate, 400, "this is not an HTTP request");
}

static enum gate_state read_head(struct gate *gate, const uint8_t *p, size_t n)
{
	gate->base = (uintptr_t)p;
	if (gate->scanned == 0 && n > 0 && !begins_well(gate, p[0]))
		return gate->state;
	while (gate->scanned < n) {
		const uint8_t *lf = memchr(p + gate->scanned, '\n', n - gate->scanned);
		size_t end = lf != NULL ? (size_t)(lf - p) + 1 : n;
		if (!is_within_limits(gate, end))
			break;
		gate->scanned = end;
		if (lf == NULL)
			break;
		struct bytes line = { p + gate->line_at, end - gate->line_at };
		if (line.n < 2 || line.p[line.n - 2] != '\r') {
			gate_refuse(gate, 400, "a line ends in a bare LF");
			break;
		}
		line.n -= 2;
		gate->line_at = end;
		if (!take_line(gate, line, end))
			break;
	}
	return gate->state;
}

/* The caller moved the bytes: the same head again, for views into its new place. */
static void read_head_again(struct gate *gate, const uint8_t *p)
{
	struct gate again;

	gate_init(&again);
	ASSERT(read_head(&again, p, gate->head_n) == GATE_HEAD);
	memcpy(gate->headers, again.headers, again.n_headers * sizeof again.headers[0]);
	gate->method = again.method;
	gate->target = again.target;
	gate->host = again.host;
	gate->base = again.base;
}

static enum gate_state complete(struct gate *gate, size_t body_n)
{
	gate->body_n = body_n;
	gate->consumed = gate->head_n + body_n;
	return gate->state = GATE_COMPLETE;
}

static enum gate_state read_body(struct gate *gate, uint8_t *p, size_t n)
{
	gate->state = GATE_MORE;
	if (gate->is_chunked)
		return gate_read_chunks(gate, p, n);
	if (!gate->has_length)
		return complete(gate, 0);
	if (gate->length > gate->limit) {
		gate_refuse(gate, 413, "the body is larger than this address takes");
		return gate->state;
	}
	if (n - gate->head_n < gate->length)
		return GATE_MORE;
	return complete(gate, (size_t)gate->length);
}

enum gate_state gate_feed(struct gate *gate, uint8_t *p, size_t n)
{
	if (gate->state == GATE_REFUSED || gate->state == GATE_COMPLETE)
		return gate->state;
	if (gate->head_n == 0) {
		if (gate->base != (uintptr_t)p)
			gate_init(gate);
		return read_head(gate, p, n);
	}
	if (gate->base != (uintptr_t)p)
		read_head_again(gate, p);
	return read_body(gate, p, n);
}

void gate_body_limit(struct gate *gate, size_t limit)
{
	ASSERT(limit <= SIZE_MAX / 4);
	gate->limit = limit;
	if (gate->has_length && gate->length > limit)
		gate_refuse(gate, 413, "the body is larger than this address takes");
}

bool gate_has_body(const struct gate *gate)
{
	return gate->is_chunked || gate->length > 0;
}
