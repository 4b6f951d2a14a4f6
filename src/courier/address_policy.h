/*
 * Which addresses the courier may connect to. The reserved blocks of the IANA
 * special-purpose registries are compiled in (R2); private ranges and, for
 * tests, loopback are allowed by configuration; IPv4 in IPv6 forms (mapped,
 * 6to4, NAT64, Teredo) is judged as the IPv4 address that it carries.
 *
 * A policy does not change once it is set up; then any thread may ask it.
 */
#pragma once

#include <sys/socket.h>

#include "base/config.h"

struct address_policy;

/* ERR_MALFORMED when a network of `deny` is not in CIDR form. */
result address_policy_new(struct op *op, const struct config_validation *config, struct address_policy **out);
void address_policy_free(struct address_policy **policy);

/*
 * Our own listeners are refused too, as exact address and port; one on every
 * address (0.0.0.0, [::]) stands for the addresses that this machine has now.
 */
result address_policy_deny_listeners(struct op *op, struct address_policy *policy, const struct config_texts *listen);

/* Family AF_INET or AF_INET6. NULL: allowed; else static text: "loopback", "link-local", "denied by configuration". */
const char *address_policy_refusal(const struct address_policy *policy, const struct sockaddr *address);
