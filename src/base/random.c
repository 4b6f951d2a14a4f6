/*
 * The kernel's generator, without a state of our own: nothing to seed, and
 * nothing that two processes could share after a fork. What names things in the
 * log is taken from a store of random bytes per thread; no secret is.
 */
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/op.h"

#define RANDOM_NAME_STORE 1024 /* some forty names for one call of the system */

void random_bytes(uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		ASSERT(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

void random_name_bytes(uint8_t *p, size_t n)
{
	static _Thread_local uint8_t stored[RANDOM_NAME_STORE];
	static _Thread_local size_t left;

	ASSERT(n <= sizeof stored);
	if (left < n) {
		random_bytes(stored, sizeof stored);
		left = sizeof stored;
	}
	left -= n;
	memcpy(p, stored + left, n);
	explicit_bzero(stored + left, n);
}

void random_id(char id[RANDOM_ID_SIZE])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t chance[RANDOM_ID_SIZE - 1];

	random_bytes(chance, sizeof chance);
	/* The last character carries two bits only, so that the text is canonical. */
	chance[sizeof chance - 1] &= 0x30;
	for (size_t i = 0; i < sizeof chance; i++)
		id[i] = alphabet[chance[i] & 63];
	id[sizeof chance] = '\0';
}
