/*
 * The header fields that decide how a request is framed and what it demands of
 * the server (RFC 9112 sections 3.2 and 6, RFC 9110 sections 7.6.1, 8.4, 10.1.1).
 * Each may come once; a second one is what smuggling is made of.
 */
#include "server/gate_parts.h"

#include <string.h>
#include <strings.h>

static bool is_text(struct bytes value, const char *text)
{
	return value.n == strlen(text) && strncasecmp((const char *)value.p, text, value.n) == 0;
}

/* reg-name, IPv4 or IP-literal, and a port: characters only, who they name is for others. */
static bool is_host(struct bytes value)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				      "-._~:[]%!$&'()*+;=";

	for (size_t i = 0; i < value.n; i++)
		if (memchr(allowed, value.p[i], sizeof allowed - 1) == NULL)
			return false;
	return value.n > 0 && value.n <= 255 + 6;
}

static bool take_host(struct gate *gate, struct bytes value)
{
	if (gate->host.p != NULL)
		return gate_refuse(gate, 400, "there are two Host fields");
	if (!is_host(value))
		return gate_refuse(gate, 400, "Host is not a host name");
	gate->host = value;
	return true;
}

/* 1*DIGIT and nothing else: no sign, no list, no blank. */
static bool take_content_length(struct gate *gate, struct bytes value)
{
	if (gate->has_length)
		return gate_refuse(gate, 400, "there are two Content-Length fields");
	if (value.n == 0)
		return gate_refuse(gate, 400, "Content-Length is not a number");
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return gate_refuse(gate, 400, "Content-Length is not a number");
		if (gate->length > (UINT64_MAX - 9) / 10)
			return gate_refuse(gate, 413, "Content-Length is beyond all bounds");
		gate->length = gate->length * 10 + (uint64_t)(value.p[i] - '0');
	}
	gate->has_length = true;
	return true;
}

static bool take_transfer_encoding(struct gate *gate, struct bytes value)
{
	if (gate->is_chunked || !is_text(value, "chunked"))
		return gate_refuse(gate, 400, "Transfer-Encoding must be chunked, once");
	gate->is_chunked = true;
	return true;
}

/* A list of options; of these only "close" concerns us. */
static bool take_connection(struct gate *gate, struct bytes value)
{
	while (value.n > 0) {
		const uint8_t *comma = memchr(value.p, ',', value.n);
		struct bytes option = { value.p, comma != NULL ? (size_t)(comma - value.p) : value.n };
		size_t used = option.n + (comma != NULL);
		while (option.n > 0 && (*option.p == ' ' || *option.p == '\t'))
			option = (struct bytes){ option.p + 1, option.n - 1 };
		while (option.n > 0 && (option.p[option.n - 1] == ' ' || option.p[option.n - 1] == '\t'))
			option.n--;
		if (is_text(option, "close"))
			gate->keep_alive = false;
		value = (struct bytes){ value.p + used, value.n - used };
	}
	return true;
}

static bool take_expect(struct gate *gate, struct bytes value)
{
	if (gate->has_expectation || !is_text(value, "100-continue"))
		return gate_refuse(gate, 417, "the only expectation that can be met is 100-continue");
	gate->has_expectation = true;
	/* From HTTP/1.0 it must be ignored (RFC 9110 section 10.1.1). */
	gate->expects_continue = !gate->is_http10;
	return true;
}

/* Bodies are never inflated (H4). */
static bool take_content_encoding(struct gate *gate, struct bytes value)
{
	if (!is_text(value, "identity"))
		return gate_refuse(gate, 415, "bodies are taken without a content encoding only");
	return true;
}

#define FIELD(name, take) { name, sizeof name - 1, take }

static const struct field {
	const char *name;
	size_t name_n;
	bool (*take)(struct gate *gate, struct bytes value);
} fields[] = {
	FIELD("Host", take_host),
	FIELD("Content-Length", take_content_length),
	FIELD("Transfer-Encoding", take_transfer_encoding),
	FIELD("Connection", take_connection),
	FIELD("Expect", take_expect),
	FIELD("Content-Encoding", take_content_encoding),
};

bool gate_take_field(struct gate *gate, const struct http_header *header)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		const struct field *field = &fields[i];
		if (header->name.n == field->name_n &&
		    strncasecmp((const char *)header->name.p, field->name, field->name_n) == 0)
			return field->take(gate, header->value);
	}
	return true;
}

bool gate_check_fields(struct gate *gate)
{
	if (gate->host.p == NULL && !gate->is_http10)
		return gate_refuse(gate, 400, "there is no Host field");
	if (gate->is_chunked && gate->has_length)
		return gate_refuse(gate, 400, "there are both Content-Length and Transfer-Encoding");
	if (gate->is_chunked && gate->is_http10)
		return gate_refuse(gate, 400, "HTTP/1.0 knows no Transfer-Encoding");
	return true;
}
