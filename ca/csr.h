/*
 * PKCS #10 requests (RFC 2986) from outside. What leaves here is the public key
 * and the names that were asked for; nothing else of a CSR is ever used, and no
 * other file reads its extensions (V50).
 */
#pragma once

#include "ca/identifier.h"
#include "base/config.h"

/* What a request may ask for; sets of IDENTIFIER_BIT(kind). */
struct csr_rules {
	unsigned names; /* kinds of subjectAltNames */
	/*
	 * Attributes of the subject. None: the subject counts as far as it has a common
	 * name, which must be a DNS name and is one of those asked for; the rest is
	 * passed over, for it is in no certificate. Any: the subject is asked for as it
	 * stands, so what cannot be given is refused.
	 */
	unsigned subject;
	bool challenge_password; /* read it, and refuse one that is not well-formed; else it is passed over */
};

extern const struct csr_rules csr_rules_dns; /* DNS names and nothing else: ACME's */
/* As the profile says; NULL: csr_rules_dns. Doors that use challenge passwords get them. */
struct csr_rules csr_rules_of(const struct config_profile *profile);

struct csr {
	struct bytes spki;           /* DER */
	enum key_type key_type;
	struct bytes hash;           /* SHA-256 of the whole CSR */
	/* All that was asked for, SAN and subject together, sorted, no doubles. */
	struct identifier *identifiers;
	unsigned n_identifiers;
	const char *common_name;     /* NULL: none */
	/* Parts of the request's own bytes, which must live as long; empty where there are none. */
	struct bytes subject;            /* DER Name */
	struct bytes subject_alt_name;   /* DER GeneralNames */
	struct bytes attributes;         /* content of [0]; none twice. Doors have some of their own; extensions are read here only */
	struct bytes challenge_password; /* 1 to 255 octets; a secret for SCEP, a channel binding for EST */
};

/*
 * Strict: at most LIMIT_CSR_BYTES, definite DER without trailing bytes, version
 * v1, proof of possession verified with SHA-256 or stronger, key fit
 * (key_check.h), each subject attribute at most once, at most one
 * extensionRequest attribute (no attribute twice), no kind of GeneralName or
 * subject attribute that the rules do not allow; otherName, directoryName,
 * registeredID and unknown ones never (V49). Rows N3, N4, N13, V9.
 */
result csr_parse(struct op *op, struct bytes der, const struct csr_rules *rules, struct csr *out);
/* PEM "CERTIFICATE REQUEST" or DER, for operators' files. */
result csr_parse_file(struct op *op, struct bytes content, const struct csr_rules *rules, struct csr *out);
