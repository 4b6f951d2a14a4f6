/* What the token's two sides say to one another: frame types and the form of a key. */
#pragma once

#include "ipc/message.h"
#include "token/token.h"

enum token_frame {
	TOKEN_SIGN = 16, /* key, bytes digest -> bytes as the token returned them */
	TOKEN_CHECK,     /* key -> nothing */
	TOKEN_GENERATE,  /* text label, u8 type, u8 whether it unwraps -> key */
	TOKEN_UNWRAP,    /* key, bytes encrypted, u8 n -> n bytes */
	TOKEN_DESCRIBE,  /* nothing -> text */
	TOKEN_INIT,      /* to token-init: text module, text label, text pin_file -> nothing */
	TOKEN_DONE       /* every answer but FRAME_FAILURE */
};

void token_wire_put_key(struct buf *buf, const struct token_key *key);
/* spki borrows from the payload. */
void token_wire_take_key(struct op *op, struct message_reader *reader, struct token_key *out);
