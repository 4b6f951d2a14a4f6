/*
 * A slot for each endpoint, with an immutable snapshot of what the store has;
 * each refresh makes another one, and who has pinned the old one keeps it to the
 * end of the answer.
 */
#include "ca/scep_ras.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "ca/need_key.h"
#include "ca/scep_ra_generation.h"

#define ROWS_LOOKED_AT 16 /* years */

struct slot {
	struct slot *next;
	char endpoint[64];
	struct scep_ra *ra; /* NULL: none now */
	/* The key that this node's token was seen to have and to use. Only the refreshing thread looks. */
	uint8_t proven[TOKEN_ID_SIZE];
};

struct scep_ras {
	struct authority *authority;
	pthread_mutex_t mutex; /* guards slots; held for a search and one increment */
	struct slot *slots;    /* grows with the configuration */
};

void scep_ra_unpin(struct scep_ra **ra)
{
	struct scep_ra *gone = *ra;
	*ra = NULL;
	if (gone == NULL || atomic_fetch_sub_explicit(&gone->references, 1, memory_order_acq_rel) > 1)
		return;
	struct arena *arena = gone->arena; /* has `gone` in it */
	arena_free(&arena);
}

struct scep_ras *scep_ras_new(struct authority *authority)
{
	struct scep_ras *ras = calloc(1, sizeof *ras);
	ASSERT(ras != NULL);
	ras->authority = authority;
	ASSERT(pthread_mutex_init(&ras->mutex, NULL) == 0);
	return ras;
}

void scep_ras_free(struct scep_ras **ras)
{
	struct scep_ras *r = *ras;
	if (r == NULL)
		return;
	for (struct slot *next, *slot = r->slots; slot != NULL; slot = next) {
		next = slot->next;
		scep_ra_unpin(&slot->ra);
		free(slot);
	}
	pthread_mutex_destroy(&r->mutex);
	free(r);
	*ras = NULL;
}

static struct slot *find_locked(const struct scep_ras *ras, const char *endpoint)
{
	struct slot *slot = ras->slots;
	while (slot != NULL && !text_equal(slot->endpoint, endpoint))
		slot = slot->next;
	return slot;
}

result scep_ra_pin(struct op *op, struct scep_ras *ras, const char *endpoint, struct scep_ra **out)
{
	int64_t now_s = clock_now_s();
	ASSERT(pthread_mutex_lock(&ras->mutex) == 0);
	const struct slot *slot = find_locked(ras, endpoint);
	struct scep_ra *ra = slot != NULL ? slot->ra : NULL;
	if (ra != NULL && (now_s < ra->not_before_s || ra->not_after_s <= now_s))
		ra = NULL;
	if (ra != NULL)
		atomic_fetch_add_explicit(&ra->references, 1, memory_order_relaxed);
	pthread_mutex_unlock(&ras->mutex);
	*out = ra;
	return ra != NULL ? OK : FAIL(op, ERR_BUSY, "the RA of SCEP endpoint %s has no certificate just now; try again later", endpoint);
}

static void swap(struct scep_ras *ras, struct slot *slot, struct scep_ra *own_ra)
{
	ASSERT(pthread_mutex_lock(&ras->mutex) == 0);
	struct scep_ra *old = slot->ra;
	slot->ra = own_ra;
	pthread_mutex_unlock(&ras->mutex);
	scep_ra_unpin(&old);
}

static struct slot *need_slot(struct scep_ras *ras, const char *endpoint)
{
	ASSERT(pthread_mutex_lock(&ras->mutex) == 0);
	struct slot *slot = find_locked(ras, endpoint);
	if (slot == NULL) {
		slot = calloc(1, sizeof *slot);
		ASSERT(slot != NULL && text_copy(slot->endpoint, sizeof slot->endpoint, endpoint));
		slot->next = ras->slots;
		ras->slots = slot;
	}
	pthread_mutex_unlock(&ras->mutex);
	return slot;
}

struct generations {
	struct scep_ra_row *rows; /* the newest first */
	unsigned n;
};

static result load(struct op *op, struct authority *a, const char *endpoint, struct generations *out)
{
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	return scep_ra_list(op, lease.db, endpoint, ROWS_LOOKED_AT, &out->rows, &out->n);
}

static const struct scep_ra_row *newest_of(const struct generations *all)
{
	return all->n > 0 ? &all->rows[0] : NULL;
}

/* Those whose key is the newest one's, and which somebody may still hold to be good. */
static void put_earlier(struct scep_ra *ra, const struct generations *all, int64_t now_s)
{
	for (unsigned i = 1; i < all->n && ra->n_earlier < SCEP_RA_EARLIER; i++) {
		const struct scep_ra_row *row = &all->rows[i];
		if (!row->is_revoked && now_s < row->not_after_s && text_equal(row->key.label, ra->key.label))
			ra->earlier[ra->n_earlier++] = arena_bytes(ra->arena, row->certificate);
	}
}

