/*
 * The order: revocations, then numbers and the record of it all, then CRLs with
 * the new numbers, and at the end what the next start measures with. Until then
 * every start refuses, and acceptance can be run again from its beginning.
 */
#include "ca/recovery.h"

#include <inttypes.h>

#include "base/checkpoint.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "ca/audit.h"
#include "ca/crl.h"
#include "ca/journal.h"
#include "store/claims.h"
#include "store/recovery_rows.h"

#define AUTO_OP __attribute__((cleanup(op_free))) struct op *
#define CHECKPOINT_BYTES 65536
#define AT_ONCE 200 /* revocations in a transaction */

/*
 * Numbers that this node cannot know of may have been used: by nodes whose
 * folders are gone, or while this one was away. One CRL takes milliseconds of a
 * token, so four thousand million of them take years. RFC 5280 section 5.2.3 has
 * room for a number of 20 octets; our 63 bits have room for two thousand million
 * restores.
 */
#define NUMBERS_SKIPPED (UINT64_C(1) << 32)

static result read_checkpoint(struct op *op, const char *dir, struct bytes *note, struct checkpoint *out, bool *has)
{
	const char *path = files_join(op->arena, dir, "checkpoint");
	*has = files_exists(path);
	if (!*has)
		return OK;
	TRY(files_read(op, path, CHECKPOINT_BYTES, note));
	return op_explain(op, checkpoint_parse(op, *note, out), "%s is damaged; put a copy of it back", path);
}

/* Keeps the larger of what is known, and whether the store has it. */
static result measure(struct op *op, const char *url, const char *dir, uint64_t size, const struct merkle_hash *root,
		      const char *file, struct recovery_view *view)
{
	bool has = true;
	if (size <= view->store.entries)
		TRY(store_has_log(op, url, dir, size, root, &has));
	view->is_other_history = view->is_other_history || !has;
	if (view->known_by != NULL && size <= view->known)
		return OK;
	view->known = size;
	view->known_root = *root;
	view->known_by = file;
	return OK;
}

static result count_revocation(struct op *op UNUSED, void *arg, const struct revocation *revocation UNUSED,
			       struct bytes blocked UNUSED)
{
	*(uint64_t *)arg += 1;
	return OK;
}

static result skip_number(struct op *op UNUSED, void *arg UNUSED, const char *ca UNUSED, uint64_t number UNUSED)
{
	return OK;
}

static result read_journal(struct op *op, const char *dir, const struct journal_reader *reader, struct journal_head *head,
			   bool *has)
{
	result r = journal_file_read(op, files_join(op->arena, dir, JOURNAL_FILE), reader, head);
	*has = r.err != ERR_NOT_FOUND;
	if (*has)
		return r;
	op_clear_failure(op);
	return OK;
}

result recovery_view(struct op *op, const char *url, const char *dir, struct recovery_view *out)
{
	struct bytes note;
	struct checkpoint checkpoint;
	struct journal_head head;
	const struct journal_reader reader = { count_revocation, skip_number, &out->revocations };
	*out = (struct recovery_view){ .known = 0 };
	TRY(store_examine(op, url, dir, &out->store));
	TRY(read_checkpoint(op, dir, &note, &checkpoint, &out->has_checkpoint));
	if (out->has_checkpoint)
		TRY(measure(op, url, dir, checkpoint.size, &checkpoint.root, "checkpoint", out));
	TRY(read_journal(op, dir, &reader, &head, &out->has_journal));
	if (out->has_journal)
		TRY(measure(op, url, dir, head.size, &head.root, JOURNAL_FILE, out));
	return OK;
}

/* A line of the journal, kept until its transaction. */
struct memory {
	struct revocation revocation;
	struct bytes blocked;
};

struct accepting {
	struct authority *authority;
	const struct recovery_view *view;
	struct recovery_done *done;
	struct op *batch; /* whose arena has the memories */
	struct memory memories[AT_ONCE];
	unsigned n;
	uint64_t revocations, lost; /* of the batch, as of its last run */
	uint64_t *numbers; /* by CA of the hierarchy, that the journal tells of */
};

/* The certificate may be lost, or be an intent that became one after the copy: nobody is to finish or to revoke that any more. */
static result settle_certificate(struct op *op, struct db *db, struct accepting *a, const struct memory *m)
{
	struct certificate row;
	result r = certificate_load(op, db, m->revocation.serial, &row);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		a->lost++;
		return certificate_insert_lost(op, db, &m->revocation, m->blocked, a->authority->node);
	}
	TRY(r);
	if (row.status != CERTIFICATE_INTENDED)
		return OK;
	TRY(certificate_orphan(op, db, row.serial));
	r = claim_release(op, db, row.claim_kind, row.claim_id);
	if (r.err != ERR_CONFLICT && r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op); /* its order has ended otherwise */
	return OK;
}

static result bring_back(struct op *op, struct ledger_tx *tx, struct accepting *a, const struct memory *m)
{
	struct db *db = ledger_db(tx);
	struct revocation there;
	result r = revocation_load(op, db, m->revocation.serial, &there);
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	TRY(settle_certificate(op, db, a, m));
	TRY(revocation_insert(op, db, &m->revocation));
	if (m->blocked.n > 0)
		TRY(blocked_key_insert(op, db, m->blocked, "it was revoked as compromised", m->revocation.revoked_s));
	a->revocations++;
	struct audit_event event = { .type = AUDIT_REVOKED,
				     .ca = m->revocation.ca,
				     .serial = m->revocation.serial,
				     .reason = revocation_reason_name(m->revocation.reason),
				     .outcome = "came back from the recovery journal; the restored store lacked it",
				     .facts = { { "revoked", clock_rfc3339(op->arena, m->revocation.revoked_s) } } };
	return ledger_audit(op, tx, &event, NULL);
}

