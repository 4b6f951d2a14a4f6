/*
 * Contacts of an account (RFC 8555 section 7.3, RFC 6068): mailto URIs with one
 * address and no header fields. Pure.
 */
#pragma once

#include "base/json.h"

/*
 * `contacts`: the client's array, or NULL for none. *json: the array as it is
 * stored. ACME_UNSUPPORTED_CONTACT for other schemes, ACME_INVALID_CONTACT for
 * bad addresses and more than LIMIT_CONTACTS of them.
 */
result contacts_parse(struct op *op, const json_t *contacts, const char **json);
