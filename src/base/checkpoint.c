/*
 * Checkpoint notes, read and written in one place so that the two cannot
 * drift apart.
 */
#include "base/checkpoint.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

#define CHECKPOINT_BYTES 4096      /* three short lines and a few signatures */
#define SIGNATURE_PREFIX "\xe2\x80\x94 " /* EM DASH, blank: C2SP signed-note */

char *checkpoint_text(struct arena *arena, const char *origin, uint64_t size, const struct merkle_hash *root)
{
	return arena_printf(arena, "%s\n%" PRIu64 "\n%s\n", origin, size,
			    bytes_to_base64(arena, (struct bytes)BYTES_ARRAY(root->b)));
}

char *checkpoint_note(struct arena *arena, const char *text, const char *key_name, struct bytes key_hint,
		      struct bytes signature)
{
	struct buf blob;
	buf_init(&blob, arena, 128);
	buf_bytes(&blob, key_hint);
	buf_bytes(&blob, signature);
	return arena_printf(arena, "%s\n" SIGNATURE_PREFIX "%s %s\n", text, key_name,
			    bytes_to_base64(arena, buf_as_bytes(&blob)));
}

void checkpoint_key_hint(struct bytes spki, uint8_t hint[4])
{
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(spki, digest);
	memcpy(hint, digest, 4);
}

/* The next line without its newline; false when there is none. */
static bool take_line(struct bytes *left, struct bytes *line)
{
	const uint8_t *end = left->n > 0 ? memchr(left->p, '\n', left->n) : NULL;
	if (end == NULL)
		return false;
	*line = (struct bytes){ left->p, (size_t)(end - left->p) };
	left->p += line->n + 1;
	left->n -= line->n + 1;
	return true;
}

static result parse_signature(struct op *op, struct bytes line, struct checkpoint *out)
{
	size_t prefix = sizeof SIGNATURE_PREFIX - 1;
	if (!bytes_has_prefix(line, SIGNATURE_PREFIX))
		return FAIL(op, ERR_MALFORMED, "the checkpoint has no signature line");
	const char *rest = arena_text_n(op->arena, (const char *)line.p + prefix, line.n - prefix);
	const char *blank = strrchr(rest, ' ');
	if (blank == NULL || blank == rest)
		return FAIL(op, ERR_MALFORMED, "the checkpoint's signature line has no key name");
	struct bytes blob;
	TRY(bytes_from_base64(op, bytes_of_text(blank + 1), &blob));
	if (blob.n <= 4)
		return FAIL(op, ERR_MALFORMED, "the checkpoint's signature is too short");
	out->key_name = arena_text_n(op->arena, rest, (size_t)(blank - rest));
	out->key_hint = (struct bytes){ blob.p, 4 };
	out->signature = (struct bytes){ blob.p + 4, blob.n - 4 };
	return OK;
}

result checkpoint_parse(struct op *op, struct bytes note, struct checkpoint *out)
{
	if (note.n > CHECKPOINT_BYTES)
		return FAIL(op, ERR_LIMIT, "a checkpoint of %zu bytes is none of ours", note.n);
	struct bytes left = note, origin, size, root, empty, signature;
	if (!take_line(&left, &origin) || !take_line(&left, &size) || !take_line(&left, &root) || origin.n == 0)
		return FAIL(op, ERR_MALFORMED, "the checkpoint has fewer than three lines");
	out->signed_text = (struct bytes){ note.p, (size_t)(left.p - note.p) };
	if (!take_line(&left, &empty) || empty.n != 0 || !take_line(&left, &signature))
		return FAIL(op, ERR_MALFORMED, "the checkpoint has no signature block");

	out->origin = arena_text_n(op->arena, (const char *)origin.p, origin.n);
	const char *digits = arena_text_n(op->arena, (const char *)size.p, size.n);
	if (!text_parse_u64(digits, 0, INT64_MAX, &out->size) || (digits[0] == '0' && digits[1] != '\0'))
		return FAIL(op, ERR_MALFORMED, "the checkpoint's size is not a number");
	struct bytes hash;
	TRY(bytes_from_base64(op, root, &hash));
	if (hash.n != sizeof out->root.b)
		return FAIL(op, ERR_MALFORMED, "the checkpoint's root is not a SHA-256 hash");
	memcpy(out->root.b, hash.p, hash.n);
	return parse_signature(op, signature, out);
}
