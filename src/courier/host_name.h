/*
 * Which names the courier looks up: DNS names as they stand in certificates
 * (RFC 1123 section 2.1, RFC 5890 A-labels), and nothing that could be read as
 * an address instead (R1). No resolver is asked.
 */
#pragma once

#include "base/op.h"

/* NULL: it will do. Else static text: "an address", "a trailing dot". Upper case is accepted. */
const char *host_name_refusal(const char *host);
