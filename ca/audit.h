/*
 * The audit log for outsiders: checkpoints (C2SP tlog-checkpoint, a signed
 * note), proofs, verification, export.
 */
#pragma once

#include "base/checkpoint.h"
#include "ca/authority.h"

/*
 * Signs the current head with the audit key, records it and writes
 * DIR/checkpoint. Text in op's arena. Not when nothing changed, unless `force`.
 */
result audit_checkpoint(struct op *op, struct authority *authority, bool force, char **text);

/* The checkpoint's hint and signature are by this key. */
result audit_checkpoint_verify(struct op *op, const struct checkpoint *checkpoint, struct bytes spki);

struct audit_finding {
	bool is_intact;
	uint64_t entries;
	uint64_t first_bad_seq;    /* when not intact */
	const char *what;          /* NULL when intact; "entry 17 was changed", "entries 17 to 19 are missing", … */
	uint64_t checkpoint_size;  /* entries that the signed checkpoint covers */
	const char *root_hex;
};
/*
 * Recomputes all: every entry parses and is canonical, seq without gap, leaf
 * hashes, tiles, head, checkpoint signature and root, every certificate row has
 * its intent and issue entries with the same hashes and the other way round.
 */
result audit_verify(struct op *op, struct authority *authority, struct audit_finding *out);

/* Proof of the issuance entry of a serial: JSON text that audit_verify_proof takes, offline. Signs a checkpoint first when needed. */
result audit_prove(struct op *op, struct authority *authority, const char *serial, char **json);
/* Without the store: against the audit key's SPKI (PEM or DER) given by the auditor. *summary: one line. */
result audit_verify_proof(struct op *op, struct bytes json, struct bytes audit_spki, char **summary);

/* JSON lines, or CSV, of entries [from, to) through `write`. */
enum audit_format { AUDIT_JSONL, AUDIT_CSV };
typedef result audit_write(struct op *op, void *arg, struct bytes piece);
result audit_export(struct op *op, struct authority *authority, enum audit_format format, audit_write *write, void *arg);
