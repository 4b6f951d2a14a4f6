/*
 * The subjectAltNames that are no DNS names, in their canonical form: addresses
 * (RFC 4291), mailboxes (RFC 5321 section 4.1.2) and URIs (RFC 3986), as
 * RFC 5280 section 4.2.1.6 lets them into a certificate.
 */
#include "ca/identifier.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"

#define LOCAL_MAX_OCTETS 64   /* RFC 5321 section 4.5.3.1.1 */
#define MAILBOX_MAX_OCTETS 254 /* the path of section 4.5.3.1.3 without its brackets */
#define URI_MAX_OCTETS 1024
#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* A copy as text; false when it is empty, has a NUL, or is longer than `max`. */
static bool as_text(struct op *op, struct bytes bytes, size_t max, char **out)
{
	if (bytes.n == 0 || bytes.n > max || memchr(bytes.p, '\0', bytes.n) != NULL)
		return false;
	*out = arena_text_n(op->arena, (const char *)bytes.p, bytes.n);
	return true;
}

/* Why such an address names no host of its own; NULL when it can. */
static const char *why_no_host(struct bytes octets)
{
	static const uint8_t zero[IP_MAX_OCTETS];
	const uint8_t *p = octets.p;
	if (memcmp(p, zero, octets.n) == 0 || (octets.n == 4 && p[0] == 0))
		return "the unspecified address";
	if (octets.n == 4)
		return p[0] == 127 ? "a loopback address" : p[0] >= 224 && p[0] < 240 ? "a multicast address" :
		       memcmp(p, "\xff\xff\xff\xff", 4) == 0		      ? "the broadcast address" : NULL;
	if (memcmp(p, zero, 15) == 0 && p[15] == 1)
		return "a loopback address";
	if (memcmp(p, zero, 10) == 0 && p[10] == 0xff && p[11] == 0xff)
		return "an IPv4 address written as IPv6";
	return p[0] == 0xff ? "a multicast address" : NULL;
}

result identifier_ip_of_octets(struct op *op, struct bytes octets, struct identifier *out)
{
	char text[INET6_ADDRSTRLEN];
	if (octets.n != 4 && octets.n != 16)
		return FAIL(op, ERR_POLICY, "an IP address has %zu octets; IPv4 has 4 and IPv6 has 16", octets.n);
	const char *why = why_no_host(octets);
	if (why != NULL)
		return FAIL(op, ERR_POLICY, "the IP address is %s, which names no host", why);
	ASSERT(inet_ntop(octets.n == 4 ? AF_INET : AF_INET6, octets.p, text, sizeof text) != NULL);
	*out = (struct identifier){ IDENTIFIER_IP, arena_text(op->arena, text) };
	return OK;
}

/* How many octets an address has; 0 when the text is none. */
static size_t octets_of_text(const char *text, uint8_t octets[IP_MAX_OCTETS])
{
	return inet_pton(AF_INET, text, octets) == 1 ? 4 : inet_pton(AF_INET6, text, octets) == 1 ? 16 : 0;
}

result identifier_ip(struct op *op, struct bytes text, struct identifier *out)
{
	uint8_t octets[IP_MAX_OCTETS];
	char *address;
	size_t n = as_text(op, text, INET6_ADDRSTRLEN, &address) ? octets_of_text(address, octets) : 0;
	if (n == 0)
		return FAIL(op, ERR_POLICY, "that is no IP address; write it as 192.0.2.1 or 2001:db8::1");
	return identifier_ip_of_octets(op, (struct bytes){ octets, n }, out);
}

size_t identifier_ip_octets(const struct identifier *identifier, uint8_t octets[IP_MAX_OCTETS])
{
	size_t n = identifier->kind == IDENTIFIER_IP ? octets_of_text(identifier->value, octets) : 0;
	ASSERT(n > 0);
	return n;
}

/* Dot-string: atoms of atext with dots between them. Without '*', which atext has: no mailbox stands for all others. */
static bool is_local_part(const char *text)
{
	if (text[0] == '\0' || text[0] == '.' || strlen(text) > LOCAL_MAX_OCTETS || strstr(text, "..") != NULL)
		return false;
	return text[strspn(text, ALPHANUMERIC "!#$%&'+-/=?^_`{|}~.")] == '\0' && !text_has_suffix(text, ".");
}

result identifier_email(struct op *op, struct bytes text, struct identifier *out)
{
	char *mailbox;
	struct identifier domain;
	if (!as_text(op, text, MAILBOX_MAX_OCTETS, &mailbox))
		return FAIL(op, ERR_POLICY, "the e-mail address is empty, has a NUL in it, or more than %d octets", MAILBOX_MAX_OCTETS);
	char *at = strchr(mailbox, '@');
	if (at == NULL)
		return FAIL(op, ERR_POLICY, "the e-mail address \"%.80s\" has no @", mailbox);
	*at = '\0';
	if (!is_local_part(mailbox))
		return FAIL(op, ERR_POLICY,
			    "the e-mail address has nothing before its @, more than %d octets, or characters other than "
			    "letters, digits, single dots and !#$%%&'+-/=?^_`{|}~",
			    LOCAL_MAX_OCTETS);
	TRY(op_explain(op, identifier_dns(op, bytes_of_text(at + 1), false, &domain), "e-mail address"));
	*out = (struct identifier){ IDENTIFIER_EMAIL, arena_printf(op->arena, "%s@%s", mailbox, domain.value) };
	return OK;
}

