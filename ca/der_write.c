/* Writing DER into a buf: lengths are filled in when a value is closed. */
#include "ca/der.h"

#include <string.h>
#include <time.h>

#include "base/op.h"

size_t der_open(struct buf *out, uint8_t tag)
{
	buf_byte(out, tag);
	buf_byte(out, 0); /* the length, once it is known */
	return out->n;
}

static size_t length_octets(size_t length)
{
	size_t n = 1;
	for (; length > 0xff; length >>= 8)
		n++;
	return n;
}

void der_close(struct buf *out, size_t mark)
{
	size_t length = out->n - mark;
	if (length < 0x80) {
		out->p[mark - 1] = (uint8_t)length;
		return;
	}
	/* The long form: the content makes room for the octets of its length. */
	size_t octets = length_octets(length);
	for (size_t i = 0; i < octets; i++)
		buf_byte(out, 0);
	memmove(out->p + mark + octets, out->p + mark, length);
	out->p[mark - 1] = (uint8_t)(0x80 | octets);
	for (size_t i = 0; i < octets; i++)
		out->p[mark + i] = (uint8_t)(length >> 8 * (octets - 1 - i));
}

void der_put(struct buf *out, uint8_t tag, struct bytes content)
{
	size_t mark = der_open(out, tag);
	buf_bytes(out, content);
	der_close(out, mark);
}

void der_put_number(struct buf *out, uint8_t tag, uint64_t number)
{
	size_t octets = length_octets((size_t)number);
	size_t mark = der_open(out, tag);
	if (number >> (8 * octets - 1) != 0)
		buf_byte(out, 0); /* the highest bit is the sign */
	for (size_t i = octets; i-- > 0;)
		buf_byte(out, (uint8_t)(number >> 8 * i));
	der_close(out, mark);
}

void der_put_true(struct buf *out)
{
	der_put(out, DER_BOOLEAN, BYTES_LITERAL("\xff"));
}

void der_put_time(struct buf *out, int64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm tm;
	ASSERT(gmtime_r(&t, &tm) != NULL);
	int year = tm.tm_year + 1900;
	ASSERT(year >= 1950 && year <= 9999);
	bool is_utc = year < 2050;
	size_t mark = der_open(out, is_utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
	if (is_utc)
		buf_printf(out, "%02d", year % 100);
	else
		buf_printf(out, "%04d", year);
	buf_printf(out, "%02d%02d%02d%02d%02dZ", tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	der_close(out, mark);
}
