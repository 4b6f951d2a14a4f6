/*
 * Making, keeping and changing the delegated responder keys (RFC 6960 section
 * 4.2.2.2). A key in memory is made with its certificate and dies with it; a
 * key in the token gets a new certificate. Both are changed at half their life,
 * so that a token out of service for days is not noticed by those who ask.
 */
#include "ca/ocsp_signers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/der.h"
#include "ca/issue.h"
#include "ca/sign.h"
#include "store/authorities.h"

#define RESPONDER_LIFETIME_S (7 * 86400) /* nocheck: nobody can revoke it, so it is short (O5) */

struct slot {
	const struct ca *ca;
	struct responder *responder; /* NULL: none yet */
};

struct ocsp_signers {
	pthread_mutex_t mutex; /* held for one pointer and one increment */
	struct ocsp_cache *cache;
	unsigned n;
	struct slot slots[];
};

void responder_unpin(struct responder **responder)
{
	struct responder *r = *responder;
	*responder = NULL;
	if (r == NULL || atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) > 1)
		return;
	EVP_PKEY_free(r->key);
	free((uint8_t *)(uintptr_t)r->token_key.spki.p);
	free((uint8_t *)(uintptr_t)r->certificate.p);
	free(r);
}

struct responder *responder_pin(struct ocsp_signers *signers, const struct ca *ca, int64_t now_s)
{
	struct responder *responder = NULL;
	ASSERT(pthread_mutex_lock(&signers->mutex) == 0);
	for (unsigned i = 0; i < signers->n; i++)
		if (signers->slots[i].ca == ca)
			responder = signers->slots[i].responder;
	if (responder != NULL && (now_s < responder->not_before_s || responder->not_after_s <= now_s))
		responder = NULL;
	if (responder != NULL)
		atomic_fetch_add_explicit(&responder->references, 1, memory_order_relaxed);
	pthread_mutex_unlock(&signers->mutex);
	return responder;
}

static void slot_swap(struct ocsp_signers *signers, struct slot *slot, struct responder *own_responder)
{
	ASSERT(pthread_mutex_lock(&signers->mutex) == 0);
	struct responder *old = slot->responder;
	slot->responder = own_responder;
	pthread_mutex_unlock(&signers->mutex);
	responder_unpin(&old);
}

struct ocsp_cache *ocsp_signers_cache(struct ocsp_signers *signers)
{
	return signers->cache;
}

static struct bytes copy(struct bytes from)
{
	uint8_t *p = malloc(from.n);
	ASSERT(p != NULL);
	memcpy(p, from.p, from.n);
	return (struct bytes){ p, from.n };
}

static result make_memory_key(struct op *op, struct responder *responder, struct bytes *spki)
{
	responder->key = EVP_EC_gen("P-256");
	responder->key_type = KEY_P256;
	unsigned char *der = NULL;
	int n = responder->key != NULL ? i2d_PUBKEY(responder->key, &der) : -1;
	if (n <= 0)
		return FAIL(op, ERR_BUG, "a responder key could not be made in memory");
	*spki = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return OK;
}

/* The ceremony made it and named it "ocsp CA-NAME". */
static result find_token_key(struct op *op, struct authority *a, struct responder *responder, struct bytes *spki)
{
	const char *label = arena_printf(op->arena, "ocsp %s", responder->ca);
	struct key_row row;
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	result r = key_load(op, lease.db, label, &row);
	if (r.err == ERR_NOT_FOUND)
		return FAIL(op, ERR_NOT_FOUND,
			    "the token has no responder key \"%s\"; run chancery init again, or set ocsp_key to memory", label);
	TRY(r);
	struct token_key *key = &responder->token_key;
	if (!text_copy(key->label, sizeof key->label, row.label) || row.id.n != TOKEN_ID_SIZE ||
	    !key_type_parse(row.type, &key->type))
		return FAIL(op, ERR_BACKEND, "the row of key \"%s\" is damaged", label);
	memcpy(key->id, row.id.p, TOKEN_ID_SIZE);
	key->spki = copy(row.spki);
	responder->key_type = key->type;
	*spki = row.spki;
	return OK;
}

/* SHA-1 of the BIT STRING's bits without tag, length and unused bits (RFC 6960 section 4.2.1, KeyHash). */
static result hash_key(struct op *op, struct bytes spki, uint8_t hash[SHA1_SIZE])
{
	struct bytes info, algorithm, key;
	if (!der_take(&spki, DER_SEQUENCE, &info) || !der_take(&info, DER_SEQUENCE, &algorithm) ||
	    !der_take(&info, DER_BIT_STRING, &key) || key.n < 2)
		return FAIL(op, ERR_BUG, "a responder's public key is not a SubjectPublicKeyInfo");
	bytes_sha1((struct bytes){ key.p + 1, key.n - 1 }, hash);
	return OK;
}

