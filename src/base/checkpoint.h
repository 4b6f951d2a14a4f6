/*
 * Checkpoints of the log as text: C2SP tlog-checkpoint inside a C2SP signed
 * note. Pure: who signs and who verifies is ca/audit.h.
 *
 *	ORIGIN <newline> SIZE <newline> BASE64(ROOT) <newline> <newline>
 *	— KEY-NAME BASE64(4-byte key hint || signature) <newline>
 */
#pragma once

#include "base/merkle.h"

struct checkpoint {
	const char *origin;
	uint64_t size;
	struct merkle_hash root;
	struct bytes signed_text; /* the three lines, last newline included */
	const char *key_name;     /* of the first signature line */
	struct bytes key_hint;    /* 4 bytes */
	struct bytes signature;
};

/* The three lines that are signed. */
char *checkpoint_text(struct arena *arena, const char *origin, uint64_t size, const struct merkle_hash *root);
/* The whole note: text, empty line, one signature line. */
char *checkpoint_note(struct arena *arena, const char *text, const char *key_name, struct bytes key_hint,
		      struct bytes signature);
/* First four bytes of SHA-256 of the key's SubjectPublicKeyInfo. */
void checkpoint_key_hint(struct bytes spki, uint8_t hint[4]);

/* Strict; reads the first signature line and requires that there is one. */
result checkpoint_parse(struct op *op, struct bytes note, struct checkpoint *out);
