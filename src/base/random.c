/*
 * The kernel's generator, without a state of our own: nothing to seed, and
 * nothing that two processes could share after a fork.
 */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/op.h"

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
