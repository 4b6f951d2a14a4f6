/*
 * How many connections are open, in all and per address of a client; whether
 * one more may come. An IPv6 client counts by its /64, which is what one
 * subscriber gets. Thread-safe; asked once per connection, never per request.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/op.h"

struct admission;

struct address_key {
	uint64_t high, low;
};

enum admission_answer { ADMITTED, REFUSED_IN_ALL, REFUSED_FOR_ADDRESS };

struct admission *admission_new(unsigned in_all, unsigned per_address);
void admission_free(struct admission **admission);

struct address_key address_key(const struct sockaddr_storage *from);
/* Of struct actor's `remote`. What is no address is nobody's, and all of that counts as one. */
struct address_key address_key_of_text(const char *remote);

/* ADMITTED must be followed by one admission_leave with the same key. */
enum admission_answer admission_enter(struct admission *admission, struct address_key key);
void admission_leave(struct admission *admission, struct address_key key);
unsigned admission_count(struct admission *admission);
