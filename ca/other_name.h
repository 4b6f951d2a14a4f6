/*
 * OtherName (RFC 5280 section 4.2.1.6) in DER, both ways, for the two types that
 * name Windows accounts:
 *
 *	OtherName ::= SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY }
 *
 * A UPN stands as such a GeneralName in the subjectAltName. A SID stands in an
 * extension of Microsoft's, szOID_NTDS_CA_SECURITY_EXT, which holds GeneralNames of
 * its own with this one in it (KB5014754): the SID as text, in an OCTET STRING.
 */
#pragma once

#include "ca/der.h"

struct other_name_type {
	struct bytes oid; /* content */
	uint8_t tag;      /* of the string that is the value */
};
extern const struct other_name_type other_name_upn, other_name_sid;
#define SID_EXTENSION_OID "\x2b\x06\x01\x04\x01\x82\x37\x19\x02" /* 1.3.6.1.4.1.311.25.2, content */

/* The GeneralName, tagged [0]. */
void other_name_put(struct buf *out, const struct other_name_type *type, struct bytes text);
/* The text of a GeneralName of this type; false when it is none. */
bool other_name_read(const struct der_value *general_name, const struct other_name_type *type, struct bytes *text);

/* Value of the extension: a list with one name. Reading: false when it is not exactly that, in strict DER. */
void sid_extension_put(struct buf *out, struct bytes sid);
bool sid_extension_read(struct bytes value, struct bytes *sid);
