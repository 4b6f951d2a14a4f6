/*
 * Whether a CA needs a new CRL. The rows decide, not what this process did: a
 * revocation whose CRL could not be signed, in another process or before a
 * crash, is found here by holding the rows against the CRL (I5, V28).
 */
#include "ca/crl_refresh.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ca/der.h"
#include "ca/published.h"

#define SERIAL_HEX_SIZE 43 /* of 21 octets, with NUL */

/* Entries of a CRL one by one; the serial as rows write it, "" at the end. */
struct crl_entries {
	struct bytes left;
	char serial[SERIAL_HEX_SIZE];
};

static void entries_next(struct crl_entries *entries)
{
	static const char digits[] = "0123456789abcdef";
	struct bytes entry, serial;
	char *to = entries->serial;
	if (der_take(&entries->left, DER_SEQUENCE, &entry) && der_take(&entry, DER_INTEGER, &serial) &&
	    2 * serial.n < SERIAL_HEX_SIZE) {
		for (size_t i = 0; i < serial.n; i++) {
			*to++ = digits[serial.p[i] >> 4];
			*to++ = digits[serial.p[i] & 15];
		}
	}
	*to = '\0';
}

/* CertificateList down to revokedCertificates, which is absent when there are none (L2). */
static bool entries_open(struct bytes der, struct crl_entries *entries)
{
	struct bytes list, tbs, version;
	struct der_value field;
	entries->left = BYTES_NONE;
	if (!der_take(&der, DER_SEQUENCE, &list) || !der_take(&list, DER_SEQUENCE, &tbs) ||
	    !der_take(&tbs, DER_INTEGER, &version))
		return false;
	for (int i = 0; i < 4; i++) /* signature, issuer, thisUpdate, nextUpdate */
		if (!der_next(&tbs, &field))
			return false;
	if (der_is_next(tbs, DER_SEQUENCE) && !der_take(&tbs, DER_SEQUENCE, &entries->left))
		return false;
	entries_next(entries);
	return true;
}

struct comparison {
	struct crl_entries entries;
	bool is_complete;
};

/* Rows and entries are both in order of serial: one walk through both. */
static result compare_row(struct op *op UNUSED, void *arg, const struct revocation *revocation)
{
	struct comparison *c = arg;
	while (c->is_complete && c->entries.serial[0] != '\0' && strcmp(c->entries.serial, revocation->serial) < 0)
		entries_next(&c->entries);
	c->is_complete = c->is_complete && strcmp(c->entries.serial, revocation->serial) == 0;
	return OK;
}

result crl_is_complete(struct op *op, struct authority *a, const struct crl_row *crl, bool *out)
{
	struct comparison c = { .is_complete = true };
	if (!entries_open(crl->der, &c.entries))
		return FAIL(op, ERR_BACKEND, "CRL %llu of %s in the store is damaged", (unsigned long long)crl->number,
			    crl->ca);
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(revocation_read(op, lease.db, crl->ca, clock_now_s(), compare_row, &c));
	*out = c.is_complete;
	return OK;
}

/*
 * What was compared last. A revocation is an entry of the log, so a log that
 * has not moved since has nothing new for this CRL; the walk is saved.
 */
#define SEEN 16
static struct {
	pthread_mutex_t mutex;
	struct {
		struct merkle_hash root;
		uint64_t number;
	} of[SEEN];
} seen = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static bool was_seen(unsigned i, const struct merkle_hash *root, uint64_t number)
{
	ASSERT(pthread_mutex_lock(&seen.mutex) == 0);
	bool was = seen.of[i % SEEN].number == number && memcmp(seen.of[i % SEEN].root.b, root->b, sizeof root->b) == 0;
	pthread_mutex_unlock(&seen.mutex);
	return was;
}

static void remember(unsigned i, const struct merkle_hash *root, uint64_t number)
{
	ASSERT(pthread_mutex_lock(&seen.mutex) == 0);
	seen.of[i % SEEN].root = *root;
	seen.of[i % SEEN].number = number;
	pthread_mutex_unlock(&seen.mutex);
}

