/*
 * IPv4 and IPv6 addresses with a port, as sockets take them, and their text
 * forms. Literals only: nothing here ever asks a resolver.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/op.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "10.0.0.5" or "2001:db8::5", without brackets, zone or port. */
bool address_parse(const char *text, unsigned port, union address *out);
/* "10.0.0.5:80" or "[2001:db8::5]:80". */
bool address_parse_with_port(const char *text, union address *out);

/* NUL-terminated text in the arena: without the port, and with it. */
char *address_text(struct arena *arena, const union address *address);
char *address_text_with_port(struct arena *arena, const union address *address);

unsigned address_port_number(const union address *address);
socklen_t address_size(const union address *address);
/* Same family, address and port. */
bool address_equal(const union address *a, const struct sockaddr *b);
