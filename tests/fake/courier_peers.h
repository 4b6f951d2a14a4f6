/*
 * A resolver and web servers on loopback that behave as badly as a test wants:
 * one thread that answers all of them, and one for TLS. Every server counts its
 * connections, so that "was never connected to" can be asserted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum name_kind {
	NAME_ANSWERS,
	NAME_NXDOMAIN,
	NAME_SERVFAIL,
	NAME_REFUSED,
	NAME_FAILS_FIRST, /* SERVFAIL for the first two questions: A and AAAA */
	NAME_SILENT,
	NAME_TRUNCATED, /* TC over UDP, the truth over TCP */
	NAME_STILL_TRUNCATED,
	NAME_WRONG_ID,
	NAME_OTHER_QUESTION,
	NAME_GARBAGE,   /* three bytes */
	NAME_HUGE,      /* TC over UDP, nearly 64 KiB of addresses over TCP */
	NAME_REBINDS    /* a[0] for the first question, a[1] from then on */
};

struct fake_name {
	const char *name;
	enum name_kind kind;
	const char *a[3], *aaaa[3];
	const char *cname; /* the addresses then belong to this name */
};

enum page_kind {
	PAGE_CLOSES,   /* text, then the end of the connection */
	PAGE_STAYS,    /* text, and the connection stays open */
	PAGE_DRIPS,    /* text, then one more byte every few milliseconds */
	PAGE_FLOODS,   /* text, then `more` for as long as anybody reads */
	PAGE_RESETS,   /* reads the request and resets */
	PAGE_COUNTS    /* redirects /n to /n+1 up to /`until`, which is a 200; the challenge's own path is /0 */
};

struct fake_page {
	const char *host;
	enum page_kind kind;
	const char *text; /* {http} and {https} stand for the ports */
	const char *more;
	int until;
};

struct peers;

struct peers *peers_start(const struct fake_name *names, size_t n_names, const struct fake_page *pages, size_t n_pages);
void peers_stop(struct peers **peers);

unsigned peers_dns_port(const struct peers *peers);  /* 127.0.0.1, UDP and TCP */
unsigned peers_http_port(const struct peers *peers); /* on each of the addresses below */
unsigned peers_https_port(const struct peers *peers); /* 127.0.0.1; a certificate that nobody trusts */

enum peer {
	PEER_OPEN,     /* 127.0.0.1 */
	PEER_OTHER,    /* 127.0.0.2 */
	PEER_MUTE,     /* 127.0.0.3: accepts nothing, answers nothing */
	PEER_SIX,      /* ::1 */
	PEER_TLS,      /* 127.0.0.1, the port for https */
	PEER_RESOLVER, /* queries and not connections */
	PEER_COUNT
};
unsigned peers_visits(struct peers *peers, enum peer peer);
bool peers_has_ipv6(const struct peers *peers);
/* The last request that a web server read, NUL-terminated; valid until the next call. */
const char *peers_last_request(struct peers *peers);
