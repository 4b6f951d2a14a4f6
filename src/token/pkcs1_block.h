/*
 * EME-PKCS1-v1_5 decoding (RFC 8017 section 7.2.2, step 3) of a block that a
 * token has decrypted, for a message whose length is known beforehand. Time and
 * the order in which memory is touched depend on sizes only that everybody
 * knows: size of the block and length of the message, never on what is in the
 * block nor on how many octets the token gave. Pure; any thread.
 *
 * `wrong` is 0 as long as nothing was; otherwise any other number. It goes from
 * one function to the next by OR, and nobody may branch on it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Modules that take the block for a number leave out the zeros that it begins with. The `n` octets at the front of
 * `block` go to its end, zeros before them. Wrong: n is more than `size`.
 */
uint64_t pkcs1_block_align(uint8_t *block, size_t size, uint64_t n);

/*
 * Wrong: the block is anything but 00 02, padding of eight octets or more without a zero, 00, and `n` octets. So it is
 * in a block with room for no eight.
 */
uint64_t pkcs1_block_check(const uint8_t *block, size_t size, size_t n);

/* The `n` octets of `message` over those of `out` when `wrong` is 0; otherwise `out` keeps its own. */
void pkcs1_block_choose(uint64_t wrong, const uint8_t *message, uint8_t *out, size_t n);
