/* ContentInfo { signedData, SignedData version 1 } (RFC 2315, RFC 5652 section 5.1). */
#include "ca/certs_only.h"

#include "ca/der.h"

/* Content of the OIDs 1.2.840.113549.1.7.2 and .1. */
static const struct bytes signed_data = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
static const struct bytes data = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");

/* `tag`: which of the two lists of SignedData it is. */
static struct bytes write_list(struct arena *arena, uint8_t tag, const struct bytes *items, unsigned n)
{
	struct buf out;
	size_t size = 64;
	for (unsigned i = 0; i < n; i++)
		size += items[i].n;
	buf_init(&out, arena, size);
	size_t info = der_open(&out, DER_SEQUENCE);
	der_put(&out, DER_OID, signed_data);
	size_t content = der_open(&out, DER_CONTEXT_CONSTRUCTED(0));
	size_t body = der_open(&out, DER_SEQUENCE);
	der_put_number(&out, DER_INTEGER, 1);
	der_put(&out, DER_SET, BYTES_NONE); /* digestAlgorithms */
	size_t encapsulated = der_open(&out, DER_SEQUENCE);
	der_put(&out, DER_OID, data);
	der_close(&out, encapsulated);
	size_t list = der_open(&out, tag);
	for (unsigned i = 0; i < n; i++)
		buf_bytes(&out, items[i]);
	der_close(&out, list);
	der_put(&out, DER_SET, BYTES_NONE); /* signerInfos */
	der_close(&out, body);
	der_close(&out, content);
	der_close(&out, info);
	return buf_as_bytes(&out);
}

struct bytes certs_only(struct arena *arena, const struct bytes *certificates, unsigned n)
{
	return write_list(arena, DER_CONTEXT_CONSTRUCTED(0), certificates, n);
}

struct bytes crl_only(struct arena *arena, struct bytes crl)
{
	return write_list(arena, DER_CONTEXT_CONSTRUCTED(1), &crl, 1);
}
