/* Nonces without a table. */
#include "protocols/acme/nonce_window.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"

struct nonce_window {
	struct nonce_seal *seal;

	/*
	 * A mutex and no atomics: a counter must not leave the window between
	 * the look at its edge and the setting of its bit, or the bit of a newer
	 * nonce that shares the place is hit. It is held for nanoseconds.
	 */
	pthread_mutex_t mutex;
	uint64_t next; /* counter of the next nonce */
	uint64_t spent[LIMIT_NONCE_WINDOW / 64];
};

struct nonce_window *nonce_window_new(void)
{
	struct nonce_window *window = calloc(1, sizeof *window);
	struct nonce_key key;

	ASSERT(window != NULL);
	random_bytes(key.id, sizeof key.id);
	random_bytes(key.secret, sizeof key.secret);
	window->seal = nonce_seal_new(&key);
	OPENSSL_cleanse(&key, sizeof key);
	ASSERT(pthread_mutex_init(&window->mutex, NULL) == 0);
	return window;
}

void nonce_window_free(struct nonce_window **window)
{
	if (*window == NULL)
		return;
	nonce_seal_free(&(*window)->seal);
	pthread_mutex_destroy(&(*window)->mutex);
	free(*window);
	*window = NULL;
}

static uint64_t take_counter(struct nonce_window *window)
{
	pthread_mutex_lock(&window->mutex);
	uint64_t counter = window->next++;
	uint64_t place = counter % LIMIT_NONCE_WINDOW;
	/* The place was that of counter - LIMIT_NONCE_WINDOW, which leaves the window now. */
	window->spent[place / 64] &= ~(UINT64_C(1) << place % 64);
	pthread_mutex_unlock(&window->mutex);
	return counter;
}

static bool spend_counter(struct nonce_window *window, uint64_t counter)
{
	uint64_t place = counter % LIMIT_NONCE_WINDOW;
	uint64_t bit = UINT64_C(1) << place % 64;
	bool is_mine = false;

	pthread_mutex_lock(&window->mutex);
	bool is_in_window = counter < window->next && window->next - counter <= LIMIT_NONCE_WINDOW;
	if (is_in_window && (window->spent[place / 64] & bit) == 0) {
		window->spent[place / 64] |= bit;
		is_mine = true;
	}
	pthread_mutex_unlock(&window->mutex);
	return is_mine;
}

void nonce_window_make(struct nonce_window *window, uint8_t nonce[NONCE_SIZE])
{
	nonce_seal_make(window->seal, clock_now_s(), take_counter(window), nonce);
}

bool nonce_window_spend(struct nonce_window *window, const uint8_t nonce[NONCE_SIZE])
{
	return nonce_seal_is_good(window->seal, nonce) && spend_counter(window, nonce_unique(nonce));
}
