/*
 * Orders, authorizations and challenges as clients see them (RFC 8555 sections
 * 7.1.3 to 7.1.6), and the moves of their states that more than one file makes.
 */
#pragma once

#include "protocols/acme/request.h"
#include "store/ledger.h"
#include "store/orders.h"

/* The one type of challenge so far. */
#define ACME_HTTP01 "http-01"

/* Status as of now: what is past its time is invalid or expired before the sweep has said so. */
enum order_status acme_order_status(const struct order *order, int64_t now_s);
enum authorization_status acme_authorization_status(const struct acme_authorization *authorization, int64_t now_s);

/* Loads the object that the path names; ERR_DENIED unless it belongs to the request's account (A8). */
result acme_order_open(struct op *op, const struct acme_request *request, struct order *out);
/* With Location, and Retry-After while the client has to poll. */
void acme_reply_order(struct op *op, const struct acme_request *request, int status, const struct order *order,
		      struct reply *reply);
struct bytes acme_challenge_json(struct op *op, const struct acme_request *request, const struct challenge *challenge);

/*
 * Within a closure of the ledger. A pending or ready order becomes invalid, with
 * `why` as its error, and its pending authorizations deactivated; orders in
 * other states stay as they are.
 */
result acme_order_cancel(struct op *op, struct db *db, const char *id, const char *why);
/* Within a closure: every pending or ready order that uses the authorization becomes invalid with this problem. */
result acme_orders_fail(struct op *op, struct db *db, const char *authorization, const char *error_json);
