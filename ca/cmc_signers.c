/* One slot for each CA; a renewal replaces what is in it, and who has pinned the old one keeps it to the end of the answer. */
#include "ca/cmc_signers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "ca/issue.h"
#include "store/certificates.h"

#define SIGNER_LIFETIME_S (7 * 86400)

struct cmc_signer {
	atomic_uint references;
	struct signed_data_signer pair;
	char *serial;
	int64_t not_before_s, not_after_s, renew_s;
};

struct cmc_signers {
	struct authority *authority;
	pthread_mutex_t mutex;  /* guards slots; held for one pointer and one increment */
	pthread_mutex_t making; /* held while a signer is made, so that many who need it first make one */
	unsigned n;
	struct cmc_signer **slots; /* in the order of hierarchy->cas; NULL: none yet */
};

void cmc_signer_unpin(struct cmc_signer **signer)
{
	struct cmc_signer *s = *signer;
	*signer = NULL;
	if (s == NULL || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) > 1)
		return;
	EVP_PKEY_free(s->pair.key);
	free((uint8_t *)(uintptr_t)s->pair.certificate.p);
	free(s->serial);
	free(s);
}

const struct signed_data_signer *cmc_signer_read(const struct cmc_signer *signer)
{
	return &signer->pair;
}

struct cmc_signers *cmc_signers_new(struct authority *authority)
{
	struct cmc_signers *signers = calloc(1, sizeof *signers);
	ASSERT(signers != NULL);
	signers->authority = authority;
	signers->n = authority->hierarchy->n;
	signers->slots = calloc(signers->n, sizeof *signers->slots);
	ASSERT(signers->slots != NULL);
	ASSERT(pthread_mutex_init(&signers->mutex, NULL) == 0 && pthread_mutex_init(&signers->making, NULL) == 0);
	return signers;
}

void cmc_signers_free(struct cmc_signers **signers)
{
	struct cmc_signers *s = *signers;
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n; i++)
		cmc_signer_unpin(&s->slots[i]);
	free(s->slots);
	pthread_mutex_destroy(&s->mutex);
	pthread_mutex_destroy(&s->making);
	free(s);
	*signers = NULL;
}

static struct cmc_signer *pin(struct cmc_signers *signers, struct cmc_signer **slot)
{
	ASSERT(pthread_mutex_lock(&signers->mutex) == 0);
	struct cmc_signer *signer = *slot;
	if (signer != NULL)
		atomic_fetch_add_explicit(&signer->references, 1, memory_order_relaxed);
	pthread_mutex_unlock(&signers->mutex);
	return signer;
}

static void swap(struct cmc_signers *signers, struct cmc_signer **slot, struct cmc_signer *own_signer)
{
	ASSERT(pthread_mutex_lock(&signers->mutex) == 0);
	struct cmc_signer *old = *slot;
	*slot = own_signer;
	pthread_mutex_unlock(&signers->mutex);
	cmc_signer_unpin(&old);
}

static result certify(struct op *op, struct authority *a, const struct ca *ca, struct cmc_signer *signer)
{
	struct issued issued;
	unsigned char *spki = NULL;
	signer->pair.key = EVP_EC_gen("P-256");
	int n = signer->pair.key != NULL ? i2d_PUBKEY(signer->pair.key, &spki) : -1;
	if (n <= 0)
		return FAIL(op, ERR_BUG, "a key for CMC answers could not be made in memory");
	struct bytes kept = arena_bytes(op->arena, (struct bytes){ spki, (size_t)n });
	OPENSSL_free(spki);
	TRY(issue_cmc_signer(op, a, ca, kept, SIGNER_LIFETIME_S, &issued));

	int64_t now_s = clock_now_s();
	uint8_t *certificate = malloc(issued.der.n);
	ASSERT(certificate != NULL);
	memcpy(certificate, issued.der.p, issued.der.n);
	signer->pair.certificate = (struct bytes){ certificate, issued.der.n };
	signer->serial = strdup(issued.serial);
	ASSERT(signer->serial != NULL);
	signer->not_before_s = issued.not_before_s;
	signer->not_after_s = issued.not_after_s;
	signer->renew_s = now_s + (issued.not_after_s - now_s) / 2;
	return OK;
}

static result make(struct op *op, struct cmc_signers *signers, const struct ca *ca, struct cmc_signer **slot)
{
	struct cmc_signer *signer = calloc(1, sizeof *signer);
	ASSERT(signer != NULL);
	atomic_init(&signer->references, 1);
	result r = certify(op, signers->authority, ca, signer);
	if (r.err != ERR_NONE)
		cmc_signer_unpin(&signer);
	else
		swap(signers, slot, signer);
	return r;
}

static result check_revoked(struct op *op, struct authority *a, const char *serial, bool *is_revoked)
{
	struct revocation revocation;
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	result r = revocation_load(op, lease.db, serial, &revocation);
	*is_revoked = r.err == ERR_NONE;
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	return OK;
}

/* Pinned in *out when it can sign now; *is_due: a new one should be made all the same. */
static result find(struct op *op, struct cmc_signers *signers, struct cmc_signer **slot, struct cmc_signer **out, bool *is_due)
{
	CMC_SIGNER_PIN(signer);
	bool is_revoked;
	int64_t now_s = clock_now_s();
	*out = NULL;
	*is_due = true;
	signer = pin(signers, slot);
	if (signer == NULL || now_s < signer->not_before_s || signer->not_after_s <= now_s)
		return OK;
	TRY(check_revoked(op, signers->authority, signer->serial, &is_revoked));
	if (is_revoked)
		return OK;
	*is_due = now_s >= signer->renew_s;
	*out = TAKE(signer);
	return OK;
}

/* In its second half the old one will do when the new one cannot be had. */
static result renew(struct op *op, struct cmc_signers *signers, const struct ca *ca, struct cmc_signer **slot,
		    struct cmc_signer **in_out)
{
	result r = make(op, signers, ca, slot);
	if (r.err != ERR_NONE && *in_out != NULL) {
		log_failure(op, "cmc.signer");
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	cmc_signer_unpin(in_out);
	*in_out = pin(signers, slot);
	return OK;
}

result cmc_signer_pin(struct op *op, struct cmc_signers *signers, const struct ca *ca, struct cmc_signer **out)
{
	struct cmc_signer **slot = &signers->slots[ca - signers->authority->hierarchy->cas];
	bool is_due;
	TRY(find(op, signers, slot, out, &is_due));
	if (!is_due)
		return OK;
	cmc_signer_unpin(out);
	ASSERT(pthread_mutex_lock(&signers->making) == 0);
	result r = find(op, signers, slot, out, &is_due); /* another one may have made it meanwhile */
	if (r.err == ERR_NONE && is_due)
		r = renew(op, signers, ca, slot, out);
	pthread_mutex_unlock(&signers->making);
	return r;
}