static result responder_certify(struct op *op, struct authority *a, const struct ca *ca, struct responder *responder)
{
	bool is_in_token = text_equal(authority_config(a)->ocsp_key, "token");
	struct bytes spki = BYTES_NONE;
	struct issued issued;
	TRY(is_in_token ? find_token_key(op, a, responder, &spki) : make_memory_key(op, responder, &spki));
	TRY(hash_key(op, spki, responder->key_hash));
	TRY(issue_responder(op, a, ca, spki, RESPONDER_LIFETIME_S, &issued));
	responder->certificate = copy(issued.der);
	responder->not_before_s = issued.not_before_s;
	responder->not_after_s = issued.not_after_s;
	int64_t now = clock_now_s();
	responder->renew_s = now + (issued.not_after_s - now) / 2;

	uint8_t spki_hash[SHA256_SIZE];
	bytes_sha256(spki, spki_hash);
	struct audit_event event = { .type = AUDIT_OCSP_KEY_CHANGED,
				     .ca = ca->name,
				     .serial = issued.serial,
				     .spki_hash = BYTES_ARRAY(spki_hash),
				     .key = is_in_token ? responder->token_key.label : NULL,
				     .outcome = is_in_token ? "key in the token" : "key in memory" };
	return authority_record(op, a, &event);
}

static result slot_renew(struct op *op, struct authority *a, struct ocsp_signers *signers, struct slot *slot)
{
	struct responder *responder = calloc(1, sizeof *responder);
	ASSERT(responder != NULL);
	atomic_init(&responder->references, 1);
	responder->ca = slot->ca->name;
	result r = responder_certify(op, a, slot->ca, responder);
	if (r.err != ERR_NONE)
		responder_unpin(&responder);
	else
		slot_swap(signers, slot, responder);
	return r;
}

/*
 * At half its life; and when its certificate lies in the future: the clock was
 * ahead when it was made, and nobody would believe it until the clock is there
 * again. A clock before the CA's own beginning is wrong itself: nothing is made.
 */
static bool is_due(const struct slot *slot, int64_t now_s)
{
	const struct responder *responder = slot->responder;
	if (now_s < slot->ca->not_before_s || slot->ca->not_after_s <= now_s)
		return false;
	return responder == NULL || now_s < responder->not_before_s || now_s >= responder->renew_s;
}

/* Only this thread (start, then the steward) changes slots, so reading them here needs no lock. */
static result renew_due(struct op *op, struct authority *a, struct ocsp_signers *signers)
{
	result first = OK;
	int64_t now = clock_now_s();
	for (unsigned i = 0; i < signers->n; i++) {
		struct slot *slot = &signers->slots[i];
		if (!is_due(slot, now))
			continue;
		result r = slot_renew(op, a, signers, slot);
		if (r.err == ERR_NONE)
			continue;
		log_failure(op, "ocsp.responder");
		if (first.err == ERR_NONE)
			first = r;
	}
	return first;
}

result ocsp_signers_open(struct op *op, struct authority *a, struct ocsp_signers **out)
{
	unsigned n = a->hierarchy->n;
	struct ocsp_signers *signers = calloc(1, sizeof *signers + n * sizeof signers->slots[0]);
	ASSERT(signers != NULL);
	ASSERT(pthread_mutex_init(&signers->mutex, NULL) == 0);
	signers->cache = ocsp_cache_new(authority_config(a)->limits.ocsp_cache_bytes);
	signers->n = n;
	for (unsigned i = 0; i < n; i++)
		signers->slots[i].ca = &a->hierarchy->cas[i];
	result r = renew_due(op, a, signers);
	/* A token that is away now will be back: until then OCSP says tryLater, and CRLs are served all the same. */
	if (r.err == ERR_BUSY || r.err == ERR_BACKEND) {
		op_clear_failure(op);
		r = OK;
	}
	if (r.err != ERR_NONE)
		ocsp_signers_free(&signers);
	*out = signers;
	return r;
}

result ocsp_signers_renew(struct op *op, struct authority *a)
{
	return renew_due(op, a, a->ocsp);
}

void ocsp_signers_free(struct ocsp_signers **signers)
{
	struct ocsp_signers *s = *signers;
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n; i++)
		responder_unpin(&s->slots[i].responder);
	ocsp_cache_free(&s->cache);
	pthread_mutex_destroy(&s->mutex);
	free(s);
	*signers = NULL;
}

static result sign_in_memory(struct op *op, EVP_PKEY *key, struct bytes data, struct bytes *signature)
{
	AUTO(EVP_MD_CTX) *ctx = EVP_MD_CTX_new();
	size_t n = (size_t)EVP_PKEY_get_size(key);
	uint8_t *p = arena_alloc(op->arena, n);
	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, p, &n, data.p, data.n) != 1)
		return FAIL(op, ERR_BUG, "the responder key in memory did not sign");
	*signature = (struct bytes){ p, n };
	return OK;
}

result responder_sign(struct op *op, struct authority *a, const struct responder *responder, struct bytes response_data,
		      struct bytes *signature)
{
	if (responder->key != NULL)
		return sign_in_memory(op, responder->key, response_data, signature);
	return sign_ocsp(op, a->token, &responder->token_key, response_data, signature);
}
