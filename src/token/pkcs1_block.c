/* See pkcs1_block.h. Conditions are masks: all bits set where it is so, none where it is not. */
#include "token/pkcs1_block.h"

#define PADDING_MIN 8

/* What the compiler is not to know about, lest it makes a branch of a mask. */
static uint64_t hidden(uint64_t value)
{
	__asm__("" : "+r"(value));
	return value;
}

static uint64_t mask_if_zero(uint64_t value)
{
	return hidden(((value | (0 - value)) >> 63) - 1);
}

static uint8_t select_octet(uint64_t mask, uint8_t if_set, uint8_t otherwise)
{
	return (uint8_t)(otherwise ^ (mask & (if_set ^ otherwise)));
}

uint64_t pkcs1_block_align(uint8_t *block, size_t size, uint64_t n)
{
	uint64_t shift = hidden(size - n);

	/* By one octet or not, by two or not, by four: so all memory is touched, whatever the sum is. */
	for (size_t step = 1, bit = 0; step <= size; step <<= 1, bit++) {
		uint64_t is_shifted = hidden(0 - (shift >> bit & 1));
		for (size_t i = size; i-- > 0;)
			block[i] = select_octet(is_shifted, i >= step ? block[i - step] : 0, block[i]);
	}
	return shift >> 63; /* negative */
}

uint64_t pkcs1_block_check(const uint8_t *block, size_t size, size_t n)
{
	if (size < 2 + PADDING_MIN + 1 + n)
		return 1;
	size_t end = size - n - 1;
	uint64_t wrong = block[0] | (block[1] ^ 2) | block[end];
	for (size_t i = 2; i < end; i++)
		wrong |= mask_if_zero(block[i]);
	return hidden(wrong);
}

void pkcs1_block_choose(uint64_t wrong, const uint8_t *message, uint8_t *out, size_t n)
{
	uint64_t is_right = mask_if_zero(wrong);

	for (size_t i = 0; i < n; i++)
		out[i] = select_octet(is_right, message[i], out[i]);
}
