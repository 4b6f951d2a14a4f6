/*
 * What a probe saw, hop by hop, for the audit log: canonical JSON, members
 * sorted, integers only. Nothing of what a server sent is in it but status and
 * the URLs of redirects that passed the rules.
 */
#pragma once

#include "base/config.h"
#include "base/limits.h"
#include "courier/courier.h"
#include "courier/resolve.h"
#include "courier/redirect.h"

/* An address that was not used, and why: "loopback"; "refused". */
struct passed_over {
	const union address *address;
	const char *why;
};

#define HOP_ADDRESSES 32 /* as many as dns_answer.h gives: 16 of each family */

/* One URL of the chain. */
struct hop {
	struct target target;
	int64_t started_ms, ended_ms;
	bool is_resolved;
	struct lookup_answers answers;
	union address addresses[HOP_ADDRESSES];   /* all, with the port; AAAA first */
	unsigned n_addresses;
	struct passed_over denied[HOP_ADDRESSES]; /* by the address policy */
	unsigned n_denied;
	struct passed_over failed[2];             /* could not be connected to */
	unsigned n_failed;
	const union address *used; /* the last one tried; NULL: none */
	unsigned status;
};

#define PROBE_HOPS (LIMIT_PROBE_REDIRECTS + 1)

struct trail {
	struct hop *hops[PROBE_HOPS];
	unsigned n;
	int64_t started_ms;
};

/* Text in the arena. */
const char *evidence_write(struct arena *arena, const struct trail *trail, enum probe_outcome outcome,
			   const struct config_texts *resolvers, int64_t now_ms);
