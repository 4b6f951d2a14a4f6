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
	unsigned names; /* kinds of subjectAltNames, and the SID */
	/*
	 * Attributes of the subject. None: the subject counts as far as it has a common
	 * name, which must be a DNS name and is one of those asked for; the rest is
	 * passed over, for it is in no certificate. Any: the subject is asked for as it
	 * stands, so what cannot be given is refused.
	 */
	unsigned subject;
	/* Key and signature are passed over: the key will be another one (RFC 7030 section 4.4.1). */
	bool ignores_key;
	bool challenge_password; /* read it, and refuse one that is not well-formed; else it is passed over */
	bool takes_sha1;         /* sha1WithRSAEncryption as its signature, from old devices of SCEP */
	/* As SCEP's clients have it: an empty one is none, and Intune's are longer than the 255 octets of RFC 2985. */
	bool scep_challenge;
};

extern const struct csr_rules csr_rules_dns; /* DNS names and nothing else: ACME's */
/* As the profile says; NULL: csr_rules_dns. Doors that use challenge passwords get them. */
struct csr_rules csr_rules_of(const struct config_profile *profile);

struct csr {
	struct bytes spki;           /* DER */
	enum key_type key_type;      /* KEY_OTHER where the rules pass over it */
	struct bytes hash;           /* SHA-256 of the whole CSR */
	bool is_sha1;                /* signed so, by rules that take it: worth telling to who reads the audit log */
	/* All that was asked for, SAN, SID and subject together, sorted, no doubles. */
	struct identifier *identifiers;
	unsigned n_identifiers;
	const char *common_name;     /* NULL: none */
	/* Parts of the request's own bytes, which must live as long; empty where there are none. */
	struct bytes subject;            /* DER Name */
	struct bytes subject_alt_name;   /* DER GeneralNames */
	struct bytes attributes;         /* content of [0]; none twice. Doors have some of their own; extensions are read here only */
	bool is_unproved;                /* of one that is refused: all but the proof of possession was right */
	struct bytes challenge_password; /* a secret for SCEP, a channel binding for EST; 1 to 255 octets, or as the rules say */
};

/*
 * Strict: at most LIMIT_CSR_BYTES, definite DER without trailing bytes, version
 * v1, proof of possession verified with SHA-256 or stronger, key fit
 * (key_check.h), each subject attribute at most once, at most one
 * extensionRequest attribute (no attribute twice), no kind of GeneralName or
 * subject attribute that the rules do not allow; otherNames that are no UPN,
 * directoryName, registeredID and unknown ones never (V49). What else real clients
 * send, usages, templates, versions of theirs, is passed over: it has no effect
 * (V45). Rows N3, N4, N13, V9.
 */
result csr_parse(struct op *op, struct bytes der, const struct csr_rules *rules, struct csr *out);
/*
 * It is as its maker signed it, whatever it asks for. For doors that must not tell
 * what is in a request that was changed on its way (S5). *spki: its key, a part of
 * `der`. A failure in `op` means nothing.
 */
bool csr_is_whole(struct op *op, struct bytes der, const struct csr_rules *rules, struct bytes *spki);
/* PEM "CERTIFICATE REQUEST" or DER, for operators' files. */
result csr_parse_file(struct op *op, struct bytes content, const struct csr_rules *rules, struct csr *out);
