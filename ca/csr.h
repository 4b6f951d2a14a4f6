/*
 * PKCS #10 requests (RFC 2986) from outside. What leaves here is the public key
 * and the names that were asked for; nothing else of a CSR is ever used, and no
 * other file reads its extensions (V50).
 */
#pragma once

#include "ca/identifier.h"
#include "base/config.h"

struct csr {
	struct bytes spki;           /* DER */
	enum key_type key_type;
	struct bytes hash;           /* SHA-256 of the whole CSR */
	struct identifier *identifiers; /* DNS names of SAN and CN together, sorted, no doubles */
	unsigned n_identifiers;
	const char *common_name;     /* NULL: none */
};

/*
 * Strict: at most LIMIT_CSR_BYTES, definite DER without trailing bytes, version
 * v1, proof of possession verified with SHA-256 or stronger, key fit
 * (key_check.h), at most one CN, at most one extensionRequest attribute (no
 * attribute twice), SAN of dNSName only: any other kind of GeneralName is
 * refused (V49). Rows N3, N4, N13, V9.
 */
result csr_parse(struct op *op, struct bytes der, struct csr *out);
/* PEM "CERTIFICATE REQUEST" or DER, for operators' files. */
result csr_parse_file(struct op *op, struct bytes content, struct csr *out);
