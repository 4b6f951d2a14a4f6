/*
 * A profile's names:, subject:, permitted_names: and permitted_networks:. RFC 5280
 * section 4.2.1.10 is the model for what it means that a name is within bounds.
 */
#include "ca/name_policy.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/text.h"

#define SID_TAG "tag:microsoft.com,2022-09-14:sid:"

/* "b.a.example" and "a.example" are under "a.example"; "xa.example" is not. */
static bool name_is_under(const char *name, const char *suffix)
{
	if (text_has_prefix(name, "*."))
		name += 2;
	if (text_equal(name, suffix))
		return true;
	size_t n = strlen(name), s = strlen(suffix);
	return n > s && name[n - s - 1] == '.' && text_equal(name + n - s, suffix);
}

static bool name_is_permitted(const struct config_profile *profile, const char *name)
{
	for (unsigned i = 0; i < profile->permitted_names.n; i++) {
		if (name_is_under(name, profile->permitted_names.items[i]))
			return true;
	}
	return profile->permitted_names.n == 0;
}

/* "10.0.0.0/8"; config_check saw to its form. */
static bool network_contains(const char *network, struct bytes address)
{
	char base[INET6_ADDRSTRLEN];
	uint8_t octets[IP_MAX_OCTETS];
	uint64_t bits;
	const char *slash = strchr(network, '/');
	if (slash == NULL || (size_t)(slash - network) >= sizeof base || !text_parse_u64(slash + 1, 0, 128, &bits))
		return false;
	memcpy(base, network, (size_t)(slash - network));
	base[slash - network] = '\0';
	if (inet_pton(address.n == 4 ? AF_INET : AF_INET6, base, octets) != 1 || bits > 8 * address.n)
		return false;
	size_t whole = (size_t)bits / 8;
	uint8_t mask = (uint8_t)(0xff00u >> bits % 8);
	return memcmp(octets, address.p, whole) == 0 &&
	       (bits % 8 == 0 || ((octets[whole] ^ address.p[whole]) & mask) == 0);
}

static bool address_is_permitted(const struct config_profile *profile, const struct identifier *address)
{
	uint8_t octets[IP_MAX_OCTETS];
	size_t n = identifier_ip_octets(address, octets);
	for (unsigned i = 0; i < profile->permitted_networks.n; i++) {
		if (network_contains(profile->permitted_networks.items[i], (struct bytes){ octets, n }))
			return true;
	}
	return profile->permitted_networks.n == 0;
}

static result check_dns(struct op *op, const struct config_profile *profile, const char *name)
{
	if (text_has_prefix(name, "*.") && !profile->wildcards)
		return FAIL(op, ERR_POLICY, "%s: profile %s allows no wildcard names", name, profile->name);
	if (!name_is_permitted(profile, name))
		return FAIL(op, ERR_POLICY, "%s: profile %s allows no name outside its permitted_names", name, profile->name);
	return OK;
}

static result check_address(struct op *op, const struct config_profile *profile, const struct identifier *address)
{
	if (!address_is_permitted(profile, address))
		return FAIL(op, ERR_POLICY, "%s: profile %s allows no address outside its permitted_networks", address->value,
			    profile->name);
	return OK;
}

static result check_listed(struct op *op, const struct config_profile *profile, enum identifier_kind kind,
			   const char *value)
{
	bool is_attribute = identifier_is_attribute(kind);
	if (((is_attribute ? profile->subject : profile->names) & IDENTIFIER_BIT(kind)) == 0)
		return FAIL(op, ERR_POLICY, "%.80s: profile %s does not list %s in %s", value, profile->name,
			    identifier_kind_name(kind), is_attribute ? "subject:" : "names:");
	return OK;
}

/* The form in which Intune asks for a SID (KB5014754): domain controllers log its owner in as with the extension. */
static bool is_sid_tag(const char *uri)
{
	return strncasecmp(uri, SID_TAG, sizeof SID_TAG - 1) == 0;
}

static result check_sid_tag(struct op *op, const struct config_profile *profile, const char *uri)
{
	struct identifier sid;
	TRY(identifier_sid(op, bytes_of_text(uri + sizeof SID_TAG - 1), &sid));
	return check_listed(op, profile, IDENTIFIER_SID, uri);
}

/*
 * RFC 5280 section 4.2.1.10: where there are bounds, a URI without a host is outside
 * them. "urn:" never leads to one.
 */