static result write_batch(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct accepting *a = arg;
	a->revocations = a->lost = 0;
	for (unsigned i = 0; i < a->n; i++)
		TRY(bring_back(op, tx, a, &a->memories[i]));
	return OK;
}

static result end_batch(struct accepting *a)
{
	TRY(ledger_run(a->batch, a->authority->ledger, write_batch, a));
	a->done->revocations += a->revocations;
	a->done->lost += a->lost;
	a->n = 0;
	return OK;
}

static result take_revocation(struct op *op, void *arg, const struct revocation *revocation, struct bytes blocked)
{
	struct accepting *a = arg;
	if (hierarchy_find(a->authority->hierarchy, revocation->ca) == NULL)
		return FAIL(op, ERR_POLICY, "the journal tells of a revocation by CA %s, which the store has not: it belongs to another store",
			    revocation->ca);
	a->memories[a->n++] = (struct memory){ *revocation, blocked };
	return a->n == AT_ONCE ? end_batch(a) : OK;
}

static result take_number(struct op *op UNUSED, void *arg, const char *ca, uint64_t number)
{
	struct accepting *a = arg;
	const struct hierarchy *h = a->authority->hierarchy;
	for (unsigned i = 0; i < h->n; i++)
		if (text_equal(h->cas[i].name, ca) && number > a->numbers[i])
			a->numbers[i] = number;
	return OK;
}

/* The store's own numbers count as well: it may be newer than the journal. */
static result raise_numbers(struct op *op, struct ledger_tx *tx, struct accepting *a)
{
	const struct hierarchy *h = a->authority->hierarchy;
	TRY(crl_number_read(op, ledger_db(tx), take_number, a));
	for (unsigned i = 0; i < h->n; i++)
		TRY(crl_number_raise(op, ledger_db(tx), h->cas[i].name, a->numbers[i] + NUMBERS_SKIPPED));
	return OK;
}

static char *number_text(struct op *op, uint64_t number)
{
	return arena_printf(op->arena, "%" PRIu64, number);
}

static char *root_text(struct op *op, const struct merkle_hash *root)
{
	return bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(root->b));
}

/* What the store was known to be, and what it is: an auditor who has a later checkpoint finds here why it does not fit. */
static result write_end(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct accepting *a = arg;
	const struct recovery_view *view = a->view;
	struct audit_event event = {
		.type = AUDIT_STORE_RESTORED,
		.outcome = view->is_other_history ? "its log was not the known one" : "its log was shorter than the known one",
		.facts = { { "known_root", root_text(op, &view->known_root) },
			   { "known_size", number_text(op, view->known) },
			   { "revocations", number_text(op, a->done->revocations) },
			   { "root", root_text(op, &view->store.root) },
			   { "size", number_text(op, view->store.entries) } },
	};
	if (!view->is_other_history && view->known <= view->store.entries)
		event.outcome = "nothing was known that it lacks";
	TRY(raise_numbers(op, tx, a));
	TRY(recovery_end_single_uses(op, ledger_db(tx), clock_now_s()));
	return ledger_audit(op, tx, &event, NULL);
}

/* Also without a lost revocation: the restored CRL has an older number than one that was out. */
static result publish(struct op *op, struct authority *a)
{
	for (unsigned i = 0; i < a->hierarchy->n; i++) {
		const struct ca *ca = &a->hierarchy->cas[i];
		struct crl_row crl;
		if (clock_now_s() <= ca->not_after_s)
			TRY(crl_publish(op, a, ca, &crl));
	}
	return OK;
}

/* The old one is evidence that something is missing; it goes only when the new one takes its place. */
static result renew_checkpoint(struct op *op, struct authority *a, const struct recovery_view *view)
{
	const char *dir = authority_config(a)->dir;
	struct checkpoint checkpoint;
	struct bytes note;
	bool has;
	char *text;
	TRY(read_checkpoint(op, dir, &note, &checkpoint, &has));
	if (has && (view->is_other_history || checkpoint.size > view->store.entries)) {
		const char *name = arena_printf(op->arena, "checkpoint.lost-%" PRIu64, checkpoint.size);
		TRY(files_write(op, files_join(op->arena, dir, name), 0640, note));
	}
	return audit_checkpoint(op, a, true, &text);
}

static result bring_all_back(struct op *op, struct accepting *a)
{
	AUTO_OP batch = op_new(); /* the journal may be large, and op lives on */
	const struct journal_reader reader = { take_revocation, take_number, a };
	struct journal_head head;
	bool has;
	batch->actor = op->actor;
	a->batch = batch;
	result r = read_journal(batch, authority_config(a->authority)->dir, &reader, &head, &has);
	if (r.err == ERR_NONE && a->n > 0)
		r = end_batch(a);
	return r.err == ERR_NONE ? OK : FAIL(op, r.err, "%s", batch->detail);
}

result recovery_accept(struct op *op, struct authority *authority, const struct recovery_view *view,
		       struct recovery_done *out)
{
	struct accepting *a = arena_alloc(op->arena, sizeof *a);
	*out = (struct recovery_done){ .revocations = 0 };
	a->authority = authority;
	a->view = view;
	a->done = out;
	a->numbers = arena_alloc_array(op->arena, authority->hierarchy->n, sizeof *a->numbers);
	TRY(bring_all_back(op, a));
	TRY(ledger_run(op, authority->ledger, write_end, a));
	TRY(publish(op, authority));
	TRY(journal_renew(op, authority->store, authority_config(authority)->dir));
	return renew_checkpoint(op, authority, view);
}
