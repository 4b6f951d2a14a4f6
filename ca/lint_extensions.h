/* The lint of a certificate's extensions, RFC 5280 section 4.2; a part of lint_tbs. */
#pragma once

#include <openssl/x509.h>

#include "ca/tbs.h"

/* `extensions` is the content of [3]; `certificate` the same bytes as OpenSSL read them. */
result lint_extensions(struct op *op, const struct tbs_plan *plan, X509 *certificate, struct bytes extensions);
