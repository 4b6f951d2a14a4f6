/*
 * Punycode (RFC 3492), only to know whether a label after "xn--" is one: the
 * tables of IDNA 2008 are not here, a registrant's client applied them.
 */
#pragma once

#include "base/bytes.h"

/*
 * The label's lower-case text after "xn--" decodes to Unicode with at least one
 * character that is not ASCII, none of them a surrogate or a control.
 */
bool punycode_is_valid(struct bytes text);
