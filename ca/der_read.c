/*
 * Reading DER strictly (X.690 sections 8, 10 and 11). Nothing here allocates,
 * copies or reports: a caller knows what it was looking for and says so.
 */
#include "ca/der.h"

#include <string.h>
#include <time.h>

#define TAG_NUMBER(tag) ((tag) & 0x1f)
#define IS_CONSTRUCTED(tag) (((tag) & 0x20) != 0)
#define IS_UNIVERSAL(tag) (((tag) & 0xc0) == 0)

/* X.690 section 10.1: definite, and as few octets as possible. */
static bool take_length(struct bytes *in, size_t *out)
{
	if (in->n == 0)
		return false;
	size_t length = in->p[0];
	size_t octets = 0;
	if (length >= 0x80) {
		octets = length & 0x7f;
		if (octets == 0 || octets > 4 || in->n < 1 + octets || in->p[1] == 0)
			return false;
		length = 0;
		for (size_t i = 1; i <= octets; i++)
			length = length << 8 | in->p[i];
		if (length < 0x80)
			return false;
	}
	*out = length;
	in->p += 1 + octets;
	in->n -= 1 + octets;
	return true;
}

bool der_next(struct bytes *in, struct der_value *out)
{
	struct bytes rest = *in;
	size_t length;
	if (rest.n < 2 || TAG_NUMBER(rest.p[0]) == 0x1f)
		return false;
	out->tag = rest.p[0];
	rest.p++;
	rest.n--;
	if (!take_length(&rest, &length) || length > rest.n)
		return false;
	out->content = (struct bytes){ rest.p, length };
	rest.p += length;
	rest.n -= length;
	out->whole = (struct bytes){ in->p, in->n - rest.n };
	*in = rest;
	return true;
}

bool der_take(struct bytes *in, uint8_t tag, struct bytes *content)
{
	struct bytes rest = *in;
	struct der_value value;
	if (!der_next(&rest, &value) || value.tag != tag)
		return false;
	*in = rest;
	*content = value.content;
	return true;
}

bool der_is_next(struct bytes in, uint8_t tag)
{
	return in.n > 0 && in.p[0] == tag;
}

static bool is_minimal_integer(struct bytes content)
{
	if (content.n == 0)
		return false;
	if (content.n == 1)
		return true;
	bool has_idle_octet = (content.p[0] == 0x00 && content.p[1] < 0x80) ||
			      (content.p[0] == 0xff && content.p[1] >= 0x80);
	return !has_idle_octet;
}

/* X.690 section 8.19.2: no arc begins with 0x80, and the last one ends. */
static bool is_oid(struct bytes content)
{
	if (content.n == 0 || content.p[content.n - 1] >= 0x80)
		return false;
	for (size_t i = 0; i < content.n; i++) {
		bool begins_arc = i == 0 || content.p[i - 1] < 0x80;
		if (begins_arc && content.p[i] == 0x80)
			return false;
	}
	return true;
}

static bool is_bit_string(struct bytes content)
{
	if (content.n == 0 || content.p[0] > 7 || (content.n == 1 && content.p[0] != 0))
		return false;
	uint8_t unused = (uint8_t)((1u << content.p[0]) - 1);
	return (content.p[content.n - 1] & unused) == 0 || content.n == 1;
}

static bool is_strict_primitive(const struct der_value *value)
{
	struct bytes content = value->content;
	switch (value->tag) {
	case DER_BOOLEAN:
		return content.n == 1 && (content.p[0] == 0x00 || content.p[0] == 0xff);
	case DER_INTEGER:
	case DER_ENUMERATED:
		return is_minimal_integer(content);
	case DER_BIT_STRING:
		return is_bit_string(content);
	case DER_NULL:
		return content.n == 0;
	case DER_OID:
		return is_oid(content);
	case 0x00: /* end-of-contents belongs to indefinite lengths */
	case DER_SEQUENCE & 0x1f:
	case DER_SET & 0x1f:
		return false;
	default:
		return true;
	}
}

/* X.690 section 11.6. No TLV is a prefix of another, so memcmp of the shorter one decides. */
static bool is_ascending(const struct der_value *a, const struct der_value *b)
{
	size_t n = a->whole.n < b->whole.n ? a->whole.n : b->whole.n;
	return memcmp(a->whole.p, b->whole.p, n) <= 0;
}

static bool are_values_strict(struct bytes in, bool is_set, unsigned depth)
{
	struct der_value value, last = { 0 };
	for (; in.n > 0; last = value) {
		if (!der_next(&in, &value))
			return false;
		if (is_set && last.whole.n > 0 && !is_ascending(&last, &value))
			return false;
		if (!IS_CONSTRUCTED(value.tag)) {
			if (!is_strict_primitive(&value))
				return false;
			continue;
		}
		/* X.690 section 10.2: of the universal types only these two are constructed. */
		if (IS_UNIVERSAL(value.tag) && value.tag != DER_SEQUENCE && value.tag != DER_SET)
			return false;
		if (depth == 0 || !are_values_strict(value.content, value.tag == DER_SET, depth - 1))
			return false;
	}
	return true;
}

bool der_is_strict(struct bytes der)
{
	struct bytes rest = der;
	struct der_value value;
	return der_next(&rest, &value) && rest.n == 0 && are_values_strict(der, false, DER_DEPTH_MAX);
}

bool der_is_serial(struct bytes content)
{
	if (!is_minimal_integer(content) || content.n > 20 || content.p[0] >= 0x80)
		return false;
	return content.n > 1 || content.p[0] != 0;
}

bool der_read_number(struct bytes content, uint64_t *out)
{
	if (!is_minimal_integer(content) || content.n > 8 || content.p[0] >= 0x80)
		return false;
	*out = 0;
	for (size_t i = 0; i < content.n; i++)
		*out = *out << 8 | content.p[i];
	return true;
}

static int two_digits(const uint8_t *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

bool der_read_time(const struct der_value *value, int64_t *time_s)
{
	struct bytes text = value->content;
	size_t year_digits = value->tag == DER_UTC_TIME ? 2 : 4;
	bool has_time_tag = value->tag == DER_UTC_TIME || value->tag == DER_GENERALIZED_TIME;
	if (!has_time_tag || text.n != year_digits + 11 || text.p[text.n - 1] != 'Z')
		return false;
	for (size_t i = 0; i < text.n - 1; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
	}
	int year = two_digits(text.p);
	year = year_digits == 4 ? year * 100 + two_digits(text.p + 2) : year + (year < 50 ? 2000 : 1900);
	if (year_digits == 4 && year < 2050)
		return false;
	const uint8_t *p = text.p + year_digits;
	struct tm tm = { .tm_year = year - 1900, .tm_mon = two_digits(p) - 1, .tm_mday = two_digits(p + 2),
			 .tm_hour = two_digits(p + 4), .tm_min = two_digits(p + 6), .tm_sec = two_digits(p + 8) };
	struct tm normal = tm;
	*time_s = timegm(&normal);
	/* timegm turns 30 February into 1 March: what moved was no date. */
	return normal.tm_mon == tm.tm_mon && normal.tm_mday == tm.tm_mday && normal.tm_hour == tm.tm_hour &&
	       normal.tm_min == tm.tm_min && normal.tm_sec == tm.tm_sec;
}
