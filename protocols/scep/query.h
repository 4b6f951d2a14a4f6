/*
 * The query of a SCEP address (RFC 8894 section 4.1): which operation, and for a
 * GET the message, in base64 with percent escapes. A pure function, fuzzed.
 */
#pragma once

#include "base/op.h"

struct scep_query {
	const char *operation; /* as sent: the RFC's words have capitals */
	struct bytes message;  /* decoded; empty: none */
	bool has_message;
};

/*
 * ERR_MALFORMED: no operation, one of the two twice, a broken escape. The message is
 * decoded with scep_query_decode(), where the operation has one.
 */
result scep_query_read(struct op *op, struct bytes query, struct scep_query *out);
/*
 * Base64 of RFC 4648 section 4; white space is passed over, but for a blank, which
 * stands for the '+' that decoders of forms make one of (SP2). ERR_MALFORMED.
 */
result scep_query_decode(struct op *op, struct scep_query *query);
