/*
 * Addresses of a name, asked of the configured resolvers or of the system's
 * (c-ares on the courier's event loop). Every lookup has sockets and query ids
 * of its own, so that no answer of one can be guessed from another (R9), and
 * asks exactly once per probe and hop: what it found is what is connected to (R3).
 *
 * With resolvers configured nothing else is asked; with the system's, /etc/hosts
 * comes first, as everywhere on the machine.
 */
#pragma once

#include <event2/event.h>

#include "base/config.h"
#include "courier/dns_answer.h"

struct resolver;

/* `patience_ms`: until a silent resolver is asked again, doubled each time. ERR_MALFORMED: not an address and port. */
result resolver_new(struct op *op, struct event_base *base, const struct config_texts *resolvers, unsigned patience_ms,
		    struct resolver **out);
void resolver_free(struct resolver **resolver);

/* Who is asked, as in "127.0.0.1:53": for details and evidence. */
const struct config_texts *resolver_names(const struct resolver *resolver);

struct lookup_answers {
	struct dns_answer a, aaaa;
};

/*
 * `done` runs once, later, from the event loop; the lookup is gone by then and
 * its answers live in the op's arena. After lookup_cancel() it does not run.
 */
struct lookup;
typedef void lookup_done(void *arg, const struct lookup_answers *answers);
struct lookup *lookup_start(struct op *op, struct resolver *resolver, const char *host, lookup_done *done, void *arg);
void lookup_cancel(struct lookup **lookup);
