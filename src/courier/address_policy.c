/*
 * The blocks of the IANA IPv4 and IPv6 special-purpose address registries
 * (RFC 6890 and its updates, as of 2025), multicast, and what clouds put their
 * metadata on. Judged here and nowhere else: the resolver's answers before any
 * connection, and again by the socket that is about to be connected.
 */
#include "courier/address_policy.h"

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "courier/address.h"

#define DENIED_BY_CONFIGURATION "denied by configuration"

enum exemption { NEVER, WHEN_PRIVATE, WHEN_LOOPBACK };

struct block {
	const char *network;
	const char *reason;
	enum exemption exemption;
};

/* The first that matches decides: what is refused for good stands before the ranges that may be allowed. */
static const struct block blocks[] = {
	{ "169.254.169.254/32", "cloud metadata", NEVER },
	{ "100.100.100.200/32", "cloud metadata", NEVER }, /* Alibaba */
	{ "168.63.129.16/32", "cloud metadata", NEVER },   /* Azure's wire server, a public address */
	{ "192.0.0.192/32", "cloud metadata", NEVER },     /* Oracle */
	{ "0.0.0.0/8", "this network", NEVER },
	{ "10.0.0.0/8", "private", WHEN_PRIVATE },
	{ "100.64.0.0/10", "shared address space", NEVER },
	{ "127.0.0.0/8", "loopback", WHEN_LOOPBACK },
	{ "169.254.0.0/16", "link-local", NEVER },
	{ "172.16.0.0/12", "private", WHEN_PRIVATE },
	{ "192.0.0.0/24", "protocol assignments", NEVER },
	{ "192.0.2.0/24", "documentation", NEVER },
	{ "192.31.196.0/24", "AS112", NEVER },
	{ "192.52.193.0/24", "AMT", NEVER },
	{ "192.88.99.0/24", "6to4 relay", NEVER },
	{ "192.168.0.0/16", "private", WHEN_PRIVATE },
	{ "192.175.48.0/24", "AS112", NEVER },
	{ "198.18.0.0/15", "benchmarking", NEVER },
	{ "198.51.100.0/24", "documentation", NEVER },
	{ "203.0.113.0/24", "documentation", NEVER },
	{ "224.0.0.0/4", "multicast", NEVER },
	{ "255.255.255.255/32", "broadcast", NEVER },
	{ "240.0.0.0/4", "reserved", NEVER },

	{ "fd00:ec2::/32", "cloud metadata", NEVER },      /* Amazon: ::254, and its resolver and clock */
	{ "fd20:ce::254/128", "cloud metadata", NEVER },   /* Google */
	{ "::/128", "unspecified", NEVER },
	{ "::1/128", "loopback", WHEN_LOOPBACK },
	{ "64:ff9b:1::/48", "local translation", NEVER },  /* where the IPv4 address stands is a local secret */
	{ "100::/64", "discard", NEVER },
	{ "100:0:0:1::/64", "dummy prefix", NEVER },
	{ "2001::/23", "protocol assignments", NEVER },
	{ "2001:db8::/32", "documentation", NEVER },
	{ "2620:4f:8000::/48", "AS112", NEVER },
	{ "3fff::/20", "documentation", NEVER },
	{ "5f00::/16", "segment routing", NEVER },
	{ "fc00::/7", "private", WHEN_PRIVATE },
	{ "fe80::/10", "link-local", NEVER },
	{ "fec0::/10", "site-local", NEVER },
	{ "ff00::/8", "multicast", NEVER },
};
#define N_BLOCKS (sizeof(blocks) / sizeof(blocks[0]))

struct network {
	int family;
	uint8_t prefix[16];
	unsigned bits;
};

struct listeners {
	union address *items;
	size_t n;
};

struct address_policy {
	bool allow_private, allow_loopback;
	struct network blocks[N_BLOCKS];
	struct network unicast; /* 2000::/3 */
	struct network mapped, nat64, six_to_four, teredo;
	struct network *deny;
	size_t n_deny;
	struct listeners listeners;
};

/* An address without its port, as the networks are compared with. */
struct bare {
	int family;
	uint8_t p[16];
};

