/*
 * The protocols of this build. A new one is a folder, a row in list.c and one
 * include of its local.mk.
 */
#pragma once

#include "ca/authority.h"
#include "ca/steward.h"
#include "server/lane.h"
#include "server/route.h"

/* What a protocol may use besides the authority. Borrowed; outlives the protocol. */
struct protocol_host {
	struct authority *authority;
	struct steward *steward;
	struct lane *wait;  /* for work that waits for services outside */
	struct lane *batch; /* for other work that no request waits for */
};

struct protocol {
	const char *name;
	/* Refuses settings that it could not serve by, such as files that cannot be read. NULL: nothing to look at. */
	result (*check)(struct op *op, const struct config *config);
	/* Adds its routes, and its tasks to the steward; *state is what stop and close get. */
	void (*open)(const struct protocol_host *host, struct routes *routes, void **state);
	/* The front has drained: submit nothing to the lanes any more. NULL: nothing to do. */
	void (*stop)(void *state);
	/* Lanes and authority are gone. NULL: nothing to do. */
	void (*close)(void *state);
};

/* Each protocol's check: at the start, and before a reload takes a configuration. */
result protocols_check(struct op *op, const struct config *config);

extern const struct protocol protocol_list[]; /* ends with a NULL name */
#define PROTOCOLS_MAX 16