static struct scep_ra *make_snapshot(const struct slot *slot, const struct generations *all, const struct token_key *key,
				     const struct ca *ca, int64_t now_s)
{
	struct arena *arena = arena_new();
	const struct scep_ra_row *newest = newest_of(all);
	struct scep_ra *ra = arena_alloc(arena, sizeof *ra);
	*ra = (struct scep_ra){ .endpoint = arena_text(arena, slot->endpoint),
				.key = *key,
				.certificate = arena_bytes(arena, newest->certificate),
				.ca = ca,
				.not_before_s = newest->not_before_s,
				.not_after_s = newest->not_after_s,
				.generation = newest->generation,
				.arena = arena };
	ra->key.spki = arena_bytes(arena, key->spki);
	atomic_init(&ra->references, 1);
	put_earlier(ra, all, now_s);
	return ra;
}

static bool is_revoked(const struct scep_ra *ra, const struct generations *all)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->rows[i].generation == ra->generation)
			return all->rows[i].is_revoked;
	return true; /* an older copy of the store was put in its place */
}

/*
 * The key of a new generation has to be in this node's token: with a token of its own for each node, somebody has to
 * bring it there. A token that is only away will be back, and its key is used then.
 */
static result check_key(struct op *op, struct authority *a, struct slot *slot, const struct token_key *key)
{
	if (memcmp(slot->proven, key->id, TOKEN_ID_SIZE) == 0)
		return OK;
	TRY(scep_ra_prove(op, a->token, key));
	memcpy(slot->proven, key->id, TOKEN_ID_SIZE);
	return OK;
}

static result show(struct op *op, struct scep_ras *ras, struct slot *slot, const struct generations *all, int64_t now_s)
{
	struct authority *a = ras->authority;
	const struct scep_ra_row *newest = newest_of(all);
	const struct ca *ca = newest != NULL ? hierarchy_find(a->hierarchy, newest->ca) : NULL;
	struct token_key key;
	if (slot->ra != NULL && is_revoked(slot->ra, all))
		swap(ras, slot, NULL);
	if (ca == NULL || newest->is_revoked || newest->not_after_s <= now_s)
		return OK;
	TRY(key_of_row(op, &newest->key, &key));
	result r = check_key(op, a, slot, &key);
	if (r.err == ERR_NONE || r.err == ERR_BUSY)
		swap(ras, slot, make_snapshot(slot, all, &key, ca, now_s));
	return r;
}

static result wish_of(struct op *op, struct authority *a, const struct config *config, const struct config_scep *scep,
		      struct scep_ra_wish *out)
{
	const struct config_profile *profile = config_profile(config, scep->profile);
	ASSERT(profile != NULL); /* a configuration that was loaded names what there is */
	*out = (struct scep_ra_wish){ scep->name, scep->ra_key, hierarchy_find(a->hierarchy, profile->ca) };
	if (out->ca == NULL)
		return FAIL(op, ERR_POLICY, "SCEP endpoint %s is for CA %s, which does not exist yet", scep->name, profile->ca);
	return OK;
}

static result refresh_one(struct op *op, struct scep_ras *ras, const struct scep_ra_wish *wish)
{
	struct slot *slot = need_slot(ras, wish->endpoint);
	struct generations all;
	bool is_mine = false;
	result made = OK;
	TRY(load(op, ras->authority, wish->endpoint, &all));
	if (scep_ra_is_due(wish, newest_of(&all), clock_now_s())) {
		made = scep_ra_make(op, ras->authority, wish, newest_of(&all), &is_mine);
		if (is_mine)
			TRY(load(op, ras->authority, wish->endpoint, &all));
	}
	TRY(show(op, ras, slot, &all, clock_now_s()));
	return made;
}

result scep_ras_refresh(struct op *op, struct scep_ras *ras)
{
	const struct config *config = authority_config(ras->authority);
	result first = OK;
	for (unsigned i = 0; i < config->n_scep; i++) {
		struct scep_ra_wish wish;
		result r = wish_of(op, ras->authority, config, &config->scep[i], &wish);
		if (r.err == ERR_NONE)
			r = refresh_one(op, ras, &wish);
		if (r.err == ERR_NONE)
			continue;
		log_failure(op, "scep.ra");
		if (first.err == ERR_NONE)
			first = r;
	}
	return first;
}

result scep_ra_unwrap(struct op *op, struct authority *a, const struct scep_ra *ra, struct bytes encrypted, uint8_t *out,
		      size_t n)
{
	return token_unwrap(op, a->token, &ra->key, encrypted, out, n);
}

result scep_ras_check_keys(struct op *op, struct authority *a, struct token *token)
{
	const struct config *config = authority_config(a);
	for (unsigned i = 0; i < config->n_scep; i++) {
		struct generations all;
		struct token_key key;
		TRY(load(op, a, config->scep[i].name, &all));
		if (all.n == 0)
			continue;
		TRY(key_of_row(op, &newest_of(&all)->key, &key));
		TRY(op_explain(op, scep_ra_prove(op, token, &key), "the RA of SCEP endpoint %s", config->scep[i].name));
	}
	return OK;
}
