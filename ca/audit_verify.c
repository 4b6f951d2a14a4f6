/*
 * Verification of the whole log: one pass over the entries recomputes every
 * hash, and a second over certificates and revocations looks for what has no
 * entry. The first finding, by position in the log, is the answer.
 */
#include "ca/audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "store/audit_rows.h"
#include "store/certificates.h"

#define BATCH 512 /* entries, or rows, per arena */

struct verifier {
	struct authority *authority;
	struct db *db;
	struct op *out; /* whose arena keeps the finding */
	struct audit_finding *finding;
	struct merkle_frontier frontier;
	struct merkle_hash tile[AUDIT_TILE_WIDTH]; /* computed leaves of the tile under way */
	char last_time[40];
	struct checkpoint checkpoint;
	bool has_checkpoint, has_signed_root;
	struct merkle_hash signed_root; /* recomputed, at the checkpoint's size */
};

static void found(struct verifier *v, uint64_t seq, const char *format, ...) PRINTF(3, 4);

static void found(struct verifier *v, uint64_t seq, const char *format, ...)
{
	if (v->finding->what != NULL)
		return; /* the first one counts */
	char text[256];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	v->finding->is_intact = false;
	v->finding->first_bad_seq = seq;
	v->finding->what = arena_text(v->out->arena, text);
}

static bool hash_is_hex(struct op *op, struct bytes content, const char *hex)
{
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(content, digest);
	return hex != NULL && text_equal(hex, bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(digest)));
}

/* "certificate.issued" stands for a row with exactly these bytes. */
static result check_issued(struct op *op, struct verifier *v, uint64_t seq, const char *serial, const char *hash)
{
	struct certificate row;
	result r = certificate_load(op, v->db, serial, &row);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		found(v, seq, "entry %" PRIu64 " records certificate %s, which the store no longer has", seq, serial);
		return OK;
	}
	TRY(r);
	if (!hash_is_hex(op, row.der, hash))
		found(v, seq, "certificate %s in the store is not the one that entry %" PRIu64 " records", serial, seq);
	return OK;
}

static result check_revoked(struct op *op, struct verifier *v, uint64_t seq, const char *serial)
{
	struct revocation row;
	result r = revocation_load(op, v->db, serial, &row);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		found(v, seq, "entry %" PRIu64 " records the revocation of %s, which the store no longer has", seq, serial);
		return OK;
	}
	return r;
}

static result check_content(struct op *op, struct verifier *v, const struct audit_row *row)
{
	AUTO(json_t) *entry = NULL;
	int64_t seq = -1;
	const char *type = NULL, *time = NULL, *serial = NULL, *hash = NULL;
	result r = json_parse_object(op, row->entry, "entry", &entry);
	if (r.err == ERR_NONE)
		r = json_maybe_integer(op, entry, "seq", -1, &seq);
	if (r.err == ERR_NONE)
		r = json_need_text(op, entry, "type", &type);
	if (r.err == ERR_NONE)
		r = json_need_text(op, entry, "time", &time);
	if (r.err != ERR_NONE) {
		op_clear_failure(op);
		found(v, row->seq, "entry %" PRIu64 " is not an entry: it was changed", row->seq);
		return OK;
	}
	if ((uint64_t)seq != row->seq)
		found(v, row->seq, "entry %" PRIu64 " stands in another's place: it is entry %" PRId64, row->seq, seq);
	if (strcmp(time, v->last_time) < 0) /* RFC 3339 of fixed form sorts as text */
		found(v, row->seq, "entry %" PRIu64 " is older than the one before it", row->seq);
	text_copy(v->last_time, sizeof v->last_time, time);
	TRY(json_maybe_text(op, entry, "serial", &serial));
	TRY(json_maybe_text(op, entry, "certificate_hash", &hash));
	if (serial == NULL || v->finding->what != NULL)
		return OK;
	if (text_equal(type, audit_type_name(AUDIT_ISSUED)))
		return check_issued(op, v, row->seq, serial, hash);
	if (text_equal(type, audit_type_name(AUDIT_REVOKED)) || text_equal(type, audit_type_name(AUDIT_ORPHANED)))
		return check_revoked(op, v, row->seq, serial);
	return OK;
}

