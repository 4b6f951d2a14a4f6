/*
 * From the front to the back, once: what is read is written at the same moment, and a
 * value that is closed moves by the octets of its length, so that no octet is moved more
 * often than it has values around it.
 */
#include "ca/ber.h"

#include <string.h>

#include "base/limits.h"
#include "ca/der.h"

#define CONSTRUCTED 0x20
#define OCTETS_IN_PIECES (DER_OCTET_STRING | CONSTRUCTED)
#define LENGTH_OCTETS_MAX 4
/* Around encryptedContent: ContentInfo, its [0], EnvelopedData, EncryptedContentInfo (RFC 5652 section 6.1). */
#define ENCRYPTED_CONTENT_DEPTH 4

/* Tag and length, which have been taken off. */
struct header {
	uint8_t tag;
	bool is_indefinite;
	size_t length; /* of what follows, which is there */
};

/* X.690 section 8.1.3. */
static bool take_length(struct bytes *in, struct header *out)
{
	size_t first = in->p[0], octets = first < 0x80 ? 0 : first & 0x7f;
	if (octets > LENGTH_OCTETS_MAX || in->n < 1 + octets)
		return false;
	out->is_indefinite = first == 0x80;
	out->length = first < 0x80 ? first : 0;
	for (size_t i = 1; i <= octets; i++)
		out->length = out->length << 8 | in->p[i];
	in->p += 1 + octets;
	in->n -= 1 + octets;
	return out->length <= in->n;
}

/* The end of contents is no value; its tag is reserved (section 8.1.5). */
static bool take_header(struct bytes *in, struct header *out)
{
	if (in->n < 2 || in->p[0] == 0x00 || (in->p[0] & 0x1f) == 0x1f)
		return false;
	out->tag = in->p[0];
	in->p++;
	in->n--;
	return take_length(in, out) && (!out->is_indefinite || (out->tag & CONSTRUCTED) != 0);
}

static struct bytes take_content(struct bytes *in, const struct header *header)
{
	const struct bytes content = { in->p, header->length };
	in->p += content.n;
	in->n -= content.n;
	return content;
}

static bool take_end(struct bytes *in)
{
	if (in->n < 2 || in->p[0] != 0x00 || in->p[1] != 0x00)
		return false;
	in->p += 2;
	in->n -= 2;
	return true;
}

/* Takes one value off and writes it; `depth` values are around it. */
typedef bool put_next(struct buf *out, struct bytes *in, unsigned depth);

/* What is in a constructed value: as much as its header says, or up to the end of contents. */
static bool put_contents(struct buf *out, struct bytes *in, const struct header *header, unsigned depth, put_next *put)
{
	if (depth >= DER_DEPTH_MAX)
		return false;
	if (header->is_indefinite) {
		while (!take_end(in))
			if (!put(out, in, depth + 1))
				return false;
		return true;
	}
	struct bytes content = take_content(in, header);
	while (content.n > 0)
		if (!put(out, &content, depth + 1))
			return false;
	return true;
}

/* Section 8.7.3: a piece may be in pieces itself. */
static bool put_piece(struct buf *out, struct bytes *in, unsigned depth)
{
	struct header header;
	if (!take_header(in, &header))
		return false;
	if (header.tag == OCTETS_IN_PIECES)
		return put_contents(out, in, &header, depth, put_piece);
	if (header.tag != DER_OCTET_STRING)
		return false;
	buf_bytes(out, take_content(in, &header));
	return true;
}

static bool are_pieces(struct bytes content)
{
	struct der_value piece;
	unsigned n = 0;
	while (der_next(&content, &piece)) {
		if (piece.tag != DER_OCTET_STRING)
			return false;
		n++;
	}
	return n > 1;
}

/*
 * What is open at `mark` is [0] around values that have been rewritten. Only an OCTET
 * STRING that goes by this tag has several of them in it: an explicit tag has one value
 * (section 8.14), and with one it could be either.
 */
static void join_pieces(struct buf *out, size_t mark)
{
	struct bytes pieces = { out->p + mark, out->n - mark };
	struct der_value piece;
	if (!are_pieces(pieces))
		return;
	out->p[mark - 2] = DER_CONTEXT(0);
	out->n = mark;
	while (der_next(&pieces, &piece)) {
		memmove(out->p + out->n, piece.content.p, piece.content.n);
		out->n += piece.content.n;
	}
}

static bool put_value(struct buf *out, struct bytes *in, unsigned depth)
{
	struct header header;
	if (!take_header(in, &header))
		return false;
	bool is_string = header.tag == OCTETS_IN_PIECES;
	size_t mark = der_open(out, is_string ? DER_OCTET_STRING : header.tag);
	if ((header.tag & CONSTRUCTED) == 0)
		buf_bytes(out, take_content(in, &header));
	else if (!put_contents(out, in, &header, depth, is_string ? put_piece : put_value))
		return false;
	if (depth == ENCRYPTED_CONTENT_DEPTH && header.tag == DER_CONTEXT_CONSTRUCTED(0))
		join_pieces(out, mark);
	der_close(out, mark);
	return true;
}

/*
 * Not longer than before: a length of less than 64 KiB takes three octets at most, and so
 * does an open one with its end.
 */
result ber_to_der(struct op *op, struct bytes ber, struct bytes *der)
{
	struct buf out;
	*der = BYTES_NONE;
	if (ber.n > LIMIT_BODY_SCEP)
		return FAIL(op, ERR_MALFORMED, "the message has more than %d bytes", LIMIT_BODY_SCEP);
	buf_init(&out, op->arena, ber.n + 1);
	if (!put_value(&out, &ber, 0) || ber.n != 0)
		return FAIL(op, ERR_MALFORMED, "the message is not one value in BER (X.690) that ends, nested at most %d deep", DER_DEPTH_MAX);
	*der = buf_as_bytes(&out);
	return OK;
}
