/* RFC 8555 section 6.5: nonces as texts, and who knows which were spent. */
#include "protocols/acme/nonce.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "protocols/acme/nonce_shared.h"
#include "protocols/acme/nonce_window.h"
#include "protocols/acme/problem.h"

#define NONCE_TEXT_SIZE 48

struct acme_nonces { /* one of the two */
	struct nonce_window *window;
	struct nonce_shared *shared;
};

struct acme_nonces *acme_nonces_new(struct store *store)
{
	struct acme_nonces *nonces = calloc(1, sizeof *nonces);

	ASSERT(nonces != NULL);
	if (store != NULL && store_is_shared(store))
		nonces->shared = nonce_shared_new(store);
	else
		nonces->window = nonce_window_new();
	return nonces;
}

void acme_nonces_free(struct acme_nonces **nonces)
{
	if (*nonces == NULL)
		return;
	nonce_window_free(&(*nonces)->window);
	nonce_shared_free(&(*nonces)->shared);
	free(*nonces);
	*nonces = NULL;
}

result acme_nonces_tend(struct op *op, struct acme_nonces *nonces)
{
	return nonces->shared != NULL ? nonce_shared_tend(op, nonces->shared) : OK;
}

char *acme_nonce_make(struct acme_nonces *nonces, struct arena *arena)
{
	uint8_t nonce[NONCE_SIZE];

	if (nonces->shared != NULL)
		nonce_shared_make(nonces->shared, nonce);
	else
		nonce_window_make(nonces->window, nonce);
	return bytes_to_base64url(arena, BYTES_ARRAY(nonce));
}

/* The size is fixed, so that decoding needs no memory of a request. */
static bool decode(const char *text, uint8_t nonce[NONCE_SIZE])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	if (text == NULL || strnlen(text, NONCE_TEXT_SIZE + 1) != NONCE_TEXT_SIZE)
		return false;
	for (size_t i = 0; i < NONCE_TEXT_SIZE / 4; i++) {
		uint32_t group = 0;
		for (size_t j = 0; j < 4; j++) {
			const char *at = strchr(alphabet, text[4 * i + j]);
			if (at == NULL)
				return false;
			group = group << 6 | (uint32_t)(at - alphabet);
		}
		nonce[3 * i] = (uint8_t)(group >> 16);
		nonce[3 * i + 1] = (uint8_t)(group >> 8);
		nonce[3 * i + 2] = (uint8_t)group;
	}
	return true;
}

/* A clock that was set back makes nonces live longer, and single use still holds (F14). */
static bool is_too_old(const uint8_t nonce[NONCE_SIZE])
{
	return clock_now_s() > nonce_made_s(nonce) + LIMIT_NONCE_AGE_S;
}

result acme_nonce_spend(struct op *op, struct acme_nonces *nonces, const char *text)
{
	uint8_t nonce[NONCE_SIZE];
	bool is_mine = false;

	if (decode(text, nonce) && !is_too_old(nonce)) {
		if (nonces->shared != NULL)
			TRY(nonce_shared_spend(op, nonces->shared, nonce, &is_mine));
		else
			is_mine = nonce_window_spend(nonces->window, nonce);
	}
	if (!is_mine)
		return FAIL_CODE(op, ERR_UNAUTHENTIC, ACME_BAD_NONCE,
				 "the nonce is missing, spent, too old or not ours; use the one of this answer");
	return OK;
}
