/* A key is made first and recorded then: what a crash leaves between is a key in the token that nobody uses. */
#include "ca/need_key.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"

struct key_writing {
	struct key_row row;
	struct audit_event event;
};

static result write_key(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct key_writing *w = arg;
	TRY(key_insert(op, ledger_db(tx), &w->row));
	return ledger_audit(op, tx, &w->event, NULL);
}

result key_of_row(struct op *op, const struct key_row *row, struct token_key *out)
{
	*out = (struct token_key){ .spki = row->spki };
	if (!text_copy(out->label, sizeof out->label, row->label) || row->id.n != sizeof out->id ||
	    !key_type_parse(row->type, &out->type))
		return FAIL(op, ERR_BACKEND, "the store's row of key %s is damaged: restore a backup", row->label);
	memcpy(out->id, row->id.p, sizeof out->id);
	return OK;
}

static result make(struct op *op, struct authority *a, const char *label, const char *purpose, enum key_type type,
		   struct token_key *out)
{
	TRY(text_equal(purpose, "scep") ? token_generate_unwrapping(op, a->token, label, type, out) :
					  token_generate(op, a->token, label, type, out));
	uint8_t hash[SHA256_SIZE];
	bytes_sha256(out->spki, hash);
	struct key_writing w = { .row = { .label = label,
					  .id = BYTES_ARRAY(out->id),
					  .type = key_type_name(type),
					  .purpose = purpose,
					  .spki = out->spki,
					  .created_s = clock_now_s() },
				 .event = { .type = AUDIT_KEY_GENERATED,
					    .key = label,
					    .spki_hash = BYTES_ARRAY(hash),
					    .reason = purpose } };
	w.event.facts[0] = (struct audit_fact){ "key_type", key_type_name(type) };
	return ledger_run(op, a->ledger, write_key, &w);
}

result need_key(struct op *op, struct authority *a, const char *label, const char *purpose, enum key_type type,
		struct token_key *out)
{
	struct key_row row;
	result r;
	{
		STORE_LEASE(lease);
		TRY(store_read(op, a->store, &lease));
		r = key_load(op, lease.db, label, &row);
	}
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return make(op, a, label, purpose, type, out);
	}
	TRY(r);
	TRY(key_of_row(op, &row, out));
	return token_check(op, a->token, out);
}
