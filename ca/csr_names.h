/*
 * The names that a PKCS #10 request asks for, and how it may ask: the common
 * name of its subject, and dNSName entries of a subjectAltName in its one
 * extensionRequest. Used by csr.c alone; input has passed the DER gate.
 */
#pragma once

#include "ca/identifier.h"

struct csr_names {
	struct identifier *identifiers; /* room for LIMIT_ORDER_IDENTIFIERS and the common name */
	unsigned n;
	const char *common_name; /* NULL: none */
};

void csr_names_init(struct op *op, struct csr_names *names);

/*
 * Content of the subject Name. At most one common name; it is a DNS name of at
 * most 64 octets in a UTF8String or PrintableString (N3, N4). Other attributes
 * are passed over: nothing of them is ever used.
 */
result csr_names_from_subject(struct op *op, struct bytes rdn_sequence, struct csr_names *names);

/*
 * Content of the [0] attributes. No attribute twice, and not both forms of the
 * extensionRequest (V9, N13); in it no extension twice (C5), and in the SAN
 * nothing but dNSName (V49). Other attributes and extensions are passed over (V45).
 */
result csr_names_from_attributes(struct op *op, struct bytes attributes, struct csr_names *names);
