/*
 * Whether a CA needs a new CRL. The rows decide, not what this process did: a
 * revocation whose CRL could not be signed, in another process or before a
 * crash, is found here by holding the rows against the CRL (I5, V28).
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ca/crl_round.h"
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
 * The CRL that is served, against the rows. A revocation is an entry of the
 * log, so a log that has not moved since they were last compared has nothing new
 * for this CRL; the walk is saved.
 */
static result lacks_revocation(struct op *op, struct authority *a, struct crl_round *round,
			       const struct crl_standing *standing, bool *out)
{
	*out = false;
	if (round->compared_number == standing->last.number &&
	    memcmp(round->compared_log.b, standing->log.b, sizeof standing->log.b) == 0)
		return OK;
	const struct published_object *served =
		published_pin(a->published, bytes_of_text(crl_path(op, standing->last.ca)));
	struct crl_row crl = standing->last;
	bool is_complete;
	crl.der = served->content;
	result r = crl_is_complete(op, a, &crl, &is_complete);
	published_unpin((void *)(uintptr_t)served);
	TRY(r);
	if (is_complete) {
		round->compared_number = standing->last.number;
		round->compared_log = standing->log; /* read before the rows: what comes after it moves it again */
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

static result is_due(struct op *op, struct authority *a, const struct ca *ca, struct crl_round *round,
		     const struct crl_standing *standing, bool *out)
{
	const struct crl_row *last = &standing->last;
	int64_t now = clock_now_s();
	*out = last->number == 0 || crl_is_old(config_ca(authority_config(a), ca->name), last, now);
	if (!*out)
		TRY(lacks_revocation(op, a, round, standing, out));
	*out = *out && now <= ca->not_after_s;
	return OK;
}

/* What another process published meanwhile goes out here too. */
static result adopt(struct op *op, struct authority *a, const struct ca *ca)
{
	struct crl_standing standing;
	TRY(crl_standing_load(op, a, ca, &standing));
	return crl_adopt(op, a, &standing.last);
}

/*
 * A node that is at work on the next one need not be judged: if that one lacks
 * something, its log tells it so, and should it die, the next look finds it.
 */
static result make_if_due(struct op *op, struct authority *a, const struct ca *ca)
{
	struct crl_standing standing;
	struct crl_row made;
	bool due, is_elsewhere;
	CRL_ROUND(round);
	round = crl_round_enter(a, ca);
	TRY(crl_standing_load(op, a, ca, &standing));
	TRY(crl_adopt(op, a, &standing.last));
	if (standing.is_of_another)
		return OK;
	TRY(is_due(op, a, ca, round, &standing, &due));
	if (!due)
		return OK;
	result r = crl_make(op, a, ca, standing.turn.number, &is_elsewhere, &made);
	if (!is_elsewhere)
		return r;
	op_clear_failure(op);
	return OK;
}

result crl_refresh(struct op *op, struct authority *a, bool may_sign)
{
	result last = OK;
	for (unsigned i = 0; i < a->hierarchy->n; i++) { /* one CA in trouble is not the others' */
		const struct ca *ca = &a->hierarchy->cas[i];
		result r = may_sign ? make_if_due(op, a, ca) : adopt(op, a, ca);
		if (r.err == ERR_NONE)
			continue;
		log_failure(op, "crl.late");
		last = r;
	}
	return last;
}
