/*
 * Text to socket address and back. Strict forms only: inet_pton() knows none
 * of the octal, hexadecimal and one-number forms of IPv4 (R1).
 */
#include "courier/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"

bool address_parse(const char *text, unsigned port, union address *out)
{
	memset(out, 0, sizeof(*out));
	if (port > UINT16_MAX)
		return false;
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons((uint16_t)port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		return true;
	}
	return false;
}

bool address_parse_with_port(const char *text, union address *out)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2] = "";
	uint64_t port;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	if (!text_parse_u64(colon + 1, 1, UINT16_MAX, &port))
		return false;
	if (host[0] != '[')
		return strchr(host, ':') == NULL && address_parse(host, (unsigned)port, out);
	if (!text_has_suffix(host, "]"))
		return false;
	host[strlen(host) - 1] = '\0';
	return address_parse(host + 1, (unsigned)port, out) && out->any.sa_family == AF_INET6;
}

char *address_text(struct arena *arena, const union address *address)
{
	char text[INET6_ADDRSTRLEN];
	const void *raw = address->any.sa_family == AF_INET ? (const void *)&address->v4.sin_addr
							    : (const void *)&address->v6.sin6_addr;

	ASSERT(inet_ntop(address->any.sa_family, raw, text, sizeof(text)) != NULL);
	return arena_text(arena, text);
}

char *address_text_with_port(struct arena *arena, const union address *address)
{
	const char *host = address_text(arena, address);

	if (address->any.sa_family == AF_INET)
		return arena_printf(arena, "%s:%u", host, address_port_number(address));
	return arena_printf(arena, "[%s]:%u", host, address_port_number(address));
}

unsigned address_port_number(const union address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

socklen_t address_size(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

bool address_equal(const union address *a, const struct sockaddr *b)
{
	const struct sockaddr_in *b4 = (const void *)b;
	const struct sockaddr_in6 *b6 = (const void *)b;

	if (a->any.sa_family != b->sa_family)
		return false;
	if (b->sa_family == AF_INET)
		return a->v4.sin_port == b4->sin_port && a->v4.sin_addr.s_addr == b4->sin_addr.s_addr;
	return b->sa_family == AF_INET6 && a->v6.sin6_port == b6->sin6_port &&
	       a->v6.sin6_scope_id == b6->sin6_scope_id &&
	       memcmp(&a->v6.sin6_addr, &b6->sin6_addr, sizeof(b6->sin6_addr)) == 0;
}
