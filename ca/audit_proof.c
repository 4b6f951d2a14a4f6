/*
 * Proof that one certificate stands in the log: its entry, the path of hashes
 * from there to a signed root, the checkpoint. An auditor checks it with the
 * audit key alone.
 */
#include "ca/audit.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "store/audit_rows.h"
#include "store/certificates.h"

static result keep_entry(struct op *op, void *arg, const struct audit_row *row)
{
	*(struct bytes *)arg = arena_bytes(op->arena, row->entry);
	return OK;
}

struct proving {
	uint64_t seq;
	struct bytes entry;
	struct certificate certificate;
	struct bytes note;
	struct checkpoint checkpoint;
	struct merkle_proof proof;
};

static result find_entry(struct op *op, struct db *db, const char *serial, struct proving *p)
{
	result r = audit_seq_of_serial(op, db, audit_type_name(AUDIT_ISSUED), serial, &p->seq);
	if (r.err == ERR_NOT_FOUND)
		return FAIL(op, ERR_NOT_FOUND, "the log has no issuance of serial %s; see: chancery cert list", serial);
	TRY(r);
	TRY(audit_rows_read(op, db, p->seq, 1, keep_entry, &p->entry));
	return certificate_load(op, db, serial, &p->certificate);
}

/* A checkpoint that covers the entry: the latest, or one made now. */
static result cover(struct op *op, struct authority *a, struct proving *p)
{
	uint64_t size = 0;
	{
		STORE_LEASE(lease);
		TRY(store_read(op, a->store, &lease));
		result r = audit_checkpoint_read_latest(op, lease.db, &size, &p->note);
		if (r.err == ERR_NOT_FOUND)
			op_clear_failure(op);
		else
			TRY(r);
	}
	if (size <= p->seq) {
		char *text;
		TRY(audit_checkpoint(op, a, true, &text));
		p->note = bytes_of_text(text);
	}
	return checkpoint_parse(op, p->note, &p->checkpoint);
}

static char *write_proof(struct op *op, const struct authority *a, const struct proving *p)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "kind", "chancery audit proof 1");
	json_write_integer(&w, "seq", (int64_t)p->seq);
	json_write_text(&w, "entry", bytes_to_base64(op->arena, p->entry));
	json_write_array(&w, "path");
	for (size_t i = 0; i < p->proof.n; i++)
		json_write_text(&w, NULL, bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(p->proof.hashes[i].b)));
	json_write_array_end(&w);
	json_write_text(&w, "checkpoint", arena_text_n(op->arena, (const char *)p->note.p, p->note.n));
	json_write_text(&w, "certificate", bytes_to_base64(op->arena, p->certificate.der));
	json_write_text(&w, "audit_key", bytes_to_base64(op->arena, a->hierarchy->audit_key.spki));
	json_write_object_end(&w);
	struct bytes json = json_write_done(&w);
	return arena_text_n(op->arena, (const char *)json.p, json.n);
}

result audit_prove(struct op *op, struct authority *a, const char *serial, char **json)
{
	struct proving p = { 0 };
	{
		STORE_LEASE(lease);
		TRY(store_read(op, a->store, &lease));
		TRY(find_entry(op, lease.db, serial, &p));
	}
	TRY(cover(op, a, &p));
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(merkle_prove_inclusion(op, audit_hash_read, lease.db, p.seq, p.checkpoint.size, &p.proof));
	*json = write_proof(op, a, &p);
	return OK;
}

static result read_path(struct op *op, const json_t *json, struct merkle_proof *proof)
{
	const json_t *path;
	TRY(json_maybe_array(op, json, "path", &path));
	proof->n = json_array_size(path);
	if (proof->n > MERKLE_PROOF_MAX)
		return FAIL(op, ERR_MALFORMED, "the proof's path is longer than any log can be");
	for (size_t i = 0; i < proof->n; i++) {
		struct bytes hash;
		const char *hex = json_string_value(json_array_get(path, i));
		if (hex == NULL)
			return FAIL(op, ERR_MALFORMED, "the proof's path holds something else than hashes");
		TRY(bytes_from_hex(op, hex, &hash));
		if (hash.n != SHA256_SIZE)
			return FAIL(op, ERR_MALFORMED, "the proof's path holds something else than SHA-256 hashes");
		memcpy(proof->hashes[i].b, hash.p, hash.n);
	}
	return OK;
}

static result check_inclusion(struct op *op, const json_t *json, struct bytes audit_spki, struct bytes *entry,
			      struct checkpoint *checkpoint)
{
	const char *entry_text, *note;
	int64_t seq;
	struct merkle_proof proof;
	struct merkle_hash leaf;
	TRY(json_need_text(op, json, "entry", &entry_text));
	TRY(json_need_text(op, json, "checkpoint", &note));
	TRY(json_maybe_integer(op, json, "seq", -1, &seq));
	TRY(read_path(op, json, &proof));
	TRY(bytes_from_base64(op, bytes_of_text(entry_text), entry));
	TRY(checkpoint_parse(op, bytes_of_text(note), checkpoint));
	TRY(audit_checkpoint_verify(op, checkpoint, audit_spki));
	merkle_leaf(*entry, &leaf);
	if (seq < 0 || !merkle_verify_inclusion(&leaf, (uint64_t)seq, checkpoint->size, &proof, &checkpoint->root))
		return FAIL(op, ERR_UNAUTHENTIC, "the entry is not in the log that the checkpoint was signed over");
	return OK;
}

result audit_verify_proof(struct op *op, struct bytes json, struct bytes audit_spki, char **summary)
{
	AUTO(json_t) *proof = NULL;
	AUTO(json_t) *entry = NULL;
	struct bytes entry_bytes, certificate;
	struct checkpoint checkpoint;
	const char *certificate_text, *hash, *serial, *time, *type;
	TRY(json_parse_object(op, json, "proof", &proof));
	TRY(check_inclusion(op, proof, audit_spki, &entry_bytes, &checkpoint));

	TRY(json_parse_object(op, entry_bytes, "entry", &entry));
	TRY(json_need_text(op, entry, "type", &type));
	TRY(json_need_text(op, entry, "serial", &serial));
	TRY(json_need_text(op, entry, "time", &time));
	TRY(json_need_text(op, entry, "certificate_hash", &hash));
	TRY(json_need_text(op, proof, "certificate", &certificate_text));
	TRY(bytes_from_base64(op, bytes_of_text(certificate_text), &certificate));
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(certificate, digest);
	if (!text_equal(type, audit_type_name(AUDIT_ISSUED)) ||
	    !text_equal(hash, bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(digest))))
		return FAIL(op, ERR_UNAUTHENTIC, "the entry records another certificate than the one in the proof");
	int64_t seq;
	TRY(json_maybe_integer(op, entry, "seq", -1, &seq));
	*summary = arena_printf(op->arena, "certificate %s was issued at %s: entry %" PRId64 " of the %" PRIu64 " that %s signed",
				serial, time, seq, checkpoint.size, checkpoint.origin);
	return OK;
}