static result check_uri(struct op *op, const struct config_profile *profile, const struct identifier *uri)
{
	struct identifier host;
	bool has_bounds = profile->permitted_names.n > 0 || profile->permitted_networks.n > 0;
	if (is_sid_tag(uri->value))
		return check_sid_tag(op, profile, uri->value);
	if (!identifier_host(op, uri, &host)) {
		if (!has_bounds || text_has_prefix(uri->value, "urn:"))
			return OK;
		return FAIL(op, ERR_POLICY, "%.80s: profile %s has permitted_names or permitted_networks, and this URI has no host",
			    uri->value, profile->name);
	}
	if (host.kind == IDENTIFIER_DNS)
		return check_dns(op, profile, host.value);
	if (has_bounds && profile->permitted_networks.n == 0)
		return FAIL(op, ERR_POLICY, "%.80s: profile %s allows no host outside its permitted_names", uri->value,
			    profile->name);
	return check_address(op, profile, &host);
}

static result check_san(struct op *op, const struct config_profile *profile, const struct identifier *identifier)
{
	struct identifier domain;
	TRY(check_listed(op, profile, identifier->kind, identifier->value));
	switch (identifier->kind) {
	case IDENTIFIER_IP:
		return check_address(op, profile, identifier);
	case IDENTIFIER_EMAIL:
	case IDENTIFIER_UPN:
		return identifier_host(op, identifier, &domain) ? check_dns(op, profile, domain.value) : OK;
	case IDENTIFIER_URI:
		return check_uri(op, profile, identifier);
	default:
		return check_dns(op, profile, identifier->value);
	}
}

static bool reads_as_address(const char *text)
{
	uint8_t octets[IP_MAX_OCTETS];
	return inet_pton(AF_INET, text, octets) == 1 || inet_pton(AF_INET6, text, octets) == 1;
}

/* A host to software that takes anything for one: names with underscores, with a dot at the end. */
static bool reads_as_host(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.*";
	return strchr(text, '.') != NULL && text[strspn(text, allowed)] == '\0';
}

/*
 * Old software looks for the host or the mailbox in the common name where the SAN
 * has none (RFC 6125 section 6.4.4), so it is no way around the bounds (N4).
 */
static result check_common_name(struct op *op, const struct config_profile *profile, const struct identifier *identifier)
{
	struct bytes text = bytes_of_text(identifier->value);
	struct identifier other;
	if (reads_as_address(identifier->value)) {
		TRY(op_explain(op, identifier_ip(op, text, &other), "common name"));
		return op_explain(op, check_san(op, profile, &other), "common name");
	}
	if (identifier_upn(op, text, &other).err == ERR_NONE) {
		/* A mailbox and an account of Windows look alike: whichever the profile gives. */
		if ((profile->names & IDENTIFIER_BIT(IDENTIFIER_UPN)) == 0)
			other.kind = IDENTIFIER_EMAIL;
		return op_explain(op, check_san(op, profile, &other), "common name");
	}
	op_clear_failure(op);
	char *host = arena_text(op->arena, identifier->value);
	text_lower(host);
	if (!reads_as_host(host))
		return OK;
	for (size_t n = strlen(host); n > 0 && host[n - 1] == '.'; n--)
		host[n - 1] = '\0';
	TRY(op_explain(op, check_listed(op, profile, IDENTIFIER_DNS, host), "common name"));
	if (strchr(host, '*') != NULL && !(text_has_prefix(host, "*.") && strrchr(host, '*') == host))
		return FAIL(op, ERR_POLICY, "common name: \"*\" may only be the whole first label");
	return op_explain(op, check_dns(op, profile, host), "common name");
}

/* The list is sorted: what may be there once stands beside its double. */
static result check_single(struct op *op, const struct identifier *identifiers, unsigned at)
{
	enum identifier_kind kind = identifiers[at].kind;
	if (at > 0 && !identifier_is_san(kind) && identifiers[at - 1].kind == kind)
		return FAIL(op, ERR_POLICY, "a certificate has one %s only", identifier_kind_name(kind));
	return OK;
}

result name_policy_check(struct op *op, const struct config_profile *profile, const struct identifier *identifiers,
			 unsigned n)
{
	unsigned n_san = identifiers_count_san(identifiers, n);
	if (n == 0 || (n == 1 && identifiers[0].kind == IDENTIFIER_SID))
		return FAIL(op, ERR_POLICY, "a certificate needs at least one name%s", n == 0 ? "" : " besides a SID");
	if (n_san > LIMIT_ORDER_IDENTIFIERS)
		return FAIL(op, ERR_POLICY, "%u names are more than a certificate may have (%d)", n_san,
			    LIMIT_ORDER_IDENTIFIERS);
	for (unsigned i = 0; i < n_san; i++)
		TRY(check_san(op, profile, &identifiers[i]));
	for (unsigned i = n_san; i < n; i++) {
		TRY(check_listed(op, profile, identifiers[i].kind, identifiers[i].value));
		TRY(check_single(op, identifiers, i));
		if (identifiers[i].kind == IDENTIFIER_CN)
			TRY(check_common_name(op, profile, &identifiers[i]));
	}
	return OK;
}
