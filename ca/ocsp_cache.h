/*
 * Signed OCSP answers in memory, bounded in bytes, least recently used out
 * first. Keyed by the CertID exactly as asked (which holds hash algorithm, CA
 * and serial), found by serial, so that one call forgets every form of it.
 *
 * Any thread; a shard's mutex is held for one search of a short chain.
 */
#pragma once

#include "ca/ocsp.h"

struct ocsp_cache;

struct ocsp_cache *ocsp_cache_new(uint64_t limit_bytes);
void ocsp_cache_free(struct ocsp_cache **cache);

/* An answer with one reference. `face.der` and `face.etag` are filled from `der`. */
struct ocsp_answer *ocsp_answer_new(struct bytes der, const struct ocsp_answer *face);
void ocsp_answer_pin(struct ocsp_answer *answer);

/* Pinned, and fresh at `now_s`; otherwise NULL. */
struct ocsp_answer *ocsp_cache_find(struct ocsp_cache *cache, const struct ocsp_cert_id *id, int64_t now_s);
/* The same, and it need not be fresh: before its nextUpdate is enough where no new one can be had (F25). */
struct ocsp_answer *ocsp_cache_find_valid(struct ocsp_cache *cache, const struct ocsp_cert_id *id, int64_t now_s);

/*
 * The race with a revocation: take the generation, then read the store, then
 * put. ocsp_cache_forget moves the generation, and what was read before it is
 * not kept. Which CertIDs may be kept is the caller's to say: only those of
 * serials that we issued, or strangers could fill the memory.
 */
uint64_t ocsp_cache_generation(struct ocsp_cache *cache, struct bytes serial);
void ocsp_cache_put(struct ocsp_cache *cache, const struct ocsp_cert_id *id, uint64_t generation,
		    struct ocsp_answer *answer);
void ocsp_cache_forget(struct ocsp_cache *cache, struct bytes serial);
void ocsp_cache_clear(struct ocsp_cache *cache); /* the same for all serials */

/* Bytes held now, all shards. */
uint64_t ocsp_cache_used(struct ocsp_cache *cache);