static result lacks_revocation(struct op *op, struct authority *a, unsigned i, const struct crl_row *crl, bool *out)
{
	struct ledger_head head;
	bool is_complete = true;
	ledger_read_head(a->ledger, &head); /* before the rows: what comes after it moves it again */
	if (!was_seen(i, &head.root, crl->number)) {
		TRY(crl_is_complete(op, a, crl, &is_complete));
		if (is_complete)
			remember(i, &head.root, crl->number);
	}
	*out = !is_complete;
	return OK;
}

/* By age as configured, and in any case with a quarter of its life left (F24). */
bool crl_is_old(const struct config_ca *config, const struct crl_row *crl, int64_t now_s)
{
	return now_s - crl->this_update_s >= config->crl_refresh_s ||
	       crl->next_update_s - now_s <= (crl->next_update_s - crl->this_update_s) / 4;
}

static result is_due(struct op *op, struct authority *a, unsigned i, const struct crl_row *crl, bool *out)
{
	const struct ca *ca = &a->hierarchy->cas[i];
	int64_t now = clock_now_s();
	*out = crl->number == 0 || crl_is_old(config_ca(authority_config(a), ca->name), crl, now);
	if (!*out)
		TRY(lacks_revocation(op, a, i, crl, out));
	*out = *out && now <= ca->not_after_s;
	return OK;
}

/* What another process published meanwhile goes out here too. */
static void put_if_new(struct op *op, struct authority *a, const struct crl_row *crl)
{
	if (a->published == NULL)
		return;
	const char *path = arena_printf(op->arena, "/crl/%s.crl", crl->ca);
	const struct published_object *now = published_pin(a->published, bytes_of_text(path));
	bool is_new = now == NULL || now->modified_s < crl->this_update_s ||
		      (now->modified_s == crl->this_update_s && !bytes_equal(now->content, crl->der));
	published_unpin((void *)(uintptr_t)now);
	if (is_new)
		crl_put(op, a, crl);
}

/* A CRL may be large: with nothing new in the log and this one published, number and times are enough. */
static bool is_settled(struct op *op, struct authority *a, unsigned i, const struct crl_row *times)
{
	struct ledger_head head;
	if (a->published == NULL || a->ledger == NULL)
		return false;
	const char *path = arena_printf(op->arena, "/crl/%s.crl", times->ca);
	const struct published_object *now = published_pin(a->published, bytes_of_text(path));
	bool is_published = now != NULL && now->modified_s == times->this_update_s;
	published_unpin((void *)(uintptr_t)now);
	ledger_read_head(a->ledger, &head);
	return is_published && was_seen(i, &head.root, times->number);
}

static result load(struct op *op, struct authority *a, unsigned i, struct crl_row *crl)
{
	const char *name = a->hierarchy->cas[i].name;
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	result r = crl_load_latest_times(op, lease.db, name, crl);
	if (r.err == ERR_NONE && !is_settled(op, a, i, crl))
		r = crl_load_latest(op, lease.db, name, crl);
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	*crl = (struct crl_row){ 0 };
	return OK;
}

static result refresh(struct op *op, struct authority *a, unsigned i, bool may_sign)
{
	struct crl_row crl;
	bool due = false;
	TRY(load(op, a, i, &crl));
	if (crl.der.n > 0)
		put_if_new(op, a, &crl);
	if (may_sign)
		TRY(is_due(op, a, i, &crl, &due));
	return due ? crl_publish(op, a, &a->hierarchy->cas[i], &crl) : OK;
}

result crl_refresh(struct op *op, struct authority *a, bool may_sign)
{
	result last = OK;
	for (unsigned i = 0; i < a->hierarchy->n; i++) { /* one CA in trouble is not the others' */
		result r = refresh(op, a, i, may_sign);
		if (r.err == ERR_NONE)
			continue;
		log_failure(op, "crl.late");
		last = r;
	}
	return last;
}
