/*
 * Where an HTTP answer sends us, or why we do not go there (R4). Pure: no
 * network, no state. URLs are taken apart by libcurl's own parser, so that the
 * URL that was judged is the one that is fetched.
 *
 * Refused: schemes other than http and https, other ports than theirs, user
 * info, address literals and what could be read as one, control characters,
 * URLs beyond LIMIT_PROBE_URL, loops, chains beyond LIMIT_PROBE_REDIRECTS.
 */
#pragma once

#include "base/op.h"

/* What a probe fetches: all in the op's arena. */
struct target {
	const char *url;  /* absolute, without fragment; host in lower case */
	const char *host;
	unsigned port;
	bool is_https;
};

struct redirect_ports {
	unsigned http, https; /* 80 and 443 but for tests */
};

/* 301, 302, 303, 307, 308 (RFC 9110 section 15.4). */
bool redirect_is_status(unsigned status);

/*
 * The target that `location` names, seen from the last of `chain`: every URL
 * fetched so far, the first one included. ERR_DENIED, in words that quote
 * nothing of `location` but its port.
 */
result redirect_follow(struct op *op, struct redirect_ports ports, const char *const *chain, unsigned n_chain,
		       struct bytes location, struct target *out);
