/* The extensions of a TBSCertificate, RFC 5280 section 4.2; a part of tbs_build. */
#pragma once

#include "ca/tbs.h"

/* Writes [3] with the extensions of the plan's kind. ERR_POLICY: the plan asks for what no certificate may have. */
result tbs_put_extensions(struct op *op, struct buf *out, const struct tbs_plan *plan);

/* RFC 7093 section 2 method 1: the leftmost 160 bits of SHA-256 over the key's BIT STRING. */
#define KEY_IDENTIFIER_SIZE 20
/* False: `spki` is not a SubjectPublicKeyInfo. */
bool tbs_key_identifier(struct bytes spki, uint8_t identifier[KEY_IDENTIFIER_SIZE]);
