/*
 * Checkpoints: what the log was at a moment, signed by the audit key, kept in
 * the store and, outside of it, in DIR/checkpoint. The file is what a restored
 * old store is measured against at the next start.
 */
#include "ca/audit.h"

#include <inttypes.h>

#include "base/files.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/key_check.h"
#include "ca/public_key.h"
#include "ca/sign.h"
#include "store/audit_rows.h"

static result last_size(struct op *op, struct authority *a, uint64_t *size, struct bytes *note)
{
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	result r = audit_checkpoint_read_latest(op, lease.db, size, note);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		*size = 0;
		*note = BYTES_NONE;
		return OK;
	}
	return r;
}

struct recording {
	uint64_t size;
	struct bytes note;
	struct audit_event event;
};

static result write_checkpoint(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct recording *r = arg;
	TRY(audit_checkpoint_write(op, ledger_db(tx), r->size, r->note));
	return ledger_audit(op, tx, &r->event, NULL);
}

static result sign_head(struct op *op, struct authority *a, const struct ledger_head *head, char **note)
{
	const struct token_key *key = &a->hierarchy->audit_key;
	const char *origin = arena_printf(op->arena, "%s/log", authority_config(a)->host);
	char *text = checkpoint_text(op->arena, origin, head->size, &head->root);
	struct bytes signature;
	uint8_t hint[4];
	TRY(sign_checkpoint(op, a->token, key, bytes_of_text(text), &signature));
	checkpoint_key_hint(key->spki, hint);
	*note = checkpoint_note(op->arena, text, origin, (struct bytes)BYTES_ARRAY(hint), signature);
	return OK;
}

result audit_checkpoint(struct op *op, struct authority *a, bool force, char **text)
{
	if (!a->hierarchy->has_audit_key)
		return FAIL(op, ERR_BACKEND, "this store has no audit key: run chancery init to its end");
	struct ledger_head head;
	uint64_t size;
	struct bytes last;
	ledger_read_head(a->ledger, &head);
	TRY(last_size(op, a, &size, &last));
	/* The record of the last checkpoint is itself an entry; it alone is no news. */
	bool is_news = head.size > size + 1 || (head.size > size && (force || last.n == 0));
	if (!is_news && last.n > 0) {
		*text = arena_text_n(op->arena, (const char *)last.p, last.n);
		return OK;
	}
	TRY(sign_head(op, a, &head, text));
	struct recording recording = { .size = head.size, .note = bytes_of_text(*text) };
	recording.event.type = AUDIT_CHECKPOINT_SIGNED;
	recording.event.key = a->hierarchy->audit_key.label;
	recording.event.facts[0] = (struct audit_fact){ "size", arena_printf(op->arena, "%" PRIu64, head.size) };
	result r = ledger_run(op, a->ledger, write_checkpoint, &recording);
	if (r.err == ERR_CONFLICT) /* another node signed the same head: the store keeps that note, and this one says the same */
		op_clear_failure(op);
	else
		TRY(r);
	return files_write(op, files_join(op->arena, authority_config(a)->dir, "checkpoint"), 0640, recording.note);
}

result audit_checkpoint_verify(struct op *op, const struct checkpoint *checkpoint, struct bytes spki)
{
	uint8_t hint[4];
	checkpoint_key_hint(spki, hint);
	if (!bytes_equal(checkpoint->key_hint, (struct bytes)BYTES_ARRAY(hint)))
		return FAIL(op, ERR_UNAUTHENTIC, "the checkpoint was signed by another key than this audit key");
	if (!text_equal(checkpoint->key_name, checkpoint->origin)) /* not signed over, so it must say what is */
		return FAIL(op, ERR_UNAUTHENTIC, "the checkpoint names a key that is not the log's");
	AUTO(EVP_PKEY) *key = NULL;
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	ASSERT(context != NULL);
	TRY(op_explain(op, public_key_decode(op, spki, &key), "the audit key"));
	const EVP_MD *md = key_type_of(key) == KEY_P384 ? EVP_sha384() : EVP_sha256();
	if (EVP_DigestVerifyInit(context, NULL, md, NULL, key) != 1 ||
	    EVP_DigestVerify(context, checkpoint->signature.p, checkpoint->signature.n, checkpoint->signed_text.p,
			     checkpoint->signed_text.n) != 1)
		return FAIL(op, ERR_UNAUTHENTIC, "the checkpoint's signature is wrong: it was altered");
	return OK;
}
