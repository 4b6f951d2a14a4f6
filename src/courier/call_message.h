/* A call to a service and its answer, as the payloads of a frame and the frame that comes back. */
#pragma once

#include "courier/courier.h"

#define COURIER_CALL_HEADERS 16

/*
 * ERR_MALFORMED: the URL is not https with a host that can be looked up, or an
 * address; the method is none of ours; a header could break out of its line; the
 * proxy is not http://HOST:PORT; sizes or times are beyond the limits.
 */
result courier_request_check(struct op *op, const struct courier_request *request);

void courier_request_put(struct buf *buf, const struct courier_request *request);
/* Checked. Texts are in the op's arena, bytes borrow from the payload. */
result courier_request_read(struct op *op, struct bytes payload, struct courier_request *out);

void courier_response_put(struct buf *buf, const struct courier_response *response);
/* The body borrows from the payload. */
result courier_response_read(struct op *op, struct bytes payload, struct courier_response *out);

/* Who is connected to, taken out of a URL that passed the check. */
struct courier_peer {
	const char *host;  /* lower case; an address stands without brackets */
	bool is_address;
	unsigned port;
};
/* The proxy's where there is one, else the URL's. */
result courier_request_peer(struct op *op, const struct courier_request *request, struct courier_peer *out);