/* A complete tile was written when the log grew over it: it finds entries whose stored hash was changed too. */
static result check_tile(struct op *op, struct verifier *v)
{
	uint64_t index = v->frontier.size / AUDIT_TILE_WIDTH - 1, first = index * AUDIT_TILE_WIDTH;
	struct bytes stored;
	result r = audit_tile_read(op, v->db, 0, index, &stored);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		found(v, first, "the tile of entries %" PRIu64 " to %" PRIu64 " is missing", first, v->frontier.size - 1);
		return OK;
	}
	TRY(r);
	for (unsigned i = 0; i < AUDIT_TILE_WIDTH; i++)
		if (stored.n != sizeof v->tile || memcmp(stored.p + i * SHA256_SIZE, v->tile[i].b, SHA256_SIZE) != 0) {
			found(v, first + i, "entry %" PRIu64 " was changed, its stored hash as well", first + i);
			break;
		}
	return OK;
}

static result check_entry(struct op *op, void *arg, const struct audit_row *row)
{
	struct verifier *v = arg;
	if (v->finding->what != NULL)
		return OK;
	uint64_t expected = v->frontier.size;
	if (row->seq != expected) {
		if (row->seq == expected + 1)
			found(v, expected, "entry %" PRIu64 " is missing", expected);
		else
			found(v, expected, "entries %" PRIu64 " to %" PRIu64 " are missing", expected, row->seq - 1);
		return OK;
	}
	struct merkle_hash leaf;
	merkle_leaf(row->entry, &leaf);
	if (memcmp(leaf.b, row->leaf.b, sizeof leaf.b) != 0)
		found(v, row->seq, "entry %" PRIu64 " was changed", row->seq);
	TRY(check_content(op, v, row));
	v->tile[row->seq % AUDIT_TILE_WIDTH] = leaf;
	merkle_append(&v->frontier, &leaf);
	if (v->frontier.size % AUDIT_TILE_WIDTH == 0)
		TRY(check_tile(op, v));
	if (v->has_checkpoint && v->frontier.size == v->checkpoint.size) {
		merkle_root(&v->frontier, &v->signed_root);
		v->has_signed_root = true;
	}
	return OK;
}

static result check_entries(struct verifier *v)
{
	for (;;) {
		uint64_t before = v->frontier.size;
		struct op *op = op_new(); /* an arena per batch: the log may be long */
		result r = audit_rows_read(op, v->db, before, BATCH, check_entry, v);
		if (r.err != ERR_NONE)
			r = FAIL(v->out, r.err, "%s", op->detail);
		op_free(&op);
		TRY(r);
		if (v->finding->what != NULL || v->frontier.size == before)
			return OK;
	}
}

static result check_head(struct op *op, struct verifier *v)
{
	struct merkle_frontier stored;
	struct merkle_hash stored_root, root;
	TRY(audit_head_read(op, v->db, &stored, &stored_root));
	uint64_t n = v->frontier.size;
	merkle_root(&v->frontier, &root);
	if (n < stored.size)
		found(v, n, "entries %" PRIu64 " to %" PRIu64 " are missing at the end", n, stored.size - 1);
	else if (n > stored.size)
		found(v, stored.size, "entry %" PRIu64 " was added behind the head", stored.size);
	else if (memcmp(root.b, stored_root.b, sizeof root.b) != 0)
		found(v, n - n % AUDIT_TILE_WIDTH, "an entry from %" PRIu64 " on was changed, its stored hash as well",
		      n - n % AUDIT_TILE_WIDTH);
	else /* proofs are read from tiles of every level: they must lead to the same root */
		TRY(audit_root_read(op, v->db, n, &stored_root));
	if (v->finding->what == NULL && memcmp(root.b, stored_root.b, sizeof root.b) != 0)
		found(v, 0, "a tile of hashes was changed: proofs from it would fail; the entries are as they were");
	v->finding->entries = n;
	v->finding->root_hex = bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(root.b));
	return OK;
}

/* DIR/checkpoint, which stands outside of the store; else the store's latest. */
static result load_checkpoint(struct op *op, struct verifier *v)
{
	struct bytes note;
	uint64_t size;
	const char *path = files_join(op->arena, authority_config(v->authority)->dir, "checkpoint");
	result r = files_read(op, path, 65536, &note);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		r = audit_checkpoint_read_latest(op, v->db, &size, &note);
	}
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	r = checkpoint_parse(op, note, &v->checkpoint);
	if (r.err == ERR_NONE && v->authority->hierarchy->has_audit_key)
		r = audit_checkpoint_verify(op, &v->checkpoint, v->authority->hierarchy->audit_key.spki);
	if (r.err != ERR_NONE) {
		found(v, 0, "%s", op->detail);
		op_clear_failure(op);
		return OK;
	}
	v->has_checkpoint = true;
	v->finding->checkpoint_size = v->checkpoint.size;
	return OK;
}

