/*
 * What a resolver's answer says about the addresses of one name (RFC 1035
 * section 4). Pure and bounded, whatever the packet holds: at most so many
 * records, CNAMEs and addresses are looked at (V41); order does not matter.
 */
#pragma once

#include "courier/address.h"

#define DNS_NAME_SIZE 256

enum dns_type { DNS_A = 1, DNS_AAAA = 28 };

enum dns_kind {
	DNS_FOUND,
	DNS_NO_NAME,   /* NXDOMAIN */
	DNS_NO_DATA,   /* the name exists, without an address of this type */
	DNS_FAILED,    /* SERVFAIL, REFUSED and the like: `rcode` */
	DNS_SILENT,    /* no answer in time, or nobody there */
	DNS_MALFORMED  /* not an answer to our question, or beyond the caps: `why` */
};

struct dns_answer {
	enum dns_kind kind;
	unsigned rcode;
	const char *why;              /* static text */
	union address *addresses;     /* in the op's arena, port 0 */
	unsigned n_addresses;
};

/*
 * `name` is what was asked for, without a trailing dot. Never fails: what is
 * wrong with the packet is in `out`.
 */
void dns_answer_read(struct op *op, struct bytes packet, const char *name, enum dns_type type, struct dns_answer *out);

/* "NXDOMAIN", "no data", "SERVFAIL", "timeout", "found", …; static text. */
const char *dns_answer_name(const struct dns_answer *answer);
