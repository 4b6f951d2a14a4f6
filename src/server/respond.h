/* The bytes of a reply as they go out (RFC 9112 section 4, RFC 9110 section 6.6.1). */
#pragma once

#include "server/exchange.h"

/*
 * Fills exchange->head and ->body from its reply. `date` is the text of the Date
 * field. Adds Date, Request-Id, Content-Length, X-Content-Type-Options, Retry-After
 * where a 429 or 503 lacks it, Allow to a 405, and Connection when the exchange is
 * the last one.
 */
void respond_prepare(struct exchange *exchange, const char *date);
