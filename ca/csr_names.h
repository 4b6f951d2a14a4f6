/*
 * The names that a PKCS #10 request asks for, and how it may ask: the subject, and
 * a subjectAltName and a SID in its one extensionRequest. certificate_names.c reads
 * certificates with it, so that both are understood alike (E6). Input has passed
 * the DER gate.
 */
#pragma once

#include "ca/csr.h"

struct csr_names {
	const struct csr_rules *rules;
	const char *what; /* is read, for messages: "CSR" */
	struct identifier *identifiers; /* room for LIMIT_ORDER_IDENTIFIERS, a SID and every attribute once */
	unsigned n;
	unsigned n_san;
	unsigned attributes; /* kinds of the subject that were seen */
	const char *common_name; /* NULL: none */
	struct bytes subject_alt_name, challenge_password;
};

void csr_names_init(struct op *op, const struct csr_rules *rules, const char *what, struct csr_names *names);

/*
 * Content of the subject Name, each attribute at most once, in a UTF8String or
 * PrintableString (N3, C16). Without subject kinds in the rules the common name
 * is a DNS name of at most 64 octets (N4) and other attributes are passed over:
 * nothing of them is ever used. With them any other attribute is refused.
 */
result csr_names_from_subject(struct op *op, struct bytes rdn_sequence, struct csr_names *names);

/*
 * Content of the [0] attributes. No attribute twice, and not both forms of the
 * extensionRequest (V9, N13). Other attributes are passed over (V45).
 */
result csr_names_from_attributes(struct op *op, struct bytes attributes, struct csr_names *names);

/*
 * Content of a list of Extensions: none twice (C5), in the SAN nothing but what
 * the rules allow (V49), and no SID unless they do. Others are passed over (V45).
 */
result csr_names_from_extensions(struct op *op, struct bytes extensions, struct csr_names *names);

/* Of an OBJECT IDENTIFIER, whole, the name that people know, or `otherwise`. */
const char *csr_oid_name(struct bytes oid, const char *otherwise);
