/* X.690 sections 8.1.3, 8.1.5 and 8.7. */
#include "tests/fake/ber_maker.h"

#include <stdlib.h>

#include "ca/der.h"

#define CONSTRUCTED 0x20
#define ENCRYPTED_CONTENT_DEPTH 4

struct maker {
	struct op *op;
	unsigned *seed; /* NULL: always the usual form */
};

static unsigned chance(const struct maker *m, unsigned n)
{
	return (unsigned)rand_r(m->seed) % n;
}

/* A definite length in more octets than it needs, up to four. */
static void put_long(struct buf *out, size_t length, unsigned octets)
{
	buf_byte(out, (uint8_t)(0x80 | octets));
	for (unsigned i = octets; i-- > 0;)
		buf_byte(out, (uint8_t)(length >> 8 * i));
}

static void put_primitive(const struct maker *m, struct buf *out, uint8_t tag, struct bytes content)
{
	if (m->seed == NULL || chance(m, 3) > 0) {
		der_put(out, tag, content);
		return;
	}
	buf_byte(out, tag);
	put_long(out, content.n, content.n < 0x100 ? 1 + chance(m, 4) : content.n < 0x10000 ? 2 + chance(m, 3) : 4);
	buf_bytes(out, content);
}

/* Around content that has been written elsewhere. */
static void put_constructed(const struct maker *m, struct buf *out, uint8_t tag, struct bytes content)
{
	if (m->seed != NULL && chance(m, 2) == 0) {
		put_primitive(m, out, tag, content);
		return;
	}
	buf_byte(out, tag);
	buf_byte(out, 0x80);
	buf_bytes(out, content);
	buf_bytes(out, BYTES_LITERAL("\x00\x00"));
}

/* At least `least` of them, empty ones among them by chance; a piece may be in pieces once more. */
static struct bytes pieces_of(const struct maker *m, struct bytes content, unsigned least, bool may_nest)
{
	struct buf out;
	buf_init(&out, m->op->arena, content.n + 64);
	for (unsigned n = 0; content.n > 0 || n < least; n++) {
		size_t size = m->seed != NULL ? chance(m, MAKER_PIECE) : MAKER_PIECE;
		const struct bytes piece = { content.p, size < content.n ? size : content.n };
		if (m->seed != NULL && may_nest && chance(m, 4) == 0)
			put_constructed(m, &out, DER_OCTET_STRING | CONSTRUCTED, pieces_of(m, piece, 0, false));
		else
			put_primitive(m, &out, DER_OCTET_STRING, piece);
		content.p += piece.n;
		content.n -= piece.n;
	}
	return buf_as_bytes(&out);
}

static bool is_in_pieces(const struct maker *m, struct bytes content)
{
	return m->seed != NULL ? chance(m, 2) == 0 : content.n > MAKER_PIECE;
}

static void put_values(const struct maker *m, struct buf *out, struct bytes der, unsigned depth)
{
	struct der_value value;
	while (der_next(&der, &value)) {
		if ((value.tag & CONSTRUCTED) != 0) {
			struct buf inner;
			buf_init(&inner, m->op->arena, value.content.n + 64);
			put_values(m, &inner, value.content, depth + 1);
			put_constructed(m, out, value.tag, buf_as_bytes(&inner));
		} else if (value.tag == DER_OCTET_STRING && is_in_pieces(m, value.content)) {
			put_constructed(m, out, DER_OCTET_STRING | CONSTRUCTED, pieces_of(m, value.content, 0, true));
		} else if (value.tag == DER_CONTEXT(0) && depth == ENCRYPTED_CONTENT_DEPTH && is_in_pieces(m, value.content)) {
			put_constructed(m, out, DER_CONTEXT_CONSTRUCTED(0), pieces_of(m, value.content, 2, true));
		} else {
			put_primitive(m, out, value.tag, value.content);
		}
	}
}

struct bytes maker_ber(struct op *op, struct bytes der, unsigned *seed)
{
	const struct maker m = { op, seed };
	struct buf out;
	buf_init(&out, op->arena, der.n + 64);
	put_values(&m, &out, der, 0);
	return buf_as_bytes(&out);
}