/* RFC 3986 section 2, every '%' with two digits behind it. */
static bool has_uri_characters(const char *text)
{
	if (text[strspn(text, ALPHANUMERIC "-._~:/?#[]@!$&'()*+,;=%")] != '\0')
		return false;
	for (const char *p = strchr(text, '%'); p != NULL; p = strchr(p + 1, '%')) {
		if (strspn(p + 1, "0123456789abcdefABCDEF") < 2)
			return false;
	}
	return true;
}

/* What stands around the host: "SCHEME://" "HOST" ":PORT/…". Without "//" there is no host, and all is tail. */
struct uri {
	const char *scheme; /* lower case */
	bool has_authority, is_bracketed; /* [HOST] */
	const char *host, *tail;
};

/* Section 3.2.3: nothing, or a colon and a number. */
static bool is_port(struct op *op, const char *text, size_t n)
{
	uint64_t number;
	return n == 0 || (text[0] == ':' && text_parse_u64(arena_text_n(op->arena, text + 1, n - 1), 1, 65535, &number));
}

/* The authority, section 3.2: from here to the first of "/?#". */
static result split_authority(struct op *op, const char *authority, struct uri *out)
{
	size_t n = strcspn(authority, "/?#");
	out->is_bracketed = authority[0] == '[';
	size_t n_host = strcspn(authority, out->is_bracketed ? "]" : ":/?#");
	if (memchr(authority, '@', n) != NULL)
		return FAIL(op, ERR_POLICY, "the URI has a user name before its host");
	if (out->is_bracketed && n_host >= n)
		return FAIL(op, ERR_POLICY, "the URI's host begins with \"[\" and does not end");
	out->host = arena_text_n(op->arena, authority + out->is_bracketed, n_host - out->is_bracketed);
	out->tail = authority + n_host + out->is_bracketed;
	if (!is_port(op, out->tail, n - (size_t)(out->tail - authority)))
		return FAIL(op, ERR_POLICY, "the URI has something behind its host that is no port");
	return OK;
}

static result split_uri(struct op *op, struct bytes text, struct uri *out)
{
	char *uri;
	if (!as_text(op, text, URI_MAX_OCTETS, &uri) || !has_uri_characters(uri))
		return FAIL(op, ERR_POLICY, "the URI is empty, has more than %d octets, or characters that RFC 3986 does not give it",
			    URI_MAX_OCTETS);
	size_t n = strspn(uri, ALPHANUMERIC "+-.");
	bool begins_with_letter = (uri[0] >= 'a' && uri[0] <= 'z') || (uri[0] >= 'A' && uri[0] <= 'Z');
	if (!begins_with_letter || uri[n] != ':' || uri[n + 1] == '\0')
		return FAIL(op, ERR_POLICY, "\"%.80s\" is not an absolute URI", uri);
	char *scheme = arena_text_n(op->arena, uri, n);
	text_lower(scheme);
	*out = (struct uri){ .scheme = scheme, .tail = uri + n + 1 };
	out->has_authority = text_has_prefix(out->tail, "//");
	if (out->has_authority)
		TRY(split_authority(op, out->tail + 2, out));
	if (strpbrk(out->tail, "[]") != NULL)
		return FAIL(op, ERR_POLICY, "the URI has brackets where no address stands");
	return OK;
}

/* Section 4.2.1.6 of RFC 5280: a fully qualified domain name or an address. */
static result make_host(struct op *op, const char *text, struct identifier *out)
{
	uint8_t octets[IP_MAX_OCTETS];
	bool is_address = octets_of_text(text, octets) > 0;
	result r = is_address ? identifier_ip(op, bytes_of_text(text), out) :
				identifier_dns(op, bytes_of_text(text), false, out);
	return op_explain(op, r, "host of a URI");
}

result identifier_uri(struct op *op, struct bytes text, struct identifier *out)
{
	struct uri uri;
	struct identifier host;
	TRY(split_uri(op, text, &uri));
	out->kind = IDENTIFIER_URI;
	if (!uri.has_authority) {
		out->value = arena_printf(op->arena, "%s:%s", uri.scheme, uri.tail);
		return OK;
	}
	TRY(make_host(op, uri.host, &host));
	bool is_ipv6 = host.kind == IDENTIFIER_IP && strchr(host.value, ':') != NULL;
	if (is_ipv6 != uri.is_bracketed)
		return FAIL(op, ERR_POLICY, "in a URI an IPv6 address stands in brackets, and nothing else does");
	out->value = arena_printf(op->arena, is_ipv6 ? "%s://[%s]%s" : "%s://%s%s", uri.scheme, host.value, uri.tail);
	return OK;
}

bool identifier_host(struct op *op, const struct identifier *identifier, struct identifier *out)
{
	struct uri uri;
	if (identifier->kind == IDENTIFIER_EMAIL || identifier->kind == IDENTIFIER_UPN) {
		*out = (struct identifier){ IDENTIFIER_DNS, strchr(identifier->value, '@') + 1 };
		return true;
	}
	ASSERT(identifier->kind == IDENTIFIER_URI);
	bool has_host = split_uri(op, bytes_of_text(identifier->value), &uri).err == ERR_NONE && uri.has_authority &&
			make_host(op, uri.host, out).err == ERR_NONE;
	op_clear_failure(op);
	return has_host;
}
