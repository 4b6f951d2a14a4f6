/*
 * Bodies of EST messages: base64 both ways (RFC 7030 section 4, as corrected by
 * RFC 8951 section 3): read with any line breaks or none, written in one line,
 * which every client reads. There is no Content-Transfer-Encoding to look at.
 */
#pragma once

#include "base/op.h"

/* ERR_MALFORMED: not base64, or nothing in it. */
result est_body_decode(struct op *op, struct bytes body, struct bytes *der);
struct bytes est_body_encode(struct arena *arena, struct bytes der);
