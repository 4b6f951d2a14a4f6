/* BER out of DER, in forms that senders of CMS write, and in such that nobody does. */
#pragma once

#include "base/op.h"

/* OCTET STRINGs that are longer come in pieces of this size, as Bouncy Castle and Apple's library write them. */
#define MAKER_PIECE 1000

/*
 * The same value in BER: every length that may be open is, and long OCTET STRINGs and
 * encryptedContent are in pieces. With a seed for rand_r each value has one of the forms
 * that X.690 has for it, by chance. Certificates are no exception.
 */
struct bytes maker_ber(struct op *op, struct bytes der, unsigned *seed);