static void check_checkpoint(struct verifier *v)
{
	if (!v->has_checkpoint || v->finding->what != NULL)
		return;
	if (!v->has_signed_root)
		found(v, v->frontier.size, "the signed checkpoint covers %" PRIu64 " entries, the store has only %" PRIu64,
		      v->checkpoint.size, v->frontier.size);
	else if (memcmp(v->signed_root.b, v->checkpoint.root.b, SHA256_SIZE) != 0)
		found(v, 0, "the first %" PRIu64 " entries are not those that the checkpoint was signed over",
		      v->checkpoint.size);
}

static result need_entry(struct op *op, struct verifier *v, enum audit_type type, const char *serial, const char *what)
{
	uint64_t seq;
	result r = audit_seq_of_serial(op, v->db, audit_type_name(type), serial, &seq);
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	found(v, v->frontier.size, "%s %s stands in the store without an entry in the log", what, serial);
	return OK;
}

/* Lost with a store whose older copy was accepted, only the revocation came back (recovery.h). */
static bool is_lost(const struct certificate *row)
{
	return row->status == CERTIFICATE_ORPHANED && row->tbs.n == 0;
}

static result need_entries_of(struct op *op, struct verifier *v, const struct certificate *row)
{
	if (is_lost(row))
		return need_entry(op, v, AUDIT_REVOKED, row->serial, "serial");
	TRY(need_entry(op, v, AUDIT_ISSUANCE_INTENDED, row->serial, "serial"));
	return row->status == CERTIFICATE_ISSUED ? need_entry(op, v, AUDIT_ISSUED, row->serial, "certificate") : OK;
}

/* The other way round: nothing was put into the store beside the log. */
static result check_certificates(struct op *op, struct verifier *v)
{
	struct certificate_filter filter = { .limit = BATCH };
	for (;;) {
		struct op *batch = op_new();
		struct certificate *rows;
		unsigned n = 0;
		result r = certificate_list(batch, v->db, &filter, &rows, &n);
		for (unsigned i = 0; r.err == ERR_NONE && i < n; i++)
			r = need_entries_of(batch, v, &rows[i]);
		if (r.err != ERR_NONE)
			r = FAIL(op, r.err, "%s", batch->detail);
		else if (n > 0)
			filter.after = arena_text(op->arena, rows[n - 1].serial);
		op_free(&batch);
		TRY(r);
		if (n < BATCH)
			return OK;
	}
}

static result need_revocation_entry(struct op *op, void *arg, const struct revocation *revocation)
{
	struct verifier *v = arg;
	uint64_t seq;
	result r = audit_seq_of_serial(op, v->db, audit_type_name(AUDIT_ORPHANED), revocation->serial, &seq);
	if (r.err == ERR_NONE)
		return OK;
	op_clear_failure(op);
	return need_entry(op, v, AUDIT_REVOKED, revocation->serial, "revocation of");
}

static result run(struct op *op, struct verifier *v)
{
	TRY(load_checkpoint(op, v));
	if (v->finding->what != NULL)
		return OK;
	TRY(check_entries(v));
	if (v->finding->what != NULL) {
		v->finding->entries = v->frontier.size;
		return OK;
	}
	TRY(check_head(op, v));
	check_checkpoint(v);
	if (v->finding->what != NULL)
		return OK;
	TRY(check_certificates(op, v));
	for (unsigned i = 0; i < v->authority->hierarchy->n && v->finding->what == NULL; i++)
		TRY(revocation_read(op, v->db, v->authority->hierarchy->cas[i].name, 0, need_revocation_entry, v));
	return OK;
}

result audit_verify(struct op *op, struct authority *a, struct audit_finding *out)
{
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	struct verifier *v = arena_alloc(op->arena, sizeof *v);
	*out = (struct audit_finding){ .is_intact = true, .root_hex = "" };
	v->authority = a;
	v->db = lease.db;
	v->out = op;
	v->finding = out;
	return run(op, v);
}