static size_t family_bits(int family)
{
	return family == AF_INET ? 32 : 128;
}

static struct bare bare_address(const struct sockaddr *address)
{
	struct bare bare = { .family = address->sa_family };

	ASSERT(bare.family == AF_INET || bare.family == AF_INET6);
	if (bare.family == AF_INET)
		memcpy(bare.p, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	else
		memcpy(bare.p, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	return bare;
}

static bool network_holds(const struct network *network, const struct bare *bare)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (network->family != bare->family || memcmp(network->prefix, bare->p, whole) != 0)
		return false;
	return rest == 0 || ((network->prefix[whole] ^ bare->p[whole]) >> (8 - rest)) == 0;
}

/* "10.1.0.0/16"; an address alone is a network of one. Bits beyond the prefix must be 0: a slip, more often than not. */
static bool network_parse(const char *text, struct network *out)
{
	const char *slash = strchr(text, '/');
	char host[INET6_ADDRSTRLEN] = "";
	size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
	union address address;
	struct bare bare;
	uint64_t bits;

	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	if (!address_parse(host, 0, &address))
		return false;
	bare = bare_address(&address.any);
	bits = family_bits(bare.family);
	if (slash != NULL && !text_parse_u64(slash + 1, 0, bits, &bits))
		return false;
	out->family = bare.family;
	out->bits = (unsigned)bits;
	memcpy(out->prefix, bare.p, sizeof(out->prefix));
	for (size_t i = out->bits; i < family_bits(bare.family); i++)
		if ((bare.p[i / 8] >> (7 - i % 8)) & 1)
			return false;
	return true;
}

static void network_must_parse(const char *text, struct network *out)
{
	ASSERT(network_parse(text, out));
}

result address_policy_new(struct op *op, const struct config_validation *config, struct address_policy **out)
{
	struct address_policy *policy = calloc(1, sizeof(*policy));

	ASSERT(policy != NULL);
	policy->allow_private = config->allow_private;
	policy->allow_loopback = config->allow_loopback;
	for (size_t i = 0; i < N_BLOCKS; i++)
		network_must_parse(blocks[i].network, &policy->blocks[i]);
	network_must_parse("2000::/3", &policy->unicast);
	network_must_parse("::ffff:0:0/96", &policy->mapped);
	network_must_parse("64:ff9b::/96", &policy->nat64);
	network_must_parse("2002::/16", &policy->six_to_four);
	network_must_parse("2001::/32", &policy->teredo);

	policy->deny = calloc(config->deny.n + 1, sizeof(*policy->deny));
	ASSERT(policy->deny != NULL);
	for (unsigned i = 0; i < config->deny.n; i++) {
		if (!network_parse(config->deny.items[i], &policy->deny[policy->n_deny++])) {
			address_policy_free(&policy);
			return FAIL(op, ERR_MALFORMED,
				    "validation.deny: \"%s\" is not a network such as 10.1.0.0/16 or 2001:db8::/32",
				    config->deny.items[i]);
		}
	}
	*out = policy;
	return OK;
}

void address_policy_free(struct address_policy **policy)
{
	if (*policy == NULL)
		return;
	free((*policy)->deny);
	free((*policy)->listeners.items);
	free(*policy);
	*policy = NULL;
}

static void listeners_add(struct listeners *listeners, const union address *address)
{
	listeners->items = reallocarray(listeners->items, listeners->n + 1, sizeof(*listeners->items));
	ASSERT(listeners->items != NULL);
	listeners->items[listeners->n++] = *address;
}

static bool is_every_address(const union address *address)
{
	struct bare bare = bare_address(&address->any);
	static const uint8_t zeros[16];

	return memcmp(bare.p, zeros, sizeof(zeros)) == 0;
}

/* Both families: a socket on [::] usually takes IPv4 as well. */
static result deny_local_addresses(struct op *op, struct address_policy *policy, unsigned port)
{
	struct ifaddrs *all;

	if (getifaddrs(&all) != 0)
		return FAIL(op, ERR_BACKEND, "cannot list this machine's addresses: %m");
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		union address address = { 0 };

		if (i->ifa_addr == NULL ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		address.any.sa_family = i->ifa_addr->sa_family;
		memcpy(&address, i->ifa_addr, address_size(&address));
		if (address.any.sa_family == AF_INET)
			address.v4.sin_port = htons((uint16_t)port);
		else
			address.v6.sin6_port = htons((uint16_t)port);
		listeners_add(&policy->listeners, &address);
	}
	freeifaddrs(all);
	return OK;
}

result address_policy_deny_listeners(struct op *op, struct address_policy *policy, const struct config_texts *listen)
{
	for (unsigned i = 0; i < listen->n; i++) {
		union address address;

		if (!address_parse_with_port(listen->items[i], &address))
			return FAIL(op, ERR_MALFORMED, "listen: \"%s\" is not an address and port such as 127.0.0.1:8443",
				    listen->items[i]);
		listeners_add(&policy->listeners, &address);
		if (is_every_address(&address))
			TRY(deny_local_addresses(op, policy, address_port_number(&address)));
	}
	return OK;
}

static bool is_listener(const struct address_policy *policy, const struct sockaddr *address)
{
	for (size_t i = 0; i < policy->listeners.n; i++)
		if (address_equal(&policy->listeners.items[i], address))
			return true;
	return false;
}

static bool is_exempt(const struct address_policy *policy, enum exemption exemption)
{
	return (exemption == WHEN_PRIVATE && policy->allow_private) ||
	       (exemption == WHEN_LOOPBACK && policy->allow_loopback);
}

static struct bare carried(const uint8_t *p, uint8_t mask)
{
	struct bare v4 = { .family = AF_INET };

