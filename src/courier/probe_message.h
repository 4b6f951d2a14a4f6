/* What server and courier say to each other: the payloads of one kind of frame and its answer. */
#pragma once

#include "courier/courier.h"

enum courier_frame { COURIER_HTTP01 = 1, COURIER_CALL = 2 };

struct probe_request {
	const char *host, *token;
};

/* ERR_MALFORMED: the host is no DNS name (R1), the token not 1 to 128 characters of base64url. */
result probe_request_check(struct op *op, const struct probe_request *request);

void probe_request_put(struct buf *buf, const struct probe_request *request);
/* Checked. The texts are in the op's arena. */
result probe_request_read(struct op *op, struct bytes payload, struct probe_request *out);

void probe_reply_put(struct buf *buf, const struct probe_reply *reply);
/* The body borrows from the payload. */
result probe_reply_read(struct op *op, struct bytes payload, struct probe_reply *out);
