/* A key in a message. */
#include "token/token_wire.h"

#include <string.h>

#include "base/text.h"

void token_wire_put_key(struct buf *buf, const struct token_key *key)
{
	message_put_text(buf, key->label);
	message_put_bytes(buf, (struct bytes)BYTES_ARRAY(key->id));
	message_put_u8(buf, (uint8_t)key->type);
	message_put_bytes(buf, key->spki);
}

void token_wire_take_key(struct op *op, struct message_reader *reader, struct token_key *out)
{
	const char *label = message_take_text(reader, op->arena);
	struct bytes id = message_take_bytes(reader);
	uint8_t type = message_take_u8(reader);

	*out = (struct token_key){ .type = type < KEY_OTHER ? (enum key_type)type : KEY_OTHER };
	out->spki = message_take_bytes(reader);
	if (label == NULL || !text_copy(out->label, sizeof(out->label), label) || id.n != sizeof(out->id))
		reader->is_bad = true;
	else
		memcpy(out->id, id.p, id.n);
}