	for (size_t i = 0; i < 4; i++)
		v4.p[i] = p[i] ^ mask;
	return v4;
}

/*
 * The IPv4 addresses that packets to an IPv6 address may end at. Teredo (RFC
 * 4380 section 4) has its server's in the clear and the client's with all bits
 * turned; 6to4 is RFC 3056 section 2, NAT64 RFC 6052 section 2.1.
 */
static unsigned carried_addresses(const struct address_policy *policy, const struct bare *v6, struct bare out[2])
{
	if (network_holds(&policy->mapped, v6) || network_holds(&policy->nat64, v6)) {
		out[0] = carried(v6->p + 12, 0x00);
		return 1;
	}
	if (network_holds(&policy->six_to_four, v6)) {
		out[0] = carried(v6->p + 2, 0x00);
		return 1;
	}
	if (network_holds(&policy->teredo, v6)) {
		out[0] = carried(v6->p + 4, 0x00);
		out[1] = carried(v6->p + 12, 0xff);
		return 2;
	}
	return 0;
}

static bool is_denied(const struct address_policy *policy, const struct bare *bare)
{
	for (size_t i = 0; i < policy->n_deny; i++)
		if (network_holds(&policy->deny[i], bare))
			return true;
	return false;
}

static const char *refusal_itself(const struct address_policy *policy, const struct bare *bare)
{
	if (is_denied(policy, bare))
		return DENIED_BY_CONFIGURATION;
	for (size_t i = 0; i < N_BLOCKS; i++)
		if (network_holds(&policy->blocks[i], bare))
			return is_exempt(policy, blocks[i].exemption) ? NULL : blocks[i].reason;
	/* RFC 4291 section 2.4: what IANA has not handed out needs no certificate. */
	if (bare->family == AF_INET6 && !network_holds(&policy->unicast, bare))
		return "not global unicast";
	return NULL;
}

const char *address_policy_refusal(const struct address_policy *policy, const struct sockaddr *address)
{
	struct bare bare = bare_address(address), inside[2];
	unsigned n_inside = bare.family == AF_INET6 ? carried_addresses(policy, &bare, inside) : 0;

	if (is_listener(policy, address))
		return "our own listener";
	if (n_inside == 0)
		return refusal_itself(policy, &bare);
	if (is_denied(policy, &bare))
		return DENIED_BY_CONFIGURATION;
	for (unsigned i = 0; i < n_inside; i++) {
		const char *refusal = refusal_itself(policy, &inside[i]);

		if (refusal != NULL)
			return refusal;
	}
	return NULL;
}
