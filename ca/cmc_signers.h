/*
 * Keys that sign CMC answers (RFC 5272 section 4.2) for the CAs: the keys of the
 * CAs themselves sign certificates and CRLs only. As with OCSP responders a key is
 * made in memory, certified by its CA for a week (id-kp-cmcCA, RFC 6402 section
 * 2.10), changed at half of it, and never written. Decision 12.
 *
 * Made at the first request that needs one: most houses never have any. Any thread.
 */
#pragma once

#include "ca/authority.h"
#include "ca/signed_data.h"

struct cmc_signers;
struct cmc_signer;

/* `authority` is borrowed; it may be gone when the signers are freed. */
struct cmc_signers *cmc_signers_new(struct authority *authority);
void cmc_signers_free(struct cmc_signers **signers);

/*
 * The signer of this CA now, made if there is none, if it has ended, was revoked,
 * or if its certificate lies in the future. ERR_BUSY and ERR_BACKEND when it has to
 * be made, and token or store are away.
 */
result cmc_signer_pin(struct op *op, struct cmc_signers *signers, const struct ca *ca, struct cmc_signer **out);
void cmc_signer_unpin(struct cmc_signer **signer);
#define CMC_SIGNER_PIN(name) __attribute__((cleanup(cmc_signer_unpin))) struct cmc_signer *name = NULL

/* Key and certificate, as long as the signer is pinned. */
const struct signed_data_signer *cmc_signer_read(const struct cmc_signer *signer);
