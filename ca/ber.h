/*
 * Messages of CMS in BER, rewritten in DER before anybody reads them: RFC 5652 section
 * 2 lets who sends choose, and some write lengths that are open to the end and octets
 * in pieces. All readers of this house take strict DER only; this comes before them,
 * where a setting says so, and judges nothing. Certificates and signed attributes in
 * DER come out octet for octet.
 */
#pragma once

#include "base/op.h"

/*
 * One value of at most LIMIT_BODY_SCEP octets, nested as deep as der.h lets it be
 * (X.690 section 8): definite lengths in as few octets as possible, OCTET STRINGs in one
 * piece. So is the encryptedContent of an EnvelopedData, whose tag does not say that it
 * is one; a single piece stays within its tag. Everything else is as it came, the order
 * of a SET, too: whether the result is strict DER is der_is_strict()'s to say.
 *
 * The result is in op's arena and never longer than `ber`; of DER that has all octets in
 * one piece it is a copy. The work grows with the size alone. ERR_MALFORMED: no such
 * value, bytes behind it, a tag of several octets, a length above 32 bits.
 */
result ber_to_der(struct op *op, struct bytes ber, struct bytes *der);
